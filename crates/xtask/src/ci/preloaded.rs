//! What the lab preloads, under clippy: its build script compiles it, so that `cargo clippy`
//! does not see it. Only the lints about `unsafe` are asked.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::run::{has, output, report, rustup, skipped};

const LINTS: &[&str] = &[
    "-Dclippy::undocumented_unsafe_blocks",
    "-Dclippy::multiple_unsafe_ops_per_block",
    "-Dclippy::missing_safety_doc",
    "-Dunsafe_op_in_unsafe_fn",
];

/// Each of the three, as `crates/blockwork-lab/build.rs` has it; in a folder of its own for
/// what the composer's library is besides.
pub(super) fn lint(root: &Path) -> Result<(), String> {
    if !has("clippy-driver", &["--version"]) {
        skipped("clippy of what the lab preloads", "no clippy-driver");
        return Ok(());
    }
    report("clippy of what the lab preloads", || {
        let lint = Lint { root, folder: root.join("crates/blockwork-lab") };
        lint.library("plain", &["--cap-lints=allow"])?;
        lint.run("composed", "composer/strsim.rs", "strsim", "rlib", LINTS)?;
        let notation = ["alloc", "std", "notation"].map(|feature| format!("--cfg=feature=\"{feature}\""));
        let strsim = format!("--extern=strsim={}", lint.out("composed").join("libstrsim.rmeta").display());
        let mut flags: Vec<&str> = notation.iter().map(String::as_str).collect();
        flags.extend(["--cap-lints=allow", &strsim]);
        lint.library("composed", &flags)?;
        lint.shared("plain", "recorder")?;
        lint.shared("plain", "checker")?;
        lint.shared("composed", "composer")
    })
}

struct Lint<'a> {
    root: &'a Path,
    folder: PathBuf,
}

impl Lint<'_> {
    fn out(&self, place: &str) -> PathBuf {
        self.root.join("target/preloaded").join(place)
    }

    fn library(&self, place: &str, flags: &[&str]) -> Result<(), String> {
        self.run(place, "checker/blockwork/lib.rs", "blockwork", "rlib", flags)
    }

    fn shared(&self, place: &str, name: &str) -> Result<(), String> {
        let library = format!("--extern=blockwork={}", self.out(place).join("libblockwork.rmeta").display());
        let flags: Vec<&str> = LINTS.iter().copied().chain([library.as_str()]).collect();
        self.run(place, &format!("{name}/lib.rs"), name, "cdylib", &flags)
    }

    fn run(&self, place: &str, source: &str, name: &str, kind: &str, flags: &[&str]) -> Result<(), String> {
        let out = self.out(place);
        fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        let mut command = rustup("clippy-driver");
        command.args([source, "--edition=2024", "-Cpanic=abort", "--emit=metadata", "--crate-name", name]);
        command.args(["--crate-type", kind]).arg("--out-dir").arg(&out).arg("-L").arg(&out).args(flags);
        output(&self.folder, source, &mut command).map(drop)
    }
}

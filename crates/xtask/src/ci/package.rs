//! What users would download: packed, unpacked, and compiled on its own.
//!
//! Cargo would compile the packages itself, but finds the library for the lab
//! by its version, and has kept an earlier packing of the same version.

use std::{fs, path::Path, process::Command};

use crate::run::step;

const PACKAGES: &[&str] = &["blockwork-0.1.0", "blockwork-malloc-0.1.0", "blockwork-lab-0.1.0", "blockwork-c-0.1.0"];
/// Cargo takes nothing in here for a member of the workspace around it.
const FOLDER: &str = "target/package";

/// Packs every crate that is to be published, and compiles what was packed.
pub(super) fn compiles(root: &Path) -> Result<(), String> {
    let mut cargo = Command::new(env!("CARGO"));
    step(
        root,
        "package --workspace",
        cargo.args([
            "package",
            "--workspace",
            "--exclude",
            "blockwork-fuzz",
            "--allow-dirty",
            "--no-verify",
            "--quiet",
        ]),
    )?;
    let folder = root.join(FOLDER);
    for package in PACKAGES {
        // What an earlier packing had, and this one has not; and with the time of now,
        // or cargo takes what it made of that for what it would make of this.
        drop(fs::remove_dir_all(folder.join(package)));
        step(&folder, &format!("unpack {package}"), Command::new("tar").arg("xzmf").arg(format!("{package}.crate")))?;
    }
    for package in PACKAGES {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["check", "--quiet", "--config", "patch.crates-io.blockwork.path='../blockwork-0.1.0'"]);
        cargo.args(["--config", "patch.crates-io.blockwork-malloc.path='../blockwork-malloc-0.1.0'"]);
        // As in the workspace, whose profile is not packed: what has been checked of the dependencies is not once more.
        cargo.args(["--config", "profile.dev.debug='limited'", "--config", "profile.dev.lto='off'"]);
        step(&folder.join(package), &format!("check {package}"), cargo.arg("--target-dir").arg(root.join("target")))?;
    }
    Ok(())
}

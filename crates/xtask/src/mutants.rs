//! `cargo xtask mutants LAYER [OPTION...]`: whether the unit tests of a layer notice
//! when it is changed.
//!
//! cargo-mutants changes one function at a time, in `target/mutants`, in a copy of the
//! library from which is left out what the layer's tests do not need: the layers above
//! the low ones, and the tests of everything else. What is left compiles in seconds,
//! where all tests take minutes, and a layer that only the tests of others hold up is
//! told so. `strategy/slab` is a layer, too: a folder of one.
//!
//! What must not be changed, and why, stands in `.cargo/mutants.toml`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::has;

/// The modules that the tests of a low layer need, the lowest first.
const LOW: &[&str] = &["math", "sync", "os", "raw", "alloc"];

/// The layers that are changed.
const LAYERS: &[&str] = &["math", "raw", "alloc", "strategy", "combine"];

/// Where the copies are, beside what cargo-mutants says of them.
const FOLDER: &str = "target/mutants";

pub(crate) const USAGE: &str = "\
cargo xtask mutants [LAYER [OPTION...]]

  LAYER   math, raw, alloc, strategy, combine, or a folder or file of one; all of them if nothing is said
  OPTION  those of cargo-mutants
";

/// Tries the mutants of `layer`, with these options of cargo-mutants, or of all layers.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), String> {
    if let Some(option) = args.first().filter(|first| first.starts_with('-')) {
        return Err(format!("`{option}` is not understood: a layer comes first\n\n{USAGE}"));
    }
    if !has("cargo", &["mutants", "--version"]) {
        return Err("needs cargo-mutants: `cargo install --locked cargo-mutants`".to_owned());
    }
    match args {
        [] => LAYERS.iter().try_for_each(|layer| of(root, layer, &[])),
        [layer, options @ ..] => of(root, layer, options),
    }
}

fn of(root: &Path, layer: &str, options: &[&str]) -> Result<(), String> {
    let folder = copy(root, layer).map_err(|error| format!("cannot copy the library: {error}"))?;
    let mut cargo = Command::new("cargo");
    cargo.args(["mutants", "--in-place", "--no-shuffle", "--baseline=run", "--file"]);
    cargo.arg(pattern(layer)).args(options).args(["--", "--lib"]).current_dir(&folder);
    cargo.env("CARGO_PROFILE_TEST_DEBUG", "0").env("CARGO_INCREMENTAL", "1");
    cargo.env("CARGO_TARGET_DIR", root.join(FOLDER).join("target"));
    let status = cargo.status().map_err(|error| format!("cannot run cargo-mutants: {error}"))?;
    println!("{}", counts(&folder.join("mutants.out"))?);
    match status.code() {
        // Some were missed, some took too long: both are for a reader to judge.
        Some(0 | 2 | 3) => Ok(()),
        _ => Err(format!("cargo-mutants: {status}")),
    }
}

/// The files of a layer, as cargo-mutants selects them.
fn pattern(layer: &str) -> String {
    if layer.contains(".rs") { format!("src/{layer}") } else { format!("src/{layer}/**") }
}

/// How many mutants ended how.
fn counts(folder: &Path) -> Result<String, String> {
    let lines = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
        Ok::<_, String>(text.lines().count())
    };
    Ok(format!(
        "caught {}, missed {}, timed out {}, not compiled {}: {}",
        lines("caught.txt")?,
        lines("missed.txt")?,
        lines("timeout.txt")?,
        lines("unviable.txt")?,
        folder.display()
    ))
}

/// The package of what `layer` and its tests need; what an earlier one compiled stays.
fn copy(root: &Path, layer: &str) -> std::io::Result<PathBuf> {
    let library = root.join("crates/blockwork");
    let folder = root.join(FOLDER).join(layer.replace(['/', '.'], "-"));
    // What is known of its mutants stays, for `--iterate`.
    drop(fs::remove_dir_all(folder.join("src")));
    fs::create_dir_all(folder.join(".cargo"))?;
    fs::copy(root.join(".cargo/mutants.toml"), folder.join(".cargo/mutants.toml"))?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    fs::copy(library.join("build.rs"), folder.join("build.rs"))?;
    let low = LOW.iter().position(|low| layer.split('/').next() == Some(low));
    let manifest = fs::read_to_string(library.join("Cargo.toml"))?;
    fs::write(folder.join("Cargo.toml"), alone(&manifest, low.is_some()))?;
    for file in files(&library.join("src"))? {
        let path = file.strip_prefix(library.join("src")).unwrap_or(&file).to_string_lossy().into_owned();
        let mut text = fs::read_to_string(&file)?;
        if path == "lib.rs" {
            if let Some(top) = low {
                text = cut(&text, LOW.get(..=top).unwrap_or(LOW));
            }
        } else if !path.starts_with(layer) {
            for test in ["#[cfg(test)]\nmod ", "#[cfg(all(test, not(any(loom, shuttle))))]\nmod "] {
                text = text.replace(test, "#[cfg(any())]\nmod ");
            }
        }
        let there = folder.join("src").join(path);
        fs::create_dir_all(there.parent().unwrap_or(&folder))?;
        fs::write(there, text)?;
    }
    Ok(folder)
}

/// The manifest of the library, for a package in no workspace, with the features that
/// the tests need; `is_low` is one whose tests need no other crate's.
fn alone(manifest: &str, is_low: bool) -> String {
    let mut alone = "[workspace]\n".to_owned();
    for section in manifest.split_inclusive("\n\n") {
        let name = section.trim_start().lines().next().unwrap_or_default();
        if ["[lints]", "[[test]]", "[[example]]"].contains(&name) || (is_low && name == "[dev-dependencies]") {
            continue;
        }
        for line in section.split_inclusive('\n') {
            let kept = match line.split_once(".workspace = true") {
                Some(("version", _)) => "version = \"0.1.0\"\n",
                Some(("edition", _)) => "edition = \"2024\"\n",
                Some(_) => "",
                None if line.starts_with("default = ") && is_low => "default = [\"std\", \"malloc\"]\n",
                None if line.starts_with("default = ") => "default = [\"std\", \"os\", \"testing\"]\n",
                None if line.starts_with("blockwork = ") || line.starts_with("readme") => "",
                None => line,
            };
            alone.push_str(kept);
        }
    }
    // The low layers compile in a moment, and their tests go through every number there is.
    let level = if is_low { 1 } else { 0 };
    alone
        + &format!("\n[profile.dev]\nopt-level = {level}\nlto = \"off\"\n\n[lints.rust]\nunexpected_cfgs = \"allow\"\n")
}

/// The head of the library, and these modules of it.
fn cut(library: &str, modules: &[&str]) -> String {
    let head = library.lines().take_while(|line| !line.starts_with("pub mod "));
    let kept: String = head.filter(|line| !line.starts_with("//!")).map(|line| format!("{line}\n")).collect();
    modules.iter().fold(format!("#![allow(dead_code, unused_imports)]\n{kept}"), |text, module| {
        format!("{text}pub mod {module};\n")
    })
}

/// Every source file below `folder`.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.append(&mut files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_of_a_low_layer_ends_with_it() {
        let library = "//! Words.\n#![no_std]\n\nextern crate std;\n\npub mod alloc;\npub mod math;\npub use x::Y;\n";
        let head = "#![allow(dead_code, unused_imports)]\n#![no_std]\n\nextern crate std;\n\n";
        assert_eq!(cut(library, &["math", "sync"]), format!("{head}pub mod math;\npub mod sync;\n"));
    }

    #[test]
    fn the_manifest_needs_no_workspace() {
        let manifest = "[package]\nname = \"a\"\nversion.workspace = true\nauthors.workspace = true\n\n\
                        [features]\ndefault = [\"std\"]\n\n[dev-dependencies]\nb = \"1\"\n\n[[test]]\nname = \"c\"\n";
        let alone = alone(manifest, true);
        assert!(alone.starts_with("[workspace]\n[package]\nname = \"a\"\nversion = \"0.1.0\"\n\n[features]\n"));
        assert!(["[[test]]", "[dev-dependencies]", ".workspace"].iter().all(|left_out| !alone.contains(left_out)));
    }
}

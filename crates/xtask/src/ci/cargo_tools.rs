//! Tools that cargo finds when they are installed, `cargo install cargo-deny cargo-hack
//! cargo-semver-checks`: what dependencies may be, every pair of features, and what a new
//! version may change. Those that are missing are skipped, and named.

use std::{path::Path, process::Command};

use crate::run::{has, report, skipped, step};

/// Every workspace that has a `Cargo.lock`.
const WORKSPACES: &[&str] = &[".", "bench", "embedded", "fuzz", "crates/blockwork-preload"];

/// Runs those that are there.
pub(super) fn run(root: &Path) -> Result<(), String> {
    deny(root)?;
    hack(root)?;
    semver(root)
}

/// Licences, bans and sources; and advisories where their list can be fetched.
fn deny(root: &Path) -> Result<(), String> {
    if !has("cargo", &["deny", "--version"]) {
        skipped("cargo deny", "not installed");
        return Ok(());
    }
    for workspace in WORKSPACES {
        let mut command = deny_of(workspace);
        command.args(["check", "bans", "licenses", "sources"]);
        step(root, &format!("cargo deny {workspace}: bans, licences, sources"), &mut command)?;
    }
    let fetch = cargo(&["deny", "fetch", "db"]).current_dir(root).output();
    if !fetch.is_ok_and(|output| output.status.success()) {
        skipped("cargo deny: advisories", "their list cannot be fetched");
        return Ok(());
    }
    for workspace in WORKSPACES {
        let mut command = deny_of(workspace);
        command.args(["check", "--disable-fetch", "advisories"]);
        step(root, &format!("cargo deny {workspace}: advisories"), &mut command)?;
    }
    Ok(())
}

/// cargo-deny with the rules of the project; from its folder.
fn deny_of(workspace: &str) -> Command {
    cargo(&["deny", "--config", "deny.toml", "--manifest-path", &format!("{workspace}/Cargo.toml")])
}

/// The library with every feature alone and with every other one. `nightly` needs an
/// unstable compiler.
fn hack(root: &Path) -> Result<(), String> {
    if !has("cargo", &["hack", "--version"]) {
        skipped("cargo hack", "not installed");
        return Ok(());
    }
    let line = "hack check -p blockwork --lib --feature-powerset --depth 2 --exclude-features nightly,default \
                --target-dir target/hack";
    let mut command = cargo(&line.split_whitespace().collect::<Vec<_>>());
    command.env("RUSTFLAGS", "-Dwarnings");
    step(root, "cargo hack: features, and pairs of them", &mut command)
}

/// What the library's interface has lost since the last version: by the registry, or by
/// the last tag where there is none yet.
fn semver(root: &Path) -> Result<(), String> {
    if !has("cargo", &["semver-checks", "--version"]) {
        skipped("cargo semver-checks", "not installed");
        return Ok(());
    }
    let tag = Command::new("git").current_dir(root).args(["describe", "--tags", "--abbrev=0"]).output();
    let tag =
        tag.ok().filter(|output| output.status.success()).and_then(|output| String::from_utf8(output.stdout).ok());
    let Some(tag) = tag else {
        skipped("cargo semver-checks", "there is no version yet to compare with");
        return Ok(());
    };
    report("cargo semver-checks", || {
        let mut command =
            cargo(&["semver-checks", "-p", "blockwork", "--default-features", "--baseline-rev", tag.trim()]);
        step(root, &format!("since {}", tag.trim()), &mut command)
    })
}

fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(args);
    command
}

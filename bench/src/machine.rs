//! Where and when something was measured.

use std::{fs, process::Command};

use crate::json;

/// The peers whose versions matter.
const PEERS: &[&str] = &[
    "blink-alloc",
    "bump-scope",
    "bumpalo",
    "crossbeam-queue",
    "hashbrown",
    "heapless",
    "libmimalloc-sys",
    "mimalloc",
    "object-pool",
    "opool",
    "parking_lot",
    "plurality",
    "sharded-slab",
    "slab",
    "slotmap",
    "snmalloc-sys",
    "spin",
    "tikv-jemalloc-sys",
    "typed-arena",
];

/// What has to stand beside a result, as Markdown.
#[must_use]
pub fn description() -> String {
    let rows = rows().into_iter().map(|(what, value)| format!("| {what} | {value} |\n"));
    format!("| | |\n|---|---|\n{}", rows.collect::<String>())
}

/// The same as JSON.
#[must_use]
pub fn json() -> String {
    let rows: Vec<_> = rows().into_iter().map(|(what, value)| (what, json::text(&value))).collect();
    json::object(&rows)
}

/// What and how; what the system does not tell is left out.
fn rows() -> Vec<(&'static str, String)> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let huge = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let huge = huge.split(['[', ']']).nth(1).unwrap_or("unknown");
    let rows = [
        ("date", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("commit", said("git", &["describe", "--always", "--dirty", "--abbrev=12"])),
        ("processor", cpu.map(|cpu| format!("{cpu}, {cores} online, load {load} when this began"))),
        ("system", said("uname", &["-sr"]).map(|system| format!("{system}, transparent huge pages: {huge}"))),
        ("compiler", said("rustc", &["--version"])),
        ("peers", Some(peers(include_str!("../Cargo.lock")))),
    ];
    rows.into_iter().filter_map(|(what, value)| Some((what, value?))).collect()
}

fn said(command: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(command).args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Name and version of each peer in a lock file.
fn peers(lock: &str) -> String {
    let mut found = Vec::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("name = ").map(|name| name.trim_matches('"')) else { continue };
        let version = lines.next().and_then(|line| line.strip_prefix("version = ")).unwrap_or_default();
        if PEERS.contains(&name) {
            found.push(format!("{name} {}", version.trim_matches('"')));
        }
    }
    found.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_a_version() {
        let peers = peers(include_str!("../Cargo.lock"));
        for peer in PEERS {
            assert!(peers.contains(&format!("{peer} ")), "{peer} is not in {peers}");
        }
    }
}

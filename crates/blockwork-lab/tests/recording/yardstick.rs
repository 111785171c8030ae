//! Against a tool that counts on its own: valgrind.

use std::process::Command;

use crate::support::{Bench, has, skip};

/// The allocations and frees that valgrind counts; a reallocation is both.
fn valgrind(program: &[&str], malloc: &str) -> Option<[u64; 2]> {
    let output =
        Command::new("valgrind").args(program).env("PYTHONHASHSEED", "0").env("PYTHONMALLOC", malloc).output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).replace(',', "");
    let line = text.lines().find_map(|line| line.split_once("total heap usage: "))?.1;
    let mut words = line.split_whitespace();
    Some([words.next()?.parse().ok()?, words.nth(1)?.parse().ok()?])
}

#[test]
fn valgrind_counts_the_same() {
    let program = ["/usr/bin/python3", "-c", "import json,decimal,asyncio"];
    if !has("valgrind") || !has(program[0]) {
        return;
    }
    for malloc in ["pymalloc", "malloc"] {
        let Some(theirs) = valgrind(&program, malloc) else { return skip("valgrind says nothing of the heap") };
        let bench = Bench::new();
        let mut command = bench.recorder(program);
        command.env("PYTHONHASHSEED", "0").env("PYTHONMALLOC", malloc);
        assert!(command.output().unwrap().status.success());
        let stats = bench.stats();
        let [allocations, frees, reallocations] = stats.numbers(["allocations", "frees", "reallocations"]);
        let ours = [allocations + reallocations, frees + reallocations];
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            assert!(ours.abs_diff(theirs) <= 50, "{malloc}: {ours}, valgrind says {theirs}");
        }
        stats.balances();
    }
}

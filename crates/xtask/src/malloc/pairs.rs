//! Instructions of a malloc and its free, by callgrind; by single steps for
//! what cannot run there.

use std::{path::Path, process::Command};

use super::{launch::folder, report::Table, results::Pairs};
use crate::{callgrind, peers::Malloc, run::output};

/// What it is called, the pattern and the size for `pairs.c`.
const PATTERNS: &[(&str, &str, &str)] = &[
    ("one live, 16 B", "lifo1", "16"),
    ("64 deep, 16 B", "lifo", "16"),
    ("ring of 64, 16 B", "fifo", "16"),
    // As many as some lists hold before they grow, and a few less.
    ("1,024 random slots, 16 B", "rand", "16"),
    ("900 random slots, 16 B", "loose", "16"),
    ("1,024 random slots, 16-1,008 B", "rand", "0"),
    ("1,024 random slots, 1 KiB", "rand", "1024"),
    ("64 deep, 4 KiB", "lifo", "4096"),
    ("one live, 20 kB", "lifo1", "20000"),
    ("one live, 200 kB", "lifo1", "200000"),
];

/// Pairs of a round, and the rounds whose difference counts.
const PAIRS: u32 = 16_384;
const ROUNDS: [u32; 2] = [1, 3];
/// A step takes thousands of times as long as an instruction.
const PAIRS_STEPPED: u32 = 256;
const ROUNDS_STEPPED: u32 = 6;

/// Instructions of a pair, under each malloc, of the patterns that `filter` leaves.
pub(super) fn measured(root: &Path, mallocs: &[Malloc], filter: &str) -> Result<Vec<Pairs>, String> {
    let chosen: Vec<_> =
        PATTERNS.iter().filter(|(_, pattern, size)| format!("pairs/{pattern}/{size}").contains(filter)).collect();
    if !chosen.is_empty() {
        callgrind::needed()?;
    }
    let mut all = Vec::new();
    for (meaning, pattern, size) in chosen {
        let name = format!("{pattern}/{size}");
        println!("pairs/{name}");
        let (counts, stepped) = of(root, mallocs, pattern, size)?.into_iter().unzip();
        all.push(Pairs { name, meaning: (*meaning).to_owned(), counts, stepped });
    }
    Ok(all)
}

/// Instructions of a pair of `pattern` and `size` under each malloc, and whether they were stepped.
pub(super) fn of(root: &Path, mallocs: &[Malloc], pattern: &str, size: &str) -> Result<Vec<(f64, bool)>, String> {
    let empty = called(root, None, pattern, size)?;
    let count = |malloc| match called(root, Some(malloc), pattern, size) {
        Ok(count) => Ok((per_pair(count, empty, PAIRS * (ROUNDS[1] - ROUNDS[0])), false)),
        Err(_) => {
            let (all, empty) = (stepped(root, Some(malloc), pattern, size), stepped(root, None, pattern, size));
            Ok((per_pair(all?, empty?, PAIRS_STEPPED), true))
        }
    };
    mallocs.iter().map(count).collect()
}

/// The same as Markdown.
pub(super) fn table(pairs: &[Pairs], names: &[&str]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let mut table = Table::new("Instructions of a pair", "malloc and free, the loop subtracted", names);
    for pairs in pairs {
        let counts = pairs.counts.iter().copied().zip(pairs.stepped.iter().copied());
        table.row(&pairs.meaning, counts.map(|count| cell(&count)).collect());
    }
    table.finish() + &stepping() + "\n"
}

/// A count, with a mark if it was stepped.
pub(super) fn cell((count, stepped): &(f64, bool)) -> String {
    format!("{count:.0}{}", if *stepped { "~" } else { "" })
}

/// What the mark means.
pub(super) fn stepping() -> String {
    format!(
        "`~`: does not start under Valgrind, so counted by single steps over the last {PAIRS_STEPPED} of {} pairs, \
         which seldom meet a refill.\n",
        PAIRS_STEPPED * ROUNDS_STEPPED
    )
}

/// The difference of two run lengths, without a malloc where none is given.
fn called(root: &Path, malloc: Option<&Malloc>, pattern: &str, size: &str) -> Result<u64, String> {
    let program = folder(root).join("pairs");
    let count = |rounds: u32| {
        let (pairs, rounds) = (PAIRS.to_string(), rounds.to_string());
        let mut args = vec![pattern, size, &pairs, &rounds];
        args.extend(malloc.is_none().then_some("empty"));
        let library = malloc.map(|malloc| malloc.library.as_path());
        callgrind::count_preloaded(&program, &args, library).map(|counted| counted.instructions)
    };
    Ok(count(ROUNDS[1])? - count(ROUNDS[0])?)
}

/// The last round step by step.
fn stepped(root: &Path, malloc: Option<&Malloc>, pattern: &str, size: &str) -> Result<u64, String> {
    let mut steps = Command::new(folder(root).join("steps"));
    steps.arg((ROUNDS_STEPPED - 1).to_string());
    match malloc {
        Some(malloc) => steps.arg(&malloc.library),
        None => steps.arg("-"),
    };
    steps.arg(folder(root).join("pairs")).args([pattern, size]);
    steps.args([PAIRS_STEPPED.to_string(), ROUNDS_STEPPED.to_string()]);
    steps.args(malloc.is_none().then_some("empty"));
    let printed = output(root, "steps", &mut steps)?;
    printed.trim().parse().map_err(|_| format!("steps printed `{printed}`"))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_pair(called: u64, empty: u64, pairs: u32) -> f64 {
    (called as f64 - empty as f64) / f64::from(pairs)
}

//! Instructions of a malloc and its free, by callgrind; by single steps for
//! what cannot run there.

use std::{path::Path, process::Command};

use super::{launch::folder, report::Table};
use crate::{callgrind, peers::Malloc, run::output};

/// What it is called, the pattern and the size for `pairs.c`.
const PATTERNS: &[(&str, &str, &str)] = &[
    ("one live, 16 B", "lifo1", "16"),
    ("64 deep, 16 B", "lifo", "16"),
    ("ring of 64, 16 B", "fifo", "16"),
    ("1,024 random slots, 16 B", "rand", "16"),
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
pub(super) fn table(root: &Path, mallocs: &[Malloc], filter: &str) -> Result<String, String> {
    let chosen: Vec<_> =
        PATTERNS.iter().filter(|(_, pattern, size)| format!("pairs/{pattern}/{size}").contains(filter)).collect();
    if chosen.is_empty() {
        return Ok(String::new());
    }
    callgrind::needed()?;
    let names: Vec<&str> = mallocs.iter().map(|malloc| malloc.name.as_str()).collect();
    let mut table = Table::new("Instructions of a pair", "malloc and free, the loop subtracted", &names);
    for (meaning, pattern, size) in chosen {
        println!("pairs/{pattern}/{size}");
        let mut cells = Vec::new();
        for malloc in mallocs {
            let cell = match called(root, malloc, pattern, size) {
                Ok(count) => format!("{count:.0}"),
                Err(_) => stepped(root, malloc, pattern, size).map_or("-".to_owned(), |count| format!("{count:.0}~")),
            };
            cells.push(cell);
        }
        table.row(meaning, cells);
    }
    let stepped = format!(
        "`~`: does not start under Valgrind, so counted by single steps over the last {PAIRS_STEPPED} of {} pairs, \
         which seldom meet a refill.\n\n",
        PAIRS_STEPPED * ROUNDS_STEPPED
    );
    Ok(table.finish() + &stepped)
}

/// The difference of two run lengths, with calls and without.
fn called(root: &Path, malloc: &Malloc, pattern: &str, size: &str) -> Result<f64, String> {
    let program = folder(root).join("pairs");
    let count = |rounds: u32, empty: Option<&str>| {
        let (pairs, rounds) = (PAIRS.to_string(), rounds.to_string());
        let mut args = vec![pattern, size, &pairs, &rounds];
        args.extend(empty);
        callgrind::count_preloaded(&program, &args, Some(&malloc.library)).map(|counted| counted.instructions)
    };
    let rounds = |empty| Ok::<_, String>(count(ROUNDS[1], empty)? - count(ROUNDS[0], empty)?);
    Ok(per_pair(rounds(None)?, rounds(Some("empty"))?, PAIRS * (ROUNDS[1] - ROUNDS[0])))
}

/// The last round step by step, with calls and without.
fn stepped(root: &Path, malloc: &Malloc, pattern: &str, size: &str) -> Result<f64, String> {
    let count = |empty: Option<&str>| {
        let mut steps = Command::new(folder(root).join("steps"));
        steps
            .arg((ROUNDS_STEPPED - 1).to_string())
            .arg(&malloc.library)
            .arg(folder(root).join("pairs"))
            .args([pattern, size]);
        steps.args([PAIRS_STEPPED.to_string(), ROUNDS_STEPPED.to_string()]).args(empty);
        let printed = output(root, "steps", &mut steps)?;
        printed.trim().parse::<u64>().map_err(|error| error.to_string())
    };
    Ok(per_pair(count(None)?, count(Some("empty"))?, PAIRS_STEPPED))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_pair(called: u64, empty: u64, pairs: u32) -> f64 {
    (called as f64 - empty as f64) / f64::from(pairs)
}

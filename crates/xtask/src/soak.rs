//! `cargo xtask soak`: load for long, on the malloc under a program of C and on the parts
//! that threads share. The gate has the same for seconds, among the tests.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::run::{output, report};

pub(crate) const USAGE: &str = "\
cargo xtask soak [--operations N | --minutes N]

  --operations N  so many, a hundred million if nothing is said
  --minutes N     ten million, again and again until the time is over
";

/// What a run does by itself, and what each does of those that fill a time.
const OPERATIONS: u64 = 100_000_000;
const EACH: u64 = 10_000_000;

/// Runs it once, or again and again until the time is over.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), String> {
    match args {
        [] => soak(root, OPERATIONS),
        ["--operations", number] => soak(root, parsed(number)?),
        ["--minutes", number] => {
            let (start, time) = (Instant::now(), Duration::from_secs(parsed(number)?.saturating_mul(60)));
            while start.elapsed() < time {
                soak(root, EACH)?;
            }
            Ok(())
        }
        _ => Err(format!("`{}` is not understood\n\n{USAGE}", args.join(" "))),
    }
}

fn parsed(number: &str) -> Result<u64, String> {
    number.replace('_', "").parse().map_err(|_| format!("`{number}` is no number"))
}

fn soak(root: &Path, operations: u64) -> Result<(), String> {
    for line in ["test --release -p blockwork-malloc --test preload", "test --release -p blockwork --test soak"] {
        let name = format!("soak of {operations} operations: {line}");
        report(&name, || {
            let mut command = Command::new(env!("CARGO"));
            command.args(line.split(' ')).args(["--", "--nocapture", "grow"]);
            command.env("BLOCKWORK_SOAK_OPERATIONS", operations.to_string());
            let said = output(root, &name, &mut command)?;
            let mut results = said.lines().filter(|line| line.contains("soak")).peekable();
            if results.peek().is_none() {
                return Err(format!("nothing was soaked: {name}\n{said}"));
            }
            results.for_each(|line| println!("    {line}"));
            Ok(())
        })?;
    }
    Ok(())
}

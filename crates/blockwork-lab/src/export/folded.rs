//! Folded stacks: `main;f;g 4711`, one line for each stack.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    Totals, gather,
    stacks::{Stacks, UNKNOWN},
};
use crate::trace::Trace;

/// What a figure of folded stacks counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Cost {
    /// Bytes that are live when most are
    #[default]
    Peak,
    /// All bytes asked for
    Bytes,
    /// All allocations and reallocations
    Allocations,
    /// Bytes that are never freed
    Leaked,
}

impl Cost {
    const fn of(self, totals: &Totals) -> u64 {
        match self {
            Self::Peak => totals.peak[1],
            Self::Bytes => totals.bytes,
            Self::Allocations => totals.blocks,
            Self::Leaked => totals.left[1],
        }
    }
}

/// Writes all stacks, those that cost nothing left out.
///
/// # Errors
///
/// When `output` cannot be written to.
pub fn write(trace: &Trace, cost: Cost, mut output: impl Write) -> io::Result<u64> {
    let mut stacks = Stacks::new(trace);
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for (stack, totals) in gather(trace, |stack, _| stack)?.totals {
        let [_, functions] = stacks.texts(stack);
        let functions = if functions.is_empty() { UNKNOWN } else { functions };
        let program = if trace.name.is_empty() { "?" } else { &trace.name };
        *lines.entry(format!("{};{functions}", program.replace(';', ":"))).or_default() += cost.of(&totals);
    }
    lines.retain(|_, cost| *cost > 0);
    lines.iter().try_for_each(|(stack, cost)| writeln!(output, "{stack} {cost}"))?;
    output.flush()?;
    Ok(lines.len() as u64)
}

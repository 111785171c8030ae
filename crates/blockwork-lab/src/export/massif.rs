//! Files as Massif writes them: live bytes over time, and who holds them at the
//! peak. Time is counted in bytes that came and went.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    gather,
    stacks::{UNKNOWN, function},
    totals::walk_live,
};
use crate::trace::{Trace, sites::Frame};

/// Snapshots, the peak aside.
const SNAPSHOTS: usize = 100;
/// Who holds less than a part in so many is not named.
const THRESHOLD: u64 = 1000;

/// Who holds how much, by caller.
#[derive(Debug, Default)]
struct Tree {
    bytes: u64,
    callers: BTreeMap<String, Self>,
}

/// Writes `trace`; how many snapshots that took.
///
/// # Errors
///
/// When `output` cannot be written to.
pub fn write(trace: &Trace, mut output: impl Write) -> io::Result<u64> {
    let gathered = gather(trace, |stack, _| stack)?;
    let peak = usize::try_from(gathered.peak_event).unwrap_or(usize::MAX);
    let step = trace.ops.len().div_ceil(SNAPSHOTS).max(1);
    let mut tree = Tree::default();
    for (stack, totals) in gathered.totals.iter().filter(|(_, totals)| totals.peak[1] > 0) {
        tree.add(totals.peak[1], &trace.sites.frames(*stack).map(shown).collect::<Vec<_>>());
    }
    let mut snapshots = vec![(0, 0, false)];
    let last = trace.ops.len().saturating_sub(1);
    walk_live(trace, |event, live, turnover| {
        if event == peak || event == last || (event + 1).is_multiple_of(step) {
            snapshots.push((turnover, live, event == peak));
        }
    });
    let name = if trace.name.is_empty() { "?" } else { &trace.name };
    writeln!(output, "desc: recorded by blockwork\ncmd: {}\ntime_unit: B", clean(name))?;
    for (number, (time, live, is_peak)) in snapshots.iter().enumerate() {
        writeln!(output, "#-----------\nsnapshot={number}\n#-----------\ntime={time}\nmem_heap_B={live}")?;
        writeln!(output, "mem_heap_extra_B=0\nmem_stacks_B=0")?;
        if *is_peak {
            writeln!(output, "heap_tree=peak")?;
            tree.write(&mut output, 0, "(heap allocation functions) malloc/new/new[], --alloc-fns, etc.", *live)?;
        } else {
            writeln!(output, "heap_tree=empty")?;
        }
    }
    output.flush()?;
    Ok(snapshots.len() as u64)
}

impl Tree {
    fn add(&mut self, bytes: u64, frames: &[String]) {
        self.bytes += bytes;
        match frames {
            [] => self.callers.entry(UNKNOWN.into()).or_default().bytes += bytes,
            [last] => self.callers.entry(last.clone()).or_default().bytes += bytes,
            [first, rest @ ..] => self.callers.entry(first.clone()).or_default().add(bytes, rest),
        }
    }

    fn write(&self, output: &mut impl Write, depth: usize, name: &str, total: u64) -> io::Result<()> {
        let mut callers: Vec<_> = self.callers.iter().collect();
        callers.sort_by_key(|(_, tree)| std::cmp::Reverse(tree.bytes));
        let named = callers.partition_point(|(_, tree)| tree.bytes >= total.div_ceil(THRESHOLD));
        let (named, rest) = callers.split_at(named);
        let children = named.len() + usize::from(!rest.is_empty());
        writeln!(output, "{:depth$}n{children}: {} {}", "", self.bytes, clean(name))?;
        for (name, tree) in named {
            tree.write(output, depth + 1, name, total)?;
        }
        if !rest.is_empty() {
            let bytes: u64 = rest.iter().map(|(_, tree)| tree.bytes).sum();
            let places = rest.len();
            let depth = depth + 1;
            writeln!(output, "{:depth$}n0: {bytes} in {places} places, all below massif's threshold (0.10%)", "")?;
        }
        Ok(())
    }
}

/// As Massif writes a frame.
fn shown(frame: &Frame) -> String {
    let place = match (&frame.file, frame.line, &frame.module) {
        (Some(file), Some(line), _) => format!(" ({file}:{line})"),
        (_, _, Some(module)) => format!(" (in {module})"),
        _ => String::new(),
    };
    format!("0x{:X}: {}{place}", frame.offset, function(frame))
}

/// Without what begins a comment.
fn clean(text: &str) -> String {
    text.replace('#', "@").replace('\n', " ")
}

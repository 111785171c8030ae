//! The results as Markdown.

use std::{fmt::Write as _, fs, process::Command};

use super::{Clock, OTHERS, Runs, statistics::median};
use crate::peers::Malloc;

/// What is said before any number.
pub(super) fn head(mallocs: &[Malloc], passes: usize, args: &[&str]) -> String {
    let mut text = format!(
        "# Mallocs side by side\n\n\
         What one run of `cargo xtask malloc-bench{}{}` printed: {passes} passes, on {}, at {}, {}.\n\
         [How it is measured](malloc/README.md). A ratio below 1 is better; behind `±` is half the range of the middle half of the passes.\n\n\
         | malloc | version |\n|---|---|\n",
        if args.is_empty() { "" } else { " " },
        args.join(" "),
        machine(),
        said_by("git", &["rev-parse", "--short", "HEAD"]),
        said_by("date", &["-u", "+%Y-%m-%d"]),
    );
    for malloc in mallocs {
        writeln!(text, "| {} | {} |", malloc.name, malloc.version).expect("writing to a string");
    }
    text.push('\n');
    text
}

pub(crate) fn machine() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let huge = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let huge = huge.split(['[', ']']).nth(1).unwrap_or("unknown").to_owned();
    let model = model.map_or("an unknown processor", |(_, model)| model);
    format!("{model}, Linux {}, huge pages in mode `{huge}`", said_by("uname", &["-r"]))
}

/// What a program prints, if it can be run.
pub(crate) fn said_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What other programs had of the machine while these ran.
pub(super) fn disturbance(runs: &[Runs<'_>]) -> String {
    let threads = runs.iter().filter(|runs| runs.workload.clock == Clock::Wall);
    let others: Vec<f64> = threads.flat_map(|runs| runs.of.iter().flatten()).map(|usage| usage.others).collect();
    if others.is_empty() {
        return String::new();
    }
    let disturbed = others.iter().filter(|&&others| others > OTHERS).count();
    format!(
        "Of {} runs of threads, {disturbed} were disturbed all the same: other programs had more than {OTHERS} of a processor; \
         in the middle {:.2}.\nThe work of the processors is less sensitive to them than time is.\n\n",
        others.len(),
        median(others.clone()),
    )
}

/// A table with a name for each row.
pub(crate) struct Table {
    text: String,
}

impl Table {
    pub(crate) fn new(title: &str, corner: &str, columns: &[&str]) -> Self {
        let mut text = format!("## {title}\n\n| {corner} |");
        for column in columns {
            write!(text, " {column} |").expect("writing to a string");
        }
        text += "\n|---|";
        text += &"---:|".repeat(columns.len());
        text.push('\n');
        Self { text }
    }

    pub(crate) fn row(&mut self, name: &str, cells: Vec<String>) {
        writeln!(self.text, "| {name} | {} |", cells.join(" | ")).expect("writing to a string");
    }

    pub(crate) fn finish(mut self) -> String {
        self.text.push('\n');
        self.text
    }
}

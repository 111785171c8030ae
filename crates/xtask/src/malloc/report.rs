//! The tables of the page.

use std::{fmt::Write as _, fs, process::Command};

use super::{
    Clock, OTHERS, REFERENCE,
    bars::{groups, means, of_group},
    results::{Results, Runs},
    statistics::{self, Ratio, median},
};

/// What is said before any number: what was run, where and when.
pub(super) fn about(passes: usize, args: &[&str]) -> Vec<(String, String)> {
    let command = ["cargo xtask malloc-bench"].iter().chain(args).copied().collect::<Vec<_>>().join(" ");
    let rows = [
        ("command", format!("`{command}`: {passes} passes")),
        ("date", said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("commit", said_by("git", &["describe", "--always", "--dirty", "--abbrev=12"])),
        ("machine", machine()),
    ];
    rows.map(|(what, value)| (what.to_owned(), value)).into()
}

pub(crate) fn machine() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = processor.lines().filter(|line| line.starts_with("processor")).count();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let huge = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let huge = huge.split(['[', ']']).nth(1).unwrap_or("unknown").to_owned();
    let model = model.map_or("an unknown processor", |(_, model)| model);
    format!("{model}, {cores} processors, Linux {}, huge pages in mode `{huge}`", said_by("uname", &["-r"]))
}

/// What a program prints, if it can be run.
pub(crate) fn said_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Two columns of text, without a head.
pub(super) fn two_columns(rows: &[(String, String)], head: [&str; 2]) -> String {
    let mut text = format!("| {} | {} |\n|---|---|\n", head[0], head[1]);
    for (name, value) in rows {
        writeln!(text, "| {name} | {value} |").expect("writing to a string");
    }
    text + "\n"
}

/// What other programs had of the machine while these ran.
pub(super) fn disturbance(runs: &[Runs]) -> String {
    let threads = runs.iter().filter(|runs| runs.clock == Clock::Wall);
    let others: Vec<f64> = threads.flat_map(|runs| runs.of.iter().flatten()).map(|taken| taken.others).collect();
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

/// Times and peaks by group.
pub(super) fn by_groups(results: &Results, reference: usize) -> String {
    let work = |runs: &Runs, at: usize, pass: usize| runs.of[at][pass].processor;
    let faults = |runs: &Runs, at: usize, pass: usize| runs.of[at][pass].faults;
    by_group("Time, by group", results, reference, Runs::time)
        + &by_group("Work of the processors, by group", results, reference, work)
        + &by_group("Peak memory, by group", results, reference, Runs::peak)
        + &by_group("Page faults, by group", results, reference, faults)
}

/// Times and peaks by workload.
pub(super) fn by_workloads(results: &Results, reference: usize) -> String {
    by_workload("Time, by workload", "s", results, reference, Runs::time)
        + &by_workload("Peak memory, by workload", "MiB", results, reference, |runs, at, pass| {
            runs.peak(at, pass) / 1024.0
        })
}

/// Geometric means of the ratios of each pass, and the median of those.
fn by_group(
    title: &str,
    results: &Results,
    reference: usize,
    value: impl Fn(&Runs, usize, usize) -> f64 + Copy,
) -> String {
    let names = results.names();
    let mut table = Table::new(title, &format!("geometric mean / {REFERENCE}"), &names);
    for group in groups(results) {
        let runs = of_group(results, &group);
        let ratio = |at| Ratio::of(means(&runs, at, reference, value)).to_string();
        table.row(&format!("{group} ({})", runs.len()), (0..names.len()).map(ratio).collect());
    }
    table.finish()
}

/// The ratio in the middle, and what the reference itself takes.
fn by_workload(
    title: &str,
    unit: &str,
    results: &Results,
    reference: usize,
    value: impl Fn(&Runs, usize, usize) -> f64 + Copy,
) -> String {
    let mut columns = results.names();
    let absolute = format!("{REFERENCE}, {unit}");
    columns.push(&absolute);
    let mut table = Table::new(title, &format!("ratio / {REFERENCE}"), &columns);
    for runs in &results.runs {
        let ratio = |at| Ratio::of(means(&[runs], at, reference, value)).to_string();
        let mut cells: Vec<String> = (0..results.mallocs.len()).map(ratio).collect();
        let own = statistics::median((0..runs.passes()).map(|pass| value(runs, reference, pass)).collect());
        cells.push(format!("{own:.2}"));
        table.row(&runs.full_name(), cells);
    }
    table.finish()
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

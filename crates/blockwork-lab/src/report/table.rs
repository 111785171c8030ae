//! The comparison for people.

use std::fmt::Write as _;

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};

use super::{facts::Facts, stats::Spread, verdict::Verdict};
use crate::{
    replay::{
        candidate::Kind,
        runner::{Figures, Outcome, Row},
    },
    text::{bytes, counted, grouped, percent},
};

/// How the terminal wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether rows may be emphasised.
    pub emphasis: bool,
    /// Columns, where there is a terminal.
    pub width: Option<u16>,
}

/// The whole report: what was replayed, the rows, what they mean.
pub fn render(facts: &Facts, outcome: &Outcome, verdict: &Verdict, style: Style) -> String {
    let mut text = heading(facts, style);
    let driver = Spread::of(&outcome.driver);
    let _ = writeln!(text, "\n{}\n", rows(outcome, driver, verdict, style));
    for row in &outcome.rows {
        if let Err(why) = &row.result {
            text.push_str(&wrap(&format!("{}: {why}", row.spec), style));
        }
    }
    if let Some(driver) = driver {
        text.push_str(&wrap(&method(driver, outcome.driver.len()), style));
    }
    text.push('\n');
    text.push_str(&wrap(&verdict.text, style));
    text
}

fn heading(facts: &Facts, style: Style) -> String {
    let asked = format!(
        "{}: {}, {} asked for, peak {} = {}, {}",
        facts.name,
        counted(facts.events, "event", "events"),
        bytes(facts.requested_bytes),
        counted(facts.peak_live_blocks, "block", "blocks"),
        bytes(facts.peak_live_bytes),
        counted(facts.threads, "thread", "threads"),
    );
    wrap(&asked, style)
}

/// What the columns mean.
fn method(driver: Spread, runs: usize) -> String {
    format!(
        "Replayed on one thread, in recorded order, every page touched. ns: processor time per event, median of {}; \
         net: without the {:.0} ns of the replay itself. held: most bytes taken from the system; of them inside: \
         rounding within blocks, outside: in no block. requests: to the parent. The bound never frees.",
        counted(runs as u64, "run", "runs"),
        driver.median
    )
}

fn rows(outcome: &Outcome, driver: Option<Spread>, verdict: &Verdict, style: Style) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = style.width {
        table.set_width(width);
    }
    if style.emphasis {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(["allocator", "", "ns", "net", "held", "inside", "outside", "requests"]);
    for row in &outcome.rows {
        let best = row.kind == Kind::Composition && verdict.best.as_deref() == Some(&row.spec);
        let cells = cells(row, driver, best).into_iter().map(|cell| emphasised(cell, best && style.emphasis));
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn emphasised(text: String, strong: bool) -> Cell {
    let cell = Cell::new(text);
    if strong { cell.add_attribute(Attribute::Bold) } else { cell }
}

fn cells(row: &Row, driver: Option<Spread>, best: bool) -> Vec<String> {
    let mark = match row.kind {
        Kind::Baseline => "today",
        Kind::Bound => "bound",
        Kind::Composition if best => "best",
        Kind::Composition => "",
    };
    let mut cells = vec![row.spec.clone(), mark.to_owned()];
    match (&row.result, driver) {
        (Ok(figures), Some(driver)) => cells.extend(figures_of(figures, driver)),
        _ => cells.resize_with(8, || "–".into()),
    }
    cells
}

fn figures_of(figures: &Figures, driver: Spread) -> [String; 6] {
    let (ns, net) = Spread::of(&figures.ns)
        .map_or_else(|| ("–".into(), "–".into()), |spread| (format!("{:.0}", spread.median), net(spread, driver)));
    let peak = figures.peak;
    [
        ns,
        net,
        bytes(peak.held),
        percent(peak.internal_waste(), peak.held),
        percent(peak.external_waste(), peak.held),
        figures.requests.map_or_else(|| "–".into(), grouped),
    ]
}

/// The time above the driver, or the noise that it drowns in.
fn net(spread: Spread, driver: Spread) -> String {
    let net = spread.median - driver.median;
    let noise = spread.noise.unwrap_or(0.0) + driver.noise.unwrap_or(0.0);
    if net < noise { format!("< {}", noise.ceil().max(1.0)) } else { format!("{net:.0}") }
}

/// Columns of prose where there is no terminal.
const READABLE: usize = 100;

/// Lines of at most the terminal's width, broken at spaces.
fn wrap(text: &str, style: Style) -> String {
    let width = style.width.map_or(READABLE, usize::from);
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let len = word.chars().count();
        if column > 0 && column + 1 + len > width {
            lines.push('\n');
            column = 0;
        }
        if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += len;
    }
    lines.push('\n');
    lines
}

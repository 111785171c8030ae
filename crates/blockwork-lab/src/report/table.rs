//! The comparison for people.

use std::fmt::Write as _;

use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use super::{facts::Facts, stats::Spread, verdict::Verdict};
use crate::{
    replay::{
        candidate::Kind,
        runner::{Figures, Outcome, Row},
    },
    text::{bytes, counted, grouped, percent},
};

/// The columns, the most telling first.
const COLUMNS: [&str; 8] = ["allocator", "", "ns", "net", "held", "inside", "outside", "requests"];
/// Of them, those for terminals that are narrower than [`WIDE`]: more would
/// leave no room for the first.
const NARROW_COLUMNS: usize = 5;
const WIDE: u16 = 76;

/// How the terminal wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether rows may be emphasised.
    pub emphasis: bool,
    /// Columns that fit.
    pub width: u16,
}

impl Style {
    /// How many of [`COLUMNS`] fit.
    fn columns(self) -> usize {
        if self.width < WIDE { NARROW_COLUMNS } else { COLUMNS.len() }
    }
}

/// The whole report: what was replayed, the rows, what they mean.
pub fn render(facts: &Facts, outcome: &Outcome, verdict: &Verdict, style: Style) -> String {
    let mut text = heading(facts, style);
    let driver = Spread::of(&outcome.driver);
    let _ = writeln!(text, "\n{}\n", rows(outcome, driver, verdict, style).trim_fmt());
    for row in &outcome.rows {
        if let Err(why) = &row.result {
            text.push_str(&wrap(&format!("{}: {why}", row.spec), style));
        }
    }
    if let Some(driver) = driver {
        text.push_str(&wrap(&method(driver, outcome.driver.len(), style), style));
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
fn method(driver: Spread, runs: usize, style: Style) -> String {
    let held = if style.columns() == COLUMNS.len() {
        "held: most bytes taken from the system; of them inside: rounding within blocks, outside: in no block. \
         requests: to the parent"
    } else {
        "held: most bytes taken from the system. Waste and requests: where there is more room"
    };
    format!(
        "Replayed on one thread, without locks or the program's own work, every page touched. ns: processor time per \
         event, median of {}; net: without the {:.0} ns of the replay itself. {held}. The bound never frees.",
        counted(runs as u64, "run", "runs"),
        driver.median
    )
}

fn rows(outcome: &Outcome, driver: Option<Spread>, verdict: &Verdict, style: Style) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(style.width);
    if style.emphasis {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(COLUMNS.into_iter().take(style.columns()));
    for row in &outcome.rows {
        let best = row.kind == Kind::Composition && verdict.best.as_deref() == Some(&row.spec);
        let cells = cells(row, driver, best)
            .into_iter()
            .take(style.columns())
            .map(|cell| emphasised(cell, best && style.emphasis));
        table.add_row(cells);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_constraint(ColumnConstraint::ContentWidth);
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
        _ => cells.resize_with(COLUMNS.len(), || "–".into()),
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

/// Lines that fit, broken at spaces.
fn wrap(text: &str, style: Style) -> String {
    let width = usize::from(style.width);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::books::Moment;

    const SPEC: &str = "let s = span_pool(4k, 256k) over pages; segregate(<=2k: slab(quad 16..2k, 16k) over s, else s)";

    fn row(kind: Kind, spec: &str, ns: f64) -> Row {
        let peak = Moment { held: 4_000_000, metadata: None, granted: 3_000_000, asked: 2_000_000 };
        Row {
            spec: spec.into(),
            kind,
            result: Ok(Figures { ns: vec![ns, ns + 2.0], peak, requests: Some(12_345), ..Figures::default() }),
        }
    }

    fn report(style: Style) -> String {
        let failed = Row { result: Err("failed: out of memory".into()), ..row(Kind::Composition, "memo", 0.0) };
        let rows = vec![row(Kind::Baseline, "system", 60.0), row(Kind::Composition, SPEC, 22.0), failed];
        let outcome = Outcome { driver: vec![20.0, 21.0], rows, ..Outcome::default() };
        let facts = Facts { name: "prog".into(), events: 2_000_000, threads: 2, ..Facts::default() };
        render(&facts, &outcome, &Verdict::of(&facts, &outcome), style)
    }

    #[test]
    fn everything_fits_the_terminal() {
        for width in [48, 60, 80, 100, 200] {
            let text = report(Style { emphasis: false, width });
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width.into()), "{text}");
            assert!(text.lines().count() < 40, "{text}");
        }
    }

    #[test]
    fn figures_stand_in_their_columns() {
        let text = report(Style { emphasis: false, width: 200 });
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>().join(" ");
        assert_eq!(words(line("system")), "system today 61 40 4.0 MB 25 % 25 % 12,345");
        assert!(words(line("let s")).ends_with("best 23 < 3 4.0 MB 25 % 25 % 12,345"), "{text}");
        assert_eq!(words(line("memo  ")), "memo – – – – – –");
        assert_eq!(line("memo: "), "memo: failed: out of memory");
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn the_best_row_is_emphasised_where_that_is_wanted() {
        assert!(report(Style { emphasis: true, width: 100 }).contains("\x1b[1m"));
    }
}

//! The comparison for people.

use std::fmt::Write as _;

use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use super::{
    columns::{Column, Overhead},
    facts::Facts,
    stats::Spread,
    verdict::Verdict,
};
use crate::{
    replay::{
        candidate::Kind,
        child::Threads,
        driver::marks::Touch,
        runner::{Outcome, Row},
    },
    text::{bytes, counted},
};

/// What the first two columns take with less than all of a composition's text,
/// which is broken into lines then.
const NAMES: usize = 32;

/// How the terminal wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether rows may be emphasised.
    pub emphasis: bool,
    /// Columns that fit.
    pub width: u16,
}

impl Style {
    /// The columns that fit, behind the allocator and its mark.
    fn columns(self) -> Vec<Column> {
        Column::that_fit(usize::from(self.width).saturating_sub(NAMES))
    }
}

/// The whole report: what was replayed, the rows, what they mean.
pub fn render(facts: &Facts, outcome: &Outcome, verdict: &Verdict, style: Style) -> String {
    let mut text = heading(facts, style);
    let overhead = Overhead::of(outcome);
    let _ = writeln!(text, "\n{}\n", rows(outcome, overhead, verdict, style).trim_fmt());
    for row in &outcome.rows {
        if let Err(why) = &row.result {
            text.push_str(&wrap(&format!("{}: {why}", row.spec), style));
        }
    }
    if let Some(overhead) = overhead {
        text.push_str(&wrap(&method(outcome, overhead.driver, style), style));
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
fn method(outcome: &Outcome, driver: Spread, style: Style) -> String {
    let columns = style.columns();
    let is_told = |column: &Column| !columns.iter().any(|other| column.is_explained_by(*other));
    let meanings: Vec<_> =
        columns.iter().filter(|column| is_told(column)).filter_map(|column| column.meaning()).collect();
    let threads = match outcome.method.threads {
        Threads::Flat => "on one thread, without locks or",
        Threads::Exact => "on the threads that called, compositions behind one lock, without",
    };
    let touched = match outcome.method.touch {
        Touch::None => "no block touched",
        Touch::Ends => "both ends of blocks touched",
        Touch::Pages => "every page touched",
        Touch::All => "every byte touched",
    };
    format!(
        "Replayed {threads} the program's own work, {touched}. ns: processor time per event, median of {}; net: \
         without the {:.0} ns of the replay itself; {}. The bound never frees; models are simulated.",
        counted(outcome.driver.len() as u64, "run", "runs"),
        driver.median,
        meanings.join("; ")
    )
}

fn rows(outcome: &Outcome, overhead: Option<Overhead>, verdict: &Verdict, style: Style) -> Table {
    let mut table = plain(style);
    let columns = style.columns();
    table.set_header(["allocator", ""].into_iter().chain(columns.iter().map(|column| column.title())));
    for row in &outcome.rows {
        let best = matches!(row.kind, Kind::Composition | Kind::Library) && verdict.best.as_deref() == Some(&row.spec);
        let cells = cells(row, &columns, overhead, best);
        table.add_row(cells.map(|cell| emphasised(cell, best && style.emphasis)));
    }
    align(&mut table, 2);
    table
}

/// A table without lines that fits the terminal.
pub fn plain(style: Style) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(style.width);
    if style.emphasis {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

/// Only the first column is narrowed; figures, behind so many columns of `words`, end
/// below each other.
pub fn align(table: &mut Table, words: usize) {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// A cell, bold if it is to stand out.
pub fn emphasised(text: String, strong: bool) -> Cell {
    let cell = Cell::new(text);
    if strong { cell.add_attribute(Attribute::Bold) } else { cell }
}

fn cells(row: &Row, columns: &[Column], overhead: Option<Overhead>, best: bool) -> impl Iterator<Item = String> {
    let mark = match row.kind {
        Kind::Baseline => "today",
        Kind::Bound => "bound",
        Kind::Model => "model",
        Kind::Library | Kind::Composition if best => "best",
        Kind::Library | Kind::Composition => "",
    };
    let cell = move |column: &Column| {
        let figures = row.result.as_ref().ok();
        figures.map_or_else(|| "–".into(), |figures| column.cell(figures, overhead))
    };
    [row.spec.clone(), mark.to_owned()].into_iter().chain(columns.iter().map(cell))
}

/// Lines that fit, broken at spaces.
pub fn wrap(text: &str, style: Style) -> String {
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
    use crate::replay::{books::Moment, latency::Latencies, runner::Figures};

    const SPEC: &str = "let s = span_pool(4k, 256k) over pages; segregate(<=2k: slab(quad 16..2k, 16k) over s, else s)";

    fn row(kind: Kind, spec: &str, ns: f64) -> Row {
        let peak = Moment { held: 4_000_000, metadata: None, granted: 3_000_000, asked: 2_000_000 };
        Row {
            spec: spec.into(),
            kind,
            result: Ok(Figures {
                ns: vec![ns, ns + 2.0],
                calls: Latencies::of(vec![35; 100]),
                peak,
                peak_live: 2_500_000,
                resident: Some(3_900_000),
                faults: Some(950),
                requests: Some(12_345),
                ..Figures::default()
            }),
        }
    }

    fn report(style: Style) -> String {
        let failed = Row { result: Err("failed: out of memory".into()), ..row(Kind::Composition, "memo", 0.0) };
        let rows = vec![row(Kind::Baseline, "system", 60.0), row(Kind::Composition, SPEC, 22.0), failed];
        let outcome = Outcome { driver: vec![20.0, 21.0], clock: Latencies::of(vec![25]), rows, ..Outcome::default() };
        let facts = Facts { name: "prog".into(), events: 2_000_000, threads: 2, ..Facts::default() };
        render(&facts, &outcome, &Verdict::of(&facts, &outcome), style)
    }

    #[test]
    fn everything_fits_the_terminal() {
        for width in [48, 60, 80, 100, 140, 200, 240] {
            let text = report(Style { emphasis: false, width });
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(width.into()), "{text}");
            assert!(text.lines().count() < 40, "{text}");
        }
    }

    #[test]
    fn figures_stand_in_their_columns() {
        let text = report(Style { emphasis: false, width: 240 });
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>().join(" ");
        assert_eq!(words(line("system")), "system today 61 40 10 10 4.0 MB 3.9 MB 25 % 25 % – 100 % 60 % 12,345 950");
        assert!(
            words(line("let s")).ends_with("best 23 < 3 10 10 4.0 MB 3.9 MB 25 % 25 % – 100 % 60 % 12,345 950"),
            "{text}"
        );
        assert_eq!(words(line("memo  ")), "memo – – – – – – – – – – – – – –");
        assert_eq!(line("memo: "), "memo: failed: out of memory");
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn the_best_row_is_emphasised_where_that_is_wanted() {
        assert!(report(Style { emphasis: true, width: 100 }).contains("\x1b[1m"));
    }
}

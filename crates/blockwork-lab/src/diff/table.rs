//! The changes, for people.

use std::fmt::Write as _;

use super::{Diff, Unit};
use crate::{
    report::table::{Style, align, plain},
    text::{bytes, grouped},
};

/// All tables, within `width` columns.
pub fn render(diff: &Diff, width: u16) -> String {
    let mut text = String::new();
    for part in &diff.tables {
        let mut table = plain(Style { width, emphasis: false });
        let [before, after] = diff.names.each_ref().map(|name| short(name));
        table.set_header([part.title.clone(), before, after, "change".into()]);
        for change in &part.changes {
            let [before, after] = [change.before, change.after].map(|figure| shown(change.unit, figure));
            table.add_row([change.what.clone(), before, after, change.words()]);
        }
        align(&mut table, 1);
        // Writing into a string does not fail.
        let _ = writeln!(text, "{}\n", table.trim_fmt());
    }
    text.push_str(&diff.text);
    text.push('\n');
    text
}

/// The last part of a name, as much of it as a column has room for.
fn short(name: &str) -> String {
    const LONG: usize = 16;
    let name = crate::text::base_name(name.as_ref());
    if name.chars().count() <= LONG { name } else { name.chars().take(LONG - 1).chain(['…']).collect() }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures that came from whole numbers")]
fn shown(unit: Unit, figure: Option<f64>) -> String {
    match (unit, figure) {
        (_, None) => "–".into(),
        (Unit::Count, Some(figure)) => grouped(figure as u64),
        (Unit::Bytes, Some(figure)) => bytes(figure as u64),
        (Unit::Nanoseconds, Some(figure)) => format!("{figure:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Change;

    #[test]
    fn everything_fits_the_terminal() {
        let long = "let s = span_pool(4k, 256k) over pages; segregate(<=2k: slab(quad 16..2k, 16k) over s, else s)";
        let diff = Diff {
            names: ["some/where/a-very-long-name.4711.bwrec", "b.bwrec"].map(String::from),
            tables: vec![crate::diff::Table {
                title: "most bytes held".into(),
                changes: vec![Change::new(long, Unit::Bytes, 1_000_000, 2_500_000)],
            }],
            text: "Same.".into(),
        };
        for width in [60, 80, 120] {
            let text = render(&diff, width);
            assert!(text.lines().all(|line| line.chars().count() <= width.into()), "{text}");
            assert!(text.contains("1.0 MB") && text.contains("+150 %"), "{text}");
        }
    }
}

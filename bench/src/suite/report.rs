//! What is printed: a table for each workload, and the bars that are counted
//! rather than timed.

use std::fmt::Write as _;

use bench::json;

use crate::{
    compare::{Row, Verdict},
    kinds::Workload,
};

/// One workload's table, as Markdown.
pub(crate) fn table(workload: &Workload, rows: &[Row]) -> String {
    let wide = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut text = format!(
        "\n### {}\n\nOne operation: {}.\n\n| {:<wide$} | time × |    noise | |\n|{:-<wide$}--|-------:|---------:|---|\n",
        workload.name, workload.operation, "candidate", ""
    );
    for row in rows {
        let noise = format!("± {:.1} %", row.noise * 100.0);
        writeln!(text, "| {:<wide$} | {:>6} | {noise:>8} | {} |", row.name, ratio(row.ratio), verdict(row.verdict))
            .expect("writing to a string");
    }
    text
}

/// The same, for who makes a page of it.
pub(crate) fn json(workload: &Workload, rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        let mut fields = vec![
            ("name", json::text(row.name)),
            ("ns", json::number(Some(row.time))),
            ("ratio", json::number(Some(row.ratio))),
            ("noise", json::number(Some(row.noise))),
        ];
        let level = match row.verdict {
            Verdict::Reference => "reference",
            Verdict::Level => "level",
            Verdict::Differs => "differs",
            Verdict::Bar(held) => {
                fields.push(("held", held.json()));
                "bar"
            }
        };
        fields.push(("verdict", json::text(level)));
        json::object(&fields)
    });
    json::object(&[
        ("name", json::text(workload.name)),
        ("operation", json::text(workload.operation)),
        ("reference", json::text(workload.reference)),
        ("rows", json::array(rows)),
    ])
}

/// Three digits, however small or large.
fn ratio(ratio: f64) -> String {
    match ratio {
        ..0.1 => format!("{ratio:.4}"),
        0.1..10.0 => format!("{ratio:.2}"),
        _ => format!("{ratio:.0}"),
    }
}

fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Reference => "reference".to_owned(),
        Verdict::Differs => String::new(),
        Verdict::Level => "level, within noise".to_owned(),
        Verdict::Bar(held) => held.to_string(),
    }
}

/// The paths of `instructions.txt` that have a bar, as Markdown.
pub(crate) fn counted() -> String {
    let mut text = String::from(
        "\n### Counted\n\nInstructions per operation, from `instructions.txt`, which `cargo xtask instr` checks.\n\n\
         | path | instructions | |\n|---|---:|---|\n",
    );
    for line in include_str!("../../instructions.txt").lines() {
        let Some((path, bar)) = line.split_once("  bar ") else { continue };
        let Some((name, count)) = path.trim_end().rsplit_once(' ') else { continue };
        let met = match (count.parse::<f64>(), bar.trim().parse::<f64>()) {
            (Ok(count), Ok(bar)) if count <= bar => "met",
            _ => "**missed**",
        };
        writeln!(text, "| {} | {count} | bar {bar}: {met} |", name.trim_end()).expect("writing to a string");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_has_three_digits() {
        assert_eq!([ratio(0.00712), ratio(1.0), ratio(123.4)], ["0.0071", "1.00", "123"]);
    }

    #[test]
    fn the_counted_bars_are_read_and_met() {
        let counted = counted();
        assert!(counted.contains("| arena: 8 bytes | 6.0 | bar 7: met |"), "{counted}");
    }
}

//! What is printed: a table for each workload, and the bars that are counted
//! rather than timed.

use std::fmt::Write as _;

use bench::json;

use crate::{
    compare::{Row, Verdict},
    kinds::{LOOP, Workload},
};

/// One workload's table, as Markdown.
pub(crate) fn table(workload: &Workload, rows: &[Row]) -> String {
    let wide = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let alone = instructions(workload.name, LOOP);
    let counted = if alone.is_some() { "net ins" } else { "ins" };
    let mut text = format!(
        "\n### {}\n\nOne operation: {}.\n\n\
         | {:<wide$} | time × |    noise |  net × |       ns | {counted:>7} | |\n\
         |{:-<wide$}--|-------:|---------:|-------:|---------:|--------:|---|\n",
        workload.name, workload.operation, "candidate", ""
    );
    for row in rows {
        let noise = format!("± {:.1} %", row.noise * 100.0);
        let net = row.net.map(ratio).unwrap_or_default();
        let own = instructions(workload.name, row.name);
        // What the loop itself takes stands in its own row.
        let own = own.map(|own| if row.name == LOOP { own } else { own - alone.unwrap_or(0.0) });
        let own = own.map(|own| format!("{own:.1}")).unwrap_or_default();
        writeln!(
            text,
            "| {:<wide$} | {:>6} | {noise:>8} | {net:>6} | {:>8} | {own:>7} | {} |",
            row.name,
            ratio(row.ratio),
            ratio(row.nanoseconds),
            verdict(row.verdict)
        )
        .expect("writing to a string");
    }
    text
}

/// The same, for who makes a page of it.
pub(crate) fn json(workload: &Workload, rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        let mut fields = vec![
            ("name", json::text(row.name)),
            ("ns", json::number(Some(row.nanoseconds))),
            ("ratio", json::number(Some(row.ratio))),
            ("net", json::number(row.net)),
            ("instructions", json::number(instructions(workload.name, row.name))),
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
            Verdict::Nanoseconds(held, own) => {
                fields.extend([("held", held.json()), ("own", json::number(Some(own)))]);
                "nanoseconds"
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

/// What `cargo xtask bench --count` has counted for a candidate, the loop included.
fn instructions(workload: &str, candidate: &str) -> Option<f64> {
    include_str!("../../peers.txt").lines().find_map(|line| {
        let rest = line.strip_prefix(workload)?.strip_prefix(' ')?.trim_start();
        rest.strip_prefix(candidate)?.strip_prefix(' ')?.trim().parse().ok()
    })
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
        Verdict::Nanoseconds(held, time) => format!("{} ns beyond the loop, {held}", ratio(time)),
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
    fn the_instructions_of_a_candidate_are_those_of_its_whole_name() {
        let (pool, per_chunk) = ("blockwork BlockPool", "blockwork BlockPool, PerChunk");
        assert!(instructions("fixed/pair", pool) < instructions("fixed/pair", per_chunk));
        assert_eq!(instructions("fixed/pair", "blockwork"), None);
        assert_eq!(instructions("fixed", pool), None);
    }

    #[test]
    fn the_counted_bars_are_read_and_met() {
        let counted = counted();
        assert!(counted.contains("| arena: 8 bytes | 6.0 | bar 7: met |"), "{counted}");
    }
}

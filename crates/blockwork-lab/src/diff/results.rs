//! Two comparisons.

use super::{Change, Diff, Table, Unit};
use crate::results::{Candidate, Results};

/// Less of a change in time than this share counts as noise.
const SHARE: f64 = 0.05;

/// What changed from one to the other.
pub fn results(names: [String; 2], before: &Results, after: &Results) -> Diff {
    let mut tables = vec![recording(before, after)];
    for (title, pick) in [("net nanoseconds per event", time as Pick), ("most bytes held", held)] {
        let mut changes: Vec<Change> = Vec::new();
        for row in &before.candidates {
            let same = after.candidates.iter().find(|other| other.spec == row.spec);
            changes.push(pick(&row.spec, (before, Some(row)), (after, same)));
        }
        let is_new = |row: &&Candidate| before.candidates.iter().all(|other| other.spec != row.spec);
        changes.extend(
            after.candidates.iter().filter(is_new).map(|row| pick(&row.spec, (before, None), (after, Some(row)))),
        );
        changes.retain(|change| change.before.is_some() || change.after.is_some());
        tables.push(Table { title: title.into(), changes });
    }
    let [was, is] = [before, after].map(|results| results.verdict.best.as_deref().unwrap_or("none"));
    let text = if was == is {
        format!("The verdict is the same: {was}.")
    } else {
        format!("The verdict was {was}, and is {is}. {}", after.verdict.text)
    };
    tables.retain(|table| !table.changes.is_empty());
    Diff { names, tables, text }
}

type Row<'a> = (&'a Results, Option<&'a Candidate>);
type Pick = fn(&str, Row<'_>, Row<'_>) -> Change;

fn recording(before: &Results, after: &Results) -> Table {
    let (a, b) = (&before.recording, &after.recording);
    let changes = vec![
        Change::new("events", Unit::Count, a.events, b.events),
        Change::new("bytes asked for", Unit::Bytes, a.requested_bytes, b.requested_bytes),
        Change::new("bytes live at the peak", Unit::Bytes, a.peak_live_bytes, b.peak_live_bytes),
        Change::new("blocks live at most", Unit::Count, a.peak_live_blocks, b.peak_live_blocks),
    ];
    Table { title: "the recordings".into(), changes }
}

fn time(what: &str, before: Row<'_>, after: Row<'_>) -> Change {
    let net = |(results, row): Row<'_>| row.and_then(|row| results.net(row));
    let spread = |(_, row): Row<'_>| row.and_then(|row| row.ns_per_event);
    // Runs of the one reach into those of the other, or there is next to no difference.
    let is_noise = spread(before).zip(spread(after)).is_some_and(|(a, b)| {
        let overlap = a.min <= b.max && b.min <= a.max;
        overlap || (a.median - b.median).abs() < a.median * SHARE
    });
    Change { what: what.into(), unit: Unit::Nanoseconds, before: net(before), after: net(after), is_noise }
}

fn held(what: &str, before: Row<'_>, after: Row<'_>) -> Change {
    let held = |(_, row): Row<'_>| row.and_then(|row| row.peak_held_bytes).map(|held| held as f64);
    Change { what: what.into(), unit: Unit::Bytes, before: held(before), after: held(after), is_noise: false }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compared(best: &str, rows: &[(&str, [f64; 3], u64)]) -> Results {
        let row = |(spec, [min, median, max], held): &(&str, [f64; 3], u64)| {
            json!({"spec": spec, "kind": "composition", "peak_held_bytes": held,
                   "ns_per_event": {"median": median, "min": min, "max": max}})
        };
        let object = json!({
            "recording": {"name": "ls", "events": 6, "requested_bytes": 1, "peak_live_blocks": 2, "peak_live_bytes": 3,
                          "threads": 1},
            "candidates": rows.iter().map(row).collect::<Vec<_>>(),
            "driver_ns_per_event": 2.0,
            "verdict": {"best": best, "text": "It helps."},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn allocators_are_found_again_and_noise_is_told_from_change() {
        let before =
            compared("a", &[("a", [9.0, 10.0, 11.0], 100), ("b", [20.0, 22.0, 23.0], 100), ("c", [5.0; 3], 1)]);
        let after = compared("b", &[("b", [11.0, 12.0, 13.0], 50), ("a", [10.0, 11.0, 15.0], 100), ("d", [5.0; 3], 1)]);
        let diff = results(["a", "b"].map(String::from), &before, &after);
        let words: Vec<_> =
            diff.tables[1].changes.iter().map(|change| (change.what.as_str(), change.words())).collect();
        let expected = [("a", "within noise"), ("b", "−50 %"), ("c", "gone"), ("d", "new")];
        assert_eq!(words, expected.map(|(what, words)| (what, words.to_owned())));
        assert_eq!(diff.tables[2].changes[1].words(), "−50 %");
        assert_eq!(diff.text, "The verdict was a, and is b. It helps.");
    }
}

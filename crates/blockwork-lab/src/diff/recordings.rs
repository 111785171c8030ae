//! Two recordings.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{Change, Diff, Table, Unit};
use crate::{
    survey::{size_class, size_label},
    trace::{Kind, Trace},
};

/// Sizes and sites that are named.
const TOP: usize = 12;
/// Calls that tell sites apart; their numbers mean nothing in the other recording.
const CALLS: usize = 4;

/// What changed from one to the other.
pub fn recordings(names: [String; 2], before: &Trace, after: &Trace) -> Diff {
    let tables = [totals(before, after), sizes(before, after), sites(before, after)];
    let tables: Vec<Table> = tables.into_iter().filter(|table| !table.changes.is_empty()).collect();
    let figure = |what: &str| {
        let found = tables.iter().flat_map(|table| &table.changes).find(|change| change.what == what);
        found.map_or_else(|| "–".into(), Change::words)
    };
    let text = if tables.iter().flat_map(|table| &table.changes).all(|change| change.more() == 0.0) {
        "Both ask for the same, as far as it is counted here.".into()
    } else {
        format!(
            "Events {}, bytes asked for {}, bytes live at the peak {}.",
            figure("events"),
            figure("bytes asked for"),
            figure("bytes live at the peak")
        )
    };
    Diff { names, tables, text }
}

fn totals(before: &Trace, after: &Trace) -> Table {
    let (a, b) = (&before.tally, &after.tally);
    let (x, y) = (a.totals(), b.totals());
    let count = |what, before, after| Change::new(what, Unit::Count, before, after);
    let bytes = |what, before, after| Change::new(what, Unit::Bytes, before, after);
    let changes = vec![
        count("events", x.events(), y.events()),
        count("allocations", x.allocations, y.allocations),
        count("reallocations", x.reallocations, y.reallocations),
        count("frees", x.frees, y.frees),
        bytes("bytes asked for", a.requested_bytes(), b.requested_bytes()),
        bytes("bytes live at the peak", a.peak_live_bytes(), b.peak_live_bytes()),
        count("blocks live at most", a.peak_live_blocks(), b.peak_live_blocks()),
        bytes("bytes live at the end", a.live_bytes(), b.live_bytes()),
        count("threads", a.threads(), b.threads()),
        count("frees of no live block", x.strays, y.strays),
    ];
    Table { title: "in all".into(), changes }
}

/// The classes of sizes whose requests changed most.
fn sizes(before: &Trace, after: &Trace) -> Table {
    let by_class = |trace: &Trace| {
        let mut classes = BTreeMap::<u8, u64>::new();
        for op in trace.ops.iter().filter(|op| op.kind != Kind::Free) {
            *classes.entry(size_class(op.size)).or_default() += 1;
        }
        classes
    };
    let name = |class: u8| match size_label(class.into()) {
        label if label == "more" => label,
        label => format!("up to {label}"),
    };
    Table {
        title: "requests by size".into(),
        changes: most_changed(&by_class(before), &by_class(after), Unit::Count, name),
    }
}

/// The call sites whose bytes changed most, by the names of their functions.
fn sites(before: &Trace, after: &Trace) -> Table {
    let title = "bytes asked for by call site".into();
    if before.sites.is_empty() || after.sites.is_empty() {
        return Table { title, changes: Vec::new() };
    }
    let by_site = |trace: &Trace| {
        let mut stacks = BTreeMap::<u32, u64>::new();
        for (event, op) in trace.ops.iter().enumerate().filter(|(_, op)| op.kind != Kind::Free) {
            let bytes = stacks.entry(trace.sites.of(event)).or_default();
            *bytes = bytes.saturating_add(op.size);
        }
        let mut named = BTreeMap::<String, u64>::new();
        for (stack, bytes) in stacks {
            let functions = trace.sites.frames(stack).take(CALLS);
            let names: Vec<_> =
                functions.map(|frame| frame.function.clone().unwrap_or_else(|| frame.short())).collect();
            let sum = named.entry(names.join(" ← ")).or_default();
            *sum = sum.saturating_add(bytes);
        }
        named
    };
    let name = |site: String| if site.is_empty() { "not known".into() } else { site };
    Table { title, changes: most_changed(&by_site(before), &by_site(after), Unit::Bytes, name) }
}

fn most_changed<K: Ord + Clone>(
    before: &BTreeMap<K, u64>,
    after: &BTreeMap<K, u64>,
    unit: Unit,
    name: impl Fn(K) -> String,
) -> Vec<Change> {
    let mut keys: Vec<&K> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let at = |figures: &BTreeMap<K, u64>, key: &K| figures.get(key).copied().unwrap_or(0);
    let mut changed: Vec<_> = keys.into_iter().map(|key| (at(before, key), at(after, key), key)).collect();
    changed.retain(|(before, after, _)| before != after);
    changed.sort_by_key(|(before, after, _)| Reverse(before.abs_diff(*after)));
    changed
        .into_iter()
        .take(TOP)
        .map(|(before, after, key)| Change::new(name(key.clone()), unit, before, after))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        replay::testing::{Ops, trace},
        trace::Sink,
    };

    fn tallied(ops: Ops) -> Trace {
        let mut trace = trace([ops]);
        for op in trace.ops.clone() {
            trace.tally.op(op);
        }
        trace
    }

    #[test]
    fn what_changed_is_told_the_most_first() {
        let before = tallied(Ops::new().alloc(0, 100).alloc(1, 8));
        let after = tallied(Ops::new().alloc(0, 100).alloc(1, 5000).alloc(2, 5000).free(0));
        let diff = recordings(["a", "b"].map(String::from), &before, &after);
        let [totals, sizes] = diff.tables.as_slice() else { panic!("{diff:?}") };
        assert_eq!(totals.changes[0], Change::new("events", Unit::Count, 2, 4));
        let named: Vec<_> = sizes.changes.iter().map(|change| (change.what.as_str(), change.words())).collect();
        assert_eq!(named, [("up to 6k", "new".into()), ("up to 8", "gone".into())]);
        assert!(diff.text.starts_with("Events +100 %"), "{}", diff.text);
    }

    #[test]
    fn of_the_same_twice_it_says_so() {
        let diff = recordings(
            ["a", "b"].map(String::from),
            &tallied(Ops::new().alloc(0, 9)),
            &tallied(Ops::new().alloc(0, 9)),
        );
        assert!(diff.text.starts_with("Both ask for the same"), "{}", diff.text);
    }
}

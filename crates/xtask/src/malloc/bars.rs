//! What our malloc has to reach, and whether it does.
//!
//! Every row is a ratio to what it may be at most, so that 1 is the bar. It is met at 1.05 and below, with threads at
//! 1.15: by as much runs of the same differ.

use std::fmt::Write as _;

use super::{
    results::{Results, Runs},
    statistics::{self, Ratio},
};
use crate::picture::{grouped, three_digits};

/// Ours.
pub(super) const OWN: &str = "blockwork";
/// Merges blocks of different sizes, which no peer with size classes does.
const WITHOUT_CLASSES: &str = "glibc";
const LEEWAY: f64 = 1.05;
const LEEWAY_OF_THREADS: f64 = 1.15;
/// A tenth of what `probe.c` frees in its spike, in KiB.
const BURST: f64 = 512.0 * 1024.0 / 10.0;

/// One row.
pub(super) struct Bar {
    what: String,
    /// What it may be at most, in words.
    at_most: String,
    measured: String,
    /// The measured divided by the bar, and how far that may be off.
    ratio: Ratio,
    leeway: f64,
}

impl Bar {
    pub(super) fn is_met(&self) -> bool {
        self.ratio.median <= self.leeway
    }

    /// Whether noise could turn it.
    fn is_close(&self) -> bool {
        (self.ratio.median - self.leeway).abs() <= self.ratio.noise
    }

    fn verdict(&self) -> &'static str {
        match (self.is_met(), self.is_close()) {
            (true, false) => "met",
            (true, true) => "met, within noise",
            (false, true) => "**missed**, within noise",
            (false, false) => "**missed**",
        }
    }
}

/// All that can be told from these results.
pub(super) fn all(results: &Results) -> Vec<Bar> {
    let Some(own) = results.place(OWN) else { return Vec::new() };
    let mut bars = Vec::new();
    bars.extend(hit(results));
    let groups = groups(results);
    for group in &groups {
        bars.extend(best(results, own, group, "time", Runs::time));
    }
    for peer in ["rpmalloc", "jemalloc"] {
        bars.extend(against(results, own, "all", peer, "peak memory", Runs::peak));
    }
    bars.extend(large(results, own));
    bars.extend(held(results, own, "spike-used", "512 MiB freed, after 3 s of light use", Some(BURST)));
    bars.extend(held(results, own, "spike-idle", "512 MiB freed, after 3 s of nothing", Some(BURST)));
    bars.extend(held(results, own, "holes", "holes", None));
    bars.extend(held(results, own, "drift", "drift", None));
    bars.extend(held(results, own, "exits", "threads that end: more than after the first round", Some(64.0)));
    bars.extend(held(results, own, "once", "a program that allocates once", Some(1.6 * 1024.0)));
    bars.extend(faults(results, own));
    bars.extend(free_only(results, own));
    for (name, at_most) in [("lifo1/16", 44.0), ("lifo1/20000", 190.0), ("lifo1/200000", 190.0)] {
        bars.extend(pair(results, own, name, at_most));
    }
    bars
}

/// The groups there are, and all of them.
pub(super) fn groups(results: &Results) -> Vec<String> {
    let mut groups: Vec<String> = results.runs.iter().map(|runs| runs.group.clone()).collect();
    groups.dedup();
    groups.push("all".to_owned());
    groups
}

/// The workloads of a group.
pub(super) fn of_group<'a>(results: &'a Results, group: &str) -> Vec<&'a Runs> {
    results.runs.iter().filter(|runs| group == "all" || runs.group == group).collect()
}

/// The geometric means of each pass, of one malloc divided by another.
pub(super) fn means(
    runs: &[&Runs],
    malloc: usize,
    other: usize,
    value: impl Fn(&Runs, usize, usize) -> f64,
) -> Vec<f64> {
    let passes = runs.iter().map(|runs| runs.passes()).min().unwrap_or_default();
    let mean =
        |pass| statistics::geometric_mean(runs.iter().map(|runs| value(runs, malloc, pass) / value(runs, other, pass)));
    (0..passes).map(mean).collect()
}

fn leeway(group: &str) -> f64 {
    if matches!(group, "private" | "cross") { LEEWAY_OF_THREADS } else { LEEWAY }
}

/// Ours against the peer that is best at this group.
fn best(
    results: &Results,
    own: usize,
    group: &str,
    what: &str,
    value: impl Fn(&Runs, usize, usize) -> f64 + Copy,
) -> Option<Bar> {
    let runs = of_group(results, group);
    let peers = (0..results.mallocs.len()).filter(|&at| at != own);
    let best = peers
        .map(|peer| (peer, statistics::median(means(&runs, peer, own, value))))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(peer, _)| peer)?;
    against(results, own, group, &results.mallocs[best].0, what, value)
}

/// Ours against a peer at a group.
fn against(
    results: &Results,
    own: usize,
    group: &str,
    peer: &str,
    what: &str,
    value: impl Fn(&Runs, usize, usize) -> f64,
) -> Option<Bar> {
    let ratio = Ratio::of(means(&of_group(results, group), own, results.place(peer)?, value));
    Some(Bar {
        what: format!("{what}, group `{group}`, geometric mean"),
        at_most: format!("{peer}'s"),
        measured: format!("{ratio} of it"),
        ratio,
        leeway: leeway(group),
    })
}

#[expect(clippy::cast_precision_loss, reason = "small")]
fn hit(results: &Results) -> Option<Bar> {
    let [malloc, free] = results.hit?;
    Some(Bar {
        what: "instructions from call to return with a block in hand, malloc + free".to_owned(),
        at_most: "16 + 23".to_owned(),
        measured: format!("{malloc} + {free}"),
        ratio: Ratio::exact((malloc as f64 / 16.0).max(free as f64 / 23.0)),
        leeway: 1.0,
    })
}

/// 1 to 16 MiB: allocate, touch, free.
fn large(results: &Results, own: usize) -> Option<Bar> {
    let runs = results.runs.iter().find(|runs| runs.full_name() == "single/large")?;
    let peer = results.place("tcmalloc").or_else(|| {
        let median = |at| statistics::median(means(&[runs], at, own, Runs::time));
        (0..results.mallocs.len()).filter(|&at| at != own).min_by(|&a, &b| median(a).total_cmp(&median(b)))
    })?;
    let ratio = Ratio::of(means(&[runs], own, peer, Runs::time));
    Some(Bar {
        what: "1 to 16 MiB: allocate, touch, free (`single/large`)".to_owned(),
        at_most: format!("{}'s", results.mallocs[peer].0),
        measured: format!("{ratio} of it"),
        ratio,
        leeway: LEEWAY,
    })
}

/// KiB held, at most so many, or as the best peer with size classes.
fn held(results: &Results, own: usize, probe: &str, what: &str, at_most: Option<f64>) -> Option<Bar> {
    let probe = results.probe(probe)?;
    let held = *probe.held.get(own)?;
    let kibibytes = |number: f64| format!("{} KiB", grouped(number));
    let (bar, words) = match at_most {
        Some(bar) => (bar, kibibytes(bar)),
        None => {
            let peers = results.mallocs.iter().zip(&probe.held).enumerate();
            let peers = peers.filter(|(at, ((name, _), _))| *at != own && name != WITHOUT_CLASSES);
            let (_, ((name, _), &least)) = peers.min_by(|a, b| a.1.1.total_cmp(b.1.1))?;
            (least, format!("{}, as {name}, the best with size classes", kibibytes(least)))
        }
    };
    let leeway = if at_most.is_some() { 1.0 } else { LEEWAY };
    Some(Bar {
        what: format!("memory held: {what}"),
        at_most: words,
        measured: kibibytes(held),
        ratio: Ratio::exact(held / bar),
        leeway,
    })
}

fn faults(results: &Results, own: usize) -> Option<Bar> {
    let faults = *results.probe("once")?.faults.get(own)?;
    Some(Bar {
        what: "page faults of a program that allocates once".to_owned(),
        at_most: "120".to_owned(),
        measured: grouped(faults),
        ratio: Ratio::exact(faults / 120.0),
        leeway: 1.0,
    })
}

/// A thread that only frees stays bounded: by what the best peer needs.
fn free_only(results: &Results, own: usize) -> Option<Bar> {
    let runs = results.runs.iter().find(|runs| runs.full_name() == "cross/free-only")?;
    let median = |at| statistics::median(means(&[runs], at, own, Runs::peak));
    let peer = (0..results.mallocs.len()).filter(|&at| at != own).min_by(|&a, &b| median(a).total_cmp(&median(b)))?;
    let ratio = Ratio::of(means(&[runs], own, peer, Runs::peak));
    Some(Bar {
        what: "peak memory where threads only free (`cross/free-only`)".to_owned(),
        at_most: format!("{}'s, the least", results.mallocs[peer].0),
        measured: format!("{ratio} of it"),
        ratio,
        leeway: LEEWAY_OF_THREADS,
    })
}

/// Instructions of a pair.
fn pair(results: &Results, own: usize, name: &str, at_most: f64) -> Option<Bar> {
    let pairs = results.pairs.iter().find(|pairs| pairs.name == name)?;
    let count = *pairs.counts.get(own)?;
    Some(Bar {
        what: format!("instructions of a pair, counted: {}", pairs.meaning),
        at_most: grouped(at_most),
        measured: grouped(count),
        ratio: Ratio::exact(count / at_most),
        leeway: 1.0,
    })
}

/// The rows as Markdown.
pub(super) fn table(results: &Results) -> String {
    let bars = all(results);
    if bars.is_empty() {
        return String::new();
    }
    let met = bars.iter().filter(|bar| bar.is_met()).count();
    let mut text = format!(
        "## The bars\n\n{met} of {} are met. A ratio to a peer counts as met up to {LEEWAY}, between threads up to \
         {LEEWAY_OF_THREADS}; a fixed number as it is. \"Within noise\": half the range of the middle half of the \
         passes could turn it.\n\n\
         | what | at most | measured | of the bar | |\n|---|---|---|---:|---|\n",
        bars.len()
    );
    for bar in &bars {
        let Bar { what, at_most, measured, ratio, .. } = bar;
        let share = three_digits(ratio.median);
        writeln!(text, "| {what} | {at_most} | {measured} | {share} | {} |", bar.verdict())
            .expect("writing to a string");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::{super::results::tests::two, *};

    #[test]
    fn a_bar_is_met_where_we_are_level_with_the_best() {
        let bars = all(&two());
        let of = |what: &str| bars.iter().find(|bar| bar.what.starts_with(what)).unwrap();
        assert!(of("time, group `app`").is_met());
        assert!(of("instructions from call").is_met());
        assert!(of("memory held: 512 MiB freed, after 3 s of light use").is_met());
        assert!(of("memory held: a program that allocates once").is_met());
        assert!(of("page faults").is_met());
        assert!((of("time, group `cross`").ratio.median - 0.9).abs() < 1e-9);
    }

    #[test]
    fn without_ours_there_are_no_bars() {
        let mut results = two();
        results.mallocs[1].0 = "other".to_owned();
        assert!(all(&results).is_empty());
    }
}

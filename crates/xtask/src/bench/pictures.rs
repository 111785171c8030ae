//! The pictures of the page: how costs grow, and memory beside peers.

use super::results::Results;
use crate::{
    json::Json,
    picture::{Chart, Line, grouped},
};

/// Title and file of a picture, by the name of what was measured.
const TITLES: &[(&str, &str)] = &[
    ("growth/blocks", "Blocks of one size: what a replacement costs as more are alive"),
    ("growth/shuffled", "Blocks of one size, freed in random order: what a whole cycle costs as they become more"),
    ("growth/values", "Values found by keys: what a replacement costs as more are alive"),
    ("growth/spans", "Spans: what a replacement costs as more are alive"),
    ("growth/around", "What stands around a pool: what a replacement costs as more blocks are alive"),
    ("growth/region", "Blocks that end together: what one costs as a region grows"),
    ("growth/vector", "Vectors: what a push costs as they grow"),
    ("growth/map", "Hash maps: what an entry costs as they grow"),
    ("growth/size", "Blocks of any size: what a replacement costs as they become larger"),
    ("growth/aligned", "Blocks aligned to their size: what a pair costs as they become larger"),
    ("pairs", "Threads that share an allocator: what a pair costs as they become more"),
    ("handed over", "Blocks that another thread frees: what one costs as threads become more"),
    ("memory/blocks", "Blocks of one size: the memory taken for them"),
    ("memory/values", "Values found by keys: the memory taken for them"),
    ("memory/region", "Blocks that end together: the memory taken for them"),
    ("memory/mixed", "Blocks of mixed sizes: the memory taken for them"),
    ("memory/spans", "Spans: the memory taken for them"),
];

/// What a measurement is called on the page.
pub(super) fn title(name: &str) -> &str {
    TITLES.iter().find(|(one, _)| *one == name).map_or(name, |(_, title)| title)
}

/// The file in which its picture is.
pub(super) fn file(name: &str) -> String {
    let prefix = if name.contains('/') { "" } else { "threads-" };
    format!("{prefix}{}.svg", name.replace(['/', ' '], "-"))
}

/// Where memory depends on how many there are, rather than on their size.
pub(super) fn file_of_live(name: &str) -> String {
    format!("{}-live.svg", name.replace('/', "-"))
}

/// Files and what goes there.
pub(super) fn all(results: &Results) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (part, unit) in [("growth", "ns for an operation"), ("threads", "ns of a core for a pair")] {
        for growth in results.data.get(part).get("growth").list() {
            all.push((file(growth.get("name").text()), grown(growth, unit).draw()));
        }
    }
    for job in results.data.get("memory").get("memory").list() {
        let name = job.get("name").text();
        all.push((file(name), of_sizes(job).draw()));
        all.push((file_of_live(name), of_live(job).draw()));
    }
    all
}

/// Whether a candidate is ours.
pub(super) fn is_ours(name: &str) -> bool {
    const OURS: &[&str] = &[
        "blockwork ",
        "Pages: ",
        "ThreadCached",
        "ConcurrentBlockPool",
        "Locked by SpinLock",
        "BlockPool alone",
        "Counted",
        "Quota",
        "Scrubbed",
        "Sampled",
        "Checked",
        "Fallback",
        "LastResort",
        "Locked",
    ];
    // The lock around our pool is somebody else's.
    let foreign = ["Locked by spin", "Locked by parking_lot", "Locked by Mutex"];
    OURS.iter().any(|ours| name.starts_with(ours)) && !foreign.contains(&name)
}

/// Without what all of ours begin with: they are drawn in colour.
fn short(name: &str) -> String {
    name.strip_prefix("blockwork ").unwrap_or(name).to_owned()
}

fn grown(growth: &Json, unit: &str) -> Chart {
    let axis = growth.get("axis").text();
    let points: Vec<f64> = growth.get("points").numbers().into_iter().flatten().collect();
    let line = |line: &Json| Line {
        name: short(line.get("name").text()),
        is_ours: is_ours(line.get("name").text()),
        values: line.get("ns").numbers(),
    };
    Chart {
        title: title(growth.get("name").text()).to_owned(),
        subtitle: format!("{}. In colour: blockwork.", sentence(growth.get("operation").text())),
        x_title: axis.to_owned(),
        y_title: unit.to_owned(),
        points: points.iter().map(|&point| (point, said(point, axis))).collect(),
        lines: growth.get("lines").list().iter().map(line).collect(),
        also: None,
    }
}

/// With a capital letter, and without a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A number on an axis.
pub(super) fn said(point: f64, axis: &str) -> String {
    let units: &[(f64, &str)] = if axis.starts_with("bytes") {
        &[(1_048_576.0, " MiB"), (1024.0, " KiB"), (1.0, " B")]
    } else {
        &[(1e6, " M"), (1e4, " k"), (1.0, "")]
    };
    let (unit, name) = units.iter().copied().find(|(unit, _)| point >= *unit).unwrap_or((1.0, ""));
    // "10 k", but "1,000".
    let unit = if name == " k" { 1e3 } else { unit };
    grouped(point / unit) + name
}

/// How many blocks a candidate is asked for at once, on average.
pub(super) fn average(job: &str) -> f64 {
    if job == "memory/spans" { 4.5 } else { 1.0 }
}

/// Bytes beyond a block: what was taken if that was counted, or what is resident.
pub(super) fn overhead(line: &Json, size: usize, live: usize) -> Option<f64> {
    let cell = |of: &str| line.get(of).list().get(size)?.list().get(live)?.number();
    cell("taken").or_else(|| cell("resident"))
}

/// Whether what a candidate takes was counted.
pub(super) fn is_counted(line: &Json) -> bool {
    overheads_of(line, "taken").any(|cell| cell.is_some())
}

fn overheads_of<'a>(line: &'a Json, of: &str) -> impl Iterator<Item = Option<f64>> + use<'a> {
    line.get(of).list().iter().flat_map(Json::numbers)
}

fn named(line: &Json) -> String {
    let name = short(line.get("name").text());
    if is_counted(line) { name } else { name + ", resident" }
}

const HOW: &str = "Bytes taken for each byte that is asked for; 1 is nothing beyond. Counted by the parent, or, of mallocs, \
                   as resident pages. In colour: blockwork.";

/// 100,000 blocks, by size.
fn of_sizes(job: &Json) -> Chart {
    let name = job.get("name").text();
    let sizes: Vec<f64> = job.get("sizes").numbers().into_iter().flatten().collect();
    let live = place(job, 100_000.0);
    let line = |line: &Json| Line {
        name: named(line),
        is_ours: is_ours(line.get("name").text()),
        values: sizes
            .iter()
            .enumerate()
            .map(|(at, size)| Some(1.0 + overhead(line, at, live?)? / (size * average(name))))
            .collect(),
    };
    Chart {
        title: title(name).to_owned(),
        subtitle: format!("{}, of which 100,000 are alive. {HOW}", sentence(job.get("what").text())),
        x_title: if name == "memory/spans" { "bytes in a block of the spans" } else { "bytes in a block" }.to_owned(),
        y_title: "bytes taken for a byte".to_owned(),
        points: sizes.iter().map(|&size| (size, said(size, "bytes"))).collect(),
        lines: job.get("lines").list().iter().map(line).collect(),
        also: Some(1.0),
    }
}

/// Blocks of 64 bytes, by their number.
fn of_live(job: &Json) -> Chart {
    let name = job.get("name").text();
    let numbers: Vec<f64> = job.get("live").numbers().into_iter().flatten().collect();
    let size = job.get("sizes").numbers().iter().position(|&size| size == Some(64.0)).unwrap_or_default();
    let bytes = 64.0 * average(name);
    // Of a hundred blocks the pages of mallocs say nothing.
    let at = |line: &Json, at: usize| (is_counted(line) || at >= 2).then(|| overhead(line, size, at)).flatten();
    let line = |line: &Json| Line {
        name: named(line),
        is_ours: is_ours(line.get("name").text()),
        values: (0..numbers.len()).map(|number| Some(1.0 + at(line, number)? / bytes)).collect(),
    };
    Chart {
        title: format!("{}, by their number", title(name)),
        subtitle: format!("{}: 64 bytes. {HOW}", sentence(job.get("what").text())),
        x_title: "alive".to_owned(),
        y_title: "bytes taken for a byte".to_owned(),
        points: numbers.iter().map(|&number| (number, said(number, "live"))).collect(),
        lines: job.get("lines").list().iter().map(line).collect(),
        also: Some(1.0),
    }
}

/// Where `number` stands among the numbers of live blocks.
pub(super) fn place(job: &Json, number: f64) -> Option<usize> {
    job.get("live").numbers().iter().position(|&live| live == Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_said_in_short() {
        assert_eq!(
            [100.0, 1e3, 1e4, 1e5, 1e7].map(|point| said(point, "live blocks")),
            ["100", "1,000", "10 k", "100 k", "10 M"]
        );
        assert_eq!([8.0, 2048.0, 1048576.0].map(|point| said(point, "bytes in a block")), ["8 B", "2 KiB", "1 MiB"]);
    }

    #[test]
    fn ours_are_told_from_peers() {
        assert!(is_ours("blockwork Arena") && is_ours("Locked by SpinLock") && is_ours("Quota"));
        assert!(!is_ours("mimalloc") && !is_ours("Locked by parking_lot") && !is_ours("free list by hand"));
    }

    #[test]
    fn every_picture_has_a_file_of_its_own() {
        assert_eq!(file("growth/blocks"), "growth-blocks.svg");
        assert_eq!(file("handed over"), "threads-handed-over.svg");
        assert_eq!(file_of_live("memory/blocks"), "memory-blocks-live.svg");
    }
}

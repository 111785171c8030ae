//! The page: bars first, then how costs grow, threads, memory, and each table.

use std::fmt::Write as _;

use super::{
    bars,
    pictures::{average, file, file_of_live, is_counted, overhead, place, said, sentence, title},
    results::Results,
};
use crate::{json::Json, picture::three_digits};

const HEAD: &str = "\
# Results

What the parts of this library cost beside their peers, measured by one command: `cargo xtask bench --results` writes this page, its pictures, and
[results.json](results.json), of which both are made. [How it is measured](README.md#how-it-is-measured), and [where the numbers
mislead](#where-the-numbers-mislead). The malloc has [a page of its own](RESULTS-malloc.md).

";

const MISLEAD: &str = "\
## Where the numbers mislead

[README.md](README.md#where-the-numbers-mislead) explains the tables. Of the pictures:

- **Both axes are logarithmic.** A straight line upwards is a power; what is level does not grow.
- **What grows with live objects is mostly the cache.** A replacement of a random one of ten million touches lines that no cache holds, whoever manages them: compare with
  `free list by hand`, which does nothing else. Page tables add to that beyond a million.
- **A point is the middle of four passes**, of two at ten million, in processes of their own. Small kinks are noise: what is typical stands below each table.
- **A region until its reset** is set up for its size, where that can be said, so that no growth is in the picture; who frees each block pays for it here.
- **More threads than cores**: the time is what the cores had, divided by the pairs of all threads. A lock whose owner sleeps costs all of them turns of milliseconds;
  how many is a matter of luck, so lines of locks beyond the cores are rough.
- **Bytes taken** are what the parent was asked for; a parent's own headers are not in them, and what is *resident* includes them. Of few blocks it is the size of a chunk
  that one sees. `slab`, `slotmap` and vectors double, so at other numbers they have up to half of their memory free; the powers of ten are where they are.
- **Resident** memory of a malloc includes what it sets up at its first use, and mimalloc's huge pages, which are whole or not at all.
";

/// The candidate that does all that a workload does, but for allocating.
const LOOP: &str = "the loop alone";

/// Why a job or a workload takes what it does, where a peer takes less.
const WHY: &[(&str, &str)] = &[
    (
        "fixed/cold",
        "What is in the system's `malloc` here is page faults; see [decision 0013](../docs/decisions/0013-blocks-are-carved-a-page-at-a-time.md), also for a run of more passes.",
    ),
    (
        "collections/push",
        "std's vectors grow by `realloc`, which may leave them where they are. The contract of this library has growing in place only, which `System` cannot do, so a `List` \
         over it is copied at each doubling. Over a `SpanPool` or an `Arena` nothing is copied.",
    ),
    (
        "collections/push-with-room",
        "All of them execute the same instructions, and wait for the same store of the length; at which of several paces, a run decides \
         ([where the numbers mislead](README.md#where-the-numbers-mislead)).",
    ),
    (
        "typed/get",
        "A `Pool` never moves a value, so a key leads to a row first, and then into it. slab and slotmap have all in one vector, and move all when it grows. \
         *Rows by hand* do what a `Pool` does, and no more.",
    ),
    (
        "spans/churn-1e2",
        "Free neighbours join at once, which mimalloc and jemalloc do not do for blocks this small: [decision 0014](../docs/decisions/0014-a-span-pool-is-flat-in-steps.md).",
    ),
    (
        "memory/blocks",
        "A `ConcurrentBlockPool` has a link of four bytes beside each block, because a block that another thread owns may not be read; \
         `Malloc` has no class below 16 bytes, which is what C asks of it.",
    ),
    (
        "memory/values",
        "All four keep a word beside each value, for its generation or the next free one. `Pool` never moves a value: its chunks \
         double as vectors do, but the old ones stay, so nothing is held twice while it grows. At which numbers half is free differs.",
    ),
    (
        "memory/region",
        "An `Arena`'s spans double up to 1 MiB, and then are all of that; the others double without end, so what they have free at the end is a \
         matter of the number: up to half.",
    ),
    (
        "memory/mixed",
        "Four classes to a doubling waste a tenth on average, and begin at 16 bytes where jemalloc has one of 8. The system's `malloc` has no classes, but a word before \
         each block and sizes in steps of 16, which is less for blocks above 160 bytes or so. The *fine* classes, every 8 bytes at first and every 64 at last, take less \
         than any peer up to 256 bytes, and are within a hundredth of the system's beyond if there are many blocks: \
         [decision 0016](../docs/decisions/0016-fine-classes-instead-of-headers.md). `Heap` takes its parent's memory a megabyte at a time.",
    ),
    (
        "memory/spans",
        "A `SpanPool` has its books outside of the blocks: two words for each block. Spans are whole blocks, as they were asked for.",
    ),
];

/// The whole page.
pub(super) fn text(results: &Results) -> String {
    let data = &results.data;
    let mut text = HEAD.to_owned();
    text += &machine(results);
    text += &bars::table(results);
    let growth = data.get("growth").get("growth").list();
    if !growth.is_empty() {
        text += "## How costs grow\n\nNanoseconds for an operation, over what there is more of. Our parts are in colour.\n\n";
        growth.iter().for_each(|growth| text += &grown(growth));
    }
    text += &threads(data.get("threads"));
    let jobs = data.get("memory").get("memory").list();
    if !jobs.is_empty() {
        text += "## Memory\n\nBytes that are taken for each block beyond those that were asked for, at the moment when all are alive. All \
                 grow from nothing, ours in chunks of 16 blocks, or of a kibibyte of them if that is more, and of a page or of 32 slots where \
                 slabs are aligned (`bench/src/suite/memory/holders.rs`). *Resident* is \
                 read from `smaps_rollup` after every byte was written, in a process of its own.\n\n";
        jobs.iter().for_each(|job| text += &memory(job));
    }
    let tables = data.get("tables").get("tables").list();
    if !tables.is_empty() {
        text += "## Workload by workload\n\nTimes divided by that of the reference in the same pass, in the middle of the passes; *net* is without what the loop itself takes, and *ins* are instructions by callgrind.\n\n";
        tables.iter().for_each(|table| text += &compared(table));
    }
    text += &counted(&results.counts);
    text + MISLEAD
}

/// Where and when: a column for each part that was measured at another time.
fn machine(results: &Results) -> String {
    let mut text = String::from("| | |\n|---|---|\n");
    let parts: Vec<(&str, &Json)> = results.data.entries().map(|(name, part)| (name, part.get("machine"))).collect();
    for what in ["date", "commit", "processor", "system", "compiler", "peers"] {
        let mut said: Vec<(String, Vec<&str>)> = Vec::new();
        for (name, machine) in &parts {
            let value = machine.get(what).text().to_owned();
            match said.iter_mut().find(|(one, _)| *one == value) {
                Some((_, names)) => names.push(name),
                None => said.push((value, vec![name])),
            }
        }
        let cell = match said.as_slice() {
            [(one, _)] => one.clone(),
            all => all
                .iter()
                .map(|(value, names)| format!("{}: {value}", names.join(", ")))
                .collect::<Vec<_>>()
                .join("<br>"),
        };
        writeln!(text, "| {what} | {cell} |").expect("writing to a string");
    }
    text + "\n"
}

/// A picture, and its numbers behind a fold.
fn grown(growth: &Json) -> String {
    let (name, axis) = (growth.get("name").text(), growth.get("axis").text());
    let mut text = format!(
        "### {name}\n\n![{}](pictures/{})\n\n<details><summary>Numbers</summary>\n\nOne operation: {}. In ns.\n\n| {axis} |",
        title(name),
        file(name),
        growth.get("operation").text().trim_end_matches('.')
    );
    let points = growth.get("points").numbers();
    for point in points.iter().flatten() {
        write!(text, " {} |", said(*point, axis)).expect("writing to a string");
    }
    write!(text, "\n|---|{}\n", "---:|".repeat(points.len())).expect("writing to a string");
    let mut noises = Vec::new();
    for line in growth.get("lines").list() {
        let cells: Vec<String> =
            line.get("ns").numbers().iter().map(|time| time.map_or("–".to_owned(), three_digits)).collect();
        writeln!(text, "| {} | {} |", line.get("name").text(), cells.join(" | ")).expect("writing to a string");
        noises.extend(line.get("noise").numbers().into_iter().flatten());
    }
    noises.sort_by(f64::total_cmp);
    let noise = noises.get(noises.len() / 2).copied().unwrap_or_default();
    let most = noises.last().copied().unwrap_or_default();
    text + &format!(
        "\nNoise: ± {:.0} % in the middle of all cells, ± {:.0} % at most.\n\n</details>\n\n",
        noise * 100.0,
        most * 100.0
    )
}

fn threads(part: &Json) -> String {
    let tables = part.get("tables").list();
    if tables.is_empty() {
        return String::new();
    }
    let mut text = "## Between threads\n\n".to_owned();
    part.get("growth").list().iter().for_each(|growth| text += &grown(growth));
    for table in tables {
        write!(
            text,
            "### {}\n\n{}\n\n| candidate | ns | best | x of jemalloc | x of the stack | noise |\n|---|---:|---:|---:|---:|---:|\n",
            table.get("name").text(),
            table.get("operation").text()
        )
        .expect("writing to a string");
        for row in table.get("rows").list() {
            let number = |name: &str| row.get(name).number();
            let cells =
                ["ns", "best", "of_jemalloc", "of_stack"].map(|name| number(name).map_or("–".to_owned(), three_digits));
            let noise = number("noise").unwrap_or_default() * 100.0;
            writeln!(text, "| {} | {} | ± {noise:.0} % |", row.get("name").text(), cells.join(" | "))
                .expect("writing to a string");
        }
        text.push('\n');
    }
    text += "### Bars between threads\n\n| candidate | work | compared with | x | |\n|---|---|---|---:|---|\n";
    for bar in part.get("bars").list() {
        let ratio = bar.get("ratio").number().map_or("–".to_owned(), three_digits);
        let [candidate, work, other] = ["candidate", "work", "other"].map(|name| bar.get(name).text());
        writeln!(text, "| {candidate} | {work} | {other} | {ratio} | {} |", held(bar.get("held")))
            .expect("writing to a string");
    }
    text + "\n"
}

/// How a bar held in the passes.
fn held(held: &Json) -> String {
    let number = |name: &str| held.get(name).number().unwrap_or_default();
    let word = match held.get("met") {
        Json::Bool(true) => "met",
        Json::Bool(false) => "**missed**",
        _ => "undecided, within noise",
    };
    format!("bar {}: {word}, {:.0} of {:.0} passes", number("bar"), number("passes"), number("of"))
}

/// Two pictures of a job, and all cells behind a fold.
fn memory(job: &Json) -> String {
    let name = job.get("name").text();
    let sizes: Vec<f64> = job.get("sizes").numbers().into_iter().flatten().collect();
    let numbers: Vec<f64> = job.get("live").numbers().into_iter().flatten().collect();
    let mut text = format!(
        "### {name}\n\n![{}](pictures/{})\n\n![The same by their number](pictures/{})\n\n",
        title(name),
        file(name),
        file_of_live(name)
    );
    let average = if average(name) == 1.0 {
        String::new()
    } else {
        format!(", of which a span has {} on average", average(name))
    };
    write!(text, "Bytes beyond each of 100,000, by the bytes in a block{average}:\n\n").expect("writing to a string");
    text += &place(job, 100_000.0).map_or_else(String::new, |live| cells(job, &sizes, live));
    text += &why(name);
    text += "\n<details><summary>Other numbers of live blocks</summary>\n";
    for (live, number) in numbers.iter().enumerate().filter(|(_, number)| **number != 100_000.0) {
        write!(text, "\n{} alive:\n\n{}", said(*number, "live"), cells(job, &sizes, live))
            .expect("writing to a string");
    }
    text + "\n</details>\n\n"
}

fn cells(job: &Json, sizes: &[f64], live: usize) -> String {
    let mut text = String::from("| |");
    sizes.iter().for_each(|size| write!(text, " {} |", said(*size, "bytes")).expect("writing to a string"));
    write!(text, "\n|---|{}\n", "---:|".repeat(sizes.len())).expect("writing to a string");
    for line in job.get("lines").list() {
        let how = if is_counted(line) { "" } else { ", resident" };
        write!(text, "| {}{how} |", line.get("name").text()).expect("writing to a string");
        for size in 0..sizes.len() {
            let cell = overhead(line, size, live).map_or("–".to_owned(), |beyond| format!("{beyond:.1}"));
            write!(text, " {cell} |").expect("writing to a string");
        }
        text.push('\n');
    }
    text
}

/// A table of ratios.
fn compared(table: &Json) -> String {
    let alone = table.get("rows").named(LOOP).get("instructions").number();
    let counted = if alone.is_some() { "net ins" } else { "ins" };
    let mut text = format!(
        "### {}\n\n{}.\n\n| candidate | time × | noise | net × | ns | {counted} | |\n|---|---:|---:|---:|---:|---:|---|\n",
        table.get("name").text(),
        sentence(table.get("operation").text())
    );
    for row in table.get("rows").list() {
        let number = |name: &str| row.get(name).number();
        let [ratio, net, time] = ["ratio", "net", "ns"].map(|name| number(name).map_or(String::new(), three_digits));
        // What the loop itself takes stands in its own row.
        let own = if row.get("name").text() == LOOP { None } else { alone };
        let own = number("instructions").map(|count| format!("{:.1}", count - own.unwrap_or_default()));
        let own = own.unwrap_or_default();
        let noise = number("noise").unwrap_or_default() * 100.0;
        let verdict = match row.get("verdict").text() {
            "reference" => "reference".to_owned(),
            "level" => "level, within noise".to_owned(),
            "bar" => held(row.get("held")),
            "nanoseconds" => {
                let own = number("own").map_or("–".to_owned(), three_digits);
                format!("{own} ns beyond the loop, {}", held(row.get("held")))
            }
            _ => String::new(),
        };
        let name = row.get("name").text();
        writeln!(text, "| {name} | {ratio} | ± {noise:.1} % | {net} | {time} | {own} | {verdict} |")
            .expect("writing to a string");
    }
    text + &why(table.get("name").text()) + "\n"
}

/// A paragraph, if there is something to explain.
fn why(name: &str) -> String {
    WHY.iter().find(|(one, _)| *one == name).map_or_else(String::new, |(_, why)| format!("\n{why}\n"))
}

/// The paths that have a bar of instructions.
fn counted(counts: &str) -> String {
    let mut text = String::from(
        "## Counted\n\nInstructions per operation, from `instructions.txt`, which `cargo xtask instr` checks; of all candidates: [peers.txt](peers.txt).\n\n\
         | path | instructions | |\n|---|---:|---|\n",
    );
    for line in counts.lines() {
        let Some((path, bar)) = line.split_once("  bar ") else { continue };
        let Some((name, count)) = path.trim_end().rsplit_once(' ') else { continue };
        let met = match (count.parse::<f64>(), bar.trim().parse::<f64>()) {
            (Ok(count), Ok(bar)) if count <= bar => "met",
            _ => "**missed**",
        };
        writeln!(text, "| {} | {count} | bar {bar}: {met} |", name.trim_end()).expect("writing to a string");
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_what_there_is_and_names_its_pictures() {
        let data = r#"{"growth":{"machine":{"date":"today"},"growth":[{"name":"growth/blocks","operation":"o","axis":"live blocks",
            "points":[100,1000],"lines":[{"name":"slab","ns":[1.5,null],"noise":[0.1,null]}]}]},
            "tables":{"machine":{"date":"yesterday"},"tables":[{"name":"fixed/pair","operation":"a pair","rows":[
                {"name":"slab","ns":2,"ratio":1.5,"noise":0.01,"verdict":"bar","held":{"bar":1,"passes":0,"of":11,"met":false}}]}]}}"#;
        let results = Results { data: Json::parse(data).unwrap(), counts: "arena: 8 bytes   6.0  bar 7\n".to_owned() };
        let page = text(&results);
        assert!(page.contains("| date | growth: today<br>tables: yesterday |"), "{page}");
        assert!(page.contains("(pictures/growth-blocks.svg)") && page.contains("| slab | 1.50 | – |"), "{page}");
        assert!(page.contains("bar 1: **missed**, 0 of 11 passes") && page.contains("bar 7: met"), "{page}");
    }
}

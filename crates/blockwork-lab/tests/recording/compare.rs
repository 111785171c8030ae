//! `blockwork compare` and `blockwork run`.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::support::{Bench, Run};

/// A recording that ships.
fn shipped(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recordings").join(name).with_extension("bwrec")
}

/// The object that `compare --json` prints of `file`, and what else it says.
#[track_caller]
fn compared(bench: &Bench, arguments: &[&str]) -> Value {
    let run = Run::of(bench.blockwork().args(["compare", "--json", "--runs", "1"]).args(arguments));
    assert_eq!(run.code, Some(0), "{run:?}");
    serde_json::from_str(&run.out).unwrap()
}

/// The row of the candidate whose composition begins so.
#[track_caller]
fn row<'a>(comparison: &'a Value, start: &str) -> &'a Value {
    let begins = |row: &&Value| row["spec"].as_str().unwrap().starts_with(start);
    comparison["candidates"].as_array().unwrap().iter().find(begins).unwrap()
}

#[test]
fn a_shipped_recording_goes_through_every_candidate() {
    let comparison = compared(&Bench::new(), &["--shipped", "python3"]);
    let recording = &comparison["recording"];
    assert_eq!((&recording["name"], &recording["events"]), (&Value::from("python3"), &Value::from(289_056)));
    let rows = comparison["candidates"].as_array().unwrap();
    assert!(rows.len() >= 6);
    for row in rows {
        let number = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{name} of {row}"));
        let waste = number("internal_waste_bytes") + number("external_waste_bytes");
        assert!(number("peak_held_bytes") > waste, "{row}");
        assert!(row["ns_per_event"]["min"].as_f64() > Some(0.0), "{row}");
        assert_eq!(row["parent_requests"].is_null(), row["kind"] == "baseline", "{row}");
        assert_eq!(row.get("note"), None, "{row}");
    }
    let bump = row(&comparison, "bump");
    assert_eq!(bump["kind"], "bound");
    assert!(bump["peak_held_bytes"].as_u64() >= recording["requested_bytes"].as_u64());
    let best = comparison["verdict"]["best"].as_str().unwrap();
    assert_ne!(row(&comparison, best)["kind"], "bound");
}

#[test]
fn what_is_written_down_is_a_row_of_its_own() {
    let spec = "let s = span_pool(4k) over pages; segregate(<=1k: slab(quad 16..1k) over s, else s)";
    let bench = Bench::new();
    let comparison =
        compared(&bench, &["--shipped", "cc1plus", "--only", "--with", spec, "--with", "bump(1k) over system"]);
    assert_eq!(comparison["candidates"].as_array().unwrap().len(), 3);
    let row = |start| row(&comparison, start);
    assert_eq!((&row("let s")["spec"], &row("let s")["kind"]), (&Value::from(spec), &Value::from("composition")));
    assert!(row("let s")["peak_held_bytes"].as_u64() > Some(0) && row("let s")["parent_requests"].as_u64() > Some(0));
    assert!(row("bump")["note"].as_str().unwrap().starts_with("failed: out of memory"), "{}", row("bump"));
}

#[test]
fn what_is_no_composition_is_refused_with_the_place() {
    let run = Run::of(Bench::new().blockwork().args(["compare", "--with", "memo over nowhere"]));
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
    run.says(&["`nowhere` is no part"]);
}

#[test]
fn what_can_be_read_of_a_damaged_recording_is_compared() {
    let bench = Bench::new();
    let whole = fs::read(shipped("python3")).unwrap();
    fs::write(bench.path().join("cut.bwrec"), &whole[..whole.len() - 10]).unwrap();
    let run = Run::of(bench.blockwork().args(["compare", "--runs", "1", "cut.bwrec"]));
    assert_eq!(run.code, Some(125), "{run:?}");
    run.says(&["cut.bwrec: the recording ends in the middle", "only the events before were replayed"]);
    assert!(run.out.contains("system") && run.out.contains("today"), "{run:?}");
}

#[test]
fn what_holds_no_events_cannot_be_compared() {
    let bench = Bench::new();
    fs::write(bench.path().join("empty.bwrec"), "").unwrap();
    for (file, why) in [("empty.bwrec", "the file is empty"), ("absent.bwrec", "cannot read absent.bwrec")] {
        let run = Run::of(bench.blockwork().args(["compare", file]));
        assert_eq!((run.code, run.out.as_str()), (Some(125), ""), "{run:?}");
        run.says(&[why]);
    }
}

#[test]
fn the_images_of_a_program_that_execs_are_replayed_one_by_one() {
    let bench = Bench::new();
    let source = r#"
        #include <stdlib.h>
        #include <unistd.h>
        int main(int count, char **arguments) {
            for (int i = 0; i < 1000; i++) malloc(count > 1 ? 1000 : 3000);
            if (count == 1) execl(arguments[0], arguments[0], "again", (char *)0);
            return 0;
        }"#;
    let Some(program) = bench.compile(source) else { return };
    bench.record([&program]);
    let comparison = compared(&bench, &["r.bwrec"]);
    assert_eq!(comparison["recording"]["events"], 2000);
    assert_eq!(comparison["recording"]["peak_live_bytes"], 3_000_000);
    let held = row(&comparison, "bump")["peak_held_bytes"].as_u64().unwrap();
    assert!((3_000_000..3_100_000).contains(&held), "{held}");
    assert_eq!(row(&comparison, "bump")["parent_requests"], 2);
}

#[test]
fn a_candidate_that_needs_too_much_memory_is_not_run_and_the_others_are() {
    let bench = Bench::new();
    // A bump takes the 104 MB that SQLite asks for; 64 MiB of these stay in reserve.
    let limited = format!(
        "ulimit -v 160000; exec {} compare --json --runs 1 {}",
        env!("CARGO_BIN_EXE_blockwork"),
        shipped("sqlite3").display()
    );
    let run = Run::of(Command::new("sh").args(["-c", &limited]).current_dir(bench.path()));
    assert_eq!(run.code, Some(0), "{run:?}");
    let comparison: Value = serde_json::from_str(&run.out).unwrap();
    let bump = row(&comparison, "bump");
    assert!(bump["note"].as_str().unwrap().starts_with("not run: needs 1"), "{bump}");
    assert!(bump["peak_held_bytes"].is_null() && bump["ns_per_event"].is_null());
    assert!(row(&comparison, "system")["peak_held_bytes"].is_u64());
    assert!(row(&comparison, "span_pool")["peak_held_bytes"].is_u64());
}

#[test]
fn a_table_is_as_wide_as_it_is_told() {
    let bench = Bench::new();
    let run = Run::of(bench.blockwork().args(["compare", "--runs", "1", "--shipped", "cc1plus"]).env("COLUMNS", "60"));
    assert!(run.out.lines().all(|line| line.chars().count() <= 60), "{}", run.out);
    assert!(run.out.contains("held") && !run.out.contains("outside"), "{}", run.out);
}

#[test]
fn nobody_needs_to_listen() {
    let bench = Bench::new();
    bench.record(["ls", "/"]);
    for (line, code) in [
        ("stats r.bwrec", 0),
        ("compare --runs 1 r.bwrec", 0),
        ("stats absent", 125),
        ("compare absent", 125),
        ("run --force --runs 1 -o r.bwrec -- ls", 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status =
            bench.blockwork().args(line.split(' ')).stderr(writer.try_clone().unwrap()).stdout(writer).status();
        assert_eq!(status.unwrap().code(), Some(code), "{line}");
    }
}

#[test]
fn run_records_compares_and_keeps_the_recording() {
    let bench = Bench::new();
    let run = Run::of(bench.blockwork().args(["run", "--runs", "1", "-o", "r.bwrec", "--", "sh", "-c", "exit 3"]));
    assert_eq!(run.code, Some(3), "{run:?}");
    run.says(&["Recorded r.bwrec", "next: blockwork stats r.bwrec"]);
    assert!(run.out.contains("system") && run.out.contains("Nothing helps"), "{run:?}");
    assert!(bench.stats().number("events") > 0);
}

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
        let is_model = row["kind"] == "model";
        for time in [&row["ns_per_event"]["min"], &row["ns_per_call"]["p99"], &row["page_faults"]] {
            assert_eq!(time.as_f64() > Some(0.0), !is_model, "{row}");
        }
        assert!(is_model || number("peak_resident_bytes") > number("peak_held_bytes") / 2, "{row}");
        assert!(row["held_to_live_then"].as_f64() >= row["held_to_most_live"].as_f64(), "{row}");
        assert!(row["held_to_most_live"].as_f64() > Some(1.0), "{row}");
        over_time(row);
        let is_malloc = row["kind"] == "baseline" || row["kind"] == "library";
        assert_eq!(row["parent_requests"].is_null(), is_malloc, "{row}");
        assert_eq!(row.get("note"), None, "{row}");
    }
    let bump = row(&comparison, "bump");
    assert_eq!(bump["kind"], "bound");
    assert!(bump["peak_held_bytes"].as_u64() >= recording["requested_bytes"].as_u64());
    let best = comparison["verdict"]["best"].as_str().unwrap();
    assert_ne!(row(&comparison, best)["kind"], "bound");
}

/// The curve of a row has its peak, and ends with the recording.
#[track_caller]
fn over_time(row: &Value) {
    let column = |name: &str| row["over_time"][name].as_array().unwrap();
    assert_eq!(column("event").len(), 256);
    assert_eq!(column("event").last(), Some(&Value::from(289_056)));
    let held = column("held").iter().map(|held| held.as_u64().unwrap());
    assert_eq!(held.max(), row["peak_held_bytes"].as_u64(), "{row}");
}

#[test]
fn models_have_parameters() {
    let with = ["first_fit(align 4, header 0, grow 64)", "best_fit(align 4,grow 64,header 0)", "powers_of_two"];
    let arguments: Vec<_> = with.iter().flat_map(|spec| ["--with", spec]).collect();
    let comparison = compared(&Bench::new(), &[&["--shipped", "sqlite3", "--only"], arguments.as_slice()].concat());
    let fragmentation = |start| {
        let row = row(&comparison, start);
        assert_eq!((&row["kind"], row["metadata_bytes"].as_u64()), (&Value::from("model"), Some(0)), "{row}");
        row["held_to_most_live"].as_f64().unwrap() - 1.0
    };
    // As Johnstone and Wilson found: the policy costs next to nothing, rounding all.
    assert!(fragmentation("first_fit(align 4, header 0, grow 64)") < 0.01);
    assert!(fragmentation("best_fit(align 4, header 0, grow 64)") < 0.01);
    assert!(fragmentation("powers_of_two(align 16, header 0, grow 4k)") > 0.5);
    let run = Run::of(Bench::new().blockwork().args(["compare", "--with", "best_fit(align 3)"]));
    assert_eq!(run.code, Some(2), "{run:?}");
    run.says(&["`align` must be a power of two"]);
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

/// A malloc that hands on to the machine's, and gives twice as much.
const DOUBLING: &str = r#"
    #include <stddef.h>
    void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
    void __libc_free(void *);
    void *malloc(size_t n) { return __libc_malloc(2 * n); }
    void *calloc(size_t n, size_t m) { return __libc_calloc(n, 2 * m); }
    void *realloc(void *p, size_t n) { return __libc_realloc(p, 2 * n); }
    void free(void *p) { __libc_free(p); }"#;

#[test]
fn a_malloc_that_is_preloaded_is_a_row_of_its_own() {
    let bench = Bench::new();
    let Some(library) = bench.compile_as("libdoubling.so", DOUBLING, &["-shared", "-fPIC"]) else { return };
    let library = library.to_str().unwrap();
    let comparison = compared(&bench, &["--shipped", "python3", "--only", "--malloc", library, "--malloc", library]);
    assert_eq!(comparison["candidates"].as_array().unwrap().len(), 2);
    let (today, doubling) = (row(&comparison, "system"), row(&comparison, "libdoubling.so"));
    assert_eq!((&doubling["kind"], doubling.get("note")), (&Value::from("library"), None), "{doubling}");
    let held = |row: &Value| row["peak_held_bytes"].as_u64().unwrap();
    assert!(held(doubling) > held(today) * 3 / 2, "{doubling} {today}");
}

#[test]
fn what_is_beyond_a_limit_has_a_code_of_its_own() {
    let bench = Bench::new();
    let compare = |limit: &[&str]| {
        let spec = "span_pool(4k) over pages";
        let mut command = bench.blockwork();
        Run::of(command.args(["compare", "--shipped", "cc1plus", "--only", "--runs", "1", "--with", spec]).args(limit))
    };
    let over = compare(&["--fail-over", "peak=+10%"]);
    assert_eq!(over.code, Some(98), "{over:?}");
    over.says(&["peak=+10%: span_pool(4k) over pages holds"]);
    assert_eq!(compare(&["--fail-over", "peak=+100000%"]).code, Some(0));
    assert_eq!(compare(&["--fail-over", "peak=10"]).code, Some(2));
    let nobody = Run::of(bench.blockwork().args(["compare", "--fail-over", "peak=+10%"]));
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
}

#[test]
fn threads_are_replayed_by_threads() {
    let bench = Bench::new();
    let source = r#"
        #include <pthread.h>
        #include <stdlib.h>
        static void *kept[4][500];
        static void *fill(void *kept) {
            for (int i = 0; i < 500; i++) ((void **)kept)[i] = malloc(100 + i);
            for (int i = 0; i < 3000; i++) free(malloc(i));
            return 0;
        }
        static void *drain(void *kept) {
            for (int i = 0; i < 500; i++) free(realloc(((void **)kept)[i], 700));
            return 0;
        }
        int main() {
            pthread_t threads[4];
            for (int t = 0; t < 4; t++) pthread_create(&threads[t], 0, fill, kept[t]);
            for (int t = 0; t < 4; t++) pthread_join(threads[t], 0);
            for (int t = 0; t < 4; t++) pthread_create(&threads[t], 0, drain, kept[t]);
            for (int t = 0; t < 4; t++) pthread_join(threads[t], 0);
            return 0;
        }"#;
    let Some(program) = bench.compile(source) else { return };
    bench.record([&program]);
    let [flat, exact] = ["flat", "exact"]
        .map(|threads| compared(&bench, &["r.bwrec", "--verify", "--touch", "ends", "--threads", threads]));
    assert_eq!(exact["method"], serde_json::json!({"threads": "exact", "touch": "ends"}));
    let both = |start| [row(&flat, start), row(&exact, start)];
    for start in ["system", "memo", "segregate", "span_pool", "let s"] {
        let [flat, exact] = both(start);
        assert_eq!(exact.get("note"), None, "{exact}");
        if flat["kind"] == "composition" && start != "memo" {
            // Behind a lock the order is the same, and so is all else.
            assert_eq!(flat["peak_held_bytes"], exact["peak_held_bytes"]);
            assert_eq!(flat["internal_waste_bytes"], exact["internal_waste_bytes"]);
        }
    }
}

#[test]
fn where_nothing_can_be_written_that_is_said() {
    let bench = Bench::new();
    let run = Run::of(bench.blockwork().args(["compare", "--shipped", "cc1plus"]).env("TMPDIR", "/absent"));
    assert_eq!((run.code, run.out.as_str()), (Some(125), ""), "{run:?}");
    run.says(&["no room for a temporary file in /absent"]);
}

#[test]
fn what_is_no_malloc_is_refused() {
    let bench = Bench::new();
    for (library, why) in [("/absent.so", "No such file"), (env!("CARGO_BIN_EXE_blockwork"), "defines no malloc")] {
        let run = Run::of(bench.blockwork().args(["compare", "--malloc", library]));
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        run.says(&[why]);
    }
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
    run.says(&["Recorded r.bwrec", "next: blockwork tune r.bwrec"]);
    assert!(run.out.contains("system") && run.out.contains("Nothing helps"), "{run:?}");
    assert!(bench.stats().number("events") > 0);
}

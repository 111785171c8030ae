//! Each format, read by the tool that it is for, where that is installed.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::{Bench, Run, has, skip};

/// A recording with call sites: 30 blocks of 100 bytes of which ten are freed, one
/// that grows from 1000 to 5000, and 50 that die at once.
fn recording(bench: &Bench) {
    let mut text = String::from("= Start\n");
    let mut line = |place: &str, rest: String| text += &format!("@ ./app:({place}+0x1)[0x10] {rest}\n");
    for block in 1..=30 {
        line("keep, \"all\"", format!("+ {:#x} 0x64", block * 256));
    }
    line("grow", "+ 0x90000 0x3e8".into());
    line("grow", "< 0x90000".into());
    line("grow", "> 0xa0000 0x1388".into());
    for block in 1..=10 {
        line("keep", format!("- {:#x}", block * 256));
    }
    for _ in 0..50 {
        line("brief;one", "+ 0xb0000 0x10".into());
        line("brief;one", "- 0xb0000".into());
    }
    fs::write(bench.path().join("app.txt"), text).unwrap();
}

/// Rows, and bytes of all of them; bytes when most are live, and at the end.
const ROWS: u64 = 30 + 2 + 50;
const BYTES: u64 = 3000 + 6000 + 800;
const PEAK: u64 = 3000 + 5000;
const LEFT: u64 = 2000 + 5000;

/// Exports the recording, to the file whose name is returned.
#[track_caller]
fn export(bench: &Bench, to: &str, more: &[&str]) -> String {
    recording(bench);
    let run = Run::of(bench.blockwork().args(["export", "app.txt", "--json", "--force", "--to", to]).args(more));
    assert_eq!(run.code, Some(0), "{run:?}");
    let written: Value = serde_json::from_str(&run.out).unwrap();
    let output = written["output"].as_str().unwrap().to_owned();
    let length = fs::metadata(bench.path().join(&output)).unwrap().len();
    assert_eq!(written["bytes"].as_u64(), Some(length));
    output
}

/// What `python3` prints of `script`, if it has the modules that it needs.
fn python(bench: &Bench, script: &str) -> Option<String> {
    if !has("python3") {
        return None;
    }
    let mut command = Command::new("python3");
    let run = Run::of(command.args(["-c", script]).current_dir(bench.path()));
    if run.err.contains("ModuleNotFoundError") {
        skip(run.err.lines().last().unwrap_or_default());
        return None;
    }
    assert_eq!(run.code, Some(0), "{run:?}");
    Some(run.out)
}

#[test]
fn tables_are_read_by_python() {
    let bench = Bench::new();
    let csv = export(&bench, "csv", &[]);
    let json = export(&bench, "json", &[]);
    let script = format!(
        "import csv, json\n\
         for rows in list(csv.DictReader(open('{csv}'))), json.load(open('{json}')):\n\
        \x20   size = sum(int(row['size']) for row in rows)\n\
        \x20   left = sum(int(row['size']) for row in rows if row['death'] in (None, ''))\n\
        \x20   sites = sorted(set(row['site'] for row in rows))\n\
        \x20   print(len(rows), size, left, sites)\n"
    );
    let Some(out) = python(&bench, &script) else { return };
    let line = format!("{ROWS} {BYTES} {LEFT} ['brief:one', 'grow', 'keep, \"all\"']\n");
    assert_eq!(out, line.repeat(2));
}

#[test]
fn the_queries_of_the_documentation_run() {
    let documentation = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lab-queries.md");
    let Ok(documentation) = fs::read_to_string(documentation) else { return skip("no docs in a package") };
    let queries: Vec<_> = documentation.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(queries.len(), 3);
    let bench = Bench::new();
    if Run::of(bench.blockwork().args(["export", "--help"])).out.contains("- parquet") {
        export(&bench, "parquet", &["-o", "heap.parquet"]);
        export(&bench, "parquet", &["-o", "same.parquet"]);
    } else {
        return skip("built without parquet");
    }
    fs::write(bench.path().join("queries.json"), serde_json::to_string(&queries).unwrap()).unwrap();
    let script = "import duckdb, json\n\
         for query in json.load(open('queries.json')):\n\
        \x20   print([list(map(lambda v: v if isinstance(v, (str, type(None))) else float(v), row)) for row in duckdb.sql(query).fetchall()])\n";
    let Some(out) = python(&bench, script) else { return };
    let expected = "[['grow', 1.0, 5000.0], ['keep, \"all\"', 30.0, 3000.0]]\n\
        [[16.0, 50.0, 61.0, 1.0, 1.0, 0.0, 0.0], [100.0, 30.0, 36.6, 32.0, 32.0, 20.0, 0.0], \
        [1000.0, 1.0, 1.2, 1.0, 1.0, 0.0, 0.0], [5000.0, 1.0, 1.2, None, None, 1.0, 0.0]]\n\
        [['heap.parquet', 'app', 8000.0], ['same.parquet', 'app', 8000.0]]\n";
    assert_eq!(out, expected);
}

#[test]
fn go_reads_the_profile_for_pprof() {
    let bench = Bench::new();
    let file = export(&bench, "pprof", &[]);
    if Command::new("go").args(["tool", "pprof", "-h"]).output().is_err() {
        return skip("no go");
    }
    let pprof = |arguments: &[&str]| {
        let mut command = Command::new("go");
        command.args(["tool", "pprof", "-symbolize=none", "-unit=B"]).args(arguments).arg(&file);
        let run = Run::of(command.current_dir(bench.path()).env("PPROF_TMPDIR", bench.path()));
        assert_eq!(run.code, Some(0), "{run:?}");
        run.out
    };
    for (index, total) in [("alloc_space", BYTES), ("inuse_space", LEFT), ("peak_space", PEAK)] {
        let top = pprof(&["-top", "-nodecount=0", "-nodefraction=0", &format!("-sample_index={index}")]);
        assert!(top.contains(&format!("of {total}B total")), "{top}");
        assert!(top.contains("grow") && top.contains("File: app"), "{top}");
    }
    let tags = pprof(&["-tags", "-sample_index=alloc_space"]);
    assert!(tags.contains("100B"), "{tags}");
}

/// Where distributions put the viewer of DHAT.
const VIEWERS: [&str; 3] =
    ["/usr/libexec/valgrind/dh_view.js", "/usr/lib/valgrind/dh_view.js", "/usr/local/libexec/valgrind/dh_view.js"];

#[test]
fn the_viewer_of_dhat_reads_its_profile() {
    let bench = Bench::new();
    let file = export(&bench, "dhat", &[]);
    let Some(viewer) = VIEWERS.into_iter().find_map(|path| fs::read_to_string(path).ok()) else {
        return skip("no dh_view.js");
    };
    if !has("node") {
        return;
    }
    // As much of a page as building the tree asks for.
    let script = format!(
        "const document = {{}}; {viewer}\n\
         gData = JSON.parse(require('fs').readFileSync('{file}', 'utf8'));\n\
         gSelect = {{ childNodes: gSelectData.map(() => ({{}})), selectedIndex: 0 }};\n\
         buildTree();\n\
         console.log(gRoot._totalBytes, gRoot._totalBlocks, gRoot._atTGmaxBytes, gRoot._atTEndBytes, gRoot._kids.length);\n"
    );
    fs::write(bench.path().join("view.js"), script).unwrap();
    let run = Run::of(Command::new("node").arg("view.js").current_dir(bench.path()));
    assert_eq!(run.out, format!("{BYTES} {ROWS} {PEAK} {LEFT} 3\n"), "{run:?}");
}

#[test]
fn ms_print_draws_the_file_for_massif() {
    let bench = Bench::new();
    let file = export(&bench, "massif", &[]);
    if !has("ms_print") {
        return;
    }
    let run = Run::of(Command::new("ms_print").arg(&file).current_dir(bench.path()));
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
    assert!(run.out.contains("Command:            app") && run.out.contains("(peak)"), "{run:?}");
    assert!(run.out.contains("->62.50% (5,000B) 0x10: grow (in ./app)"), "{run:?}");
}

#[test]
fn folded_stacks_add_up_to_what_they_count() {
    let bench = Bench::new();
    for (cost, total) in [("peak", PEAK), ("bytes", BYTES), ("allocations", ROWS), ("leaked", LEFT)] {
        let file = export(&bench, "folded", &["--cost", cost]);
        let text = fs::read_to_string(bench.path().join(file)).unwrap();
        let stacks: BTreeMap<_, u64> = text
            .lines()
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(stack, cost)| (stack, cost.parse().unwrap()))
            .collect();
        assert_eq!(stacks.values().sum::<u64>(), total, "{cost}: {text}");
        assert!(stacks.keys().all(|stack| stack.starts_with("app;") && stack.matches(';').count() == 1), "{text}");
    }
}

#[test]
fn exports_without_call_sites_and_to_standard_output_work() {
    let bench = Bench::new();
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/python3.bwrec");
    let file = recordings.to_str().unwrap();
    for to in ["pprof", "dhat", "folded", "massif", "csv", "json"] {
        let run = Run::of(bench.blockwork().args(["export", file, "--to", to, "-o", "-"]));
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{to}");
        assert!(!run.out.is_empty());
    }
    let run = Run::of(bench.blockwork().args(["export", file, "--to", "folded"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    run.says(&["next: flamegraph.pl python3.folded"]);
    let run = Run::of(bench.blockwork().args(["export", file, "--to", "folded"]));
    assert_eq!(run.code, Some(125));
    run.says(&["python3.folded: it exists", "--force"]);
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    let bench = Bench::new();
    recording(&bench);
    let run = Run::of(bench.blockwork().args(["export", "app.txt", "--to", "csv", "-o", "/no/such/place/x.csv"]));
    assert_eq!(run.code, Some(125));
    run.says(&["cannot write /no/such/place/x.csv"]);
    if !Path::new("/dev/full").exists() {
        return skip("no /dev/full");
    }
    let mut command = Command::new("sh");
    let line = format!("{} export app.txt --to json -o - > /dev/full", env!("CARGO_BIN_EXE_blockwork"));
    let run = Run::of(command.args(["-c", &line]).current_dir(bench.path()));
    assert_eq!(run.code, Some(125), "{run:?}");
    run.says(&["No space left"]);
}

//! What other tools recorded, made by the tools themselves where they are installed.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::{Bench, Run, Stats, has, skip};

/// The figures of `file`, which must be whole.
fn stats(bench: &Bench, file: &str) -> Stats {
    let run = Run::of(bench.blockwork().args(["stats", "--json", file]));
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{file}");
    Stats(serde_json::from_str(&run.out).unwrap())
}

/// Imports `file` to `r.bwrec`.
#[track_caller]
fn import(bench: &Bench, file: &str) -> Value {
    let run = Run::of(bench.blockwork().args(["import", "--force", "--json", "-o", "r.bwrec", file]));
    assert_eq!(run.code, Some(0), "{run:?}");
    run.says(&["next: blockwork compare r.bwrec"]);
    serde_json::from_str(&run.out).unwrap()
}

/// The two figures agree in all that is said of the calls.
#[track_caller]
fn same(left: &Stats, right: &Stats) {
    for name in [
        "events",
        "allocations",
        "frees",
        "reallocations",
        "requested_bytes",
        "peak_live_bytes",
        "peak_live_blocks",
        "live_at_exit_blocks",
        "top_sizes",
        "sizes",
        "lifetimes",
        "notes",
        "distinct_call_sites",
        "call_sites",
    ] {
        assert_eq!(left.0[name], right.0[name], "{name}");
    }
}

/// The number behind `title` in `text`.
fn number_behind(text: &str, title: &str) -> Option<u64> {
    let rest = text.split_once(title)?.1;
    rest.split_whitespace().next()?.parse().ok()
}

/// Where distributions put the interpreter of heaptrack.
const INTERPRETERS: [&str; 3] = [
    "/usr/lib/heaptrack/libexec/heaptrack_interpret",
    "/usr/libexec/heaptrack/heaptrack_interpret",
    "/usr/lib/x86_64-linux-gnu/libexec/heaptrack_interpret",
];

/// Records with heaptrack, raw: the file, its interpretation, and what heaptrack
/// counts in that.
fn heaptrack(bench: &Bench, program: &[&str]) -> Option<(String, String, [u64; 2])> {
    let Some(interpreter) = INTERPRETERS.map(Path::new).into_iter().find(|path| path.exists()) else {
        skip("no heaptrack_interpret where it is expected");
        return None;
    };
    let mut command = Command::new("heaptrack");
    let run = Run::of(command.args(["--raw", "-o", "ht"]).args(program).current_dir(bench.path()));
    assert_eq!(run.code, Some(0), "{run:?}");
    let packed = bench.path().join("ht.raw.zst");
    let Ok(packed) = fs::read(packed) else {
        skip("heaptrack was built without zstd");
        return None;
    };
    let raw = zstd::decode_all(packed.as_slice()).unwrap();
    let interpreted = fs::File::create(bench.path().join("ht.txt")).unwrap();
    let mut child =
        Command::new(interpreter).stdin(Stdio::piped()).stdout(interpreted).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&raw).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let counts = ["\tallocations:", "leaked allocations:"].map(|title| number_behind(&said, title).unwrap());
    Some(("ht.raw.zst".into(), "ht.txt".into(), counts))
}

#[test]
fn heaptracks_own_summary_is_met() {
    let program = ["/usr/bin/python3", "-c", "import json, decimal"];
    if !has("heaptrack") || !has(program[0]) {
        return;
    }
    let bench = Bench::new();
    let Some((raw, interpreted, counts)) = heaptrack(&bench, &program) else { return };
    for file in [&raw, &interpreted] {
        let theirs = stats(&bench, file);
        let ours = theirs.numbers(["allocations", "live_at_exit_blocks"]);
        assert_eq!(ours, counts, "{file}");
        assert!(theirs.number("distinct_call_sites") > 100, "{file}");
        let imported = import(&bench, file);
        assert_eq!((&imported["format"], &imported["program"]), (&"heaptrack".into(), &theirs.0["program"]));
        same(&theirs, &bench.stats());
    }
    // Only the raw file knows what was freed.
    let approximate = |file| stats(&bench, file).0["notes"].to_string().contains("approximate");
    assert_eq!([approximate(&raw), approximate(&interpreted)], [false, true]);
    let peaks = [&raw, &interpreted].map(|file| stats(&bench, file).number("peak_live_bytes"));
    assert_eq!(peaks[0], peaks[1]);
}

#[test]
fn either_block_may_be_taken_where_heaptrack_left_that_open() {
    let bench = Bench::new();
    let file = "v 10400 3\nX ./x\na 64 0\n+ 0\n+ 0\n- 0\n+ 0\n- 0\n- 0\n";
    fs::write(bench.path().join("x.txt"), file).unwrap();
    let lives = |pairing: &str| {
        let mut command = bench.blockwork();
        let run = Run::of(command.args(["import", "--force", "--pairing", pairing, "-o", "r.bwrec", "x.txt"]));
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.out.contains("66 % of the frees could mean any"), "{run:?}");
        bench.stats().0["lifetimes"][0]["blocks"].as_u64().unwrap()
    };
    assert_eq!([lives("oldest"), lives("newest")], [3, 2]);
}

#[test]
fn what_mtrace_of_glibc_writes_is_read() {
    let bench = Bench::new();
    let source = r"
        #include <mcheck.h>
        #include <stdlib.h>
        int main(void) {
            mtrace();
            void *kept[100];
            for (int i = 0; i < 100; i++) kept[i] = malloc(i + 1);
            for (int i = 0; i < 100; i++) kept[i] = realloc(kept[i], 1000 + i);
            for (int i = 0; i < 90; i++) free(kept[i]);
            free(realloc(0, 7));
            muntrace();
            return 0;
        }";
    let Some(program) = bench.compile(source) else { return };
    let mut command = Command::new(program);
    let run = Run::of(
        command.current_dir(bench.path()).env("MALLOC_TRACE", "mt.txt").env("LD_PRELOAD", "libc_malloc_debug.so.0"),
    );
    if run.code != Some(0) || !bench.path().join("mt.txt").exists() {
        return skip("mtrace writes nothing here");
    }
    let theirs = stats(&bench, "mt.txt");
    assert_eq!(theirs.numbers(["allocations", "reallocations", "frees"]), [101, 100, 91]);
    assert_eq!(theirs.number("peak_live_bytes"), (1000..1100).sum::<u64>());
    assert_eq!((theirs.images(), theirs.number("distinct_call_sites")), (vec!["program".to_owned()], 3));
    import(&bench, "mt.txt");
    same(&theirs, &bench.stats());
}

#[test]
fn other_tools_files_can_be_replayed_as_they_are() {
    let bench = Bench::new();
    let mut text = String::from("= Start\n");
    for block in 1..=500 {
        text += &format!("@ ./x:[0x10] + {:#x} 0x40\n", block * 64);
    }
    fs::write(bench.path().join("mt.txt"), text).unwrap();
    let run = Run::of(bench.blockwork().args(["compare", "--runs", "1", "--json", "mt.txt"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    run.says(&["note: mtrace knows no threads"]);
    let compared: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(compared["recording"]["events"], 500);
}

/// A profile of each kind, and how it must be read.
fn profiles() -> [(&'static str, &'static str, String); 3] {
    let dhat = r#"{"dhatFileVersion":2,"mode":"heap","verb":"Allocated","bklt":false,"bkacc":false,"tu":"i","Mtu":"Mi",
        "cmd":"./x","pid":1,"te":1,"pps":[{"tb":640,"tbk":10,"fs":[1]}],"ftbl":["[root]","main"]}"#;
    let jemalloc = "heap_v2/1\n  t*: 10: 640 [0: 0]\n@ 0x1\n  t*: 10: 640 [0: 0]\n\nMAPPED_LIBRARIES:\n";
    let gperftools = "heap profile: 10: 640 [ 10: 640] @ heap_v2/1\n 10: 640 [ 10: 640] @ 0x1\n";
    [
        ("x.json", "DHAT", dhat.into()),
        ("x.heap", "jemalloc", jemalloc.into()),
        ("x.hprof", "gperftools", gperftools.into()),
    ]
}

#[test]
fn a_profile_shows_its_sizes_and_is_no_recording() {
    let bench = Bench::new();
    for (name, tool, content) in profiles() {
        fs::write(bench.path().join(name), content).unwrap();
        for verb in ["stats", "import"] {
            let run = Run::of(bench.blockwork().args([verb, "--json", name]));
            assert_eq!(run.code, Some(0), "{run:?}");
            let report: Value = serde_json::from_str(&run.out).unwrap();
            assert_eq!((&report["tool"], &report["replayable"]), (&tool.into(), &false.into()));
            assert_eq!((&report["blocks"], &report["bytes"]), (&10.into(), &640.into()), "{name}");
            let class = report["sizes"].as_array().unwrap().iter().find(|class| class["up_to"] == 64).unwrap();
            assert_eq!(class["requests"], 10, "{name}");
        }
        for arguments in
            [["compare", name].as_slice(), &["import", "-o", "r.bwrec", name], &["export", "--to", "csv", name]]
        {
            let run = Run::of(bench.blockwork().args(arguments));
            assert_eq!((run.code, run.out.as_str()), (Some(125), ""), "{arguments:?}");
            run.says(&[name, tool, "cannot be replayed"]);
        }
        assert!(!bench.path().join("r.bwrec").exists());
    }
}

#[test]
fn what_dhat_of_valgrind_writes_is_read() {
    let bench = Bench::new();
    if !has("valgrind") {
        return;
    }
    let source = "#include <stdlib.h>\nint main(void) { for (int i = 0; i < 50; i++) free(malloc(100)); return 0; }";
    let Some(program) = bench.compile(source) else { return };
    let mut command = Command::new("valgrind");
    command.args(["--tool=dhat", "--dhat-out-file=dhat.json"]).arg(&program).current_dir(bench.path());
    if Run::of(&mut command).code != Some(0) {
        return skip("valgrind has no DHAT");
    }
    let run = Run::of(bench.blockwork().args(["stats", "--json", "dhat.json"]));
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&report["blocks"], &report["bytes"]), (&50.into(), &5000.into()), "{run:?}");
}

#[test]
fn what_go_writes_is_read() {
    let bench = Bench::new();
    if Command::new("go").arg("version").output().is_err() {
        return skip("no go");
    }
    let source = "package main\nimport (\"os\"; \"runtime\"; \"runtime/pprof\")\nvar kept [][]byte\nfunc main() {\n\
        runtime.MemProfileRate = 1\nfor i := 0; i < 1000; i++ { kept = append(kept, make([]byte, 64)) }\n\
        runtime.GC()\nfile, _ := os.Create(\"go.pb.gz\")\npprof.Lookup(\"allocs\").WriteTo(file, 0)\nfile.Close()\n}\n";
    fs::write(bench.path().join("x.go"), source).unwrap();
    let mut command = Command::new("go");
    command.args(["run", "x.go"]).current_dir(bench.path()).env("GOFLAGS", "-mod=mod");
    let run = Run::of(command.env("GOCACHE", bench.path().join("cache")).env("GOPATH", bench.path().join("go")));
    if run.code != Some(0) {
        return skip("go builds nothing here");
    }
    let run = Run::of(bench.blockwork().args(["stats", "--json", "go.pb.gz"]));
    let report: Value = serde_json::from_str(&run.out).unwrap();
    let class = report["sizes"].as_array().unwrap().iter().find(|class| class["up_to"] == 64).unwrap();
    assert!(class["requests"].as_u64().unwrap() >= 1000, "{run:?}");
}

#[test]
fn a_damaged_file_is_imported_up_to_there_and_a_foreign_one_not_at_all() {
    let bench = Bench::new();
    let write = |name: &str, content: &[u8]| -> PathBuf {
        let path = bench.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    write("cut.txt", b"= Start\n@ ./x:[0x1] + 0x10 0x20\n@ ./x:[0x1] - 0x");
    let run = Run::of(bench.blockwork().args(["import", "-o", "r.bwrec", "cut.txt"]));
    assert_eq!(run.code, Some(125));
    run.says(&["cut.txt", "truncated", "what came before was imported"]);
    assert_eq!(bench.stats().number("events"), 1);
    let run = Run::of(bench.blockwork().args(["import", "-o", "r.bwrec", "cut.txt"]));
    assert_eq!(run.code, Some(125));
    run.says(&["r.bwrec", "--force"]);
    let run = Run::of(bench.blockwork().args(["import", "r.bwrec", "-o", "s.bwrec"]));
    run.says(&["already"]);
    let zstd = zstd::encode_all(b"= Start\n+ 0x10 0x20\n".as_slice(), 1).unwrap();
    for (name, content, part) in [
        ("empty", b"".as_slice(), "is empty"),
        ("script", b"#!/bin/sh\n", "not a recording"),
        ("zeros", &[0; 4096], "not a recording"),
        ("zstd", &zstd[..6], "truncated"),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "truncated"),
        ("version", b"v 20000 9\n+ 1 1 1\n", "does not know"),
    ] {
        write(name, content);
        let run = Run::of(bench.blockwork().args(["import", "-o", "none.bwrec", name]));
        assert_eq!((run.code, run.out.as_str()), (Some(125), ""), "{name}: {run:?}");
        run.says(&[name, part]);
        assert!(!bench.path().join("none.bwrec").exists(), "{name}");
    }
    let run = Run::of(bench.blockwork().args(["import", "nowhere"]));
    assert_eq!(run.code, Some(125));
    run.says(&["cannot read nowhere", "No such file"]);
}

//! `blockwork tune`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::{Bench, Run, skip};

fn tune(arguments: &[&str]) -> Run {
    Run::of(Bench::new().blockwork().args(["tune", "--budget", "1s"]).args(arguments))
}

#[test]
fn a_recording_is_tuned_on_one_half_and_checked_on_the_other() {
    let run = tune(&["--shipped", "cc1plus", "--json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let tuned: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&tuned["recording"], &tuned["checked_on"]), (&"cc1plus".into(), &"half".into()));
    assert!(tuned["compositions_tried"].as_u64() > Some(0), "{tuned}");
    let front = tuned["front"].as_array().unwrap();
    assert!(!front.is_empty() && front.len() <= 6, "{tuned}");
    for row in front {
        for part in ["tuned", "checked"] {
            assert!(row[part]["peak_held_bytes"].as_u64() > Some(100_000), "{row}");
            assert!(row[part]["net_ns_per_event"].is_f64(), "{row}");
        }
    }
    let best = &tuned["verdict"]["best"];
    let known = *best == "system" || front.iter().any(|row| row["spec"] == *best && row["helps"][1] == true);
    assert!(known, "{tuned}");
}

#[test]
fn a_recording_can_be_checked_on_another() {
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/sqlite3.bwrec");
    let run = tune(&["--shipped", "python3", "--check", other.to_str().unwrap(), "--goal", "memory", "--classes", "4"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("checked on another recording, of sqlite3"), "{run:?}");
    run.says(&["next: blockwork"]);
}

#[test]
fn three_big_blocks_are_no_gain_and_the_reason_is_told() {
    let bench = Bench::new();
    let source = "#include <stdlib.h>\n#include <string.h>\nint main(void) { char *p[3];\n\
                  for (int i = 0; i < 3; i++) memset(p[i] = malloc(5 << 20), 1, 5 << 20);\n\
                  for (int i = 0; i < 900; i++) free(malloc(i)); return p[1][7] - 1; }";
    let Some(program) = bench.compile(source) else { return };
    bench.record([program.to_str().unwrap()]);
    let run = Run::of(bench.blockwork().args(["tune", "--budget", "1s", "r.bwrec"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    let words = run.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("too short to check on another part"), "{run:?}");
    for part in ["No gain", "blocks hold", "no pool changes that"] {
        assert!(words.contains(part), "{part:?} is not in {run:?}");
    }
    let run = Run::of(bench.blockwork().args(["tune", "--budget", "1s", "--emit", "spec", "r.bwrec"]));
    assert_eq!((run.code, run.out.as_str()), (Some(0), "system\n"), "{run:?}");
    run.says(&["No gain"]);
}

#[test]
fn what_cannot_be_tuned_is_refused() {
    for (arguments, code, said) in [
        (&["nowhere.bwrec"][..], 125, "cannot read nowhere.bwrec"),
        (&[][..], 2, "required"),
        (&["--shipped", "python3", "--classes", "0"][..], 2, "0 is not in 1..=64"),
        (&["--shipped", "python3", "--goal", "beauty"][..], 2, "invalid value 'beauty'"),
    ] {
        let run = tune(arguments);
        assert_eq!((run.code, run.out.as_str()), (Some(code), ""), "{run:?}");
        run.says(&[said]);
    }
}

/// Every build of the library that this test's build has left, the newest first.
fn libraries() -> Vec<PathBuf> {
    let here = env::current_exe().unwrap();
    let files = fs::read_dir(here.parent().unwrap()).unwrap().filter_map(Result::ok);
    let name = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libblockwork-"));
    let mut found: Vec<PathBuf> = files
        .map(|file| file.path())
        .filter(|path| name(path) && path.extension().is_some_and(|end| end == "rlib"))
        .collect();
    found.sort_by_key(|path| fs::metadata(path).and_then(|about| about.modified()).ok());
    found.reverse();
    found
}

/// Compiles and runs a program with any of these builds.
fn runs(bench: &Bench, source: &str) -> Result<(), String> {
    let (text, program) = (bench.path().join("main.rs"), bench.path().join("main"));
    fs::write(&text, source).unwrap();
    let mut why = "no build of the library is here".to_owned();
    for library in libraries() {
        let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        rustc.arg(&text).arg("-o").arg(&program).args(["--edition=2024", "--extern"]);
        rustc.arg(format!("blockwork={}", library.display())).arg("-L").arg(library.parent().unwrap());
        match rustc.output() {
            Ok(done) if done.status.success() => {
                let ran = Run::of(&mut Command::new(&program));
                return if ran.code == Some(0) { Ok(()) } else { Err(format!("{ran:?}")) };
            }
            Ok(done) => why = String::from_utf8_lossy(&done.stderr).into_owned(),
            Err(error) => {
                skip(&format!("rustc: {error}"));
                return Ok(());
            }
        }
    }
    Err(why)
}

#[test]
fn the_rust_that_is_printed_compiles_against_the_library_and_serves() {
    let bench = Bench::new();
    let source = "#include <stdlib.h>\nvoid *kept[200000];\nint main(void) {\n\
                  for (int i = 0; i < 200000; i++) kept[i] = malloc(8 + i % 3 * 17);\n\
                  for (int i = 0; i < 200000; i += 2) { free(kept[i]); kept[i] = malloc(48); }\n return 0; }";
    let Some(program) = bench.compile(source) else { return };
    bench.record([program.to_str().unwrap()]);
    for (options, rest) in [
        (&["--goal", "memory"][..], "fn main() { serves(&heap()); }\n"),
        (
            &["--locked", "--goal", "speed"],
            "#[global_allocator]\nstatic GLOBAL: Heap = heap();\nfn main() { serves(&GLOBAL); }\n",
        ),
    ] {
        let mut command = bench.blockwork();
        let run = Run::of(command.args(["tune", "--budget", "1s", "--emit", "rust", "r.bwrec"]).args(options));
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.out.contains("pub type Heap = "), "{run:?}");
        let serves = "fn serves(heap: &impl blockwork::Allocate) {\n    let layout = std::alloc::Layout::new::<[u64; 5]>();\n    \
                      let block = heap.allocate(layout).expect(\"memory\");\n    \
                      unsafe { heap.deallocate(block, layout) };\n    assert_eq!(vec![7; 9].len(), 9);\n}\n";
        let done = runs(&bench, &format!("{}{serves}{rest}", run.out));
        assert_eq!(done, Ok(()), "{}", run.out);
    }
}

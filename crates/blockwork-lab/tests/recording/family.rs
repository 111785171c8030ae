//! Children that are recorded as well, and programs that are started by hand.

use std::{collections::BTreeMap, fs, path::PathBuf};

use crate::support::{Bench, Run, Stats};

/// The figures of each recording here but one, by file.
fn recordings(bench: &Bench, but: Option<&str>) -> BTreeMap<PathBuf, Stats> {
    let files = fs::read_dir(bench.path()).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "bwrec"));
    let stats = |path: PathBuf| {
        let run = Run::of(bench.blockwork().args(["stats", "--json"]).arg(&path));
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{}", path.display());
        (path, Stats(serde_json::from_str(&run.out).unwrap()))
    };
    files.filter(|path| but.is_none_or(|name| !path.ends_with(name))).map(stats).collect()
}

/// Forks without `exec`; the child frees, grows and asks.
const FORKS: &str = r"
    #include <stdlib.h>
    #include <sys/wait.h>
    #include <unistd.h>
    int main(void) {
        void *first = malloc(100), *second = malloc(200);
        if (fork() == 0) {
            free(first);
            second = realloc(second, 300);
            free(second);
            if (fork() == 0) { free(malloc(7)); _exit(0); }
            wait(0);
            free(malloc(77));
            _exit(0);
        }
        wait(0);
        free(first); free(second);
        return 0;
    }";

#[test]
fn every_child_has_a_file_of_its_own() {
    let bench = Bench::new();
    let script = "ls / >/dev/null; cat </dev/null; exit 3";
    let run = Run::of(bench.blockwork().args(["record", "--follow", "-o", "r.bwrec", "--", "sh", "-c", script]));
    assert_eq!(run.code, Some(3), "{run:?}");
    run.says(&["Recorded r.bwrec", ": ls, ", ": cat, "]);
    assert!(!run.err.contains("Skipped"), "{run:?}");
    assert_eq!(bench.stats().balances().number("skipped_children"), 0);
    let children = recordings(&bench, Some("r.bwrec"));
    let mut images: Vec<_> = children.values().filter_map(|stats| stats.images().pop()).collect();
    images.sort();
    assert_eq!(images, ["cat", "ls"]);
    for (path, stats) in children {
        stats.balances();
        let name = path.file_name().unwrap().to_str().unwrap();
        let number = name.strip_prefix("r.").and_then(|name| name.strip_suffix(".bwrec")).unwrap();
        assert!(number.parse::<u32>().is_ok(), "{name}");
    }
}

#[test]
fn forked_children_say_what_they_do_with_their_parents_blocks() {
    let bench = Bench::new();
    let Some(program) = bench.compile(FORKS) else { return };
    let run = Run::of(bench.blockwork().args(["record", "--follow", "--stacks", "-o", "r.bwrec", "--"]).arg(program));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(bench.stats().balances().numbers(["allocations", "frees", "inherited_frees"]), [2, 2, 0]);
    let mut children = recordings(&bench, Some("r.bwrec")).into_values().collect::<Vec<_>>();
    children.sort_by_key(|stats| stats.number("allocations"));
    let [grandchild, child] = &children[..] else { panic!("{children:?}") };
    assert_eq!(grandchild.balances().numbers(["allocations", "frees", "inherited_frees"]), [1, 1, 0]);
    // The block that grew is new here.
    assert_eq!(child.balances().numbers(["allocations", "frees", "inherited_frees"]), [2, 2, 2]);
    assert_eq!(child.0["call_sites"][0]["frames"][0]["function"], "main");
}

#[test]
fn the_number_of_the_process_goes_where_it_is_wanted() {
    let bench = Bench::new();
    let run = Run::of(bench.blockwork().args(["record", "-o", "a-%p.bwrec", "--", "sh", "-c", "echo $$"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    let name = format!("a-{}.bwrec", run.out.trim());
    run.says(&[&name]);
    assert_eq!(recordings(&bench, None).into_keys().collect::<Vec<_>>(), [bench.path().join(name)]);
}

/// The library, and where to load it from.
fn library(bench: &Bench) -> PathBuf {
    let run = Run::of(bench.blockwork().arg("recorder"));
    assert_eq!(run.code, Some(0), "{run:?}");
    run.says(&["next: LD_PRELOAD="]);
    let path = PathBuf::from(run.out.trim());
    assert_eq!(path, fs::canonicalize(bench.path()).unwrap().join("libblockwork-recorder.so"));
    path
}

#[test]
fn a_program_that_is_started_by_hand_is_recorded_with_its_children() {
    let bench = Bench::new();
    let library = library(&bench);
    let by_hand = |file: &str, script: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script]).current_dir(bench.path()).env("LD_PRELOAD", &library);
        Run::of(command.env("BLOCKWORK_RECORD", bench.path().join(file)).env("BLOCKWORK_STACKS", "4"))
    };
    let run = by_hand("%p.bwrec", "ls /dev/null; exec cat /dev/null");
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let found = recordings(&bench, None);
    let mut images: Vec<_> = found.values().map(|stats| stats.balances().images()).collect();
    images.sort_by_key(Vec::len);
    let [child, parent] = &images[..] else { panic!("{images:?}") };
    assert_eq!((child.last().unwrap().as_str(), parent.last().unwrap().as_str()), ("ls", "cat"));
    assert!(found.values().all(|stats| stats.number("distinct_call_sites") > 0));
}

#[test]
fn a_file_that_is_there_is_never_replaced_by_hand() {
    let bench = Bench::new();
    let library = library(&bench);
    let file = bench.path().join("one.bwrec");
    let by_hand = |program: &str| {
        let mut command = std::process::Command::new(program);
        Run::of(command.arg("/dev/null").env("LD_PRELOAD", &library).env("BLOCKWORK_RECORD", &file))
    };
    assert_eq!(by_hand("ls").err, "");
    // Another process: named as one that was not recorded.
    assert_eq!(by_hand("cat").err, "");
    let found = recordings(&bench, None);
    assert_eq!(found[&file].images(), ["ls"]);
    assert_eq!(found[&file].0["skipped_children_names"][0], "cat");
    fs::write(&file, "precious").unwrap();
    assert_eq!(by_hand("ls").code, Some(0));
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    let again = Run::of(bench.blockwork().arg("recorder"));
    assert_eq!(again.code, Some(125), "{again:?}");
    assert_eq!(Run::of(bench.blockwork().args(["recorder", "--force"])).code, Some(0));
}

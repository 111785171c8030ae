//! `blockwork verify`.

use serde_json::Value;

use crate::support::{Bench, Run, has};

const SPEC: &str = "let s = span_pool(4k, 256k) over pages; segregate(<=2k: slab(quad 16..2k, 16k) over s, else s)";

/// Asks for blocks of all kinds, from two threads, over a `fork`, and looks at
/// what it wrote.
const PROGRAM: &str = r#"
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void *work(void *unused) {
    unsigned char *kept[500] = {0};
    for (int i = 0; i < 60000; i++) {
        int at = i % 500, size = i * 7 % 3000 + 1;
        if (kept[at] && kept[at][0] != at % 251) abort();
        switch (i % 5) {
        case 0: kept[at] = realloc(kept[at], size); break;
        case 1: free(kept[at]); kept[at] = calloc(1, size); if (kept[at][size - 1]) abort(); break;
        case 2: free(kept[at]); kept[at] = memalign(256, size); if ((size_t)kept[at] % 256) abort(); break;
        default: free(kept[at]); kept[at] = malloc(size);
        }
        if (malloc_usable_size(kept[at]) < (size_t)size) abort();
        memset(kept[at], at % 251, size);
    }
    for (int at = 0; at < 500; at++) free(kept[at]);
    return unused;
}
int main(void) {
    pthread_t other;
    pthread_create(&other, 0, work, 0);
    work(0);
    pthread_join(other, 0);
    if (fork() == 0) { work(0); _exit(0); }
    int status = 1;
    wait(&status);
    return status != 0 ? 9 : 3;
}"#;

#[test]
fn a_program_runs_the_same_with_a_composition_and_holds_what_was_predicted() {
    let bench = Bench::new();
    let Some(program) = bench.compile(PROGRAM) else { return };
    let program = program.to_str().unwrap();
    let run = Run::of(&mut bench.recorder([program]));
    assert_eq!(run.code, Some(3), "{run:?}");
    for spec in [
        SPEC,
        "memo(quad 16..1M) over system",
        "locked over segregate(<=256: block_pool(64|128|256) over pages, else system)",
    ] {
        let mut command = bench.blockwork();
        let run = Run::of(command.args(["verify", "--json", "--runs", "1", "r.bwrec", "--with", spec, "--", program]));
        assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
        let verified: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!((&verified["spec"], &verified["runs"]), (&spec.into(), &1.into()));
        let held = |name: &str| verified["held_bytes"][name].as_f64().unwrap_or_else(|| panic!("{verified}"));
        // Two threads are never interleaved the same way twice; what malloc holds is counted in another way.
        let ratio = held("measured") / held("predicted");
        assert!(ratio > 0.4 && ratio < 2.5, "{verified}");
        assert!(!verified["text"].as_str().unwrap().starts_with("Nothing"), "{verified}");
    }
}

#[test]
fn programs_of_others_run_with_compositions() {
    let bench = Bench::new();
    let python = "import json, threading, subprocess\n\
                  t = [threading.Thread(target=lambda: [str(i) for i in range(9999)]) for _ in range(4)]\n\
                  [x.start() for x in t]; [x.join() for x in t]\n\
                  subprocess.run(['true'], check=True); assert json.dumps([1]) == '[1]'";
    for (program, arguments) in [("python3", ["-c", python]), ("perl", ["-e", "print 1 x 9999"])] {
        if !has(program) {
            continue;
        }
        let command = [program, arguments[0], arguments[1]];
        bench.record(command);
        let mut verify = bench.blockwork();
        let run = Run::of(verify.args(["verify", "--runs", "1", "r.bwrec", "--with", SPEC, "--"]).args(command));
        assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
        assert!(run.out.contains("processor time") && run.out.contains("held by it"), "{run:?}");
        run.says(&["next: blockwork"]);
        std::fs::remove_file(bench.path().join("r.bwrec")).unwrap();
    }
}

#[test]
fn another_program_verifies_nothing() {
    let bench = Bench::new();
    let many = "#include <stdlib.h>\nint main(int n, char **v) { for (int i = 0; i < (n > 1 ? 5000 : 100); i++) free(malloc(i)); return 0; }";
    let Some(program) = bench.compile(many) else { return };
    bench.record([program.to_str().unwrap(), "many"]);
    let mut command = bench.blockwork();
    let run = Run::of(command.args(["verify", "--runs", "1", "r.bwrec", "--with", "pages", "--"]).arg(&program));
    assert_eq!(run.code, Some(1), "{run:?}");
    let words = run.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Nothing is verified: the program asked for 1"), "{run:?}");
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let bench = Bench::new();
    let Some(fails) = bench.compile(
        "#include <stdlib.h>\nint main(void) { return malloc(9) && getenv(\"BLOCKWORK_COMPOSITION\") ? 1 : 0; }",
    ) else {
        return;
    };
    let fails = fails.to_str().unwrap();
    bench.record([fails]);
    for (spec, program, code, said) in [
        ("guarded", fails, 125, "`guarded` cannot be preloaded"),
        ("pages", "no-such-program", 127, "cannot find the program"),
        ("nothing", fails, 2, "`nothing` is no part"),
        ("pages", fails, 125, "the program ends with 1, without with 0"),
    ] {
        let mut command = bench.blockwork();
        let run = Run::of(command.args(["verify", "--runs", "1", "r.bwrec", "--with", spec, "--", program]));
        assert_eq!((run.code, run.out.as_str()), (Some(code), ""), "{run:?}");
        run.says(&[said]);
    }
    let run = Run::of(bench.blockwork().args(["verify", "r.bwrec", "--", "true"]));
    assert_eq!(run.code, Some(2), "{run:?}");
}

//! Call sites: who asked for each block.

use serde_json::Value;

use crate::support::{Bench, Run, Stats, has};

/// Every way in which compilers lay out a frame, each with a size of its own.
const FRAMES: &str = r"
    #include <alloca.h>
    #include <immintrin.h>
    #include <pthread.h>
    #include <stdlib.h>
    #include <string.h>
    #define APART __attribute__((noinline, noclone))
    static volatile int zero;
    APART void *plain(int size) { void *p = malloc(size); zero += 0; return p; }
    APART void *varying(int size) { char *room = alloca(size); memset(room, 0, size); void *p = plain(1001); zero += room[1]; return p; }
    APART void *realigned(int size) {
        _Alignas(64) volatile char room[64] = {0};
        char *more = alloca(size + zero);
        more[0] = 1;
        void *p = plain(1002);
        zero += room[3] + more[0] - 1;
        return p;
    }
    APART void *large(void) { volatile char room[300000]; room[7] = 0; void *p = plain(1003); zero += room[7]; return p; }
    APART void *deep(int depth) { void *p = depth ? deep(depth - 1) : plain(1004); zero += 0; return p; }
    static int compare(const void *a, const void *b) { if (!zero) { zero = 1; plain(1005); } return *(int *)a - *(int *)b; }
    APART void *many(int a, int b, int c, int d, int e, int f, int g, int h) { void *p = plain(1006); zero += 0 * (a + b + c + d + e + f + g + h); return p; }
    APART void *grown(void) { void *p = realloc(plain(10), 1007); zero += 0; return p; }
    static void *thread(void *nothing) { plain(1008); zero += 0; return nothing; }
    int main(void) {
        int numbers[4] = {4, 3, 2, 1};
        varying(40); realigned(50); large(); deep(3);
        qsort(numbers, 4, sizeof *numbers, compare);
        many(1, 2, 3, 4, 5, 6, 7, 8); grown();
        pthread_t other;
        pthread_create(&other, 0, thread, 0);
        pthread_join(other, 0);
        return 0;
    }";

/// The functions that led to the only requests of `size` bytes.
fn calls(stats: &Stats, size: u64) -> Vec<String> {
    let sites = stats.0["call_sites"].as_array().unwrap();
    let site = sites.iter().find(|site| site["bytes"] == size && site["requests"] == 1);
    let frames = site.unwrap_or_else(|| panic!("{size} in {sites:?}"))["frames"].as_array().unwrap();
    frames.iter().filter_map(|frame| frame["function"].as_str().map(str::to_owned)).collect()
}

#[test]
fn every_kind_of_frame_is_walked_over() {
    for options in [&["-O0", "-g"][..], &["-O2", "-g"], &["-O2", "-fomit-frame-pointer", "-mavx"], &["-Os", "-g"]] {
        let bench = Bench::new();
        let Some(program) = bench.compile_as("program", FRAMES, options) else { return };
        let run = Run::of(bench.blockwork().args(["record", "--stacks", "-o", "r.bwrec", "--"]).arg(program));
        assert_eq!(run.code, Some(0), "{run:?}");
        let stats = bench.stats();
        stats.balances();
        let starts = |size, names: &[&str]| {
            let calls = calls(&stats, size);
            assert_eq!(calls[..names.len().min(calls.len())], *names, "{options:?}: {size}");
        };
        starts(1001, &["plain", "varying", "main"]);
        starts(1002, &["plain", "realigned", "main"]);
        starts(1003, &["plain", "large", "main"]);
        starts(1004, &["plain", "deep", "deep", "deep"]);
        starts(1005, &["plain", "compare"]);
        starts(1006, &["plain", "many", "main"]);
        starts(1007, &["grown", "main"]);
        starts(1008, &["plain", "thread"]);
    }
}

#[test]
fn code_without_tables_is_walked_over_by_its_frame_pointers() {
    let bench = Bench::new();
    let options = ["-O1", "-fno-omit-frame-pointer", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"];
    let Some(program) = bench.compile_as("program", FRAMES, &options) else { return };
    let run = Run::of(bench.blockwork().args(["record", "--stacks=4", "-o", "r.bwrec", "--"]).arg(program));
    assert_eq!(run.code, Some(0), "{run:?}");
    let calls = calls(&bench.stats(), 1001);
    assert_eq!(calls, ["plain", "varying", "main"]);
}

#[test]
fn sites_have_files_and_lines_and_the_depth_that_was_asked_for() {
    let bench = Bench::new();
    let source = "#include <stdlib.h>\nvoid *ask(void) {\n    return malloc(77);\n}\nint main(void) {\n    ask();\n    return 0;\n}";
    let Some(program) = bench.compile_as("program", source, &["-g"]) else { return };
    for (depth, expected) in [("--stacks=1", &["ask"][..]), ("--stacks=2", &["ask", "main"])] {
        let run = Run::of(bench.blockwork().args(["record", "--force", depth, "-o", "r.bwrec", "--"]).arg(&program));
        assert_eq!(run.code, Some(0), "{run:?}");
        let stats = bench.stats();
        assert_eq!(calls(&stats, 77), expected);
        let frame = &stats.0["call_sites"][0]["frames"][0];
        assert_eq!((frame["line"].as_u64(), frame["function"].as_str()), (Some(3), Some("ask")));
        assert!(frame["file"].as_str().unwrap().ends_with("program.c"), "{frame}");
    }
    let text = Run::of(bench.blockwork().args(["stats", "r.bwrec"])).out;
    assert!(text.contains("ask program.c:3 ← main"), "{text}");
}

#[test]
fn a_library_that_comes_late_has_names() {
    let bench = Bench::new();
    let library = "#include <stdlib.h>\nvoid *late(void) { void *p = malloc(4444); return p; }";
    let program = r"
        #include <dlfcn.h>
        int main(void) { return ((int *(*)(void))dlsym(dlopen(`./late.so`, RTLD_NOW), `late`))() == 0; }"
        .replace('`', "\"");
    if bench.compile_as("late.so", library, &["-shared", "-fPIC"]).is_none() {
        return;
    }
    let program = bench.compile_as("program", &program, &["-ldl"]).unwrap();
    let run = Run::of(bench.blockwork().args(["record", "--stacks", "-o", "r.bwrec", "--"]).arg(program));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(calls(&bench.stats(), 4444)[..2], ["late", "main"]);
}

#[test]
fn an_interpreter_has_call_sites_in_every_image() {
    if !has("python3") {
        return;
    }
    let bench = Bench::new();
    let command = ["record", "--stacks", "-o", "r.bwrec", "--", "env", "python3", "-c", "import json"];
    assert_eq!(Run::of(bench.blockwork().args(command)).code, Some(0));
    let stats = bench.stats();
    assert!(stats.number("distinct_call_sites") > 50);
    let known = |site: &Value| site["frames"].as_array().is_some_and(|frames| frames.len() > 1);
    assert!(stats.0["call_sites"].as_array().unwrap().iter().all(known));
}

#[test]
fn nobody_is_named_who_was_not_asked_for() {
    let bench = Bench::new();
    bench.record(["ls"]);
    assert_eq!(bench.stats().number("distinct_call_sites"), 0);
    let run = Run::of(bench.blockwork().args(["record", "--stacks=129", "--", "ls"]));
    assert_eq!(run.code, Some(2), "{run:?}");
}

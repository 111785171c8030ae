//! Programs with each mistake, run checked, and programs without any.

use serde_json::Value;

use crate::support::{Bench, Run, has};

fn checked(bench: &Bench, options: &[&str], command: &[&str]) -> Run {
    Run::of(bench.blockwork().args(["run", "--checked"]).args(options).arg("--").args(command))
}

/// The findings of a C program that has `mistake` in its function `culprit`.
fn findings(mistake: &str) -> Option<Vec<Value>> {
    let bench = Bench::new();
    let source = format!(
        "#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n#include <pthread.h>\n\
         #include <sys/wait.h>\nvoid *kept;\n\
         __attribute__((noinline)) void *culprit(void *unused) {{ {mistake}; return 0; }}\n\
         __attribute__((noinline)) int wipe(void) {{ char all[4096]; memset(all, 0, sizeof all); return all[99]; }}\n\
         int main(void) {{ culprit(0); return wipe(); }}"
    );
    let program = bench.compile(&source)?;
    let run = checked(&bench, &["--json", "--leaks"], &[program.to_str().unwrap()]);
    let report: Value = serde_json::from_str(run.err.lines().last().unwrap()).unwrap();
    let findings = report["findings"].as_array().unwrap().clone();
    assert_eq!(run.code, Some(if findings.is_empty() { 0 } else { 99 }), "{run:?}");
    Some(findings)
}

/// Expects one finding of `kind`, with `culprit` as the nearest of each of `roles`.
#[track_caller]
fn is_found(mistake: &str, kind: &str, roles: &[&str]) {
    let Some(found) = findings(mistake) else { return };
    let [finding] = found.as_slice() else { panic!("{mistake}: {found:?}") };
    assert_eq!(finding["kind"], kind, "{finding}");
    for role in roles {
        assert_eq!(finding[role][0]["function"], "culprit", "{role} of {finding}");
    }
}

#[test]
fn each_mistake_is_found_with_who_made_it() {
    is_found("void *p = malloc(9); free(p); free(p)", "double-free", &["by", "freed_by", "asked_by"]);
    is_found("void *p = malloc(9); free(p); kept = realloc(p, 20)", "double-free", &["by", "freed_by", "asked_by"]);
    is_found("char *p = malloc(99); free(p + 16); free(p)", "interior-free", &["by", "asked_by"]);
    is_found("char p[64]; free(p + 16)", "foreign-free", &["by"]);
    is_found("char *p = malloc(9); p[9] = 1; free(p)", "overrun", &["asked_by"]);
    is_found("char *p = calloc(3, 3); p[-1] = 1; free(p)", "underrun", &["asked_by"]);
    is_found("char *p = kept = aligned_alloc(64, 9); p[10] = 1", "overrun", &["asked_by"]);
    is_found("char *p = malloc(9); free(p); p[3] = 1", "write-after-free", &["freed_by", "asked_by"]);
    is_found("memset(malloc(77), 1, 77)", "leak", &["asked_by"]);
    is_found(
        "void *dlsym(void *, const char *); void (*sized)(void *, size_t) = dlsym(0, \"free_sized\"); sized(kept = malloc(9), 10)",
        "wrong-size",
        &["by", "asked_by"],
    );
}

#[test]
fn what_is_right_is_not_found() {
    let right = "void **p = kept = malloc(32); *p = malloc(100000); *p = realloc(*p, 9); p[1] = calloc(7, 7); \
                 memset(p[1], 1, 49); free(*p); *p = memalign(4096, 5); free(0)";
    if let Some(found) = findings(&format!("void *memalign(size_t, size_t); {right}")) {
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn children_threads_and_sudden_ends_are_checked() {
    is_found("if (fork() == 0) { void *p = malloc(9); free(p); free(p); exit(0); } wait(0)", "double-free", &["by"]);
    is_found("void *p = malloc(9); free(p); free(p); _exit(0)", "double-free", &["by"]);
    is_found("char *p = kept = malloc(9); p[9] = 1; _exit(0)", "overrun", &["asked_by"]);
    let racing = "if (!unused) { pthread_t t[8]; \
                    for (int i = 0; i < 8; i++) pthread_create(t + i, 0, culprit, t); \
                    for (int i = 0; i < 20; i++) if (fork() == 0) { free(malloc(50)); _exit(0); } else wait(0); \
                    for (int i = 0; i < 8; i++) pthread_join(t[i], 0); } \
                  else for (int i = 0; i < 500; i++) { void *p = malloc(i); p = realloc(p, 2 * i + 1); free(p); }";
    if let Some(found) = findings(racing) {
        let misuse: Vec<_> = found.iter().filter(|finding| finding["kind"] != "leak").collect();
        assert!(misuse.is_empty(), "{misuse:?}");
    }
}

#[test]
fn a_report_is_for_people_unless_it_is_asked_for_otherwise() {
    let bench = Bench::new();
    let source = "#include <stdlib.h>\nint main(void) { void *p = malloc(9); free(p); free(p); free(p); puts(\"on\"); return 3; }";
    let Some(program) = bench.compile(source) else { return };
    let program = program.to_str().unwrap();
    let run = checked(&bench, &[], &[program]);
    assert_eq!((run.code, run.out.as_str()), (Some(3), "on\n"));
    run.says(&["double free: block 0x", "of 9 bytes was freed before", "by main in program", "2 mistakes"]);
    let run = checked(&bench, &["--stop"], &[program]);
    assert_eq!((run.code, run.out.as_str()), (Some(134), ""));
    run.says(&["double free", "SIGABRT", "1 mistake"]);
}

#[test]
fn programs_of_others_do_nothing_wrong() {
    let bench = Bench::new();
    let python = "import json, threading, subprocess\n\
                  t = [threading.Thread(target=lambda: [str(i) for i in range(9999)]) for _ in range(4)]\n\
                  [x.start() for x in t]; [x.join() for x in t]\n\
                  subprocess.run(['true']); print(json.dumps([1]))";
    for (program, arguments, out) in [
        ("ls", vec!["/"], None),
        ("python3", vec!["-c", python], Some("[1]\n")),
        ("perl", vec!["-e", "print 1"], Some("1")),
    ] {
        if !has(program) {
            continue;
        }
        let command: Vec<_> = [program].into_iter().chain(arguments).collect();
        let run = checked(&bench, &[], &command);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(out.is_none_or(|out| run.out == out), "{run:?}");
        run.says(&["blockwork: 0 mistakes; live at the end"]);
    }
}

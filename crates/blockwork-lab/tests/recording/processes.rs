//! Programs that exec, fork and spawn: the process is recorded, its children
//! are not.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::Stdio,
    time::{Duration, SystemTime},
};

use crate::support::{Bench, Run, has};

#[test]
fn every_image_is_named_and_counted() {
    let bench = Bench::new();
    let script = bench.path().join("shim");
    fs::write(&script, "#!/bin/sh\nexec env NOTHING= ls -l \"$@\"\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let run = bench.record([script.as_os_str(), "/".as_ref()]);
    assert!(run.out.contains("etc"));
    let stats = bench.stats();
    let images = stats.images();
    assert_eq!(images.len(), 3, "{images:?}"); // sh, env, ls
    assert_eq!(images[1..], ["env", "ls"]);
    let counts = stats.0["images"].as_array().unwrap().iter();
    let counts: u64 = counts.map(|image| image["allocations"].as_u64().unwrap()).sum();
    assert_eq!(counts, stats.number("allocations"));
    assert_eq!(stats.number("threads"), 1);
    stats.balances();
    let text = Run::of(bench.blockwork().args(["stats", "r.bwrec"])).out;
    assert!(text.contains("3 images"), "{text}");
}

#[test]
fn an_image_with_its_own_malloc_is_told_apart() {
    let bench = Bench::new();
    let Some(program) = bench.compile(
        r"
        #include <stddef.h>
        static char heap[1 << 20]; static size_t used;
        void *malloc(size_t size) { used += (size + 15) & ~15ul; return heap + used; }
        void free(void *block) {}
        int main(void) { free(malloc(10)); return 0; }",
    ) else {
        return;
    };
    bench
        .record([OsStr::new("env"), program.as_os_str()])
        .says(&["Nothing was allocated through malloc by /", "program"]);
    assert!(bench.stats().number("events") > 0, "env allocates");
}

#[test]
fn children_are_skipped_and_named() {
    let bench = Bench::new();
    let run = bench.record(["sh", "-c", "ls >/dev/null; ls >/dev/null; cat </dev/null; exit 0"]);
    run.says(&["Skipped 3 children: ", "ls ×2", "cat"]);
    let stats = bench.stats();
    assert_eq!(stats.number("skipped_children"), 3);
    assert_eq!(stats.images().len(), 1);
    stats.balances();
}

#[test]
fn a_compiler_names_its_stages() {
    if !has("gcc") {
        return;
    }
    let bench = Bench::new();
    fs::write(bench.path().join("a.c"), "int main(void) { return 0; }").unwrap();
    bench.record(["gcc", "a.c", "-o", "a"]).says(&["Skipped", "cc1", "as"]);
    assert!(bench.path().join("a").exists());
}

#[test]
fn forked_children_leave_no_trace_however_they_are_forked() {
    let bench = Bench::new();
    let Some(program) = bench.compile(
        r"
        #define _GNU_SOURCE
        #include <pthread.h>
        #include <sched.h>
        #include <signal.h>
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <unistd.h>
        static volatile int over;
        static void *noise(void *nothing) { while (!over) free(malloc(10)); return 0; }
        static void child(void) { for (int i = 0; i < 1000; i++) free(realloc(malloc(77), 777)); _exit(0); }
        int main(void) {
            void *kept = malloc(4321);
            pthread_t thread;
            pthread_create(&thread, 0, noise, 0);
            for (int i = 0; i < 30; i++) {
                if (fork() == 0) child();
                if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0) child();
                if (vfork() == 0) _exit(0);
                free(malloc(99));
            }
            while (wait(0) > 0) {}
            over = 1;
            pthread_join(thread, 0);
            free(kept);
            return 0;
        }",
    ) else {
        return;
    };
    bench.record([program]).says(&["Skipped 60 children: program ×60"]);
    let stats = bench.stats();
    stats.balances();
    let sizes = stats.0["top_sizes"].as_array().unwrap();
    let of =
        |size: u64| sizes.iter().find(|top| top["size"] == size).map_or(0, |top| top["requests"].as_u64().unwrap());
    assert_eq!([of(77), of(777), of(99), of(4321)], [0, 0, 30, 1]);
}

#[test]
fn a_child_that_execs_is_counted_once_and_by_its_last_name() {
    let bench = Bench::new();
    let Some(program) = bench.compile(
        r"
        #include <stdlib.h>
        #include <sys/wait.h>
        #include <unistd.h>
        int main(void) {
            for (int i = 0; i < 3; i++) {
                if (fork() == 0) {
                    free(malloc(1));
                    execlp(`env`, `env`, `ls`, `/dev/null`, (char *)0);
                    _exit(1);
                }
                wait(0);
            }
            return 0;
        }"
        .replace('`', "\"")
        .as_str(),
    ) else {
        return;
    };
    bench.record([program]).says(&["Skipped 3 children: ls ×3"]);
    assert_eq!(bench.stats().number("events"), 0);
}

#[test]
fn a_preload_of_the_users_is_kept() {
    let bench = Bench::new();
    let run = Run::of(bench.recorder(["sh", "-c", "echo $LD_PRELOAD"]).env("LD_PRELOAD", "libc.so.6"));
    assert_eq!(run.code, Some(0));
    let (ours, theirs) = run.out.trim().split_once(':').unwrap();
    assert!(ours.contains("blockwork-recorder"), "{ours}");
    assert_eq!(theirs, "libc.so.6");
}

#[test]
fn recording_a_recording_gives_two() {
    let bench = Bench::new();
    let inner = [env!("CARGO_BIN_EXE_blockwork"), "record", "-o", "inner.bwrec", "--", "ls", "-l", "/"];
    bench.record(inner);
    bench.stats().balances();
    assert_eq!(bench.stats().images(), ["blockwork"]);
    fs::rename(bench.path().join("inner.bwrec"), bench.path().join("r.bwrec")).unwrap();
    bench.stats().balances();
    assert_eq!(bench.stats().images(), ["ls"]);
}

#[test]
fn nothing_is_left_behind() {
    let bench = Bench::new();
    let temporary = bench.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let run = Run::of(bench.recorder(["sh", "-c", "ls $TMPDIR"]).env("TMPDIR", &temporary));
    assert!(run.out.contains("blockwork-recorder"), "{run:?}");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert_eq!(fs::read_dir(bench.path()).unwrap().count(), 2);
}

#[test]
fn what_a_killed_recording_left_is_removed_by_the_next_one() {
    let bench = Bench::new();
    let temporary = bench.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let libraries = || {
        let entries = fs::read_dir(&temporary).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    // Says that it runs, and ends when nobody listens any more.
    let script = "while echo running; do sleep 0.05; done 2>/dev/null";
    let mut killed = bench.recorder(["sh", "-c", script]);
    let mut killed = killed.env("TMPDIR", &temporary).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(killed.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    let [library] = &libraries()[..] else { panic!("{:?}", libraries()) };
    let age = |library| {
        let file = fs::File::options().append(true).open(library).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    };
    age(library);
    let record = |name: &str| {
        let mut command = bench.blockwork();
        command.args(["record", "-o", name, "--", "true"]).env("TMPDIR", &temporary);
        assert_eq!(Run::of(&mut command).code, Some(0));
    };
    record("one.bwrec");
    assert!(library.exists(), "somebody uses it");
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(library.exists(), "nobody was left to remove it");
    record("two.bwrec");
    assert_eq!(libraries().len(), 0);
}

//! Programs that are killed, and commands that are interrupted.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{Bench, Run};

#[test]
fn what_was_recorded_until_a_signal_is_there() {
    let bench = Bench::new();
    let Some(program) = bench.compile(
        r"
        #include <signal.h>
        #include <stdlib.h>
        int main(int count, char **words) {
            for (int i = 0; i < 1000; i++) malloc(i);
            raise(atoi(words[1]));
            return 0;
        }",
    ) else {
        return;
    };
    for (signal, name) in [(9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM"), (6, "SIGABRT")] {
        let mut command = bench.blockwork();
        command.args(["record", "--force", "-o", "r.bwrec", "--"]).arg(&program).arg(signal.to_string());
        let run = Run::of(&mut command);
        assert_eq!(run.code, Some(128 + signal), "{run:?}");
        run.says(&["program was killed by signal", name, "Recorded r.bwrec"]);
        assert_eq!(bench.stats().balances().numbers(["allocations", "live_at_exit_blocks"]), [1000, 1000]);
    }
}

#[test]
fn handlers_that_interrupt_the_recorder_are_survived() {
    let bench = Bench::new();
    // A reallocation that is refused leaves glibc's heap alone, so that a
    // handler may ask for one too; the recorder writes two events for each.
    let Some(program) = bench.compile(
        r"
        #include <signal.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/time.h>
        static void *mine, *theirs;
        static volatile int rings;
        static void ring(int signal) { rings++; if (realloc(theirs, SIZE_MAX / 2)) abort(); }
        int main(void) {
            mine = malloc(10), theirs = malloc(20);
            struct sigaction action = {.sa_handler = ring};
            struct itimerval often = {{0, 50}, {0, 50}};
            sigaction(SIGALRM, &action, 0);
            setitimer(ITIMER_REAL, &often, 0);
            while (rings < 2000) if (realloc(mine, SIZE_MAX / 2)) abort();
            return 0;
        }",
    ) else {
        return;
    };
    let run = Run::of(&mut bench.recorder([program]));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(bench.stats().number("unknown_frees"), 0);
}

#[test]
fn a_double_free_is_named_and_the_programs_abort_passed_on() {
    let bench = Bench::new();
    let Some(program) = bench.compile(
        r"
        #include <stdlib.h>
        int main(void) {
            void *block = malloc(24), *other = malloc(24);
            free(block);
            free(block);
            free(other);
            return 0;
        }",
    ) else {
        return;
    };
    let run = Run::of(&mut bench.recorder([program]));
    assert_eq!(run.code, Some(134));
    run.says(&["SIGABRT", "1 free of what was not a live block, 1 double free among them"]);
    let stats = bench.stats();
    assert_eq!(stats.numbers(["allocations", "unknown_frees", "double_frees"]), [2, 1, 1]);
    let text = Run::of(bench.blockwork().args(["stats", "r.bwrec"])).out;
    assert!(text.contains("1 double free"), "{text}");
}

#[test]
fn freeing_what_never_was_a_block_is_named() {
    let bench = Bench::new();
    let Some(program) = bench.compile(
        r"
        #include <stdlib.h>
        int main(void) { char *block = malloc(100); free(block + 16); return 0; }",
    ) else {
        return;
    };
    let run = Run::of(&mut bench.recorder([program]));
    assert_eq!(run.code, Some(134));
    run.says(&["1 free of what was not a live block, 0 double frees among them"]);
    assert_eq!(bench.stats().numbers(["unknown_frees", "double_frees"]), [1, 0]);
}

/// Starts a recording of a shell script in a process group of its own, and
/// waits until the script says that it runs.
fn start(bench: &Bench, script: &str) -> Child {
    let mut command = bench.recorder(["sh", "-c", script]);
    let by_default = || {
        // SAFETY: no handler of ours is left.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
        Ok(())
    };
    // Whoever starts the tests in the background may have it ignored, and a shell cannot change that.
    // SAFETY: a call of the system, and nothing else.
    unsafe { command.pre_exec(by_default) };
    let child = command.process_group(0).stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    while !bench.path().join("running").exists() {
        assert!(begin.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(5));
    }
    child
}

fn kill(signal: &str, whom: i64) {
    assert!(Command::new("kill").args(["-s", signal, "--", &whom.to_string()]).status().unwrap().success());
}

#[test]
fn the_keyboard_reaches_the_program_and_the_recording_is_finished() {
    let bench = Bench::new();
    let child = start(&bench, "trap 'exit 3' INT; : >running; while :; do sleep 0.05; done");
    kill("INT", -i64::from(child.id()));
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(3));
    run.says(&["Recorded r.bwrec"]);
    bench.stats().balances();
}

#[test]
fn being_asked_to_end_is_passed_on() {
    let bench = Bench::new();
    let child = start(&bench, "trap 'exit 4' TERM; : >running; while :; do sleep 0.05; done");
    kill("TERM", child.id().into());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(4));
    bench.stats().balances();
}

#[test]
fn a_recording_whose_lab_was_killed_can_be_read() {
    let bench = Bench::new();
    let mut child = start(&bench, ": >running; while [ -e running ]; do sleep 0.05; done");
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(bench.path().join("running")).unwrap();
    let run = Run::of(bench.blockwork().args(["stats", "--json", "r.bwrec"]));
    assert_eq!(run.code, Some(125));
    run.says(&["never finished"]);
    let stats: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(stats["complete"], false);
    assert!(stats["allocations"].as_u64().unwrap() > 0);
    assert_eq!(std::fs::read_dir(bench.path()).unwrap().count(), 1, "nothing else is left");
}

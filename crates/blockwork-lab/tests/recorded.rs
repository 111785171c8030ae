//! A program that records itself by [`Recorded`], and what the command makes of
//! that: this one.
//!
//! It has no harness: each case is a process of its own, whose every allocation
//! goes through the allocator that records. Called without a word it runs the
//! cases and reads what they wrote; called with one it is that case.
#![cfg_attr(not(all(target_os = "linux", target_arch = "x86_64")), expect(unused, reason = "recordings need Linux"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    env, fs,
    hint::black_box,
    io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use blockwork::{Recorded, Spool, System, combine::recorded::layout::Stop};
use serde_json::Value;

#[global_allocator]
static HEAP: Recorded<System, Spool> = Recorded::new(System, Spool::new());

/// What a case is called, what it does in a process of its own, and what is true
/// of the recording it leaves.
struct Case {
    name: &'static str,
    run: fn(&Path),
    holds: fn(&Path, &Output),
}

const CASES: &[Case] = &[
    Case { name: "plain", run: plain, holds: plain_holds },
    Case { name: "threads", run: threads, holds: threads_hold },
    Case { name: "forked", run: forked, holds: forked_holds },
    Case { name: "killed", run: killed, holds: killed_holds },
    Case { name: "full", run: full, holds: full_holds },
    Case { name: "closed", run: closed, holds: closed_holds },
    Case { name: "environment", run: environment, holds: environment_holds },
    Case { name: "never", run: never, holds: never_holds },
];

fn main() {
    let mut arguments = env::args().skip(1);
    // A test runner's own options are for those that have a harness.
    let chosen = arguments.next().filter(|word| !word.starts_with('-'));
    if let Some(case) = CASES.iter().find(|case| Some(case.name) == chosen.as_deref()) {
        return (case.run)(Path::new(&arguments.next().unwrap()));
    }
    let directory = tempfile::tempdir().unwrap();
    for case in CASES {
        let file = directory.path().join(case.name).with_extension("bwrec");
        let program = env::current_exe().unwrap();
        let mut command = Command::new(program);
        command.arg(case.name).arg(&file).stdin(Stdio::null()).current_dir(directory.path());
        let output = command.output().unwrap();
        (case.holds)(&file, &output);
        println!("recorded: {} ... ok", case.name);
    }
}

fn start(file: &Path) {
    HEAP.recording().start(file).unwrap();
    assert!(HEAP.recording().is_on());
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

/// What the command says of a recording, which must be whole.
fn stats(file: &Path) -> Value {
    let output = command(&["stats", "--json"], file);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn command(verb: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_blockwork")).args(verb).arg(file).output().unwrap()
}

#[track_caller]
fn number(stats: &Value, name: &str) -> u64 {
    stats[name].as_u64().unwrap_or_else(|| panic!("{name} in {stats}"))
}

/// A thousand vectors that grow, and all but the last ten of them freed.
fn work() -> Vec<Vec<u64>> {
    let mut kept: Vec<Vec<u64>> = (0..1000)
        .map(|length| {
            let mut vector = Vec::with_capacity(1);
            vector.extend(0..length);
            black_box(vector)
        })
        .collect();
    kept.drain(..990);
    kept
}

fn plain(file: &Path) {
    start(file);
    let kept = work();
    let zeroed = black_box(vec![0_u8; 5000]);
    HEAP.recording().stop();
    // Nothing of this is in the file.
    drop((kept, zeroed, work()));
    assert!(!HEAP.recording().is_on());
    let again = HEAP.recording().start(file);
    assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
}

fn plain_holds(file: &Path, output: &Output) {
    succeeded(output);
    let found = stats(file);
    let allocations = number(&found, "allocations");
    // The vectors, the copies that they moved to as they grew, the vector of
    // vectors, and the zeroed one.
    assert!((2000..20_000).contains(&allocations), "{found}");
    let live = allocations - number(&found, "frees");
    assert_eq!(live, 10 + 2, "{found}");
    assert_eq!(found["images"][0]["path"].as_str(), env::current_exe().unwrap().to_str(), "{found}");
    // What was taken of the disk in advance is given back.
    assert!(fs::metadata(file).unwrap().len() < 1 << 20);

    let output = command(&["compare", "--json", "--runs", "1"], file);
    assert!(output.status.success(), "{output:?}");
    let comparison: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(comparison.to_string().contains("system"), "{comparison}");
}

fn threads(file: &Path) {
    start(file);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        // What others allocated is freed here.
        workers.into_iter().for_each(|worker| drop(worker.join().unwrap()));
    });
    HEAP.recording().stop();
}

fn threads_hold(file: &Path, output: &Output) {
    succeeded(output);
    let found = stats(file);
    assert!(number(&found, "threads") >= 5, "{found}");
    assert!(number(&found, "allocations") > 8000, "{found}");
    assert_eq!(number(&found, "lost_events"), 0, "{found}");
}

fn forked(file: &Path) {
    start(file);
    drop(work());
    // SAFETY: this process has one thread, so the child may go on as it likes.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop(work());
        assert!(!HEAP.recording().is_on());
        HEAP.recording().stop();
        // SAFETY: always allowed.
        unsafe { libc::_exit(0) };
    }
    drop(work());
    let mut status = 0;
    // SAFETY: a place for the status, and a child of ours.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child failed");
    assert!(HEAP.recording().is_on());
}

fn forked_holds(file: &Path, output: &Output) {
    succeeded(output);
    let (found, plain) = (stats(file), stats(&file.with_file_name("plain.bwrec")));
    assert_eq!(number(&found, "skipped_children"), 1, "{found}");
    // The work of this process only: twice.
    let (both, once) = (number(&found, "allocations"), number(&plain, "allocations"));
    assert!((2 * once - 100..2 * once + 100).contains(&both), "{both} {once}");
}

fn killed(file: &Path) {
    start(file);
    let kept = work();
    // SAFETY: always allowed; ends this process at once.
    unsafe { libc::raise(libc::SIGKILL) };
    drop(kept);
}

fn killed_holds(file: &Path, output: &Output) {
    assert!(output.status.code().is_none(), "{output:?}");
    let found = stats(file);
    assert!(number(&found, "allocations") > 1900, "{found}");
}

fn full(file: &Path) {
    // As large as the header and a hundred pages: where a disk that is full
    // says ENOSPC, this says EFBIG.
    let size = (64 << 10) + (100 << 12);
    let limit = libc::rlimit { rlim_cur: size, rlim_max: size };
    // SAFETY: reads a limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
    start(file);
    for _ in 0..200 {
        drop(work());
    }
    assert!(!HEAP.recording().is_on());
    assert_eq!(HEAP.recording().stopped(), Some(Stop::FileLimit));
    // And the program goes on.
    assert_eq!(work().len(), 10);
}

fn full_holds(file: &Path, output: &Output) {
    succeeded(output);
    let found = stats(file);
    assert!(number(&found, "allocations") > 10_000, "{found}");
    assert!(found["stopped"].as_str().unwrap().contains("limit on file sizes"), "{found}");
}

fn closed(file: &Path) {
    start(file);
    // Closes what it never opened, as programs do that become daemons; another
    // file gets the number.
    for number in 3..100 {
        // SAFETY: nobody but the spool has any of them.
        unsafe { libc::close(number) };
    }
    let other = file.with_extension("other");
    let others: Vec<fs::File> = (0..20).map(|_| fs::File::create(&other).unwrap()).collect();
    for _ in 0..200 {
        drop(work());
    }
    assert_eq!(HEAP.recording().stopped(), Some(Stop::NoAccess));
    drop(others);
    assert_eq!(fs::metadata(other).unwrap().len(), 0, "another file was written to");
}

fn closed_holds(file: &Path, output: &Output) {
    succeeded(output);
    let found = stats(file);
    assert!(number(&found, "allocations") > 10_000, "{found}");
    assert!(found["stopped"].as_str().unwrap().contains("lost access"), "{found}");
}

fn environment(file: &Path) {
    assert!(!HEAP.recording().start_from_env().unwrap());
    let template = file.with_extension("%p.bwrec");
    // SAFETY: there is one thread.
    unsafe { env::set_var("BLOCKWORK_RECORD", template) };
    assert!(HEAP.recording().start_from_env().unwrap());
    drop(work());
    println!("{}", std::process::id());
    let other = Spool::new();
    assert_eq!(other.start_from_env().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
}

fn environment_holds(file: &Path, output: &Output) {
    succeeded(output);
    let process = String::from_utf8_lossy(&output.stdout);
    let found = stats(&file.with_extension(format!("{}.bwrec", process.trim())));
    assert!(number(&found, "allocations") > 1000, "{found}");
}

fn never(file: &Path) {
    let nowhere: PathBuf = file.join("not/a/directory");
    assert!(HEAP.recording().start(&nowhere).is_err());
    assert!(!HEAP.recording().is_on());
    assert_eq!(work().len(), 10);
}

fn never_holds(file: &Path, output: &Output) {
    succeeded(output);
    assert!(!file.exists());
}

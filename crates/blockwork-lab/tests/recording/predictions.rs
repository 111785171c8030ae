//! Whether what `compare` says of another malloc comes true in the program itself.
//!
//! Needs a quiet machine, minutes, and a library: the test runs when
//! `BLOCKWORK_PREDICT` names one, as
//!
//! ```text
//! BLOCKWORK_PREDICT=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2 \
//!     cargo test --release -p blockwork-lab --test recording predictions -- --nocapture
//! ```

use std::{
    env,
    mem::MaybeUninit,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::{Bench, Run, has, skip};

/// Programs, and the scripts that give them something to do for a second.
const PROGRAMS: [(&str, &str); 4] =
    [("python3", "work.py"), ("perl", "work.pl"), ("sqlite3", "work.sql"), ("lua5.4", "work.lua")];
const PASSES: usize = 7;

/// Less than this share of the whole is no direction.
const SHARE: f64 = 0.02;

/// What changes by a malloc, as a share of what the whole program takes.
#[derive(Clone, Copy, Debug)]
struct Change {
    share: f64,
    /// What cannot be told from nothing.
    noise: f64,
}

impl Change {
    /// Of differences, one of each pass.
    fn of(mut differences: Vec<f64>, whole: f64) -> Self {
        differences.sort_unstable_by(f64::total_cmp);
        let at = |quarter: usize| differences[(differences.len() - 1) * quarter / 4] / whole;
        Self { share: at(2), noise: at(3) - at(1) }
    }

    /// More, less, or nobody knows.
    fn direction(self) -> Option<bool> {
        (self.share.abs() > SHARE.max(self.noise)).then_some(self.share > 0.0)
    }
}

fn command(program: &str, script: &Path) -> Vec<String> {
    let script = script.display().to_string();
    match program {
        "sqlite3" => ["sqlite3", ":memory:", &format!(".read {script}")].map(String::from).into(),
        _ => [program, &script].map(String::from).into(),
    }
}

/// Seconds of processor, and the most bytes that were resident.
#[expect(clippy::zombie_processes, reason = "wait4 waits, and says what it took")]
fn usage(command: &[String], library: Option<&str>) -> (f64, f64) {
    let mut child = Command::new(&command[0]);
    child.args(&command[1..]).env("PYTHONMALLOC", "malloc").env("PYTHONHASHSEED", "0");
    if let Some(library) = library {
        child.env("LD_PRELOAD", library);
    }
    let child = child.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: our own child, and room for both answers.
    let waited = unsafe { libc::wait4(child.id().cast_signed(), &raw mut status, 0, usage.as_mut_ptr()) };
    assert_eq!((waited, status), (child.id().cast_signed(), 0), "{command:?}");
    // SAFETY: filled in, and zero was valid before.
    let usage = unsafe { usage.assume_init() };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 * 1024.0)
}

/// What the program itself says of time and memory, and how much it takes.
fn measured(command: &[String], library: &str) -> ([Change; 2], [f64; 2]) {
    let runs: Vec<_> = (0..PASSES).map(|_| (usage(command, None), usage(command, Some(library)))).collect();
    let middle = |mut all: Vec<f64>| {
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let time = middle(runs.iter().map(|(today, _)| today.0).collect());
    let memory = middle(runs.iter().map(|(today, _)| today.1).collect());
    let times = runs.iter().map(|(today, other)| other.0 - today.0).collect();
    let memories = runs.iter().map(|(today, other)| other.1 - today.1).collect();
    ([Change::of(times, time), Change::of(memories, memory)], [time, memory])
}

/// What a replay says of the same.
fn predicted(bench: &Bench, command: &[String], library: &str, [time, memory]: [f64; 2]) -> [Change; 2] {
    let mut record = bench.blockwork();
    record.args(["record", "--force", "-o", "r.bwrec", "--"]).args(command).stdout(Stdio::null());
    assert!(record.env("PYTHONMALLOC", "malloc").env("PYTHONHASHSEED", "0").status().unwrap().success());
    let run = Run::of(bench.blockwork().args(["compare", "--json", "--only", "--malloc", library, "r.bwrec"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    let comparison: Value = serde_json::from_str(&run.out).unwrap();
    let events = comparison["recording"]["events"].as_f64().unwrap();
    let figures = |index: usize| {
        let row = &comparison["candidates"][index];
        let ns = |name: &str| row["ns_per_event"][name].as_f64().unwrap_or_else(|| panic!("{row}"));
        (ns("median"), ns("max") - ns("min"), row["peak_held_bytes"].as_f64().unwrap())
    };
    let (today, other) = (figures(0), figures(1));
    let seconds = |ns: f64| ns * events / 1e9;
    let noise = seconds(today.1.min(other.1)) / time;
    [
        Change { share: seconds(other.0 - today.0) / time, noise },
        Change { share: (other.2 - today.2) / memory, noise: 0.0 },
    ]
}

#[test]
fn predictions_of_another_malloc_come_true() {
    let Ok(library) = env::var("BLOCKWORK_PREDICT") else { return skip("BLOCKWORK_PREDICT names no malloc") };
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../bench/malloc/apps");
    let bench = Bench::new();
    let (mut programs, mut wrong) = (0, Vec::new());
    for (program, script) in PROGRAMS {
        let script = scripts.join(script);
        if !script.is_file() || !has(program) {
            continue;
        }
        programs += 1;
        let command = command(program, &script);
        let (measured, whole) = measured(&command, &library);
        let predicted = predicted(&bench, &command, &library, whole);
        for ((what, predicted), measured) in ["time", "memory"].into_iter().zip(predicted).zip(measured) {
            let line = format!(
                "{program:8} {what:6} predicted {:+5.1} % ±{:.1}, measured {:+5.1} % ±{:.1}",
                predicted.share * 100.0,
                predicted.noise * 100.0,
                measured.share * 100.0,
                measured.noise * 100.0
            );
            let verdict = match (predicted.direction(), measured.direction()) {
                (Some(predicted), Some(measured)) if predicted == measured => "agrees",
                (Some(_), Some(_)) => "disagrees",
                _ => "too close to say",
            };
            eprintln!("{line}: {verdict}");
            if verdict == "disagrees" {
                wrong.push(line);
            }
        }
    }
    assert!(programs >= 3, "only {programs} programs are here");
    assert_eq!(wrong, [""; 0]);
}

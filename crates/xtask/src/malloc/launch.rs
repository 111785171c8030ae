//! One run of one program under one malloc, and what it took.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Instant, SystemTime},
};

use crate::{peers::Malloc, run::output};

/// The programs of `bench/malloc`, compiled.
const PROGRAMS: &[&str] = &["single", "threads", "probe", "pairs", "takes", "steps"];

/// What a run took, descendants included.
pub(super) struct Usage {
    /// Of user and system mode, in seconds.
    pub(super) processor: f64,
    pub(super) wall: f64,
    /// In KiB.
    pub(super) peak: f64,
    pub(super) faults: u64,
    /// Processors that other programs had meanwhile: 1 is a whole one.
    pub(super) others: f64,
    pub(super) printed: String,
}

/// A started run.
pub(super) struct Running {
    child: Child,
    start: Instant,
    busy: f64,
}

/// The folder of the compiled programs, in which all runs take place.
pub(super) fn folder(root: &Path) -> PathBuf {
    root.join("target/malloc-bench")
}

/// Compiles the programs, where their sources are newer.
pub(super) fn compile(root: &Path) -> Result<(), String> {
    let folder = folder(root);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let sources = root.join("bench/malloc");
    let common = written(&sources.join("common.h"));
    for program in PROGRAMS.iter().chain(&["launch"]) {
        let (source, compiled) = (sources.join(program).with_extension("c"), folder.join(program));
        if written(&compiled) > written(&source).max(common) {
            continue;
        }
        let mut cc = Command::new("cc");
        // The pairs are to be called, not folded away.
        cc.args(["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-pthread", "-o"]);
        cc.arg(compiled).arg(source);
        if *program == "launch" {
            cc.arg("-static");
        }
        output(root, &format!("cc {program}.c"), &mut cc)?;
    }
    Ok(())
}

/// When a file was written last; nothing if it was never.
fn written(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}

/// Starts `command` on `cores` with `malloc` preloaded.
pub(super) fn start(root: &Path, cores: &str, malloc: &Malloc, command: &[String]) -> Result<Running, String> {
    let folder = folder(root);
    let mut launch = Command::new(folder.join("launch"));
    launch.arg(cores).arg(&malloc.library).args(command).current_dir(&folder);
    launch.env("PYTHONHASHSEED", "0").env("LC_ALL", "C.UTF-8");
    launch.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (start, busy) = (Instant::now(), busy());
    let child = launch.spawn().map_err(|error| format!("cannot launch {}: {error}", command.join(" ")))?;
    Ok(Running { child, start, busy })
}

/// What a started run took, once it has ended.
pub(super) fn ended(running: Running, command: &[String]) -> Result<Usage, String> {
    let Running { child, start, busy: before } = running;
    let Output { status, stdout, stderr } = child.wait_with_output().map_err(|error| error.to_string())?;
    let stderr = String::from_utf8_lossy(&stderr);
    let failed = || format!("`{}` ended with {status}:\n{stderr}", command.join(" "));
    let numbers = stderr.lines().last().unwrap_or_default().split(' ').map(str::parse);
    let numbers: Vec<u64> = numbers.collect::<Result<_, _>>().map_err(|_| failed())?;
    let ([user, system, wall, peak, faults], true) = (numbers.as_slice(), status.success()) else {
        return Err(failed());
    };
    let processor = seconds(user + system);
    Ok(Usage {
        processor,
        wall: seconds(*wall),
        #[expect(clippy::cast_precision_loss, reason = "KiB are far below 2^52")]
        peak: *peak as f64,
        faults: *faults,
        others: ((busy() - before - processor) / start.elapsed().as_secs_f64()).max(0.0),
        printed: String::from_utf8_lossy(&stdout).into_owned(),
    })
}

/// A whole run.
pub(super) fn run(root: &Path, cores: &str, malloc: &Malloc, command: &[String]) -> Result<Usage, String> {
    ended(start(root, cores, malloc, command)?, command)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a run are far below 2^52")]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// Seconds that all processors have worked since the machine started.
fn busy() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let fields: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    // Of user, nice, system, idle, waiting, interrupts (two) and stolen all but idle and waiting.
    let worked = fields.iter().enumerate().filter(|(at, _)| matches!(at, 0..=2 | 5..=7)).map(|(_, ticks)| ticks);
    worked.sum::<f64>() / TICKS_PER_SECOND
}

/// Fails unless `malloc` serves the functions that a small program asks for.
pub(super) fn takes(root: &Path, malloc: &Malloc) -> Result<(), String> {
    let command = [folder(root).join("takes").display().to_string()];
    let usage = run(root, "0", malloc, &command)?;
    let other: Vec<&str> = usage.printed.lines().filter(|line| !same_file(line, malloc)).collect();
    if other.is_empty() { Ok(()) } else { Err(format!("{} does not serve\n{}", malloc.name, other.join("\n"))) }
}

/// Fails unless every object of every process of `run` that binds `malloc` and
/// the like does so to the preloaded library; `run` gets what to set as
/// `LD_DEBUG_OUTPUT`, beside `LD_DEBUG=bindings`.
pub(crate) fn bindings<T>(
    folder: &Path,
    malloc: &Malloc,
    run: impl FnOnce(&Path) -> Result<T, String>,
) -> Result<T, String> {
    let logs = folder.join("bindings");
    drop(fs::remove_dir_all(&logs));
    fs::create_dir_all(&logs).map_err(|error| error.to_string())?;
    let outcome = run(&logs.join("of"))?;
    let mut taken = 0;
    for log in fs::read_dir(&logs).map_err(|error| error.to_string())?.flatten() {
        let text = fs::read(log.path()).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&text);
        let bound: Vec<Binding<'_>> = text.lines().filter_map(Binding::parse).collect();
        if let Some(other) = bound.iter().find(|binding| !binding.ends_at(&malloc.library, &bound)) {
            return Err(format!("{} does not take all that is allocated: {other:?}", malloc.name));
        }
        taken += bound.len();
    }
    if taken == 0 { Err(format!("{} takes nothing that is allocated", malloc.name)) } else { Ok(outcome) }
}

/// A line of `LD_DEBUG=bindings`, about a function that allocates or frees.
#[derive(Debug)]
struct Binding<'a> {
    from: &'a str,
    to: &'a str,
    symbol: &'a str,
}

impl<'a> Binding<'a> {
    /// Of `… binding file FROM [0] to TO [0]: normal symbol `malloc' [VERSION]`.
    fn parse(line: &'a str) -> Option<Self> {
        let (from, rest) = line.split_once("binding file ")?.1.split_once(" [0] to ")?;
        let (to, rest) = rest.split_once(" [0]: ")?;
        let symbol = rest.split(['`', '\'']).nth(1)?;
        matches!(symbol, "malloc" | "free" | "calloc" | "realloc").then_some(Self { from, to, symbol })
    }

    /// Whether it leads to `library`, is the library's own, or leads to a program that is itself bound so: a
    /// program that takes the address of a function gives it a place of its own.
    fn ends_at(&self, library: &Path, bound: &[Self]) -> bool {
        let library = |file: &str| Path::new(file).file_name() == library.file_name();
        let onwards = |other: &Self| other.from == self.to && other.symbol == self.symbol && library(other.to);
        library(self.to) || library(self.from) || bound.iter().any(onwards)
    }
}

/// Whether the file that a line of `takes.c` ends in is that of `malloc`.
fn same_file(line: &str, malloc: &Malloc) -> bool {
    line.split('\t').next_back().is_some_and(|file| Path::new(file).file_name() == malloc.library.file_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_another_serves_is_noticed() {
        let log = [
            "    42:\tbinding file /bin/x [0] to /p/libours.so [0]: normal symbol `free' [GLIBC_2.2.5]",
            "    42:\tbinding file /lib/liby.so [0] to /bin/x [0]: normal symbol `free' [GLIBC_2.2.5]",
            "    42:\tbinding file /lib/liby.so [0] to /lib/libc.so.6 [0]: normal symbol `puts' [GLIBC_2.2.5]",
            "    42:\tbinding file /lib/liby.so [0] to /lib/libc.so.6 [0]: normal symbol `malloc' [GLIBC_2.2.5]",
        ];
        let bound: Vec<Binding<'_>> = log.iter().filter_map(|line| Binding::parse(line)).collect();
        let ours: Vec<bool> = bound.iter().map(|binding| binding.ends_at(Path::new("/q/libours.so"), &bound)).collect();
        assert_eq!(ours, [true, true, false]);
    }
}

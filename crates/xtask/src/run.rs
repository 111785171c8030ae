//! Running other programs: one step at a time, with its name, its outcome and
//! what it cost.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

/// Runs one command; its output is shown only on failure.
pub(crate) fn step(root: &Path, name: &str, command: &mut Command) -> Result<(), String> {
    report(name, || output(root, name, command).map(|_| ()))
}

/// Runs the tests that `command` stands for, of which there must be one.
pub(crate) fn test(root: &Path, name: &str, command: &mut Command) -> Result<(), String> {
    report(name, || {
        let stdout = output(root, name, command)?;
        if passed(&stdout) == 0 { Err(format!("no test was run: {name}")) } else { Ok(()) }
    })
}

/// What makes cargo compile the library fast instead of making it fast, for
/// steps that compile it once more to run few tests.
pub(crate) const UNOPTIMISED: [&str; 2] = ["--config", "profile.dev.package.blockwork.opt-level=0"];

/// What is compiled in other ways than the workspace is, by the stable compiler, and by
/// the one of nightly: the ways share what runs while compiling, if they name a target.
pub(crate) const OTHER_WAYS: &str = "target/ways";
pub(crate) const NIGHTLY_WAYS: &str = "target/nightly";

/// The target of the machine that we run on.
pub(crate) fn host() -> Result<String, String> {
    let said = rustup("rustc").arg("-vV").output().map_err(|error| format!("cannot run rustc: {error}"))?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| format!("rustc does not name its host:\n{said}"))
}

/// Says that a step was left out, and why.
pub(crate) fn skipped(name: &str, reason: &str) {
    println!("  skipped: {name} ({reason})");
}

/// Runs `step` and prints how long it took.
pub(crate) fn report(name: &str, step: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    println!("  {name}");
    let start = Instant::now();
    step()?;
    // Another step may have begun meanwhile.
    println!("    {:.1} s: {name}", start.elapsed().as_secs_f64());
    Ok(())
}

/// A tool behind rustup's proxies, free of the toolchain that cargo set for us.
pub(crate) fn rustup(tool: &str) -> Command {
    let mut command = Command::new(tool);
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
    command
}

/// Whether `tool` is there and content with `args`.
pub(crate) fn has(tool: &str, args: &[&str]) -> bool {
    let status = rustup(tool).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The compiler's flags: those of the environment, and `more`.
pub(crate) fn rustflags(more: &str) -> String {
    let given = env::var("RUSTFLAGS").unwrap_or_default();
    format!("{given} {more}").trim().to_owned()
}

/// Seconds that processors worked for the programs that we ran and that have
/// ended, where the system tells.
pub(crate) fn processor_seconds() -> Option<f64> {
    /// Linux counts in these for every program, whatever its own clock does.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses, and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(13);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

/// Runs one command to its end; what it printed, or that and what failed.
pub(crate) fn output(root: &Path, name: &str, command: &mut Command) -> Result<String, String> {
    let output = command.current_dir(root).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot run {name}: {error}"))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("{stdout}{}\nfailed: {name}", String::from_utf8_lossy(&output.stderr)));
    }
    for line in stdout.lines().filter(|line| line.starts_with("test result")) {
        println!("    {line}");
    }
    Ok(stdout)
}

/// How many tests passed, in all that `stdout` tells of.
fn passed(stdout: &str) -> usize {
    let results = stdout.lines().filter_map(|line| line.strip_prefix("test result: ok. "));
    results.filter_map(|line| line.split(' ').next()?.parse::<usize>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_tests_is_noticed() {
        let one = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 560 filtered out; finished in 0.00s";
        let none = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.00s";
        assert_eq!(passed(&format!("running 1 test\n{one}\n\n{none}\n")), 1);
        assert_eq!(passed(none), 0);
    }
}

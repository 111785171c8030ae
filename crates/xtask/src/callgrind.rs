//! Instructions, counted by callgrind: they do not depend on the load of the
//! machine.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// A program's run under callgrind.
pub(crate) struct Counted {
    pub(crate) instructions: u64,
    /// What the program printed.
    pub(crate) printed: String,
}

/// Fails where valgrind is not installed.
pub(crate) fn needed() -> Result<(), String> {
    let found = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        Ok(())
    } else {
        Err("counting needs valgrind (a package of every distribution)".to_owned())
    }
}

/// Runs `program` to its end, and counts.
pub(crate) fn count(program: &Path, args: &[&str]) -> Result<Counted, String> {
    count_preloaded(program, args, None)
}

/// The same, with `library` preloaded.
pub(crate) fn count_preloaded(program: &Path, args: &[&str], library: Option<&Path>) -> Result<Counted, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args(args);
    valgrind.envs(library.map(|library| ("LD_PRELOAD", library)));
    let output = valgrind.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match collected {
        Some(instructions) if output.status.success() => {
            Ok(Counted { instructions, printed: String::from_utf8_lossy(&output.stdout).into_owned() })
        }
        _ => Err(format!("callgrind failed on `{}`:\n{text}", args.join(" "))),
    }
}

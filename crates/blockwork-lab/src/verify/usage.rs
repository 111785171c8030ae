//! [`Usage`]: what a program needed, as the system says.
//!
//! ```text
//! lab ─► the command itself, with a hidden verb ─► the program
//!                        └─ waits, asks ─► answers on its standard output
//! ```
//!
//! The system takes what a process had in memory before it began a program for
//! the program's: so it is begun by one that has next to nothing.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    process::{Child, Command, ExitCode, Stdio},
};

use serde::{Deserialize, Serialize};

use crate::text;

/// What the command calls itself with.
const VERB: &str = "__usage";

/// A program to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What its environment has beside this one.
    pub environment: Vec<(OsString, OsString)>,
}

/// What it needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Which process it was.
    pub process: u32,
    /// Processor time in nanoseconds, children that it waited for included.
    pub ns: f64,
    /// The most bytes of memory that were resident.
    pub resident: f64,
    /// How it ended, as a shell has it.
    pub code: i32,
}

impl Job {
    /// Runs it to its end, without input, and with its output thrown away.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(&self) -> io::Result<Usage> {
        let job = serde_json::to_string(self)?;
        let mut command = Command::new(env::current_exe()?);
        let done = command.args([VERB, &job]).stdin(Stdio::null()).stderr(Stdio::piped()).output()?;
        if done.status.success() {
            return Ok(serde_json::from_slice(&done.stdout)?);
        }
        let said = String::from_utf8_lossy(&done.stderr);
        Err(io::Error::other(said.trim().to_owned()))
    }

    fn run(&self) -> io::Result<Usage> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        wait(&command.envs(self.environment.iter().map(|(name, value)| (name, value))).spawn()?)
    }
}

/// The job, if this process was started for one.
pub fn job() -> Option<OsString> {
    let mut args = env::args_os().skip(1);
    if args.next().as_deref() == Some(OsStr::new(VERB)) { args.next() } else { None }
}

/// Does `job`, and prints what it needed.
pub fn main(job: &OsStr) -> ExitCode {
    let job: Result<Job, _> = serde_json::from_slice(job.as_encoded_bytes());
    let done = job.map_err(io::Error::from).and_then(|job| job.run());
    match done.and_then(|usage| Ok(serde_json::to_writer(io::stdout(), &usage)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            text::tell(error);
            ExitCode::FAILURE
        }
    }
}

/// Waits for `child`, and asks the system what it needed.
fn wait(child: &Child) -> io::Result<Usage> {
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: plain numbers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: a child of ours that nobody has waited for, and places of the right types.
        let done = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if done == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let ns = |time: libc::timeval| time.tv_sec as f64 * 1e9 + time.tv_usec as f64 * 1e3;
    let code = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) };
    Ok(Usage {
        process: child.id(),
        ns: ns(usage.ru_utime) + ns(usage.ru_stime),
        resident: usage.ru_maxrss as f64 * 1024.0,
        code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_run_to_its_end_and_asked_what_it_needed() {
        let script = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; exit $CODE";
        let job = Job {
            program: "sh".into(),
            arguments: ["-c", script].map(OsString::from).to_vec(),
            environment: vec![("CODE".into(), "7".into())],
        };
        let usage = job.run().unwrap();
        assert_eq!(usage.code, 7);
        assert!(usage.ns > 0.0 && usage.resident > 100_000.0 && usage.process > 0, "{usage:?}");
        let killed = Job { arguments: ["-c", "kill -9 $$"].map(OsString::from).to_vec(), ..job.clone() };
        assert_eq!(killed.run().unwrap().code, 137);
        assert!(Job { program: "/no/such/program".into(), ..job }.run().is_err());
    }

    #[test]
    fn names_that_are_no_text_survive() {
        use std::os::unix::ffi::OsStringExt;
        let program = OsString::from_vec(vec![b'a', 0xff, b'\n']);
        let job = Job { program: program.clone(), arguments: Vec::new(), environment: Vec::new() };
        let read: Job = serde_json::from_str(&serde_json::to_string(&job).unwrap()).unwrap();
        assert_eq!(read.program, program);
    }
}

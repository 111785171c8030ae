//! Running a program checked: what it does wrong with its heap, and by whom.
//!
//! ```text
//! program ─► checker: findings, with addresses ─► file ─► read, named, merged ─► report
//! ```
//!
//! The checker is in the folder of that name beside `src`, and comes into the
//! program as the recorder does.

mod finding;

use std::{ffi::OsString, io, path::Path};

use serde::Serialize;

pub use self::finding::Finding;
use self::finding::Raw;
use crate::{
    capture::{
        Failure,
        process::{self, End},
        program::{self, CANNOT_RUN},
    },
    recorder,
    symbols::Symbols,
    text,
};

/// The variable that tells the checker its options and its file.
const VARIABLE: &str = "BLOCKWORK_CHECKED";

/// The code to end with when the program succeeds and something was found.
const FOUND: u8 = 99;

/// What to look for, and what to do then.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// End the program at the first finding.
    pub stop: bool,
    /// Look for leaks.
    pub leaks: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What the program is called.
    program: String,
    #[serde(skip)]
    end: End,
    /// Processes that told of their end.
    processes: u64,
    /// Blocks that were live at the end of one of them, and their bytes.
    live_blocks: u64,
    live_bytes: u64,
    /// Each once, in the order they came.
    findings: Vec<Finding>,
    #[serde(skip)]
    leaks: bool,
    #[serde(skip)]
    reached: bool,
}

/// Runs `command` checked.
///
/// # Errors
///
/// When it cannot be run so.
pub fn run(command: &[OsString], how: How) -> Result<Report, Failure> {
    if !recorder::AVAILABLE {
        return Err(Failure::own(
            "checking needs Linux on x86-64 with glibc; this command was built for another".into(),
        ));
    }
    let Some(typed) = command.first() else { return Err(Failure::own("no program to check".into())) };
    program::check(typed)?;
    let program = text::base_name(typed);
    let own = |what: &'static str| move |error: io::Error| Failure::own(format!("{what}: {error}"));
    let file = tempfile::Builder::new().prefix("blockwork-findings-").tempfile();
    let file = file.map_err(own("cannot write what is found"))?;
    let beside = file.path().parent().unwrap_or(Path::new("/"));
    let library = recorder::install(recorder::CHECKER, beside).map_err(own("cannot put the checker in a file"))?;
    let mut value = OsString::from(if how.stop { "s" } else { "" });
    value.push(if how.leaks { "l:" } else { ":" });
    value.push(file.path());
    let end = process::run(command, library.path(), (VARIABLE, &value), || ());
    let end = end.map_err(|error| Failure::new(CANNOT_RUN, format!("cannot run {program}: {error}")))?;
    let told = std::fs::read(file.path()).map_err(own("cannot read what was found"))?;
    Ok(Report::new(program, end, how.leaks, &told, library.path()))
}

impl Report {
    fn new(program: String, end: End, leaks: bool, told: &[u8], library: &Path) -> Self {
        let mut report = Self {
            program,
            end,
            processes: 0,
            live_blocks: 0,
            live_bytes: 0,
            findings: Vec::new(),
            leaks,
            reached: !told.is_empty(),
        };
        let mut symbols = Symbols::default();
        for raw in Raw::all(told) {
            if raw.kind == "live" {
                report.processes += 1;
                report.live_blocks += raw.count;
                report.live_bytes += raw.bytes;
                continue;
            }
            let finding = raw.named(&mut symbols, library);
            match report.findings.iter_mut().find(|other| other.is_same(&finding)) {
                Some(other) => other.add(&finding),
                None => report.findings.push(finding),
            }
        }
        report
    }

    /// The code to end with: the program's, unless that is success and something
    /// was found.
    pub fn code(&self) -> u8 {
        match self.end.code() {
            0 if !self.findings.is_empty() => FOUND,
            code => code,
        }
    }

    /// Prints everything on standard error.
    ///
    /// # Errors
    ///
    /// When it cannot be JSON.
    pub fn print(&self, json: bool) -> serde_json::Result<()> {
        if json {
            text::tell(serde_json::to_string(self)?);
            return Ok(());
        }
        if !matches!(self.end, End::Exited(_)) {
            text::tell(format_args!("blockwork: {} {}", self.program, self.end));
        }
        for finding in &self.findings {
            text::tell(finding);
        }
        let found = text::counted(self.findings.len() as u64, "mistake", "mistakes");
        let live = text::counted(self.live_blocks, "block", "blocks");
        let bytes = text::bytes(self.live_bytes);
        let of = if self.processes > 1 { format!(" in {} processes", self.processes) } else { String::new() };
        let hint = if self.leaks || self.live_blocks == 0 { "" } else { " (--leaks looks for what is lost)" };
        if self.processes == 0 && !self.reached {
            text::tell(format_args!(
                "blockwork: {} told nothing: it was never checked, or killed before its end",
                self.program
            ));
        } else {
            text::tell(format_args!("blockwork: {found}; live at the end{of}: {live} of {bytes}{hint}"));
        }
        Ok(())
    }
}

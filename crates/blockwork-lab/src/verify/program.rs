//! The program itself, run with the machine's `malloc` and with a composition
//! preloaded, in turns.

use std::{ffi::OsString, fs, io, path::Path};

use tempfile::NamedTempFile;

use super::usage::Job;
use crate::{
    capture::{Failure, program::CANNOT_RUN},
    recorder, text,
};

/// What the library reads; `composer/heap.rs` has the other side.
const COMPOSITION: &str = "BLOCKWORK_COMPOSITION";
const FIGURES: &str = "BLOCKWORK_COMPOSITION_FIGURES";

/// What one run needed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// Processor time in nanoseconds, children that it waited for included.
    pub ns: f64,
    /// The most bytes of memory that were resident.
    pub resident: f64,
    /// How it ended, as a shell has it.
    pub code: i32,
    /// What the composition says of itself, if it came to its end.
    pub figures: Option<Figures>,
}

/// What a composition says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The most bytes that it held.
    pub held: u64,
    /// Blocks that it gave.
    pub given: u64,
    /// Blocks that came back and were not its own.
    pub strange: u64,
}

impl Figures {
    /// Of the process `pid`, all its images together, from lines of process,
    /// bytes, blocks, blocks of strangers.
    fn of(told: &str, pid: u32) -> Option<Self> {
        let line = |line: &str| {
            let numbers: Option<Vec<u64>> = line.split(' ').map(|number| number.parse().ok()).collect();
            match numbers?.as_slice() {
                [process, held, given, strange] if *process == u64::from(pid) => Some([*held, *given, *strange]),
                _ => None,
            }
        };
        told.lines().filter_map(line).fold(None, |sum: Option<Self>, [held, given, strange]| {
            let sum = sum.unwrap_or_default();
            Some(Self { held: sum.held.max(held), given: sum.given + given, strange: sum.strange + strange })
        })
    }
}

/// A program that can be run with either.
pub struct Program<'a> {
    command: &'a [OsString],
    library: recorder::Installed,
    figures: NamedTempFile,
}

impl<'a> Program<'a> {
    /// `command`, which must be a program that takes preloaded libraries.
    ///
    /// # Errors
    ///
    /// When it cannot be found or run so, or the library cannot be put anywhere.
    pub fn new(command: &'a [OsString]) -> Result<Self, Failure> {
        if recorder::COMPOSER.is_empty() {
            return Err(Failure::own(
                "verifying needs Linux on x86-64 with glibc; this command was built for another".into(),
            ));
        }
        let typed = command.first().ok_or_else(|| Failure::own("no program to run".into()))?;
        crate::capture::program::check(typed)?;
        let own = |what: &'static str| move |error: io::Error| Failure::own(format!("{what}: {error}"));
        let figures = tempfile::Builder::new().prefix("blockwork-figures-").tempfile();
        let figures = figures.map_err(own("cannot make a temporary file"))?;
        let beside = figures.path().parent().unwrap_or(Path::new("/"));
        let library = recorder::install(recorder::COMPOSER, beside).map_err(own("cannot put the library in a file"))?;
        Ok(Self { command, library, figures })
    }

    /// Runs it to its end, without input, and with its output thrown away: with
    /// `spec` preloaded, or with what it has today.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn run(&self, spec: Option<&str>) -> Result<Run, Failure> {
        let [program, arguments @ ..] = self.command else { return Err(Failure::own("no program to run".into())) };
        let shown = || text::base_name(program);
        let failed = |error: io::Error| Failure::new(CANNOT_RUN, format!("cannot run {}: {error}", shown()));
        let mut job = Job { program: program.clone(), arguments: arguments.to_vec(), environment: Vec::new() };
        if let Some(spec) = spec {
            fs::write(self.figures.path(), b"").map_err(failed)?;
            let preload = recorder::preload(self.library.path(), std::env::var_os("LD_PRELOAD"));
            let names = ["LD_PRELOAD", COMPOSITION, FIGURES].map(OsString::from);
            job.environment = names.into_iter().zip([preload, spec.into(), self.figures.path().into()]).collect();
        }
        let usage = job.start().map_err(failed)?;
        let told = fs::read_to_string(self.figures.path()).map_err(failed)?;
        let figures = spec.and_then(|_| Figures::of(&told, usage.process));
        Ok(Run { ns: usage.ns, resident: usage.resident, code: usage.code, figures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_process_are_those_of_all_its_images() {
        let told = "7 100 20 0\n8 999 9 9\n7 300 1 2\ngarbage\n7 1\n";
        assert_eq!(Figures::of(told, 7), Some(Figures { held: 300, given: 21, strange: 2 }));
        assert_eq!(Figures::of(told, 9), None);
    }
}

//! What may be typed, and where it leads.

use std::{io, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

use crate::{capture::Failure, cmd, text};

/// Record the allocations of any program, replay them through many
/// allocators, see which one helps.
///
/// Without a verb, compares the recording that ships with the command.
#[derive(Debug, Parser)]
#[command(name = "blockwork", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Record every allocation and free of a program
    Record(cmd::record::Args),
    /// Write the library that records, to be loaded by hand
    Recorder(cmd::recorder::Args),
    /// Say what a recording holds: sizes, lifetimes, threads, peak
    Stats(cmd::stats::Args),
    /// Replay a recording through many allocators, one row each
    Compare(cmd::compare::Args),
    /// Find the composition that serves a recording best, and print it as code
    Tune(cmd::tune::Args),
    /// Run the real program with a composition, and say whether the prediction holds
    Verify(cmd::verify::Args),
    /// Record a program and compare, in one
    Run(cmd::run::Args),
    /// Write a recording for other tools: pprof, DHAT, flame graphs, Massif, tables
    Export(cmd::export::Args),
    /// Make a recording of what another tool wrote: heaptrack, mtrace, bytehound
    Import(cmd::import::Args),
    /// Draw what a recording holds, in one HTML file
    Report(cmd::report::Args),
    /// Say what changed between two recordings, or two comparisons
    Diff(cmd::diff::Args),
    /// Print what makes a shell complete this command's words
    Completions(cmd::completions::Args),
    /// Write the manual, a page for each verb
    Man(cmd::man::Args),
}

/// The command with all its verbs, for what is made from it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// The lab itself failed, not the recorded program: as `env`, `timeout` and
/// `nohup` have it.
pub const FAILED: u8 = 125;

/// A candidate is beyond a limit that was set for it.
pub const OVER: u8 = 98;

/// Parses, acts, and reports what went wrong.
pub fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Some(Verb::Record(args)) => cmd::record::run(&args),
        Some(Verb::Recorder(args)) => cmd::recorder::run(&args),
        Some(Verb::Stats(args)) => cmd::stats::run(&args),
        Some(Verb::Compare(args)) => cmd::compare::run(&args),
        Some(Verb::Tune(args)) => cmd::tune::run(&args),
        Some(Verb::Verify(args)) => cmd::verify::run(&args),
        Some(Verb::Run(args)) => cmd::run::run(&args),
        Some(Verb::Export(args)) => cmd::export::run(&args),
        Some(Verb::Import(args)) => cmd::import::run(&args),
        Some(Verb::Report(args)) => cmd::report::run(&args),
        Some(Verb::Diff(args)) => cmd::diff::run(&args),
        Some(Verb::Completions(args)) => cmd::completions::run(&args),
        Some(Verb::Man(args)) => cmd::man::run(&args),
        None => cmd::compare::run(&cmd::compare::Args::default()),
    };
    done.unwrap_or_else(|error| {
        let closed = error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        if closed {
            return ExitCode::SUCCESS; // whoever read our output has seen enough
        }
        text::tell(format_args!("blockwork: {error:#}"));
        ExitCode::from(error.downcast_ref::<Failure>().map_or(FAILED, |failure| failure.code))
    })
}

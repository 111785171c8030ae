//! The project's tasks: `cargo xtask <task>`.

mod asm;
mod bench;
mod callgrind;
mod ci;
mod dist;
mod embedded;
mod fuzz;
mod instr;
mod loom;
mod malloc;
mod peers;
mod programs;
mod run;
mod tidy;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "\
cargo xtask <task>

  ci [--full | --tested]   everything a change must pass; --full adds the long checks, and
                           --tested leaves out `cargo test --workspace`, which has just passed
  tidy                     layer order, banned spellings, complete lists
  asm                      the machine code of compositions beside the same by hand
  fuzz [TARGET] [--minutes N]   the fuzzers, one minute each unless told otherwise (needs cargo-fuzz)
  fuzz --bless [TARGET]    their corpora, minimised, into fuzz/corpora
  instr [--bless]          instructions per operation against bench/instructions.txt
  loom [--full]            the models of what threads share, and random schedules of them;
                           --full interrupts the models more often
  dist [--check]           the C library as it is installed, in target/dist; --check builds programs against it
  embedded [--bless]       programs without std and panics: built, run, and weighed against embedded/sizes.txt
  bench [--quick | --passes N] [FILTER]   times beside peers, as ratios
  bench --threads [--passes N] [FILTER]   the same between threads
  bench --count [FILTER]                  instructions beside peers, into bench/peers.txt
  peers                    builds other mallocs to preload, into target/peers
  malloc-bench [--quick | --passes N] [--library [NAME=]FILE] [--only NAME,NAME] [FILTER]
                           mallocs by preload: times, memory, instructions; all of it into bench/RESULTS-malloc.md
  programs [LIBRARY] [--full] [--only NAME]
                           real programs with a malloc preloaded print what they print without
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["ci"] => ci::run(&root(), ci::Gate::Fast, false),
        ["ci", "--tested"] => ci::run(&root(), ci::Gate::Fast, true),
        ["ci", "--full"] => ci::run(&root(), ci::Gate::Full, false),
        ["tidy"] => tidy::check(&root()),
        ["asm"] => asm::check(&root()),
        ["instr"] => instr::check(&root()),
        ["instr", "--bless"] => instr::bless(&root()),
        ["dist"] => dist::build(&root()),
        ["dist", "--check"] => dist::check(&root()),
        ["embedded"] => embedded::check(&root()),
        ["embedded", "--bless"] => embedded::bless(&root()),
        ["fuzz", rest @ ..] => fuzz::run(&root(), rest),
        ["loom"] => loom::run(&root(), ci::Gate::Fast),
        ["loom", "--full"] => loom::run(&root(), ci::Gate::Full),
        ["bench", "--count"] => bench::count(&root(), ""),
        ["bench", "--count", filter] => bench::count(&root(), filter),
        ["bench", "--threads", rest @ ..] => bench::threads(&root(), rest),
        ["bench", rest @ ..] => bench::run(&root(), rest),
        ["peers"] => peers::run(&root()),
        ["malloc-bench", rest @ ..] => malloc::run(&root(), rest),
        ["programs", rest @ ..] => programs::run(&root(), rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).map_or_else(|| own.to_owned(), Path::to_owned)
}

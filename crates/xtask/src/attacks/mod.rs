//! `cargo xtask attacks`: attacks on mallocs, preloaded one after the other, and
//! who stops them; see `bench/attacks/README.md`.

mod expected;
mod outcome;
mod report;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    args::Args,
    malloc::library,
    peers::{self, Malloc},
    run::output,
};
use expected::bless;
pub(crate) use expected::check;
use outcome::Outcome;

const RESULTS: &str = "bench/RESULTS-attacks.md";
const SOURCES: [&str; 5] = ["main.c", "frees.c", "bounds.c", "after.c", "requests.c"];
/// Some mallocs leave things to chance, and an attacker tries again: the worst of so many runs counts.
const RUNS: usize = 5;

/// The hardened malloc of this library once more, with freed blocks wiped.
const WIPING: &str = "blockwork-wiping";
const WIPES: (&str, &str) = ("BLOCKWORK_WIPE", "1");

/// An attack, as `attack list` tells of it.
struct Attack {
    group: String,
    name: String,
    goal: String,
}

/// How every attack ended under one malloc.
struct Stand {
    malloc: Malloc,
    outcomes: Vec<Outcome>,
}

pub(crate) const USAGE: &str = "\
cargo xtask attacks [OPTIONS] [FILTER]  attacks every malloc, and says who stops what; whole, into bench/RESULTS-attacks.md
cargo xtask attacks --check [--bless]   attacks this library's own, against bench/attacks/expected.txt

  FILTER                 only attacks that have this in their name; printed only
  --runs N               so many runs of each, of which the worst counts
  --library [NAME=]FILE  one more malloc
  --only NAME,NAME       these mallocs; printed only
  --bless                writes what came of them there
";

/// What the command line asks for.
pub(crate) fn command(root: &Path, args: &[&str]) -> Result<(), String> {
    let mut args = Args::new(args, USAGE);
    if args.flag("--check") {
        let is_blessed = args.flag("--bless");
        args.done()?;
        return if is_blessed { bless(root) } else { check(root) };
    }
    run(root, args)
}

/// Attacks the mallocs that `args` leave, and prints how they stand.
fn run(root: &Path, mut args: Args<'_>) -> Result<(), String> {
    let runs = args.number("--runs")?.unwrap_or(RUNS);
    let only = args.value("--only")?;
    let mut libraries = Vec::new();
    while let Some(given) = args.value("--library")? {
        libraries.push(library(given)?);
    }
    let filter = args.word().unwrap_or_default();
    args.done()?;
    let whole = only.is_none() && filter.is_empty();
    let program = compile(root)?;
    let mut mallocs = side_by_side(root)?;
    mallocs.extend(libraries);
    if let Some(only) = only {
        mallocs.retain(|malloc| only.split(',').any(|name| name == malloc.name));
    }
    let mut attacks = list(root, &program)?;
    attacks.retain(|attack| attack.full_name().contains(filter));
    let mut stands = Vec::new();
    for malloc in mallocs {
        println!("{}", malloc.name);
        let outcomes = attacks.iter().map(|attack| worst(&program, &malloc, attack, runs));
        let outcomes = outcomes.collect::<Result<Vec<_>, _>>()?;
        stands.push(Stand { malloc, outcomes });
    }
    let text = report::text(root, &attacks, &stands, runs, whole)?;
    print!("\n{text}");
    if whole { fs::write(root.join(RESULTS), text).map_err(|error| format!("{RESULTS}: {error}")) } else { Ok(()) }
}

/// Every malloc, each hardened one behind what it is a build of.
fn side_by_side(root: &Path) -> Result<Vec<Malloc>, String> {
    let mut mallocs = peers::all(root)?;
    if let Some(own) = peers::own(root)? {
        let hardened = peers::own_hardened(&own);
        let wiping = Malloc { name: WIPING.to_owned(), ..hardened.clone() };
        mallocs.extend([own, hardened, wiping]);
    }
    for hardened in peers::hardened(root)? {
        let plain = |malloc: &Malloc| hardened.name.split_once('-').is_some_and(|(plain, _)| plain == malloc.name);
        let at = mallocs.iter().position(plain).map_or(mallocs.len(), |at| at + 1);
        mallocs.insert(at, hardened);
    }
    Ok(mallocs)
}

/// The program of all attacks.
fn compile(root: &Path) -> Result<PathBuf, String> {
    let program = root.join("target/attack");
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-pthread", "-o"]).arg(&program);
    cc.args(SOURCES.map(|file| root.join("bench/attacks").join(file))).arg("-lstdc++");
    output(root, "cc bench/attacks", &mut cc)?;
    Ok(program)
}

fn list(root: &Path, program: &Path) -> Result<Vec<Attack>, String> {
    let listed = output(root, "attack list", Command::new(program).arg("list"))?;
    let attacks = listed.lines().map(|line| {
        let [group, name, goal] = line.split('\t').collect::<Vec<_>>().try_into().map_err(|_| line.to_owned())?;
        Ok(Attack { group: group.to_owned(), name: name.to_owned(), goal: goal.to_owned() })
    });
    attacks.collect()
}

impl Attack {
    fn full_name(&self) -> String {
        format!("{}: {}", self.group, self.name)
    }
}

/// The worst that comes of `runs` runs of an attack.
fn worst(program: &Path, malloc: &Malloc, attack: &Attack, runs: usize) -> Result<Outcome, String> {
    let one = || {
        let mut command = Command::new(program);
        command.args([&attack.group, &attack.name]).env("LD_PRELOAD", &malloc.library).stdin(Stdio::null());
        command.env_remove(WIPES.0).envs((malloc.name == WIPING).then_some(WIPES));
        let ended = command.output().map_err(|error| error.to_string())?;
        Outcome::of(ended.status, &String::from_utf8_lossy(&ended.stderr))
            .map_err(|error| format!("{} under {}: {error}", attack.full_name(), malloc.name))
    };
    let outcomes = (0..runs).map(|_| one()).collect::<Result<Vec<_>, _>>()?;
    outcomes.into_iter().max().ok_or_else(|| "no runs, no outcome".to_owned())
}

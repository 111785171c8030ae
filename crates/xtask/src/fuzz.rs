//! `cargo xtask fuzz`: the fuzzers of `fuzz`, and their corpora.
//!
//! ```text
//! fuzz/corpora/NAME ─► target/fuzz/corpus/NAME/… ─► libFuzzer, for some minutes
//!         ▲                       │
//!         └──── --bless: minimised, the shortest inputs first, up to a limit
//! ```
//!
//! A corpus is one file, of inputs each behind its length in four bytes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    args::Args,
    run::{has, rustup},
};

/// All fuzzers, by the names of their programs in `fuzz/targets`.
const TARGETS: [&str; 6] = ["c_api", "compositions", "containers", "malloc", "notation", "recordings"];

/// Bytes of a corpus that are kept.
const LARGEST: usize = 150_000;

/// What the fuzzer itself is told: a machine has more memory than that, and an input takes
/// milliseconds.
const LIMITS: [&str; 4] = ["-rss_limit_mb=2500", "-malloc_limit_mb=60000", "-timeout=25", "-max_len=4096"];

pub(crate) const USAGE: &str = "\
cargo xtask fuzz [--minutes N] [TARGET]  fuzzes one target or each, for a minute if nothing is said
cargo xtask fuzz --bless [TARGET]        writes minimised corpora

  TARGET  c_api, compositions, containers, malloc, notation, recordings
";

/// What the command line asks for.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), String> {
    let mut args = Args::new(args, USAGE);
    let minutes = args.number("--minutes")?.unwrap_or(1);
    let bless = args.flag("--bless");
    let chosen = args.word();
    args.done()?;
    if let Some(unknown) = chosen.filter(|name| !TARGETS.contains(name)) {
        return Err(format!("no target is called `{unknown}`\n\n{USAGE}"));
    }
    if !is_there() {
        return Err("needs a nightly toolchain and `cargo install cargo-fuzz`".to_owned());
    }
    for name in TARGETS.into_iter().filter(|&name| chosen.is_none_or(|chosen| chosen == name)) {
        let place = Place::new(root, name);
        place.unpack()?;
        if bless {
            place.minimise()?;
        } else {
            place.fuzz(minutes)?;
        }
    }
    Ok(())
}

/// Whether fuzzers can be built.
pub(crate) fn is_there() -> bool {
    has("cargo", &["+nightly", "fuzz", "--version"])
}

/// Where a target has its files.
struct Place<'a> {
    root: &'a Path,
    name: &'static str,
}

impl<'a> Place<'a> {
    const fn new(root: &'a Path, name: &'static str) -> Self {
        Self { root, name }
    }

    fn corpus(&self) -> PathBuf {
        self.root.join("target/fuzz/corpus").join(self.name)
    }

    fn packed(&self) -> PathBuf {
        self.root.join("fuzz/corpora").join(self.name)
    }

    /// Puts the inputs of the corpus beside those that are there.
    fn unpack(&self) -> Result<(), String> {
        let folder = self.corpus();
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        let packed = fs::read(self.packed()).unwrap_or_default();
        for (number, input) in inputs(&packed).into_iter().enumerate() {
            let file = folder.join(format!("packed-{number:05}"));
            fs::write(&file, input).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
        Ok(())
    }

    fn fuzz(&self, minutes: usize) -> Result<(), String> {
        let artifacts = self.root.join("target/fuzz/artifacts").join(self.name);
        fs::create_dir_all(&artifacts).map_err(|error| format!("cannot make {}: {error}", artifacts.display()))?;
        let mut command = self.command("run");
        command.arg("--").args(LIMITS).args(["-print_final_stats=1"]);
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        command.arg(format!("-max_total_time={}", minutes * 60));
        done(&mut command, &format!("the fuzzer `{}` has found something", self.name))
    }

    fn minimise(&self) -> Result<(), String> {
        done(&mut self.command("cmin"), &format!("the corpus of `{}` cannot be minimised", self.name))?;
        let folder = self.corpus();
        let files = fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
        let mut inputs: Vec<Vec<u8>> = files.flatten().filter_map(|file| fs::read(file.path()).ok()).collect();
        let packed = pack(&mut inputs);
        fs::write(self.packed(), packed).map_err(|error| format!("cannot write the corpus: {error}"))
    }

    fn command(&self, what: &str) -> Command {
        let mut command = rustup("cargo");
        command.current_dir(self.root).args(["+nightly", "fuzz", what, "--fuzz-dir", "fuzz"]);
        command.arg("--target-dir").arg(self.root.join("target/fuzz/build")).arg(self.name).arg(self.corpus());
        // Some look at what was freed, so that nothing of that is to be hidden from them.
        let hides = u8::from(!["c_api", "compositions"].contains(&self.name));
        let options = format!("allocator_may_return_null=1:detect_odr_violation=0:allow_user_poisoning={hides}");
        command.env("ASAN_OPTIONS", options);
        command
    }
}

fn done(command: &mut Command, otherwise: &str) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("cannot run cargo-fuzz: {error}"))?;
    if status.success() { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// The inputs in a corpus.
fn inputs(mut packed: &[u8]) -> Vec<&[u8]> {
    let mut inputs = Vec::new();
    while let Some((length, rest)) = packed.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let (input, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        inputs.push(input);
        packed = rest;
    }
    inputs
}

/// A corpus of the shortest of these, as many as are kept.
fn pack(inputs: &mut Vec<Vec<u8>>) -> Vec<u8> {
    inputs.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    inputs.dedup();
    let mut packed = Vec::new();
    for input in inputs {
        if packed.len() + 4 + input.len() > LARGEST {
            break;
        }
        packed.extend((input.len() as u32).to_le_bytes());
        packed.extend_from_slice(input);
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corpus_holds_what_was_put_into_it_the_shortest_first() {
        let packed = pack(&mut vec![b"long one".to_vec(), b"b".to_vec(), vec![], b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(inputs(&packed), [b"".as_slice(), b"a", b"b", b"long one"]);
        assert_eq!(inputs(&pack(&mut vec![vec![0; LARGEST], vec![7]])), [[7]]);
    }
}

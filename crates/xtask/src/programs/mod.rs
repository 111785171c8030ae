//! `cargo xtask programs`: real programs print the same with a malloc
//! preloaded as without.
//!
//! Each runs twice at the same time, in a folder of its own. What they print,
//! on either stream, and how they end must be equal. Those of Python's own
//! tests that are unsteady without a preload, too, are named and left out.

mod python;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Instant,
};

use crate::{
    args::Args,
    malloc::{bindings, library},
    peers::{self, Malloc},
    run::output,
};

pub(crate) const USAGE: &str = "\
cargo xtask programs [OPTIONS] [[NAME=]LIBRARY]

  LIBRARY      what is preloaded; without one it is this project's own malloc
  --quick      none of Python's own tests
  --full       all of them
  --only NAME  only programs with this in their name
";

/// A program to be run, and what it needs.
struct Program {
    name: String,
    /// Files that must be there, or the program is left out.
    needs: &'static [&'static str],
    command: Vec<String>,
    /// Whether it is watched that the preload takes all allocations. Python's own tests look at what their
    /// environment is.
    watched: bool,
}

/// What a run printed and how it ended.
#[derive(PartialEq, Eq)]
struct Outcome {
    printed: String,
    status: Option<i32>,
}

/// How a program fared.
enum Verdict {
    Same,
    Unsteady,
    Wrong(String),
}

/// Runs all programs under the library that `args` name, or under this
/// project's own.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), String> {
    let mut args = Args::new(args, USAGE);
    let (quick, full) = (args.flag("--quick"), args.flag("--full"));
    let only = args.value("--only")?.unwrap_or_default();
    let named = args.word();
    args.done()?;
    let malloc = match named {
        Some(given) => library(given)?,
        None => peers::own(root)?.ok_or("name a library: this project has none of its own yet")?,
    };
    let folder = root.join("target/programs");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut programs = scripts(root, &folder)?;
    if !quick {
        programs.extend(python::tests(root, full));
    }
    programs.retain(|program| program.name.contains(only));
    println!("  programs under {}", malloc.library.display());
    let (mut same, mut wrong) = (0, Vec::new());
    for program in &programs {
        if let Some(missing) = program.needs.iter().find(|file| !Path::new(file).exists()) {
            println!("    skipped: {} ({missing} is not installed)", program.name);
            continue;
        }
        let start = Instant::now();
        match judged(&folder, program, &malloc)? {
            Verdict::Same => {
                same += 1;
                println!("    {} ({:.1} s)", program.name, start.elapsed().as_secs_f64());
            }
            Verdict::Unsteady => println!("    left out: {} is unsteady without a preload, too", program.name),
            Verdict::Wrong(how) => {
                println!("    {} DIFFERS", program.name);
                wrong.push(format!("{}: {how}", program.name));
            }
        }
    }
    println!("    {same} programs unchanged, {} changed", wrong.len());
    match (wrong.is_empty(), same) {
        (true, 0) => Err("no program was run".to_owned()),
        (true, _) => Ok(()),
        (false, _) => Err(wrong.join("\n")),
    }
}

/// The programs of `bench/malloc/programs`.
fn scripts(root: &Path, folder: &Path) -> Result<Vec<Program>, String> {
    let sources = root.join("bench/malloc");
    let at = |file: &str| sources.join("programs").join(file).display().to_string();
    let server = folder.join("server").display().to_string();
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", &server, &at("server.c")]);
    output(root, "cc server.c", &mut cc)?;
    let program = |name: &str, needs: &'static [&'static str], command: &[&str]| Program {
        name: name.to_owned(),
        needs,
        command: command.iter().map(|&word| word.to_owned()).collect(),
        watched: true,
    };
    let bench = |file: &str| sources.join("apps").join(file).display().to_string();
    Ok(vec![
        program("shell", &["/usr/bin/xz", "/usr/bin/bash"], &["sh", &at("shell.sh")]),
        program("perl", &["/usr/bin/perl"], &["/usr/bin/perl", &at("perl.pl")]),
        program("git", &[], &["sh", &at("git.sh")]),
        program("sqlite", &["/usr/bin/sqlite3"], &["sqlite3", ":memory:", &format!(".read {}", bench("work.sql"))]),
        program("lua", &["/usr/bin/lua5.4"], &["lua5.4", &bench("work.lua")]),
        program("compilers", &["/usr/bin/g++"], &["sh", &at("compile.sh"), &sources.display().to_string()]),
        program("node", &["/usr/bin/node"], &["/usr/bin/node", &at("node.js")]),
        program("python", &["/usr/bin/python3"], &["/usr/bin/python3", &at("script.py")]),
        program("redis", &["/usr/bin/redis-server", "/usr/bin/redis-benchmark"], &["sh", &at("redis.sh")]),
        program("threaded server", &[], &[&server, "threaded"]),
        program("forking server", &[], &[&server, "forking"]),
    ])
}

/// Runs `program` with and without `malloc`, and again where that differs: a
/// crash counts at once, another difference when it stays.
fn judged(folder: &Path, program: &Program, malloc: &Malloc) -> Result<Verdict, String> {
    const AGAIN: usize = 2;
    let (plain, preloaded) = both(folder, program, malloc)?;
    if plain == preloaded {
        return Ok(Verdict::Same);
    }
    let crashed = |outcome: &Outcome| outcome.status.is_none_or(|code| code > 128);
    if crashed(&preloaded) && !crashed(&plain) {
        return Ok(Verdict::Wrong(difference(&plain, &preloaded)));
    }
    for _ in 0..AGAIN {
        let (plain_again, preloaded_again) = both(folder, program, malloc)?;
        if plain_again != plain || preloaded_again == plain {
            return Ok(Verdict::Unsteady);
        }
    }
    Ok(Verdict::Wrong(difference(&plain, &preloaded)))
}

/// A run without a preload and one with `malloc`, at the same time.
fn both(folder: &Path, program: &Program, malloc: &Malloc) -> Result<(Outcome, Outcome), String> {
    thread::scope(|scope| {
        let plain = scope.spawn(|| outcome(&folder.join("plain"), program, &[]));
        let preload = ("LD_PRELOAD", malloc.library.clone());
        let preloaded = if program.watched {
            bindings(folder, malloc, |log| {
                let log = ("LD_DEBUG_OUTPUT", log.to_owned());
                outcome(&folder.join("preloaded"), program, &[preload, ("LD_DEBUG", "bindings".into()), log])
            })
        } else {
            outcome(&folder.join("preloaded"), program, &[preload])
        };
        let plain = plain.join().map_err(|_| "a thread panicked".to_owned())?;
        Ok((plain?, preloaded?))
    })
}

/// One run in `folder`, which is new.
fn outcome(folder: &Path, program: &Program, environment: &[(&str, PathBuf)]) -> Result<Outcome, String> {
    const SECONDS: &str = "900";
    drop(fs::remove_dir_all(folder));
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut command = Command::new("timeout");
    // `env` sets what is not for `timeout` itself.
    command.args([SECONDS, "env"]);
    command.args(environment.iter().map(|(name, value)| format!("{name}={}", value.display())));
    command.args(&program.command).current_dir(folder).stdin(Stdio::null());
    command.env("HOME", folder).env("TMPDIR", folder).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    command.env("PYTHONHASHSEED", "0");
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("cannot run {}: {error}", program.name))?;
    let printed = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    // Where it runs is no difference.
    Ok(Outcome { printed: printed.replace(&folder.display().to_string(), "."), status: status.code() })
}

/// The first lines that differ, and how the runs ended.
fn difference(plain: &Outcome, preloaded: &Outcome) -> String {
    const LINES: usize = 10;
    let (mut plains, mut others) = (plain.printed.lines(), preloaded.printed.lines());
    let mut text = format!("ends with {:?} instead of {:?}", preloaded.status, plain.status);
    let mut lines = 0;
    loop {
        match (plains.next(), others.next()) {
            (None, None) => return text,
            (one, other) if one != other => {
                text += &format!("\n  - {}\n  + {}", one.unwrap_or_default(), other.unwrap_or_default());
                lines += 1;
                if lines == LINES {
                    return text + "\n  ...";
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(printed: &str, status: i32) -> Outcome {
        Outcome { printed: printed.to_owned(), status: Some(status) }
    }

    #[test]
    fn a_difference_names_the_lines_and_the_end() {
        let text = difference(&ended("a\nb\nc\n", 0), &ended("a\nx\n", 1));
        assert!(text.starts_with("ends with Some(1) instead of Some(0)"), "{text}");
        assert!(text.contains("- b\n  + x\n  - c\n  + "), "{text}");
    }
}

//! The project's tasks: `cargo xtask <task>`.

mod args;
mod asm;
mod attacks;
mod bench;
mod callgrind;
mod census;
mod ci;
mod dist;
mod embedded;
mod fuzz;
mod instr;
mod json;
mod loom;
mod malloc;
mod mutants;
mod peers;
mod picture;
mod programs;
mod run;
mod soak;
mod tidy;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// A task: its name, what it does, how it is asked, and what runs.
struct Task {
    name: &'static str,
    about: &'static str,
    usage: &'static str,
    run: fn(&Path, &[&str]) -> Result<(), String>,
}

const TASKS: &[Task] = &[
    Task {
        name: "ci",
        about: "everything that a change must pass",
        usage: "\
cargo xtask ci [--full | --tested]

  --full    adds the long checks
  --tested  leaves out `cargo test --workspace`, which has just passed
",
        run: |root, args| match args {
            [] => ci::run(root, ci::Gate::Fast, false),
            ["--tested"] => ci::run(root, ci::Gate::Fast, true),
            ["--full"] => ci::run(root, ci::Gate::Full, false),
            _ => unknown(args),
        },
    },
    Task {
        name: "tidy",
        about: "layer order, banned spellings, complete lists",
        usage: "cargo xtask tidy\n",
        run: |root, args| alone(args).and_then(|()| tidy::check(root)),
    },
    Task {
        name: "unsafe",
        about: "what is unsafe, by crate and layer, against docs/unsafe.txt",
        usage: "cargo xtask unsafe [--bless]\n\n  --bless  writes it there\n",
        run: |root, args| blessed(args).and_then(|bless| census::run(root, bless)),
    },
    Task {
        name: "asm",
        about: "the machine code of compositions beside the same by hand",
        usage: "cargo xtask asm\n",
        run: |root, args| alone(args).and_then(|()| asm::check(root)),
    },
    Task {
        name: "instr",
        about: "instructions per operation against bench/instructions.txt",
        usage: "cargo xtask instr [--bless]\n\n  --bless  writes them there\n",
        run: |root, args| if blessed(args)? { instr::bless(root) } else { instr::check(root) },
    },
    Task {
        name: "loom",
        about: "the models of what threads share, and random schedules of them",
        usage: "cargo xtask loom [--full]\n\n  --full  interrupts the models more often\n",
        run: |root, args| match args {
            [] => loom::run(root, ci::Gate::Fast),
            ["--full"] => loom::run(root, ci::Gate::Full),
            _ => unknown(args),
        },
    },
    Task {
        name: "soak",
        about: "load on the malloc and on what threads share, looked at and measured for growth",
        usage: soak::USAGE,
        run: soak::run,
    },
    Task {
        name: "dist",
        about: "the C library as it is installed, in target/dist",
        usage: "cargo xtask dist [--check]\n\n  --check  builds programs against it\n",
        run: |root, args| match args {
            [] => dist::build(root),
            ["--check"] => dist::check(root),
            _ => unknown(args),
        },
    },
    Task {
        name: "embedded",
        about: "programs without std and panics: built, run, and weighed against embedded/sizes.txt",
        usage: "cargo xtask embedded [--bless]\n\n  --bless  writes the sizes there\n",
        run: |root, args| if blessed(args)? { embedded::bless(root) } else { embedded::check(root) },
    },
    Task {
        name: "bench",
        about: "this library's parts beside peers, and the page of results",
        usage: bench::USAGE,
        run: bench::command,
    },
    Task {
        name: "peers",
        about: "builds other mallocs to preload, into target/peers",
        usage: "cargo xtask peers\n",
        run: |root, args| alone(args).and_then(|()| peers::run(root)),
    },
    Task {
        name: "malloc-bench",
        about: "mallocs by preload: times, memory, instructions, and the page of them",
        usage: malloc::USAGE,
        run: malloc::run,
    },
    Task {
        name: "attacks",
        about: "attacks on mallocs, and who stops them",
        usage: attacks::USAGE,
        run: attacks::command,
    },
    Task {
        name: "fuzz",
        about: "the fuzzers, under AddressSanitizer; see fuzz/README.md",
        usage: fuzz::USAGE,
        run: fuzz::run,
    },
    Task {
        name: "mutants",
        about: "what the unit tests of a layer do not notice when it is changed",
        usage: mutants::USAGE,
        run: mutants::run,
    },
    Task {
        name: "programs",
        about: "real programs with a malloc preloaded print what they print without",
        usage: programs::USAGE,
        run: programs::run,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match asked(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn asked(args: &[&str]) -> Result<(), String> {
    let (name, args) = match args {
        ["help" | "--help" | "-h"] => {
            print!("{}", usage());
            return Ok(());
        }
        [name, args @ ..] => (name, args),
        [] => return Err(usage()),
    };
    let task = TASKS.iter().find(|task| task.name == *name);
    let task = task.ok_or_else(|| format!("no task is called `{name}`\n\n{}", usage()))?;
    if args.iter().any(|arg| matches!(*arg, "--help" | "-h")) {
        print!("{}: {}\n\n{}", task.name, task.about, task.usage);
        return Ok(());
    }
    (task.run)(&root(), args)
}

fn usage() -> String {
    let tasks = TASKS.iter().map(|task| format!("  {:<13} {}\n", task.name, task.about));
    format!(
        "cargo xtask <task>\n\n{}\n`cargo xtask <task> --help` says what a task understands.\n",
        tasks.collect::<String>()
    )
}

/// Fails where something stands behind a task that takes nothing.
fn alone(args: &[&str]) -> Result<(), String> {
    if args.is_empty() { Ok(()) } else { unknown(args) }
}

fn blessed(args: &[&str]) -> Result<bool, String> {
    match args {
        [] => Ok(false),
        ["--bless"] => Ok(true),
        _ => unknown(args).map(|()| false),
    }
}

fn unknown(args: &[&str]) -> Result<(), String> {
    Err(format!("`{}` is not understood; `--help` says what is", args.join(" ")))
}

/// The workspace's folder.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).map_or_else(|| own.to_owned(), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_does_nothing_but_help() {
        assert!(TASKS.iter().all(|task| asked(&[task.name, "--help"]).is_ok() && !task.usage.is_empty()));
        assert!(asked(&["--help"]).is_ok());
    }

    #[test]
    fn what_no_task_understands_is_an_error() {
        for task in TASKS {
            let error = asked(&[task.name, "--no-such-option"]).unwrap_err();
            assert!(error.contains("is not understood"), "{}: {error}", task.name);
        }
        assert!(asked(&["no-such-task"]).is_err() && asked(&[]).is_err());
    }
}

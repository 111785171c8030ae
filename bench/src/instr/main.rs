//! Named paths whose instructions `cargo xtask instr` counts under callgrind.
//!
//! `instr --list` prints names, bars and the loops they are held against; `instr NAME ROUNDS` runs one
//! path. Each round reaches its allocator through an opaque pointer, so that
//! no state stays in a register from one round to the next, and every block is
//! opaque too, so that nothing is optimised away.

mod adjusters;
mod paths;
mod recipes;

use std::{env, process::ExitCode};

use crate::{
    adjusters::ADJUSTERS,
    paths::{EMPTY, NET_OF, PATHS, Path},
    recipes::RECIPES,
};

/// The name that the library's examples know it by.
extern crate allocator_api2 as allocator_api2_02;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--list"] => {
            for path in all() {
                let bar = path.bar.map(|bar| bar.to_string()).unwrap_or_default();
                let against = NET_OF.iter().find(|(name, _)| *name == path.name).map_or(EMPTY, |(_, against)| against);
                println!("{}\t{bar}\t{against}", path.name);
            }
            ExitCode::SUCCESS
        }
        [name, rounds] => match (all().find(|path| path.name == *name), rounds.parse()) {
            (Some(path), Ok(rounds)) => {
                (path.run)(rounds);
                ExitCode::SUCCESS
            }
            _ => fail(),
        },
        _ => fail(),
    }
}

fn all() -> impl Iterator<Item = &'static Path> {
    PATHS.iter().chain(ADJUSTERS).chain(RECIPES)
}

fn fail() -> ExitCode {
    eprintln!("usage: instr --list | instr NAME ROUNDS");
    ExitCode::FAILURE
}

//! `cargo xtask embedded`: programs without std, `alloc` and panics, built, run
//! and weighed.
//!
//! The handler of panics calls a function that nobody has, so a program with a
//! panic that can be reached does not link. That this is so is tried first, on
//! one that has such a panic.

use std::{fs, path::Path, process::Command};

use crate::run::{output, step};

/// What the others are compared with: a program that allocates nothing.
const NOTHING: &str = "nothing";
const PROGRAMS: &[&str] = &[NOTHING, "messages", "frames", "heap"];
/// What is missing where a panic could be reached.
const PANIC: &str = "a_panic_can_be_reached";
const TABLE: &str = "embedded/sizes.txt";

/// Builds, checks and runs the programs, and compares their sizes with the table.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let table = weighed(root)?;
    print!("{table}");
    let expected = fs::read_to_string(root.join(TABLE)).map_err(|error| format!("{TABLE}: {error}"))?;
    if alike(&numbers(&table), &numbers(&expected)) {
        Ok(())
    } else {
        Err(format!("{TABLE} says otherwise; `cargo xtask embedded --bless` writes it:\n{expected}"))
    }
}

/// The same, and writes the table.
pub(crate) fn bless(root: &Path) -> Result<(), String> {
    let table = weighed(root)?;
    print!("{table}");
    fs::write(root.join(TABLE), table).map_err(|error| format!("{TABLE}: {error}"))
}

fn weighed(root: &Path) -> Result<String, String> {
    let folder = root.join("embedded");
    refuses_panics(&folder)?;
    let mut cargo = Command::new(env!("CARGO"));
    step(&folder, "embedded: build --release", cargo.args(["build", "--release"]))?;
    let zero = size(&folder, NOTHING)?;
    let mut table = String::from(
        "# Bytes more than a program that allocates nothing, x86-64, optimised for size: what would lie in flash\n\
         # (code, constants, initial values of statics), and what takes RAM. `cargo xtask embedded --bless` writes this.\n",
    );
    for program in PROGRAMS {
        step(&folder, &format!("embedded: {program}"), &mut Command::new(folder.join("target/release").join(program)))?;
        let Size { flash, ram } = size(&folder, program)?;
        let (flash, ram) = (flash.saturating_sub(zero.flash), ram.saturating_sub(zero.ram));
        table.push_str(&format!("{program:<10} flash {flash:>6}   ram {ram:>6}\n"));
    }
    Ok(table)
}

/// The sizes in a table, row by row.
fn numbers(table: &str) -> Vec<u64> {
    let rows = table.lines().filter(|line| !line.starts_with('#'));
    rows.flat_map(str::split_whitespace).filter_map(|word| word.parse().ok()).collect()
}

/// Whether sizes are within a twentieth of those expected.
fn alike(sizes: &[u64], expected: &[u64]) -> bool {
    let close = |(size, expected): (&u64, &u64)| size.abs_diff(*expected) <= expected / 20;
    sizes.len() == expected.len() && sizes.iter().zip(expected).all(close)
}

/// That a program with a panic does not link, and for that reason.
fn refuses_panics(folder: &Path) -> Result<(), String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--features", "panics", "--bin", "careless"]);
    match output(folder, "embedded: careless", &mut cargo) {
        Err(message) if message.contains(PANIC) => Ok(()),
        Err(message) => Err(message),
        Ok(_) => Err("a program that can panic was linked".to_owned()),
    }
}

struct Size {
    flash: u64,
    ram: u64,
}

/// The sections that a microcontroller would have, too, as `size` of binutils
/// lists them.
fn size(folder: &Path, program: &str) -> Result<Size, String> {
    let path = folder.join("target/release").join(program);
    let said = output(folder, "size", Command::new("size").arg("-A").arg(path))?;
    let sections = said.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?.parse::<u64>().ok()?))
    });
    let sum = |names: &[&str]| sections.clone().filter(|(name, _)| names.contains(name)).map(|(_, size)| size).sum();
    Ok(Size { flash: sum(&[".text", ".rodata", ".data.rel.ro", ".data"]), ram: sum(&[".data", ".bss"]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_twentieth_more_is_alike_and_a_tenth_is_not() {
        let expected = numbers("# of 7\nnothing flash 0 ram 0\nheap flash 1000 ram 40\n");
        assert_eq!(expected, [0, 0, 1000, 40]);
        assert!(alike(&[0, 0, 1050, 40], &expected));
        assert!(!alike(&[0, 0, 1100, 40], &expected));
        assert!(!alike(&[0, 0, 1000], &expected));
    }
}

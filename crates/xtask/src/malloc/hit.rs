//! The machine code of our own malloc: how many instructions a hit has.

use std::{path::Path, process::Command};

use crate::run::output;

/// Instructions of `malloc` and of `free` from the start to the return when a block is in hand; nothing on other
/// processors, or where the code has a shape that is not understood.
pub(super) fn lengths(root: &Path, library: &Path) -> Option<[usize; 2]> {
    if cfg!(not(target_arch = "x86_64")) {
        return None;
    }
    Some([length(root, library, "malloc")?, length(root, library, "free")?])
}

fn length(root: &Path, library: &Path, function: &str) -> Option<usize> {
    let symbols = output(root, "nm", Command::new("nm").arg(library)).ok()?;
    let start = symbols.lines().find_map(|line| line.strip_suffix(&format!(" T {function}")))?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let mut objdump = Command::new("objdump");
    objdump.args(["-d", "--no-show-raw-insn"]).arg(format!("--start-address={start}"));
    objdump.arg(format!("--stop-address={}", start + 256)).arg(library);
    followed(&output(root, "objdump", &mut objdump).ok()?)
}

/// What is tested for is there, and nothing else is the case.
fn followed(listing: &str) -> Option<usize> {
    let lines = listing.lines().filter_map(|line| line.trim().split_once(":\t"));
    let code: Vec<(&str, &str)> = lines.map(|(at, what)| (at, what.trim())).collect();
    let (mut place, mut before) = (0, "");
    for count in 1..=code.len() {
        let mut words = code.get(place)?.1.split_whitespace();
        let (operation, target) = (words.next()?, words.next().unwrap_or_default());
        match operation {
            "ret" => return Some(count),
            "call" => return None,
            _ if operation == "jmp" || (operation == "jne" && before == "test") => {
                place = code.iter().position(|&(at, _)| at == target)?;
            }
            _ => place += 1,
        }
        before = operation;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_goes_where_the_block_is() {
        let listing = "\
    1000:\tmov    (%rdi),%rax
    1003:\ttest   %rax,%rax
    1006:\tjne    1010 <malloc+0x10>
    1008:\tjmp    2000 <slow>
    1010:\tcmp    $0x400,%rdi
    1014:\tja     1008
    1016:\tret
";
        assert_eq!(followed(listing), Some(6));
        assert_eq!(followed("  1:\tcall 5 <x>\n  2:\tret\n"), None);
    }
}

//! `cargo xtask asm`: the machine code of compositions beside the same written
//! by hand.
//!
//! Each pair of `bench/src/asm` is disassembled, and of both functions the
//! shortest way from the entry to the return is counted, the return among it: the
//! usual case, since the others end in calls. A way may call what is known only at
//! run time, which is what `dyn` costs, and nothing else. Where two functions are
//! the same, the compiler may have kept one of them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
    process::Command,
};

use crate::run::output;

const ANCHOR: &str = "blockwork_asm_anchor";

/// Compares the compositions with what is written by hand, and with their bars.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    if cfg!(not(target_arch = "x86_64")) {
        println!("  skipped: only the code of x86-64 is understood");
        return Ok(());
    }
    let bench = root.join("bench");
    let mut cargo = Command::new(env!("CARGO"));
    output(&bench, "bench: asm", cargo.args(["build", "--release", "--quiet", "--bin", "asm"]))?;
    let program = bench.join("target/release/asm");
    let listed = output(&bench, "asm", &mut Command::new(&program))?;
    let symbols = output(&bench, "nm", Command::new("nm").arg(&program))?;
    let anchor = symbols.lines().find(|line| line.ends_with(ANCHOR)).and_then(|line| line.split(' ').next());
    let anchor = anchor.and_then(|hex| u64::from_str_radix(hex, 16).ok()).ok_or("asm: the anchor has no address")?;
    let text = output(&bench, "objdump", Command::new("objdump").args(["-d", "--no-show-raw-insn"]).arg(&program))?;
    let code = Code::parse(&text);

    let mut wrong = Vec::new();
    println!("{:<56} {:>8} {:>8}", "instructions, with the return", "composed", "by hand");
    for line in listed.lines() {
        let [name, bar, more, composed, by_hand] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("the list of pairs is not understood: `{line}`"));
        };
        let count = |offset: &str| -> Result<usize, String> {
            let offset: i64 = offset.parse().map_err(|_| format!("{name}: no offset"))?;
            code.shortest(anchor.wrapping_add_signed(offset)).ok_or_else(|| format!("{name}: no way without a call"))
        };
        let more: usize = more.parse().map_err(|_| format!("{name}: no number"))?;
        match (count(composed), count(by_hand)) {
            (Ok(composed), Ok(by_hand)) => {
                println!("{name:<56} {composed:>8} {by_hand:>8}");
                wrong.extend(too_long(name, (composed, by_hand), more, bar.parse().ok()));
            }
            (composed, by_hand) => wrong.extend([composed.err(), by_hand.err()].into_iter().flatten()),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// What is wrong with a composition that takes as many instructions, and as many by hand, of
/// which it may take `more`.
fn too_long(name: &str, (composed, by_hand): (usize, usize), more: usize, bar: Option<usize>) -> Vec<String> {
    let mut wrong = Vec::new();
    if composed > by_hand.saturating_add(more) {
        wrong.push(format!("`{name}` takes {composed} instructions, by hand {by_hand}"));
    }
    if let Some(bar) = bar.filter(|&bar| composed > bar) {
        wrong.push(format!("`{name}` takes {composed} instructions, its bar is {bar}"));
    }
    wrong
}

/// A program's instructions by their addresses.
#[derive(Debug, Default)]
struct Code {
    instructions: BTreeMap<u64, Kind>,
    /// Where functions begin.
    functions: BTreeSet<u64>,
}

/// Where an instruction leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// On; a call of what is known at run time, too.
    Plain,
    /// There.
    Jump(u64),
    /// On or there.
    Branch(u64),
    /// To the caller; a jump to what is known at run time, too, which returns there.
    Return,
    /// To other code, or nowhere.
    Leave,
}

impl Code {
    /// Reads what objdump prints.
    fn parse(text: &str) -> Self {
        let mut code = Self::default();
        for line in text.lines() {
            if let Some((address, instruction)) = line.split_once(":\t") {
                if let Ok(address) = u64::from_str_radix(address.trim(), 16) {
                    code.instructions.insert(address, Kind::of(instruction));
                }
            } else if let Some((address, _)) = line.split_once(" <")
                && let Ok(address) = u64::from_str_radix(address, 16)
            {
                code.functions.insert(address);
            }
        }
        code
    }

    /// Instructions on the shortest way through the function at `start`.
    fn shortest(&self, start: u64) -> Option<usize> {
        // Of two functions that are the same one may be a jump to the other.
        let start = match self.instructions.get(&start)? {
            Kind::Jump(there) => *there,
            _ => start,
        };
        let mut ways = VecDeque::from([(start, 1)]);
        let mut seen = BTreeSet::new();
        while let Some((address, count)) = ways.pop_front() {
            if !seen.insert(address) {
                continue;
            }
            let next = || self.instructions.range(address.saturating_add(1)..).next().map(|(&next, _)| next);
            let (on, there) = match *self.instructions.get(&address)? {
                Kind::Plain => (next(), None),
                Kind::Jump(there) => (None, Some(there)),
                Kind::Branch(there) => (next(), Some(there)),
                Kind::Return => return Some(count),
                Kind::Leave => (None, None),
            };
            let stays = |address: &u64| !self.functions.contains(address);
            ways.extend(on.into_iter().chain(there).filter(stays).map(|address| (address, count.saturating_add(1))));
        }
        None
    }
}

impl Kind {
    fn of(instruction: &str) -> Self {
        let mut words =
            instruction.split_whitespace().filter(|word| !matches!(*word, "notrack" | "bnd" | "rep" | "repz"));
        let (operation, operand) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let target = u64::from_str_radix(operand, 16);
        match (operation, target) {
            ("ret" | "retq", _) => Self::Return,
            ("jmp" | "jmpq", Ok(there)) => Self::Jump(there),
            // Through the table of a shared library's functions: no choice at run time.
            ("jmp" | "jmpq" | "call" | "callq", Err(_)) if operand.ends_with("(%rip)") => Self::Leave,
            ("jmp" | "jmpq", Err(_)) => Self::Return,
            ("call" | "callq", Err(_)) => Self::Plain,
            ("call" | "callq", Ok(_)) | ("ud2" | "int3" | "hlt", _) => Self::Leave,
            (operation, Ok(there)) if operation.starts_with('j') => Self::Branch(there),
            _ => Self::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
0000000000001000 <free>:
    1000:\tmov    (%rdi),%rax
    1003:\ttest   %rax,%rax
    1006:\tje     1010 <free+0x10>
    1008:\tmov    %rax,(%rsi)
    100b:\tret
    1010:\tjmp    2000 <slow>

0000000000002000 <slow>:
    2000:\tjmp    *0x18(%rsi)

0000000000003000 <same>:
    3000:\tjmp    1000 <free>

0000000000004000 <calls>:
    4000:\tcall   *0x18(%rsi)
    4003:\tcall   2000 <slow>
    4008:\tret

0000000000005000 <outside>:
    5000:\tjmp    *0x2f00(%rip)        # 7f06 <free>
";

    #[test]
    fn the_shortest_way_to_the_return_makes_no_direct_call() {
        let code = Code::parse(TEXT);
        assert_eq!(code.shortest(0x1000), Some(5));
        assert_eq!(code.shortest(0x2000), Some(1));
        assert_eq!(code.shortest(0x4000), None);
        assert_eq!(code.shortest(0x5000), None);
    }

    #[test]
    fn an_instruction_that_is_planted_in_a_composition_is_found() {
        let composed = |text: &str| Code::parse(text).shortest(0x1000).unwrap();
        let longer = TEXT.replace("    100b:\tret", "    1009:\tnop\n    100b:\tret");
        assert_eq!(too_long("free", (composed(TEXT), 5), 0, Some(5)), Vec::<String>::new());
        assert_eq!(too_long("free", (composed(&longer), 5), 0, Some(5)).len(), 2);
        assert_eq!(too_long("free", (composed(&longer), 5), 1, None), Vec::<String>::new());
    }

    #[test]
    fn a_function_that_is_another_one_counts_as_that() {
        assert_eq!(Code::parse(TEXT).shortest(0x3000), Some(5));
    }
}

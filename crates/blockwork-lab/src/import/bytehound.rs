//! What bytehound writes for its replayer (`bytehound extract`, "replay"):
//! numbers of eight bytes, in the order of the machine that wrote them.
//!
//! ```text
//! slots [calls]        how many blocks live at once; calls in files of old versions
//! 1 slot time size     a block begins
//! 2 slot time 0        it ends
//! 3 slot time size     it is reallocated
//! 4 frame 0 0          a function is entered
//! 5 0 0 0              it is left
//! 0                    the end, in files of new versions
//! ```

use std::io::{BufReader, Read};

use blockwork::wire::Event;

use super::{Feed, Found, Halt};
use crate::trace::{Damage, Sink, fill};

/// No heap has more blocks at once.
const SLOTS_MAX: u64 = 1 << 32;
/// No recording has more calls.
const CALLS_MAX: u64 = 1 << 40;

const FORMAT: &str = "bytehound replay";

/// Whether a file of this kind begins so: it has no magic number.
pub fn begins(head: &[u8]) -> bool {
    let mut words = head.chunks_exact(8).map(word);
    let (Some(slots), Some(second)) = (words.next(), words.next()) else { return false };
    let third = words.next();
    let new = (slots > 0 && matches!(second, 1 | 4)) || (slots == 0 && second == 0 && head.len() == 16);
    slots < SLOTS_MAX
        && (new || (second < CALLS_MAX && third == Some(1) && words.next().is_some_and(|slot| slot < slots)))
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// Reads all of it.
///
/// # Errors
///
/// When a call is of no known kind.
pub fn read<S: Sink>(input: impl Read, feed: &mut Feed<'_, S>, found: &mut Found) -> Result<(), Halt> {
    found.notes.push(
        "bytehound's replays know no threads, alignments, zeroed blocks or names of functions: one thread, aligned as \
         by malloc"
            .into(),
    );
    let mut input = BufReader::with_capacity(256 << 10, input);
    feed.image(b"")?;
    let mut next = |many: usize| {
        let mut bytes = [0; 32];
        let length = fill(&mut input, &mut bytes[..8 * many])?;
        let words = [0, 8, 16, 24].map(|at| word(&bytes[at..at + 8]));
        Ok::<_, Halt>((words, length))
    };
    let ([_slots, second, ..], length) = next(2)?;
    if length < 16 {
        return Err(Damage::Truncated.into());
    }
    // What is no kind of call is how many there are.
    let old = second > 5;
    let mut first = Some(second).filter(|_| !old);
    for number in 1.. {
        let kind = match first.take() {
            Some(kind) => kind,
            None => match next(1)? {
                ([kind, ..], 8) => kind,
                (_, 0) if old => return Ok(()),
                _ => return Err(Damage::Truncated.into()),
            },
        };
        if kind == 0 {
            return Ok(());
        }
        let ([slot, _time, size, _], length) = next(3)?;
        if length < 24 {
            return Err(Damage::Truncated.into());
        }
        match kind {
            1 => feed.allocate(slot, size)?,
            2 => feed.free(slot)?,
            3 => {
                feed.push(&Event::ReallocateBegin { name: slot })?;
                feed.push(&Event::ReallocateEnd { name: slot, size })?;
            }
            4 | 5 => {}
            _ => return Err(Damage::Line { format: FORMAT, line: number, what: "is no kind of call" }.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{
        import::testing::{ops, read},
        trace::{Damage, Kind},
    };

    const CALLS: [u64; 24] = [4, 9, 0, 0, 1, 0, 5, 100, 1, 1, 6, 0, 3, 0, 7, 5000, 5, 0, 0, 0, 2, 1, 8, 0];

    fn bytes(words: &[&[u64]]) -> Vec<u8> {
        words.concat().iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn files_of_old_and_new_versions_are_read() {
        let new = read(bytes(&[&[2], &CALLS, &[0]]));
        let expected =
            [(Kind::Allocate, 0, 100), (Kind::Allocate, 1, 0), (Kind::Reallocate, 0, 5000), (Kind::Free, 1, 0)];
        assert_eq!((ops(&new).as_slice(), new.damage), (expected.as_slice(), None));
        let old = read(bytes(&[&[2, 6], &CALLS[4..]]));
        assert_eq!((ops(&old).as_slice(), old.damage), (expected.as_slice(), None));
    }

    #[test]
    fn a_cut_file_is_read_up_to_there() {
        let file = bytes(&[&[2], &CALLS, &[0]]);
        let whole = read(&file).ops;
        for length in 0..file.len() {
            let trace = read(&file[..length]);
            assert!(whole.starts_with(&trace.ops) && trace.damage.is_some(), "{length}");
        }
        assert_eq!(read(&file[..file.len() - 40]).damage, Some(Damage::Truncated));
    }

    #[test]
    fn what_is_no_call_is_named() {
        let trace = read(bytes(&[&[2], &CALLS, &[9, 0, 0, 0]]));
        assert!(matches!(trace.damage, Some(Damage::Line { line: 7, .. })), "{:?}", trace.damage);
    }
}

//! What is said of a program that has made a mistake with memory.

use super::thread::{abort, print};

/// Says what is wrong with a call that was given `block`, and ends the process.
///
/// Nothing is allocated for it, nothing unwinds.
#[cold]
#[inline(never)]
pub(crate) fn misuse(what: &str, block: *const u8) -> ! {
    report(what, block);
    abort()
}

/// Says what is wrong with a call that was given `block`.
#[cold]
#[inline(never)]
pub(crate) fn report(what: &str, block: *const u8) {
    let mut line = Line { bytes: [0; 160], len: 0 };
    for part in ["blockwork: ", what, ": 0x"] {
        part.bytes().for_each(|byte| line.push(byte));
    }
    // The digits, without the zeroes in front.
    let digit = |shift: u32| block.addr().wrapping_shr(shift) & 0xF;
    let shifts = (0..usize::BITS).step_by(4).rev().skip_while(|&shift| shift != 0 && digit(shift) == 0);
    for shift in shifts {
        line.push(b"0123456789abcdef".get(digit(shift)).copied().unwrap_or(b'?'));
    }
    line.push(b'\n');
    print(line.bytes.get(..line.len).unwrap_or_default());
}

/// Text in place: who has made a mistake with memory is given none. What does not
/// fit is cut off.
struct Line {
    bytes: [u8; 160],
    len: usize,
}

impl Line {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len = self.len.saturating_add(1);
        }
    }
}

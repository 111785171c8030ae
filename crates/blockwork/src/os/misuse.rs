//! The end of a program that has made a mistake with memory.

use core::fmt::{self, Write};

use super::thread::{abort, print};

/// Says what is wrong with a call that was given `block`, and ends the process.
///
/// Nothing is allocated for it, nothing unwinds.
#[cold]
#[inline(never)]
pub(crate) fn misuse(what: &str, block: *const u8) -> ! {
    let mut line = Line { bytes: [0; 160], len: 0 };
    // What does not fit is cut off.
    let _cut = writeln!(line, "blockwork: {what}: {block:p}");
    print(line.bytes.get(..line.len).unwrap_or_default());
    abort()
}

/// Text in place: who has made a mistake with memory is given none.
struct Line {
    bytes: [u8; 160],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.bytes.get_mut(self.len).ok_or(fmt::Error)? = byte;
            self.len = self.len.saturating_add(1);
        }
        Ok(())
    }
}

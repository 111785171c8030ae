//! Statistics as text and as JSON.
//!
//! Nothing is allocated, and nothing of `core::fmt` used: that could panic, and a
//! malloc must not.

use blockwork::MallocStats;

/// Where text goes.
pub trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);
}

/// The standard error, a line or so at a time.
#[derive(Debug)]
pub struct StandardError {
    bytes: [u8; 256],
    len: usize,
}

impl StandardError {
    /// Nothing has been written.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; 256], len: 0 }
    }

    fn flush(&mut self) {
        let mut rest = self.bytes.get(..self.len).unwrap_or_default();
        while !rest.is_empty() {
            // SAFETY: `rest` may be read.
            let written = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written).ok().and_then(|written| rest.get(written..)) {
                Some(more) if written != 0 => rest = more,
                _ => break,
            }
        }
        self.len = 0;
    }
}

impl Default for StandardError {
    fn default() -> Self {
        Self::new()
    }
}

impl Sink for StandardError {
    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.len == self.bytes.len() {
                self.flush();
            }
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = byte;
                self.len = self.len.wrapping_add(1);
            }
        }
    }
}

impl Drop for StandardError {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The digits of a number, the last in front.
fn digits(number: usize) -> impl Iterator<Item = u8> {
    let rest = core::iter::successors(Some(number), |rest| Some(rest / 10).filter(|&rest| rest != 0));
    // Below ten, so a digit.
    rest.map(|rest| b'0'.wrapping_add(u8::try_from(rest % 10).unwrap_or(0)))
}

/// Appends `number`, with spaces in front up to `width`.
pub(crate) fn number(to: &mut impl Sink, number: usize, width: usize) {
    /// The most digits, and the widest column.
    const MAX: usize = 24;
    let mut text = [b' '; MAX];
    for (place, digit) in text.iter_mut().rev().zip(digits(number)) {
        *place = digit;
    }
    let shown = digits(number).count().max(width).min(MAX);
    to.put(text.get(MAX.wrapping_sub(shown)..).unwrap_or_default());
}

/// What is said of the whole.
fn totals(stats: &MallocStats) -> [(&'static str, usize); 12] {
    [
        ("bytes_used", stats.bytes_used()),
        ("spans", stats.spans),
        ("span_bytes", stats.span_bytes),
        ("mappings", stats.mappings),
        ("mapping_bytes", stats.mapping_bytes),
        ("chunks", stats.chunks),
        ("chunk_bytes", stats.chunk_bytes),
        ("chunk_bytes_live", stats.chunk_bytes_live),
        ("chunk_bytes_kept", stats.chunk_bytes_kept),
        ("heaps", stats.heaps),
        ("heaps_idle", stats.heaps_idle),
        ("classes", stats.classes.len()),
    ]
}

/// Writes `stats` as a table of the classes in use, and what else there is.
pub fn text(stats: &MallocStats, to: &mut impl Sink) {
    const WIDTH: usize = 12;
    to.put(b"blockwork malloc\n        size       slabs      blocks        used\n");
    for class in stats.classes.iter().filter(|class| class.slabs != 0) {
        for column in [class.size, class.slabs, class.blocks, class.blocks_used] {
            number(to, column, WIDTH);
        }
        to.put(b"\n");
    }
    for (name, value) in totals(stats) {
        number(to, value, WIDTH);
        to.put(b" ");
        to.put(name.as_bytes());
        to.put(b"\n");
    }
}

/// Writes `stats` as one line of JSON.
pub fn json(stats: &MallocStats, to: &mut impl Sink) {
    to.put(b"{");
    for (name, value) in totals(stats).into_iter().filter(|&(name, _)| name != "classes") {
        to.put(b"\"");
        to.put(name.as_bytes());
        to.put(b"\":");
        number(to, value, 0);
        to.put(b",");
    }
    to.put(b"\"classes\":[");
    let mut before: &[u8] = b"{\"size\":";
    for class in stats.classes.iter().filter(|class| class.slabs != 0) {
        for (name, value) in [
            (before, class.size),
            (b",\"slabs\":", class.slabs),
            (b",\"blocks\":", class.blocks),
            (b",\"blocks_used\":", class.blocks_used),
        ] {
            to.put(name);
            number(to, value, 0);
        }
        to.put(b"}");
        before = b",{\"size\":";
    }
    to.put(b"]}\n");
}

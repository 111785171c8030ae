//! The wire format: one [`Event`] after another, each a few bytes.
//!
//! ```text
//! event     = tag, then by kind:
//! 1 allocate        [align]  name  size     tag bit 4: zeroed; bit 5: `align` follows
//! 2 free                     name
//! 3 reallocate               name  size     the block keeps its name
//! 4 reallocate begins        name           a recorder's two halves: the block gives
//! 5 reallocate ended         name  size     up its name before the call, and has a
//! 6 reallocate failed                       new one, or the old one again, after it
//! 7 stray                                   tag bit 4: freed once before
//! 8 thread                   index          who calls from here on
//! 9 image                    length bytes   a program image begins, the former one's blocks end
//! 10 stack                   index          who asks for blocks from here on: a chain of frames
//! 11 frame                   parent address the next frame, numbered from 1, and who called it
//! 12 module                  start length offset, length bytes    a file whose code is there
//!
//! tag       = kind in bits 0 to 3, flags above
//! align     = one byte: its logarithm, never 4, the alignment of plain `malloc`
//! name      = zigzag varint: difference to the name before; the first one of an image: to 0
//! size, …   = varint: seven bits a byte, lowest first, the top bit says "more"
//! ```
//!
//! A name says which block is meant while it lives: an address, a slot number,
//! whatever tells live blocks apart. Recorders write addresses, files hold slot
//! numbers, in the same grammar, so there is one reader.
//!
//! | | |
//! |---|---|
//! | time | a handful of shifts per event; no allocation, no table |
//! | space | 3 to 6 bytes per event for addresses, 2 to 4 for slots, before compression |
//! | state | one word at either end: the name before |
//! | failure | [`Full`] or a [`DecodeError`]; the state is as before and the call may be repeated |
//!
//! Every event has exactly one encoding, and zero is no tag: a spool that is
//! zeroed beyond its end does not read as events.
//!
//! When not to use it: between machines that may lose or flip bytes; put it
//! into a container with lengths and checksums then.
//!
//! # Example
//!
//! ```
//! use blockwork::wire::{Decoder, Encoder, Event};
//!
//! let event = Event::Allocate { name: 7, size: 300, align_log2: 4, zeroed: false };
//! let mut bytes = [0; 16];
//! let length = Encoder::new().encode(&event, &mut bytes)?;
//! assert_eq!(length, 4);
//!
//! assert_eq!(Decoder::new().decode(&bytes)?, (event, length));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::fmt;

/// The logarithm of the alignment of plain `malloc`, which goes without saying.
pub const MALLOC_ALIGN_LOG2: u8 = 4;

/// No event takes more bytes than this, but for those with a path.
pub const LONGEST: usize = 22;

/// What those take beside their path, at most.
pub const LONGEST_BESIDE_PATH: usize = 41;

/// One thing that happened to an allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A block begins.
    Allocate {
        /// What the block is called until it ends.
        name: u64,
        /// Bytes asked for.
        size: u64,
        /// Logarithm of the alignment asked for; below 64.
        align_log2: u8,
        /// Whether zeroed memory was asked for.
        zeroed: bool,
    },
    /// A block ends.
    Free {
        /// The block.
        name: u64,
    },
    /// A block changes its size and keeps its name.
    Reallocate {
        /// The block.
        name: u64,
        /// Bytes asked for from now on.
        size: u64,
    },
    /// This thread is about to reallocate a block: from here on its name may
    /// be another block's.
    ReallocateBegin {
        /// The block.
        name: u64,
    },
    /// The reallocation that this thread began is done.
    ReallocateEnd {
        /// What the block is called from now on.
        name: u64,
        /// Bytes asked for from now on.
        size: u64,
    },
    /// The reallocation that this thread began was refused: the block is as it
    /// was, and has its name back.
    ReallocateFailed,
    /// Something was freed, or reallocated, that is no live block.
    Stray {
        /// It was one before: a double free.
        double: bool,
    },
    /// From here on, this thread calls.
    Thread {
        /// Its number, from 0 in order of first call; 0 calls until said
        /// otherwise.
        index: u64,
    },
    /// A program image begins; all blocks of the former one have ended, thread
    /// 0 calls, and who asks is not known.
    Image {
        /// The program's file, as the system spells it.
        path: &'a [u8],
    },
    /// From here on, this stack asks for blocks and for other sizes of blocks.
    /// Of frees it says nothing.
    Stack {
        /// The number of the innermost [frame](Event::Frame); 0 if it is not
        /// known.
        index: u64,
    },
    /// A frame that no one was called from before, numbered from 1 in order of
    /// appearance. A recorder begins anew with each image; a file goes on.
    Frame {
        /// The frame that called this one; 0 for none.
        parent: u64,
        /// An address within the call that leads on from here.
        address: u64,
    },
    /// The code at some addresses, from here on.
    Module {
        /// The first address.
        start: u64,
        /// How many bytes of it.
        length: u64,
        /// Where in the file the first one is.
        offset: u64,
        /// The file, as the system spells it.
        path: &'a [u8],
    },
}

/// There is no room for the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room for the event")
    }
}

impl core::error::Error for Full {}

/// Why bytes are not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// They end within the event.
    Truncated,
    /// No event begins with this byte.
    UnknownTag(u8),
    /// A number is longer than it need be, or than 64 bits.
    BadNumber,
    /// An alignment of 2 to the 64 or more, or one that goes without saying.
    BadAlignment(u8),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end within an event"),
            Self::UnknownTag(tag) => write!(f, "no event begins with byte {tag:#04x}"),
            Self::BadNumber => f.write_str("a number is badly encoded"),
            Self::BadAlignment(log2) => write!(f, "{log2} is no logarithm of an alignment"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// The kinds of events, as bits 0 to 3 of the tag have them.
mod kind {
    pub(super) const ALLOCATE: u8 = 1;
    pub(super) const FREE: u8 = 2;
    pub(super) const REALLOCATE: u8 = 3;
    pub(super) const REALLOCATE_BEGIN: u8 = 4;
    pub(super) const REALLOCATE_END: u8 = 5;
    pub(super) const REALLOCATE_FAILED: u8 = 6;
    pub(super) const STRAY: u8 = 7;
    pub(super) const THREAD: u8 = 8;
    pub(super) const IMAGE: u8 = 9;
    pub(super) const STACK: u8 = 10;
    pub(super) const FRAME: u8 = 11;
    pub(super) const MODULE: u8 = 12;
}

/// Tag bit: the memory is zeroed; the stray is a double free.
const MARKED: u8 = 1 << 4;
/// Tag bit: an alignment follows.
const ALIGNED: u8 = 1 << 5;

/// Turns events into bytes; see the [module](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoder {
    /// The name before.
    last: u64,
}

impl Encoder {
    /// At the beginning of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: 0 }
    }

    /// Writes `event` to the front of `bytes` and says how many it took.
    ///
    /// # Errors
    ///
    /// [`Full`] if `bytes` is too short; nothing counts as written then. An
    /// `align_log2` of 64 or more is written as 63.
    #[inline]
    pub fn encode(&mut self, event: &Event<'_>, bytes: &mut [u8]) -> Result<usize, Full> {
        let mut out = Out { bytes, at: 0 };
        let last = self.write(event, &mut out)?;
        self.last = last;
        Ok(out.at)
    }

    /// Writes `event`; the result is the name that the next one differs from.
    #[inline]
    fn write(self, event: &Event<'_>, out: &mut Out<'_>) -> Result<u64, Full> {
        match *event {
            Event::Allocate { name, size, align_log2, zeroed } => {
                let zeroed = if zeroed { MARKED } else { 0 };
                if align_log2 == MALLOC_ALIGN_LOG2 {
                    out.put(kind::ALLOCATE | zeroed)?;
                } else {
                    out.put(kind::ALLOCATE | zeroed | ALIGNED)?;
                    out.put(align_log2.min(63))?;
                }
                self.put_name(name, out)?;
                out.put_varint(size)?;
                Ok(name)
            }
            Event::Free { name } => {
                out.put(kind::FREE)?;
                self.put_name(name, out)
            }
            Event::Reallocate { name, size } => {
                out.put(kind::REALLOCATE)?;
                self.put_name(name, out)?;
                out.put_varint(size)?;
                Ok(name)
            }
            Event::ReallocateBegin { name } => {
                out.put(kind::REALLOCATE_BEGIN)?;
                self.put_name(name, out)
            }
            Event::ReallocateEnd { name, size } => {
                out.put(kind::REALLOCATE_END)?;
                self.put_name(name, out)?;
                out.put_varint(size)?;
                Ok(name)
            }
            Event::ReallocateFailed => {
                out.put(kind::REALLOCATE_FAILED)?;
                Ok(self.last)
            }
            Event::Stray { double } => {
                out.put(if double { kind::STRAY | MARKED } else { kind::STRAY })?;
                Ok(self.last)
            }
            Event::Thread { index } => {
                out.put(kind::THREAD)?;
                out.put_varint(index)?;
                Ok(self.last)
            }
            Event::Image { path } => {
                out.put(kind::IMAGE)?;
                out.put_bytes(path)?;
                Ok(0)
            }
            Event::Stack { index } => {
                out.put(kind::STACK)?;
                out.put_varint(index)?;
                Ok(self.last)
            }
            Event::Frame { parent, address } => {
                out.put(kind::FRAME)?;
                out.put_varint(parent)?;
                out.put_varint(address)?;
                Ok(self.last)
            }
            Event::Module { start, length, offset, path } => {
                out.put(kind::MODULE)?;
                out.put_varint(start)?;
                out.put_varint(length)?;
                out.put_varint(offset)?;
                out.put_bytes(path)?;
                Ok(self.last)
            }
        }
    }

    #[inline]
    fn put_name(self, name: u64, out: &mut Out<'_>) -> Result<u64, Full> {
        out.put_varint(zigzag(name.wrapping_sub(self.last)))?;
        Ok(name)
    }
}

/// Turns bytes into events; see the [module](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoder {
    /// The name before.
    last: u64,
}

impl Decoder {
    /// At the beginning of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: 0 }
    }

    /// Reads the event at the front of `bytes`, and how many it took.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes. After [`DecodeError::Truncated`], more
    /// bytes may make it right.
    #[inline]
    pub fn decode<'a>(&mut self, bytes: &'a [u8]) -> Result<(Event<'a>, usize), DecodeError> {
        let mut input = In { bytes, at: 0 };
        let (event, last) = self.read(&mut input)?;
        self.last = last;
        Ok((event, input.at))
    }

    /// Reads an event, and the name that the next one differs from.
    #[inline]
    fn read<'a>(self, input: &mut In<'a>) -> Result<(Event<'a>, u64), DecodeError> {
        let tag = input.take()?;
        let marked = tag & MARKED != 0;
        let aligned = tag & ALIGNED != 0;
        match (tag & 0xf, tag >> 4) {
            (kind::ALLOCATE, 0..=3) => {
                let align_log2 = if aligned { input.take_alignment()? } else { MALLOC_ALIGN_LOG2 };
                let name = self.take_name(input)?;
                let size = input.take_varint()?;
                Ok((Event::Allocate { name, size, align_log2, zeroed: marked }, name))
            }
            (kind::FREE, 0) => {
                let name = self.take_name(input)?;
                Ok((Event::Free { name }, name))
            }
            (kind::REALLOCATE, 0) => {
                let name = self.take_name(input)?;
                let size = input.take_varint()?;
                Ok((Event::Reallocate { name, size }, name))
            }
            (kind::REALLOCATE_BEGIN, 0) => {
                let name = self.take_name(input)?;
                Ok((Event::ReallocateBegin { name }, name))
            }
            (kind::REALLOCATE_END, 0) => {
                let name = self.take_name(input)?;
                let size = input.take_varint()?;
                Ok((Event::ReallocateEnd { name, size }, name))
            }
            (kind::REALLOCATE_FAILED, 0) => Ok((Event::ReallocateFailed, self.last)),
            (kind::STRAY, 0 | 1) => Ok((Event::Stray { double: marked }, self.last)),
            (kind::THREAD, 0) => Ok((Event::Thread { index: input.take_varint()? }, self.last)),
            (kind::IMAGE, 0) => Ok((Event::Image { path: input.take_bytes()? }, 0)),
            (kind::STACK, 0) => Ok((Event::Stack { index: input.take_varint()? }, self.last)),
            (kind::FRAME, 0) => {
                let (parent, address) = (input.take_varint()?, input.take_varint()?);
                Ok((Event::Frame { parent, address }, self.last))
            }
            (kind::MODULE, 0) => {
                let (start, length, offset) = (input.take_varint()?, input.take_varint()?, input.take_varint()?);
                Ok((Event::Module { start, length, offset, path: input.take_bytes()? }, self.last))
            }
            _ => Err(DecodeError::UnknownTag(tag)),
        }
    }

    #[inline]
    fn take_name(self, input: &mut In<'_>) -> Result<u64, DecodeError> {
        Ok(self.last.wrapping_add(unzigzag(input.take_varint()?)))
    }
}

/// Small differences of either sign become small numbers: 0, −1, 1, −2, …
const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ 0_u64.wrapping_sub(difference >> 63)
}

const fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ 0_u64.wrapping_sub(number & 1)
}

/// Bytes being written.
struct Out<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Out<'_> {
    #[inline]
    fn put(&mut self, byte: u8) -> Result<(), Full> {
        *self.bytes.get_mut(self.at).ok_or(Full)? = byte;
        self.at = self.at.wrapping_add(1); // below the slice's length, just now
        Ok(())
    }

    #[inline]
    fn put_varint(&mut self, mut number: u64) -> Result<(), Full> {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                return self.put(low);
            }
            self.put(low | 0x80)?;
        }
    }

    fn put_bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let length = u64::try_from(bytes.len()).map_err(|_| Full)?;
        self.put_varint(length)?;
        let end = self.at.checked_add(bytes.len()).ok_or(Full)?;
        self.bytes.get_mut(self.at..end).ok_or(Full)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }
}

/// Bytes being read.
struct In<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> In<'a> {
    #[inline]
    fn take(&mut self) -> Result<u8, DecodeError> {
        let byte = *self.bytes.get(self.at).ok_or(DecodeError::Truncated)?;
        self.at = self.at.wrapping_add(1); // below the slice's length, just now
        Ok(byte)
    }

    #[inline]
    fn take_varint(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits || (byte == 0 && shift != 0) {
                return Err(DecodeError::BadNumber);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(DecodeError::BadNumber)
    }

    fn take_alignment(&mut self) -> Result<u8, DecodeError> {
        match self.take()? {
            log2 @ (MALLOC_ALIGN_LOG2 | 64..) => Err(DecodeError::BadAlignment(log2)),
            log2 => Ok(log2),
        }
    }

    fn take_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.take_varint()?).map_err(|_| DecodeError::BadNumber)?;
        let end = self.at.checked_add(length).ok_or(DecodeError::BadNumber)?;
        let bytes = self.bytes.get(self.at..end).ok_or(DecodeError::Truncated)?;
        self.at = end;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where encodings change their length, and the ends.
    const EDGES: [u64; 13] = [0, 1, 63, 64, 127, 128, 8191, 8192, 16_383, 16_384, 1 << 43, 1 << 63, u64::MAX];

    /// Calls `with` for every kind of event with every edge in every field.
    fn for_each_event(mut with: impl FnMut(Event<'_>)) {
        for name in EDGES {
            for size in EDGES {
                for align_log2 in 0..64 {
                    with(Event::Allocate { name, size, align_log2, zeroed: false });
                    with(Event::Allocate { name, size, align_log2, zeroed: true });
                }
                with(Event::Frame { parent: name, address: size });
                for path in [b"".as_slice(), &[0xff; 300]] {
                    with(Event::Module { start: name, length: size, offset: name, path });
                }
                with(Event::Reallocate { name, size });
                with(Event::ReallocateEnd { name, size });
            }
            with(Event::Free { name });
            with(Event::ReallocateBegin { name });
            with(Event::Thread { index: name });
            with(Event::Stack { index: name });
        }
        with(Event::ReallocateFailed);
        with(Event::Stray { double: false });
        with(Event::Stray { double: true });
        for path in [b"".as_slice(), b"/bin/sh", &[0xff; 300]] {
            with(Event::Image { path });
        }
    }

    #[test]
    fn every_event_reads_as_it_was_written_after_any_name() {
        for last in EDGES {
            for_each_event(|event| {
                let (mut encoder, mut decoder) = (Encoder { last }, Decoder { last });
                let mut bytes = [0; 400];
                let written = encoder.encode(&event, &mut bytes).unwrap();
                assert_eq!(decoder.decode(&bytes), Ok((event, written)));
                assert_eq!(encoder.last, decoder.last);
                let most = match event {
                    Event::Image { path } | Event::Module { path, .. } => path.len() + LONGEST_BESIDE_PATH,
                    _ => LONGEST,
                };
                assert!(written <= most, "{event:?}: {written}");
            });
        }
    }

    #[test]
    fn the_longest_event_is_as_long_as_said() {
        let event = Event::Allocate { name: 1 << 63, size: u64::MAX, align_log2: 63, zeroed: true };
        assert_eq!(Encoder::new().encode(&event, &mut [0; LONGEST]), Ok(LONGEST));
    }

    #[test]
    fn a_cut_anywhere_is_truncated_and_changes_nothing() {
        for_each_event(|event| {
            let mut bytes = [0; 400];
            let written = Encoder::new().encode(&event, &mut bytes).unwrap();
            for cut in 0..written {
                let mut decoder = Decoder::new();
                assert_eq!(decoder.decode(&bytes[..cut]), Err(DecodeError::Truncated));
                assert_eq!(decoder, Decoder::new());
                let mut encoder = Encoder::new();
                assert_eq!(encoder.encode(&event, &mut bytes[..cut]), Err(Full));
                assert_eq!(encoder, Encoder::new());
                Encoder::new().encode(&event, &mut bytes).unwrap();
            }
        });
    }

    #[test]
    fn every_event_has_exactly_one_encoding() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for third in 0..=u8::MAX {
                    let bytes = [first, second, third];
                    let Ok((event, read)) = Decoder::new().decode(&bytes) else { continue };
                    let mut again = [0; 3];
                    assert_eq!(Encoder::new().encode(&event, &mut again), Ok(read));
                    assert_eq!(again[..read], bytes[..read]);
                }
            }
        }
    }

    #[test]
    fn zeroes_are_no_event() {
        assert_eq!(Decoder::new().decode(&[0; 8]), Err(DecodeError::UnknownTag(0)));
    }

    #[test]
    fn unused_flags_are_refused() {
        for tag in [kind::FREE | MARKED, kind::ALLOCATE | 1 << 6, kind::STRAY | ALIGNED, 13, 15, 0xff] {
            assert_eq!(Decoder::new().decode(&[tag, 0, 0, 0]), Err(DecodeError::UnknownTag(tag)));
        }
    }

    #[test]
    fn numbers_beyond_64_bits_and_alignments_beyond_63_are_refused() {
        let mut bytes = [0xff; 12];
        bytes[0] = kind::FREE;
        assert_eq!(Decoder::new().decode(&bytes), Err(DecodeError::BadNumber));
        bytes[10] = 0x01;
        assert!(Decoder::new().decode(&bytes).is_ok());
        bytes[10] = 0x02;
        assert_eq!(Decoder::new().decode(&bytes), Err(DecodeError::BadNumber));
        for log2 in [4, 64, 255] {
            let bytes = [kind::ALLOCATE | ALIGNED, log2, 0, 0];
            assert_eq!(Decoder::new().decode(&bytes), Err(DecodeError::BadAlignment(log2)));
        }
    }

    #[test]
    fn an_image_begins_anew_like_a_new_process() {
        let (mut bytes, free) = ([0; 8], Event::Free { name: 1 << 50 });
        let mut encoder = Encoder { last: 12 };
        encoder.encode(&Event::Image { path: b"x" }, &mut bytes).unwrap();
        assert_eq!(encoder, Encoder::new());
        let (mut decoder, mut rest) = (Decoder { last: 12 }, [0; 16]);
        decoder.decode(&bytes).unwrap();
        encoder.encode(&free, &mut rest).unwrap();
        assert_eq!(decoder.decode(&rest).unwrap().0, free);
    }

    #[test]
    fn a_stream_reads_back_in_order_and_neighbours_are_short() {
        let events = [
            Event::Image { path: b"/usr/bin/true" },
            Event::Allocate { name: 1 << 40, size: 24, align_log2: 4, zeroed: false },
            Event::Allocate { name: (1 << 40) + 2, size: 24, align_log2: 4, zeroed: true },
            Event::Thread { index: 1 },
            Event::ReallocateBegin { name: (1 << 40) + 2 },
            Event::ReallocateEnd { name: (1 << 40) + 9, size: 100 },
            Event::Free { name: 1 << 40 },
        ];
        let (mut bytes, mut length, mut encoder) = ([0; 64], 0, Encoder::new());
        for event in &events {
            length += encoder.encode(event, &mut bytes[length..]).unwrap();
        }
        assert_eq!(length, 15 + 8 + 3 + 2 + 2 + 3 + 2);
        let (mut at, mut decoder) = (0, Decoder::new());
        for event in events {
            let (read, taken) = decoder.decode(&bytes[at..length]).unwrap();
            assert_eq!(read, event);
            at += taken;
        }
        assert_eq!(at, length);
    }
}

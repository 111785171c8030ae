//! Samples as a live heap profile, in the format of `pprof`.
//!
//! The file is what `pprof`, Grafana, Parca, Polar Signals and `go tool pprof`
//! read: one protobuf message in gzip. Its values are `inuse_objects` and
//! `inuse_space`, its places are addresses, and the mapped files of this process
//! are named so that readers can find the symbols (on Linux). The gzip is
//! stored, not deflated: a profile is small, and no library is needed.
//!
//! ```
//! use blockwork::{Locked, Sampled, System, Unwind, combine::sampled::{Sample, pprof}};
//!
//! #[global_allocator]
//! static HEAP: Locked<Sampled<System>> = Locked::new(Sampled::new(System, 64 << 10, Unwind));
//!
//! let kept: Vec<Vec<u8>> = (1..100).map(|n| vec![1; n * 1000]).collect();
//!
//! // The room is allocated first, for the lock is held while it is filled.
//! let mut samples = vec![Sample::EMPTY; 2 * HEAP.with_parent(Sampled::live_samples) + 16];
//! let count = HEAP.with_parent(|heap| heap.copy_samples(&mut samples));
//! let mut file = Vec::new();
//! pprof::write(&samples[..count], 64 << 10, &mut file)?;
//! assert!(count > 0 && file.starts_with(&[0x1f, 0x8b]));
//! # drop(kept);
//! # Ok::<(), std::io::Error>(())
//! ```

use std::{
    io::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use heap::{string::String, vec::Vec};

use super::{Estimate, Sample};

/// Writes the profile of `samples`, taken at one byte in `mean`.
///
/// # Errors
///
/// What `out` says when it takes no more.
pub fn write(samples: &[Sample], mean: usize, out: &mut impl Write) -> io::Result<()> {
    gzip(&profile(samples, mean, &mapped()), out)
}

/// A file that is mapped to be run.
struct Mapping {
    start: u64,
    limit: u64,
    offset: u64,
    path: String,
}

/// The fields of `profile.proto`.
mod field {
    pub(super) const SAMPLE_TYPE: u64 = 1;
    pub(super) const SAMPLE: u64 = 2;
    pub(super) const MAPPING: u64 = 3;
    pub(super) const LOCATION: u64 = 4;
    pub(super) const STRING_TABLE: u64 = 6;
    pub(super) const TIME_NANOS: u64 = 9;
    pub(super) const PERIOD_TYPE: u64 = 11;
    pub(super) const PERIOD: u64 = 12;
    pub(super) const DEFAULT_SAMPLE_TYPE: u64 = 14;
}

/// The first strings of the table, which must begin with an empty one.
const STRINGS: [&str; 6] = ["", "inuse_objects", "count", "inuse_space", "bytes", "space"];

/// The message, uncompressed.
fn profile(samples: &[Sample], mean: usize, mappings: &[Mapping]) -> Vec<u8> {
    let mut message = Message::default();
    message.nested(field::SAMPLE_TYPE, |kind| kind.number(1, 1).number(2, 2));
    message.nested(field::SAMPLE_TYPE, |kind| kind.number(1, 3).number(2, 4));
    let mut places: Vec<u64> = samples.iter().flat_map(Sample::frames).map(|&frame| call(frame)).collect();
    places.sort_unstable();
    places.dedup();
    let mut sorted: Vec<&Sample> = samples.iter().collect();
    sorted.sort_unstable_by_key(|sample| sample.frames());
    for alike in sorted.chunk_by(|one, other| one.frames() == other.frames()) {
        let Some(stack) = alike.first().map(|sample| sample.frames()) else { continue };
        let mut all = Estimate::default();
        for one in alike.iter().map(|sample| sample.stands_for(mean)) {
            all.blocks += one.blocks;
            all.bytes += one.bytes;
        }
        let identities = stack.iter().filter_map(|&frame| places.binary_search(&call(frame)).ok());
        let identities: Vec<u64> = identities.map(identity).collect();
        message.nested(field::SAMPLE, |sample| {
            sample.packed(1, identities).packed(2, [rounded(all.blocks), rounded(all.bytes)])
        });
    }
    for (index, mapping) in mappings.iter().enumerate() {
        let name = identity(index.saturating_add(STRINGS.len())).saturating_sub(1);
        message.nested(field::MAPPING, |message| {
            let message = message.number(1, identity(index)).number(2, mapping.start).number(3, mapping.limit);
            message.number(4, mapping.offset).number(5, name)
        });
    }
    for (index, &place) in places.iter().enumerate() {
        let home = mappings.iter().position(|mapping| (mapping.start..mapping.limit).contains(&place));
        message.nested(field::LOCATION, |message| {
            message.number(1, identity(index)).number(2, home.map_or(0, identity)).number(3, place)
        });
    }
    for string in STRINGS.into_iter().chain(mappings.iter().map(|mapping| mapping.path.as_str())) {
        message.bytes(field::STRING_TABLE, string.as_bytes());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    message.number(field::TIME_NANOS, u64::try_from(now.as_nanos()).unwrap_or(0));
    message.nested(field::PERIOD_TYPE, |kind| kind.number(1, 5).number(2, 4));
    message.number(field::PERIOD, mean as u64).number(field::DEFAULT_SAMPLE_TYPE, 3);
    message.0
}

/// What things are called by in the message: from 1.
fn identity(index: usize) -> u64 {
    (index as u64).saturating_add(1)
}

/// Within the call that returns to `frame`: what follows it may be another line.
fn call(frame: usize) -> u64 {
    (frame as u64).saturating_sub(1)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not negative")]
fn rounded(number: f64) -> u64 {
    // Values are signed in the format.
    ((number + 0.5) as u64).min(i64::MAX.cast_unsigned())
}

/// A protobuf message as it grows.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            let [low, ..] = number.to_le_bytes();
            self.0.push(low | 0x80);
            number >>= 7;
        }
        let [low, ..] = number.to_le_bytes();
        self.0.push(low);
    }

    fn number(&mut self, field: u64, value: u64) -> &mut Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn packed(&mut self, field: u64, numbers: impl IntoIterator<Item = u64>) -> &mut Self {
        let mut packed = Self::default();
        numbers.into_iter().for_each(|number| packed.varint(number));
        self.bytes(field, &packed.0)
    }

    fn nested(&mut self, field: u64, fill: impl FnOnce(&mut Self) -> &mut Self) {
        let mut message = Self::default();
        fill(&mut message);
        self.bytes(field, &message.0);
    }
}

/// The files that this process runs.
#[cfg(target_os = "linux")]
fn mapped() -> Vec<Mapping> {
    let maps = std::fs::read("/proc/self/maps").unwrap_or_default();
    String::from_utf8_lossy(&maps).lines().filter_map(mapping).collect()
}

/// The files that this process runs: not known on this system.
#[cfg(not(target_os = "linux"))]
fn mapped() -> Vec<Mapping> {
    Vec::new()
}

/// A line of the system's table of mappings, if it is of a file that is run.
#[cfg(target_os = "linux")]
fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (range, access, offset, path) = (words.next()?, words.next()?, words.next()?, words.nth(2)?.trim_start());
    let (start, limit) = range.split_once('-')?;
    if !access.contains('x') || path.is_empty() {
        return None;
    }
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    Some(Mapping { start: number(start)?, limit: number(limit)?, offset: number(offset)?, path: path.into() })
}

/// Writes `bytes` as a gzip file, stored.
fn gzip(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    const LONGEST: usize = 0xffff;
    out.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])?;
    let mut blocks = bytes.chunks(LONGEST).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.write_all(&[u8::from(blocks.peek().is_none())])?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&(!length).to_le_bytes())?;
        out.write_all(block)?;
    }
    let [a, b, c, d, ..] = (bytes.len() as u64).to_le_bytes();
    out.write_all(&crc32(bytes).to_le_bytes())?;
    out.write_all(&[a, b, c, d])
}

/// The checksum of gzip.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for &byte in bytes {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(sum & 1));
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn mappings_of_files_that_run_are_read_and_no_others() {
        let line = "55d0c0a00000-55d0c0a4b000 r-xp 00002000 08:01 1835027                    /usr/bin/a file";
        let read = mapping(line).unwrap();
        assert_eq!((read.start, read.limit, read.offset), (0x55d0_c0a0_0000, 0x55d0_c0a4_b000, 0x2000));
        assert_eq!(read.path, "/usr/bin/a file");
        assert!(mapping(&line.replace("r-xp", "r--p")).is_none());
        assert!(mapping("7f0000000000-7f0000001000 r-xp 00000000 00:00 0 ").is_none());
        assert!(mapping("").is_none());
    }
}

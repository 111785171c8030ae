//! The file format: compressed parts, each with its lengths and a checksum.
//!
//! ```text
//! file  = magic  version             eight bytes, four
//! part  = kind number events raw packed checksum        six times four bytes
//!         payload                    `packed` bytes of zstd, `raw` bytes unpacked
//! parts = head  events*  names*  end numbered from 0
//! head  = JSON: what was recorded
//! names = JSON: names of call sites, in order of appearance
//! end   = JSON: totals, and what else the recorder has to say
//! ```
//!
//! All numbers are little-endian. The checksum covers the five numbers before it
//! and the payload, so no bit can change unnoticed. Every part of events stands
//! alone: names are counted from 0, thread 0 calls, and from where is not known.

use std::io::{self, Read, Write};

use blockwork::wire::{Decoder, Encoder, Event, LONGEST, LONGEST_BESIDE_PATH};
use serde::{Deserialize, Serialize};

use super::{Damage, Sink, Totals, checker::Checker, reader::Ending, sites::Frame};

/// How a recording begins. The first byte is not ASCII and the line ends are
/// of both kinds, so that a transfer as text shows.
pub const MAGIC: [u8; 8] = *b"\x89bwrec\r\n";

/// The version that is written and read.
pub const VERSION: u32 = 1;

/// Events are packed when they have grown to this, or to a quarter of what
/// was packed before, whichever is more: a file that is cut loses its last
/// part, which is never much of the whole.
const PART_MIN: usize = 4 << 10;
/// Events are packed when they have grown to this, whatever was before.
const PART: usize = 1 << 20;
/// No part is larger, packed or not; what says so is corrupt.
const PART_MAX: usize = 2 * PART;
/// Names that are packed at once; fewer if they are long.
const NAMES_AT_ONCE: usize = 4096;
/// Higher levels take several times as long and gain a few percent.
const LEVEL: i32 = 3;

const HEAD: u32 = 1;
const EVENTS: u32 = 2;
const END: u32 = 3;
const NAMES: u32 = 4;

/// What stands at the beginning.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    program: String,
}

/// Names of places.
#[derive(Debug, Serialize, Deserialize)]
struct Names {
    /// The number of the first.
    first: usize,
    /// The functions at each, those that are inlined first.
    places: Vec<Vec<Frame>>,
}

/// What stands at the end; what is nothing is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// All calls.
    pub totals: Totals,
    /// The file of the last image, if that called nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent: Option<String>,
    /// Processes that were not recorded.
    #[serde(skip_serializing_if = "is_zero")]
    pub children: u32,
    /// The names of the first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub child_names: Vec<String>,
    /// Events that the recorder could not write.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost: u64,
    /// Blocks whose free was never seen.
    #[serde(skip_serializing_if = "is_zero")]
    pub missed_frees: u64,
    /// Why recording ended before the program did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// What must be known to judge the rest, of what another tool recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Whether it goes without saying.
fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

/// Writes a recording.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    /// Parts so far.
    number: u32,
    /// The part in the making.
    part: Vec<u8>,
    /// Bytes of events in the parts before it, unpacked.
    before: usize,
    events: u32,
    encoder: Encoder,
    /// Who calls.
    thread: u64,
    /// From where.
    stack: u64,
    totals: Totals,
    /// The last image, as long as it has called nothing.
    silent: Option<String>,
}

impl<W: Write> Writer<W> {
    /// Begins a recording of `program`.
    pub fn new(output: W, program: &str) -> io::Result<Self> {
        let mut writer = Self {
            output,
            number: 0,
            part: Vec::with_capacity(PART_MAX),
            before: 0,
            events: 0,
            encoder: Encoder::new(),
            thread: 0,
            stack: 0,
            totals: Totals::default(),
            silent: None,
        };
        writer.output.write_all(&MAGIC)?;
        writer.output.write_all(&VERSION.to_le_bytes())?;
        let head = serde_json::to_vec(&Head { program: program.into() })?;
        writer.write_part(HEAD, 0, &head)?;
        Ok(writer)
    }

    /// Appends an event, named by slot.
    pub fn push(&mut self, event: &Event<'_>) -> io::Result<()> {
        match *event {
            Event::Thread { index } => self.thread = index,
            Event::Stack { index } => self.stack = index,
            Event::Image { path } => {
                (self.thread, self.stack) = (0, 0);
                self.silent = Some(String::from_utf8_lossy(path).into_owned());
            }
            Event::Allocate { .. } => self.totals.allocations += 1,
            Event::Free { .. } => self.totals.frees += 1,
            Event::Reallocate { .. } => self.totals.reallocations += 1,
            Event::Stray { double } => self.totals.count_stray(double),
            Event::Frame { .. }
            | Event::Module { .. }
            | Event::ReallocateBegin { .. }
            | Event::ReallocateEnd { .. }
            | Event::ReallocateFailed => {}
        }
        if !matches!(event, Event::Thread { .. } | Event::Image { .. }) {
            self.silent = None;
        }
        self.put(event)?;
        let enough = (self.before / 4).clamp(PART_MIN, PART);
        if self.part.len() >= enough { self.end_part() } else { Ok(()) }
    }

    /// Appends the names of all call sites, in order of appearance. No event
    /// may follow.
    pub fn name(&mut self, places: &[Vec<Frame>]) -> io::Result<()> {
        self.write_events()?;
        let (mut first, mut rest) = (0, places);
        while !rest.is_empty() {
            let mut count = rest.len().min(NAMES_AT_ONCE);
            let json = loop {
                let json = serde_json::to_vec(&Names { first, places: rest[..count].to_vec() })?;
                if json.len() <= PART_MAX || count == 1 {
                    break json;
                }
                count /= 2;
            };
            // A single place that is too long for a part has no name.
            if json.len() <= PART_MAX {
                self.write_part(NAMES, 0, &json)?;
            }
            first += count;
            rest = &rest[count..];
        }
        Ok(())
    }

    /// Ends the recording; what the writer knows itself is filled in.
    pub fn finish(mut self, mut summary: Summary) -> io::Result<(W, Summary)> {
        self.write_events()?;
        summary.totals = self.totals;
        summary.silent = self.silent.take();
        let end = serde_json::to_vec(&summary)?;
        self.write_part(END, 0, &end)?;
        self.output.flush()?;
        Ok((self.output, summary))
    }

    fn put(&mut self, event: &Event<'_>) -> io::Result<()> {
        let start = self.part.len();
        let room = match event {
            Event::Image { path } | Event::Module { path, .. } => path.len() + LONGEST_BESIDE_PATH,
            _ => LONGEST,
        };
        self.part.resize(start + room, 0);
        let written = self.encoder.encode(event, &mut self.part[start..]).map_err(io::Error::other)?;
        self.part.truncate(start + written);
        self.events += 1;
        Ok(())
    }

    /// Writes the part, and begins one in which the same thread calls, from the
    /// same place.
    fn end_part(&mut self) -> io::Result<()> {
        self.write_events()?;
        if self.thread != 0 {
            self.put(&Event::Thread { index: self.thread })?;
        }
        if self.stack != 0 { self.put(&Event::Stack { index: self.stack }) } else { Ok(()) }
    }

    fn write_events(&mut self) -> io::Result<()> {
        let part = std::mem::take(&mut self.part);
        if !part.is_empty() {
            self.write_part(EVENTS, self.events, &part)?;
            self.before += part.len();
        }
        self.part = part;
        self.part.clear();
        self.events = 0;
        self.encoder = Encoder::new();
        Ok(())
    }

    fn write_part(&mut self, kind: u32, events: u32, raw: &[u8]) -> io::Result<()> {
        let packed = zstd::bulk::compress(raw, LEVEL)?;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
        let numbers = [kind, self.number, events, length(raw)?, length(&packed)?];
        self.number += 1;
        let mut header = [0; PART_HEADER];
        for (place, number) in header.chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let checksum = checksum(&header[..20], &packed);
        header[20..].copy_from_slice(&checksum.to_le_bytes());
        self.output.write_all(&header)?;
        self.output.write_all(&packed)
    }
}

const PART_HEADER: usize = 24;

fn checksum(numbers: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(numbers);
    hasher.update(payload);
    hasher.finalize()
}

/// A part, unpacked, with nothing changed since it was written.
struct Part {
    kind: u32,
    events: u32,
    raw: Vec<u8>,
}

/// Reads what follows the magic number.
pub fn read<S: Sink>(mut input: impl Read, sink: &mut S) -> io::Result<Ending> {
    let mut ending = Ending::default();
    let mut checker = Checker::new(sink);
    let done = read_parts(&mut input, &mut ending, &mut checker)?;
    ending.totals = checker.totals();
    ending.damage = done.err();
    Ok(ending)
}

/// The outer error is the system's, the inner the file's.
fn read_parts<S: Sink>(
    input: &mut impl Read,
    ending: &mut Ending,
    checker: &mut Checker<'_, S>,
) -> io::Result<Result<(), Damage>> {
    let mut version = [0; 4];
    if fill(input, &mut version)? < version.len() {
        return Ok(Err(Damage::Truncated));
    }
    match u32::from_le_bytes(version) {
        VERSION => {}
        other => return Ok(Err(Damage::Version(other))),
    }
    let mut offset = 12;
    for number in 0.. {
        let part = match read_part(input, number, &mut offset)? {
            Ok(part) => part,
            Err(damage) => return Ok(Err(damage)),
        };
        let result = match (number, part.kind) {
            (0, HEAD) => parse(&part.raw).map(|head: Head| ending.program = head.program),
            (1.., EVENTS) => read_events(&part, checker),
            (1.., NAMES) => parse(&part.raw).map(|names: Names| checker.names(names.first, &names.places)),
            (1.., END) => {
                return match parse(&part.raw) {
                    Err(damage) => Ok(Err(damage)),
                    Ok(summary) => {
                        let summary: &Summary = ending.summary.insert(summary);
                        let whole = summary.totals == checker.totals();
                        let nothing_follows = fill(input, &mut [0])? == 0;
                        Ok(match (whole, nothing_follows) {
                            (false, _) => Err(Damage::Order { offset }),
                            (_, false) => Err(Damage::Trailing),
                            _ => Ok(()),
                        })
                    }
                };
            }
            _ => Err(Damage::Order { offset }),
        };
        if let Err(damage) = result {
            return Ok(Err(damage));
        }
    }
    Ok(Err(Damage::Truncated))
}

fn read_part(input: &mut impl Read, number: u32, offset: &mut u64) -> io::Result<Result<Part, Damage>> {
    let mut header = [0; PART_HEADER];
    if fill(input, &mut header)? < header.len() {
        return Ok(Err(Damage::Truncated));
    }
    let corrupt = Damage::Checksum { offset: *offset };
    let field = |index: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| header[4 * index + byte]));
    let (raw, packed) = (field(3) as usize, field(4) as usize);
    if raw > PART_MAX || packed > PART_MAX {
        return Ok(Err(corrupt));
    }
    let mut payload = vec![0; packed];
    if fill(input, &mut payload)? < packed {
        return Ok(Err(Damage::Truncated));
    }
    if checksum(&header[..20], &payload) != field(5) {
        return Ok(Err(corrupt));
    }
    if field(1) != number {
        return Ok(Err(Damage::Order { offset: *offset }));
    }
    *offset += (PART_HEADER + packed) as u64;
    Ok(match zstd::bulk::decompress(&payload, raw) {
        Ok(bytes) if bytes.len() == raw => Ok(Part { kind: field(0), events: field(2), raw: bytes }),
        _ => Err(corrupt),
    })
}

fn read_events<S: Sink>(part: &Part, checker: &mut Checker<'_, S>) -> Result<(), Damage> {
    let (mut decoder, mut rest, mut events) = (Decoder::new(), part.raw.as_slice(), 0);
    checker.begin_part();
    while !rest.is_empty() {
        let (event, taken) = decoder.decode(rest).map_err(|error| Damage::Illegible(error.to_string()))?;
        checker.push(&event)?;
        rest = &rest[taken..];
        events += 1;
    }
    if events == part.events { Ok(()) } else { Err(Damage::Illegible("its events are not as many as it says".into())) }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Damage> {
    serde_json::from_slice(json).map_err(|error| Damage::Illegible(error.to_string()))
}

/// Reads until `bytes` is full or the input ends; how far it came.
pub fn fill(input: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match input.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

//! Recordings and profiles: of this project's own format and of other tools.
//!
//! The first byte says what the others are:
//!
//! | first byte | the others |
//! |---|---|
//! | `E` | events, in a file with right checksums |
//! | `S` | events, in a spool |
//! | `J` | the JSON of a part, in a file with right checksums |
//! | `Z`, `G` | a file, packed with zstd or gzip before it is read |
//! | any other | with it, a file |
//!
//! Whatever they are, a reader ends, says what is wrong, and hands out nothing that
//! contradicts itself. What can be read is written, and reads the same again.

use std::io::Write as _;

use blockwork::wire::{Decoder, Encoder};

use crate::{
    import::{Pairing, Save, profile},
    trace::{self, Kind, MAGIC, Op, Said, Sink, Summary, Trace},
};

/// Operations that are looked at; files that are packed may hold any number.
const ENOUGH: usize = 100_000;

/// Reads what the bytes are.
pub fn run(bytes: &[u8]) {
    run_with(bytes, |size| size);
}

/// The same; what is written has its sizes altered.
pub fn run_with(bytes: &[u8], alter: fn(u64) -> u64) {
    let read = |file: &[u8]| read(file, alter);
    match bytes.split_first() {
        Some((b'E', events)) => {
            wire(events);
            read(&container(2, count(events), events));
        }
        Some((b'S', events)) => read(&spool(events)),
        Some((b'J', rest)) => {
            let (kind, json) = rest.split_first().unwrap_or((&0, &[]));
            read(&container(u32::from(kind % 6), 0, json));
        }
        Some((b'Z', file)) => read(&zstd::bulk::compress(file, 1).unwrap_or_default()),
        Some((b'G', file)) => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            if packed.write_all(file).is_ok() {
                read(&packed.finish().unwrap_or_default());
            }
        }
        _ => read(bytes),
    }
}

/// Reads `file` as a recording and as a profile.
fn read(file: &[u8], alter: fn(u64) -> u64) {
    for pairing in [Pairing::default(), Pairing::Oldest] {
        recording(file, pairing, alter);
    }
    if let Ok(Some((tool, Ok(profile)))) = profile::read(file) {
        let report = profile::Report::new(tool, profile);
        let mut text = Vec::new();
        assert!(profile::write_text(&report, &mut text).is_ok());
        assert!(serde_json::to_string(&report).is_ok());
    }
}

/// Reads `file`, writes what was read, and reads that.
fn recording(file: &[u8], pairing: Pairing, alter: fn(u64) -> u64) {
    let mut first = Transcript::default();
    let ending =
        trace::read_as(file, &mut first, pairing).unwrap_or_else(|error| panic!("memory cannot fail: {error}"));
    if let Some(damage) = &ending.damage {
        assert!(!damage.to_string().is_empty());
    }
    assert_eq!(ending.totals.events(), first.operations as u64, "the totals are of other operations");
    if first.operations > ENOUGH {
        return;
    }

    let mut altered = Altered { save: Save::new(Vec::new(), "fuzzed"), alter };
    let whole =
        trace::read_as(file, &mut altered, pairing).unwrap_or_else(|error| panic!("memory cannot fail: {error}"));
    let summary = whole.summary.unwrap_or_else(|| Summary { totals: whole.totals, ..Summary::default() });
    let (saved, _) =
        altered.save.finish(summary).unwrap_or_else(|error| panic!("what was read cannot be written: {error}"));
    let mut second = Transcript::default();
    let again =
        trace::read(saved.as_slice(), &mut second).unwrap_or_else(|error| panic!("memory cannot fail: {error}"));
    assert_eq!(again.damage, None, "what was written is damaged");
    assert_eq!(again.totals, whole.totals);
    assert_eq!(first, second, "what was written reads as something else");

    let trace = Trace::load(saved.as_slice()).unwrap_or_else(|error| panic!("memory cannot fail: {error}"));
    assert_eq!(trace.ops, first.ops);
}

/// Writes what it is told, with other sizes.
struct Altered {
    save: Save<Vec<u8>>,
    alter: fn(u64) -> u64,
}

impl Sink for Altered {
    fn image(&mut self, path: &[u8]) {
        self.save.image(path);
    }

    fn op(&mut self, op: Op) {
        self.save.op(Op { size: (self.alter)(op.size), ..op });
    }

    fn stray(&mut self, double: bool) {
        self.save.stray(double);
    }

    fn said(&mut self, said: Said<'_>) {
        self.save.said(said);
    }
}

/// All that was said, but for stacks that ask for nothing, and names.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    operations: usize,
    ops: Vec<Op>,
    /// The stack of each of them.
    stacks: Vec<u32>,
    images: Vec<(usize, Vec<u8>)>,
    strays: Vec<(usize, bool)>,
    nodes: Vec<(u32, u64)>,
    stack: Now,
    live: Live,
}

/// What is so now, and need not be so in the end.
#[derive(Debug, Default)]
struct Now(u32);

impl PartialEq for Now {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Whether each slot has a block.
#[derive(Debug, Default, PartialEq)]
struct Live(Vec<bool>);

impl Sink for Transcript {
    fn image(&mut self, path: &[u8]) {
        self.images.push((self.operations, path.to_vec()));
        self.live.0.clear();
        self.stack.0 = 0;
    }

    fn op(&mut self, op: Op) {
        self.operations += 1;
        let slot = op.slot as usize;
        assert!(slot <= self.live.0.len(), "a slot comes too early");
        if slot == self.live.0.len() {
            self.live.0.push(false);
        }
        let begins = matches!(op.kind, Kind::Allocate | Kind::AllocateZeroed);
        assert_eq!(self.live.0[slot], !begins, "{op:?}");
        self.live.0[slot] = op.kind != Kind::Free;
        assert!(op.size <= isize::MAX as u64 && op.align_log2 < 48, "{op:?}");
        if self.ops.len() < ENOUGH {
            self.ops.push(op);
            self.stacks.push(if op.kind == Kind::Free { 0 } else { self.stack.0 });
        }
    }

    fn stray(&mut self, double: bool) {
        if self.strays.len() < ENOUGH {
            self.strays.push((self.operations, double));
        }
    }

    fn said(&mut self, said: Said<'_>) {
        match said {
            Said::Stack(stack) => {
                assert!(stack as usize <= self.nodes.len(), "a stack comes too early");
                self.stack.0 = stack;
            }
            Said::Node(parent, address) => {
                assert!(parent as usize <= self.nodes.len(), "a frame comes too early");
                self.nodes.push((parent, address));
            }
            Said::Module(..) | Said::Names(..) => {}
        }
    }
}

/// Every event that is read is written as the very bytes it was read from.
fn wire(bytes: &[u8]) {
    let (mut decoder, mut encoder, mut rest) = (Decoder::new(), Encoder::new(), bytes);
    while let Ok((event, taken)) = decoder.decode(rest) {
        let mut room = vec![0; taken];
        assert_eq!(encoder.encode(&event, &mut room), Ok(taken), "{event:?}");
        let (read, behind) = rest.split_at(taken);
        assert_eq!(room, read, "{event:?}");
        rest = behind;
    }
}

/// How many events there are.
fn count(mut bytes: &[u8]) -> u32 {
    let (mut decoder, mut count) = (Decoder::new(), 0);
    while let Ok((_, taken)) = decoder.decode(bytes) {
        count += 1;
        bytes = &bytes[taken..];
    }
    count
}

/// A file with one part of this kind between its head and its end.
fn container(kind: u32, events: u32, raw: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend(1_u32.to_le_bytes());
    let end = br#"{"totals":{"allocations":0,"frees":0,"reallocations":0,"strays":0,"double_frees":0}}"#;
    let parts: [(u32, u32, &[u8]); 3] = [(1, 0, br#"{"program":"p"}"#), (kind, events, raw), (3, 0, end)];
    let skipped = usize::from(kind == 1);
    for (number, (kind, events, raw)) in (0_u32..).zip(parts.into_iter().skip(skipped)) {
        let packed = zstd::bulk::compress(raw, 1).unwrap_or_default();
        let numbers = [kind, number, events, raw.len() as u32, packed.len() as u32];
        let header: Vec<u8> = numbers.into_iter().flat_map(u32::to_le_bytes).collect();
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&header);
        checksum.update(&packed);
        file.extend(header);
        file.extend(checksum.finalize().to_le_bytes());
        file.extend(packed);
    }
    file
}

/// A spool with these events, whose header says so.
fn spool(events: &[u8]) -> Vec<u8> {
    use crate::recorder::layout::{HEADER, Header, MAGIC, VERSION};
    let mut file = vec![0; HEADER];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &MAGIC);
    put(core::mem::offset_of!(Header, version), &VERSION.to_ne_bytes());
    put(core::mem::offset_of!(Header, committed), &(events.len() as u64).to_ne_bytes());
    let (flags, events) = events.split_first().unwrap_or((&0, &[]));
    put(core::mem::offset_of!(Header, inherits), &u32::from(flags & 1).to_ne_bytes());
    put(core::mem::offset_of!(Header, origin), &u32::from(flags >> 1 & 1).to_ne_bytes());
    file.extend(events);
    file
}

//! Recordings written, harmed and read.

use std::{mem::offset_of, sync::atomic::Ordering};

use blockwork::wire::{Encoder, Event};

use super::*;
use crate::recorder::layout::{self, HEADER, Header, Stop};

const IMAGE: Event<'_> = Event::Image { path: b"/bin/one" };

/// What a recorder writes: addresses, halves of reallocations, two threads, a
/// double free, a second image.
fn recorded() -> Vec<Event<'static>> {
    let allocate = |name, size| Event::Allocate { name, size, align_log2: 4, zeroed: false };
    vec![
        IMAGE,
        allocate(0x100, 10),
        Event::Allocate { name: 0x102, size: 20, align_log2: 12, zeroed: true },
        Event::Thread { index: 7 },
        Event::ReallocateBegin { name: 0x100 },
        Event::Thread { index: 0 },
        allocate(0x100, 30), // the address is free by now
        Event::Thread { index: 7 },
        Event::ReallocateEnd { name: 0x300, size: 40 },
        Event::Free { name: 0x102 },
        Event::Free { name: 0x102 },
        Event::Free { name: 0x999 },
        Event::ReallocateBegin { name: 0x300 },
        Event::ReallocateFailed,
        Event::Free { name: 0x300 },
        Event::Image { path: b"/bin/two" },
        allocate(0x100, 50),
    ]
}

/// What that means.
fn meant() -> Vec<Op> {
    let op = |kind, slot, size, thread, align_log2| Op { size, slot, thread, kind, align_log2 };
    vec![
        op(Kind::Allocate, 0, 10, 0, 4),
        op(Kind::AllocateZeroed, 1, 20, 0, 12),
        op(Kind::Allocate, 2, 30, 0, 4),
        op(Kind::Reallocate, 0, 40, 1, 4),
        op(Kind::Free, 1, 0, 1, 0),
        op(Kind::Free, 0, 0, 1, 0),
        op(Kind::Allocate, 0, 50, 0, 4),
    ]
}

/// Two ways to the same allocation, told twice; a second image with another
/// module at the same address.
fn with_sites() -> Vec<Event<'static>> {
    let allocate = |name| Event::Allocate { name, size: 8, align_log2: 4, zeroed: false };
    vec![
        IMAGE,
        allocate(1),
        Event::Module { start: 0x1000, length: 0x1000, offset: 0x40, path: b"/no/such/one.so" },
        Event::Frame { parent: 0, address: 0x1010 },
        Event::Frame { parent: 1, address: 0x1020 },
        Event::Stack { index: 2 },
        allocate(2),
        Event::Free { name: 1 },
        Event::Frame { parent: 0, address: 0x1010 }, // forgotten meanwhile
        Event::Frame { parent: 3, address: 0x1030 },
        Event::Stack { index: 4 },
        Event::ReallocateBegin { name: 2 },
        Event::ReallocateEnd { name: 3, size: 9 },
        Event::Stack { index: 0 },
        allocate(4),
        Event::Image { path: b"/bin/two" },
        Event::Module { start: 0x1000, length: 0x1000, offset: 0, path: b"[vdso]" },
        Event::Frame { parent: 0, address: 0x1010 },
        allocate(1),
        Event::Stack { index: 1 },
        allocate(2),
    ]
}

#[test]
fn call_sites_read_the_same_from_a_spool_and_from_what_it_is_packed_into() {
    let events = encode(&with_sites());
    let (file, _) = pack(events.as_slice(), || Ok(header(events.len())), Vec::new(), "one").unwrap();
    for (bytes, damage) in [(file, None), (spool(&with_sites()), Some(Damage::Unfinished))] {
        let trace = Trace::load(bytes.as_slice()).unwrap();
        assert_eq!(trace.damage, damage);
        let sites = &trace.sites;
        let stacks: Vec<_> = (0..trace.ops.len()).map(|op| sites.of(op)).collect();
        assert_eq!(stacks, [0, 2, 0, 3, 0, 0, 4]);
        let shown = |stack| sites.frames(stack).map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(2), ["one.so+0x60", "one.so+0x50"]);
        assert_eq!(shown(3), ["one.so+0x70", "one.so+0x50"]);
        assert_eq!(shown(4), ["[vdso]+0x10"]);
        assert_eq!(shown(0), [""; 0]);
        assert_eq!(sites.stacks().len(), 4);
    }
}

#[test]
fn call_sites_that_are_known_by_name_are_written_and_read() {
    let frame = |name: &str| sites::Frame { function: Some(name.into()), ..sites::Frame::default() };
    let mut stacks = sites::Stacks::default();
    let main = stacks.push_named(0, vec![frame("main")]).unwrap();
    let fill = stacks.push_named(main, vec![frame("push"), frame("fill")]).unwrap();
    assert_eq!(stacks.push_named(9, vec![]), None);
    let mut writer = Writer::new(Vec::new(), "named").unwrap();
    stacks.events().for_each(|event| writer.push(&event).unwrap());
    writer.push(&Event::Stack { index: fill.into() }).unwrap();
    writer.push(&Event::Allocate { name: 0, size: 1, align_log2: 4, zeroed: false }).unwrap();
    writer.name(&stacks.names()).unwrap();
    let (file, _) = writer.finish(Summary::default()).unwrap();
    let trace = Trace::load(file.as_slice()).unwrap();
    let shown: Vec<_> = trace.sites.frames(trace.sites.of(0)).filter_map(|frame| frame.function.clone()).collect();
    assert_eq!((trace.damage, shown), (None, vec!["push".into(), "fill".into(), "main".into()]));
}

#[test]
fn call_sites_outlast_the_part_they_are_in() {
    let mut events = vec![IMAGE, Event::Frame { parent: 0, address: 7 }, Event::Stack { index: 1 }];
    events.extend((1..50_000).map(|name| Event::Allocate { name, size: name % 701, align_log2: 4, zeroed: false }));
    let events = encode(&events);
    let (file, _) = pack(events.as_slice(), || Ok(header(events.len())), Vec::new(), "one").unwrap();
    let trace = Trace::load(file.as_slice()).unwrap();
    assert_eq!(trace.damage, None);
    assert!((0..trace.ops.len()).all(|op| trace.sites.of(op) == 1));
}

#[test]
fn a_recording_without_call_sites_has_none() {
    let (file, _) = packed();
    let trace = Trace::load(file.as_slice()).unwrap();
    assert!(trace.sites.is_empty());
    assert_eq!(trace.sites.of(3), 0);
}

fn encode(events: &[Event<'_>]) -> Vec<u8> {
    let (mut bytes, mut encoder) = (Vec::new(), Encoder::new());
    for event in events {
        let mut room = [0; 300];
        let length = encoder.encode(event, &mut room).unwrap();
        bytes.extend_from_slice(&room[..length]);
    }
    bytes
}

/// The header of a spool that ended with `committed` bytes.
fn header(committed: usize) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    let mut put = |at: usize, number: &[u8]| bytes[at..at + number.len()].copy_from_slice(number);
    put(0, &layout::MAGIC);
    put(offset_of!(Header, version), &layout::VERSION.to_ne_bytes());
    put(offset_of!(Header, committed), &committed.to_ne_bytes());
    put(offset_of!(Header, children), &1_u32.to_ne_bytes());
    put(offset_of!(Header, child) + 4, b"sh\0");
    put(offset_of!(Header, stopped), &Stop::DiskFull.pack(28).to_ne_bytes());
    bytes
}

fn spool(events: &[Event<'_>]) -> Vec<u8> {
    let events = encode(events);
    let mut spool = header(events.len());
    spool.extend_from_slice(&events);
    spool.extend_from_slice(&[0; 100]);
    spool
}

fn packed() -> (Vec<u8>, Summary) {
    let events = encode(&recorded());
    pack(events.as_slice(), || Ok(header(events.len())), Vec::new(), "one").unwrap()
}

#[test]
fn a_packed_spool_reads_as_what_was_meant() {
    let (file, summary) = packed();
    let trace = Trace::load(file.as_slice()).unwrap();
    assert_eq!(trace.ops, meant());
    assert_eq!((trace.name.as_str(), trace.damage, trace.slots), ("one", None, 3));
    let images: Vec<_> = trace.images.iter().map(|image| (image.path.as_str(), image.ops.clone())).collect();
    assert_eq!(images, [("/bin/one", 0..6), ("/bin/two", 6..7)]);
    let totals = Totals { allocations: 4, frees: 2, reallocations: 1, strays: 2, double_frees: 1 };
    assert_eq!((trace.tally.totals(), summary.totals), (totals, totals));
    assert_eq!((summary.children, summary.child_names), (1, vec!["sh".to_owned()]));
    assert_eq!(summary.stopped.as_deref(), Some("the disk is full"));
}

#[test]
fn a_spool_reads_as_the_same_and_as_unfinished() {
    let trace = Trace::load(spool(&recorded()).as_slice()).unwrap();
    assert_eq!(trace.ops, meant());
    assert_eq!((trace.name.as_str(), trace.damage), ("one", Some(Damage::Unfinished)));
}

#[test]
fn a_block_whose_free_was_missed_ends_where_the_next_begins() {
    let allocate = Event::Allocate { name: 5, size: 8, align_log2: 4, zeroed: false };
    let events = encode(&[IMAGE, allocate, allocate]);
    let (file, summary) = pack(events.as_slice(), || Ok(header(events.len())), Vec::new(), "x").unwrap();
    assert_eq!(summary.missed_frees, 1);
    let kinds: Vec<_> = Trace::load(file.as_slice()).unwrap().ops.iter().map(|op| op.kind).collect();
    assert_eq!(kinds, [Kind::Allocate, Kind::Free, Kind::Allocate]);
}

#[test]
fn reallocating_what_is_no_block_is_a_stray_and_a_new_block() {
    let events = encode(&[
        IMAGE,
        Event::ReallocateBegin { name: 5 },
        Event::ReallocateEnd { name: 6, size: 9 },
        Event::ReallocateEnd { name: 7, size: 9 },
        Event::ReallocateBegin { name: 8 },
        Event::ReallocateFailed,
        Event::ReallocateFailed,
    ]);
    let (file, summary) = pack(events.as_slice(), || Ok(header(events.len())), Vec::new(), "x").unwrap();
    assert_eq!(summary.totals, Totals { allocations: 2, strays: 2, ..Totals::default() });
    assert_eq!(Trace::load(file.as_slice()).unwrap().damage, None);
}

#[test]
fn a_reallocation_may_be_interrupted_by_another_of_the_same_thread() {
    let allocate = |name| Event::Allocate { name, size: 1, align_log2: 4, zeroed: false };
    let events = encode(&[
        IMAGE,
        allocate(1),
        allocate(2),
        Event::ReallocateBegin { name: 1 },
        Event::ReallocateBegin { name: 2 },
        Event::ReallocateEnd { name: 3, size: 30 },
        Event::ReallocateFailed,
        Event::Free { name: 1 },
    ]);
    let (file, _) = pack(events.as_slice(), || Ok(header(events.len())), Vec::new(), "x").unwrap();
    let trace = Trace::load(file.as_slice()).unwrap();
    let ops: Vec<_> = trace.ops[2..].iter().map(|op| (op.kind, op.slot)).collect();
    assert_eq!((ops.as_slice(), trace.tally.totals().strays), ([(Kind::Reallocate, 1), (Kind::Free, 0)].as_slice(), 0));
}

#[test]
fn a_spool_that_was_written_over_is_packed_up_to_there() {
    let mut events = encode(&recorded());
    let length = events.len();
    events[length - 1] = 0xff;
    events[length - 4..].fill(0);
    let (file, summary) = pack(events.as_slice(), || Ok(header(length)), Vec::new(), "one").unwrap();
    assert!(summary.stopped.unwrap().contains("something wrote into the recording"));
    let trace = Trace::load(file.as_slice()).unwrap();
    assert_eq!((trace.ops.as_slice(), trace.damage), (&meant()[..6], None));
}

/// Whether `trace` is the beginning of what was recorded.
fn is_beginning(trace: &Trace) -> bool {
    meant().starts_with(&trace.ops) && ["/bin/one", "/bin/two"].iter().zip(&trace.images).all(|(a, b)| *a == b.path)
}

#[test]
fn cut_anywhere_the_beginning_is_read_and_the_rest_missed() {
    let (file, _) = packed();
    for length in 0..file.len() {
        let trace = Trace::load(&file[..length]).unwrap();
        let expected = if length == 0 { Damage::Empty } else { Damage::Truncated };
        assert_eq!(trace.damage, Some(expected), "{length}");
        assert!(is_beginning(&trace), "{length}");
    }
    let spool = spool(&recorded());
    let whole = HEADER + encode(&recorded()).len();
    for length in (0..whole).filter(|length| *length < 50 || *length > HEADER - 50) {
        let trace = Trace::load(&spool[..length]).unwrap();
        let expected = if length == 0 { Damage::Empty } else { Damage::Truncated };
        assert_eq!(trace.damage, Some(expected), "{length}");
        assert!(is_beginning(&trace), "{length}");
    }
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let (mut file, _) = packed();
    for bit in 0..file.len() * 8 {
        file[bit / 8] ^= 1 << (bit % 8);
        let trace = Trace::load(file.as_slice()).unwrap();
        assert!(trace.damage.is_some(), "bit {bit}");
        assert!(is_beginning(&trace), "bit {bit}");
        file[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_flipped_bit_in_a_spool_is_survived() {
    let mut spool = spool(&recorded());
    let whole = HEADER + encode(&recorded()).len();
    for bit in (0..64 * 8).chain(HEADER * 8..whole * 8) {
        spool[bit / 8] ^= 1 << (bit % 8);
        assert!(Trace::load(spool.as_slice()).unwrap().damage.is_some());
        spool[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn what_precedes_a_damaged_part_is_read() {
    let mut writer = Writer::new(Vec::new(), "long").unwrap();
    let events = 600_000;
    for name in 0..events {
        writer.push(&Event::Allocate { name, size: name % 999, align_log2: 4, zeroed: false }).unwrap();
    }
    let (mut file, summary) = writer.finish(Summary::default()).unwrap();
    assert_eq!(summary.totals.allocations, events);
    assert_eq!(Trace::load(file.as_slice()).unwrap().damage, None);
    let late = file.len() * 9 / 10;
    file[late] ^= 1;
    let trace = Trace::load(file.as_slice()).unwrap();
    assert!(matches!(trace.damage, Some(Damage::Checksum { .. })), "{:?}", trace.damage);
    assert!(trace.ops.len() > 100_000);
    assert!(trace.ops.iter().enumerate().all(|(number, op)| op.slot as usize == number));
}

#[test]
fn a_cut_costs_at_most_a_third_of_what_stands_before_it() {
    const EVENTS: u64 = 50_000;
    let mut events = vec![IMAGE];
    events.extend((1..=EVENTS).map(|name| Event::Allocate { name, size: name % 701, align_log2: 4, zeroed: false }));
    let events = encode(&events);
    let (file, _) = pack(events.as_slice(), || Ok(header(events.len())), Vec::new(), "one").unwrap();
    let mut kept = vec![0];
    for cut in (0..file.len()).step_by(97) {
        // The head of the file may be cut, too.
        kept.extend(
            Trace::load(&file[..cut]).ok().map(|trace| trace.ops.len()).filter(|read| kept.last() < Some(read)),
        );
    }
    let first = 2_000; // as much as the smallest part holds
    assert!(kept.windows(2).all(|pair| pair[1] <= pair[0] + (pair[0] / 3).max(first)), "{kept:?}");
    assert_eq!(kept.last(), Some(&50_000));
}

#[test]
fn parts_that_are_missing_doubled_or_appended_are_noticed() {
    let (file, _) = packed();
    let mut bounds = vec![12];
    while *bounds.last().unwrap() < file.len() {
        let start = *bounds.last().unwrap();
        let packed = u32::from_le_bytes(file[start + 16..start + 20].try_into().unwrap());
        bounds.push(start + 24 + packed as usize);
    }
    assert_eq!(bounds.len(), 4);
    let damage = |bytes: Vec<u8>| Trace::load(bytes.as_slice()).unwrap().damage;
    let without = [&file[..bounds[1]], &file[bounds[2]..]].concat();
    assert!(matches!(damage(without), Some(Damage::Order { .. })));
    let doubled = [&file[..bounds[2]], &file[bounds[1]..]].concat();
    assert!(matches!(damage(doubled), Some(Damage::Order { .. })));
    let appended = [file.as_slice(), b"x"].concat();
    assert_eq!(damage(appended), Some(Damage::Trailing));
}

#[test]
fn other_files_and_versions_are_named() {
    let damage = |bytes: &[u8]| Trace::load(bytes).unwrap().damage.unwrap();
    assert_eq!(damage(b""), Damage::Empty);
    assert_eq!(damage(b"x"), Damage::NotARecording);
    assert_eq!(damage(b"#!/bin/sh\nexit\n"), Damage::NotARecording);
    let (mut file, _) = packed();
    file[8] = 9;
    assert_eq!(damage(&file), Damage::Version(9));
    let mut spool = spool(&[]);
    spool[offset_of!(Header, version)] = 7;
    assert_eq!(damage(&spool), Damage::Version(7));
}

#[test]
fn events_that_contradict_one_another_are_refused() {
    let allocate = |name| Event::Allocate { name, size: 1, align_log2: 4, zeroed: false };
    let cases: [&[Event<'_>]; 11] = [
        &[allocate(1)],
        &[allocate(0), allocate(0)],
        &[Event::Free { name: 0 }],
        &[allocate(0), Event::Free { name: 0 }, Event::Reallocate { name: 0, size: 1 }],
        &[allocate(0), IMAGE, Event::Free { name: 0 }],
        &[Event::Thread { index: 2 }],
        &[Event::ReallocateFailed],
        &[Event::Stack { index: 1 }],
        &[Event::Frame { parent: 1, address: 5 }],
        &[Event::Allocate { name: 0, size: 1, align_log2: 48, zeroed: false }],
        &[Event::Allocate { name: 0, size: 1 << 63, align_log2: 4, zeroed: false }],
    ];
    for events in cases {
        let mut writer = Writer::new(Vec::new(), "liar").unwrap();
        for event in events {
            writer.push(event).unwrap();
        }
        let (file, _) = writer.finish(Summary::default()).unwrap();
        let trace = Trace::load(file.as_slice()).unwrap();
        assert!(matches!(trace.damage, Some(Damage::Inconsistent { .. })), "{events:?}: {:?}", trace.damage);
    }
}

#[test]
fn the_header_of_a_spool_is_what_the_layout_says() {
    // SAFETY: numbers and atomics, for which zero is a value.
    let header: Box<Header> = unsafe { Box::<Header>::new_zeroed().assume_init() };
    header.stopped.store(Stop::Stuck.pack(0), Ordering::Relaxed);
    assert_eq!(Stop::unpack(header.stopped.load(Ordering::Relaxed)), Some((Stop::Stuck, 0)));
    assert_eq!(Stop::unpack(0), None);
    assert!(size_of::<Header>() <= HEADER);
}

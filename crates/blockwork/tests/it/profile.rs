//! The profile that [`Sampled`] gives, read by others' code: gzip by flate2, the
//! message by prost, from what `profile.proto` says.

use core::{alloc::Layout, hint::black_box, ptr::NonNull};
use std::io::Read;

use blockwork::{
    Allocate, Sampled, System, Unwind,
    combine::sampled::{Sample, pprof},
};
use prost::Message;

#[derive(Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Stack>,
    #[prost(message, repeated, tag = "3")]
    mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(message, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
    #[prost(int64, tag = "14")]
    default_sample_type: i64,
}

#[derive(Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Message)]
struct Stack {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    memory_start: u64,
    #[prost(uint64, tag = "3")]
    memory_limit: u64,
    #[prost(uint64, tag = "4")]
    file_offset: u64,
    #[prost(int64, tag = "5")]
    filename: i64,
}

#[derive(Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping_id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
}

const MEAN: usize = 4096;

type Heap = Sampled<System, usize, Unwind>;

#[inline(never)]
fn small(heap: &Heap) -> (NonNull<u8>, Layout) {
    let layout = Layout::new::<[u8; 1000]>();
    (black_box(heap.allocate(layout).unwrap()), layout)
}

#[inline(never)]
fn large(heap: &Heap) -> (NonNull<u8>, Layout) {
    let layout = Layout::new::<[u8; 100_000]>();
    (black_box(heap.allocate(layout).unwrap()), layout)
}

fn profile(heap: &Heap) -> Profile {
    let mut samples = vec![Sample::EMPTY; heap.live_samples()];
    assert_eq!(heap.copy_samples(&mut samples), samples.len());
    let mut file = Vec::new();
    pprof::write(&samples, MEAN, &mut file).unwrap();
    let mut message = Vec::new();
    // Checks the lengths and the checksum as well.
    flate2::read::GzDecoder::new(file.as_slice()).read_to_end(&mut message).unwrap();
    Profile::decode(message.as_slice()).unwrap()
}

#[test]
fn a_live_heap_profile_is_read_by_others_and_says_who_holds_what() {
    let heap = Sampled::with_seed(System, MEAN, Unwind, 3);
    let held: Vec<_> = (0..2000).map(|_| small(&heap)).chain((0..20).map(|_| large(&heap))).collect();
    let read = profile(&heap);

    let string = |index: i64| read.string_table[usize::try_from(index).unwrap()].as_str();
    let kinds: Vec<_> = read.sample_type.iter().map(|kind| (string(kind.kind), string(kind.unit))).collect();
    assert_eq!(kinds, [("inuse_objects", "count"), ("inuse_space", "bytes")]);
    let period = read.period_type.as_ref().unwrap();
    assert_eq!((string(period.kind), string(period.unit), read.period), ("space", "bytes", 4096));
    assert_eq!((string(0), string(read.default_sample_type)), ("", "inuse_space"));
    assert!(read.time_nanos > 0);

    // 2000 blocks of 1000 bytes, of which 443 are noted: within 4.5 % one time in three.
    let sum = |value: usize| read.sample.iter().map(|sample| sample.value[value]).sum::<i64>();
    assert!((1700..2350).contains(&sum(0)), "{}", sum(0));
    assert!((3_700_000..4_350_000).contains(&sum(1)), "{}", sum(1));

    // Two sites, which are the two that were called.
    let is_large = |stack: &&Stack| stack.value[1] / stack.value[0] > 50_000;
    assert_eq!(read.sample.iter().filter(is_large).map(|stack| stack.value[0]).sum::<i64>(), 20);
    let places = |stack: &Stack| -> Vec<u64> {
        let place = |id: &u64| read.location.iter().find(|place| place.id == *id).unwrap().address;
        stack.location_id.iter().map(place).collect()
    };
    for stack in &read.sample {
        let function = if is_large(&stack) { large as *const () } else { small as *const () };
        let start = function.addr() as u64;
        let called = places(stack).iter().any(|place| (start..start + 4096).contains(place));
        assert!(called || cfg!(not(target_arch = "x86_64")), "{stack:?}");
    }

    // Every place is in the file it claims to be in, and that of this program is one.
    let program = std::env::current_exe().unwrap();
    assert!(
        !cfg!(target_os = "linux")
            || read.mapping.iter().any(|file| string(file.filename) == program.to_str().unwrap())
    );
    for place in read.location.iter().filter(|place| place.mapping_id != 0) {
        let home = read.mapping.iter().find(|mapping| mapping.id == place.mapping_id).unwrap();
        assert!((home.memory_start..home.memory_limit).contains(&place.address));
    }

    for (block, layout) in held {
        // SAFETY: live, and allocated with this layout.
        unsafe { heap.deallocate(block, layout) };
    }
    assert!(profile(&heap).sample.is_empty());
}

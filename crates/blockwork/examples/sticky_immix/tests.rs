//! The book's tests, those of its errors, and a random one against a model.
#![expect(clippy::arithmetic_side_effects, reason = "an overflow is a failed test")]

extern crate alloc;

use alloc::rc::Rc;
use blockwork::{
    Allocate, Counted, Memo, Pages, SpanPool, SpanPoolConfig, System,
    testing::{Failing, Misaligned, Strict, When},
};
use core::{
    alloc::Layout,
    cell::{Cell, RefCell},
    ptr::NonNull,
};
use proptest::{collection::vec, prelude::*};

use crate::{
    bump_block::{BODY, BumpBlock, ImmixBlock},
    heap::{Collection, HeapError, StickyImmixHeap},
    lines::{CAPACITY, Hole, LINE, LINES, LineMarks},
    object::{Gc, Object},
};

fn marked(lines: impl IntoIterator<Item = usize>) -> LineMarks {
    let marks = LineMarks::new();
    lines.into_iter().for_each(|line| marks.mark(line * LINE, 1));
    marks
}

fn hole(from: usize, to: usize) -> Option<Hole> {
    Some(Hole { cursor: from * LINE, limit: to * LINE })
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

#[test]
fn a_hole_starts_two_lines_above_a_marked_one() {
    let marks = marked([0, 1, 2, 4, 10]);
    assert_eq!(marks.find_hole(10 * LINE, LINE), hole(10, 6));
}

#[test]
fn a_hole_goes_down_to_line_zero() {
    let marks = marked([3, 4, 5]);
    assert_eq!(marks.find_hole(3 * LINE, LINE), hole(3, 0));
}

#[test]
fn a_hole_goes_up_to_the_end_of_the_block() {
    let marks = marked(0..LINES / 2);
    // The line in the middle counts as marked.
    assert_eq!(marks.find_hole(CAPACITY, LINE), hole(LINES, LINES / 2 + 1));
    // And the other way round.
    assert_eq!(marked(LINES / 2..LINES).find_hole(CAPACITY, LINE), hole(LINES / 2, 0));
}

#[test]
fn every_other_line_marked_leaves_no_hole() {
    let marks = marked((0..LINES).step_by(2));
    assert_eq!(marks.find_hole(CAPACITY, LINE), None);
    // The other half leaves the first line.
    assert_eq!(marked((1..LINES).step_by(2)).find_hole(CAPACITY, LINE), hole(1, 0));
}

#[test]
fn an_unmarked_block_is_one_hole() {
    assert_eq!(marked([]).find_hole(CAPACITY, LINE), hole(LINES, 0));
    assert_eq!(marked([]).find_hole(CAPACITY, CAPACITY), hole(LINES, 0));
    assert_eq!(marked([]).find_hole(CAPACITY, CAPACITY + 1), None);
    assert_eq!(marked([]).find_hole(0, 0), None);
}

/// Fills the holes of a block with 16 bytes at a time; each piece is written, so
/// that no two may overlap.
fn fill<A: Allocate>(block: &mut BumpBlock<'_, A>) -> usize {
    let mut pieces = Vec::new();
    while let Some(piece) = block.alloc(0, layout(16, 16)) {
        let piece = piece.cast::<usize>();
        // SAFETY: 16 bytes of the block.
        unsafe { piece.write(pieces.len()) };
        pieces.push(piece);
    }
    for (number, piece) in pieces.iter().enumerate() {
        // SAFETY: written above.
        assert_eq!(unsafe { piece.read() }, number);
    }
    pieces.len()
}

#[test]
fn an_empty_block_is_filled_to_the_last_unit() {
    let mut block = BumpBlock::new(&System).unwrap();
    assert_eq!(fill(&mut block), 2032);
    assert_eq!((2032 * 16, block.hole_size()), (CAPACITY, 0));
}

#[test]
fn half_a_block_is_filled() {
    let mut block = BumpBlock::new(&System).unwrap();
    for line in 0..LINES / 2 {
        block.lines().mark(line * LINE, 1);
    }
    assert!(block.restart());
    // But for the line in the middle.
    assert_eq!(fill(&mut block), (LINES / 2 - 1) * LINE / 16);
}

#[test]
fn a_block_without_holes_takes_nothing() {
    let mut block = BumpBlock::new(&System).unwrap();
    for line in (0..LINES).step_by(2) {
        block.lines().mark(line * LINE, 1);
    }
    assert!(!block.restart());
    assert_eq!(fill(&mut block), 0);
}

#[test]
fn a_large_gap_is_looked_for_below_small_ones() {
    let mut block = BumpBlock::new(&System).unwrap();
    for line in [20, 100, 103] {
        block.lines().mark(line * LINE, 1);
    }
    assert!(block.restart());
    let mut offset = |size| block.alloc(0, layout(size, 16)).map(|at| ImmixBlock::<System>::offset_of(at) - BODY);
    assert_eq!(offset((LINES - 105) * LINE), Some(105 * LINE));
    // Line 102 would do for 128 bytes.
    assert_eq!(offset(200), Some(100 * LINE - 208));
    assert_eq!(offset(78 * LINE), None, "the hole above line 21 has less left");
}

/// A name that says when it ends.
struct Noted(Rc<RefCell<Vec<u32>>>, u32);

impl Object for Noted {
    const KIND: u16 = 7;
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

impl Object for String {
    const KIND: u16 = 8;
}

impl Object for u64 {
    const KIND: u16 = 9;
}

#[repr(align(64))]
struct Aligned([u8; 64]);

impl Object for Aligned {
    const KIND: u16 = 10;
}

impl Object for () {
    const KIND: u16 = 11;
}

#[test]
fn a_string_is_an_object() {
    let mut heap = StickyImmixHeap::new(&System);
    let text = heap.alloc("on the heap".to_owned()).unwrap();
    // SAFETY: nothing is collected.
    assert_eq!(unsafe { text.get() }, "on the heap");
    // SAFETY: nothing is collected.
    assert_eq!(unsafe { text.kind_and_size() }, (String::KIND, 24));
}

#[test]
fn what_no_header_can_describe_is_a_bad_request() {
    let mut heap = StickyImmixHeap::new(&System);
    for size in [1 << 32, isize::MAX as usize] {
        assert_eq!(heap.alloc_bytes(layout(size, 1)).unwrap_err(), HeapError::BadRequest);
    }
    assert_eq!(heap.len(), (0, 0));
}

#[test]
fn many_numbers_keep_their_values() {
    let mut heap = StickyImmixHeap::new(&System);
    let numbers: Vec<_> = (0..98_304_u64).map(|number| heap.alloc(number).unwrap()).collect();
    for (expected, number) in (0..).zip(&numbers) {
        // SAFETY: nothing is collected.
        assert_eq!(unsafe { *number.get() }, expected);
    }
    assert_eq!(heap.len(), (97, 0), "32 bytes each");
}

#[test]
fn bytes_are_zero_when_they_are_new_whatever_was_there() {
    let mut heap = StickyImmixHeap::new(&System);
    for size in [0, 1, 127, 128, 129, 20_000, CAPACITY, 1 << 20] {
        for _ in 0..2 {
            let bytes = heap.alloc_bytes(layout(size, 1)).unwrap();
            // SAFETY: nothing is collected meanwhile.
            assert!(unsafe { bytes.get() }.iter().all(|&byte| byte == 0));
            // SAFETY: ours.
            unsafe { bytes.value.cast::<u8>().write_bytes(0xFF, size) };
            // SAFETY: the bytes are not used again.
            unsafe { heap.collect(Collection::Major, |_| ()) };
        }
    }
}

/// The book puts a value 8 bytes behind an address that is aligned.
#[test]
fn values_are_aligned_whatever_their_type_asks_for() {
    let mut heap = StickyImmixHeap::new(&System);
    for _ in 0..100 {
        heap.alloc(1_u64).unwrap();
        let aligned = heap.alloc(Aligned([7; 64])).unwrap();
        assert!(aligned.value.is_aligned());
        // SAFETY: nothing is collected.
        assert_eq!(unsafe { aligned.get() }.0, [7; 64]);
    }
    for shift in 0..=20 {
        let bytes = heap.alloc_bytes(layout(100, 1 << shift)).unwrap();
        assert!(bytes.value.cast::<u8>().addr().get().is_multiple_of(1 << shift));
    }
}

/// Objects without bytes lie at the end of a block; their headers do not.
#[test]
fn an_object_of_no_size_marks_its_own_block() {
    let mut heap = StickyImmixHeap::new(&System);
    let nothing = heap.alloc(()).unwrap();
    let mark = |marker: &crate::Marker| {
        // SAFETY: lives.
        assert!(unsafe { marker.mark(nothing) });
        // SAFETY: as above.
        assert!(!unsafe { marker.mark(nothing) }, "a second time");
    };
    // SAFETY: nothing else is used again.
    unsafe { heap.collect(Collection::Major, mark) };
    assert_eq!((heap.trim(), heap.len()), (0, (1, 0)));
    // SAFETY: nothing is used again.
    unsafe { heap.collect(Collection::Major, |_| ()) };
    assert_eq!((heap.trim(), heap.len()), (1, (0, 0)));
}

/// The book's heap never runs a destructor.
#[test]
fn what_ends_is_dropped_once_and_with_the_heap_at_the_latest() {
    let ended = Rc::new(RefCell::new(Vec::new()));
    let mut heap = StickyImmixHeap::new(&System);
    let objects: Vec<_> = (0..6).map(|number| heap.alloc(Noted(ended.clone(), number)).unwrap()).collect();
    let keep = |kept: &'static [usize]| {
        let objects = objects.clone();
        move |marker: &crate::Marker| {
            for &index in kept {
                // SAFETY: kept by every collection before.
                unsafe { marker.mark(objects[index]) };
            }
        }
    };
    // SAFETY: what ended is not used again.
    unsafe { heap.collect(Collection::Major, keep(&[0, 1, 2, 3])) };
    assert_eq!(ended.borrow()[..], [4, 5]);
    // Marks stick.
    // SAFETY: as above.
    unsafe { heap.collect(Collection::Minor, keep(&[])) };
    assert_eq!(ended.borrow()[..], [4, 5]);
    // SAFETY: as above.
    unsafe { heap.collect(Collection::Major, keep(&[2])) };
    assert_eq!(ended.borrow()[..], [4, 5, 0, 1, 3]);
    drop(heap);
    assert_eq!(ended.borrow()[..], [4, 5, 0, 1, 3, 2]);
}

/// The book never uses a block again.
#[test]
fn holes_of_collected_blocks_are_filled_before_another_block_is_taken() {
    let counted = Counted::new(System);
    let mut heap = StickyImmixHeap::new(&counted);
    let mut kept = Vec::new();
    for round in 0..50 {
        for number in 0..1000_u64 {
            let object = heap.alloc(number).unwrap();
            if round == 0 && number % 100 == 0 {
                kept.push(object);
            }
        }
        let mark = |marker: &crate::Marker| {
            for &object in &kept {
                // SAFETY: kept by every collection before.
                unsafe { marker.mark(object) };
            }
        };
        // SAFETY: nothing else is used again.
        unsafe { heap.collect(Collection::Major, mark) };
    }
    assert_eq!((heap.len(), counted.counts().requests), ((2, 0), 2));
    for (expected, object) in (0..).step_by(100).zip(&kept) {
        // SAFETY: kept above.
        assert_eq!(unsafe { *object.get() }, expected);
    }
}

#[test]
fn a_medium_object_leaves_the_hole_to_small_ones() {
    let mut heap = StickyImmixHeap::new(&System);
    let address = |bytes: Gc<[u8]>| bytes.value.cast::<u8>().addr().get();
    let small = address(heap.alloc_bytes(layout(100, 1)).unwrap());
    heap.alloc_bytes(layout(CAPACITY - 1000, 1)).unwrap();
    let medium = address(heap.alloc_bytes(layout(2000, 1)).unwrap());
    let next = address(heap.alloc_bytes(layout(100, 1)).unwrap());
    let block = |address: usize| address / (32 << 10);
    assert_eq!(block(small), block(next));
    assert_ne!(block(medium), block(small));
    assert_eq!(heap.len(), (2, 0));
}

#[test]
fn a_parent_that_fails_costs_the_request_and_nothing_else() {
    for number in 0..12 {
        let counted = Counted::new(System);
        let failing = Failing::new(&counted, When::Once(number));
        let mut heap = StickyImmixHeap::new(&failing);
        let (mut failures, mut objects) = (0, Vec::new());
        for round in 0..60_u8 {
            let size = [10, 5000, 40_000][usize::from(round % 3)];
            match heap.alloc_bytes(layout(size, 8)) {
                Ok(bytes) => {
                    // SAFETY: ours.
                    unsafe { bytes.value.cast::<u8>().write_bytes(round, size) };
                    objects.push((bytes, round));
                }
                Err(error) => {
                    assert_eq!(error, HeapError::OutOfMemory);
                    failures += 1;
                }
            }
        }
        assert_eq!((failures, objects.len()), (1, 59));
        for (bytes, fill) in objects {
            // SAFETY: nothing is collected.
            assert!(unsafe { bytes.get() }.iter().all(|&byte| byte == fill));
        }
        drop(heap);
        assert_eq!(counted.counts().blocks_live, 0);
    }
}

/// What the model does next.
#[derive(Clone, Debug)]
enum Step {
    Alloc { size: usize, align: usize },
    Collect { kind: Collection, kept: u64 },
    Trim,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![6 => 0..300_usize, 2 => 300..5000_usize, 1 => 5000..40_000_usize];
    let align = prop_oneof![5 => 0..5_u32, 1 => 5..14_u32];
    let kind = prop_oneof![Just(Collection::Minor), Just(Collection::Major)];
    let step = prop_oneof![
        30 => (size, align).prop_map(|(size, shift)| Step::Alloc { size, align: 1 << shift }),
        1 => (kind, any::<u64>()).prop_map(|(kind, kept)| Step::Collect { kind, kept }),
        1 => Just(Step::Trim),
    ];
    vec(step, 1..200)
}

/// An object as the model knows it.
struct Known {
    bytes: Gc<[u8]>,
    fill: u8,
    is_old: bool,
}

/// Every object has its own bytes, and no other's.
fn verify(objects: &[Known]) {
    let mut ranges = Vec::new();
    for object in objects {
        // SAFETY: the model knows what lives.
        let bytes = unsafe { object.bytes.get() };
        assert!(bytes.iter().all(|&byte| byte == object.fill));
        let start = object.bytes.value.cast::<u8>().addr().get();
        // With the header in front.
        ranges.push((start - 16, start + bytes.len()));
    }
    ranges.sort_unstable();
    assert!(ranges.is_sorted_by(|below, above| below.1 <= above.0));
}

fn run<A: Allocate>(parent: &A, steps: &[Step]) {
    let mut heap = StickyImmixHeap::new(parent);
    let (mut objects, next): (Vec<Known>, _) = (Vec::new(), Cell::new(0_u8));
    for step in steps {
        match *step {
            Step::Alloc { size, align } => {
                let bytes = heap.alloc_bytes(layout(size, align)).unwrap();
                let start: NonNull<u8> = bytes.value.cast();
                assert!(start.addr().get().is_multiple_of(align));
                // SAFETY: the model knows what lives.
                assert!(unsafe { bytes.get() }.iter().all(|&byte| byte == 0));
                let fill = next.replace(next.get().wrapping_add(1));
                // SAFETY: ours.
                unsafe { start.write_bytes(fill, size) };
                objects.push(Known { bytes, fill, is_old: false });
            }
            Step::Collect { kind, kept } => {
                let mut number = 0;
                objects.retain_mut(|object| {
                    number += 1;
                    let is_kept = kept >> (number % 64) & 1 == 1 || (kind == Collection::Minor && object.is_old);
                    object.is_old = is_kept;
                    is_kept
                });
                let mark = |marker: &crate::Marker| {
                    for object in &objects {
                        // SAFETY: the model knows what lives.
                        unsafe { marker.mark(object.bytes) };
                    }
                };
                // SAFETY: the model forgot what ends.
                unsafe { heap.collect(kind, mark) };
                verify(&objects);
            }
            Step::Trim => {
                heap.trim();
            }
        }
    }
    verify(&objects);
    // SAFETY: nothing is used again.
    unsafe { heap.collect(Collection::Major, |_| ()) };
    heap.trim();
    assert_eq!(heap.len(), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn living_objects_keep_their_bytes_and_never_overlap(steps in steps()) {
        run(&System, &steps);
    }

    #[test]
    fn any_parent_holds_a_heap(steps in steps()) {
        run(&Strict::new(), &steps);
        run(&Misaligned::new(System), &steps);
        run(&Memo::new(Pages, usize::MAX), &steps);
        run(&SpanPool::try_new(Pages, SpanPoolConfig::DEFAULT).unwrap(), &steps);
    }

    #[test]
    fn the_hole_that_is_found_is_the_uppermost_that_is_large_enough(
        lines in vec(0..LINES, 0..60), from in 0..=LINES, size in 1..3000_usize,
    ) {
        let usable = |line: usize| !lines.contains(&line) && (line == 0 || !lines.contains(&(line - 1)));
        // Each run of usable lines below `from`, from above.
        let mut runs = Vec::new();
        let mut top = from;
        for line in (0..from).rev() {
            if !usable(line) {
                runs.push((top, line + 1));
                top = line;
            }
        }
        runs.push((top, 0));
        let expected = runs.into_iter().find(|(top, bottom)| (top - bottom) * LINE >= size);
        let expected = expected.and_then(|(top, bottom)| hole(top, bottom));
        prop_assert_eq!(marked(lines.iter().copied()).find_hole(from * LINE, size), expected);
    }
}

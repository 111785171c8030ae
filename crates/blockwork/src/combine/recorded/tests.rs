use core::{cell::RefCell, mem::MaybeUninit};

use heap::{vec, vec::Vec};

use super::*;
use crate::{
    combine::testers::Rounding,
    source::{buffer::Buffer, system::System},
};

/// Keeps what events say.
#[derive(Default)]
struct Notes(RefCell<Vec<(char, u64, u64)>>);

impl Record for Notes {
    fn record(&self, event: &Event<'_>) {
        self.0.borrow_mut().push(match *event {
            Event::Allocate { name, size, align_log2, zeroed: false } => ('a', name, size << 8 | u64::from(align_log2)),
            Event::Allocate { name, size, .. } => ('z', name, size),
            Event::Reallocate { name, size } => ('r', name, size),
            Event::Free { name } => ('f', name, 0),
            _ => ('?', 0, 0),
        });
    }
}

#[test]
fn each_call_that_does_something_leaves_one_event() {
    let mut memory = [MaybeUninit::uninit(); 256];
    let heap = Recorded::new(Buffer::new(&mut memory), Notes::default());
    let [small, large] = [8, 16].map(|size| Layout::from_size_align(size, 8).unwrap());
    let block = heap.allocate(small).unwrap();
    // SAFETY: live, and allocated with `small`.
    unsafe { heap.resize(block, small, large) }.unwrap();
    // SAFETY: live, and resized to `large`.
    unsafe { heap.deallocate(block, large) };
    let zeroed = heap.allocate_zeroed(small).unwrap();
    let (first, second) = (name(block), name(zeroed));
    let expected = [('a', first, 8 << 8 | 3), ('r', first, 16), ('f', first, 0), ('z', second, 8)];
    assert_eq!(*heap.recording().0.borrow(), expected);
}

#[test]
fn what_fails_and_what_is_nothing_leaves_no_event() {
    let mut memory = [MaybeUninit::uninit(); 16];
    let heap = Recorded::new(Buffer::new(&mut memory), Notes::default());
    let (nothing, much) = (Layout::new::<[u64; 0]>(), Layout::new::<[u8; 17]>());
    let empty = heap.allocate(nothing).unwrap();
    // SAFETY: an empty block.
    unsafe { heap.deallocate(empty, nothing) };
    assert!(heap.allocate(much).is_err());
    assert!(heap.allocate_zeroed(much).is_err());
    assert!(heap.recording().0.borrow().is_empty());
}

#[test]
fn sizes_are_those_asked_for_and_names_tell_neighbours_apart() {
    let heap = Recorded::new(Rounding(System), Notes::default());
    let layouts = [20, 21].map(|size| Layout::from_size_align(size, 1).unwrap());
    let blocks = layouts.map(|layout| heap.allocate(layout).unwrap());
    let expected = vec![('a', name(blocks[0]), 20 << 8), ('a', name(blocks[1]), 21 << 8)];
    assert_eq!(*heap.recording().0.borrow(), expected);
    assert_ne!(name(blocks[0]), name(blocks[1]));
    for (block, layout) in blocks.into_iter().zip(layouts) {
        // SAFETY: live, and allocated with this layout.
        unsafe { heap.deallocate(block, layout) };
    }
}

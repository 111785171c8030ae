//! The arena as an allocator: spans, marks, resets. What it holds is tested in
//! `values` and `vec`.

mod growth;
mod scope;
mod values;
mod vec;

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use heap::vec::Vec;

use super::*;
use crate::{alloc::AllocError, math::align::SIZE_MAX, source::system::System, strategy::ledger::Ledger};

/// Bytes of a footer.
const FOOTER: usize = crate::raw::span_stack::FOOTER_SIZE;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// Spans from `span_first` to `span_max` bytes.
fn arena(span_first: usize, span_max: usize) -> Arena<Ledger> {
    Arena::try_new(Ledger::new(), ArenaConfig { span_first, span_max, keep: usize::MAX }).unwrap()
}

/// The sizes that the parent was asked for and has lent, oldest first.
fn lent(arena: &Arena<Ledger>) -> Vec<usize> {
    arena.parent.layouts().iter().map(Layout::size).collect()
}

fn take(arena: &Arena<Ledger>, size: usize) -> NonNull<u8> {
    let block = arena.allocate(layout(size, 1)).unwrap();
    assert_eq!(arena.check(), Ok(()));
    block
}

/// Counts its drops, and unwinds at one of them if told to.
#[derive(Debug)]
struct Counts<'c>(&'c Cell<usize>);

impl Drop for Counts<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Whether `work` unwinds.
fn unwinds<R>(work: impl FnOnce() -> R) -> bool {
    std::panic::catch_unwind(core::panic::AssertUnwindSafe(work)).is_err()
}

#[test]
fn blocks_lie_side_by_side_with_padding_between() {
    let arena = arena(256, 256);
    let first = arena.allocate(layout(1, 1)).unwrap();
    for ((size, align), offset) in [((4, 4), 4), ((1, 1), 8), ((8, 16), 16)] {
        let block = arena.allocate(layout(size, align)).unwrap();
        assert_eq!(block.addr().get() - first.addr().get(), offset);
    }
    assert_eq!(arena.room(), 256 - FOOTER - 24);
}

#[test]
fn nothing_is_taken_before_the_first_request_and_all_goes_back_at_the_end() {
    let parent = Ledger::new();
    let arena = Arena::with_defaults(&parent);
    let empty = arena.allocate(layout(0, 64)).unwrap();
    assert!(empty.addr().get().is_multiple_of(64));
    // SAFETY: an empty block of this arena.
    unsafe { arena.deallocate(empty, layout(0, 64)) };
    assert_eq!((parent.requests(), arena.spans(), arena.room()), (0, 0, 0));
    for size in [1, 5000, 100_000] {
        arena.allocate(layout(size, 1)).unwrap();
    }
    assert_eq!(parent.blocks(), 3);
    drop(arena);
    assert_eq!(parent.blocks(), 0);
}

#[test]
fn the_last_block_grows_shrinks_and_is_freed_in_place() {
    let arena = arena(128, 128);
    let block = take(&arena, 8);
    let end = 128 - FOOTER;
    // SAFETY: the only block, with the sizes that it has at each step.
    let resized = [(8, end), (end, end + 1), (end, 4), (4, 16)]
        .map(|(old, new)| unsafe { arena.resize(block, layout(old, 1), layout(new, 1)) });
    assert_eq!(resized, [Ok(()), Err(AllocError), Ok(()), Ok(())]);
    // SAFETY: live, with 16 bytes.
    unsafe { arena.deallocate(block, layout(16, 1)) };
    assert_eq!(take(&arena, 1), block);
}

/// D's region asserted here (Phobos #5852).
#[test]
fn growth_past_the_end_is_refused_and_not_asserted() {
    let arena = arena(128, 128);
    let block = take(&arena, 128 - FOOTER);
    let old = layout(128 - FOOTER, 1);
    for size in [129 - FOOTER, 4096, SIZE_MAX] {
        // SAFETY: live, with this layout.
        assert_eq!(unsafe { arena.resize(block, old, layout(size, 1)) }, Err(AllocError));
    }
}

#[test]
fn an_inner_block_shrinks_but_does_not_grow() {
    let arena = arena(128, 128);
    let inner = take(&arena, 8);
    take(&arena, 8);
    let room = arena.room();
    // SAFETY: live, with eight bytes.
    assert_eq!(unsafe { arena.resize(inner, layout(8, 1), layout(9, 1)) }, Err(AllocError));
    // SAFETY: live, with eight bytes.
    assert_eq!(unsafe { arena.resize(inner, layout(8, 1), layout(7, 1)) }, Ok(()));
    // SAFETY: live, with seven bytes.
    unsafe { arena.deallocate(inner, layout(7, 1)) };
    assert_eq!(arena.room(), room);
}

/// dvui #414 and #548 found it in Zig's: blocks freed in reverse order leave
/// their padding. It is in the documentation here, and ends with a scope.
#[test]
fn padding_before_a_freed_block_stays_taken_until_its_scope_ends() {
    let mut arena = arena(256, 256);
    take(&arena, 1);
    let room = arena.room();
    arena.scope(|scope| {
        let aligned = scope.allocate(layout(16, 16)).unwrap();
        // SAFETY: live, with this layout.
        unsafe { scope.deallocate(aligned, layout(16, 16)) };
        assert_eq!(scope.room(), room - 15);
    });
    assert_eq!(arena.room(), room);
}

#[test]
fn rewinding_goes_back_over_spans_and_keeps_them() {
    let arena = arena(128, 128);
    let start = arena.mark();
    take(&arena, 10);
    let mark = arena.mark();
    let (next, room) = (take(&arena, 10), arena.room() + 10);
    for _ in 0..20 {
        take(&arena, 60);
    }
    let requests = arena.parent.requests();
    // SAFETY: a mark of this arena; what came after is not used.
    unsafe { arena.rewind(mark) };
    assert_eq!((arena.check(), arena.room()), (Ok(()), room));
    assert_eq!(take(&arena, 10), next);
    for _ in 0..20 {
        take(&arena, 60);
    }
    assert_eq!(arena.parent.requests(), requests);
    // SAFETY: a mark of this arena; no block is used.
    unsafe { arena.rewind(start) };
    assert_eq!((arena.check(), arena.room()), (Ok(()), 0));
}

#[test]
fn rewinding_never_goes_forwards() {
    let arena = arena(128, 128);
    let block = take(&arena, 10);
    let mark = arena.mark();
    // SAFETY: the last block, freed once.
    unsafe { arena.deallocate(block, layout(10, 1)) };
    // SAFETY: a mark of this arena; nothing was allocated since.
    unsafe { arena.rewind(mark) };
    assert_eq!(arena.room(), 128 - FOOTER);
}

#[test]
fn rewinding_returns_to_a_span_that_was_left() {
    let arena = arena(128, 128);
    take(&arena, 40);
    let (mark, room) = (arena.mark(), arena.room());
    take(&arena, 60); // The next span, which has less room left.
    assert_eq!(arena.room(), room);
    take(&arena, 50); // Fills the first.
    take(&arena, 10); // And a third becomes the current one.
    // SAFETY: a mark of this arena; what came after is not used.
    unsafe { arena.rewind(mark) };
    assert_eq!((arena.room(), arena.spans(), arena.check()), (room, 3, Ok(())));
}

/// Others keep one span at most (bumpalo #26, #61, #114, #305).
#[test]
fn a_reset_keeps_every_span_for_the_next_round() {
    let mut arena = arena(128, 4096);
    let mut held = 0;
    for round in 0..4 {
        for size in [100, 3000, 10_000, 50, 700, 90_000] {
            take(&arena, size);
        }
        arena.reset();
        assert_eq!((arena.check(), arena.room()), (Ok(()), 0));
        // From the second round on the largest spans are used first.
        if round == 1 {
            held = arena.bytes_held();
        }
        assert!(round == 0 || arena.bytes_held() == held, "round {round}");
    }
}

#[test]
fn a_reset_keeps_up_to_a_number_of_bytes() {
    for (bytes, kept) in
        [(usize::MAX, 1024 + 512 + 256 + 128), (1919, 1024 + 512 + 256), (1023, 512 + 256 + 128), (100, 0), (0, 0)]
    {
        let mut arena = arena(128, 1024);
        for size in [64, 128, 256, 512] {
            take(&arena, size);
        }
        assert_eq!(lent(&arena), [128, 256, 512, 1024]);
        arena.reset_keeping(bytes);
        assert_eq!((arena.bytes_held(), arena.check()), (kept, Ok(())));
        assert_eq!(lent(&arena).iter().sum::<usize>(), kept);
    }
}

#[test]
fn a_reset_keeps_what_the_configuration_says() {
    let mut arena =
        Arena::new(Ledger::new(), ArenaConfig { span_first: 128, span_max: 256, keep: 300 }.check().unwrap());
    for size in [64, 128, 1000] {
        take(&arena, size);
    }
    arena.reset();
    assert_eq!(lent(&arena), [256]);
}

/// LWG 3120 asks of `std::pmr` what a release resets: here, everything.
#[test]
fn a_reset_that_keeps_nothing_starts_over() {
    let mut arena = arena(128, 4096);
    for size in [64, 200, 400, 10_000] {
        take(&arena, size);
    }
    arena.reset_keeping(0);
    assert_eq!((arena.parent.blocks(), arena.spans(), arena.room()), (0, 0, 0));
    take(&arena, 1); // Boost.Container #65 used what was released.
    assert_eq!(lent(&arena), [128]);
}

/// bumpalo #274 counted wrongly after a reset.
#[test]
fn the_bytes_held_are_the_parents_at_any_time() {
    let mut arena =
        Arena::try_new(Ledger::with_grain(48), ArenaConfig { span_first: 100, ..ArenaConfig::DEFAULT }).unwrap();
    let held = |arena: &Arena<Ledger>| {
        let lent = arena.parent.layouts();
        assert_eq!(arena.bytes_held(), lent.iter().map(|&layout| arena.parent.granted(layout)).sum());
        assert_eq!(arena.spans(), lent.len());
    };
    for round in 0..5 {
        for size in [30, 77, 1000, 5] {
            take(&arena, size * (round + 1));
            held(&arena);
        }
        arena.reset_keeping(round * 1000);
        held(&arena);
        take(&arena, 10);
        arena.trim();
        held(&arena);
    }
}

#[test]
fn trimming_gives_back_what_no_block_is_in() {
    let mut arena = arena(128, 128);
    let kept = arena.scope(|scope| {
        for _ in 0..5 {
            scope.allocate(layout(90, 1)).unwrap();
        }
        scope.room()
    });
    assert_eq!((kept, arena.spans()), (6, 5));
    take(&arena, 90);
    arena.trim();
    assert_eq!((arena.spans(), arena.parent.blocks(), arena.check()), (1, 1, Ok(())));
}

/// Its bytes are not inside of it (static-alloc's were).
#[test]
fn an_arena_moves_to_another_thread_with_its_blocks() {
    let arena = const { Arena::with_defaults(System) };
    let block = arena.allocate(layout(8, 8)).unwrap();
    let address = block.addr();
    std::thread::spawn(move || assert_eq!(arena.allocate(layout(1, 1)).unwrap().addr().get(), address.get() + 8))
        .join()
        .unwrap();
}

/// bump-scope had one span of size zero for all empty ones, and wrote to it
/// (#90, #91).
#[test]
fn empty_arenas_share_nothing() {
    let threads = [0; 4].map(|_| {
        std::thread::spawn(|| {
            let mut arena = const { Arena::with_defaults(System) };
            for _ in 0..1000 {
                arena.scope(|scope| {
                    scope.allocate(layout(0, 16)).unwrap();
                    assert_eq!(scope.room(), 0);
                });
                arena.reset();
            }
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

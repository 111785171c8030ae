//! [`Guarded`]: every block at the end of pages of its own, before one that nobody
//! may touch.
//!
//! ```text
//! live    [ page | page: …… | block ][ guard ]     a byte behind the block ─► SIGSEGV
//! freed   [ …………… nobody's ………………… ][ guard ]     any byte of it         ─► SIGSEGV
//! ```
//!
//! | | |
//! |---|---|
//! | time | two system calls for a block, two when it is freed, one when its addresses go; a page fault per page touched |
//! | space | sizes are rounded up to pages, and a guard: addresses only, and two mappings of the 65,530 that Linux allows a program; of the last `HELD` blocks freed the addresses |
//! | sharing | any thread, without a lock |
//! | failure | when the system has no memory, addresses or mappings left |
//! | granted | the size, rounded up to the alignment, or to pages if that is larger |
//!
//! What a debugger shows when the program ends is the very instruction that went
//! wrong, be it a write or a read. `Checked::beside(Guarded::new(), Stop, System)`
//! names what the guards do not see, frees that are wrong, and leaks. Fences would
//! stand between the block and its guard, and a quarantine keeps what is freed
//! readable: leave them out of its [`Scrutiny`](crate::Scrutiny), or take both
//! where bytes *before* a block are in doubt, which has no guard there.
//!
//! The last `HELD` blocks freed are nobody's, without memory behind them; then
//! their addresses are used again. A block of 4095 pages or more gives its
//! addresses back at once.
//!
//! When not to use it: for a program with more than some thirty thousand blocks
//! live, or one that is to be fast: five system calls are the life of a block.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Checked, Guarded, Pages, Stop, System};
//!
//! let heap = Checked::beside(Guarded::new(), Stop, System);
//! let layout = Layout::new::<[u8; 100]>();
//! let block = heap.allocate(layout)?;
//! // One byte more would be the guard's.
//! assert!((block.addr().get() + 100).is_multiple_of(Pages::page_size()));
//! // SAFETY: allocated above with this layout.
//! unsafe { heap.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{
    alloc::Layout,
    ptr::{self, NonNull},
};

use super::pages::{Pages, give_back};
use crate::{
    alloc::{AllocError, Allocate, Check, empty},
    math::align::{SIZE_MAX, align_up},
    os::{
        self,
        memory::{self, Hint},
    },
    sync::atomic::{AtomicPtr, AtomicU32, Ordering},
};

/// Maps each block before a guard page, and holds back the last `HELD` that were
/// freed; see the [module](self).
#[derive(Debug)]
pub struct Guarded<const HELD: usize = 64> {
    /// Mappings that are nobody's, each with its number of pages in the bits below
    /// the page.
    held: [AtomicPtr<u8>; HELD],
    /// Blocks that were held so far.
    freed: AtomicU32,
}

impl Guarded {
    /// Holds the last 64 blocks freed.
    #[must_use]
    pub const fn new() -> Self {
        Self::holding()
    }
}

impl Default for Guarded {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a block lies in its mapping.
struct Place {
    /// Bytes that are accessible: whole pages.
    pages: usize,
    /// Bytes from the block to the guard.
    granted: usize,
}

impl Place {
    /// That of a block for `layout`, unless no mapping is so large.
    fn of(layout: Layout) -> Option<Self> {
        let page = memory::page_size();
        let granted = align_up(layout.size(), layout.align().min(page))?;
        let pages = align_up(granted, page)?;
        (pages <= SIZE_MAX.wrapping_sub(page)).then_some(Self { pages, granted })
    }

    /// Bytes before the block.
    const fn before(&self) -> usize {
        self.pages.wrapping_sub(self.granted)
    }

    /// Bytes of the mapping, its guard among them.
    fn mapped(&self) -> usize {
        self.pages.wrapping_add(memory::page_size())
    }
}

impl<const HELD: usize> Guarded<HELD> {
    /// Holds the last `HELD` blocks freed.
    #[must_use]
    pub const fn holding() -> Self {
        Self { held: [const { AtomicPtr::new(ptr::null_mut()) }; HELD], freed: AtomicU32::new(0) }
    }

    /// Gives the addresses of what was freed back to the system.
    pub fn trim(&self) {
        for slot in &self.held {
            // SAFETY: it is out of its slot now.
            unsafe { unmap(slot.swap(ptr::null_mut(), Ordering::AcqRel)) }
        }
    }

    /// Takes the pages of a freed block from everybody, and holds its addresses.
    ///
    /// # Safety
    ///
    /// - `start` is that of a mapping of ours, whose place is `place`, and nobody
    ///   uses it any more.
    unsafe fn hold(&self, start: NonNull<u8>, place: &Place) {
        let (page, mapped) = (memory::page_size(), place.mapped());
        let count = mapped.checked_div(page).unwrap_or(usize::MAX);
        let turn = usize::try_from(self.freed.fetch_add(1, Ordering::Relaxed)).unwrap_or(0);
        let slot = turn.checked_rem(HELD).and_then(|turn| self.held.get(turn));
        // SAFETY: the caller's promise.
        let is_denied = count < page && slot.is_some() && unsafe { memory::deny(start, place.pages) }.is_ok();
        match slot {
            Some(slot) if is_denied => {
                // SAFETY: the caller's promise. Refused, the memory goes with the addresses.
                let _goes_later = unsafe { memory::hint(start, place.pages, Hint::Decommit) };
                let noted = start.as_ptr().map_addr(|address| address | count);
                // SAFETY: it is out of its slot now.
                unsafe { unmap(slot.swap(noted, Ordering::AcqRel)) }
            }
            // SAFETY: the caller's promise.
            _ => unsafe { give_back(start, mapped) },
        }
    }
}

/// Gives a mapping that was held back to the system, if there is one.
///
/// # Safety
///
/// - `noted` was in a slot, and is in none.
unsafe fn unmap(noted: *mut u8) {
    let page = memory::page_size();
    let pages = noted.addr() & page.wrapping_sub(1);
    if let Some(start) = NonNull::new(noted.map_addr(|address| address & page.wrapping_neg())) {
        // SAFETY: mapped with so many pages, and nobody's.
        unsafe { give_back(start, pages.wrapping_mul(page)) }
    }
}

// SAFETY: a mapping is private to its holder, and a block lies at the end of its
// accessible pages, as aligned as asked, since either the page is a multiple of the
// alignment, or the block is whole pages, mapped aligned; nothing panics.
unsafe impl<const HELD: usize> Allocate for Guarded<HELD> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let place = Place::of(layout).ok_or(AllocError)?;
        let mapping = Layout::from_size_align(place.mapped(), layout.align()).map_err(|_| AllocError)?;
        let start = Pages::reserve(mapping)?;
        // SAFETY: the fresh mapping is ours alone.
        if unsafe { memory::commit(start, place.pages) }.is_err() {
            // SAFETY: as above.
            unsafe { give_back(start, place.mapped()) }
            return Err(AllocError);
        }
        // SAFETY: inside the mapping.
        Ok(unsafe { start.add(place.before()) })
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        let Some(place) = Place::of(layout) else {
            os::check(false, "freed with a layout that was never served");
            return;
        };
        // SAFETY: all sizes of a class have one place.
        let start = unsafe { block.sub(place.before()) };
        // SAFETY: the caller gives the block up.
        unsafe { self.hold(start, &place) }
    }

    fn granted(&self, layout: Layout) -> usize {
        Place::of(layout).map_or(layout.size(), |place| place.granted)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.allocate(layout)
    }
}

impl<const HELD: usize> Check for Guarded<HELD> {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

impl<const HELD: usize> Drop for Guarded<HELD> {
    fn drop(&mut self) {
        self.trim();
    }
}

crate::alloc::bridge!([const HELD: usize] Guarded<HELD>);

#[cfg(test)]
mod tests {
    use core::hint::black_box;
    use std::{
        os::unix::process::ExitStatusExt,
        process::{Command, ExitStatus},
    };

    use heap::format;

    use super::*;

    /// Names what a test does in a process of its own.
    const INSIDE: &str = "BLOCKWORK_TEST_GUARDED";
    const SIGSEGV: i32 = 11;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// Whether this is the process of its own.
    fn is_inside() -> bool {
        std::env::var_os(INSIDE).is_some()
    }

    /// How this very test ends in a process of its own.
    fn run_alone(test: &str) -> ExitStatus {
        let name = format!("source::guarded::tests::{test}");
        let mut run = Command::new(std::env::current_exe().unwrap());
        run.args([&name, "--exact"]).env(INSIDE, "1");
        // Else they would report it, and end the program their way.
        run.env("ASAN_OPTIONS", "handle_segv=0").env("TSAN_OPTIONS", "handle_segv=0");
        run.output().unwrap().status
    }

    /// A block of 100 bytes, and the byte at `offset` of it.
    fn byte_of_a_block(heap: &Guarded, offset: usize) -> (NonNull<u8>, NonNull<u8>) {
        let block = heap.allocate(layout(100, 1)).unwrap();
        // SAFETY: inside the mapping, or its guard.
        (block, unsafe { block.add(offset) })
    }

    #[test]
    fn a_byte_behind_a_block_ends_the_program() {
        if is_inside() {
            let heap = Guarded::new();
            let (_, behind) = byte_of_a_block(&heap, 100);
            // SAFETY: wrong! That is the point.
            unsafe { behind.write_volatile(1) };
            return;
        }
        assert_eq!(run_alone("a_byte_behind_a_block_ends_the_program").signal(), Some(SIGSEGV));
    }

    #[test]
    fn reading_what_was_freed_ends_the_program() {
        if is_inside() {
            let heap = Guarded::new();
            let (block, middle) = byte_of_a_block(&heap, 50);
            // SAFETY: allocated above with this layout.
            unsafe { heap.deallocate(block, layout(100, 1)) };
            // Others do not get its addresses.
            for _ in 0..63 {
                let other = heap.allocate(layout(100, 1)).unwrap();
                // SAFETY: allocated above with this layout.
                unsafe { heap.deallocate(other, layout(100, 1)) };
            }
            // SAFETY: wrong! That is the point.
            black_box(unsafe { middle.read_volatile() });
            return;
        }
        assert_eq!(run_alone("reading_what_was_freed_ends_the_program").signal(), Some(SIGSEGV));
    }

    #[test]
    fn every_byte_of_a_block_ends_nothing() {
        if is_inside() {
            let heap = Guarded::new();
            let (block, last) = byte_of_a_block(&heap, 99);
            // SAFETY: the last byte of the block.
            unsafe { last.write_volatile(1) };
            // SAFETY: allocated above with this layout.
            unsafe { heap.deallocate(block, layout(100, 1)) };
            return;
        }
        assert!(run_alone("every_byte_of_a_block_ends_nothing").success());
    }

    #[test]
    fn blocks_end_where_their_pages_end() {
        let (heap, page) = (Guarded::new(), Pages::page_size());
        for shift in 0..=16 {
            for size in [1, 7, 8, 100, page - 1, page, page + 1, 3 * page] {
                let layout = layout(size, 1 << shift);
                let block = heap.allocate(layout).unwrap();
                let granted = heap.granted(layout);
                assert!(block.addr().get().is_multiple_of(layout.align()));
                assert!((block.addr().get() + granted).is_multiple_of(page));
                assert!(granted < size + layout.align().min(page));
                // SAFETY: granted.
                unsafe { block.write_bytes(1, granted) };
                // SAFETY: allocated above with this layout.
                unsafe { heap.deallocate(block, layout) };
            }
        }
    }

    #[test]
    fn more_than_are_held_and_none_at_all_are_given_back() {
        fn cycles<const HELD: usize>(heap: &Guarded<HELD>) {
            for size in (1..200_000).step_by(7777) {
                let block = heap.allocate(layout(size, 8)).unwrap();
                // SAFETY: allocated above with this layout.
                unsafe { heap.deallocate(block, layout(size, 8)) };
            }
            let held = heap.held.iter().filter(|slot| !slot.load(Ordering::Relaxed).is_null()).count();
            assert_eq!(held, HELD.min(26));
            heap.trim();
            assert!(heap.held.iter().all(|slot| slot.load(Ordering::Relaxed).is_null()));
        }
        cycles(&Guarded::<0>::holding());
        cycles(&Guarded::<3>::holding());
        cycles(&Guarded::new());
    }

    #[test]
    fn a_block_of_very_many_pages_is_not_held() {
        let heap = Guarded::new();
        let large = layout(Pages::page_size() * Pages::page_size(), 8);
        let block = heap.allocate(large).unwrap();
        // SAFETY: allocated above with this layout.
        unsafe { heap.deallocate(block, large) };
        assert!(heap.held.iter().all(|slot| slot.load(Ordering::Relaxed).is_null()));
    }

    #[test]
    fn what_cannot_be_had_is_an_error() {
        let (heap, most) = (Guarded::new(), isize::MAX as usize);
        assert_eq!(heap.allocate(layout(most, 1)), Err(AllocError));
        assert_eq!(heap.granted(layout(most, 1)), most);
        assert_eq!(heap.allocate(layout(1, 1 << 62)), Err(AllocError));
    }
}

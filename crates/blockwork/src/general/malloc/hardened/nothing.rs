//! [`Nothing`]: blocks of no bytes, where nobody may read or write.
//!
//! ```text
//! addresses   [ · | · | · | · | ·········· ]   a place of 16 bytes each, inaccessible
//! taken       [ 1 | 0 | 1 | 0 | ·········· ]   a bit each
//! ```
//!
//! Each block has an address of its own, as C wants it, and is freed like any other. The places are
//! taken in turn: an address is not had again before all others were.

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate},
    source::pages::Pages,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

/// Bytes between two places.
const STEP: usize = super::ALIGN;
const PLACES: usize = 1 << 20;
const BITS: usize = usize::BITS as usize;

/// Places that are tried: if so many in a row are taken, a program has its reasons.
const TRIES: usize = 256;

/// The addresses.
const RANGE: Layout = match Layout::from_size_align(PLACES * STEP, PLACES * STEP) {
    Ok(layout) => layout,
    Err(_) => Layout::new::<()>(),
};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Nothing {
    /// Null before the first block.
    start: AtomicPtr<u8>,
    /// The place that is tried next; wraps.
    next: AtomicUsize,
    taken: [AtomicUsize; PLACES / BITS],
}

impl Nothing {
    pub(super) const fn new() -> Self {
        Self {
            start: AtomicPtr::new(core::ptr::null_mut()),
            next: AtomicUsize::new(0),
            taken: [const { AtomicUsize::new(0) }; PLACES / BITS],
        }
    }

    /// A block of no bytes, aligned to `align`, a power of two.
    pub(super) fn allocate(&self, align: usize) -> Result<NonNull<u8>, AllocError> {
        let start = self.start()?;
        let step = (align / STEP).max(1);
        // Relaxed: any place will do that was not taken.
        let turn = self.next.fetch_add(step, Ordering::Relaxed);
        let tried =
            (0..TRIES).map(|count| (turn & !step.wrapping_sub(1)).wrapping_add(count.wrapping_mul(step)) % PLACES);
        for place in tried {
            let (word, bit) = self.bit(place).ok_or(AllocError)?;
            // Relaxed: nothing is read or written by who has the place.
            if step <= PLACES && word.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
                // SAFETY: a place of so many.
                return Ok(unsafe { start.add(place.wrapping_mul(STEP)) });
            }
        }
        Err(AllocError)
    }

    /// Takes a block back; whether it was one.
    pub(super) fn deallocate(&self, block: NonNull<u8>) -> bool {
        // Relaxed: as in `allocate`; of two who free it one finds it taken.
        let free = |(word, bit): (&AtomicUsize, usize)| word.fetch_and(!bit, Ordering::Relaxed) & bit != 0;
        self.place_of(block).and_then(|place| self.bit(place)).is_some_and(free)
    }

    /// Whether `block` is one.
    pub(super) fn has(&self, block: NonNull<u8>) -> bool {
        // Relaxed: as in `allocate`.
        let taken = |(word, bit): (&AtomicUsize, usize)| word.load(Ordering::Relaxed) & bit != 0;
        self.place_of(block).and_then(|place| self.bit(place)).is_some_and(taken)
    }

    /// The place that begins at `address`.
    fn place_of(&self, address: NonNull<u8>) -> Option<usize> {
        // Relaxed: whoever has a block was told of it after this was written.
        let start = self.start.load(Ordering::Relaxed);
        let offset = address.addr().get().wrapping_sub(start.addr());
        (!start.is_null() && offset.is_multiple_of(STEP)).then_some(offset / STEP).filter(|&place| place < PLACES)
    }

    fn bit(&self, place: usize) -> Option<(&AtomicUsize, usize)> {
        Some((self.taken.get(place / BITS)?, 1 << (place % BITS)))
    }

    /// The first place; takes the addresses the first time.
    fn start(&self) -> Result<NonNull<u8>, AllocError> {
        // Relaxed: addresses; nothing is behind them.
        if let Some(start) = NonNull::new(self.start.load(Ordering::Relaxed)) {
            return Ok(start);
        }
        let fresh = Pages::reserve(RANGE)?;
        let null = core::ptr::null_mut();
        // Relaxed: as above.
        match self.start.compare_exchange(null, fresh.as_ptr(), Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Ok(fresh),
            Err(faster) => {
                // SAFETY: just reserved, and told to nobody.
                unsafe { Pages.deallocate(fresh, RANGE) }
                NonNull::new(faster).ok_or(AllocError)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;

    #[test]
    fn blocks_of_no_bytes_have_addresses_of_their_own() {
        let nothing = Nothing::new();
        let blocks: Vec<_> = (0..1000).map(|_| nothing.allocate(16).unwrap()).collect();
        let mut distinct = blocks.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), blocks.len());
        assert!(blocks.iter().all(|&block| nothing.has(block)));
    }

    #[test]
    fn they_are_freed_once_and_not_had_again_soon() {
        let nothing = Nothing::new();
        let block = nothing.allocate(16).unwrap();
        assert!(nothing.deallocate(block));
        assert!(!nothing.deallocate(block) && !nothing.has(block));
        assert!((0..1000).all(|_| nothing.allocate(16) != Ok(block)));
    }

    #[test]
    fn what_lies_between_them_or_elsewhere_is_none() {
        let nothing = Nothing::new();
        assert!(!nothing.has(NonNull::from(&nothing).cast()));
        let block = nothing.allocate(16).unwrap();
        // SAFETY: inside of the addresses.
        assert!(!nothing.has(unsafe { block.add(8) }) && !nothing.deallocate(unsafe { block.add(8) }));
        // SAFETY: likewise.
        assert!(!nothing.deallocate(unsafe { block.add(STEP) }));
        assert!(!nothing.deallocate(NonNull::from(&nothing).cast()));
    }

    #[test]
    fn they_are_aligned_as_asked_for_and_refused_when_there_are_too_many() {
        let nothing = Nothing::new();
        for align in [16, 64, 4096, 1 << 20, PLACES * STEP] {
            let block = nothing.allocate(align);
            assert!(block.is_err() || block.unwrap().addr().get().is_multiple_of(align), "{align}");
        }
        assert!(nothing.allocate(1 << 40).is_err());
        let nothing = Nothing::new();
        assert!((0..PLACES).all(|_| nothing.allocate(16).is_ok()));
        assert!(nothing.allocate(16).is_err());
    }
}

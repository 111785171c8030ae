//! [`Quarantine`]: freed blocks that the parent does not have yet, oldest first.
//!
//! ```text
//! [ held | held | . | . | held | held ]   a ring in memory of the books' source
//!            ▲ newest      ▲ oldest: the next to go
//! ```

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::alloc::Allocate;

/// A block that its holder has freed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) block: NonNull<u8>,
    pub(super) layout: Layout,
    /// What its site became.
    pub(super) site: u32,
}

/// A ring of freed blocks; see the module.
#[derive(Debug)]
pub(super) struct Quarantine {
    /// The ring and its layout, once there is one.
    ring: Cell<Option<(NonNull<Held>, Layout)>>,
    /// Invariant: below `room`, and so many places from there on are written.
    oldest: Cell<usize>,
    len: Cell<usize>,
    room: usize,
}

// SAFETY: the ring is memory that nobody else knows of, and so are the blocks.
unsafe impl Send for Quarantine {}

impl Quarantine {
    /// Holds `room` blocks at most.
    pub(super) const fn new(room: usize) -> Self {
        Self { ring: Cell::new(None), oldest: Cell::new(0), len: Cell::new(0), room }
    }

    /// Holds `freed`, and returns what has to go for that: the oldest block, or
    /// `freed` itself if there is no room or no memory for a ring.
    pub(super) fn hold<S: Allocate>(&self, source: &S, freed: Held) -> Option<Held> {
        if !self.has_ring(source) {
            return Some(freed);
        }
        let evicted = if self.len.get() == self.room { self.release() } else { None };
        let place = self.place(self.len.get())?;
        // SAFETY: a place of the ring that is not in use.
        unsafe { place.write(freed) }
        self.len.set(self.len.get().wrapping_add(1));
        evicted
    }

    /// Takes out the oldest block.
    pub(super) fn release(&self) -> Option<Held> {
        self.len.set(self.len.get().checked_sub(1)?);
        let place = self.place(0)?;
        self.oldest.set(self.after(self.oldest.get(), 1));
        // SAFETY: the oldest of those that were written.
        Some(unsafe { place.read() })
    }

    /// Gives the ring back; what is held is forgotten.
    pub(super) fn clear<S: Allocate>(&self, source: &S) {
        self.len.set(0);
        self.oldest.set(0);
        if let Some((ring, layout)) = self.ring.take() {
            // SAFETY: from this source, for this layout, and out of use.
            unsafe { source.deallocate(ring.cast(), layout) }
        }
    }

    /// The blocks that are held, the oldest one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Held> + '_ {
        (0_usize..).take_while(|&at| at < self.len.get()).filter_map(|at| {
            // SAFETY: below the number of those that are written.
            self.place(at).map(|place| unsafe { place.read() })
        })
    }

    /// Whether there is a ring, or can be one.
    fn has_ring<S: Allocate>(&self, source: &S) -> bool {
        if self.ring.get().is_some() {
            return true;
        }
        let Ok(layout) = Layout::array::<Held>(self.room) else { return false };
        if layout.size() == 0 {
            return false;
        }
        let Ok(ring) = source.allocate(layout) else { return false };
        if self.ring.get().is_none() {
            self.ring.set(Some((ring.cast(), layout)));
        } else {
            // The source has called back, and that has brought one.
            // SAFETY: just allocated, and not used.
            unsafe { source.deallocate(ring, layout) }
        }
        true
    }

    /// The `at`-th place from the oldest block on.
    fn place(&self, at: usize) -> Option<NonNull<Held>> {
        let (ring, _) = self.ring.get()?;
        // SAFETY: below `room`, as many as there are.
        Some(unsafe { ring.add(self.after(self.oldest.get(), at)) })
    }

    /// The place `steps` behind `at`, both at most `room`.
    const fn after(&self, at: usize, steps: usize) -> usize {
        let sum = at.wrapping_add(steps);
        if sum >= self.room { sum.wrapping_sub(self.room) } else { sum }
    }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;
    use crate::{
        combine::counted::Counted,
        source::{null::Null, system::System},
    };

    fn held(size: usize) -> Held {
        Held { block: NonNull::dangling(), layout: Layout::from_size_align(size, 1).unwrap(), site: 0 }
    }

    #[test]
    fn the_oldest_goes_first() {
        let source = Counted::new(System);
        let quarantine = Quarantine::new(3);
        let out: Vec<_> =
            (0..8).map(|size| quarantine.hold(&source, held(size)).map(|out| out.layout.size())).collect();
        assert_eq!(out, [None, None, None, Some(0), Some(1), Some(2), Some(3), Some(4)]);
        assert!(quarantine.iter().map(|held| held.layout.size()).eq([5, 6, 7]));
        assert_eq!(quarantine.release().unwrap().layout.size(), 5);
        assert!(quarantine.hold(&source, held(8)).is_none());
        quarantine.clear(&source);
        assert!(quarantine.release().is_none());
        assert_eq!(source.counts().blocks_live, 0);
    }

    #[test]
    fn without_room_or_memory_nothing_is_held() {
        assert_eq!(Quarantine::new(0).hold(&System, held(1)).unwrap().layout.size(), 1);
        assert_eq!(Quarantine::new(9).hold(&Null, held(1)).unwrap().layout.size(), 1);
        assert_eq!(Quarantine::new(usize::MAX).hold(&System, held(1)).unwrap().layout.size(), 1);
    }
}

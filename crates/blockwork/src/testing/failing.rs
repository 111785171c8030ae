//! [`Failing`]: refuses requests on a plan, so that every error path runs.
//!
//! ```text
//! request 0   1   2   3   4   5   6   7
//! Once(2)         ✗
//! From(2)         ✗   ✗   ✗   ✗   ✗   ✗
//! Every(3)        ✗           ✗
//! ```
//!
//! | | |
//! |---|---|
//! | time | a count and a compare above the parent |
//! | space | the plan and two counters per allocator, nothing per block |
//! | sharing | single-threaded (`Cell`) |
//! | failure | on plan, before the parent is asked, or whenever the parent fails |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! A request is an `allocate`, an `allocate_zeroed`, or a `resize` that leaves
//! the class of its block. Nothing else can fail, so nothing else counts:
//! not frees, not empty blocks, not a resize that changes nothing.
//!
//! When not to use it: in a program. It is for tests.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, mem::MaybeUninit};
//! use blockwork::{Allocate, Buffer, testing::{Failing, When}};
//!
//! let mut memory = [MaybeUninit::uninit(); 64];
//! let parent = Failing::new(Buffer::new(&mut memory), When::Once(0));
//! let layout = Layout::new::<[u8; 64]>();
//!
//! assert!(parent.allocate(layout).is_err());
//! assert!(parent.allocate(layout).is_ok());
//! assert_eq!((parent.requests(), parent.failures()), (2, 1));
//! ```

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::alloc::{AllocError, Allocate, Check, Owns, Reset, can_resize, empty};

/// Which requests fail, counted from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// None.
    Never,
    /// The request of this number, and no other.
    Once(usize),
    /// The request of this number and all that follow.
    From(usize),
    /// Every so many requests, the last of each group; zero means none.
    Every(usize),
}

impl When {
    /// Whether the plan refuses the request of this `number`.
    const fn refuses(self, number: usize) -> bool {
        match self {
            Self::Never => false,
            Self::Once(chosen) => number == chosen,
            Self::From(first) => number >= first,
            Self::Every(group) => number.wrapping_add(1).is_multiple_of(group) && group != 0,
        }
    }
}

/// Refuses requests on a plan; see the [module](self).
#[derive(Debug)]
pub struct Failing<A> {
    parent: A,
    when: Cell<When>,
    /// Requests since the plan was set.
    requests: Cell<usize>,
    /// Those of them that the plan refused. Invariant: `failures <= requests`.
    failures: Cell<usize>,
}

impl<A> Failing<A> {
    /// Puts `parent` behind the plan `when`.
    pub const fn new(parent: A, when: When) -> Self {
        Self { parent, when: Cell::new(when), requests: Cell::new(0), failures: Cell::new(0) }
    }

    /// Changes the plan and counts from zero again.
    pub fn set(&self, when: When) {
        self.when.set(when);
        self.requests.set(0);
        self.failures.set(0);
    }

    /// The parent behind the plan.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// Requests since the plan was set, those that failed included.
    #[must_use]
    pub const fn requests(&self) -> usize {
        self.requests.get()
    }

    /// Requests that the plan refused since it was set.
    #[must_use]
    pub const fn failures(&self) -> usize {
        self.failures.get()
    }

    /// Counts one request, and refuses it if the plan says so.
    fn admit(&self) -> Result<(), AllocError> {
        let number = self.requests.get();
        self.requests.set(number.wrapping_add(1));
        if self.when.get().refuses(number) {
            self.failures.set(self.failures.get().wrapping_add(1));
            Err(AllocError)
        } else {
            Ok(())
        }
    }
}

// SAFETY: blocks and grants are those of `A`, unchanged; an empty block needs
// no memory; nothing here panics.
unsafe impl<A: Allocate> Allocate for Failing<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        self.admit()?;
        self.parent.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: blocks that are not empty come from `A`; the caller
            // gives a layout that fits.
            unsafe { self.parent.deallocate(block, layout) }
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        if self.granted(old) != self.granted(new) {
            self.admit()?;
        }
        // SAFETY: `block` is not empty, so it came from `A`; the caller says
        // `old` fits it.
        unsafe { self.parent.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        self.admit()?;
        self.parent.allocate_zeroed(layout)
    }
}

// SAFETY: every block of ours is one of `A`'s, the memory we manage is `A`'s,
// and its answer is exact.
unsafe impl<A: Owns> Owns for Failing<A> {
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

impl<A: Reset> Reset for Failing<A> {
    fn reset(&mut self) {
        self.parent.reset();
    }
}

impl<A: Check> Check for Failing<A> {
    fn check(&self) -> Result<(), &'static str> {
        if self.failures() <= self.requests() {
            self.parent.check()
        } else {
            Err("Failing: more failures than requests")
        }
    }
}

crate::alloc::bridge!([A: Allocate] Failing<A>);

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;
    use crate::source::buffer::Buffer;

    fn outcomes(when: When) -> [bool; 6] {
        let mut memory = [MaybeUninit::uninit(); 8];
        let parent = Failing::new(Buffer::new(&mut memory), when);
        let layout = Layout::new::<u8>();
        [(); 6].map(|()| match parent.allocate(layout) {
            // SAFETY: just allocated with this layout.
            Ok(block) => unsafe {
                parent.deallocate(block, layout);
                true
            },
            Err(AllocError) => false,
        })
    }

    #[test]
    fn each_plan_refuses_what_it_says() {
        assert_eq!(outcomes(When::Never), [true; 6]);
        assert_eq!(outcomes(When::Once(1)), [true, false, true, true, true, true]);
        assert_eq!(outcomes(When::From(4)), [true, true, true, true, false, false]);
        assert_eq!(outcomes(When::Every(2)), [true, false, true, false, true, false]);
        assert_eq!(outcomes(When::Every(0)), [true; 6]);
    }

    #[test]
    fn the_plan_can_change_while_blocks_are_live() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let parent = Failing::new(Buffer::new(&mut memory), When::Never);
        let (small, large) = (Layout::new::<u8>(), Layout::new::<[u8; 8]>());
        let block = parent.allocate(small).unwrap();
        parent.set(When::From(0));
        // SAFETY: just allocated with this layout.
        assert_eq!(unsafe { parent.resize(block, small, large) }, Err(AllocError));
        parent.set(When::Never);
        // SAFETY: still of the first layout, since the resize was refused.
        assert_eq!(unsafe { parent.resize(block, small, large) }, Ok(()));
        assert_eq!(parent.requests(), 1);
    }

    #[test]
    fn what_cannot_fail_is_not_counted() {
        let mut memory = [MaybeUninit::uninit(); 8];
        let parent = Failing::new(Buffer::new(&mut memory), When::From(1));
        let layout = Layout::new::<u8>();
        let block = parent.allocate(layout).unwrap();
        // SAFETY: just allocated with this layout.
        assert_eq!(unsafe { parent.resize(block, layout, layout) }, Ok(()));
        assert!(parent.allocate(Layout::new::<()>()).is_ok());
        assert_eq!(parent.requests(), 1);
    }
}

//! [`Reentrant`]: calls back while a part waits for its parent.
//!
//! ```text
//! part.allocate ─► Reentrant.allocate ─► callback ─► part.allocate, part.deallocate …
//!                                   └──► parent.allocate
//! ```
//!
//! | | |
//! |---|---|
//! | time | a load and a branch above the parent, and the callback |
//! | space | three words |
//! | sharing | single-threaded (`Cell`) |
//! | failure | whenever the parent fails |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! A logger, a hook of the operating system, a profiler: whatever runs below a
//! part may allocate from that part. This parent makes it happen at every
//! request, free and resize, except for those that the callback itself causes.
//!
//! When not to use it: in a program. It is for tests.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, cell::Cell};
//! use blockwork::{Allocate, testing::{Reentrant, Strict}};
//!
//! let parent = Reentrant::new(Strict::new());
//! let part = &parent; // any part over `parent`
//! let layout = Layout::new::<u64>();
//! let seen = Cell::new(0);
//!
//! let callback = || {
//!     let block = part.allocate(layout).unwrap();
//!     // SAFETY: just allocated with this layout.
//!     unsafe { part.deallocate(block, layout) };
//!     seen.set(seen.get() + 1);
//! };
//! let block = parent.during(&callback, || part.allocate(layout))?;
//! assert_eq!(seen.get(), 1);
//!
//! // SAFETY: just allocated with this layout.
//! unsafe { part.deallocate(block, layout) };
//! assert_eq!(seen.get(), 1); // only during `during`
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, cell::Cell, fmt, ptr::NonNull};

use crate::alloc::{AllocError, Allocate, Check, Owns, Reset};

/// Calls back before each use of its parent; see the [module](self).
pub struct Reentrant<A> {
    parent: A,
    /// The callback of the `during` that is running. Invariant: it lives as
    /// long as it stands here. Empty while it runs.
    callback: Cell<Option<NonNull<dyn Fn()>>>,
}

impl<A: fmt::Debug> fmt::Debug for Reentrant<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reentrant").field("parent", &self.parent).finish_non_exhaustive()
    }
}

impl<A> Reentrant<A> {
    /// Puts `parent` behind a callback; none is set yet.
    pub const fn new(parent: A) -> Self {
        Self { parent, callback: Cell::new(None) }
    }

    /// Runs `body`; every use of the parent meanwhile runs `callback` first.
    ///
    /// A callback that unwinds ends the program: the contract does not unwind.
    pub fn during<R>(&self, callback: &dyn Fn(), body: impl FnOnce() -> R) -> R {
        let callback: NonNull<dyn Fn() + '_> = NonNull::from(callback);
        // SAFETY: only the lifetime changes; `restore` takes the pointer out of
        // our hands before `callback` can end, on unwinding too.
        let callback = unsafe { core::mem::transmute::<NonNull<dyn Fn() + '_>, NonNull<dyn Fn()>>(callback) };
        let before = self.callback.replace(Some(callback));
        let _restore = Restore { slot: &self.callback, before };
        body()
    }

    fn call_back(&self) {
        let Some(callback) = self.callback.take() else { return };
        let _restore = Restore { slot: &self.callback, before: Some(callback) };
        // SAFETY: it lives as long as it stands in `self.callback`, and `during`
        // cannot return before we do.
        run(unsafe { callback.as_ref() });
    }
}

/// Runs a callback that must not unwind.
fn run(callback: &dyn Fn()) {
    extern "C" fn shim(callback: &&dyn Fn()) {
        callback();
    }
    shim(&callback);
}

/// Puts back what stood in a slot.
struct Restore<'a> {
    slot: &'a Cell<Option<NonNull<dyn Fn()>>>,
    before: Option<NonNull<dyn Fn()>>,
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        self.slot.set(self.before);
    }
}

// SAFETY: every method forwards to `A`, whose implementation upholds the
// contract; a callback runs before the parent is asked and cannot unwind.
unsafe impl<A: Allocate> Allocate for Reentrant<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.call_back();
        self.parent.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.call_back();
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        self.call_back();
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.call_back();
        self.parent.allocate_zeroed(layout)
    }
}

// SAFETY: every block of ours is one of `A`'s, the memory we manage is `A`'s,
// and its answer is exact.
unsafe impl<A: Owns> Owns for Reentrant<A> {
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

impl<A: Reset> Reset for Reentrant<A> {
    fn reset(&mut self) {
        self.parent.reset();
    }
}

impl<A: Check> Check for Reentrant<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

crate::alloc::bridge!([A: Allocate] Reentrant<A>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Strict;

    #[test]
    fn a_callback_is_not_called_back() {
        let parent = Reentrant::new(Strict::new());
        let (layout, depth) = (Layout::new::<u64>(), Cell::new(0));
        let callback = || {
            depth.set(depth.get() + 1);
            let block = parent.allocate(layout).unwrap();
            // SAFETY: just allocated with this layout.
            unsafe { parent.deallocate(block, layout) };
        };
        let block = parent.during(&callback, || parent.allocate(layout)).unwrap();
        assert_eq!(depth.get(), 1);
        // SAFETY: just allocated with this layout.
        unsafe { parent.deallocate(block, layout) };
        assert_eq!(depth.get(), 1);
    }
}

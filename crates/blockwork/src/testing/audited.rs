//! [`Audited`]: walks the books of its parent after every operation.
//!
//! ```text
//! allocate, deallocate, resize, … ─► parent ─► check() ─ Ok ──► the parent's answer
//!                                                     └─ Err ─► the broken rule, and the end
//! ```
//!
//! | | |
//! |---|---|
//! | time | as the parent; in debug builds a walk through all its books besides |
//! | space | none |
//! | sharing | as the parent |
//! | failure | whenever the parent fails |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! The harness walks the books after every operation of its own. This part does
//! it in any program: put around a composition, it finds the very operation after
//! which a list and a counter disagree, whoever caused that. Every part under it
//! is walked, for a [`Check`] goes on to the parent.
//!
//! When not to use it: where the parent holds much, for each operation costs as
//! much as all that it holds; in a release build, where it does nothing.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, SpanPool, SpanPoolConfig, System, testing::Audited};
//!
//! let spans = Audited::new(SpanPool::try_new(System, SpanPoolConfig::DEFAULT)?);
//! let layout = Layout::new::<[u8; 777]>();
//! let span = spans.allocate(layout)?;
//! // SAFETY: just allocated with this layout.
//! unsafe { spans.deallocate(span, layout) };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset, bridge},
    os,
};

/// Ends the program when its parent's books are wrong; see the [module](self).
#[derive(Debug)]
pub struct Audited<A> {
    parent: A,
}

impl<A> Audited<A> {
    /// Walks the books of `parent` after each operation from now on.
    pub const fn new(parent: A) -> Self {
        Self { parent }
    }

    /// The parent underneath.
    pub const fn parent(&self) -> &A {
        &self.parent
    }
}

impl<A: Check> Audited<A> {
    /// Walks the books.
    fn audit(&self) {
        if cfg!(debug_assertions)
            && let Err(rule) = self.parent.check()
        {
            os::stop(format_args!("the books are wrong: {rule}"));
        }
    }
}

// SAFETY: every method forwards to `A`, whose implementation upholds the
// contract; `stop` does not unwind.
unsafe impl<A: Allocate + Check> Allocate for Audited<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.parent.allocate(layout);
        self.audit();
        block
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.deallocate(block, layout) }
        self.audit();
    }

    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        let resized = unsafe { self.parent.resize(block, old, new) };
        self.audit();
        resized
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.parent.allocate_zeroed(layout);
        self.audit();
        block
    }
}

// SAFETY: every block of ours is one of `A`'s, the memory we manage is `A`'s,
// and its answer is exact.
unsafe impl<A: Owns + Check> Owns for Audited<A> {
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

impl<A: Reset + Check> Reset for Audited<A> {
    fn reset(&mut self) {
        self.parent.reset();
        self.audit();
    }
}

impl<A: Check> Check for Audited<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

bridge!([A: Allocate + Check] Audited<A>);

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;
    use crate::testing::Strict;

    /// Breaks its books at one call.
    struct Broken {
        parent: Strict,
        good: Cell<usize>,
        checks: Cell<usize>,
    }

    impl Broken {
        fn after(good: usize) -> Audited<Self> {
            Audited::new(Self { parent: Strict::new(), good: Cell::new(good), checks: Cell::new(0) })
        }
    }

    // SAFETY: the blocks of `Strict`, unchanged.
    unsafe impl Allocate for Broken {
        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            self.good.set(self.good.get().saturating_sub(1));
            self.parent.allocate(layout)
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { self.parent.deallocate(block, layout) }
        }
    }

    impl Check for Broken {
        fn check(&self) -> Result<(), &'static str> {
            self.checks.set(self.checks.get().wrapping_add(1));
            if self.good.get() == 0 { Err("what was good is used up") } else { Ok(()) }
        }
    }

    #[test]
    fn the_books_are_walked_after_each_operation() {
        // In release builds never.
        let walks = usize::from(cfg!(debug_assertions));
        let audited = Broken::after(9);
        let layout = Layout::new::<u64>();
        for (step, zeroed) in [(0, false), (3, true)] {
            let block = if zeroed { audited.allocate_zeroed(layout) } else { audited.allocate(layout) }.unwrap();
            // SAFETY: live, and of this layout.
            unsafe { audited.resize(block, layout, layout) }.unwrap();
            assert_eq!(audited.parent().checks.get(), walks * (step + 2));
            // SAFETY: live, and of this layout.
            unsafe { audited.deallocate(block, layout) };
            assert_eq!(audited.parent().checks.get(), walks * (step + 3));
        }
    }

    #[test]
    fn a_part_with_nothing_wrong_is_reset_and_owns_as_ever() {
        let mut memory = [core::mem::MaybeUninit::uninit(); 64];
        let mut audited = Audited::new(crate::source::buffer::Buffer::new(&mut memory));
        let layout = Layout::new::<[u8; 64]>();
        let block = audited.allocate(layout).unwrap();
        assert!(audited.owns(block, layout));
        assert_eq!(audited.allocate(layout), Err(AllocError));
        audited.reset();
        assert_eq!((audited.allocate(layout), audited.check()), (Ok(block), Ok(())));
    }

    #[cfg(all(debug_assertions, not(miri)))]
    #[test]
    fn a_broken_rule_ends_the_program_at_the_operation_that_broke_it() {
        let name = "testing::audited::tests::a_broken_rule_ends_the_program_at_the_operation_that_broke_it";
        let words = crate::combine::testers::last_words(name, || {
            let audited = Broken::after(2);
            for number in 1.. {
                std::eprintln!("request {number}");
                // The second ends it.
                assert!(audited.allocate(Layout::new::<u64>()).is_ok());
            }
        });
        assert!(words.contains("the books are wrong: what was good is used up"), "{words}");
        assert!(words.contains("request 2") && !words.contains("request 3"), "{words}");
    }
}

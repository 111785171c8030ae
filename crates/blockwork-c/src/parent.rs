//! [`Parent`]: what a part stands on; and [`Ground`], which counts what that
//! gives.

use core::{
    alloc::Layout,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering},
};

use blockwork::{AllocError, Allocate, Check, Pages, System};

use crate::{
    error::Refusal,
    interface::{Foreign, Interface, is_alike},
    part::Kept,
    source::{PAGES, SYSTEM},
};

/// What a part stands on.
pub(crate) enum Parent {
    System,
    Pages,
    /// Another part, which is kept alive.
    Part(Kept),
    /// Functions of the caller's.
    Foreign(Foreign),
}

/// Does `$with` with the allocator that a parent is.
macro_rules! each {
    ($parent:expr, $allocator:ident => $with:expr) => {
        match $parent {
            Parent::System => {
                let $allocator = &System;
                $with
            }
            Parent::Pages => {
                let $allocator = &Pages;
                $with
            }
            Parent::Part($allocator) => $with,
            Parent::Foreign($allocator) => $with,
        }
    };
}

impl Parent {
    /// The parent that C names.
    ///
    /// # Safety
    ///
    /// - `interface` is null, or of an allocator that is alive.
    pub(crate) unsafe fn of(interface: *const Interface) -> Result<Self, Refusal> {
        // SAFETY: the caller's promise.
        let interface = unsafe { interface.as_ref() }.ok_or(NO_ALLOCATOR)?;
        if let Some(kept) = Kept::of(interface) {
            return Ok(Self::Part(kept));
        }
        if is_alike(interface, &SYSTEM) {
            return Ok(Self::System);
        }
        if is_alike(interface, &PAGES) {
            return Ok(Self::Pages);
        }
        Foreign::new(interface).map(Self::Foreign)
    }
}

/// What a null pointer is told.
pub(crate) const NO_ALLOCATOR: Refusal = Refusal::Argument("an allocator must not be null");

// SAFETY: forwards to one allocator, always the same.
unsafe impl Allocate for Parent {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        each!(self, parent => parent.allocate(layout))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise the parent asks for.
        each!(self, parent => unsafe { parent.deallocate(block, layout) });
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        each!(self, parent => parent.granted(layout))
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise the parent asks for.
        each!(self, parent => unsafe { parent.resize(block, old, new) })
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        each!(self, parent => parent.allocate_zeroed(layout))
    }
}

impl Check for Parent {
    fn check(&self) -> Result<(), &'static str> {
        each!(self, parent => parent.check())
    }
}

/// The parent of a strategy: what it gives is counted, as granted.
pub(crate) struct Ground {
    parent: Parent,
    held: NonNull<AtomicUsize>,
}

impl Ground {
    /// Counts what `parent` gives.
    ///
    /// # Safety
    ///
    /// - `held` outlives the ground.
    pub(crate) const unsafe fn new(parent: Parent, held: NonNull<AtomicUsize>) -> Self {
        Self { parent, held }
    }

    fn held(&self) -> &AtomicUsize {
        // SAFETY: it outlives us, as `new` was promised.
        unsafe { self.held.as_ref() }
    }

    // Relaxed: a number for people. Live blocks are disjoint, so their sum fits.
    fn add(&self, layout: Layout) {
        self.held().fetch_add(self.parent.granted(layout), Ordering::Relaxed);
    }

    fn sub(&self, layout: Layout) {
        self.held().fetch_sub(self.parent.granted(layout), Ordering::Relaxed);
    }
}

// SAFETY: blocks and grants are those of the parent, unchanged.
unsafe impl Allocate for Ground {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.parent.allocate(layout)?;
        self.add(layout);
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.sub(layout);
        // SAFETY: the caller's promise to us is the promise the parent asks for.
        unsafe { self.parent.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise the parent asks for.
        unsafe { self.parent.resize(block, old, new)? }
        self.add(new);
        self.sub(old);
        Ok(())
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.parent.allocate_zeroed(layout)?;
        self.add(layout);
        Ok(block)
    }
}

impl Check for Ground {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

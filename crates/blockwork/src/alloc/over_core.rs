//! [`Core`]: a strategy without its parent.
//!
//! ```text
//! part  = [ core | parent ]               BlockPool { core, parent }
//! whole = [ core | core | … | parent ]    several cores over one parent
//! ```
//!
//! Because a core is given its parent at each call, one struct can own a
//! parent and many cores over it: it is `Send`, const, lockable with one lock,
//! and holds no reference to itself.

use core::{alloc::Layout, ptr::NonNull};

use super::{AllocError, Allocate, can_resize};
use crate::os::track;

/// A strategy's state, given its parent at every call.
///
/// # Safety
///
/// - With the same parent at every call, the methods keep the promises of
///   [`Allocate`].
/// - After [`release`](Self::release) the parent has everything back, and the
///   core is as good as new.
pub unsafe trait Core {
    /// [`Allocate::allocate`] over `parent`.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when no such block can be had now.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    unsafe fn allocate<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError>;

    /// [`Allocate::deallocate`] over `parent`.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    /// - `block` is live and came from this core.
    /// - `layout` fits `block`.
    unsafe fn deallocate<A: Allocate + ?Sized>(&self, parent: &A, block: NonNull<u8>, layout: Layout);

    /// [`Allocate::granted`] over `parent`.
    fn granted<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> usize;

    /// [`Allocate::resize`] over `parent`.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the block would have to move.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    /// - `block` is live and came from this core.
    /// - `old` fits `block`.
    #[inline]
    unsafe fn resize<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<(), AllocError> {
        let _ = block;
        if can_resize(old, new) && self.granted(parent, old) == self.granted(parent, new) {
            Ok(())
        } else {
            Err(AllocError)
        }
    }

    /// [`Allocate::allocate_zeroed`] over `parent`.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when no such block can be had now.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    #[inline]
    unsafe fn allocate_zeroed<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        layout: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller gives the usual parent.
        let block = unsafe { self.allocate(parent, layout)? };
        // SAFETY: a fresh block is valid for writes of its granted size.
        unsafe { block.write_bytes(0, self.granted(parent, layout)) }
        Ok(block)
    }

    /// Gives everything back to `parent`; every block ends.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A);
}

/// Gives `parent` memory that a core had from it, and says to tools that watch
/// memory that none of it is free any more.
///
/// # Safety
///
/// - As for `parent.deallocate(memory, layout)`.
#[inline]
pub(crate) unsafe fn give_back<A: Allocate + ?Sized>(parent: &A, memory: NonNull<u8>, layout: Layout) {
    if track::ON {
        track::show(memory, parent.granted(layout));
    }
    // SAFETY: the caller's promise.
    unsafe { parent.deallocate(memory, layout) }
}

/// Implements [`Allocate`] and `Drop` for a part with the fields `core` and
/// `parent`: `over_core!([A: Allocate, S: Stride] BlockPool<A, S>)`.
///
/// Tools that watch memory are told which blocks are free; not with
/// `untracked:`, for parts whose raw shape tells them.
macro_rules! over_core {
    ([$($generics:tt)*] $part:ty) => {
        $crate::alloc::over_core::over_core!(@ ($crate::os::track::ON), [$($generics)*] $part);
    };
    (untracked: [$($generics:tt)*] $part:ty) => {
        $crate::alloc::over_core::over_core!(@ (false), [$($generics)*] $part);
    };
    (@ ($tracked:expr), [$($generics:tt)*] $part:ty) => {
        // SAFETY: the core keeps the contract as long as it is given the same
        // parent, and `self.parent` is given to no other and never replaced.
        unsafe impl<$($generics)*> $crate::alloc::Allocate for $part {
            #[inline]
            fn allocate(
                &self,
                layout: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<u8>, $crate::alloc::AllocError> {
                // SAFETY: always this parent.
                let outcome = unsafe { $crate::alloc::Core::allocate(&self.core, &self.parent, layout) };
                if $tracked && let Ok(block) = outcome {
                    $crate::os::track::show(block, $crate::alloc::Allocate::granted(self, layout));
                }
                outcome
            }

            #[inline]
            unsafe fn deallocate(&self, block: ::core::ptr::NonNull<u8>, layout: ::core::alloc::Layout) {
                if $tracked {
                    $crate::os::track::hide(block, $crate::alloc::Allocate::granted(self, layout));
                }
                // SAFETY: always this parent; the caller vouches for block and layout.
                unsafe { $crate::alloc::Core::deallocate(&self.core, &self.parent, block, layout) }
            }

            #[inline]
            fn granted(&self, layout: ::core::alloc::Layout) -> usize {
                $crate::alloc::Core::granted(&self.core, &self.parent, layout)
            }

            #[inline]
            unsafe fn resize(
                &self,
                block: ::core::ptr::NonNull<u8>,
                old: ::core::alloc::Layout,
                new: ::core::alloc::Layout,
            ) -> Result<(), $crate::alloc::AllocError> {
                // SAFETY: always this parent; the caller vouches for block and layout.
                let outcome = unsafe { $crate::alloc::Core::resize(&self.core, &self.parent, block, old, new) };
                if $tracked && outcome.is_ok() {
                    let granted = |layout| $crate::alloc::Allocate::granted(self, layout);
                    $crate::os::track::resized(block, granted(old), granted(new));
                }
                outcome
            }

            #[inline]
            fn allocate_zeroed(
                &self,
                layout: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<u8>, $crate::alloc::AllocError> {
                if $tracked {
                    // The core would write to what is not shown yet.
                    let block = $crate::alloc::Allocate::allocate(self, layout)?;
                    // SAFETY: fresh, and granted as much.
                    unsafe { block.write_bytes(0, $crate::alloc::Allocate::granted(self, layout)) }
                    return Ok(block);
                }
                // SAFETY: always this parent.
                unsafe { $crate::alloc::Core::allocate_zeroed(&self.core, &self.parent, layout) }
            }
        }

        impl<$($generics)*> Drop for $part {
            fn drop(&mut self) {
                // SAFETY: always this parent.
                unsafe { $crate::alloc::Core::release(&mut self.core, &self.parent) }
            }
        }
    };
}
pub(crate) use over_core;

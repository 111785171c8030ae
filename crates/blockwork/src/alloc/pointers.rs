//! [`Allocate`] through references and smart pointers: all of them forward.
//!
//! [`Owns`](super::Owns) passes through `&mut A` and `Box<A>` only. A shared
//! pointer may have lent memory to a sibling, whose blocks it would claim.

use core::{alloc::Layout, ptr::NonNull};

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use heap::sync::Arc;
#[cfg(feature = "alloc")]
use heap::{boxed::Box, rc::Rc};

use super::{AllocError, Allocate, Census, Check, Owns, Reset};

/// Implements [`Allocate`] and [`Check`] for a pointer to an allocator.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        // SAFETY: every method forwards to `A`, whose implementation upholds
        // the contract; the pointer keeps `A` where it is.
        unsafe impl<A: Allocate + ?Sized> Allocate for $pointer {
            #[inline]
            fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                (**self).allocate(layout)
            }

            #[inline]
            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                // SAFETY: the caller's promise to us is the promise `A` asks for.
                unsafe { (**self).deallocate(block, layout) }
            }

            #[inline]
            fn granted(&self, layout: Layout) -> usize {
                (**self).granted(layout)
            }

            #[inline]
            unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
                // SAFETY: the caller's promise to us is the promise `A` asks for.
                unsafe { (**self).resize(block, old, new) }
            }

            #[inline]
            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                (**self).allocate_zeroed(layout)
            }
        }

        impl<A: Check + ?Sized> Check for $pointer {
            fn check(&self) -> Result<(), &'static str> {
                (**self).check()
            }
        }

        impl<A: Census + ?Sized> Census for $pointer {
            fn blocks_out(&self) -> usize {
                (**self).blocks_out()
            }
        }
    )*};
}

/// Implements the capabilities for a pointer that nobody shares.
macro_rules! forward_capabilities {
    ($($pointer:ty),*) => {$(
        // SAFETY: the blocks are those of `A`, the pointer is its only holder,
        // and `A`'s answer is exact.
        unsafe impl<A: Owns + ?Sized> Owns for $pointer {
            #[inline]
            fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
                (**self).owns(block, layout)
            }
        }

        impl<A: Reset + ?Sized> Reset for $pointer {
            fn reset(&mut self) {
                (**self).reset();
            }
        }
    )*};
}

forward!(&A, &mut A);
forward_capabilities!(&mut A);

#[cfg(feature = "alloc")]
forward!(Box<A>, Rc<A>);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
forward!(Arc<A>);
#[cfg(feature = "alloc")]
forward_capabilities!(Box<A>);

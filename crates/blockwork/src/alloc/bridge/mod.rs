//! The edges: every part speaks the allocator traits of others as well.
//!
//! ```text
//! crate::alloc::bridge!([A: Allocate] Counted<A>);
//!    ├─► core::alloc::Allocator           where the build script finds it
//!    ├─► allocator_api2::alloc::Allocator 0.2 and 0.4, each with its feature
//!    └─► core::alloc::GlobalAlloc         for `#[global_allocator]` statics
//! ```
//!
//! One line beside a part's implementation of [`Allocate`] is all it takes. What
//! the traits leave open is decided once, in `slices` and `global`:
//!
//! - Zero bytes are asked for like any other size, as [`Allocate`] answers them;
//!   `GlobalAlloc` never asks for them.
//! - A slice is as long as the grant, and any size in between comes back as one
//!   of the same class. Parts for which asking for the grant costs a call of its
//!   own answer with the length that was asked for:
//!   `bridge!(requested: [A: Allocate, L: Lock] Locked<A, L>)`.
//! - Growing and shrinking are [`reallocate`](super::reallocate()): in place, or a
//!   move, to another alignment too.
//!
//! References, boxes and counted pointers need no line: the traits have their
//! own implementations for pointers to an allocator.

use super::Allocate;

pub(crate) mod global;
#[cfg(any(blockwork_std_allocator, feature = "allocator-api2-02", feature = "allocator-api2-04"))]
pub(crate) mod slices;

/// Implements the foreign allocator traits for a part; see the module.
macro_rules! bridge {
    (requested: [$($generics:tt)*] $part:ty) => {
        $crate::alloc::bridge!(@every Requested [$($generics)*] $part);
    };
    ([$($generics:tt)*] $part:ty) => {
        $crate::alloc::bridge!(@every Granted [$($generics)*] $part);
    };
    (@every $length:ident [$($generics:tt)*] $part:ty) => {
        #[cfg(blockwork_std_allocator)]
        $crate::alloc::bridge!(@slices [::core::alloc] $length [$($generics)*] $part);
        #[cfg(feature = "allocator-api2-02")]
        $crate::alloc::bridge!(@slices [::allocator_api2_02::alloc] $length [$($generics)*] $part);
        #[cfg(feature = "allocator-api2-04")]
        $crate::alloc::bridge!(@slices [::allocator_api2_04::alloc] $length [$($generics)*] $part);

        // SAFETY: `Allocate` never unwinds, its blocks are valid for what is
        // asked and disjoint, and a null pointer is only returned on failure.
        unsafe impl<$($generics)*> ::core::alloc::GlobalAlloc for $part {
            #[inline]
            unsafe fn alloc(&self, layout: ::core::alloc::Layout) -> *mut u8 {
                // SAFETY: the caller's promise: not of size zero.
                unsafe { $crate::alloc::bridge::global::alloc(self, layout) }
            }

            #[inline]
            unsafe fn dealloc(&self, block: *mut u8, layout: ::core::alloc::Layout) {
                // SAFETY: the caller's promise: a live block, allocated with `layout`.
                unsafe { $crate::alloc::bridge::global::dealloc(self, block, layout) }
            }

            #[inline]
            unsafe fn alloc_zeroed(&self, layout: ::core::alloc::Layout) -> *mut u8 {
                // SAFETY: the caller's promise: not of size zero.
                unsafe { $crate::alloc::bridge::global::alloc_zeroed(self, layout) }
            }

            #[inline]
            unsafe fn realloc(&self, block: *mut u8, layout: ::core::alloc::Layout, size: usize) -> *mut u8 {
                // SAFETY: the caller's promise: a live block, allocated with
                // `layout`, and a size that is not zero and makes a layout.
                unsafe { $crate::alloc::bridge::global::realloc(self, block, layout, size) }
            }
        }
    };
    (@slices [$($foreign:tt)*] $length:ident [$($generics:tt)*] $part:ty) => {
        // SAFETY: `Allocate` promises what the trait asks for: blocks are valid,
        // disjoint, live until freed wherever the allocator moves to, and are
        // taken back by any size up to the grant; nothing unwinds.
        unsafe impl<$($generics)*> $($foreign)*::Allocator for $part {
            #[inline]
            fn allocate(
                &self,
                layout: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $($foreign)*::AllocError> {
                use $crate::alloc::bridge::slices::{Length, allocate};
                allocate(self, layout, Length::$length).map_err(|_| $($foreign)*::AllocError)
            }

            #[inline]
            unsafe fn deallocate(&self, block: ::core::ptr::NonNull<u8>, layout: ::core::alloc::Layout) {
                // SAFETY: the caller's promise: a live block of ours, and an
                // alignment and size of its class.
                unsafe { $crate::alloc::Allocate::deallocate(self, block, layout) }
            }

            #[inline]
            fn allocate_zeroed(
                &self,
                layout: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $($foreign)*::AllocError> {
                use $crate::alloc::bridge::slices::{Length, allocate_zeroed};
                allocate_zeroed(self, layout, Length::$length).map_err(|_| $($foreign)*::AllocError)
            }

            #[inline]
            unsafe fn grow(
                &self,
                block: ::core::ptr::NonNull<u8>,
                old: ::core::alloc::Layout,
                new: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $($foreign)*::AllocError> {
                use $crate::alloc::bridge::slices::{Length, reallocate};
                // SAFETY: the caller's promise: a live block of ours that `old` fits.
                unsafe { reallocate(self, block, old, new, Length::$length) }.map_err(|_| $($foreign)*::AllocError)
            }

            #[inline]
            unsafe fn grow_zeroed(
                &self,
                block: ::core::ptr::NonNull<u8>,
                old: ::core::alloc::Layout,
                new: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $($foreign)*::AllocError> {
                use $crate::alloc::bridge::slices::{Length, reallocate_zeroed};
                // SAFETY: the caller's promise: a live block of ours that `old` fits.
                unsafe { reallocate_zeroed(self, block, old, new, Length::$length) }
                    .map_err(|_| $($foreign)*::AllocError)
            }

            #[inline]
            unsafe fn shrink(
                &self,
                block: ::core::ptr::NonNull<u8>,
                old: ::core::alloc::Layout,
                new: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $($foreign)*::AllocError> {
                use $crate::alloc::bridge::slices::{Length, reallocate};
                // SAFETY: the caller's promise: a live block of ours that `old` fits.
                unsafe { reallocate(self, block, old, new, Length::$length) }.map_err(|_| $($foreign)*::AllocError)
            }
        }
    };
}
pub(crate) use bridge;

// What is behind `dyn` is asked once per request, as each question is a call.
bridge!(requested: [] dyn Allocate + '_);
bridge!(requested: [] dyn Allocate + Send + '_);
bridge!(requested: [] dyn Allocate + Send + Sync + '_);

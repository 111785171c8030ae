//! [`Speaks`]: the allocator contracts that a foreign type may have.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::NonNull,
};

#[cfg(feature = "alloc")]
use heap::rc::Rc;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use heap::sync::Arc;

/// The contract that a foreign allocator `T` speaks.
///
/// # Safety
///
/// - What [`allocate`](Self::allocate) and
///   [`allocate_zeroed`](Self::allocate_zeroed) return is a block of
///   `layout.size()` bytes at `layout.align()`, disjoint from every live block,
///   and live until it is deallocated or `T` is dropped, wherever `T` moves; the
///   bytes of the latter are zero.
/// - No method unwinds, whatever `T` does.
pub unsafe trait Speaks<T> {
    /// Asks for a block.
    ///
    /// # Safety
    ///
    /// - `layout` is not of size zero.
    unsafe fn allocate(from: &T, layout: Layout) -> Option<NonNull<u8>>;

    /// Asks for a block of zeroes.
    ///
    /// # Safety
    ///
    /// - `layout` is not of size zero.
    unsafe fn allocate_zeroed(from: &T, layout: Layout) -> Option<NonNull<u8>>;

    /// Gives a block back.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from `from`.
    /// - `layout` is the one it was asked for with.
    unsafe fn deallocate(from: &T, block: NonNull<u8>, layout: Layout);
}

/// The contract of `GlobalAlloc`.
///
/// It says nothing about an allocator that moves, and the one in its own
/// documentation keeps the blocks inside itself. So the allocator is lent or
/// shared, never given:
///
/// ```compile_fail,E0277
/// blockwork::FromGlobal::new(std::alloc::System);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Global {}

/// Speaks to an allocator that stays where it is, behind this pointer.
macro_rules! global {
    ($($pointer:ty),*) => {$(
        // SAFETY: that contract promises the same of the blocks of an allocator
        // that does not move, and forbids to unwind.
        unsafe impl<T: GlobalAlloc + ?Sized> Speaks<$pointer> for Global {
            #[inline]
            unsafe fn allocate(from: &$pointer, layout: Layout) -> Option<NonNull<u8>> {
                // SAFETY: the caller's promise: not of size zero.
                NonNull::new(unsafe { from.alloc(layout) })
            }

            #[inline]
            unsafe fn allocate_zeroed(from: &$pointer, layout: Layout) -> Option<NonNull<u8>> {
                // SAFETY: the caller's promise: not of size zero.
                NonNull::new(unsafe { from.alloc_zeroed(layout) })
            }

            #[inline]
            unsafe fn deallocate(from: &$pointer, block: NonNull<u8>, layout: Layout) {
                // SAFETY: the caller's promise: a live block, asked for with `layout`.
                unsafe { from.dealloc(block.as_ptr(), layout) }
            }
        }
    )*};
}

/// The program's `#[global_allocator]`, which boxes and vectors use.
///
/// Whatever it is, it is reached through std, so this is all there is of it here:
/// `FromGlobal::new(Registered)` takes no space. It is not for the global
/// allocator itself, which would ask itself.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Registered;

// SAFETY: what is registered is a `GlobalAlloc` that stays where it is, and that
// contract promises the same of its blocks, and forbids to unwind.
#[cfg(feature = "alloc")]
unsafe impl Speaks<Registered> for Global {
    #[inline]
    unsafe fn allocate(_from: &Registered, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise: not of size zero.
        NonNull::new(unsafe { heap::alloc::alloc(layout) })
    }

    #[inline]
    unsafe fn allocate_zeroed(_from: &Registered, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise: not of size zero.
        NonNull::new(unsafe { heap::alloc::alloc_zeroed(layout) })
    }

    #[inline]
    unsafe fn deallocate(_from: &Registered, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise: a live block, asked for with `layout`.
        unsafe { heap::alloc::dealloc(block.as_ptr(), layout) }
    }
}

global!(&T);
#[cfg(feature = "alloc")]
global!(Rc<T>);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
global!(Arc<T>);

/// Names one of the contracts whose blocks are slices.
#[cfg(any(blockwork_std_allocator, feature = "allocator-api2-02", feature = "allocator-api2-04"))]
macro_rules! slices {
    ($(#[$doc:meta])* $contract:ident, [$($foreign:tt)*]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $contract {}

        // SAFETY: that contract promises the same of its blocks. Some of its
        // versions advise against unwinding rather than forbid it, hence
        // `os::contain`.
        unsafe impl<T: $($foreign)*::Allocator> Speaks<T> for $contract {
            #[inline]
            unsafe fn allocate(from: &T, layout: Layout) -> Option<NonNull<u8>> {
                $crate::os::contain(|| $($foreign)*::Allocator::allocate(from, layout)).ok().map(NonNull::cast)
            }

            #[inline]
            unsafe fn allocate_zeroed(from: &T, layout: Layout) -> Option<NonNull<u8>> {
                $crate::os::contain(|| $($foreign)*::Allocator::allocate_zeroed(from, layout)).ok().map(NonNull::cast)
            }

            #[inline]
            unsafe fn deallocate(from: &T, block: NonNull<u8>, layout: Layout) {
                $crate::os::contain(|| {
                    // SAFETY: the caller's promise: a live block, asked for with `layout`.
                    unsafe { $($foreign)*::Allocator::deallocate(from, block, layout) }
                });
            }
        }
    };
}

#[cfg(blockwork_std_allocator)]
slices!(
    /// The contract of std's `Allocator`.
    Std,
    [core::alloc]
);

#[cfg(feature = "allocator-api2-02")]
slices!(
    /// The contract of `Allocator` in allocator-api2 0.2.
    Api2_02,
    [allocator_api2_02::alloc]
);

#[cfg(feature = "allocator-api2-04")]
slices!(
    /// The contract of `Allocator` in allocator-api2 0.4.
    Api2_04,
    [allocator_api2_04::alloc]
);

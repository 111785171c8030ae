//! [`Handle`]: a type that stands for one allocator, and takes no space.
//!
//! ```text
//! static HEAP: Locked<…> ◄── Medium: one reference for all, in the code instead of in every container
//! ```
//!
//! [`handle!`](crate::handle) declares a handle to any `static` allocator. Sources that
//! have no state are handles to themselves: `System`, `Pages`, `Null`.
//!
//! ```
//! use blockwork::{Allocate, Counted, Handle, Locked, System, handle};
//!
//! static HEAP: Locked<Counted<System>> = Locked::new(Counted::new(System));
//! handle!(pub struct Heap = HEAP;);
//!
//! let layout = core::alloc::Layout::new::<u64>();
//! let block = Heap.allocate(layout)?;
//! assert_eq!((size_of::<Heap>(), HEAP.with_parent(|heap| heap.counts().bytes_live)), (0, 8));
//! // SAFETY: allocated above with this layout, and not used again.
//! unsafe { Heap.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use crate::{alloc::Allocate, source::null::Null};

/// A type whose every value is the same allocator, usable from any thread.
///
/// # Safety
///
/// - Any two values are one allocator, at any time, on any thread: each takes
///   back what the other gave.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handle to a `static` allocator",
    label = "does not implement `Handle`",
    note = "`handle!(struct Heap = HEAP;)` declares one for `static HEAP`"
)]
pub unsafe trait Handle: Allocate + Copy + Send + Sync + 'static {
    /// The allocator.
    const HANDLE: Self;

    /// The least alignment of the memory behind a container, a power of two:
    /// for elements that ask for less.
    const ALIGN: usize = 1;
}

// SAFETY: the system's allocator is one for the process.
#[cfg(feature = "std")]
unsafe impl Handle for crate::source::system::System {
    const HANDLE: Self = Self;
}

// SAFETY: the system's pages are those of the process.
#[cfg(all(feature = "os", unix, not(blockwork_no_os)))]
unsafe impl Handle for crate::source::pages::Pages {
    const HANDLE: Self = Self;
}

// SAFETY: it has no blocks.
unsafe impl Handle for Null {
    const HANDLE: Self = Self;
}

/// Declares zero-size [`Handle`](crate::Handle)s to `static` allocators.
///
/// ```
/// #![forbid(unsafe_code)] // is not in the way
/// use blockwork::{List, Locked, SpanPool, SpanPoolConfig, System, handle};
///
/// static SPANS: Locked<SpanPool<System>> = Locked::new(SpanPool::new(System, match SpanPoolConfig::DEFAULT.check() {
///     Ok(config) => config,
///     Err(_) => panic!("a wrong configuration"),
/// }));
///
/// handle! {
///     /// Spans of 4 KiB.
///     pub struct Spans = SPANS;
///     /// The same, for memory that is shared with a device.
///     pub struct Device = SPANS, align(4096);
/// }
///
/// let bytes = List::<u8, Device>::with_capacity(1);
/// assert_eq!(bytes.as_ptr().addr() % 4096, 0);
/// ```
///
/// Any thread may hold a handle, so the allocator has to be `Sync`, and one that
/// is there for ever:
///
/// ```compile_fail,E0277
/// static HEAP: Counted<System> = Counted::new(System);
/// # use blockwork::{Counted, System, handle};
/// handle!(struct Heap = HEAP;);
/// ```
///
/// ```compile_fail,E0515
/// # use blockwork::{Counted, Locked, System, handle};
/// // Each use would be another allocator.
/// const HEAP: Locked<Counted<System>> = Locked::new(Counted::new(System));
/// handle!(struct Heap = HEAP;);
/// ```
#[macro_export]
macro_rules! handle {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident = $allocator:path $(, align($align:literal))?;)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        $vis struct $name;

        const _: () = {
            use ::core::{alloc::Layout, ptr::NonNull};

            /// The one allocator behind every value.
            #[inline]
            fn allocator() -> &'static (impl $crate::Allocate + ::core::marker::Sync) {
                &$allocator
            }

            // SAFETY: every method forwards to one allocator, whose
            // implementation upholds the contract; it is a `static` and stays.
            unsafe impl $crate::Allocate for $name {
                #[inline]
                fn allocate(&self, layout: Layout) -> ::core::result::Result<NonNull<u8>, $crate::AllocError> {
                    $crate::Allocate::allocate(allocator(), layout)
                }

                #[inline]
                unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                    // SAFETY: the caller's promise to us is the promise the allocator asks for.
                    unsafe { $crate::Allocate::deallocate(allocator(), block, layout) }
                }

                #[inline]
                fn granted(&self, layout: Layout) -> usize {
                    $crate::Allocate::granted(allocator(), layout)
                }

                #[inline]
                unsafe fn resize(
                    &self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> ::core::result::Result<(), $crate::AllocError> {
                    // SAFETY: the caller's promise to us is the promise the allocator asks for.
                    unsafe { $crate::Allocate::resize(allocator(), block, old, new) }
                }

                #[inline]
                fn allocate_zeroed(&self, layout: Layout) -> ::core::result::Result<NonNull<u8>, $crate::AllocError> {
                    $crate::Allocate::allocate_zeroed(allocator(), layout)
                }
            }

            // SAFETY: all values forward to the same `static`, which is `Sync`.
            unsafe impl $crate::Handle for $name {
                const HANDLE: Self = $name;
                $(const ALIGN: usize = $align;)?
            }
        };
    )+};
}

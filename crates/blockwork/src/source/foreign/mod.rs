//! [`Foreign`]: an allocator of another contract, as a source of blocks.
//!
//! ```text
//! FromGlobal::new(&std::alloc::System)     a GlobalAlloc, lent or shared (`Rc`, `Arc`)
//! FromGlobal::new(Registered)              the one of the program
//! FromApi2_02::new(&bump)                  an allocator-api2 0.2 allocator (bumpalo)
//! FromApi2_04::new(..)  FromStd::new(..)   allocator-api2 0.4, std
//!      └─► Foreign<T, the contract it speaks>: Allocate
//! ```
//!
//! | | |
//! |---|---|
//! | time | a branch on zero above the foreign allocator |
//! | space | nothing of its own |
//! | sharing | as the foreign allocator |
//! | failure | whenever the foreign allocator fails |
//! | grants | what is asked: foreign contracts cannot tell the excess beforehand |
//!
//! Foreign allocators are never asked for zero bytes: some refuse, some give a
//! block. None has a way to grow in place or refuse, so a block that is to have
//! another size moves. One that unwinds, which its contract forbids or advises
//! against, aborts the program: nothing unwinds out of an [`Allocate`].
//!
//! When not to use it: for memory of the system there are sources of its own,
//! which know more.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, FromGlobal};
//!
//! let system = FromGlobal::new(&std::alloc::System);
//! let layout = Layout::new::<u64>();
//! let block = system.allocate(layout)?;
//! // SAFETY: just allocated with this layout.
//! unsafe { system.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, fmt, marker::PhantomData, ptr::NonNull};

use crate::alloc::{AllocError, Allocate, Check, empty};

mod speaks;

#[cfg(feature = "allocator-api2-02")]
pub use self::speaks::Api2_02;
#[cfg(feature = "allocator-api2-04")]
pub use self::speaks::Api2_04;
#[cfg(feature = "alloc")]
pub use self::speaks::Registered;
#[cfg(blockwork_std_allocator)]
pub use self::speaks::Std;
pub use self::speaks::{Global, Speaks};

/// A `GlobalAlloc` as a source: `T` is a reference, `Rc` or `Arc`, because
/// moving such an allocator may end its blocks.
pub type FromGlobal<T> = Foreign<T, Global>;

/// An allocator of std's `Allocator` as a source.
#[cfg(blockwork_std_allocator)]
pub type FromStd<T> = Foreign<T, Std>;

/// An allocator of allocator-api2 0.2 as a source.
#[cfg(feature = "allocator-api2-02")]
pub type FromApi2_02<T> = Foreign<T, Api2_02>;

/// An allocator of allocator-api2 0.4 as a source.
#[cfg(feature = "allocator-api2-04")]
pub type FromApi2_04<T> = Foreign<T, Api2_04>;

/// Serves from `T`, whose contract is `C`; see the [module](self).
pub struct Foreign<T, C> {
    allocator: T,
    _contract: PhantomData<C>,
}

impl<T, C: Speaks<T>> Foreign<T, C> {
    /// Serves from `allocator`.
    pub const fn new(allocator: T) -> Self {
        Self { allocator, _contract: PhantomData }
    }

    /// The foreign allocator.
    #[must_use]
    pub const fn allocator(&self) -> &T {
        &self.allocator
    }
}

// SAFETY: blocks are those of `T`, which its contract makes valid, aligned,
// disjoint, and live until they are freed, wherever `T` moves; each goes back
// with the layout it was asked for, as grants are requests. `C` lets nothing
// unwind.
unsafe impl<T, C: Speaks<T>> Allocate for Foreign<T, C> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        // SAFETY: not of size zero.
        unsafe { C::allocate(&self.allocator, layout) }.ok_or(AllocError)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        // SAFETY: `T` gave the live block, and grants are requests, so this is
        // the layout it was asked for.
        unsafe { C::deallocate(&self.allocator, block, layout) }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        // SAFETY: not of size zero.
        unsafe { C::allocate_zeroed(&self.allocator, layout) }.ok_or(AllocError)
    }
}

/// There are no books of ours, and a foreign allocator shows none.
impl<T, C> Check for Foreign<T, C> {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

crate::alloc::bridge!([T, C: Speaks<T>] Foreign<T, C>);

impl<T: fmt::Debug, C> fmt::Debug for Foreign<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Foreign").field(&self.allocator).finish()
    }
}

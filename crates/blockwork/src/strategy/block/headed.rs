//! [`HeadedBlock`]: a block with a value at its first byte.
//!
//! ```text
//! ……000                                   ……000 + SIZE
//! [ header: H | body ………… object ……………… ]
//! ^ header_of(object) ◄── mask ──┘
//! ```

use core::{
    fmt,
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::{self, NonNull},
};

use super::{Block, address::base_within};
use crate::alloc::{AllocError, Allocate};
#[cfg(feature = "std")]
use crate::source::system::System;

/// Owns `SIZE` bytes aligned to `SIZE`, and an `H` at the first of them.
///
/// Whoever has the address of anything in the [body](Self::body) has the
/// header, by a mask. What lies in the body is the business of who put it
/// there: dropping the block drops the header and frees the memory.
///
/// ```
/// use core::cell::Cell;
/// use blockwork::HeadedBlock;
///
/// #[derive(Default)]
/// struct Header {
///     live: Cell<u32>,
/// }
/// type Region = HeadedBlock<Header, 4096>;
///
/// let region = Region::new(Header::default())?;
/// // SAFETY: inside the body.
/// let object = unsafe { region.body().cast::<u8>().add(1000) };
/// // SAFETY: `object` points into a live block of this type.
/// let header = unsafe { Region::header_of(object) };
/// // SAFETY: lives as long as `region`.
/// unsafe { header.as_ref() }.live.set(1);
/// assert_eq!(region.header().live.get(), 1);
/// # Ok::<(), blockwork::AllocError>(())
/// ```
///
/// A size that is no power of two, and a header that does not fit, do not
/// compile:
///
/// ```compile_fail,E0080
/// blockwork::HeadedBlock::<u64, 1000>::new(7);
/// ```
/// ```compile_fail,E0080
/// blockwork::HeadedBlock::<[u64; 3], 16>::new([7; 3]);
/// ```
pub struct HeadedBlock<
    H,
    const SIZE: usize,
    #[cfg(feature = "std")] A: Allocate = System,
    #[cfg(not(feature = "std"))] A: Allocate,
> {
    /// Invariant: of `SIZE` bytes, and an `H` lives at its base.
    block: Block<A>,
    _header: PhantomData<H>,
}

#[cfg(feature = "std")]
impl<H, const SIZE: usize> HeadedBlock<H, SIZE> {
    /// Takes a block from the system and puts `header` at its first byte.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the system has no such block.
    pub fn new(header: H) -> Result<Self, AllocError> {
        Self::new_in(header, System)
    }
}

impl<H, const SIZE: usize, A: Allocate> HeadedBlock<H, SIZE, A> {
    /// Bytes in the block.
    pub const SIZE: usize = {
        assert!(SIZE.is_power_of_two() && SIZE <= isize::MAX.unsigned_abs(), "a block's size is a power of two");
        SIZE
    };

    /// How far into the block the body starts: right behind the header.
    pub const BODY: usize = {
        assert!(size_of::<H>() <= Self::SIZE, "the header is larger than the block");
        assert!(align_of::<H>() <= Self::SIZE, "the header is more aligned than the block");
        size_of::<H>()
    };

    /// Takes a block from `parent` and puts `header` at its first byte; the
    /// body is uninitialised.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the parent has no such block. The header is dropped.
    pub fn new_in(header: H, parent: A) -> Result<Self, AllocError> {
        const { assert!(Self::BODY <= SIZE, "checked before anything runs") }
        let block = Block::new_in(Self::SIZE, parent)?;
        // SAFETY: ours, and large and aligned enough, as was checked when
        // compiling.
        unsafe { block.base().cast::<H>().write(header) }
        Ok(Self { block, _header: PhantomData })
    }

    /// What lies at the first byte.
    #[inline]
    #[must_use]
    pub const fn header(&self) -> &H {
        // SAFETY: lives there (invariant), and is borrowed as `self` is.
        unsafe { self.block.base().cast().as_ref() }
    }

    /// What lies at the first byte, to be changed.
    #[inline]
    #[must_use]
    pub const fn header_mut(&mut self) -> &mut H {
        // SAFETY: lives there (invariant), and is borrowed as `self` is.
        unsafe { self.block.base().cast().as_mut() }
    }

    /// The bytes behind the header, from whose addresses the header is found.
    #[inline]
    #[must_use]
    pub fn body(&self) -> NonNull<[u8]> {
        // SAFETY: the header is no larger than the block.
        let start = unsafe { self.block.base().add(Self::BODY) };
        NonNull::slice_from_raw_parts(start, Self::SIZE.wrapping_sub(Self::BODY))
    }

    /// The whole block.
    #[inline]
    #[must_use]
    pub const fn block(&self) -> &Block<A> {
        &self.block
    }

    /// The header of the block that `interior` points into.
    ///
    /// # Safety
    ///
    /// - `interior` points into a live block of this type, and was derived from
    ///   its [`body`](Self::body), [`base`](Block::base) or a header found so.
    #[inline]
    #[must_use]
    pub unsafe fn header_of(interior: NonNull<u8>) -> NonNull<H> {
        // SAFETY: the caller's promise: inside such a block.
        unsafe { base_within::<SIZE>(interior) }.cast()
    }

    /// How far `interior` lies into its block.
    #[inline]
    #[must_use]
    pub fn offset_of(interior: NonNull<u8>) -> usize {
        super::offset_of(interior.as_ptr(), Self::SIZE)
    }

    /// The header, and the block without it.
    #[must_use]
    pub fn into_parts(self) -> (H, Block<A>) {
        let whole = ManuallyDrop::new(self);
        // SAFETY: valid, and never used again where it was.
        let block = unsafe { ptr::read(&raw const whole.block) };
        // SAFETY: an `H` lives there (invariant), and is moved out for good.
        (unsafe { block.base().cast().read() }, block)
    }

    /// Gives up ownership; [`from_raw`](Self::from_raw) takes it back.
    #[must_use]
    pub fn into_raw(self) -> (NonNull<H>, A) {
        let whole = ManuallyDrop::new(self);
        // SAFETY: valid, and never used again where it was.
        let block = unsafe { ptr::read(&raw const whole.block) };
        let (base, _, parent) = block.into_raw_parts_in();
        (base.cast(), parent)
    }

    /// Owns a block again.
    ///
    /// # Safety
    ///
    /// - Both came from one call of [`into_raw`](Self::into_raw), or `header`
    ///   from [`header_of`](Self::header_of) a block that was given up so.
    /// - Nobody else owns it.
    #[must_use]
    pub unsafe fn from_raw(header: NonNull<H>, parent: A) -> Self {
        // SAFETY: the caller's promise: a block of this size.
        let block = unsafe { Block::from_raw_parts_in(header.cast(), Self::SIZE, parent) };
        Self { block, _header: PhantomData }
    }
}

impl<H, const SIZE: usize, A: Allocate> Drop for HeadedBlock<H, SIZE, A> {
    fn drop(&mut self) {
        // SAFETY: lives there (invariant), and is not used again. The block is
        // freed behind it, also if this unwinds.
        unsafe { self.block.base().cast::<H>().drop_in_place() }
    }
}

impl<H: fmt::Debug, const SIZE: usize, A: Allocate> fmt::Debug for HeadedBlock<H, SIZE, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadedBlock").field("base", &self.block.base()).field("header", self.header()).finish()
    }
}

//! [`Head`]: a strategy for blocks of one size, told all that does not change.

use core::ptr::NonNull;

use super::{AllocError, Allocate, ConfigError};
use crate::math::size_class::Initial;

/// A strategy for blocks of one size, without parent and configuration.
///
/// ```text
/// one size   = [ head | configuration | slot | parent ]
/// many sizes = [ head | head | head | … | configuration | parent ]    the table knows the slots
/// ```
///
/// A [`Core`](super::Core) is given its parent at each call. A head is given its
/// configuration and the size of its blocks as well, so that what is left is
/// only what changes: an array of heads is a constant, and an allocator of forty
/// sizes keeps one configuration.
///
/// Every call is given the same `parent`, the same `config`, and the same
/// `slot`, the size of the blocks, a multiple of eight. "As ever" in the
/// conditions below means just that. The configuration is
/// [`Valid`](super::Valid), or [`validate`](Self::validate) accepted it; the
/// former may be too small for the slot, of which no block can be had then.
///
/// # Safety
///
/// - A block is valid for reads and writes of `slot` bytes, is aligned to the
///   largest power of two that divides `slot`, and overlaps no other live block.
/// - A block stays live until it is passed to [`free`](Self::free), or the head
///   is [released](Self::release). Moving the head changes nothing.
/// - No method unwinds.
pub unsafe trait Head: Initial {
    /// How the head works.
    type Config: Copy;

    /// The largest `slot` that can be served, as far as the type knows.
    const SLOT_MAX: usize;

    /// Checks `config` for all slots up to `slot_max`.
    ///
    /// # Errors
    ///
    /// The first rule that does not hold.
    fn validate(config: Self::Config, slot_max: usize) -> Result<(), ConfigError>;

    /// Returns a block of `slot` bytes.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when no block can be had now; nothing has changed.
    ///
    /// # Safety
    ///
    /// - `parent`, `config` and `slot` are as ever.
    unsafe fn allocate<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        config: Self::Config,
        slot: usize,
    ) -> Result<NonNull<u8>, AllocError>;

    /// Takes back `block` as far as neither parent nor slot is needed for that;
    /// says whether the head has to [`settle`](Self::settle) the rest.
    ///
    /// `head` finds the head, which takes time: where the block itself leads to
    /// all that is needed, it is not called.
    ///
    /// # Safety
    ///
    /// - `config` is as ever.
    /// - `block` is live and came from the head that `head` finds.
    unsafe fn free<'a>(head: impl FnOnce() -> &'a Self, config: Self::Config, block: NonNull<u8>) -> bool
    where
        Self: 'a;

    /// Does the rest of a [`free`](Self::free) that said so.
    ///
    /// # Safety
    ///
    /// - `parent`, `config` and `slot` are as ever.
    /// - `block` came from this head, and its `free`, the last call about this
    ///   head, returned true.
    unsafe fn settle<A: Allocate + ?Sized>(&self, parent: &A, config: Self::Config, slot: usize, block: NonNull<u8>);

    /// Gives back to `parent` what no live block needs.
    ///
    /// # Safety
    ///
    /// - `parent`, `config` and `slot` are as ever.
    unsafe fn trim<A: Allocate + ?Sized>(&self, parent: &A, config: Self::Config, slot: usize);

    /// Gives everything back to `parent`: every block ends, and the head is as
    /// good as new.
    ///
    /// # Safety
    ///
    /// - `parent`, `config` and `slot` are as ever.
    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A, config: Self::Config, slot: usize);

    /// Walks the books once, as [`Check`](super::Check) does.
    ///
    /// # Errors
    ///
    /// The first invariant that does not hold, in words.
    fn check<A: Allocate + ?Sized>(&self, parent: &A, config: Self::Config, slot: usize) -> Result<(), &'static str>;

    /// Counts blocks, as [`Census`](super::Census) does.
    fn blocks_out<A: Allocate + ?Sized>(&self, parent: &A, config: Self::Config, slot: usize) -> usize;
}

/// A configuration that is for one kind of head only, and so names it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what each size class is made of",
    label = "does not implement `HeadConfig`",
    note = "`SlabPolicy` makes them of slabs, `BlockPoolPolicy` of block pools"
)]
pub trait HeadConfig: Copy {
    /// The head that it is for.
    type Head: Head<Config = Self>;
}

//! Blocks of whole pages, whose memory comes and goes in place.

use core::{ops::Range, ptr::NonNull};

use super::Block;
use crate::{alloc::AllocError, source::pages::Pages};

/// A block over [`Pages`] keeps its addresses while its memory is given back.
///
/// ```
/// use blockwork::{Block, Pages};
///
/// let mut block = Block::new_in(1 << 20, Pages)?;
/// // SAFETY: ours, and that long.
/// unsafe { block.as_mut_ptr().write_bytes(7, block.size()) };
///
/// let all = 0..block.size();
/// # if cfg!(target_os = "linux") {
/// block.decommit(all.clone())?; // A megabyte goes back to the system…
/// block.recommit(all)?; // …and another one is put in its place.
/// // SAFETY: pages are zero when they are fresh.
/// assert_eq!(unsafe { block.as_ptr().add(1000).read() }, 0);
/// # }
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// Over a part that keeps blocks of pages, such as `Memo<Pages>`, the same is
/// done by hand, by [`Pages::decommit`].
impl Block<Pages> {
    /// Gives the memory behind `range` back to the system; the addresses stay.
    ///
    /// The contents are lost. The bytes are zero from now on, and memory is
    /// provided again page by page as they are touched, or by
    /// [`recommit`](Self::recommit).
    ///
    /// # Errors
    ///
    /// [`AllocError`] when `range` is not made of whole pages of the block, or
    /// the system refuses; it can on Linux only.
    pub fn decommit(&mut self, range: Range<usize>) -> Result<(), AllocError> {
        let pages = self.part(range)?;
        // SAFETY: inside the block, which is ours; as with every write through
        // `&mut self`, nobody relies on the contents.
        unsafe { Pages::decommit(pages) }
    }

    /// Provides memory for `range` now, so that touching it cannot fail later;
    /// what it holds already stays.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when `range` is not made of whole pages of the block, or
    /// the system has no memory, or cannot do so: it can since Linux 5.14.
    pub fn recommit(&mut self, range: Range<usize>) -> Result<(), AllocError> {
        let pages = self.part(range)?;
        // SAFETY: inside the block, which is ours.
        unsafe { Pages::provide(pages) }
    }

    /// The bytes of `range`, if the block has them.
    fn part(&self, range: Range<usize>) -> Result<NonNull<[u8]>, AllocError> {
        let len = range.end.checked_sub(range.start).filter(|_| range.end <= self.size()).ok_or(AllocError)?;
        // SAFETY: `start <= end <= size`, inside the block.
        let start = unsafe { self.base().add(range.start) };
        Ok(NonNull::slice_from_raw_parts(start, len))
    }
}

//! [`Pages`]: whole pages mapped from the operating system.
//!
//! ```text
//! allocate(size, align ≤ page)   [ exactly the pages asked ]
//! allocate(size, align > page)   … unmapped | pages, aligned | unmapped …
//! ```
//!
//! | | |
//! |---|---|
//! | time | one system call for a block, up to five when the alignment exceeds the page and the first try misses it; a page fault per page touched |
//! | space | sizes are rounded up to pages; nothing in this process, a mapping in the kernel |
//! | sharing | any thread |
//! | failure | when the system has no memory, addresses or mappings left |
//! | granted | whole pages |
//! | offers | growing in place (Linux) and shrinking in place; [`Relocate`] (Linux): moving pages, not bytes |
//!
//! Fresh pages are zero, so [`allocate_zeroed`](Allocate::allocate_zeroed)
//! costs nothing more. A block goes back to the system the moment it is freed.
//!
//! [`Pages::with`] is the same source with [`PageOptions`]: huge pages, pages
//! that are never swapped, pages that stay out of core dumps, pages provided
//! up front. [`Pages::reserve`] takes addresses without memory; ranges of them
//! are committed and decommitted by hand.
//!
//! When not to use it: for small blocks (each takes a page and a system call);
//! put a pool or a bump on top.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, Pages};
//!
//! let layout = Layout::new::<[u8; 5000]>();
//! assert_eq!(Pages.granted(layout), 5000_usize.next_multiple_of(Pages::page_size()));
//!
//! let block = Pages.allocate(layout)?;
//! // SAFETY: just allocated; fresh pages are zero.
//! assert_eq!(unsafe { block.read() }, 0);
//! // SAFETY: allocated above with this layout, and not used again.
//! unsafe { Pages.deallocate(block, layout) };
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Relocate, can_resize, empty},
    math::align::{SIZE_MAX, align_up},
    os::{
        self,
        memory::{self, Access, Hint, Refused},
    },
};

/// The smallest size that is worth a huge page, and the alignment it needs.
const HUGE_PAGE_SIZE: usize = 2 << 20;

/// Maps whole pages; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Pages;

/// [`Pages`] with options; made by [`Pages::with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PagesWith {
    options: PageOptions,
}

/// What the system is told about every block of a [`PagesWith`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageOptions {
    /// Blocks of 2 MiB and more are aligned to 2 MiB, and huge pages asked
    /// for. A system without them gives ordinary pages.
    pub huge: bool,
    /// Blocks are never swapped out; a request beyond the limit of locked
    /// memory (`RLIMIT_MEMLOCK`) fails.
    pub locked: bool,
    /// Blocks stay out of core dumps; where that cannot be had, requests fail.
    pub undumped: bool,
    /// Every page is provided at allocation, so none is missing later; where
    /// that cannot be had, requests fail.
    pub populated: bool,
}

impl PageOptions {
    /// Plain pages, as [`Pages`] gives them.
    pub const DEFAULT: Self = Self { huge: false, locked: false, undumped: false, populated: false };
}

impl Pages {
    /// The same source with `options`.
    #[must_use]
    pub const fn with(options: PageOptions) -> PagesWith {
        PagesWith { options }
    }

    /// Bytes in a page: a power of two.
    #[must_use]
    pub fn page_size() -> usize {
        memory::page_size()
    }

    /// Takes addresses for `layout` without memory behind them.
    ///
    /// Ranges become usable by [`commit`](Self::commit). The whole is freed
    /// like any block, by [`Allocate::deallocate`] with the same layout.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when there are no such addresses.
    pub fn reserve(layout: Layout) -> Result<NonNull<u8>, AllocError> {
        map(layout, layout.align(), Access::None)
    }

    /// Makes whole pages of a reserved block usable; zero when first committed.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the range is not made of whole pages, or the system
    /// refuses.
    ///
    /// # Safety
    ///
    /// - `range` lies inside a live block of this source.
    pub unsafe fn commit(range: NonNull<[u8]>) -> Result<(), AllocError> {
        let (start, size) = whole_pages(range)?;
        // SAFETY: inside a live block, whose holder calls.
        unsafe { memory::commit(start, size) }.map_err(refused)
    }

    /// Provides memory for whole pages now, so that touching them cannot fail
    /// later; what they hold already stays.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the range is not made of whole pages, or the system
    /// has no memory, or cannot do so: it can since Linux 5.14.
    ///
    /// # Safety
    ///
    /// - `range` lies inside a live block of this source, and is committed.
    pub unsafe fn provide(range: NonNull<[u8]>) -> Result<(), AllocError> {
        let (start, size) = whole_pages(range)?;
        // SAFETY: inside a live block, whose holder calls.
        unsafe { memory::hint(start, size, Hint::Populate) }.map_err(refused)
    }

    /// Gives the memory of whole pages back; the addresses stay the block's.
    ///
    /// The contents are lost. The pages are zero when they are next touched,
    /// committed again or not.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when the range is not made of whole pages, or the system
    /// refuses.
    ///
    /// # Safety
    ///
    /// - `range` lies inside a live block of this source.
    /// - Nobody relies on its contents any more.
    pub unsafe fn decommit(range: NonNull<[u8]>) -> Result<(), AllocError> {
        let (start, size) = whole_pages(range)?;
        // SAFETY: inside a live block, whose holder gives up the contents.
        unsafe { memory::hint(start, size, Hint::Decommit) }.map_err(refused)
    }
}

// SAFETY: a mapping is private to its holder, whole pages long and page
// aligned, or trimmed to a greater alignment; nothing panics.
unsafe impl Allocate for Pages {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        map(layout, layout.align(), Access::ReadWrite)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller gives up a live block of ours.
        unsafe { unmap(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        rounded(layout.size()).unwrap_or(layout.size())
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us.
        unsafe { resize(block, old, new) }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.allocate(layout)
    }
}

// SAFETY: the system moves whole pages, and says where they are.
unsafe impl Relocate for Pages {
    unsafe fn relocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
        // Where the system puts them is not aligned to more.
        if old.size() == 0 || new.size() == 0 || new.align() > memory::page_size() {
            return Err(AllocError);
        }
        let from = rounded(old.size()).ok_or(AllocError)?;
        let to = rounded(new.size()).ok_or(AllocError)?;
        // SAFETY: a live block is mapped for its whole grant, and its holder calls.
        unsafe { memory::relocate(block, from, to) }.map_err(refused)
    }
}

// SAFETY: as for `Pages`; the options change no address and no size.
unsafe impl Allocate for PagesWith {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let huge = self.options.huge && layout.size() >= HUGE_PAGE_SIZE;
        let align = if huge { layout.align().max(HUGE_PAGE_SIZE) } else { layout.align() };
        let block = map(layout, align, Access::ReadWrite)?;
        let size = self.granted(layout);
        if size == 0 {
            return Ok(block);
        }
        // SAFETY: the fresh mapping is ours alone.
        if let Err(Refused) = unsafe { self.apply(block, size, huge) } {
            // SAFETY: nobody else has seen the block.
            unsafe { unmap(block, layout) }
            return Err(AllocError);
        }
        Ok(block)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller gives up a live block of ours.
        unsafe { unmap(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        Pages.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if self.options != PageOptions::DEFAULT && self.granted(new) > self.granted(old) {
            // Fresh pages would lack the options of the block.
            return Err(AllocError);
        }
        // SAFETY: the caller's promise to us.
        unsafe { resize(block, old, new) }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.allocate(layout)
    }
}

impl PagesWith {
    /// Tells the system about a fresh block.
    ///
    /// # Safety
    ///
    /// - The pages are mapped, and the caller's alone.
    unsafe fn apply(&self, block: NonNull<u8>, size: usize, huge: bool) -> Result<(), Refused> {
        if huge {
            // SAFETY: the caller's promise. A refusal only means ordinary pages.
            let _ordinary_pages_do = unsafe { memory::hint(block, size, Hint::Huge) };
        }
        if self.options.undumped {
            // SAFETY: the caller's promise.
            unsafe { memory::hint(block, size, Hint::NoDump)? }
        }
        if self.options.locked {
            // SAFETY: the caller's promise.
            unsafe { memory::lock(block, size)? }
        }
        if self.options.populated {
            // SAFETY: the caller's promise.
            unsafe { memory::hint(block, size, Hint::Populate)? }
        }
        Ok(())
    }
}

impl Check for Pages {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

impl Check for PagesWith {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

crate::alloc::bridge!([] Pages);
crate::alloc::bridge!([] PagesWith);

/// `size` in whole pages, or `None` beyond what a block can have.
#[inline]
fn rounded(size: usize) -> Option<usize> {
    align_up(size, memory::page_size()).filter(|&rounded| rounded <= SIZE_MAX)
}

/// Maps pages for `layout` at a multiple of `align`: exactly the size first,
/// which is often aligned by luck, then with room to trim.
fn map(layout: Layout, align: usize, access: Access) -> Result<NonNull<u8>, AllocError> {
    if layout.size() == 0 {
        return Ok(empty(layout));
    }
    let size = rounded(layout.size()).ok_or(AllocError)?;
    let block = memory::map(size, access).map_err(refused)?;
    if block.addr().get().is_multiple_of(align) {
        return Ok(block);
    }
    // SAFETY: mapped above with this size, and seen by nobody.
    unsafe { give_back(block, size) }
    map_and_trim(size, align, access)
}

/// Maps more than `size` and unmaps what does not lie at a multiple of `align`.
#[cold]
fn map_and_trim(size: usize, align: usize, access: Access) -> Result<NonNull<u8>, AllocError> {
    // Both are multiples of the page, so the padding is one too.
    let padded = size.checked_add(align).map(|sum| sum.wrapping_sub(memory::page_size())).ok_or(AllocError)?;
    let start = memory::map(padded, access).map_err(refused)?;
    // Not `align_offset`, which has a panic for what is no power of two.
    let head = start.addr().get().wrapping_neg() & align.wrapping_sub(1);
    let tail = padded.wrapping_sub(size).wrapping_sub(head);
    // SAFETY: `head <= align - page`, inside the mapping.
    let block = unsafe { start.add(head) };
    if head != 0 {
        // SAFETY: the pages before the block, seen by nobody.
        unsafe { give_back(start, head) }
    }
    if tail != 0 {
        // SAFETY: `head + size <= padded`, inside the mapping.
        let end = unsafe { block.add(size) };
        // SAFETY: the pages behind the block, seen by nobody.
        unsafe { give_back(end, tail) }
    }
    Ok(block)
}

/// # Safety
///
/// - `block` is live, of this source, and `layout` fits it.
unsafe fn unmap(block: NonNull<u8>, layout: Layout) {
    if layout.size() != 0 {
        // SAFETY: a live block is mapped for its whole grant.
        unsafe { give_back(block, Pages.granted(layout)) }
    }
}

/// # Safety
///
/// - The range is mapped, and nobody uses it any more.
pub(super) unsafe fn give_back(start: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise.
    if let Err(Refused) = unsafe { memory::unmap(start, size) } {
        // The system joins neighbours, so that this may be the middle of a
        // mapping, and need one more than it allows. Only the addresses stay.
        // SAFETY: the caller's promise.
        let outcome = unsafe { memory::hint(start, size, Hint::Decommit) };
        os::check(outcome.is_ok(), "the system does not take pages back");
    }
}

/// # Safety
///
/// - `block` is live, of this source, and `old` fits it.
unsafe fn resize(block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
    if !can_resize(old, new) {
        return Err(AllocError);
    }
    let from = rounded(old.size()).ok_or(AllocError)?;
    let to = rounded(new.size()).ok_or(AllocError)?;
    if to > from {
        // SAFETY: a live block is mapped for its whole grant.
        return unsafe { memory::extend(block, from, to) }.map_err(refused);
    }
    if to < from {
        // SAFETY: `to < from`, inside the block.
        let tail = unsafe { block.add(to) };
        // SAFETY: the caller gives up all behind the new size.
        return unsafe { memory::unmap(tail, from.wrapping_sub(to)) }.map_err(refused);
    }
    Ok(())
}

/// Start and size of `range` when it is made of whole pages.
fn whole_pages(range: NonNull<[u8]>) -> Result<(NonNull<u8>, usize), AllocError> {
    let (start, size, page) = (range.cast::<u8>(), range.len(), memory::page_size());
    let whole = start.addr().get().is_multiple_of(page) && size.is_multiple_of(page);
    if whole { Ok((start, size)) } else { Err(AllocError) }
}

fn refused(_: Refused) -> AllocError {
    AllocError
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use heap::{string::String, vec::Vec};

    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn blocks_are_aligned_also_beyond_the_page() {
        for shift in 0..=24 {
            let layout = layout(5000, 1 << shift);
            // Several live at once, so that not all are aligned by luck.
            let blocks = [(); 4].map(|()| Pages.allocate(layout).unwrap());
            for block in blocks {
                assert!(block.addr().get().is_multiple_of(layout.align()));
                // SAFETY: inside what is granted.
                let last = unsafe { block.add(Pages.granted(layout) - 1) };
                // SAFETY: live.
                unsafe { last.write(1) };
                // SAFETY: allocated above with this layout.
                unsafe { Pages.deallocate(block, layout) };
            }
        }
    }

    #[test]
    fn trimming_keeps_exactly_the_block() {
        let page = Pages::page_size();
        let block = map_and_trim(page, 1 << 22, Access::ReadWrite).unwrap_or_else(|_| panic!("no memory"));
        assert!(block.addr().get().is_multiple_of(1 << 22));
        // SAFETY: one page was asked for.
        let last = unsafe { block.add(page - 1) };
        // SAFETY: live.
        unsafe { last.write(1) };
        // SAFETY: mapped above, one page.
        unsafe { give_back(block, page) };
    }

    #[test]
    fn what_cannot_be_had_is_an_error() {
        let most = isize::MAX as usize;
        assert_eq!(Pages.allocate(layout(most, 1)), Err(AllocError));
        assert_eq!(Pages.granted(layout(most, 1)), most);
        assert_eq!(Pages.allocate(layout(1, 1 << 62)), Err(AllocError));
    }

    #[test]
    fn a_block_shrinks_in_place_and_its_pages_go() {
        let page = Pages::page_size();
        let (three, one) = (layout(3 * page, 1), layout(1, 1));
        let block = Pages.allocate(three).unwrap();
        // SAFETY: live, inside.
        unsafe { block.write(7) };
        // SAFETY: live, allocated with this layout.
        assert_eq!(unsafe { Pages.resize(block, three, one) }, Ok(()));
        // SAFETY: live, inside.
        assert_eq!(unsafe { block.read() }, 7);
        // SAFETY: resized to this layout.
        unsafe { Pages.deallocate(block, one) };
    }

    #[test]
    fn growing_keeps_the_bytes_or_changes_nothing() {
        let page = Pages::page_size();
        let (one, two) = (layout(page, 1), layout(2 * page, 1));
        let block = Pages.allocate(one).unwrap();
        // SAFETY: live, inside.
        unsafe { block.write(7) };
        // SAFETY: live, allocated with this layout.
        let now = if unsafe { Pages.resize(block, one, two) }.is_ok() { two } else { one };
        // SAFETY: live, inside.
        assert_eq!(unsafe { block.read() }, 7);
        // SAFETY: inside what the block now has.
        let last = unsafe { block.add(now.size() - 1) };
        // SAFETY: live.
        unsafe { last.write(8) };
        // SAFETY: `now` fits.
        unsafe { Pages.deallocate(block, now) };
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_block_that_moves_takes_its_pages_along() {
        const SIZE: usize = 8 << 20;
        let (old, new) = (layout(SIZE, 16), layout(3 * SIZE, 16));
        let block = Pages.allocate(old).unwrap();
        // SAFETY: live, inside.
        unsafe { block.write_bytes(7, SIZE) }
        let before = faults();
        // SAFETY: live, allocated with this layout.
        let moved = unsafe { Pages.relocate(block, old, new) }.unwrap();
        assert!(faults() - before < 100, "moved, not copied: {} faults", faults() - before);
        // SAFETY: live, and so long.
        let bytes = unsafe { core::slice::from_raw_parts(moved.as_ptr(), 3 * SIZE) };
        assert!(bytes.iter().step_by(1000).take(SIZE / 1000).all(|&byte| byte == 7));
        assert_eq!((bytes[SIZE - 1], bytes[SIZE], bytes[3 * SIZE - 1]), (7, 0, 0));
        // SAFETY: live, relocated to this layout.
        let less = unsafe { Pages.relocate(moved, new, old) }.unwrap();
        // SAFETY: live, relocated to this layout.
        let refused = unsafe { Pages.relocate(less, old, layout(SIZE, 1 << 21)) };
        assert_eq!(refused, Err(AllocError), "pages go where the system likes");
        // SAFETY: relocated to this layout.
        unsafe { Pages.deallocate(less, old) };
    }

    /// Page faults of this thread so far.
    #[cfg(target_os = "linux")]
    fn faults() -> usize {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, numbers) = stat.rsplit_once(") ").unwrap();
        numbers.split(' ').nth(7).unwrap().parse().unwrap()
    }

    /// In a process of its own, because others need mappings as well.
    #[test]
    fn a_page_that_cannot_be_cut_out_of_its_neighbours_is_freed_all_the_same() {
        const INSIDE: &str = "BLOCKWORK_TEST_NEIGHBOURS";
        if std::env::var_os(INSIDE).is_some() {
            let page = layout(1, 1);
            // The system joins them, and has to cut once for each that goes.
            let blocks: Vec<_> = (0..150_000).map_while(|_| Pages.allocate(page).ok()).collect();
            let others = blocks.iter().skip(1).step_by(2);
            for &block in blocks.iter().step_by(2).chain(others) {
                // SAFETY: allocated above with this layout.
                unsafe { Pages.deallocate(block, page) };
            }
            return;
        }
        let name = "source::pages::tests::a_page_that_cannot_be_cut_out_of_its_neighbours_is_freed_all_the_same";
        let this = std::env::current_exe().unwrap();
        let run = Command::new(this).args([name, "--exact"]).env(INSIDE, "1").output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }

    #[test]
    fn reserved_pages_are_committed_and_decommitted() {
        let page = Pages::page_size();
        let layout = layout(1 << 34, page); // more than there is, and no more than Valgrind has addresses for
        let block = Pages::reserve(layout).unwrap();
        let range = NonNull::slice_from_raw_parts(block, page);
        // SAFETY: inside the reservation.
        assert_eq!(unsafe { Pages::commit(range) }, Ok(()));
        // SAFETY: committed.
        unsafe { block.write(7) };
        // SAFETY: inside the reservation; the 7 is not needed.
        assert_eq!(unsafe { Pages::decommit(range) }, Ok(()));
        // SAFETY: still accessible.
        assert_eq!(unsafe { block.read() }, 0);
        // SAFETY: reserved above with this layout.
        unsafe { Pages.deallocate(block, layout) };
    }

    #[test]
    fn a_range_of_half_a_page_is_refused() {
        let layout = layout(Pages::page_size(), 1);
        let block = Pages.allocate(layout).unwrap();
        let range = NonNull::slice_from_raw_parts(block, 100);
        // SAFETY: inside the block.
        assert_eq!(unsafe { Pages::decommit(range) }, Err(AllocError));
        // SAFETY: allocated above with this layout.
        unsafe { Pages.deallocate(block, layout) };
    }

    #[test]
    fn options_hold_for_every_block() {
        let all = Pages::with(PageOptions { huge: true, locked: true, undumped: true, populated: true });
        let small = layout(100, 8);
        let block = all.allocate(small).unwrap();
        // SAFETY: live, one page.
        assert_eq!(unsafe { block.read() }, 0);
        // SAFETY: allocated above with this layout.
        unsafe { all.deallocate(block, small) };

        let huge = Pages::with(PageOptions { huge: true, ..PageOptions::DEFAULT });
        let large = layout(HUGE_PAGE_SIZE + 1, 8);
        let block = huge.allocate(large).unwrap();
        assert!(block.addr().get().is_multiple_of(HUGE_PAGE_SIZE));
        // SAFETY: allocated above with this layout.
        unsafe { huge.deallocate(block, large) };
    }

    #[test]
    fn locking_beyond_the_limit_is_an_error() {
        let locked = Pages::with(PageOptions { locked: true, ..PageOptions::DEFAULT });
        // More than any machine has: mapping may succeed, locking cannot.
        assert_eq!(locked.allocate(layout(1 << 45, 8)), Err(AllocError));
    }
}

//! [`Bump`]: blocks side by side in one span, freed all at once.
//!
//! ```text
//! start                          cursor                end
//! [ block | block |pad| block .. | free ............... ]
//!                       ^ the last block grows, shrinks and is freed in place
//! ```
//!
//! | | |
//! |---|---|
//! | time | two adds, a mask and a compare: 6 instructions for a known layout |
//! | space | six words; alignment padding, and what is freed out of order |
//! | sharing | single-threaded (`Cell`) |
//! | failure | when the span is full, padding counted, or cannot be had |
//! | granted | what is asked |
//! | offers | [`Owns`], [`Reset`], marks, growing the last block in place |
//!
//! The span is asked of the parent at the first request, aligned to 16. The
//! padding of a first block aligned to more comes out of the capacity; if it
//! might not fit, the span is asked with the block's alignment instead. Where
//! the parent grants more than asked, the bump uses all of it.
//!
//! A block that is not the last stays taken until a reset or rewind; so does
//! the padding before a freed one. A bump over a bump gives its span back only
//! if nothing was taken behind it.
//!
//! When not to use it: when blocks are freed in another order than they were
//! taken, or their total is not known beforehand.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, mem::MaybeUninit};
//! use blockwork::{Allocate, Buffer, Bump, Reset};
//!
//! let mut memory = [MaybeUninit::uninit(); 64];
//! let mut bump = Bump::new_all(Buffer::new(&mut memory));
//!
//! bump.allocate(Layout::new::<[u8; 60]>())?;
//! assert!(bump.allocate(Layout::new::<[u8; 5]>()).is_err());
//! bump.reset();
//! bump.allocate(Layout::new::<[u8; 64]>())?;
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Core, Owns, Reset, can_resize, empty, over_core::over_core},
    math::align::{SIZE_MAX, align_down},
    os,
    raw::bump::RawBump,
    source::buffer::Buffer,
};

/// What the span is aligned to unless said otherwise: enough for any
/// primitive type, and what a `malloc` gives anyway.
const SPAN_ALIGN: usize = 16;

/// Takes blocks from one span, upwards; see the [module](self).
#[derive(Debug)]
pub struct Bump<A: Allocate> {
    core: BumpCore,
    parent: A,
}

/// A [`Bump`] without its parent.
#[derive(Debug)]
pub struct BumpCore {
    /// What is free of the span; nowhere without one.
    free: RawBump,
    /// The span, once it is taken. Invariant: not above the cursor.
    start: Cell<Option<NonNull<u8>>>,
    /// What was asked of the parent for the span, or will be: the alignment is
    /// raised if the first block needs it. Of size zero, nothing ever is asked.
    span: Cell<Layout>,
    /// Whether a span may be taken to see if a block fits: the parent is as
    /// before when it goes back.
    on_trial: bool,
}

/// A place to [rewind](Bump::rewind) to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BumpMark {
    /// Bytes used when the mark was made.
    used: usize,
}

impl<A: Allocate> Bump<A> {
    /// Will take a span of `capacity` bytes from `parent`.
    ///
    /// Nothing is taken yet, so this fits a `static`. A capacity that no span
    /// can have makes every request fail.
    pub const fn new(parent: A, capacity: usize) -> Self {
        Self { core: BumpCore::new(capacity), parent }
    }

    /// Will take a span for `span`, aligned as it says or better.
    pub const fn with_span(parent: A, span: Layout) -> Self {
        Self { core: BumpCore::with_span(span), parent }
    }

    /// Bytes in the span, taken or not: what the parent grants for the
    /// capacity asked.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.core.capacity(&self.parent)
    }

    /// Bytes taken from the span: by blocks, by padding, and by blocks that
    /// were freed out of order.
    #[must_use]
    pub fn used(&self) -> usize {
        self.core.used()
    }

    /// Remembers how much is used, to come back to.
    #[must_use]
    pub fn mark(&self) -> BumpMark {
        BumpMark { used: self.used() }
    }

    /// Frees at once what was allocated since `mark`.
    ///
    /// # Safety
    ///
    /// - `mark` was made by this bump.
    /// - No block allocated or resized since is used again, not even to free it.
    pub unsafe fn rewind(&self, mark: BumpMark) {
        self.core.rewind(mark);
    }

    /// Calls `work`, then frees at once what it allocated.
    ///
    /// A block from before that `work` resizes is freed with the rest.
    ///
    /// ```
    /// # use core::{alloc::Layout, mem::MaybeUninit};
    /// # use blockwork::{Allocate, Buffer, Bump};
    /// # let mut memory = [MaybeUninit::uninit(); 64];
    /// let mut bump = Bump::new_all(Buffer::new(&mut memory));
    /// bump.allocate(Layout::new::<[u8; 16]>())?;
    /// bump.scope(|scratch| scratch.allocate(Layout::new::<[u8; 48]>()).map(drop))?;
    /// assert_eq!(bump.used(), 16);
    /// # Ok::<(), blockwork::AllocError>(())
    /// ```
    pub fn scope<R>(&mut self, work: impl FnOnce(&Self) -> R) -> R {
        // Rewinds also when `work` unwinds.
        struct Rewind<'a, A: Allocate>(&'a Bump<A>, BumpMark);

        impl<A: Allocate> Drop for Rewind<'_, A> {
            fn drop(&mut self) {
                let Self(bump, mark) = self;
                // `&mut` proved that no borrower has a block; `work` cannot
                // keep one, because it must serve every lifetime of `&Self`.
                bump.core.rewind(*mark);
            }
        }

        let rewind = Rewind(self, self.mark());
        work(rewind.0)
    }
}

impl<'a> Bump<Buffer<'a>> {
    /// Takes blocks from all of `buffer`, from its first byte, however that is
    /// aligned.
    #[must_use]
    pub const fn new_all(buffer: Buffer<'a>) -> Self {
        let span = match Layout::from_size_align(buffer.size(), 1) {
            Ok(span) => span,
            Err(_) => Layout::new::<()>(),
        };
        Self { core: BumpCore { on_trial: true, ..BumpCore::with_span(span) }, parent: buffer }
    }
}

impl BumpCore {
    /// Will take a span of `capacity` bytes; see [`Bump::new`].
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        let most = align_down(SIZE_MAX, SPAN_ALIGN);
        match Layout::from_size_align(if capacity < most { capacity } else { most }, SPAN_ALIGN) {
            Ok(span) => Self::with_span(span),
            Err(_) => Self::with_span(Layout::new::<()>()),
        }
    }

    /// Will take a span for `span`; see [`Bump::with_span`].
    #[must_use]
    pub const fn with_span(span: Layout) -> Self {
        Self { free: RawBump::nowhere(), start: Cell::new(None), span: Cell::new(span), on_trial: false }
    }

    /// Takes the span and a first block, or neither.
    #[cold]
    #[inline(never)]
    fn begin<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if self.start.get().is_some() {
            return Err(AllocError);
        }
        let span = self.span_for(parent, layout)?;
        let start = parent.allocate(span)?;
        if self.start.get().is_some() {
            // The parent called back, and that request has begun the span.
            // SAFETY: from this parent with this layout, and unused.
            unsafe { crate::alloc::give_back(parent, start, span) }
            return self.free.take(layout).ok_or(AllocError);
        }
        self.span.set(span);
        self.start.set(Some(start));
        // SAFETY: the span is valid for all that is granted.
        let end = unsafe { start.add(parent.granted(span)) };
        // SAFETY: start and end of the span, which is ours alone.
        unsafe { self.free.open(start, end) }
        // Only a span on trial can turn out too short.
        self.free.take(layout).ok_or_else(|| {
            self.end_span(parent);
            AllocError
        })
    }

    /// The span to take for a first block of `layout`. It will fit, wherever
    /// the span lies: when it is taken, a failure would leave the parent
    /// changed, even if the span went back.
    fn span_for<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<Layout, AllocError> {
        let span = self.span.get();
        let padding_max = if self.on_trial { 0 } else { layout.align().saturating_sub(span.align()) };
        if layout.size().saturating_add(padding_max) <= parent.granted(span) {
            return Ok(span);
        }
        let aligned = span.align_to(layout.align()).map_err(|_| AllocError)?;
        if layout.size() <= parent.granted(aligned) { Ok(aligned) } else { Err(AllocError) }
    }

    /// Gives the span back, if it was taken.
    fn end_span<A: Allocate + ?Sized>(&self, parent: &A) {
        self.free.close();
        if let Some(start) = self.start.take() {
            // SAFETY: the span, asked of this parent with this layout; all
            // blocks in it have ended.
            unsafe { crate::alloc::give_back(parent, start, self.span.get()) }
        }
    }

    fn capacity<A: Allocate + ?Sized>(&self, parent: &A) -> usize {
        parent.granted(self.span.get())
    }

    fn used(&self) -> usize {
        let start = self.start.get().unwrap_or(self.free.cursor());
        self.free.cursor().addr().get().wrapping_sub(start.addr().get())
    }

    fn rewind(&self, mark: BumpMark) {
        if let Some(start) = self.start.get()
            && mark.used < self.used()
        {
            // SAFETY: less than what is used of the span.
            let cursor = unsafe { start.add(mark.used) };
            // SAFETY: in the same span, and what was taken since has ended.
            unsafe { self.free.open(cursor, self.free.end()) }
        }
    }

    fn contains(&self, block: NonNull<u8>) -> bool {
        self.start.get().is_some_and(|start| start <= block) && block < self.free.end()
    }
}

// SAFETY: a span belongs to whoever holds the core, and may change threads.
unsafe impl Send for BumpCore {}

// SAFETY: blocks lie in a span that the parent gave, between where the cursor
// was and is, which only a free of the last block, a rewind or a reset moves
// back; `step` aligns them; grants are the requests; nothing panics.
unsafe impl Core for BumpCore {
    #[inline]
    unsafe fn allocate<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        match self.free.take(layout) {
            Some(block) => Ok(block),
            None => self.begin(parent, layout),
        }
    }

    #[inline]
    unsafe fn deallocate<A: Allocate + ?Sized>(&self, _parent: &A, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        os::check(self.contains(block), "block is not from this bump");
        // SAFETY: from the only span there is, with this size, says the caller.
        unsafe { self.free.put(block, layout.size()) }
    }

    #[inline]
    fn granted<A: Allocate + ?Sized>(&self, _parent: &A, layout: Layout) -> usize {
        layout.size()
    }

    #[inline]
    unsafe fn resize<A: Allocate + ?Sized>(
        &self,
        _parent: &A,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        os::check(self.contains(block), "block is not from this bump");
        // SAFETY: from the only span there is, with this size, says the caller.
        if unsafe { self.free.resize(block, old.size(), new.size()) } { Ok(()) } else { Err(AllocError) }
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        self.end_span(parent);
    }
}

over_core!(untracked: [A: Allocate] Bump<A>);
crate::alloc::bridge!([A: Allocate] Bump<A>);

// SAFETY: the span is exclusively ours, so a live block inside it that is not
// from us is one that a borrower of ours carved, and who borrows us asks
// `&Bump`, which is not `Owns`.
unsafe impl<A: Allocate> Owns for Bump<A> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, _layout: Layout) -> bool {
        self.core.contains(block)
    }
}

impl<A: Allocate> Reset for Bump<A> {
    /// Keeps the span, for the next blocks.
    fn reset(&mut self) {
        self.core.rewind(BumpMark { used: 0 });
    }
}

impl<A: Allocate + Check> Check for Bump<A> {
    fn check(&self) -> Result<(), &'static str> {
        let (cursor, end) = (self.core.free.cursor(), self.core.free.end());
        match self.core.start.get() {
            None if cursor != end => Err("there is room without a span"),
            Some(start) if end.addr().get().wrapping_sub(start.addr().get()) != self.capacity() => {
                Err("the span is not as long as its grant")
            }
            Some(start) if cursor < start || end < cursor => Err("the cursor is outside the span"),
            _ => self.parent.check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;
    use crate::{source::system::System, strategy::ledger::Ledger};

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// The offset of `block` in the span of `bump`.
    fn offset<A: Allocate>(bump: &Bump<A>, block: NonNull<u8>) -> usize {
        block.addr().get().wrapping_sub(bump.core.start.get().unwrap().addr().get())
    }

    /// Resizes `block`, which is live with layout `old`.
    fn resize(bump: &Bump<Ledger>, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: every test names blocks that are live, with their layout.
        unsafe { bump.resize(block, old, new) }
    }

    #[test]
    fn blocks_lie_side_by_side_with_padding_between() {
        let bump = Bump::new(Ledger::new(), 64);
        let offsets = [(1, 1), (4, 4), (1, 1), (8, 16)].map(|(size, align)| {
            let block = bump.allocate(layout(size, align)).unwrap();
            assert!(block.addr().get().is_multiple_of(align));
            offset(&bump, block)
        });
        assert_eq!(offsets, [0, 4, 8, 16]);
        assert_eq!(bump.used(), 24);
        assert_eq!(bump.check(), Ok(()));
    }

    /// Seed 003, H1: the check ignored the padding, and a block ended past the span.
    #[test]
    fn padding_counts_against_the_capacity() {
        let bump = Bump::new(Ledger::new(), 16);
        bump.allocate(layout(1, 1)).unwrap();
        assert_eq!(bump.allocate(layout(15, 8)), Err(AllocError));
        assert_eq!(bump.used(), 1);
        assert!(bump.allocate(layout(15, 1)).is_ok());
    }

    /// Seed 003, H2: past the end, what was left wrapped, and everything fitted.
    #[test]
    fn a_full_bump_stays_full() {
        let bump = Bump::new(Ledger::new(), 16);
        bump.allocate(layout(9, 8)).unwrap();
        for size in [8, 1 << 20, SIZE_MAX - 7] {
            assert_eq!(bump.allocate(layout(size, 8)), Err(AllocError));
        }
        assert_eq!(bump.used(), 9);
    }

    /// Seed 003, H3: nobody looked whether the parent had failed.
    #[test]
    fn a_failing_parent_is_asked_again() {
        let bump = Bump::new(Ledger::new(), 64);
        bump.parent.fail_after(0);
        assert_eq!(bump.allocate(layout(64, 8)), Err(AllocError));
        assert_eq!((bump.used(), bump.parent.blocks()), (0, 0));
        assert_eq!(bump.check(), Ok(()));
        bump.parent.fail_after(1);
        assert!(bump.allocate(layout(64, 8)).is_ok());
    }

    /// Seed 003, H11: sizes near the end of the numbers wrapped.
    #[test]
    fn impossible_sizes_fail_before_the_parent_is_asked() {
        for capacity in [0, 1, 4096] {
            let bump = Bump::new(Ledger::new(), capacity);
            for align in [1, 8, 1 << 30, 1 << (usize::BITS - 2)] {
                assert_eq!(bump.allocate(layout(SIZE_MAX - (align - 1), align)), Err(AllocError));
            }
            assert_eq!(bump.parent.requests(), 0);
        }
    }

    #[test]
    fn impossible_capacities_fail_at_every_request() {
        for capacity in [SIZE_MAX - 15, SIZE_MAX, usize::MAX] {
            let bump = Bump::new(Ledger::new(), capacity);
            assert_eq!(bump.allocate(layout(1, 1)), Err(AllocError));
            assert_eq!(bump.used(), 0);
        }
    }

    /// Seed 003, H13: the padding of the first block was not counted either.
    #[test]
    fn the_padding_of_the_first_block_comes_out_of_the_capacity() {
        #[repr(align(64))]
        struct Aligned([MaybeUninit<u8>; 80]);
        let mut memory = Aligned([MaybeUninit::uninit(); 80]);
        let bump = Bump::new_all(Buffer::new(&mut memory.0[1..]));
        assert_eq!(bump.allocate(layout(64, 16)).map(|block| offset(&bump, block)), Ok(15));
        assert_eq!((bump.used(), bump.capacity()), (79, 79));
        drop(bump);
        let bump = Bump::new_all(Buffer::new(&mut memory.0[1..]));
        assert_eq!(bump.allocate(layout(65, 16)), Err(AllocError));
        // The span was too short for that block, and went back at once.
        assert!(bump.parent.allocate(layout(79, 1)).is_ok());
    }

    /// Seed 003, H18: every allocator had another rule for empty blocks.
    #[test]
    fn an_empty_request_takes_nothing() {
        let bump = Bump::new(Ledger::new(), 16);
        let block = bump.allocate(layout(0, 64)).unwrap();
        assert!(block.addr().get().is_multiple_of(64));
        // SAFETY: an empty block of this allocator.
        unsafe { bump.deallocate(block, layout(0, 64)) };
        assert_eq!((bump.used(), bump.parent.requests()), (0, 0));
    }

    /// Seed 003, H19: the bump inside gave nothing back.
    #[test]
    fn a_bump_in_a_bump_gives_its_span_back_when_it_is_last() {
        let outer = Bump::new(Ledger::new(), 128);
        outer.allocate(layout(16, 16)).unwrap();
        let first = Bump::new(&outer, 32);
        let second = Bump::new(&outer, 32);
        for inner in [&first, &second] {
            inner.allocate(layout(8, 8)).unwrap();
        }
        assert_eq!(outer.used(), 80);
        drop(second);
        assert_eq!(outer.used(), 48);
        outer.allocate(layout(1, 1)).unwrap();
        drop(first);
        assert_eq!(outer.used(), 49, "no longer the last");
    }

    #[test]
    fn a_first_block_that_padding_might_push_out_aligns_the_span() {
        let bump = Bump::new(Ledger::new(), 128);
        assert_eq!(bump.allocate(layout(129, 4096)), Err(AllocError));
        assert_eq!(bump.parent.requests(), 0);
        assert_eq!(bump.allocate(layout(80, 64)).map(|block| offset(&bump, block) < 64), Ok(true));
        assert_eq!(bump.parent.layouts(), [layout(128, 16)]);
        let bump = Bump::new(Ledger::new(), 128);
        assert_eq!(bump.allocate(layout(81, 64)).map(|block| offset(&bump, block)), Ok(0));
        assert_eq!(bump.parent.layouts(), [layout(128, 64)]);
    }

    #[test]
    fn nothing_is_taken_before_the_first_request_and_all_goes_back_at_the_end() {
        let parent = Ledger::new();
        let bump = Bump::new(&parent, 100);
        assert_eq!((parent.requests(), bump.used()), (0, 0));
        bump.allocate(layout(1, 1)).unwrap();
        bump.allocate(layout(99, 1)).unwrap();
        assert_eq!(parent.layouts(), [layout(100, 16)]);
        drop(bump);
        assert_eq!(parent.blocks(), 0);
    }

    #[test]
    fn the_whole_grant_of_the_parent_is_used() {
        let bump = Bump::new(Ledger::with_grain(48), 100);
        assert_eq!(bump.capacity(), 144);
        assert!(bump.allocate(layout(144, 16)).is_ok());
        assert_eq!(bump.check(), Ok(()));
    }

    #[test]
    fn the_last_block_grows_and_shrinks_in_place() {
        let bump = Bump::new(Ledger::new(), 32);
        let block = bump.allocate(layout(8, 8)).unwrap();
        // SAFETY: just allocated, eight bytes.
        unsafe { block.write_bytes(7, 8) };
        assert_eq!(resize(&bump, block, layout(8, 8), layout(32, 8)), Ok(()));
        assert_eq!(resize(&bump, block, layout(32, 8), layout(33, 8)), Err(AllocError));
        assert_eq!(resize(&bump, block, layout(32, 8), layout(SIZE_MAX - 7, 8)), Err(AllocError));
        assert_eq!(bump.used(), 32);
        assert_eq!(resize(&bump, block, layout(32, 8), layout(8, 8)), Ok(()));
        assert_eq!(bump.used(), 8);
        // SAFETY: the bytes written above.
        assert_eq!(unsafe { block.cast::<[u8; 8]>().read() }, [7; 8]);
    }

    #[test]
    fn an_inner_block_shrinks_but_does_not_grow() {
        let bump = Bump::new(Ledger::new(), 64);
        let inner = bump.allocate(layout(8, 8)).unwrap();
        let last = bump.allocate(layout(8, 8)).unwrap();
        assert_eq!(resize(&bump, inner, layout(8, 8), layout(9, 8)), Err(AllocError));
        assert_eq!(resize(&bump, inner, layout(8, 8), layout(4, 8)), Ok(()));
        assert_eq!(resize(&bump, last, layout(8, 8), layout(8, 16)), Err(AllocError), "another alignment");
        assert_eq!(resize(&bump, last, layout(8, 8), layout(0, 8)), Err(AllocError), "to nothing");
        assert_eq!(bump.used(), 16);
    }

    #[test]
    fn the_last_block_is_freed_in_place_and_an_inner_one_is_not() {
        let bump = Bump::new(Ledger::new(), 64);
        let inner = bump.allocate(layout(8, 8)).unwrap();
        let last = bump.allocate(layout(8, 8)).unwrap();
        // SAFETY: live with this layout, and freed once.
        unsafe { bump.deallocate(inner, layout(8, 8)) };
        assert_eq!(bump.used(), 16);
        // SAFETY: live with this layout, and freed once.
        unsafe { bump.deallocate(last, layout(8, 8)) };
        assert_eq!(bump.used(), 8);
        assert_eq!(bump.allocate(layout(8, 8)), Ok(last));
    }

    #[test]
    fn rewinding_frees_what_came_after_the_mark() {
        let bump = Bump::new(Ledger::new(), 64);
        let start = bump.mark();
        bump.allocate(layout(10, 1)).unwrap();
        let mark = bump.mark();
        let block = bump.allocate(layout(10, 1)).unwrap();
        assert!(start < mark);
        // SAFETY: a mark of this bump; the second block is not used again.
        unsafe { bump.rewind(mark) };
        assert_eq!(bump.allocate(layout(10, 1)), Ok(block));
        // SAFETY: a mark of this bump; no block is used again.
        unsafe { bump.rewind(start) };
        assert_eq!((bump.used(), bump.parent.blocks()), (0, 1));
    }

    #[test]
    fn rewinding_never_goes_forwards() {
        let bump = Bump::new(Ledger::new(), 64);
        let block = bump.allocate(layout(10, 1)).unwrap();
        let mark = bump.mark();
        // SAFETY: the last block, freed once.
        unsafe { bump.deallocate(block, layout(10, 1)) };
        // SAFETY: a mark of this bump; nothing was allocated since.
        unsafe { bump.rewind(mark) };
        assert_eq!(bump.used(), 0);
    }

    #[test]
    fn a_scope_ends_its_blocks_even_when_it_unwinds() {
        let mut bump = Bump::new(Ledger::new(), 64);
        bump.allocate(layout(8, 8)).unwrap();
        let unwound = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            bump.scope(|scratch| {
                scratch.allocate(layout(32, 8)).unwrap();
                panic!("out of the scope");
            })
        }));
        assert!(unwound.is_err());
        assert_eq!(bump.used(), 8);
    }

    #[test]
    fn a_scope_ends_what_was_resized_in_it() {
        let mut bump = Bump::new(Ledger::new(), 64);
        let before = bump.allocate(layout(8, 8)).unwrap();
        bump.scope(|scratch| resize(scratch, before, layout(8, 8), layout(32, 8))).unwrap();
        assert_eq!(bump.used(), 8);
    }

    #[test]
    fn a_reset_keeps_the_span() {
        let mut bump = Bump::new(Ledger::new(), 16);
        let block = bump.allocate(layout(16, 1)).unwrap();
        bump.reset();
        assert_eq!(bump.allocate(layout(16, 1)), Ok(block));
        assert_eq!(bump.parent.requests(), 1);
    }

    #[test]
    fn it_owns_what_lies_in_its_span() {
        let bump = Bump::new(Ledger::new(), 16);
        let other = Bump::new(Ledger::new(), 16);
        let byte = layout(1, 1);
        let foreign = other.allocate(byte).unwrap();
        assert!(!bump.owns(foreign, byte));
        let own = bump.allocate(byte).unwrap();
        assert!(bump.owns(own, byte) && !bump.owns(foreign, byte) && !other.owns(own, byte));
    }

    #[test]
    fn zeroed_blocks_are_zero() {
        let bump = Bump::new(Ledger::new(), 16);
        let block = bump.allocate_zeroed(layout(16, 1)).unwrap();
        // SAFETY: sixteen initialised bytes.
        assert_eq!(unsafe { block.cast::<[u8; 16]>().read() }, [0; 16]);
    }

    #[test]
    fn it_can_be_a_constant_and_change_threads() {
        let bump = const { Bump::new(System, 64) };
        let block = bump.allocate(layout(8, 8)).unwrap();
        let address = block.addr();
        std::thread::spawn(move || assert_eq!(bump.allocate(layout(1, 1)).unwrap().addr().get(), address.get() + 8))
            .join()
            .unwrap();
    }
}

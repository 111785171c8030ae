//! [`SpanPoolCore`]: the span pool without its parent.

use core::{alloc::Layout, cell::Cell, fmt, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Core, Valid, can_resize, empty},
    os,
    raw::{
        directory::Directory,
        list::List,
        shelf::Shelf,
        span::{
            bins::RunBins,
            chunk::{Chunk, ChunkHead, Run},
        },
    },
    strategy::span_pool::{
        SpanPoolConfig, SpanPoolStats, Threshold,
        config::{Release, Retain},
    },
};

mod check;
mod parent;
mod purge;
mod shape;
mod usual;

use self::shape::{Shape, Want};

/// A [`SpanPool`](super::SpanPool) without its parent, for structs that own one
/// parent and several cores over it.
pub struct SpanPoolCore {
    shape: Shape,
    /// The free runs. Invariant: no two of them touch.
    bins: RunBins,
    /// Chunks of one backing request by their address, and the live spans of
    /// larger chunks by theirs.
    pub(super) directory: Directory<NonNull<ChunkHead>>,
    /// Chunks with a live span.
    busy: List<ChunkHead>,
    /// Chunks of one backing request that are free as a whole, the latest first.
    idle: List<ChunkHead>,
    /// Larger ones that are free as a whole, the latest first.
    idle_large: List<ChunkHead>,
    /// How many rounds have ended; wraps.
    rounds: Cell<u16>,
    /// Shelves with room for the books of another chunk.
    shelves: List<Shelf>,
    chunks: Cell<usize>,
    spans_live: Cell<usize>,
    blocks_total: Cell<usize>,
    blocks_free: Cell<usize>,
    /// Granted bytes that the parent has not got back.
    parent_bytes: Cell<usize>,
}

// SAFETY: what the pointers lead to is memory that only this core uses.
unsafe impl Send for SpanPoolCore {}

impl SpanPoolCore {
    /// A core that holds nothing yet.
    #[must_use]
    pub const fn new(config: Valid<SpanPoolConfig>) -> Self {
        Self::with_shape(Shape::new(config.get()))
    }

    const fn with_shape(shape: Shape) -> Self {
        Self {
            shape,
            bins: RunBins::new(),
            directory: Directory::new(),
            busy: List::new(),
            idle: List::new(),
            idle_large: List::new(),
            rounds: Cell::new(0),
            shelves: List::new(),
            chunks: Cell::new(0),
            spans_live: Cell::new(0),
            blocks_total: Cell::new(0),
            blocks_free: Cell::new(0),
            parent_bytes: Cell::new(0),
        }
    }

    /// Bytes in a block.
    #[must_use]
    pub const fn block_size(&self) -> usize {
        self.shape.block
    }

    /// What the core holds now.
    #[must_use]
    pub const fn stats(&self) -> SpanPoolStats {
        SpanPoolStats {
            chunks: self.chunks.get(),
            spans_live: self.spans_live.get(),
            blocks_total: self.blocks_total.get(),
            blocks_free: self.blocks_free.get(),
            parent_bytes: self.parent_bytes.get(),
        }
    }

    /// Gives `parent` chunks that are free as a whole, while `keep` allows;
    /// returns their bytes.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    pub unsafe fn trim<A: Allocate + ?Sized>(&self, parent: &A, keep: Valid<Threshold>) -> usize {
        let blocks = self.shed(parent, keep.get(), usize::MAX);
        self.compact(parent);
        self.shape.bytes(blocks)
    }

    /// Ends a round, and gives `parent` chunks that were free as a whole for
    /// `age` rounds; returns their bytes.
    ///
    /// # Safety
    ///
    /// - `parent` is the one that every earlier call was given.
    pub unsafe fn trim_aged<A: Allocate + ?Sized>(&self, parent: &A, age: u16) -> usize {
        self.rounds.set(self.rounds.get().wrapping_add(1));
        let blocks = self.shed_aged(parent, age);
        self.compact(parent);
        self.shape.bytes(blocks)
    }

    /// Whether `block` is a live span, and one for `layout`.
    pub(super) fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.span_at(block).is_some_and(|span| self.shape.len_of(layout) == Ok(span.len))
    }
}

// SAFETY: a block is a run of blocks of one chunk, which the parent gave and has
// not got back while a run of it is live; runs of a chunk are disjoint, because
// they are made of one another by splitting and joining; `lead` aligns them; the
// books lie elsewhere; nothing panics.
unsafe impl Core for SpanPoolCore {
    #[inline]
    unsafe fn allocate<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.allocate_near(parent, layout)
    }

    #[inline]
    unsafe fn deallocate<A: Allocate + ?Sized>(&self, parent: &A, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        self.deallocate_near(parent, block, layout);
    }

    #[inline]
    fn granted<A: Allocate + ?Sized>(&self, _parent: &A, layout: Layout) -> usize {
        self.shape.len_of(layout).map_or(layout.size(), |len| self.shape.bytes(len as usize))
    }

    unsafe fn resize<A: Allocate + ?Sized>(
        &self,
        parent: &A,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        let len = self.shape.len_of(new)?;
        let Some(span) = self.span_at(block) else {
            os::check(false, "block is not a live span of this pool");
            return Err(AllocError);
        };
        os::check(self.shape.len_of(old) == Ok(span.len), "layout does not fit the span");
        if len <= span.len {
            self.shrink_to(parent, span, len);
            Ok(())
        } else {
            self.grow_to(span, len)
        }
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        self.drop_directory(parent);
        for list in [&self.busy, &self.idle, &self.idle_large] {
            self.give_back_all(parent, list);
        }
        *self = Self::with_shape(self.shape);
    }
}

/// Taking, cutting and joining runs: nothing here asks the parent for memory.
impl SpanPoolCore {
    /// A span by any way but the usual one.
    #[cold]
    #[inline(never)]
    fn miss<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let want = Want { len: self.shape.len_of(layout)?, align: layout.align() };
        loop {
            let run = match self.find(want) {
                Some(run) => run,
                None => self.grow(parent, want)?,
            };
            if self.is_listed(run.chunk) || !self.directory.is_full() {
                return Ok(self.carve(run, want));
            }
            // Asking the parent may change everything, if it calls back.
            self.make_room(parent)?;
        }
    }

    /// A free run that holds `want`.
    fn find(&self, want: Want) -> Option<Run> {
        let fits = |run| self.fits(run, want);
        self.bins.find(want.len, want.sure(self.shape), fits).or_else(|| {
            // A chunk of one request holds every over-aligned span up to its size,
            // though its length alone does not tell.
            let over_aligned = want.align > self.shape.block;
            let idle = if over_aligned { self.idle.first() } else { None };
            // SAFETY: chunks in the lists are open.
            idle.map(|chunk| unsafe { Chunk::from_ptr(chunk) }.whole()).filter(|&run| fits(run))
        })
    }

    /// Makes a live span out of `run`, which is in its bin and holds `want`.
    ///
    /// The directory has room for the span, if it needs to be there.
    fn carve(&self, run: Run, want: Want) -> NonNull<u8> {
        if run.is_whole() {
            // SAFETY: a chunk that is free as a whole is here.
            unsafe { self.idle_of(run.chunk).remove(run.chunk.as_ptr()) }
            // SAFETY: it just left its only list.
            unsafe { self.busy.push(run.chunk.as_ptr()) }
        }
        let block = match self.lead(run, want) {
            0 => self.cut(run, want.len),
            lead => self.cut_behind(run, lead, want.len),
        };
        if !self.is_listed(run.chunk) {
            self.directory.insert(block.addr().get(), run.chunk.as_ptr());
        }
        block
    }

    /// Makes a live span out of the first `len` blocks of `run`, which is in
    /// its bin, and in a busy chunk.
    fn cut(&self, run: Run, len: u32) -> NonNull<u8> {
        let (span, rest) = run.split(len);
        self.set_front(run, rest);
        self.begin_life(span)
    }

    /// As [`cut`](Self::cut), but leaves the first `lead` blocks, at least one.
    fn cut_behind(&self, run: Run, lead: u32, len: u32) -> NonNull<u8> {
        // SAFETY: in its bin, says the caller.
        unsafe { self.bins.remove(run) }
        let (lead, rest) = run.split(lead);
        let (span, rest) = rest.split(len);
        for free in [lead, rest].into_iter().filter(|free| free.len != 0) {
            self.mark_free(free);
            // SAFETY: just marked, and new; the span lies between the two.
            unsafe { self.bins.insert(free) }
        }
        self.begin_life(span)
    }

    /// Leaves `rest`, which may be of no block, of `run`, which is in its bin;
    /// both end at the same block.
    fn set_front(&self, run: Run, rest: Run) {
        if rest.len == 0 {
            // SAFETY: in its bin, says the caller.
            unsafe { self.bins.remove(run) }
        } else {
            // SAFETY: in its bin, says the caller; what is left is marked next.
            unsafe { self.bins.replace(run, rest) }
            self.mark_free(rest);
        }
    }

    /// Marks `span` as live, and aside from the [usual way](Self::deallocate_near)
    /// if the directory has it.
    fn mark_live(&self, span: Run) {
        if self.is_listed(span.chunk) {
            span.mark_live();
        } else {
            span.mark_live_aside();
        }
    }

    /// Marks `run` as free, and aside from the [usual way](Self::hit) if more is
    /// to be done than to cut it.
    fn mark_free(&self, run: Run) {
        if run.is_whole() || !self.is_listed(run.chunk) {
            run.mark_free_aside();
        } else {
            run.mark_free();
        }
    }

    /// Makes `span`, which is in no bin, live.
    fn begin_life(&self, span: Run) -> NonNull<u8> {
        self.mark_live(span);
        self.count_begin(span)
    }

    /// Counts `span` as live.
    #[inline]
    fn count_begin(&self, span: Run) -> NonNull<u8> {
        self.spans_live.set(self.spans_live.get().wrapping_add(1));
        self.blocks_free.set(self.blocks_free.get().wrapping_sub(span.len as usize));
        self.start_of(span)
    }

    /// Counts `span` as live no more.
    #[inline]
    fn count_end(&self, span: Run) {
        span.chunk.head().dirty.set(true);
        self.spans_live.set(self.spans_live.get().wrapping_sub(1));
        self.blocks_free.set(self.blocks_free.get().wrapping_add(span.len as usize));
    }

    /// Takes back the span at `block`, wherever it is.
    #[cold]
    #[inline(never)]
    fn deallocate_far<A: Allocate + ?Sized>(&self, parent: &A, block: NonNull<u8>, layout: Layout) {
        let Some(span) = self.span_at(block) else {
            return os::check(false, "block is not a live span of this pool");
        };
        os::check(self.shape.len_of(layout) == Ok(span.len), "layout does not fit the span");
        if !self.is_listed(span.chunk) {
            self.directory.remove(block.addr().get());
        }
        self.count_end(span);
        self.put_back(parent, span);
    }

    /// Makes `run`, which is no longer live, free, and joins it with its
    /// neighbours.
    fn put_back<A: Allocate + ?Sized>(&self, parent: &A, run: Run) {
        let mut all = run;
        if let Some(front) = run.free_before() {
            // SAFETY: free runs are in their bins.
            unsafe { self.bins.remove(front) }
            run.end_life();
            all = front.join(all);
        }
        if let Some(back) = run.free_after() {
            all = all.join(back);
            // SAFETY: free runs are in their bins; the whole is marked below.
            unsafe { self.bins.replace(back, all) }
        } else {
            // SAFETY: in no bin: it was live, or just left it; marked below.
            unsafe { self.bins.insert(all) }
        }
        self.mark_free(all);
        if all.len >= self.shape.notable {
            self.settle(parent, all.chunk, all.len);
        }
    }

    /// Decides what goes back, now that a run of `len` blocks of `chunk` is free.
    #[cold]
    #[inline(never)]
    fn settle<A: Allocate + ?Sized>(&self, parent: &A, chunk: Chunk, len: u32) {
        if len == chunk.head().len {
            chunk.whole().mark_free_aside();
            self.retire(parent, chunk);
        }
        if self.shape.retain.release == Release::Aggressive {
            self.shed(parent, self.shape.retain.keep, PATIENCE);
        }
    }

    /// Gives back all of `span` but its first `len` blocks.
    fn shrink_to<A: Allocate + ?Sized>(&self, parent: &A, span: Run, len: u32) {
        let (kept, tail) = span.split(len);
        if tail.len != 0 {
            span.chunk.head().dirty.set(true);
            self.mark_live(kept);
            self.blocks_free.set(self.blocks_free.get().wrapping_add(tail.len as usize));
            self.put_back(parent, tail);
        }
    }

    /// Adds blocks to the end of `span` until it has `len`, if they are free.
    fn grow_to(&self, span: Run, len: u32) -> Result<(), AllocError> {
        let more = len.wrapping_sub(span.len);
        let next = span.free_after().filter(|next| more <= next.len).ok_or(AllocError)?;
        let (taken, rest) = next.split(more);
        self.set_front(next, rest);
        self.mark_live(span.join(taken));
        self.blocks_free.set(self.blocks_free.get().wrapping_sub(more as usize));
        Ok(())
    }

    /// The live span that begins at `block`.
    fn span_at(&self, block: NonNull<u8>) -> Option<Run> {
        let address = block.addr().get();
        // A chunk is made of whole slots, so who has the start of one has all of it.
        let chunk = self.directory.find(address & self.shape.slots).or_else(|| self.directory.find(address))?;
        // SAFETY: chunks in the directory are open.
        let chunk = unsafe { Chunk::from_ptr(chunk) };
        chunk.live_at(self.block_of(chunk, address))
    }

    /// The number of the block of `chunk` that begins at `address`; of no block,
    /// if none does.
    #[inline]
    fn block_of(&self, chunk: Chunk, address: usize) -> usize {
        let offset = address.wrapping_sub(chunk.head().base.addr().get());
        // Inside of a block, the low bits come out on top: no chunk has so many.
        offset.rotate_right(self.shape.shift)
    }

    /// Whether the directory has the chunk itself, rather than its spans.
    #[inline]
    const fn is_listed(&self, chunk: Chunk) -> bool {
        chunk.head().len == self.shape.request_len
    }

    #[inline]
    fn start_of(&self, run: Run) -> NonNull<u8> {
        let offset = self.shape.bytes(run.at as usize);
        // SAFETY: runs lie in their chunk.
        unsafe { run.chunk.head().base.add(offset) }
    }

    /// The blocks of `run` before the first that is aligned for `want`.
    #[inline]
    fn lead(&self, run: Run, want: Want) -> u32 {
        if want.align <= self.shape.block {
            return 0;
        }
        let start = self.start_of(run).addr().get();
        let padding = start.wrapping_neg() & want.align.wrapping_sub(1);
        u32::try_from(padding.wrapping_shr(self.shape.shift)).unwrap_or(u32::MAX)
    }

    #[inline]
    fn fits(&self, run: Run, want: Want) -> bool {
        self.lead(run, want).saturating_add(want.len) <= run.len
    }
}

/// The chunks that an aggressive pool has to keep before it stops looking for
/// one that it may give back. They can differ only above one backing request.
const PATIENCE: usize = 16;

/// Giving chunks back.
impl SpanPoolCore {
    /// Decides what becomes of `chunk`, which has just become free as a whole.
    fn retire<A: Allocate + ?Sized>(&self, parent: &A, chunk: Chunk) {
        // SAFETY: it had a live span until now.
        unsafe { self.busy.remove(chunk.as_ptr()) }
        self.begin_idling(chunk);
        let Retain { release, keep } = self.shape.retain;
        let simple = release == Release::Simple && self.max_reached(keep) && self.min_kept_without(chunk, keep);
        if simple || !chunk.head().pooled {
            self.detach(chunk);
            self.give_back(parent, chunk);
        }
    }

    /// Gives back idle chunks while `keep` allows, the large ones first, unless
    /// more than `patience` of those have to stay; returns their blocks.
    fn shed<A: Allocate + ?Sized>(&self, parent: &A, keep: Threshold, patience: usize) -> usize {
        if !self.max_reached(keep) {
            return 0;
        }
        let before = self.blocks_total.get();
        let gone = List::new();
        self.shed_to(&gone, &self.idle_large, keep, patience);
        // These are all of one size, so that none can go when one has to stay.
        self.shed_to(&gone, &self.idle, keep, 0);
        let after = self.blocks_total.get();
        // Only now, for the parent may call back.
        self.give_back_all(parent, &gone);
        before.wrapping_sub(after)
    }

    /// Moves chunks from `idle` to `gone`, out of the pool, while `keep` allows,
    /// unless more than `patience` have to stay.
    fn shed_to(&self, gone: &List<ChunkHead>, idle: &List<ChunkHead>, keep: Threshold, patience: usize) {
        let mut kept = 0_usize;
        let mut next = idle.first();
        while let Some(node) = next
            && self.max_reached(keep)
            && kept <= patience
        {
            // SAFETY: it is in the list.
            next = unsafe { idle.after(node) };
            // SAFETY: chunks in the lists are open.
            let chunk = unsafe { Chunk::from_ptr(node) };
            if self.min_kept_without(chunk, keep) {
                self.detach(chunk);
                // SAFETY: it just left its only list.
                unsafe { gone.push(node) }
            } else {
                kept = kept.wrapping_add(1);
            }
        }
    }

    /// Gives back idle chunks that became free more than `age` rounds ago; returns
    /// their blocks.
    fn shed_aged<A: Allocate + ?Sized>(&self, parent: &A, age: u16) -> usize {
        let before = self.blocks_total.get();
        let gone = List::new();
        for idle in [&self.idle_large, &self.idle] {
            let mut next = idle.first();
            while let Some(node) = next {
                // SAFETY: it is in the list.
                next = unsafe { idle.after(node) };
                // SAFETY: chunks in the lists are open.
                let chunk = unsafe { Chunk::from_ptr(node) };
                if self.rounds.get().wrapping_sub(chunk.head().idle_since.get()) > age {
                    self.detach(chunk);
                    // SAFETY: it just left its only list.
                    unsafe { gone.push(node) }
                }
            }
        }
        let after = self.blocks_total.get();
        // Only now, for the parent may call back.
        self.give_back_all(parent, &gone);
        before.wrapping_sub(after)
    }

    /// Gives the chunks of `list`, which are out of the pool, to `parent`.
    fn give_back_all<A: Allocate + ?Sized>(&self, parent: &A, list: &List<ChunkHead>) {
        while let Some(node) = list.first() {
            // SAFETY: it is the list's first.
            unsafe { list.remove(node) }
            // SAFETY: chunks in the lists are open, and this one left.
            self.give_back(parent, unsafe { Chunk::from_ptr(node) });
        }
    }

    /// Puts `chunk`, which is free as a whole and in no list, among its like.
    fn begin_idling(&self, chunk: Chunk) {
        chunk.head().idle_since.set(self.rounds.get());
        // SAFETY: in no list, says the caller, and open.
        unsafe { self.idle_of(chunk).push(chunk.as_ptr()) }
    }

    /// Where `chunk` is while it is idle.
    const fn idle_of(&self, chunk: Chunk) -> &List<ChunkHead> {
        if self.is_listed(chunk) { &self.idle } else { &self.idle_large }
    }

    /// Takes `chunk`, which is idle, out of the pool.
    fn detach(&self, chunk: Chunk) {
        let head = chunk.head();
        // SAFETY: idle chunks are in this list.
        unsafe { self.idle_of(chunk).remove(chunk.as_ptr()) }
        // SAFETY: free runs are in their bins.
        unsafe { self.bins.remove(chunk.whole()) }
        if self.is_listed(chunk) {
            self.directory.remove(head.base.addr().get());
        }
        self.chunks.set(self.chunks.get().wrapping_sub(1));
        self.blocks_total.set(self.blocks_total.get().wrapping_sub(head.len as usize));
        self.blocks_free.set(self.blocks_free.get().wrapping_sub(head.len as usize));
    }

    /// Whether as much is free as `keep` allows.
    fn max_reached(&self, keep: Threshold) -> bool {
        keep.max_reached(self.shape.bytes(self.blocks_free.get()), self.shape.bytes(self.blocks_total.get()))
    }

    /// Whether what `keep` wants is free without `chunk`, which is idle.
    fn min_kept_without(&self, chunk: Chunk, keep: Threshold) -> bool {
        let without = |blocks: &Cell<usize>| self.shape.bytes(blocks.get().wrapping_sub(chunk.head().len as usize));
        keep.min_kept(without(&self.blocks_free), without(&self.blocks_total))
    }
}

impl fmt::Debug for SpanPoolCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanPoolCore").field("shape", &self.shape).field("stats", &self.stats()).finish_non_exhaustive()
    }
}

//! [`ArenaCore`]: an arena without its parent.

use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use super::{ArenaConfig, SPAN_ALIGN};
use crate::{
    alloc::{AllocError, Allocate, Core, Valid, can_resize, empty},
    os::{self, track},
    raw::{
        bump::RawBump,
        span_stack::{FOOTER_ALIGN, FOOTER_SIZE, Span, SpanStack, body_of},
    },
};

/// An [`Arena`](super::Arena) without its parent.
#[derive(Debug)]
pub struct ArenaCore {
    /// What is free of the current span; nowhere without one.
    pub(super) free: RawBump,
    /// The spans that blocks may lie in, the newest on top. Invariant: the
    /// current one is among them, and if there are any, there is a current one.
    pub(super) used: SpanStack,
    /// The spans without blocks, no larger than the cap, the largest on top: it
    /// is used first, as a block can grow the furthest in it.
    pub(super) spare: SpanStack,
    /// The same above the cap: kept for large blocks, for which nothing else
    /// will do.
    pub(super) spare_large: SpanStack,
    /// Bytes to ask for the next span.
    next: Cell<usize>,
    config: ArenaConfig,
}

/// A place to [rewind](super::Arena::rewind) to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArenaMark {
    /// The newest span when the mark was made, and what was free then of the
    /// current one, which may be older.
    newest: Option<Span>,
    cursor: NonNull<u8>,
    end: NonNull<u8>,
}

impl ArenaCore {
    /// An empty arena; see [`Arena::new`](super::Arena::new).
    #[must_use]
    pub const fn new(config: Valid<ArenaConfig>) -> Self {
        let config = config.get();
        Self {
            free: RawBump::nowhere(),
            used: SpanStack::new(),
            spare: SpanStack::new(),
            spare_large: SpanStack::new(),
            next: Cell::new(config.span_first),
            config,
        }
    }

    /// Takes a block from another span: a spare one, or one of the parent's.
    #[cold]
    #[inline(never)]
    fn grow<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let own = own_span(layout).ok_or(AllocError)?;
        let span = match self.recall(layout, self.is_large(own)) {
            Some(span) => span,
            // For want of memory, a small block may have a large one's span.
            None => match self.take_span(parent, layout, own) {
                Ok(span) => span,
                Err(error) => self.recall(layout, true).ok_or(error)?,
            },
        };
        // The parent may have called back, so nothing read before is used from
        // here on.
        let is_first = self.used.top().is_none();
        self.used.push(span);
        let other = RawBump::nowhere();
        // SAFETY: the body of a span that was spare or is new.
        unsafe { other.open(span.start(), span.end()) }
        let block = other.take(layout).ok_or(AllocError);
        // Whichever has more room is the one to go on with, so that a large
        // block does not cost the rest of the current span.
        if is_first || self.free.room() < other.room() {
            // SAFETY: what is free of the span.
            unsafe { self.free.open(other.cursor(), other.end()) }
        }
        block
    }

    /// Takes a spare span that holds `layout`.
    fn recall(&self, layout: Layout, large: bool) -> Option<Span> {
        let (stack, span) = if large {
            // The least, so that the others are left for larger blocks.
            (&self.spare_large, self.spare_large.iter().filter(|span| span.holds(layout)).last()?)
        } else {
            (&self.spare, self.spare.iter().find(|span| span.holds(layout))?)
        };
        stack.remove(span);
        Some(span)
    }

    /// Takes a span that holds `layout` from the parent, or changes nothing.
    fn take_span<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout, own: Layout) -> Result<Span, AllocError> {
        let (start, asked) = if self.is_large(own) {
            (parent.allocate(own)?, own)
        } else {
            let shared = self.shared_span(layout).unwrap_or(own);
            let taken = take_any(parent, shared, own)?;
            // What the parent asked of us meanwhile may have grown it more.
            let next = shared.size().saturating_mul(2).max(self.next.get());
            self.next.set(next.min(self.config.span_max));
            taken
        };
        // Granted at least what was asked, so the body is no shorter.
        let body = body_of(parent.granted(asked)).unwrap_or(0);
        // SAFETY: fresh from the parent, valid for all that is granted, and
        // aligned to `SPAN_ALIGN` or better.
        Ok(unsafe { Span::make(start, body, asked) })
    }

    /// The next span to ask for that holds `layout`, for which the cap is
    /// enough: twice as large as the one before, or as much larger as it takes.
    /// `None` when nothing that large can be aligned so.
    fn shared_span(&self, layout: Layout) -> Option<Layout> {
        let mut size = self.next.get();
        while body_of(size)? < layout.size() {
            size = size.checked_mul(2)?.min(self.config.span_max);
        }
        // Wherever the span lies, the block will fit: aligned as usual if there
        // is room for padding, and as the block otherwise.
        let padded = layout.size().checked_add(layout.align().saturating_sub(SPAN_ALIGN))?;
        let align = if padded <= body_of(size)? { SPAN_ALIGN } else { layout.align().max(SPAN_ALIGN) };
        Layout::from_size_align(size, align).ok()
    }

    pub(super) fn mark(&self) -> ArenaMark {
        ArenaMark { newest: self.used.top(), cursor: self.free.cursor(), end: self.free.end() }
    }

    /// Ends all blocks since `mark`, which is of this arena and not older than
    /// what it was rewound to since.
    pub(super) fn rewind(&self, mark: ArenaMark) {
        while self.used.top() != mark.newest
            && let Some(span) = self.used.pop()
        {
            let spare = if self.is_large(span.asked()) { &self.spare_large } else { &self.spare };
            track::hide_all(span.start(), span.body());
            spare.insert(span);
        }
        os::check(self.used.top() == mark.newest, "the mark is from before a rewind or reset");
        if self.free.end() == mark.end && self.free.cursor() < mark.cursor {
            return;
        }
        // SAFETY: as free as it was then, in a span that is still used; what
        // was taken since has ended.
        unsafe { self.free.open(mark.cursor, mark.end) }
    }

    /// Ends all blocks, and keeps at most `bytes` of spans.
    pub(super) fn clear<A: Allocate + ?Sized>(&mut self, parent: &A, bytes: usize) {
        let nowhere = RawBump::nowhere();
        self.rewind(ArenaMark { newest: None, cursor: nowhere.cursor(), end: nowhere.end() });
        self.trim(parent, bytes);
    }

    /// Whether a span is larger than growth alone makes one.
    fn is_large(&self, asked: Layout) -> bool {
        asked.size() > self.config.span_max
    }

    /// Clears by the configuration.
    pub(super) fn reset<A: Allocate + ?Sized>(&mut self, parent: &A) {
        self.clear(parent, self.config.keep);
    }

    /// Gives spare spans back, except for those of `bytes` in all; the larger
    /// ones are kept with preference, but none above the cap before others.
    pub(super) fn trim<A: Allocate + ?Sized>(&self, parent: &A, bytes: usize) {
        if bytes == usize::MAX {
            return;
        }
        let mut left = bytes;
        for spare in [&self.spare, &self.spare_large] {
            let kept = SpanStack::new();
            while let Some(span) = spare.pop() {
                match left.checked_sub(parent.granted(span.asked())) {
                    Some(rest) => {
                        left = rest;
                        kept.push(span);
                    }
                    // SAFETY: from this parent with this layout, and in no use.
                    None => unsafe { crate::alloc::give_back(parent, span.start(), span.asked()) },
                }
            }
            while let Some(span) = kept.pop() {
                spare.insert(span);
            }
        }
        if self.spans().next().is_none() {
            self.next.set(self.config.span_first);
        }
    }

    /// The spans that are held.
    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        self.used.iter().chain(self.all_spare())
    }

    fn all_spare(&self) -> impl Iterator<Item = Span> {
        self.spare.iter().chain(self.spare_large.iter())
    }

    /// Every span is in order, and the current one is one of them.
    pub(super) fn check<A: Allocate + ?Sized>(&self, parent: &A) -> Result<(), &'static str> {
        for span in self.spans() {
            if !span.start().addr().get().is_multiple_of(span.asked().align()) {
                return Err("a span is not aligned");
            }
            if Some(span.body()) != body_of(parent.granted(span.asked())) {
                return Err("a span is not as long as its grant");
            }
        }
        if self.used.iter().any(|used| self.all_spare().any(|spare| spare == used)) {
            return Err("a span is both used and spare");
        }
        for spare in [&self.spare, &self.spare_large] {
            if !spare.iter().is_sorted_by(|above, below| above.body() >= below.body()) {
                return Err("a larger spare span is below a smaller one");
            }
        }
        if self.spare.iter().any(|span| self.is_large(span.asked())) {
            return Err("a spare span is above the cap");
        }
        let (cursor, end) = (self.free.cursor(), self.free.end());
        match self.used.iter().find(|span| span.end() == end) {
            Some(current) if current.start() <= cursor && cursor <= end => Ok(()),
            Some(_) => Err("the cursor is outside the current span"),
            None if self.used.top().is_none() && self.free.room() == 0 => Ok(()),
            None => Err("the current span is not among those in use"),
        }
    }
}

/// The least span that holds `layout`.
fn own_span(layout: Layout) -> Option<Layout> {
    let body = layout.size().checked_next_multiple_of(FOOTER_ALIGN)?;
    Layout::from_size_align(body.checked_add(FOOTER_SIZE)?, layout.align().max(SPAN_ALIGN)).ok()
}

/// Takes `shared`, or if the parent cannot, a half of it, and so on, as long
/// as that is more than `own`, which comes last.
fn take_any<A: Allocate + ?Sized>(
    parent: &A,
    shared: Layout,
    own: Layout,
) -> Result<(NonNull<u8>, Layout), AllocError> {
    let mut asked = shared;
    // A span that is aligned to less than the block has to have room for padding.
    let padding = if shared.align() < own.align() { own.align() } else { 0 };
    let least = own.size().saturating_add(padding);
    while asked.size() > least {
        if let Ok(start) = parent.allocate(asked) {
            return Ok((start, asked));
        }
        let Ok(half) = Layout::from_size_align(asked.size().div_ceil(2), asked.align()) else { break };
        asked = half;
    }
    Ok((parent.allocate(own)?, own))
}

// SAFETY: spans belong to whoever holds the core, and may change threads.
unsafe impl Send for ArenaCore {}

// SAFETY: blocks lie in the bodies of spans that the parent gave, between where
// the cursor was and is, which only a free of the last block, a rewind or a
// reset moves back; `take` aligns them; footers lie behind the bodies, so that
// no block ends where another span begins; grants are the requests; nothing
// panics.
unsafe impl Core for ArenaCore {
    #[inline]
    unsafe fn allocate<A: Allocate + ?Sized>(&self, parent: &A, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        match self.free.take(layout) {
            Some(block) => Ok(block),
            None => self.grow(parent, layout),
        }
    }

    #[inline]
    unsafe fn deallocate<A: Allocate + ?Sized>(&self, _parent: &A, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: live, of this size and from one of our spans, says the
            // caller; each ends with a footer.
            unsafe { self.free.put(block, layout.size()) }
        }
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
        // SAFETY: live, of this size and from one of our spans, says the
        // caller; each ends with a footer.
        if unsafe { self.free.resize(block, old.size(), new.size()) } { Ok(()) } else { Err(AllocError) }
    }

    unsafe fn release<A: Allocate + ?Sized>(&mut self, parent: &A) {
        self.clear(parent, 0);
    }
}

//! [`SpanStack`]: a stack of spans of any size.
//!
//! ```text
//! start                        end
//! [ body ………………………………………… | footer: next, start, layout ]
//!                                        └──► footer of the span below
//! ```
//!
//! A span's books lie behind its body, so the body starts where the span
//! starts and has the span's whole alignment.

use core::{alloc::Layout, cell::Cell, iter, ptr::NonNull};

use crate::math::{align::align_down, bump::step};

/// What a span ends with.
#[derive(Debug)]
pub(crate) struct Footer {
    /// The span below in the stack.
    next: Cell<Option<Span>>,
    start: NonNull<u8>,
    asked: Layout,
}

/// Bytes that a span needs behind its body.
pub(crate) const FOOTER_SIZE: usize = size_of::<Footer>();

/// What a span has to be aligned to, for its footer's sake.
pub(crate) const FOOTER_ALIGN: usize = align_of::<Footer>();

/// The bytes of body in a span of `size` bytes; `None` if it has no room for
/// a footer.
pub(crate) const fn body_of(size: usize) -> Option<usize> {
    match size.checked_sub(FOOTER_SIZE) {
        Some(body) => Some(align_down(body, FOOTER_ALIGN)),
        None => None,
    }
}

/// A span, by the address of its footer; see the [module](self).
///
/// Invariant: the span is valid while the handle is used, which whoever makes
/// a handle promises, and its footer is changed through handles alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(NonNull<Footer>);

impl Span {
    /// Writes the footer of a span of `size` bytes that was asked for with
    /// `asked`.
    ///
    /// # Safety
    ///
    /// - `start` is valid for reads and writes of `size` bytes until the handle
    ///   and its copies are last used, and nobody else uses the footer's.
    /// - `start` is aligned to [`FOOTER_ALIGN`], and `body` is
    ///   [`body_of`]`(size)`.
    pub(crate) unsafe fn make(start: NonNull<u8>, body: usize, asked: Layout) -> Self {
        // SAFETY: the footer lies inside the span.
        let footer = unsafe { start.add(body) }.cast::<Footer>();
        // SAFETY: valid and ours, and aligned because start and body are.
        unsafe { footer.write(Footer { next: Cell::new(None), start, asked }) }
        Self(footer)
    }

    /// The first byte of the body.
    pub(crate) fn start(self) -> NonNull<u8> {
        self.get().start
    }

    /// The end of the body.
    pub(crate) fn end(self) -> NonNull<u8> {
        self.0.cast()
    }

    /// What was asked for the span.
    pub(crate) fn asked(self) -> Layout {
        self.get().asked
    }

    /// Bytes in the body.
    pub(crate) fn body(self) -> usize {
        self.end().addr().get().wrapping_sub(self.start().addr().get())
    }

    /// Whether `layout` fits in the empty body.
    pub(crate) fn holds(self, layout: Layout) -> bool {
        step(self.start().addr().get(), self.end().addr().get(), layout).is_some()
    }

    fn get(&self) -> &Footer {
        // SAFETY: the invariant of the handle; the footer holds cells, so that
        // sharing it is enough to change it.
        unsafe { self.0.as_ref() }
    }
}

/// The stack; see the [module](self).
///
/// Invariant: each span is in one stack at most.
#[derive(Debug)]
pub(crate) struct SpanStack {
    top: Cell<Option<Span>>,
}

impl SpanStack {
    /// An empty stack.
    pub(crate) const fn new() -> Self {
        Self { top: Cell::new(None) }
    }

    /// The span on top, the last one pushed.
    pub(crate) fn top(&self) -> Option<Span> {
        self.top.get()
    }

    /// Puts `span`, which is in no stack, on top.
    pub(crate) fn push(&self, span: Span) {
        span.get().next.set(self.top());
        self.top.set(Some(span));
    }

    /// Takes the span on top.
    pub(crate) fn pop(&self) -> Option<Span> {
        let span = self.top()?;
        self.top.set(span.get().next.get());
        Some(span)
    }

    /// Puts `span`, which is in no stack, below those with a larger body.
    pub(crate) fn insert(&self, span: Span) {
        let above = self.iter().take_while(|other| other.body() > span.body()).last();
        let link = self.link_below(above.as_ref());
        span.get().next.set(link.get());
        link.set(Some(span));
    }

    /// Takes `span` out, which is in this stack.
    pub(crate) fn remove(&self, span: Span) {
        let above = self.iter().take_while(|&other| other != span).last();
        self.link_below(above.as_ref()).set(span.get().next.get());
    }

    /// What leads to the span below `above`, or to the one on top.
    fn link_below<'s>(&'s self, above: Option<&'s Span>) -> &'s Cell<Option<Span>> {
        above.map_or(&self.top, |above| &above.get().next)
    }

    /// The spans, from the top.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Span> {
        iter::successors(self.top(), |span| span.get().next.get())
    }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;

    #[repr(C, align(16))]
    struct Memory([[u8; 112]; 3]);

    /// Three spans of 112 bytes in `memory`.
    fn spans(memory: &mut Memory) -> [Span; 3] {
        let start = NonNull::from(&mut memory.0).cast::<u8>();
        [0, 112, 224].map(|offset| {
            // SAFETY: inside the array.
            let start = unsafe { start.add(offset) };
            // SAFETY: 112 bytes of the array, aligned to 16, nobody else's.
            unsafe { Span::make(start, body_of(112).unwrap(), Layout::new::<[u8; 112]>()) }
        })
    }

    #[test]
    fn a_span_knows_its_body_and_what_was_asked() {
        let mut memory = Memory([[0; 112]; 3]);
        let [span, ..] = spans(&mut memory);
        assert_eq!((span.body(), span.asked()), (112 - FOOTER_SIZE, Layout::new::<[u8; 112]>()));
        // SAFETY: the body is ours.
        unsafe { span.start().write_bytes(0xA5, span.body()) }
        assert_eq!(span.body(), 112 - FOOTER_SIZE);
        assert!(span.holds(Layout::from_size_align(112 - FOOTER_SIZE, 16).unwrap()));
        assert!(!span.holds(Layout::from_size_align(113 - FOOTER_SIZE, 1).unwrap()));
    }

    #[test]
    fn a_body_ends_where_a_footer_can_lie() {
        assert_eq!(body_of(FOOTER_SIZE - 1), None);
        for size in FOOTER_SIZE..200 {
            let body = body_of(size).unwrap();
            assert!(body.is_multiple_of(FOOTER_ALIGN) && body + FOOTER_SIZE <= size);
            assert!(body + FOOTER_SIZE + FOOTER_ALIGN > size);
        }
    }

    #[test]
    fn the_last_one_in_is_the_first_one_out() {
        let mut memory = Memory([[0; 112]; 3]);
        let [a, b, c] = spans(&mut memory);
        let stack = SpanStack::new();
        [a, b, c].into_iter().for_each(|span| stack.push(span));
        assert_eq!(stack.iter().collect::<Vec<_>>(), [c, b, a]);
        assert_eq!([stack.pop(), stack.pop(), stack.pop(), stack.pop()], [Some(c), Some(b), Some(a), None]);
    }

    #[test]
    fn the_larger_ones_are_on_top_and_of_equals_the_last_one() {
        let mut memory = Memory([[0; 112]; 3]);
        let start = NonNull::from(&mut memory.0).cast::<u8>();
        let [large, small, equal] = [(0, 112), (112, 64), (224, 112)].map(|(offset, size)| {
            // SAFETY: inside the array.
            let start = unsafe { start.add(offset) };
            // SAFETY: as many bytes of the array, aligned to 16, nobody else's.
            unsafe { Span::make(start, body_of(size).unwrap(), Layout::new::<u64>()) }
        });
        for order in [[large, small, equal], [large, equal, small], [small, large, equal]] {
            let stack = SpanStack::new();
            order.into_iter().for_each(|span| stack.insert(span));
            assert_eq!(stack.iter().collect::<Vec<_>>(), [equal, large, small]);
        }
    }

    #[test]
    fn taking_one_out_leaves_the_others_in_order() {
        for index in 0..3 {
            let mut memory = Memory([[0; 112]; 3]);
            let spans = spans(&mut memory);
            let stack = SpanStack::new();
            spans.iter().rev().for_each(|&span| stack.push(span));
            stack.remove(spans[index]);
            let rest: Vec<_> = spans.into_iter().filter(|&span| span != spans[index]).collect();
            assert_eq!(stack.iter().collect::<Vec<_>>(), rest);
        }
    }
}

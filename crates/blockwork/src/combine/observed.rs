//! [`Observed`]: a callback hears of everything that passes.
//!
//! ```text
//! program ─► Observed::new ─► Slab ─► Observed::growth ─► Pages
//!               requests                  growth
//!               allocated, freed,         grew, shrank,
//!               resized, refused          refused
//! ```
//!
//! | | |
//! |---|---|
//! | time | the callback's, and one grant |
//! | space | the callback's |
//! | sharing | as the parent and the callback |
//! | failure | whenever the parent fails |
//! | passes on | [`Owns`], where the parent has it |
//!
//! Above a strategy stand the requests of a program, below it those of the
//! strategy: how it grows and shrinks. They are the same operations, but other
//! news, so the two places have events of their own, and one callback can hear of
//! both: a reference to a callback is a callback.
//!
//! The callback runs when no operation is half done: after a block was given, and
//! before one goes back, so that its bytes can be read. It may use any allocator.
//! Of what it asks of this very one it hears as well, and has to end that itself.
//! If it unwinds, that ends the program. Empty blocks are no news.
//!
//! It is no [`Reset`](crate::Reset), which would free blocks unheard.
//!
//! When not to use it: to count, which [`Counted`](super::counted::Counted) does
//! in a few instructions.
//!
//! # Example
//!
//! ```
//! use core::{alloc::Layout, cell::Cell};
//! use blockwork::{Allocate, Event, Memo, Observed, System};
//!
//! let (requests, grown) = (Cell::new(0), Cell::new(0));
//! let tell = |event: Event| match event {
//!     Event::Allocated { .. } => requests.set(requests.get() + 1),
//!     Event::Grew { by, .. } => grown.set(grown.get() + by),
//!     _ => {}
//! };
//! let heap = Observed::new(Memo::new(Observed::growth(System, tell), usize::MAX), tell);
//!
//! let layout = Layout::new::<[u64; 8]>();
//! for _ in 0..10 {
//!     let block = heap.allocate(layout)?;
//!     // SAFETY: just allocated with this layout.
//!     unsafe { heap.deallocate(block, layout) };
//! }
//! assert_eq!((requests.get(), grown.get()), (10, 64));
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{alloc::Layout, fmt, marker::PhantomData, ptr::NonNull};

use crate::{
    alloc::{AllocError, Allocate, Check, Owns},
    os,
};

/// What has happened to a block, or is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request was served.
    Allocated {
        /// The block.
        block: NonNull<u8>,
        /// What was asked for.
        layout: Layout,
        /// The bytes that the block really has.
        granted: usize,
    },
    /// A block goes back in a moment.
    Freed {
        /// The block, still whole.
        block: NonNull<u8>,
        /// What its holder called it.
        layout: Layout,
        /// The bytes that the block really has.
        granted: usize,
    },
    /// A block has another size, in place.
    Resized {
        /// The block.
        block: NonNull<u8>,
        /// What it was.
        old: Layout,
        /// What it is.
        new: Layout,
    },
    /// A request for a block was not served.
    Refused {
        /// What was asked for.
        layout: Layout,
    },
    /// What stands above has more memory: another block, or more of one.
    Grew {
        /// The block.
        block: NonNull<u8>,
        /// So many bytes more, as granted.
        by: usize,
    },
    /// What stands above has less memory: a block goes back in a moment, or is
    /// smaller.
    Shrank {
        /// The block.
        block: NonNull<u8>,
        /// So many bytes less, as granted.
        by: usize,
    },
}

/// Prints an event to the standard error: an observer that needs no memory.
///
/// ```
/// use blockwork::{Event, Observed, System, combine::observed::print};
///
/// static HEAP: Observed<System, fn(Event)> = Observed::new(System, print);
/// ```
#[cfg(feature = "std")]
pub fn print(event: Event) {
    use std::io::Write as _;
    // Who has no standard error has nobody to tell.
    let _unheard = writeln!(std::io::stderr(), "blockwork: {event:?}");
}

/// The events of an [`Observed`] are those of requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requests;

/// The events of an [`Observed`] are those of growth.
#[derive(Clone, Copy, Debug, Default)]
pub struct Growth;

/// Where an [`Observed`] stands: [`Requests`] or [`Growth`].
pub trait Place: sealed::Sealed {
    /// The event of an operation here, if it is one.
    #[doc(hidden)]
    fn event(news: News) -> Option<Event>;
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Requests {}
    impl Sealed for super::Growth {}
}

/// An operation, and grants before and after it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum News {
    Given(NonNull<u8>, Layout, usize),
    Taken(NonNull<u8>, Layout, usize),
    Changed(NonNull<u8>, (Layout, usize), (Layout, usize)),
    Refused(Layout),
}

impl Place for Requests {
    #[inline]
    fn event(news: News) -> Option<Event> {
        Some(match news {
            News::Given(block, layout, granted) => Event::Allocated { block, layout, granted },
            News::Taken(block, layout, granted) => Event::Freed { block, layout, granted },
            News::Changed(block, (old, _), (new, _)) => Event::Resized { block, old, new },
            News::Refused(layout) => Event::Refused { layout },
        })
    }
}

impl Place for Growth {
    #[inline]
    fn event(news: News) -> Option<Event> {
        Some(match news {
            News::Given(block, _, by) => Event::Grew { block, by },
            News::Taken(block, _, by) => Event::Shrank { block, by },
            News::Changed(block, (_, old), (_, new)) if new > old => Event::Grew { block, by: new.wrapping_sub(old) },
            News::Changed(block, (_, old), (_, new)) if new < old => Event::Shrank { block, by: old.wrapping_sub(new) },
            News::Changed(..) => return None,
            News::Refused(layout) => Event::Refused { layout },
        })
    }
}

/// Tells `F` what happens to the blocks of `A`; see the [module](self).
pub struct Observed<A, F, P: Place = Requests> {
    parent: A,
    observer: F,
    place: PhantomData<P>,
}

impl<A, F: Fn(Event)> Observed<A, F> {
    /// Tells `observer` of every request to `parent`.
    pub const fn new(parent: A, observer: F) -> Self {
        Self { parent, observer, place: PhantomData }
    }
}

impl<A, F: Fn(Event)> Observed<A, F, Growth> {
    /// Tells `observer` how what stands above grows and shrinks out of `parent`.
    pub const fn growth(parent: A, observer: F) -> Self {
        Self { parent, observer, place: PhantomData }
    }
}

impl<A, F, P: Place> Observed<A, F, P> {
    /// What is observed.
    #[must_use]
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// Who is told.
    #[must_use]
    pub const fn observer(&self) -> &F {
        &self.observer
    }
}

impl<A: Allocate, F: Fn(Event), P: Place> Observed<A, F, P> {
    #[inline]
    fn tell(&self, news: News) {
        if let Some(event) = P::event(news) {
            os::contain(|| (self.observer)(event));
        }
    }

    /// Tells how a request ended, and passes that on.
    #[inline]
    fn told(&self, layout: Layout, outcome: Result<NonNull<u8>, AllocError>) -> Result<NonNull<u8>, AllocError> {
        if layout.size() != 0 {
            self.tell(match outcome {
                Ok(block) => News::Given(block, layout, self.parent.granted(layout)),
                Err(AllocError) => News::Refused(layout),
            });
        }
        outcome
    }
}

// SAFETY: blocks and grants are those of `A`, unchanged; a callback cannot unwind
// out of here, and nothing else panics.
unsafe impl<A: Allocate, F: Fn(Event), P: Place> Allocate for Observed<A, F, P> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.told(layout, self.parent.allocate(layout))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            self.tell(News::Taken(block, layout, self.parent.granted(layout)));
        }
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.parent.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise `A` asks for.
        unsafe { self.parent.resize(block, old, new)? }
        let with_grant = |layout| (layout, self.parent.granted(layout));
        self.tell(News::Changed(block, with_grant(old), with_grant(new)));
        Ok(())
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.told(layout, self.parent.allocate_zeroed(layout))
    }
}

// SAFETY: every block of ours is one of `A`'s, and its answer is exact.
unsafe impl<A: Owns, F: Fn(Event), P: Place> Owns for Observed<A, F, P> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, layout)
    }
}

impl<A: Check, F, P: Place> Check for Observed<A, F, P> {
    fn check(&self) -> Result<(), &'static str> {
        self.parent.check()
    }
}

impl<A: fmt::Debug, F, P: Place> fmt::Debug for Observed<A, F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("parent", &self.parent).finish_non_exhaustive()
    }
}

crate::alloc::bridge!([A: Allocate, F: Fn(Event), P: Place] Observed<A, F, P>);

#[cfg(test)]
mod tests {
    use core::{
        cell::{Cell, RefCell},
        mem::MaybeUninit,
    };
    use heap::{vec, vec::Vec};

    use super::*;
    #[cfg(not(miri))]
    use crate::combine::testers::last_words;
    use crate::{
        combine::{counted::Counted, testers::Rounding},
        source::{buffer::Buffer, null::Null, system::System},
    };

    fn bytes(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    #[test]
    fn every_operation_is_an_event_with_what_was_granted() {
        let mut memory = [MaybeUninit::uninit(); 48];
        let log = RefCell::new(Vec::new());
        let heap = Observed::new(Rounding(Buffer::new(&mut memory)), |event| log.borrow_mut().push(event));
        let block = heap.allocate(bytes(5)).unwrap();
        // SAFETY: just allocated with this layout.
        assert_eq!(unsafe { heap.resize(block, bytes(5), bytes(40)) }, Ok(()));
        // SAFETY: resized to this; refused.
        assert_eq!(unsafe { heap.resize(block, bytes(40), bytes(60)) }, Err(AllocError));
        assert_eq!(heap.allocate_zeroed(bytes(9)), Err(AllocError));
        // SAFETY: as above.
        unsafe { heap.deallocate(block, bytes(41)) };
        let events = [
            Event::Allocated { block, layout: bytes(5), granted: 16 },
            Event::Resized { block, old: bytes(5), new: bytes(40) },
            Event::Refused { layout: bytes(9) },
            Event::Freed { block, layout: bytes(41), granted: 48 },
        ];
        assert_eq!(log.take(), events);
    }

    #[test]
    fn below_a_strategy_the_same_is_growth() {
        let mut memory = [MaybeUninit::uninit(); 48];
        let log = RefCell::new(Vec::new());
        let heap = Observed::growth(Rounding(Buffer::new(&mut memory)), |event| log.borrow_mut().push(event));
        let block = heap.allocate_zeroed(bytes(5)).unwrap();
        let mut size = 5;
        for new in [40, 33, 1] {
            // SAFETY: live, with this layout.
            assert_eq!(unsafe { heap.resize(block, bytes(size), bytes(new)) }, Ok(()));
            size = new;
        }
        // SAFETY: live, with this layout.
        unsafe { heap.deallocate(block, bytes(1)) };
        let events = [
            Event::Grew { block, by: 16 },
            Event::Grew { block, by: 32 },
            Event::Shrank { block, by: 32 },
            Event::Shrank { block, by: 16 },
        ];
        assert_eq!(log.take(), events);
    }

    #[test]
    fn a_block_can_be_read_when_it_is_freed() {
        let seen = Cell::new(0);
        let heap = Observed::new(System, |event| {
            if let Event::Freed { block, .. } = event {
                // SAFETY: not freed yet, and written below.
                seen.set(unsafe { block.read() });
            }
        });
        let block = heap.allocate(bytes(1)).unwrap();
        // SAFETY: a byte that is ours.
        unsafe { block.write(42) };
        // SAFETY: just allocated with this layout.
        unsafe { heap.deallocate(block, bytes(1)) };
        assert_eq!(seen.get(), 42);
    }

    #[test]
    fn nothing_is_no_news() {
        let heap = Observed::new(Null, |event| panic!("{event:?}"));
        let block = heap.allocate(bytes(0)).unwrap();
        assert_eq!(heap.allocate_zeroed(bytes(0)), Ok(block));
        // SAFETY: an empty block.
        unsafe { heap.deallocate(block, bytes(0)) };
    }

    std::thread_local! {
        static LOOPED: Observed<Counted<System>, fn(Event)> =
            const { Observed::new(Counted::new(System), allocate_and_free as fn(Event)) };
        static DEPTH: Cell<usize> = const { Cell::new(0) };
    }

    fn allocate_and_free(_: Event) {
        if DEPTH.replace(1) == 0 {
            LOOPED.with(|heap| {
                let block = heap.allocate(bytes(8)).unwrap();
                // SAFETY: just allocated with this layout.
                unsafe { heap.deallocate(block, bytes(8)) };
            });
            DEPTH.set(0);
        }
    }

    #[test]
    fn a_callback_may_use_the_very_allocator() {
        LOOPED.with(|heap| {
            let block = heap.allocate(bytes(8)).unwrap();
            // SAFETY: just allocated with this layout.
            unsafe { heap.deallocate(block, bytes(8)) };
            let counts = heap.parent().counts();
            assert_eq!((counts.requests, counts.blocks_live), (3, 0));
        });
    }

    #[test]
    #[cfg(not(miri))]
    fn a_callback_that_unwinds_ends_the_program() {
        let words = last_words("combine::observed::tests::a_callback_that_unwinds_ends_the_program", || {
            let heap = Observed::new(System, |_| panic!("out of patience"));
            let ask = || heap.allocate(bytes(1));
            let unwound = std::panic::catch_unwind(core::panic::AssertUnwindSafe(ask)).is_err();
            std::eprintln!("unwound: {unwound}");
        });
        assert!(words.contains("out of patience") && !words.contains("unwound"), "{words}");
    }

    #[test]
    fn two_places_may_share_a_callback() {
        let log = RefCell::new(vec![]);
        let tell = |event| log.borrow_mut().push(event);
        let heap = Observed::new(Observed::growth(System, &tell), &tell);
        let block = heap.allocate(bytes(7)).unwrap();
        // SAFETY: just allocated with this layout.
        unsafe { heap.deallocate(block, bytes(7)) };
        let events = [
            Event::Grew { block, by: 7 },
            Event::Allocated { block, layout: bytes(7), granted: 7 },
            Event::Freed { block, layout: bytes(7), granted: 7 },
            Event::Shrank { block, by: 7 },
        ];
        assert_eq!(log.take(), events);
    }

    /// In a process of its own, for its standard error.
    #[test]
    fn what_is_printed_names_the_event() {
        const INSIDE: &str = "BLOCKWORK_TEST_PRINT";
        if std::env::var_os(INSIDE).is_some() {
            let heap = Observed::new(System, print as fn(Event));
            let layout = Layout::new::<[u8; 300]>();
            let block = heap.allocate(layout).unwrap();
            // SAFETY: just allocated with this layout.
            unsafe { heap.deallocate(block, layout) };
            return;
        }
        let name = "combine::observed::tests::what_is_printed_names_the_event";
        let mut run = std::process::Command::new(std::env::current_exe().unwrap());
        let output = run.args([name, "--exact"]).env(INSIDE, "1").output().unwrap();
        let printed = heap::string::String::from_utf8_lossy(&output.stderr).into_owned();
        let mut lines = printed.lines().filter(|line| line.starts_with("blockwork: "));
        for event in ["Allocated {", "Freed {"] {
            let line = lines.next().unwrap();
            assert!(line.contains(event) && line.contains("300"), "{printed}");
        }
    }
}

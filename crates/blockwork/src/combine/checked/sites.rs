//! [`CallSites`]: who asked for a block, to be told when it leaks.

use core::fmt;

/// Knows where in the program a block was asked for.
///
/// [`Checked`](super::Checked) asks at every allocation, keeps the number as long as the block is
/// live, and prints what it stands for when the block leaks. It may use any
/// allocator but the one it works for; if it unwinds, that ends the program.
///
/// ```
/// use core::{cell::Cell, fmt};
/// use blockwork::{Allocate, Below, CallSites, Checked, Scrutiny, Stop, System};
///
/// /// The level of a game that is running.
/// struct Level(Cell<u32>);
///
/// impl CallSites for Level {
///     fn enter(&self) -> u32 {
///         self.0.get()
///     }
///     fn write(&self, site: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         write!(f, "in level {site}")
///     }
/// }
///
/// let heap = Checked::with(System, Stop, Below, Level(Cell::new(7)), Scrutiny::PLAIN);
/// let layout = core::alloc::Layout::new::<u64>();
/// let block = heap.allocate(layout)?;
/// assert!(heap.live_blocks().to_string().ends_with("(8 @ 8) in level 7"));
/// # // SAFETY: just allocated with this layout.
/// # unsafe { heap.deallocate(block, layout) };
/// # Ok::<(), blockwork::AllocError>(())
/// ```
pub trait CallSites {
    /// A number for the place that asks now.
    fn enter(&self) -> u32;

    /// The block that asked for `site` is gone.
    fn leave(&self, site: u32) {
        let _ = site;
    }

    /// The block that asked for `site` is being freed. Returns the number that its
    /// misuse is told with from now on, which nobody says goodbye to; 0 for none.
    fn end(&self, site: u32) -> u32 {
        self.leave(site);
        0
    }

    /// Prints where `site` is; nothing, if that is not known.
    ///
    /// # Errors
    ///
    /// When the formatter fails.
    fn write(&self, site: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Nobody keeps note of who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsited;

impl CallSites for Unsited {
    #[inline]
    fn enter(&self) -> u32 {
        0
    }

    fn write(&self, _: u32, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl<S: CallSites + ?Sized> CallSites for &S {
    fn enter(&self) -> u32 {
        (**self).enter()
    }

    fn leave(&self, site: u32) {
        (**self).leave(site);
    }

    fn end(&self, site: u32) -> u32 {
        (**self).end(site)
    }

    fn write(&self, site: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).write(site, f)
    }
}

#[cfg(feature = "std")]
pub use self::backtraces::Backtraces;

#[cfg(feature = "std")]
mod backtraces {
    use core::{cell::RefCell, fmt};
    use std::backtrace::Backtrace;

    use heap::vec::Vec;

    use super::CallSites;

    /// A backtrace for every live block, in memory of the global allocator.
    ///
    /// Takes a few microseconds per block, and some hundred bytes. Not for the
    /// global allocator itself, which it would call.
    #[derive(Debug, Default)]
    pub struct Backtraces {
        traces: RefCell<Traces>,
    }

    #[derive(Debug, Default)]
    struct Traces {
        /// By number, from one on.
        taken: Vec<Option<Backtrace>>,
        free: Vec<u32>,
    }

    impl Backtraces {
        /// Keeps no backtrace yet.
        #[must_use]
        pub const fn new() -> Self {
            Self { traces: RefCell::new(Traces { taken: Vec::new(), free: Vec::new() }) }
        }
    }

    impl CallSites for Backtraces {
        fn enter(&self) -> u32 {
            let trace = Some(Backtrace::force_capture());
            let mut traces = self.traces.borrow_mut();
            let free = traces.free.pop();
            if let Some(site) = free {
                if let Some(place) = slot(&mut traces.taken, site) {
                    *place = trace;
                }
                return site;
            }
            traces.taken.push(trace);
            // Nobody has as many live blocks; the last ones would go by one name.
            u32::try_from(traces.taken.len()).unwrap_or(u32::MAX)
        }

        fn leave(&self, site: u32) {
            let mut traces = self.traces.borrow_mut();
            if let Some(place @ Some(_)) = slot(&mut traces.taken, site) {
                *place = None;
                traces.free.push(site);
            }
        }

        fn write(&self, site: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let mut traces = self.traces.borrow_mut();
            match slot(&mut traces.taken, site) {
                Some(Some(trace)) => write!(f, "from\n{trace}"),
                _ => Ok(()),
            }
        }
    }

    fn slot(taken: &mut [Option<Backtrace>], site: u32) -> Option<&mut Option<Backtrace>> {
        taken.get_mut(usize::try_from(site).ok()?.checked_sub(1)?)
    }
}

//! [`replay`]: plays steps through one heap, touching memory as a program would
//! and checking that nobody else touched it.
//!
//! | a block | is |
//! |---|---|
//! | begins | written: tag, a mark on every page, last byte |
//! | changes | moved by the heap, or allocated, copied and freed; then the new part is marked |
//! | ends | read: the tag, and with a thorough [`Watch`] every mark |
//!
//! All `unsafe` of a replay is in this folder: the loop and what it writes
//! ([`marks`]), what it calls ([`heap`], [`malloc`], [`preloaded`]), where its steps
//! come from ([`mapping`]) and its blocks are noted ([`mod@array`]),
//! and the same by many threads ([`ensemble`], [`one_at_a_time`]).
//!
//! The loop is the same for every heap, the null allocator's included, so that
//! its own cost can be taken off.

mod array;
pub mod clocked;
pub mod ensemble;
mod gate;
pub mod heap;
pub mod machine;
pub mod malloc;
pub mod mapped;
pub mod mapping;
pub mod marks;
pub mod one_at_a_time;
pub mod preloaded;
pub mod resident;

use std::{alloc::Layout, error::Error, fmt, hint::black_box, ptr::NonNull, time::Duration};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use self::{
    array::Array,
    heap::{Heap, Resized},
    marks::{Mark, Touch},
};
use super::step::{Act, Step};

/// Follows a replay.
pub trait Watch {
    /// Whether to look at every mark and every zero, not only at the tags, and
    /// to report grants.
    const THOROUGH: bool;

    /// A block of `asked` bytes occupies `granted` from now on.
    fn took(&mut self, asked: usize, granted: usize);

    /// A block of `asked` bytes occupies `granted` no longer.
    fn gave(&mut self, asked: usize, granted: usize);

    /// This step, counted from 0, is done.
    fn stepped(&mut self, step: usize) {
        let _ = step;
    }
}

/// Watches nothing: for timed runs.
#[derive(Debug)]
pub struct Unwatched;

impl Watch for Unwatched {
    const THOROUGH: bool = false;

    fn took(&mut self, _: usize, _: usize) {}

    fn gave(&mut self, _: usize, _: usize) {}
}

/// Where and why a replay ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The step, counted from 0.
    pub step: usize,
    /// What went wrong there.
    pub fault: Fault,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// The heap had no memory for a block of this size.
    OutOfMemory(usize),
    /// A block does not hold what was written there.
    Corrupted,
    /// A block is not aligned as asked.
    Misaligned,
    /// A block that had to be zero is not.
    NotZero,
    /// The step makes no sense where it stands.
    Nonsense,
    /// There are no more threads.
    NoThread,
    /// Another thread failed.
    Elsewhere,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory(asked) => write!(f, "out of memory, asked for {asked} bytes"),
            Self::Corrupted => f.write_str("corrupted memory, a block does not hold what was written there"),
            Self::Misaligned => f.write_str("handed out a block that is not aligned as asked"),
            Self::NotZero => f.write_str("handed out a dirty block where a zeroed one was asked for"),
            Self::NoThread => f.write_str("the system has not as many threads"),
            Self::Elsewhere => f.write_str("another thread failed"),
            Self::Nonsense => f.write_str("the script of the replay makes no sense"),
        }
    }
}

impl Error for Fault {}

/// A block in its slot.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// Where it is.
    block: NonNull<u8>,
    /// What it was asked for with.
    layout: Layout,
}

/// The blocks of one replay, by slot.
#[derive(Debug)]
pub struct Table(Array<Option<Live>>);

impl Table {
    /// No blocks yet, in slots below `slots`; below none, if there is no memory
    /// for so many.
    pub fn new(slots: usize) -> Self {
        Self(Array::new(slots, || None))
    }
}

/// Plays `steps` through `heap`, and returns the processor time that took.
/// Blocks that are live at the end stay with the heap.
///
/// # Errors
///
/// The first step at which the heap failed.
pub fn replay<H: Heap, W: Watch>(
    heap: &H,
    steps: &[Step],
    table: Table,
    touch: Touch,
    watch: &mut W,
) -> Result<Duration, Stop> {
    let Table(mut slots) = table;
    let slots = slots.as_mut_slice();
    let started = clock();
    for (step, call) in steps.iter().enumerate() {
        let slot = slots.get_mut(call.slot()).ok_or(Stop { step, fault: Fault::Nonsense })?;
        play(heap, *call, slot, touch, watch).map_err(|fault| Stop { step, fault })?;
        watch.stepped(step);
    }
    let took = clock().saturating_sub(started);
    if W::THOROUGH {
        audit(heap, slots.iter().copied(), touch)
            .map_err(|fault| Stop { step: steps.len().saturating_sub(1), fault })?;
    }
    Ok(took)
}

/// The processor time of this thread: a replay that waits for its turn on a
/// busy machine is not a slow one.
fn clock() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

/// Plays one step on its slot.
#[inline]
fn play<H: Heap, W: Watch>(
    heap: &H,
    call: Step,
    slot: &mut Option<Live>,
    touch: Touch,
    watch: &mut W,
) -> Result<(), Fault> {
    let mark = Mark::new(call.slot(), touch);
    let found = slot.map(|live| Live { block: heap.here(live.block), ..live });
    match (call.act().ok_or(Fault::Nonsense)?, found) {
        (Act::Allocate(layout, zeroed), None) => {
            let block = begin(heap, layout, zeroed, touch, watch)?;
            // SAFETY: the block is new and has this size.
            unsafe { mark.write(block, 0, layout.size()) }
            *slot = Some(Live { block, layout });
        }
        (Act::Reallocate(layout), Some(live)) => {
            // SAFETY: the slot's block is live in this heap.
            let block = unsafe { change(heap, live, layout, mark, watch)? };
            *slot = Some(Live { block, layout });
        }
        (Act::Free, Some(live)) => {
            // SAFETY: the slot's block is live in this heap.
            unsafe { end(heap, live, mark, watch)? }
            *slot = None;
        }
        _ => return Err(Fault::Nonsense),
    }
    Ok(())
}

/// A new block.
#[inline]
fn begin<H: Heap, W: Watch>(
    heap: &H,
    layout: Layout,
    zeroed: bool,
    touch: Touch,
    watch: &mut W,
) -> Result<NonNull<u8>, Fault> {
    let block = heap.allocate(layout, zeroed).ok_or(Fault::OutOfMemory(layout.size()))?;
    if !is_aligned::<H>(block, layout) {
        return Err(Fault::Misaligned);
    }
    let live = Live { block, layout };
    // SAFETY: the block is new, with this layout.
    watch.took(layout.size(), unsafe { granted::<H, W>(heap, live) });
    if H::KEEPS && W::THOROUGH && zeroed && touch != Touch::None {
        // SAFETY: the block has this size, and the heap says that it wrote all of it.
        if !unsafe { marks::zero(block, layout.size()) } {
            return Err(Fault::NotZero);
        }
    }
    Ok(block)
}

/// Whether a block is where its layout says.
#[inline]
fn is_aligned<H: Heap>(block: NonNull<u8>, layout: Layout) -> bool {
    !H::KEEPS || block.addr().get().is_multiple_of(H::align(layout))
}

/// The block of `old`, made one of `new`, perhaps elsewhere.
///
/// # Safety
///
/// - `old` is live in this heap, and written with this mark.
#[inline]
unsafe fn change<H: Heap, W: Watch>(
    heap: &H,
    old: Live,
    new: Layout,
    mark: Mark,
    watch: &mut W,
) -> Result<NonNull<u8>, Fault> {
    let kept = old.layout.size().min(new.size());
    // SAFETY: live, as the caller says.
    let before = unsafe { granted::<H, W>(heap, old) };
    // SAFETY: live, with this layout.
    let block = match unsafe { heap.resize(old.block, old.layout, new) } {
        Resized::Done(block) => {
            if !is_aligned::<H>(block, new) {
                return Err(Fault::Misaligned);
            }
            watch.gave(old.layout.size(), before);
            // SAFETY: the heap says that the block is here now, with this layout.
            watch.took(new.size(), unsafe { granted::<H, W>(heap, Live { block, layout: new }) });
            block
        }
        Resized::Refused => {
            let block = begin(heap, new, false, mark.touch(), watch)?;
            // SAFETY: both are live and so disjoint, and neither is shorter.
            unsafe { block.copy_from_nonoverlapping(old.block, kept) }
            // SAFETY: live, with this layout, and not used again.
            unsafe { heap.free(old.block, old.layout) }
            watch.gave(old.layout.size(), before);
            block
        }
        Resized::Failed => return Err(Fault::OutOfMemory(new.size())),
    };
    // SAFETY: the block has at least `kept` bytes, of which the marks were copied.
    if !unsafe { kept_marks::<H, W>(block, kept, mark) } {
        return Err(Fault::Corrupted);
    }
    // SAFETY: the block has this size.
    unsafe { mark.write(block, kept, new.size()) }
    Ok(block)
}

/// The end of a block.
///
/// # Safety
///
/// - `live` is live in this heap, and written with this mark.
#[inline]
unsafe fn end<H: Heap, W: Watch>(heap: &H, live: Live, mark: Mark, watch: &mut W) -> Result<(), Fault> {
    let Live { block, layout } = live;
    // SAFETY: live, with this size, and written with this mark.
    if !unsafe { kept_marks::<H, W>(block, layout.size(), mark) } {
        return Err(Fault::Corrupted);
    }
    if H::KEEPS && W::THOROUGH {
        // SAFETY: as above.
        if !unsafe { mark.ends(block, layout.size()) } {
            return Err(Fault::Corrupted);
        }
    }
    // SAFETY: live, as the caller says.
    let granted = unsafe { granted::<H, W>(heap, live) };
    // SAFETY: live, with this layout, and not used again.
    unsafe { heap.free(block, layout) }
    watch.gave(layout.size(), granted);
    Ok(())
}

/// Looks at the blocks that nobody freed.
fn audit<H: Heap>(_: &H, slots: impl Iterator<Item = Option<Live>>, touch: Touch) -> Result<(), Fault> {
    for (slot, live) in slots.enumerate() {
        let Some(Live { block, layout }) = live else { continue };
        let mark = Mark::new(slot, touch);
        // SAFETY: live in a heap that is still borrowed, with this size, and written with this mark.
        let marked = unsafe { mark.marked(block, layout.size()) };
        // SAFETY: as above.
        let ends = unsafe { mark.ends(block, layout.size()) };
        if H::KEEPS && !(marked && ends) {
            return Err(Fault::Corrupted);
        }
    }
    Ok(())
}

/// What the block occupies, if `W` wants to know.
///
/// # Safety
///
/// - `live` is live in this heap.
#[inline]
unsafe fn granted<H: Heap, W: Watch>(heap: &H, live: Live) -> usize {
    if W::THOROUGH {
        // SAFETY: live, with this layout.
        unsafe { heap.granted(live.block, live.layout) }
    } else {
        0
    }
}

/// Whether the first `len` bytes of a block hold what was written there, as far
/// as `W` looks. A heap that does not keep bytes is asked, and not believed: the
/// null allocator has to pay for the question as everybody does.
///
/// # Safety
///
/// - `block` is valid for reads of `len` bytes, and was written with this mark.
#[inline]
unsafe fn kept_marks<H: Heap, W: Watch>(block: NonNull<u8>, len: usize, mark: Mark) -> bool {
    let kept = if W::THOROUGH {
        // SAFETY: as the caller promises.
        unsafe { mark.marked(block, len) }
    } else {
        // SAFETY: as the caller promises.
        unsafe { mark.tagged(block, len) }
    };
    black_box(kept) || !H::KEEPS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{
        books::{Books, Gauge},
        driver::{
            heap::{Null, Through},
            malloc::Malloc,
        },
        testing::{Broken, Ops, Wrong, everything, steps},
    };
    use blockwork::System;

    /// Reads nothing.
    struct NoGauge;

    impl Gauge for NoGauge {
        fn held(&mut self, _: usize) -> u64 {
            0
        }
    }

    /// Both ways to play: thorough, and timed.
    fn both(heap: &impl Heap, ops: &Ops) -> [Result<(), Stop>; 2] {
        touching(Touch::default(), heap, ops)
    }

    fn touching(touch: Touch, heap: &impl Heap, ops: &Ops) -> [Result<(), Stop>; 2] {
        let steps = steps(ops);
        let thorough = replay(heap, &steps, Table::new(8), touch, &mut Books::new(NoGauge));
        let timed = replay(heap, &steps, Table::new(8), touch, &mut Unwatched);
        [thorough.map(|_| ()), timed.map(|_| ())]
    }

    fn thorough(heap: &impl Heap, ops: &Ops) -> Result<(), Stop> {
        let [thorough, _] = both(heap, ops);
        thorough
    }

    #[test]
    fn a_right_heap_comes_to_the_end_however_it_is_touched() {
        for touch in [Touch::None, Touch::Ends, Touch::Pages, Touch::All] {
            assert_eq!(touching(touch, &Malloc, &everything()), [Ok(()), Ok(())], "{touch:?}");
            assert_eq!(touching(touch, &Through(&System), &everything()), [Ok(()), Ok(())], "{touch:?}");
            assert_eq!(touching(touch, &Null::new(300_000), &everything()), [Ok(()), Ok(())], "{touch:?}");
        }
    }

    #[test]
    fn a_block_that_loses_a_byte_in_the_middle_is_noticed_where_all_is_looked_at() {
        let ops = Ops::new().alloc(0, 100).realloc(0, 200);
        let heap = || Broken::new(Wrong::Holed);
        assert_eq!(touching(Touch::Pages, &heap(), &ops), [Ok(()), Ok(())]);
        let [verified, _] = touching(Touch::All, &heap(), &ops);
        assert_eq!(verified, Err(Stop { step: 1, fault: Fault::Corrupted }));
    }

    #[test]
    fn the_null_allocator_comes_to_the_end_though_all_its_blocks_overlap() {
        assert_eq!(both(&Null::new(300_000), &everything()), [Ok(()), Ok(())]);
    }

    #[test]
    fn bytes_given_out_twice_are_noticed_where_the_first_block_ends() {
        let ops = Ops::new().alloc(0, 100).alloc(1, 100).free(1).free(0);
        let stop = Err(Stop { step: 3, fault: Fault::Corrupted });
        assert_eq!(both(&Broken::new(Wrong::Overlapping), &ops), [stop, stop]);
    }

    #[test]
    fn blocks_that_are_never_freed_are_looked_at_in_the_end() {
        let ops = Ops::new().alloc(0, 100).alloc(1, 100);
        let stop = Err(Stop { step: 1, fault: Fault::Corrupted });
        assert_eq!(thorough(&Broken::new(Wrong::Overlapping), &ops), stop);
    }

    #[test]
    fn a_block_that_loses_its_bytes_when_it_grows_is_noticed() {
        let ops = Ops::new().alloc(0, 100).realloc(0, 200);
        let stop = Err(Stop { step: 1, fault: Fault::Corrupted });
        assert_eq!(both(&Broken::new(Wrong::Forgetful), &ops), [stop, stop]);
    }

    #[test]
    fn dirt_where_zeroes_were_asked_for_is_noticed() {
        let ops = Ops::new().alloc(0, 64).zeroed(1, 16).zeroed(2, 64);
        assert_eq!(thorough(&Broken::new(Wrong::Dirty), &ops), Err(Stop { step: 2, fault: Fault::NotZero }));
    }

    #[test]
    fn a_misaligned_block_is_noticed() {
        let ops = Ops::new().aligned(0, 64, 3).aligned(1, 64, 12);
        let stop = Err(Stop { step: 1, fault: Fault::Misaligned });
        assert_eq!(both(&Broken::new(Wrong::Misaligned), &ops), [stop, stop]);
    }

    #[test]
    fn a_heap_without_memory_says_at_which_event() {
        let ops = Ops::new().alloc(0, 64).free(0).alloc(0, 65).realloc(0, 66);
        let stop = Stop { step: 3, fault: Fault::OutOfMemory(66) };
        assert_eq!(thorough(&Broken::failing_after(2), &ops), Err(stop));
        assert_eq!(stop.fault.to_string(), "out of memory, asked for 66 bytes");
    }

    #[test]
    fn a_script_that_makes_no_sense_is_refused() {
        for (ops, step) in [
            (Ops::new().free(0), 0),
            (Ops::new().realloc(0, 5), 0),
            (Ops::new().alloc(0, 1).alloc(0, 1), 1),
            (Ops::new().alloc(8, 1), 0),
            (Ops::new().alloc(0, u64::MAX), 0),
        ] {
            let stop = Err(Stop { step, fault: Fault::Nonsense });
            assert_eq!(both(&Malloc, &ops), [stop, stop], "{ops:?}");
        }
    }
}

//! Replays by the threads that called.
//!
//! | | waits | for |
//! |---|---|---|
//! | [`timed`] | where another thread had the block before | what the program could do at the same time |
//! | [`watched`] | for every call before, of all threads | what is held, which is then the same each time |
//!
//! All threads are there from the start, and each begins when the recorded one
//! did. Time is the processor's, of all threads together; what a thread waits is
//! left out.

use std::{
    cell::UnsafeCell,
    hint::spin_loop,
    io,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use super::{
    Fault, Live, Stop, Unwatched, Watch, array::Array, audit, clock, gate::perform, heap::Heap, marks::Touch,
    one_at_a_time::OneAtATime, play,
};
use crate::replay::call::Call;

/// A block's slot, and the calls on it so far.
struct Cell {
    turn: AtomicU32,
    live: UnsafeCell<Option<Live>>,
}

// SAFETY: `live` is touched only by the thread whose call has the turn that
// `turn` says, and `turn` hands it on, with `Release` to `Acquire`.
unsafe impl Sync for Cell {}

/// What the threads of a replay share.
struct Stage {
    cells: Array<Cell>,
    touch: Touch,
    /// One thread failed; nobody need wait for it.
    is_over: AtomicBool,
}

impl Stage {
    fn new(slots: usize, touch: Touch) -> Result<Self, Stop> {
        let cell = || Cell { turn: AtomicU32::new(0), live: UnsafeCell::new(None) };
        let cells = Array::new(slots, cell);
        if cells.as_slice().len() < slots {
            return Err(Stop { step: 0, fault: Fault::OutOfMemory(slots.saturating_mul(size_of::<Cell>())) });
        }
        Ok(Self { cells, touch, is_over: AtomicBool::new(false) })
    }

    /// Plays a call whose turn it is.
    ///
    /// # Safety
    ///
    /// - The turn of its cell, if it has one, is the call's, seen with `Acquire`, and no other call has the same.
    unsafe fn play<H: Heap, W: Watch>(&self, heap: &H, call: &Call, watch: &mut W) -> Result<(), Fault> {
        let cell = self.cells.as_slice().get(call.step.slot()).ok_or(Fault::Nonsense)?;
        // SAFETY: ours alone, until the turn is handed on below.
        let live = unsafe { &mut *cell.live.get() };
        play(heap, call.step, live, self.touch, watch)?;
        // Seen with `Acquire` by who has the next turn.
        cell.turn.store(call.turn.wrapping_add(1), Ordering::Release);
        Ok(())
    }

    fn turn(&self, call: &Call) -> Option<u32> {
        // Handed on with `Release` by who had the turn before.
        Some(self.cells.as_slice().get(call.step.slot())?.turn.load(Ordering::Acquire))
    }

    /// Whether it is the turn of `call`, or never will be.
    fn is_up(&self, call: &Call) -> bool {
        self.turn(call).is_none_or(|turn| turn == call.turn)
    }

    /// Waits until `is_so`, and returns the time that took.
    #[cold]
    fn wait(&self, at: u32, is_so: impl Fn() -> bool) -> Result<Duration, Stop> {
        let begin = clock();
        let mut rounds = 0_u32;
        while !is_so() {
            if self.is_over.load(Ordering::Relaxed) {
                return Err(Stop { step: at as usize, fault: Fault::Elsewhere });
            }
            match rounds {
                0..200 => spin_loop(),
                200..220 => thread::yield_now(),
                _ => thread::sleep(Duration::from_micros(20)),
            }
            rounds += 1;
        }
        Ok(clock().saturating_sub(begin))
    }

    fn fail(&self, call: &Call, fault: Fault) -> Stop {
        self.is_over.store(true, Ordering::Relaxed);
        Stop { step: call.at as usize, fault }
    }
}

/// Plays `calls` through what `heap` makes for each thread, and returns the
/// processor time that took.
///
/// # Errors
///
/// The first step at which the heap failed.
pub fn timed<H: Heap>(
    heap: impl Fn() -> H + Sync,
    calls: &[Call],
    slots: usize,
    touch: Touch,
) -> Result<Duration, Stop> {
    let stage = Stage::new(slots, touch)?;
    let work = |part| in_own_order(&stage, &heap(), part);
    let done = perform(parts(calls).collect(), work, drop).map_err(no_thread)?;
    done.into_iter().map(finished).reduce(sum).unwrap_or(Ok(Duration::ZERO))
}

/// A heap for all threads, where there is one for one.
pub fn locked<H: Heap>(heap: &H) -> OneAtATime<'_, H> {
    // SAFETY: the heaps of the lab are parts, and counters between them, that are
    // `Send` but for references to each other, and all are behind this lock; who
    // reads the counters has the baton, and then no other thread is playing.
    unsafe { OneAtATime::new(heap) }
}

fn no_thread(_: io::Error) -> Stop {
    Stop { step: 0, fault: Fault::NoThread }
}

/// A result, also of a thread that came to none.
fn finished<T>(result: Option<Result<T, Stop>>) -> Result<T, Stop> {
    result.unwrap_or(Err(Stop { step: usize::MAX, fault: Fault::Elsewhere }))
}

/// The first that was recorded of two failures, or both times.
fn sum(one: Result<Duration, Stop>, other: Result<Duration, Stop>) -> Result<Duration, Stop> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok(one + other),
        (Ok(_), Err(stop)) | (Err(stop), Ok(_)) => Err(stop),
        (Err(one), Err(other)) => Err(first(one, other)),
    }
}

/// Of two failures the one that is none but for the other; or the earlier.
fn first(one: Stop, other: Stop) -> Stop {
    let key = |stop: &Stop| (stop.fault == Fault::Elsewhere, stop.step);
    if key(&other) < key(&one) { other } else { one }
}

/// One thread's calls, as soon as each may be.
fn in_own_order<H: Heap>(stage: &Stage, heap: &H, calls: &[Call]) -> Result<Duration, Stop> {
    let Some((begin, calls)) = calls.split_first() else { return Ok(Duration::ZERO) };
    if begin.step.raw_slot() != u32::MAX {
        let is_done = || stage.turn(begin).is_none_or(|turn| turn.wrapping_sub(begin.turn).cast_signed() > 0);
        let _unused = stage.wait(begin.at, is_done)?;
    }
    let started = clock();
    let mut waited = Duration::ZERO;
    for call in calls {
        if !stage.is_up(call) {
            waited += stage.wait(call.at, || stage.is_up(call))?;
        }
        // SAFETY: it is this call's turn, or it has no cell; a script numbers the calls on a slot.
        unsafe { stage.play(heap, call, &mut Unwatched) }.map_err(|fault| stage.fail(call, fault))?;
    }
    Ok(clock().saturating_sub(started).saturating_sub(waited))
}

/// Hands a watch from call to call, in recorded order.
struct Baton<W> {
    /// Whose call is next, by number.
    next: AtomicU32,
    watch: UnsafeCell<Option<W>>,
    threads: OnceLock<Vec<Thread>>,
}

// SAFETY: `watch` is touched only by the thread whose call `next` says, which hands
// it on with `Release` to `Acquire`; so what is in it is used by one thread at a
// time, and nothing of it belongs to a thread.
unsafe impl<W> Sync for Baton<W> {}

/// Plays `calls` in the order in which they were recorded, each on its thread, and
/// returns the watch that `watch` makes once all threads are there.
///
/// # Errors
///
/// The first step at which the heap failed.
pub fn watched<W: Watch>(
    heap: &(impl Heap + Sync),
    calls: &[Call],
    slots: usize,
    touch: Touch,
    watch: impl FnOnce() -> W,
) -> Result<W, Stop> {
    let mut stage = Stage::new(slots, touch)?;
    let baton = Baton { next: AtomicU32::new(0), watch: UnsafeCell::new(None), threads: OnceLock::new() };
    let work = |part| in_recorded_order(&stage, &baton, heap, part);
    let done = perform(parts(calls).collect(), work, |threads| {
        drop(baton.threads.set(threads));
        // SAFETY: nobody has begun.
        let place = unsafe { &mut *baton.watch.get() };
        *place = Some(watch());
    });
    let failed = done.map_err(no_thread)?.into_iter().filter_map(|result| finished(result).err());
    failed.reduce(first).map_or(Ok(()), Err)?;
    let live = stage.cells.as_mut_slice().iter_mut().map(|cell| *cell.live.get_mut());
    let last = calls.iter().map(|call| call.at as usize).max().unwrap_or(0);
    audit(heap, live, touch).map_err(|fault| Stop { step: last, fault })?;
    baton.watch.into_inner().ok_or(Stop { step: 0, fault: Fault::Nonsense })
}

/// One thread's calls, each after all that were recorded before.
fn in_recorded_order<W: Watch>(stage: &Stage, baton: &Baton<W>, heap: &impl Heap, calls: &[Call]) -> Result<(), Stop> {
    let threads = baton.threads.get().map(Vec::as_slice).unwrap_or_default();
    for call in calls.iter().skip(1) {
        // Stored with `Release` by who had it before.
        while baton.next.load(Ordering::Acquire) != call.at {
            if stage.is_over.load(Ordering::Relaxed) {
                return Err(Stop { step: call.at as usize, fault: Fault::Elsewhere });
            }
            thread::park();
        }
        // SAFETY: it is our turn, until we hand it on.
        let watch = unsafe { &mut *baton.watch.get() };
        let played = match watch {
            // SAFETY: every call before is done, so it is this call's turn on its slot.
            Some(watch) => unsafe { stage.play(heap, call, watch) },
            None => Err(Fault::Nonsense),
        };
        if let Err(fault) = played {
            let stop = stage.fail(call, fault);
            threads.iter().for_each(Thread::unpark);
            return Err(stop);
        }
        if let Some(watch) = watch {
            watch.stepped(call.at as usize);
        }
        // Seen with `Acquire` by the thread whose call is next.
        baton.next.store(call.at.wrapping_add(1), Ordering::Release);
        if let Some(next) = threads.get(usize::from(call.step.next()))
            && next.id() != thread::current().id()
        {
            next.unpark();
        }
    }
    Ok(())
}

/// The calls of each thread, with the mark before.
fn parts(calls: &[Call]) -> impl Iterator<Item = &[Call]> {
    let mut rest = calls;
    std::iter::from_fn(move || {
        let (begin, after) = rest.split_first()?;
        let len = if begin.step.is_begin() { after.iter().take_while(|call| !call.step.is_begin()).count() } else { 0 };
        let (part, others) = rest.split_at(len + 1);
        rest = others;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{
        books::{Books, Gauge, Moment},
        call::split,
        driver::{
            heap::{Null, Through},
            malloc::Malloc,
        },
        testing::{Broken, Ops, Wrong, everything},
    };
    use blockwork::{Pages, SpanPool, SpanPoolConfig};

    /// Holds nothing.
    struct NoGauge;

    impl Gauge for NoGauge {
        fn held(&mut self, _: usize) -> u64 {
            0
        }
    }

    fn calls(ops: &Ops) -> (Vec<Call>, usize) {
        split(&ops.0).unwrap()
    }

    /// Both ways to play.
    fn both(heap: &(impl Heap + Sync), ops: &Ops) -> [Result<(), Stop>; 2] {
        let (calls, slots) = calls(ops);
        let watched = watched(heap, &calls, slots, Touch::All, || Books::new(NoGauge));
        [watched.map(drop), timed(|| heap, &calls, slots, Touch::All).map(drop)]
    }

    /// Three threads that hand their blocks on, some of them back, some to nobody.
    fn relay() -> Ops {
        let mut ops = Ops::new();
        for round in 0_u32..300 {
            let [a, b, c] = [0, 1, 2].map(|slot| 3 * (round % 20) + slot);
            ops = ops.by(0).alloc(a, 40).alloc(b, 5000).by(1).realloc(a, 100).alloc(c, 1).by(2).free(b);
            ops = ops.realloc(a, 6000).by(0).free(c).by(2).free(a).alloc(60, 30).free(60);
        }
        ops.by(7).alloc(0, 50)
    }

    #[test]
    fn threads_hand_their_blocks_on() {
        assert_eq!(both(&Malloc, &relay()), [Ok(()), Ok(())]);
        assert_eq!(both(&Malloc, &everything()), [Ok(()), Ok(())]);
        let pool = SpanPool::try_new(Pages, SpanPoolConfig { block: 64, ..SpanPoolConfig::DEFAULT }).unwrap();
        assert_eq!(both(&locked(&Through(&pool)), &relay()), [Ok(()), Ok(())]);
    }

    #[test]
    fn the_null_allocator_is_one_for_each_thread() {
        let (calls, slots) = calls(&relay());
        assert!(timed(|| Null::new(6000), &calls, slots, Touch::All).is_ok());
    }

    #[test]
    fn what_is_watched_is_in_recorded_order() {
        let ops = Ops::new().alloc(0, 100).by(1).alloc(1, 30).by(0).free(1).by(1).free(0).alloc(0, 70);
        let (calls, slots) = calls(&ops);
        struct Sizes(Vec<i64>);
        impl Watch for Sizes {
            const THOROUGH: bool = true;
            fn took(&mut self, asked: usize, _: usize) {
                self.0.push(asked.cast_signed() as i64);
            }
            fn gave(&mut self, asked: usize, _: usize) {
                self.0.push(-(asked.cast_signed() as i64));
            }
        }
        for _ in 0..20 {
            let sizes = watched(&Malloc, &calls, slots, Touch::Pages, || Sizes(Vec::new())).unwrap();
            assert_eq!(sizes.0, [100, 30, -30, -100, 70]);
        }
    }

    #[test]
    fn a_heap_that_fails_says_where_and_nobody_waits_for_it() {
        let ops = relay();
        let broken = |fault| both(&locked(&Broken::new(fault)), &ops).map(|done| done.unwrap_err().fault);
        assert_eq!(broken(Wrong::Forgetful)[0], Fault::Corrupted);
        let heap = Broken::failing_after(2);
        let (calls, slots) = calls(&ops);
        let stop = watched(&locked(&heap), &calls, slots, Touch::All, || Books::new(NoGauge)).map(drop).unwrap_err();
        assert_eq!((stop.step, stop.fault), (2, Fault::OutOfMemory(100)));
    }

    #[test]
    fn the_books_are_the_same_as_of_one_thread() {
        let (calls, slots) = calls(&relay());
        let peak = watched(&Malloc, &calls, slots, Touch::Pages, || Books::new(NoGauge)).unwrap().close(None).peak;
        assert_eq!(peak.held, 0);
        assert!(peak.asked > 100 + 5000, "{peak:?}");
        assert_ne!(peak, Moment::default());
    }
}

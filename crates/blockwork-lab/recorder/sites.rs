//! Who asks: the stack behind each request, as a chain of frames that is
//! written once.
//!
//! ```text
//! walk ─► 0x51 0x42 0x33 ─► frame 7 (0x33) ◄─ frame 8 (0x42) ◄─ frame 9 (0x51)
//!                           known already          new: written, then "stack 9"
//! ```
//!
//! **Memory.** A table of fixed size knows the frames that were met last. One
//! that was forgotten is written again, and the lab sees that it is the same.
//!
//! **Locks.** A walk by rules that are known needs none. What is not known yet is
//! found under the writer's, by system calls and loads only.

use core::{
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use super::{
    modules::Modules,
    sys::{self, Errno, OnFork},
    unwind::{Bounds, Registers, Rules, walk},
    wire::Event,
    writer::{Pen, Reach, Writer},
};

/// No stack is recorded deeper.
pub const DEPTH: usize = 128;

const TABLE_LOG2: u32 = 16;

/// All that is known of stacks. All zeroes know nothing; that is how a forked
/// child finds it.
struct Sites {
    rules: Rules,
    /// Touched only by the holder of the writer's lock.
    kept: core::cell::UnsafeCell<Kept>,
}

// SAFETY: `rules` is made of atomics, `kept` guarded by the writer's lock.
unsafe impl Sync for Sites {}

struct Kept {
    modules: Modules,
    table: [Entry; 1 << TABLE_LOG2],
    /// Frames so far.
    count: u32,
    /// The stack that was said to ask.
    said: u32,
}

/// A frame by what it and all that led to it come to.
#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    number: u32,
}

static SITES: AtomicPtr<Sites> = AtomicPtr::new(ptr::null_mut());
/// How deep to look.
static DEPTH_WANTED: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

/// Records stacks of `depth` frames from now on.
pub fn start(depth: usize) -> Result<(), Errno> {
    let memory = sys::map_anonymous(size_of::<Sites>())?;
    sys::on_fork(memory.as_ptr(), size_of::<Sites>(), OnFork::Zeroed)?;
    DEPTH_WANTED.store(depth.min(DEPTH), Relaxed);
    SITES.store(memory.cast().as_ptr(), Release); // pairs with Acquire in `append`
    Ok(())
}

/// Whether stacks are wanted.
#[inline]
pub fn are_wanted() -> bool {
    !SITES.load(Relaxed).is_null() // `append` looks again
}

/// Writes `event` down, and before it who asked for that.
#[inline(never)]
pub fn append<R: Reach>(writer: &Writer<R>, event: &Event<'_>) {
    // Acquire: all zeroes at first; pairs with Release in `start`.
    // SAFETY: null, or mapped for good.
    let Some(sites) = (unsafe { SITES.load(Acquire).as_ref() }) else { return writer.append(event) };
    let mut frames = [0; DEPTH];
    let room = frames.get_mut(..DEPTH_WANTED.load(Relaxed)).unwrap_or_default();
    let registers = Registers::here();
    let bounds = Bounds::of_this_thread();
    let walked = bounds.holds(registers.sp).then(|| walk(registers, bounds, &sites.rules, None, is_ours, room).ok());
    writer.append_with(event, |pen| {
        // SAFETY: the writer's lock is ours.
        let kept = unsafe { &mut *sites.kept.get() };
        let depth = walked.flatten().unwrap_or_else(|| kept.walk(registers, bounds, &sites.rules, room, pen));
        kept.say(room.get(..depth).unwrap_or_default(), pen);
    });
}

impl Bounds {
    /// As far as they are known.
    #[inline]
    fn of_this_thread() -> Self {
        let [low, high] = sys::thread_stack();
        Self { low, high }
    }
}

impl Kept {
    /// Walks, and learns.
    #[cold]
    fn walk<R: Reach>(
        &mut self,
        registers: Registers,
        mut bounds: Bounds,
        rules: &Rules,
        frames: &mut [usize],
        pen: &mut Pen<'_, R>,
    ) -> usize {
        if !bounds.holds(registers.sp) {
            bounds = self.modules.stack(registers.sp);
            sys::set_thread_stack([bounds.low, bounds.high]);
        }
        let mut tell = |start, length, offset, path: &[u8]| pen.put(&Event::Module { start, length, offset, path });
        let mut tables = |address| self.modules.rule(address, &mut tell);
        walk(registers, bounds, rules, Some(&mut tables), is_ours, frames).unwrap_or(0)
    }

    /// Says that this stack asks, innermost call first.
    fn say<R: Reach>(&mut self, frames: &[usize], pen: &mut Pen<'_, R>) {
        let mut keys = [0; DEPTH];
        let mut key = 1;
        for (place, &address) in keys.iter_mut().zip(frames.iter().rev()) {
            key = mix(key, address);
            *place = key;
        }
        let keys = keys.get(..frames.len()).unwrap_or_default();
        // Mostly the whole stack is known.
        let mut known = keys.len();
        let mut stack = 0;
        while known > 0 && stack == 0 {
            known = known.wrapping_sub(1);
            stack = keys.get(known).map_or(0, |&key| self.find(key));
        }
        let fresh = if stack == 0 { 0 } else { known.wrapping_add(1) };
        for (&key, &address) in keys.iter().zip(frames.iter().rev()).skip(fresh) {
            pen.put(&Event::Frame { parent: stack.into(), address: address as u64 });
            self.count = self.count.wrapping_add(1);
            stack = self.count;
            self.insert(key, stack);
        }
        if stack != self.said {
            self.said = stack;
            pen.put(&Event::Stack { index: stack.into() });
        }
    }

    /// The two places where a frame may be.
    fn places(key: u64) -> [usize; 2] {
        let index = usize::try_from(key >> (u64::BITS - TABLE_LOG2)).unwrap_or(0);
        [index, index ^ 1]
    }

    #[inline]
    fn find(&self, key: u64) -> u32 {
        let entry = |index: usize| self.table.get(index).filter(|entry| entry.key == key);
        let [first, second] = Self::places(key);
        entry(first).or_else(|| entry(second)).map_or(0, |entry| entry.number)
    }

    fn insert(&mut self, key: u64, number: u32) {
        let [first, second] = Self::places(key);
        let free = self.table.get(first).is_none_or(|entry| entry.number == 0);
        let index = if free || number & 1 == 0 { first } else { second };
        if let Some(place) = self.table.get_mut(index) {
            *place = Entry { key, number };
        }
    }
}

/// What tells chains of calls apart: two of the same are unlikelier than a broken
/// machine.
#[inline]
const fn mix(key: u64, address: usize) -> u64 {
    let mixed = (key ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// Whether code is the recorder's own.
#[cfg(not(test))]
#[inline]
fn is_ours(address: usize) -> bool {
    unsafe extern "C" {
        static __ehdr_start: u8;
        static etext: u8;
    }
    let (start, end) = (&raw const __ehdr_start, &raw const etext);
    (start.addr()..end.addr()).contains(&address)
}

/// Whether code is the recorder's own: the tests'.
#[cfg(test)]
const fn is_ours(_: usize) -> bool {
    false
}

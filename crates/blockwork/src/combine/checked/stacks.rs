//! [`Stacks`]: who asked for a block, and who freed it, as call stacks.
//!
//! ```text
//! index by digest ─► number ─► chunk ─► [ callers │ number of what was before ]
//!
//! asked for:  who asked, 0              freed:  who freed, number of who asked
//! ```

use core::{alloc::Layout, cell::Cell, fmt, ptr::NonNull};

use super::sites::CallSites;
use crate::{alloc::Allocate, combine::sampled::CaptureStack};

/// The callers that a [`Callers`] has room for.
const DEPTH: usize = 20;

/// Stacks in the first chunk; every other one has twice as many as the one before.
const FIRST: usize = 256;

/// Chunks, for four thousand million stacks.
const CHUNKS: usize = 24;

/// Who called: return addresses, the nearest caller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Callers {
    depth: usize,
    frames: [usize; DEPTH],
}

impl Callers {
    /// Nobody knows.
    pub const UNKNOWN: Self = Self { depth: 0, frames: [0; DEPTH] };

    /// Those of this moment, as `capture` sees them.
    #[must_use]
    pub fn now(capture: &impl CaptureStack) -> Self {
        let mut frames = [0; DEPTH];
        let depth = capture.capture(&mut frames).min(DEPTH);
        if let Some(unused) = frames.get_mut(depth..) {
            unused.fill(0);
        }
        Self { depth, frames }
    }

    /// The return addresses.
    #[must_use]
    pub fn frames(&self) -> &[usize] {
        self.frames.get(..self.depth).unwrap_or_default()
    }
}

/// Who asked for a block or freed it.
#[derive(Debug)]
pub struct Stack {
    callers: Callers,
    before: u32,
}

impl Stack {
    /// Who it was.
    #[must_use]
    pub const fn callers(&self) -> &Callers {
        &self.callers
    }

    /// The number of who had asked for the block, if this is who freed it.
    #[must_use]
    pub const fn before(&self) -> Option<u32> {
        if self.before == 0 { None } else { Some(self.before) }
    }

    /// A number that differs for most stacks that differ.
    fn digest(callers: &Callers, before: u32) -> u64 {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        callers.frames().iter().fold(u64::from(before), |state, &frame| {
            let product = (state ^ frame as u64).wrapping_mul(ODD);
            product ^ product.wrapping_shr(29)
        })
    }
}

/// Numbers for call stacks, each of which is kept once, in memory of `A`.
///
/// Whoever calls the [`Checked`](super::Checked) says with [`arrive`](Self::arrive) who
/// is calling, and so decides when that is asked, before a lock is taken for one.
/// Stacks are kept until this is dropped. Without memory they are unknown.
///
/// ```
/// use core::alloc::Layout;
/// use blockwork::{Allocate, Callers, Checked, Log, Finding, Scrutiny, Stacks, System, Below, Unwind};
///
/// let stacks = Stacks::new(System);
/// let accused = Log::new(|finding: Finding<'_>| {
///     let Finding::Misuse(misuse) = finding else { return };
///     let freed = stacks.get(misuse.block.unwrap().site).unwrap();
///     assert!(freed.before().is_some());
/// });
/// let heap = Checked::with(System, accused, Below, &stacks, Scrutiny::PLAIN);
/// let layout = Layout::new::<u64>();
/// stacks.arrive(Callers::now(&Unwind));
/// let block = heap.allocate(layout)?;
/// stacks.arrive(Callers::now(&Unwind));
/// // SAFETY: just allocated with this layout.
/// unsafe { heap.deallocate(block, layout) };
/// // SAFETY: wrong! But checked.
/// unsafe { heap.deallocate(block, layout) };
/// # Ok::<(), blockwork::AllocError>(())
/// ```
pub struct Stacks<A: Allocate> {
    memory: A,
    now: Cell<Callers>,
    count: Cell<u32>,
    chunks: [Cell<Option<NonNull<Stack>>>; CHUNKS],
    /// Numbers by digest, 0 for none; a power of two of them, or none.
    index: Cell<(NonNull<Cell<u32>>, usize)>,
}

// SAFETY: chunks and index are reached through this alone.
unsafe impl<A: Allocate + Send> Send for Stacks<A> {}

impl<A: Allocate> Stacks<A> {
    /// Knows nobody yet; `memory` must not get its own memory from the allocator
    /// that is checked.
    pub const fn new(memory: A) -> Self {
        Self {
            memory,
            now: Cell::new(Callers::UNKNOWN),
            count: Cell::new(0),
            chunks: [const { Cell::new(None) }; CHUNKS],
            index: Cell::new((NonNull::dangling(), 0)),
        }
    }

    /// Says who is calling from now on.
    pub fn arrive(&self, callers: Callers) {
        self.now.set(callers);
    }

    /// Who is calling now.
    #[must_use]
    pub const fn now(&self) -> Callers {
        self.now.get()
    }

    /// What `number` stands for; `None` if that is not known.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Stack> {
        if number > self.count.get() {
            return None;
        }
        // SAFETY: written before it was counted, and never again.
        Some(unsafe { self.place(number)?.as_ref() })
    }

    /// Where the stack of `number` is, or would be.
    fn place(&self, number: u32) -> Option<NonNull<Stack>> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        let (chunk, before) = chunk_of(at)?;
        let memory = self.chunks.get(chunk)?.get()?;
        // SAFETY: the chunk has more places than that.
        Some(unsafe { memory.add(at.wrapping_sub(before)) })
    }

    /// The number of the stack of who is calling, behind `before`; 0 without memory.
    fn number(&self, before: u32) -> u32 {
        let callers = self.now.get();
        if callers.depth == 0 && before == 0 {
            return 0;
        }
        self.make_room();
        let Some(slot) = self.slot(&callers, before) else { return 0 };
        if slot.get() == 0 {
            slot.set(self.write_down(callers, before).unwrap_or(0));
        }
        slot.get()
    }

    /// The place in the index where the number of such a stack is, or belongs.
    fn slot(&self, callers: &Callers, before: u32) -> Option<&Cell<u32>> {
        let slots = self.index();
        let mask = slots.len().checked_sub(1)?;
        let first = usize::try_from(Stack::digest(callers, before).wrapping_shr(20)).ok()?;
        // No more rounds than there are places: one is empty.
        (0..slots.len()).find_map(|step| {
            let slot = slots.get(first.wrapping_add(step) & mask)?;
            let is_it = slot.get() == 0
                || self.get(slot.get()).is_some_and(|stack| stack.before == before && stack.callers == *callers);
            is_it.then_some(slot)
        })
    }

    fn index(&self) -> &[Cell<u32>] {
        let (slots, len) = self.index.get();
        // SAFETY: so many are there, zeroed at first; only `make_room` puts others in
        // place, while nobody holds these.
        unsafe { core::slice::from_raw_parts(slots.as_ptr(), len) }
    }

    /// Doubles the index before it is half full.
    fn make_room(&self) {
        let (old, len) = self.index.get();
        if usize::try_from(self.count.get()).unwrap_or(usize::MAX) < len / 2 {
            return;
        }
        let wanted = len.max(FIRST).saturating_mul(2);
        let Ok(layout) = Layout::array::<Cell<u32>>(wanted) else { return };
        let Ok(memory) = self.memory.allocate_zeroed(layout) else { return };
        self.index.set((memory.cast(), wanted));
        for number in 1..=self.count.get() {
            if let Some(stack) = self.get(number)
                && let Some(slot) = self.slot(&stack.callers, stack.before)
            {
                slot.set(number);
            }
        }
        self.give_index(old, len);
    }

    fn give_index(&self, slots: NonNull<Cell<u32>>, len: usize) {
        if len != 0
            && let Ok(layout) = Layout::array::<Cell<u32>>(len)
        {
            // SAFETY: from this memory with this layout, and not used again.
            unsafe { self.memory.deallocate(slots.cast(), layout) }
        }
    }

    fn write_down(&self, callers: Callers, before: u32) -> Option<u32> {
        let number = self.count.get().checked_add(1)?;
        let (chunk, _) = chunk_of(usize::try_from(self.count.get()).ok()?)?;
        let chunk_place = self.chunks.get(chunk)?;
        if chunk_place.get().is_none() {
            let memory = self.memory.allocate(chunk_layout(chunk)?).ok()?;
            chunk_place.set(Some(memory.cast()));
        }
        let place = self.place(number)?;
        // SAFETY: a place of a chunk, which nobody has read.
        unsafe { place.write(Stack { callers, before }) }
        self.count.set(number);
        Some(number)
    }
}

/// The chunk of the place `at`, and how many places are before that chunk.
fn chunk_of(at: usize) -> Option<(usize, usize)> {
    let chunk = (at / FIRST).checked_add(1)?.ilog2();
    let before = 1_usize.checked_shl(chunk)?.checked_sub(1)?.checked_mul(FIRST)?;
    Some((usize::try_from(chunk).ok()?, before))
}

fn chunk_layout(chunk: usize) -> Option<Layout> {
    let places = FIRST.checked_shl(u32::try_from(chunk).ok()?)?;
    Layout::array::<Stack>(places).ok()
}

impl<A: Allocate> CallSites for Stacks<A> {
    fn enter(&self) -> u32 {
        self.number(0)
    }

    fn end(&self, site: u32) -> u32 {
        self.number(site)
    }

    fn write(&self, site: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(stack) = self.get(site) else { return Ok(()) };
        f.write_str(if stack.before == 0 { "asked for by" } else { "freed by" })?;
        for frame in stack.callers.frames() {
            write!(f, " {frame:#x}")?;
        }
        if stack.before == 0 {
            return Ok(());
        }
        f.write_str(", ")?;
        self.write(stack.before, f)
    }
}

impl<A: Allocate> Drop for Stacks<A> {
    fn drop(&mut self) {
        let (slots, len) = self.index.get();
        self.give_index(slots, len);
        for (number, chunk) in self.chunks.iter().enumerate() {
            if let (Some(memory), Some(layout)) = (chunk.get(), chunk_layout(number)) {
                // SAFETY: from this memory with this layout, and not used again.
                unsafe { self.memory.deallocate(memory.cast(), layout) }
            }
        }
    }
}

impl<A: Allocate> fmt::Debug for Stacks<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stacks").field("count", &self.count.get()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use heap::string::ToString;

    use super::*;
    use crate::{
        combine::counted::Counted,
        source::{null::Null, system::System},
    };

    fn callers(seed: usize) -> Callers {
        struct Fixed(usize);
        impl CaptureStack for Fixed {
            fn capture(&self, frames: &mut [usize]) -> usize {
                frames.fill(self.0);
                (self.0 % 7).saturating_add(1)
            }
        }
        Callers::now(&Fixed(seed))
    }

    #[test]
    fn each_stack_has_one_number() {
        let memory = Counted::new(System);
        let stacks = Stacks::new(&memory);
        for round in 0..2 {
            for seed in 0..10_000 {
                stacks.arrive(callers(seed));
                let number = stacks.enter();
                assert_eq!(number, 1 + u32::try_from(seed).unwrap(), "{round}");
                assert_eq!(*stacks.get(number).unwrap().callers(), callers(seed));
            }
        }
        assert!(stacks.get(0).is_none() && stacks.get(10_001).is_none());
        drop(stacks);
        assert_eq!(memory.counts().blocks_live, 0);
    }

    #[test]
    fn who_freed_leads_to_who_asked() {
        let stacks = Stacks::new(System);
        stacks.arrive(callers(1));
        let asked = stacks.enter();
        stacks.arrive(callers(2));
        let freed = stacks.end(asked);
        assert_ne!(asked, freed);
        assert_eq!(stacks.get(freed).unwrap().before(), Some(asked));
        assert_eq!(stacks.get(asked).unwrap().before(), None);
        struct Shown<'a>(&'a dyn CallSites, u32);
        impl fmt::Display for Shown<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(self.1, f)
            }
        }
        assert_eq!(Shown(&stacks, freed).to_string(), "freed by 0x2 0x2 0x2, asked for by 0x1 0x1");
    }

    #[test]
    fn without_memory_nobody_is_known() {
        let stacks = Stacks::new(Null);
        stacks.arrive(callers(1));
        assert_eq!((stacks.enter(), stacks.end(0)), (0, 0));
        assert!(stacks.get(1).is_none());
    }
}

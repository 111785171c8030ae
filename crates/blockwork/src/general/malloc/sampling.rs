//! Which blocks are live, by looking at some of them: where they are counted anyhow.
//!
//! ```text
//! refill ─► blocks until the next sample ─ more than there are ─► all of them to the list
//!                    └─ fewer ─► so many to the list; the rest waits
//!                    └─ none ──► a block of the heap of samples, noted with its callers
//! free ─► not of this thread's heap ─► of the heap of samples? ─► forgotten
//! ```
//!
//! An allocation that finds a block in hand does not know of samples, nor does the
//! free of one: there is no instruction for it, whether it is on or off. How many
//! blocks a class has handed out is known where its list runs dry, and who is given
//! no more blocks than there are until the next sample comes back in time. A
//! sampled block is of a slab that is no thread's, so its free is the one of a
//! block of another thread, and ends up here.
//!
//! Of the blocks of one class each is a sample with the same chance, that of
//! [`Sampled`](crate::Sampled) for a block of its size, whatever came before. So the
//! estimate is right on average for each class and each thread. Blocks that are
//! spans or mappings are asked one by one.

use core::{alloc::Layout, cell::Cell, ptr, ptr::NonNull};

use super::{HEAPS, Heap, Page, Pages, threads};
use crate::{
    alloc::{AllocError, Allocate},
    combine::{
        sampled::{Sample, samples::Samples},
        segregate::{Segregate, UpTo},
    },
    math::chance::{chance, next_random, unit, wait},
    os::{
        self,
        futex::FutexLock,
        thread::{at_fork, callers, pause},
    },
    raw::free_list::FreeList,
    strategy::{
        block_pool::{BlockOf, BlockPool, BlockPoolConfig, ChunkSize},
        thread_heaps::{CLASSES, class_size},
    },
    sync::{
        Lock as _,
        atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
    },
};

/// Bytes per sample; zero is off.
static MEAN: AtomicUsize = AtomicUsize::new(0);

/// Whose slabs have the blocks that are samples. Guarded by the lock of the books.
static SAMPLES: Heap = Heap::new();

static BOOKS: Books = Books::new();

/// Called after a sample; null is nobody.
static LISTENER: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Threads that look for their callers; and [`FORKING`].
static LOOKING: AtomicUsize = AtomicUsize::new(0);

/// Some thread is about to fork: nobody is to begin looking.
const FORKING: usize = 1 << (usize::BITS - 1);

/// How often a fork waits for those who look.
const PATIENCE: u32 = 10_000;

/// Where notes are kept: notes in a pool, and tables by themselves.
type Notes = Segregate<UpTo<256>, BlockPool<Pages, BlockOf<256, 16>>, Pages>;

struct Books {
    lock: FutexLock,
    samples: Samples,
    notes: Notes,
    random: Cell<u64>,
    missed: Cell<u64>,
}

// SAFETY: all of it is only touched inside the lock.
unsafe impl Sync for Books {}

impl Books {
    const fn new() -> Self {
        const CONFIG: BlockPoolConfig<BlockOf<256, 16>> =
            BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Bytes(64 << 10) };
        #[expect(clippy::panic, reason = "when compiled")]
        let Ok(config) = CONFIG.check() else { panic!("a valid configuration") };
        Self {
            lock: FutexLock::new(),
            samples: Samples::new(),
            notes: Segregate::new(UpTo, BlockPool::new(Pages, config), Pages),
            random: Cell::new(0),
            missed: Cell::new(0),
        }
    }

    fn note(&self, block: NonNull<u8>, size: usize, sample: Sample) {
        if !self.samples.insert(&self.notes, block, size, sample) {
            self.missed.set(self.missed.get().saturating_add(1));
        }
    }

    fn forget(&self, block: NonNull<u8>) {
        // SAFETY: all samples are in memory of these notes.
        unsafe { self.samples.remove(&self.notes, block) }
    }

    fn random(&self) -> u64 {
        let (random, state) = next_random(self.random.get());
        self.random.set(state);
        random
    }
}

/// Samples one byte in `mean` from now on; none if it is zero.
pub(super) fn sample_every(mean: usize) {
    static PREPARED: AtomicBool = AtomicBool::new(false);
    // Relaxed: who is second need not wait.
    if mean != 0 && !PREPARED.swap(true, Ordering::Relaxed) {
        // Before a fork ours come first, if those of the heaps were there first.
        let _heap = threads::heap();
        at_fork(before_fork, after_fork);
        // The first time it loads a library.
        callers(&mut [0; 2]);
        BOOKS.lock.with(|| BOOKS.random.set(os::random::random() as u64));
    }
    // Relaxed: a choice that others see soon.
    MEAN.store(mean, Ordering::Relaxed);
}

unsafe extern "C" fn before_fork() {
    // Who looks may hold a lock of the loader, which the child must not find held.
    // Acquire: they have released it; pairs with Release in `here`.
    LOOKING.fetch_or(FORKING, Ordering::Acquire);
    for _ in 0..PATIENCE {
        // Acquire: as above.
        if LOOKING.load(Ordering::Acquire) == FORKING {
            break;
        }
        pause();
    }
    BOOKS.lock.acquire();
}

unsafe extern "C" fn after_fork() {
    BOOKS.lock.release();
    // Relaxed: nothing hangs on it.
    LOOKING.fetch_and(!FORKING, Ordering::Relaxed);
}

/// Has `listener` called after each sample.
pub(super) fn listen(listener: fn()) {
    // Release: what it needs is there; pairs with Acquire in `tell`.
    LISTENER.store(listener as *mut (), Ordering::Release);
}

/// Tells the listener, if there is one; no lock of ours is held.
fn tell() {
    // Acquire: pairs with Release in `listen`.
    let listener = LISTENER.load(Ordering::Acquire);
    if !listener.is_null() {
        // SAFETY: a function of that type, as `listen` was given.
        let listener = unsafe { core::mem::transmute::<*mut (), fn()>(listener) };
        listener();
    }
}

/// Bytes per sample; zero if it is off.
#[inline]
pub(super) fn mean() -> usize {
    // Relaxed: as in `sample_every`.
    MEAN.load(Ordering::Relaxed)
}

/// What a thread's heap knows of its samples; its annex.
struct State {
    /// Blocks until the next sample, of each class.
    until: [Cell<u32>; CLASSES],
    /// Blocks in hand beyond those.
    rest: [FreeList; CLASSES],
    random: Cell<u64>,
}

impl State {
    /// What `heap`, of this thread, knows: from now on, if nothing yet.
    fn of(heap: &'static Heap) -> Option<&'static Self> {
        if heap.annex().is_null() {
            let memory = Pages.allocate(Layout::new::<Self>()).ok()?;
            let fresh = Self {
                until: [const { Cell::new(0) }; CLASSES],
                rest: [const { FreeList::new() }; CLASSES],
                random: Cell::new(os::random::random() as u64),
            };
            for (class, until) in fresh.until.iter().enumerate() {
                until.set(fresh.draw(class));
            }
            // SAFETY: just allocated for one.
            unsafe { memory.cast().write(fresh) }
            heap.set_annex(memory);
        }
        Self::known(heap)
    }

    fn known(heap: &Heap) -> Option<&'static Self> {
        let state = NonNull::new(heap.annex())?.cast::<Self>();
        // SAFETY: the annex of a heap of this malloc, which stays with it.
        Some(unsafe { state.as_ref() })
    }

    /// How many blocks of `class` pass before the next sample.
    fn draw(&self, class: usize) -> u32 {
        let (random, state) = next_random(self.random.get());
        self.random.set(state);
        // The byte that is one begins at zero.
        let wait = wait(mean(), random).wrapping_sub(1);
        u32::try_from(wait.checked_div(class_size(class)).unwrap_or(0)).unwrap_or(u32::MAX)
    }
}

/// A block of `class`, which `heap`, of this thread, has none of in hand.
#[cold]
#[inline(never)]
pub(super) fn refill(heap: &'static Heap, class: usize) -> Result<NonNull<u8>, AllocError> {
    let Some(state) = State::of(heap) else { return HEAPS.refill(heap, class) };
    let (Some(until), Some(rest), Some(list)) = (state.until.get(class), state.rest.get(class), heap.list(class))
    else {
        return Err(AllocError);
    };
    if until.get() == 0 {
        let block = sample(class)?;
        until.set(state.draw(class));
        tell();
        return Ok(block);
    }
    let block = match rest.pop() {
        Some(block) => {
            list.swap(rest);
            block
        }
        None => HEAPS.refill(heap, class)?,
    };
    until.set(until.get().wrapping_sub(1));
    let kept = cut(list, rest, until.get());
    until.set(until.get().wrapping_sub(kept));
    Ok(block)
}

/// Leaves up to `most` blocks in `list`, and moves those beyond to `rest`, which has
/// none; how many it left.
fn cut(list: &FreeList, rest: &FreeList, most: u32) -> u32 {
    let kept = FreeList::new();
    let mut count = 0_u32;
    while count < most
        && let Some(block) = list.pop()
    {
        // SAFETY: from a list of the same kind.
        unsafe { kept.push(block) }
        count = count.wrapping_add(1);
    }
    rest.swap(list);
    // In the order in which they were.
    while let Some(block) = kept.pop() {
        // SAFETY: popped off the list of the other, which is of the same kind.
        unsafe { list.push(block) }
    }
    count
}

/// Makes as if the blocks in hand of `heap`, of this thread, had never been counted:
/// they are about to be given up.
pub(super) fn put_down(heap: &'static Heap) {
    let Some(state) = State::known(heap) else { return };
    for (class, (until, rest)) in state.until.iter().zip(&state.rest).enumerate() {
        let Some(list) = heap.list(class) else { continue };
        let count = u32::try_from(list.iter().count()).unwrap_or(u32::MAX);
        until.set(until.get().saturating_add(count));
        let waiting = FreeList::new();
        waiting.swap(rest);
        list.prepend(waiting);
    }
}

/// A block of `class` that is a sample.
fn sample(class: usize) -> Result<NonNull<u8>, AllocError> {
    let sample = here();
    BOOKS.lock.with(|| {
        let block = match SAMPLES.list(class).and_then(FreeList::pop) {
            Some(block) => block,
            None => HEAPS.refill(&SAMPLES, class)?,
        };
        BOOKS.note(block, class_size(class), sample);
        Ok(block)
    })
}

/// Who called; nobody, while another thread forks: a thread that waited here could be
/// what that one waits for.
fn here() -> Sample {
    let mut sample = Sample::EMPTY;
    // Relaxed: a fork that comes now waits.
    if LOOKING.fetch_add(1, Ordering::Relaxed) & FORKING == 0 {
        sample.fill(callers);
    }
    // Release: whoever forks finds the loader's locks free; pairs with Acquire there.
    LOOKING.fetch_sub(1, Ordering::Release);
    sample
}

/// Whether `owner` is the heap of samples.
#[inline]
pub(super) fn is_its(owner: *const Heap) -> bool {
    ptr::eq(owner, &raw const SAMPLES)
}

/// Frees a block of the heap of samples.
///
/// # Safety
///
/// - `block` is a live block of `page`, a slab of that heap.
#[cold]
#[inline(never)]
pub(super) unsafe fn free(page: &'static Page, block: NonNull<u8>) {
    BOOKS.lock.with(|| {
        BOOKS.forget(block);
        // SAFETY: the caller's promise; inside the lock the heap is ours.
        if unsafe { page.free(block) } {
            HEAPS.see_to(&SAMPLES, page);
        }
    });
}

/// Looks at a new block of `size` bytes that no slab has, and returns it: whoever calls this
/// as the last thing needs no stack.
#[inline]
pub(super) fn look_at(block: NonNull<u8>, size: usize) -> NonNull<u8> {
    if mean() == 0 { block } else { look_closer(block, size) }
}

#[cold]
#[inline(never)]
fn look_closer(block: NonNull<u8>, size: usize) -> NonNull<u8> {
    let random = BOOKS.lock.with(|| BOOKS.random());
    if unit(random) <= chance(size as f64 / mean() as f64) {
        let sample = here();
        BOOKS.lock.with(|| BOOKS.note(block, size, sample));
        tell();
    }
    block
}

/// Forgets a block that no slab has.
#[inline]
pub(super) fn forget(block: NonNull<u8>) {
    if mean() != 0 {
        BOOKS.lock.with(|| BOOKS.forget(block));
    }
}

/// Live samples.
pub(super) fn live() -> usize {
    BOOKS.lock.with(|| BOOKS.samples.live())
}

/// Samples that there was no memory for.
pub(super) fn missed() -> u64 {
    BOOKS.lock.with(|| BOOKS.missed.get())
}

/// Copies live samples to the front of `room`; how many.
pub(super) fn copy(room: &mut [Sample]) -> usize {
    BOOKS.lock.with(|| BOOKS.samples.copy(room))
}

/// Gives back what the heap of samples only keeps.
pub(super) fn tidy() {
    BOOKS.lock.with(|| HEAPS.tidy(&SAMPLES));
}

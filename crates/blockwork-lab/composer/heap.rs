//! The heap: the composition that the variable describes, behind a lock, with a
//! word of size and one of alignment before each block, for C frees by address.
//!
//! ```text
//! composition's block ─► | … | size | tag | the program's block |
//!                              16 bytes   ▲ multiple of the alignment
//! ```

use core::{
    alloc::Layout,
    arch::asm,
    cell::OnceCell,
    ptr::NonNull,
    sync::atomic::{
        AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};
use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    process,
};

use blockwork::{
    Allocate,
    notation::{Composed, Composition},
};

use super::{sources, spare, sys};

/// The variable with the composition.
const COMPOSITION: &str = "BLOCKWORK_COMPOSITION";

/// The variable with the file for figures.
const FIGURES: &str = "BLOCKWORK_COMPOSITION_FIGURES";

/// Bytes in front of a block that is aligned to no more.
const HEAD: usize = 16;

/// Where the figures go.
static FILE: Inside<OnceCell<std::path::PathBuf>> = Inside(OnceCell::new());

static HEAP: Inside<OnceCell<Composed<'static>>> = Inside(OnceCell::new());

/// What only one thread at a time may use.
struct Inside<T>(T);

// SAFETY: used inside the lock only, or before there are threads.
unsafe impl<T> Sync for Inside<T> {}

/// Who is inside, by the address of its thread; 0 if nobody is.
static OWNER: AtomicUsize = AtomicUsize::new(0);

/// Blocks that were given, and that came from elsewhere and went nowhere.
static GIVEN: AtomicU64 = AtomicU64::new(0);
static STRANGE: AtomicU64 = AtomicU64::new(0);

/// This thread: the address of its control block.
fn thread() -> usize {
    let address: usize;
    // SAFETY: reads the word that every thread has there, its own address.
    unsafe { asm!("mov {}, fs:0", out(reg) address, options(nostack, preserves_flags, readonly)) };
    address
}

/// Goes in; `None` if this thread is inside already, for the heap's own sake.
fn lock() -> Option<()> {
    let me = thread();
    let mut tries = 0_u32;
    while let Err(owner) = OWNER.compare_exchange_weak(0, me, Acquire, Relaxed) {
        if owner == me {
            return None;
        }
        tries = tries.saturating_add(1);
        if tries < 100 { core::hint::spin_loop() } else { sys::give_way() }
    }
    Some(())
}

fn unlock() {
    OWNER.store(0, Release);
}

/// Does `act` with the heap, if there is one and this thread is not in it.
fn inside<T>(act: impl FnOnce(&Composed<'static>) -> T) -> Option<T> {
    lock()?;
    let done = HEAP.0.get().map(act);
    unlock();
    done
}

/// What the words before a block say.
#[derive(Clone, Copy)]
struct Head {
    size: usize,
    tag: usize,
}

/// Of a block at `address`, with its alignment: no other bytes are that.
const fn tag(address: usize, align: usize) -> usize {
    const MARK: usize = 0x5bd1_e995_c2b2_ae35;
    address ^ MARK ^ align
}

/// A block for `layout` with room for its head; `layout`'s alignment is what
/// comes before it.
fn inner(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(layout.align())?;
    Layout::from_size_align(size, layout.align()).ok()
}

/// Makes a block of `base`, which is of [`inner`] of `layout`.
///
/// # Safety
///
/// - `base` is a new block of that layout.
unsafe fn headed(base: NonNull<u8>, layout: Layout) -> NonNull<u8> {
    // SAFETY: the block is longer by that.
    let block = unsafe { base.add(layout.align()) };
    let head = Head { size: layout.size(), tag: tag(block.addr().get(), layout.align()) };
    // SAFETY: an alignment is 16 at least, so the head is in the block.
    let place = unsafe { block.cast::<Head>().sub(1) };
    // SAFETY: in the block, and aligned to 16.
    unsafe { place.write(head) };
    let _exposed = block.expose_provenance();
    block
}

/// The layout of a block that has a head.
fn layout_of(block: NonNull<u8>) -> Option<Layout> {
    if !block.addr().get().is_multiple_of(HEAD) {
        return None;
    }
    // SAFETY: something is in front of whatever a program may free.
    let head = unsafe { block.cast::<Head>().sub(1) };
    // SAFETY: so many bytes are there; whether they are a head, its tag says.
    let head = unsafe { head.read() };
    let align = head.tag ^ tag(block.addr().get(), 0);
    (align >= HEAD).then(|| Layout::from_size_align(head.size, align).ok()).flatten()
}

/// Gives a block; alignments are 16 at least.
pub fn allocate(layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
    let whole = inner(layout)?;
    let ask = |heap: &Composed<'static>| {
        GIVEN.store(GIVEN.load(Relaxed).wrapping_add(1), Relaxed);
        if zeroed { heap.allocate_zeroed(whole).ok() } else { heap.allocate(whole).ok() }
    };
    let base = match inside(ask) {
        Some(base) => base?,
        None => spare::allocate(whole)?,
    };
    // SAFETY: new, of that layout.
    Some(unsafe { headed(base, layout) })
}

/// Takes a block back.
pub fn free(block: NonNull<u8>, _: Option<Layout>) {
    if spare::owns(block) {
        return;
    }
    let whole = layout_of(block).and_then(|layout| Some((layout, inner(layout)?)));
    let Some((layout, whole)) = whole else {
        STRANGE.fetch_add(1, Relaxed);
        return;
    };
    // SAFETY: as far behind its base.
    let base = unsafe { block.sub(layout.align()) };
    // SAFETY: given out with this layout, and live if the program is right.
    let _none = inside(|heap| unsafe { heap.deallocate(base, whole) });
}

/// Changes the size of a block where it is, or changes nothing.
pub fn resize(block: NonNull<u8>, size: usize) -> bool {
    let layouts = || {
        let layout = layout_of(block).filter(|_| !spare::owns(block))?;
        let new = Layout::from_size_align(size.max(1), layout.align()).ok()?;
        Some((layout, inner(layout)?, new, inner(new)?))
    };
    let Some((layout, old, wanted, new)) = layouts() else { return false };
    // SAFETY: as far behind its base.
    let base = unsafe { block.sub(layout.align()) };
    // SAFETY: given out with this layout, and live if the program is right.
    let done = inside(|heap| unsafe { heap.resize(base, old, new) }.is_ok()) == Some(true);
    if done {
        // SAFETY: the block is of the new layout now.
        let _same = unsafe { headed(base, wanted) };
    }
    done
}

/// The bytes of a block; `None` if it is none.
pub fn size_of_block(block: NonNull<u8>) -> Option<usize> {
    layout_of(block).map(|layout| layout.size())
}

/// Takes the lock, unless this thread has it.
pub fn hold() {
    let _inside = lock();
}

/// Gives it back.
pub fn release() {
    unlock();
}

/// Builds the heap, before the program begins.
pub fn start() {
    let Some(text) = env::var_os(COMPOSITION) else { refuse("no composition") };
    let sources = sources::all();
    let names = [sources[0].0, sources[1].0];
    let built = match Composition::parse_with(&text.to_string_lossy(), &names) {
        Ok(composition) => composition.build_over(&sources).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match built {
        Ok(heap) => {
            drop(FILE.0.set(env::var_os(FIGURES).unwrap_or_default().into()));
            drop(HEAP.0.set(heap));
        }
        Err(why) => refuse(&why),
    }
}

fn refuse(why: &str) -> ! {
    let _unheard = writeln!(io::stderr(), "blockwork: cannot build the heap: {why}");
    process::abort()
}

/// Writes the figures of this process: its number, the most bytes held,
/// blocks given, and blocks of strangers.
pub fn finish() {
    let Some(file) = FILE.0.get() else { return };
    let figures = format!(
        "{} {} {} {}\n",
        sys::process(),
        sources::peak(),
        GIVEN.load(Relaxed),
        STRANGE.load(Relaxed)
    );
    let file = OpenOptions::new().append(true).open(file);
    let _lost = file.and_then(|mut file| file.write_all(figures.as_bytes()));
}

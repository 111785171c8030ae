//! [`Ward`]: what hardened heaps know of a page, and of each of its blocks.
//!
//! ```text
//! Ward   [ Page | reciprocal | size | … | state, state, state, … ]   out of line
//!                                           │
//! page   [ free:  link | seal | ········ | canary ] [ live: ············ | canary ]
//! ```
//!
//! # What decides
//!
//! Whether a block is live, is said by a byte of its own in the record, far from
//! all blocks. A free is valid if its address is the start of a block, by a
//! multiplication, and the byte says *live*. So a second free, or one of an
//! address between blocks, is found when it happens, from whichever thread.
//!
//! # What is in blocks
//!
//! Links are: but no link is followed, and no block handed out, before all of this
//! holds of what it leads to: it is the start of a block, of the class that is
//! asked for, free by its byte, and the word behind its link is its *seal*, which
//! is made of its address and of secrets. Who can write a link chooses between
//! free blocks of one class; and the seal tells of most who do.
//!
//! The *canary* is the last word of every block: its seal once more. A free looks
//! at it: who wrote beyond the end of a block is found then.

use core::{
    cell::{Cell, UnsafeCell},
    ops::Range,
    ptr::NonNull,
};

use super::{
    heap::CLASSES,
    page::{Page, Record},
    policy::Policy,
};
use crate::{
    os::{futex::FutexLock, misuse::misuse, random::random},
    raw::{
        free_list::FreeList,
        page_map::{PAGE, PageMap, Zeroed},
    },
    sync::{
        Lock,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
};

/// The bytes of a canary, at the end of each block.
pub(crate) const CANARY: usize = size_of::<usize>();

/// The smallest block.
pub(crate) const SMALLEST: usize = 32;

/// The most blocks of a page.
const BLOCKS: usize = PAGE / SMALLEST;

/// Bits of an address inside of a page.
const INSIDE: usize = PAGE - 1;

/// The most blocks that are made at a time: 4 KiB of them.
const BATCH: usize = 4096 / SMALLEST;

/// What a block is, in a byte. Zero is what was never made.
///
/// A free block's is its class, so that one comparison tells whether it is free and of the
/// class that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct State(u8);

impl State {
    pub(crate) const FRESH: Self = Self(0);
    /// On its way to its heap.
    pub(crate) const AWAY: Self = Self(0xFE);
    pub(crate) const LIVE: Self = Self(0xFF);

    /// In a list of its heap, or kept from it for a while.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "asserted below")]
    pub(crate) const fn free(class: usize) -> Self {
        Self(class as u8)
    }
}

// A class is a state of its own, and none is zero.
const _: () = assert!(CLASSES < 0xFE && Hardened::LEAST > 0);

/// A record of hardened heaps; see the [module](self).
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct Ward {
    /// Its annex is the [`reciprocal`] of the size of a block; zero if the page is no
    /// slab.
    page: Page,
    /// The block that is made first.
    first: Cell<u32>,
    /// Whether the page is free, and kept by a heap.
    spare: AtomicBool,
    /// Whether inaccessible memory lies behind what begins here.
    railed: AtomicBool,
    /// Bytes of a freed span that begins here, and waits.
    waiting: Cell<usize>,
    states: [AtomicU8; BLOCKS],
    /// Records of neighbours begin in other sets of a cache.
    apart: [u8; 128],
}

const _: () = assert!(size_of::<Ward>() == 19 * 128, "an odd number");

// SAFETY: zero bytes are cells and atomics of zero; the owner alone touches the
// cell.
unsafe impl Zeroed for Ward {}

impl Record for Ward {
    #[inline(always)]
    fn page(&self) -> &Page {
        &self.page
    }
}

impl Ward {
    /// The number of the block that begins at `address`, which is on this page.
    ///
    /// None if it is inside of a block, or the page no slab.
    #[inline(always)]
    pub(crate) fn number(&self, address: usize) -> Option<usize> {
        let reciprocal = self.page.annex().get();
        // The quotient above, and below what is left of it, if something is.
        let product = reciprocal.wrapping_mul((address & INSIDE) as u64);
        let is_whole = low(product) < low(reciprocal);
        is_whole.then_some((product >> 32) as usize)
    }

    #[inline(always)]
    fn state_at(&self, number: usize) -> &AtomicU8 {
        // SAFETY: less than 2^16 by the size of a block, which is `SMALLEST` at
        // least.
        unsafe { self.states.get_unchecked(number) }
    }

    /// Whether the block of this number is in `state`.
    #[inline(always)]
    pub(crate) fn is(&self, number: usize, state: State) -> bool {
        // A plain load, because that can be part of a comparison.
        // SAFETY: whoever may use the block was told of it in order, and is alone.
        // Of two threads that free it both may find it live: then it comes
        // back twice, and the second time its owner finds it free already.
        let now = unsafe { self.state_at(number).as_ptr().read() };
        now == state.0
    }

    /// What a free block of this slab is.
    #[inline(always)]
    pub(crate) fn free(&self) -> State {
        State::free(self.page.class())
    }

    /// Says that the block of this number is in `state`.
    #[inline(always)]
    pub(crate) fn set(&self, number: usize, state: State) {
        // Relaxed: as in `is`.
        self.state_at(number).store(state.0, Ordering::Relaxed);
    }

    /// The same, and whether it was live: of two who ask one is told so.
    pub(crate) fn leave(&self, number: usize, state: State) -> bool {
        // Relaxed: the mail orders what is done with the block.
        self.state_at(number).swap(state.0, Ordering::Relaxed) == State::LIVE.0
    }

    /// The bytes of a block of this slab that its holder has.
    pub(crate) fn granted(&self) -> usize {
        self.page.block_size().wrapping_sub(CANARY)
    }

    /// Whether the page is a slab of `class`.
    #[inline(always)]
    pub(crate) fn is_of_class(&self, class: usize) -> bool {
        self.page.annex().get() != 0 && self.page.class() == class
    }

    /// Whether `block`, of this slab, ends with its canary.
    ///
    /// # Safety
    ///
    /// - `block` is the start of a block of this slab, which was made.
    #[inline(always)]
    pub(crate) unsafe fn is_whole(&self, block: NonNull<u8>) -> bool {
        // SAFETY: a block of this slab that was made, says the caller.
        unsafe { self.canary(block) == SECRETS.seal(block) }
    }

    /// The seal of `block` if it ends with its canary, in haste: none too while
    /// [wiping](set_wiping), so that there is one question instead of two.
    ///
    /// # Safety
    ///
    /// - As for [`is_whole`](Self::is_whole).
    #[inline(always)]
    pub(crate) unsafe fn seal_of_whole(&self, block: NonNull<u8>) -> Option<usize> {
        let seal = SECRETS.hasty_seal(block);
        // SAFETY: a block of this slab that was made, says the caller.
        (unsafe { self.canary(block) } == seal).then_some(seal)
    }

    /// # Safety
    ///
    /// - As for [`is_whole`](Self::is_whole).
    #[inline(always)]
    unsafe fn canary(&self, block: NonNull<u8>) -> usize {
        // SAFETY: the last word of the block.
        let canary = unsafe { self.canary_of(block) };
        // SAFETY: written when the block was made.
        unsafe { canary.read() }
    }

    /// # Safety
    ///
    /// - `block` is the start of a block of this slab.
    #[inline(always)]
    unsafe fn canary_of(&self, block: NonNull<u8>) -> NonNull<usize> {
        // SAFETY: inside of the block, whose size is a multiple of a word's.
        unsafe { block.add(self.granted()) }.cast()
    }

    /// Whether `block` is as it was wiped, but for its first two words; true if blocks are not.
    ///
    /// # Safety
    ///
    /// - `block` is a block of this slab, and free.
    pub(crate) unsafe fn seems_wiped(&self, block: NonNull<u8>) -> bool {
        if !wipes() {
            return true;
        }
        // SAFETY: the bytes of a free block.
        let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), self.granted()) };
        bytes.iter().skip(size_of::<[usize; 2]>()).all(|&byte| byte == 0)
    }

    /// Makes a block of this slab live, if it is free, sealed, and of `class`.
    ///
    /// Any address will do, null too: only memory of blocks is read.
    #[inline(always)]
    pub(crate) fn grant(&self, block: *mut u8, class: usize) -> Option<NonNull<u8>> {
        let number = self.number(block.addr())?;
        if !self.is(number, State::free(class)) {
            return None;
        }
        // SAFETY: no slab is at zero.
        let block = unsafe { NonNull::new_unchecked(block) };
        // SAFETY: the start of a free block.
        if unsafe { !is_sealed(block) } {
            return None;
        }
        self.set(number, State::LIVE);
        Some(block)
    }

    /// The `turn`-th block of this slab that is made, and its number.
    fn block(&self, turn: u32) -> (NonNull<u8>, usize) {
        let page = &self.page;
        let number = self.first.get().wrapping_add(turn);
        let number = if number < page.capacity() { number } else { number.wrapping_sub(page.capacity()) } as usize;
        // SAFETY: below the capacity, so inside of the page.
        (unsafe { page.base().add(number.wrapping_mul(page.block_size())) }, number)
    }

    /// Bytes of the freed span that begins here, for who has it.
    pub(crate) const fn waiting(&self) -> &Cell<usize> {
        &self.waiting
    }

    /// Whether inaccessible memory lies behind what begins here.
    pub(crate) fn is_railed(&self) -> bool {
        // Relaxed: told with what begins here.
        self.railed.load(Ordering::Relaxed)
    }

    pub(crate) fn set_railed(&self, railed: bool) {
        // Relaxed: as in `is_railed`.
        self.railed.store(railed, Ordering::Relaxed);
    }

    /// The block of this slab at `address`, if it is in `state` and sealed.
    fn sealed(&self, block: NonNull<u8>, state: State) -> Option<usize> {
        let number = self.number(block.addr().get()).filter(|&number| self.is(number, state))?;
        // SAFETY: the start of a block that is free.
        unsafe { is_sealed(block) }.then_some(number)
    }
}

/// Writes over the first words of a block that was given up: its seal, twice.
///
/// # Safety
///
/// - `block` is aligned for words, two of them may be written, and nobody else
///   uses them.
#[inline(always)]
pub(crate) unsafe fn seal(block: NonNull<u8>) -> usize {
    let seal = SECRETS.seal(block);
    // SAFETY: two words that are aligned and nobody else's, says the caller.
    unsafe { seal_with(block, seal) }
    seal
}

/// The same with the seal that it is known to have.
///
/// # Safety
///
/// - As for [`seal`].
#[inline(always)]
pub(crate) unsafe fn seal_with(block: NonNull<u8>, seal: usize) {
    // SAFETY: two words that are aligned and nobody else's, says the caller.
    unsafe { block.cast::<[usize; 2]>().write([seal; 2]) }
}

/// Whether the word of `block` that a link is not in is its seal.
///
/// # Safety
///
/// - `block` is aligned for words, and two of them may be read.
#[inline(always)]
pub(crate) unsafe fn is_sealed(block: NonNull<u8>) -> bool {
    // SAFETY: two words that are aligned and may be read, says the caller.
    let [_, found] = unsafe { block.cast::<[usize; 2]>().read() };
    found == SECRETS.seal(block)
}

/// Whether the word of `block` that a link will be in still is as the other one,
/// which is looked at when the block is handed out.
///
/// # Safety
///
/// - As for [`is_sealed`].
#[inline(always)]
pub(crate) unsafe fn is_untouched(block: NonNull<u8>) -> bool {
    // SAFETY: two words that are aligned and may be read, says the caller.
    let [link, seal] = unsafe { block.cast::<[usize; 2]>().read() };
    link == seal
}

/// What nobody outside of the process knows.
#[derive(Debug)]
struct Secrets {
    lock: FutexLock,
    made: AtomicBool,
    words: UnsafeCell<Words>,
    /// The same as `words.mask`, or wrong so that no [canary](Ward::seal_of_whole) is right.
    mask: AtomicUsize,
    drawn: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
struct Words {
    /// What the others follow from; zero before they are made.
    root: usize,
    mask: usize,
    factor: usize,
}

// SAFETY: the words are written once, inside the lock, and read by threads that
// have been there since, or were told of a block by one that has.
unsafe impl Sync for Secrets {}

static SECRETS: Secrets = Secrets {
    lock: FutexLock::new(),
    made: AtomicBool::new(false),
    words: UnsafeCell::new(Words { root: 0, mask: 0, factor: 0 }),
    mask: AtomicUsize::new(0),
    drawn: AtomicUsize::new(0),
};

impl Secrets {
    #[inline(always)]
    const fn words(&self) -> *const Words {
        self.words.get().cast_const()
    }

    #[inline(always)]
    fn seal(&self, block: NonNull<u8>) -> usize {
        // SAFETY: written before there was a block.
        let Words { mask, factor, .. } = unsafe { self.words().read() };
        (block.addr().get() ^ mask).wrapping_mul(factor)
    }

    /// The same, or another while wiping.
    #[inline(always)]
    fn hasty_seal(&self, block: NonNull<u8>) -> usize {
        // Relaxed: as in `set_mask`.
        let mask = self.mask.load(Ordering::Relaxed);
        // SAFETY: written before there was a block.
        let Words { factor, .. } = unsafe { self.words().read() };
        (block.addr().get() ^ mask).wrapping_mul(factor)
    }

    /// Makes the words, unless they are made.
    fn make(&self) {
        // Acquire: sees the words; pairs with Release below. So the lock is only
        // taken by the first threads, and no fork finds it held later.
        if self.made.load(Ordering::Acquire) {
            return;
        }
        self.lock.with(|| {
            // SAFETY: written inside the lock only.
            if unsafe { self.words().read() }.root == 0 {
                let root = random() | 1;
                let [mask, factor] = [1, 2].map(|turn| mixed(root, turn));
                // A factor without an inverse would lose addresses.
                let words = Words { root, mask, factor: factor | 1 };
                // SAFETY: nobody reads them yet.
                unsafe { self.words.get().write(words) }
                self.set_mask();
                // Release: publishes the words; pairs with Acquire above.
                self.made.store(true, Ordering::Release);
            }
        });
    }

    /// Sets the hasty mask, inside the lock.
    fn set_mask(&self) {
        // SAFETY: written inside the lock only.
        let Words { mask, .. } = unsafe { self.words().read() };
        // Relaxed: all that is decided by it is which way is gone.
        let mask = if WIPES.load(Ordering::Relaxed) { !mask } else { mask };
        // Relaxed: as above.
        self.mask.store(mask, Ordering::Relaxed);
    }

    /// A number that cannot be foretold.
    fn draw(&self) -> u64 {
        // Relaxed: each is drawn once.
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        // SAFETY: a heap asks, before which they were made.
        let Words { root, .. } = unsafe { self.words().read() };
        mixed(root, drawn.wrapping_add(4)) as u64
    }

    /// The same, below `end`.
    fn below(&self, end: u32) -> u32 {
        share(self.draw() << 32, end)
    }
}

/// As much of `end` as the upper half of `word` is of all.
const fn share(word: u64, end: u32) -> u32 {
    low((word >> 32).wrapping_mul(end as u64) >> 32)
}

/// The `turn`-th number of those that follow from `root`.
#[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
const fn mixed(root: usize, turn: usize) -> usize {
    let mut word = (root as u64).wrapping_add((turn as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    word = (word ^ word >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    (word ^ word >> 31) as usize
}

/// Has the secrets made, before a thread has its first heap.
pub(crate) fn prepare() {
    SECRETS.make();
}

/// Whether what is freed is wiped.
static WIPES: AtomicBool = AtomicBool::new(false);

/// Has blocks [seem](Ward::seal_of_whole) broken, so that whoever frees them takes a closer look.
pub(crate) fn set_wiping(wipes: bool) {
    SECRETS.lock.with(|| {
        // Relaxed: about blocks that are freed by whoever knows of it.
        WIPES.store(wipes, Ordering::Relaxed);
        SECRETS.set_mask();
    });
}

/// Whether freed blocks are to be wiped.
pub(crate) fn wipes() -> bool {
    // Relaxed: as in `set_wiping`.
    WIPES.load(Ordering::Relaxed)
}

/// True once in `times`, on the average, never to be foretold.
pub(crate) fn once_in(times: u32) -> bool {
    SECRETS.below(times) == 0
}

/// Ends the process because of a free block that is not as it was left.
#[cold]
#[inline(never)]
pub(crate) fn broken(block: NonNull<u8>) -> ! {
    misuse("a freed block was written, or the free list that led to it", block.as_ptr())
}

/// Records of every block; a random order of new ones.
#[derive(Debug)]
pub(crate) enum Hardened {}

impl Policy for Hardened {
    type Record = Ward;

    /// That of [`SMALLEST`].
    const LEAST: u8 = 1;

    fn began(ward: &'static Ward) {
        let page = ward.page();
        let (size, capacity) = (page.block_size(), page.capacity());
        // SAFETY: no block is there yet, so they are nobody else's.
        unsafe { ward.states.as_ptr().cast::<u8>().cast_mut().write_bytes(State::FRESH.0, capacity as usize) }
        ward.first.set(SECRETS.below(capacity));
        // Relaxed: this heap's own word.
        ward.spare.store(false, Ordering::Relaxed);
        ward.page.annex().set(reciprocal(size));
    }

    fn ended(ward: &'static Ward) {
        ward.page.annex().set(0);
        // Relaxed: this heap's own word.
        ward.spare.store(true, Ordering::Relaxed);
    }

    fn make(ward: &'static Ward, numbers: Range<u32>, list: &FreeList) {
        let mut order = [0_u16; BATCH];
        let count = numbers.len().min(BATCH);
        let mut dice = SECRETS.draw();
        // Each goes to a random place among those before it.
        for (number, last) in numbers.clone().zip(0_u32..).take(count) {
            dice = dice.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            let place = share(dice, last.wrapping_add(1)) as usize;
            let moved = order.get(place).copied().unwrap_or_default();
            if let Some(end) = order.get_mut(last as usize) {
                *end = moved;
            }
            if let Some(place) = order.get_mut(place) {
                #[expect(clippy::cast_possible_truncation, reason = "a page has few blocks")]
                let number = number as u16;
                *place = number;
            }
        }
        // In order, which memory likes better than the list that follows.
        for number in numbers.clone() {
            let (block, number) = ward.block(number);
            // SAFETY: new, and large enough.
            let seal = unsafe { seal(block) };
            // SAFETY: of this slab.
            let canary = unsafe { ward.canary_of(block) };
            // SAFETY: the last word of a new block.
            unsafe { canary.write(seal) }
            ward.set(number, ward.free());
        }
        for number in order.iter().take(count) {
            let (block, _) = ward.block(u32::from(*number));
            // SAFETY: new, and large enough.
            unsafe { list.push(block) }
        }
    }

    fn receive(ward: &'static Ward, blocks: FreeList, count: u32) -> FreeList {
        let received = FreeList::new();
        for _ in 0..count {
            let Some(block) = blocks.first() else { break };
            if (block.addr().get() ^ ward.page().base().addr().get()) > INSIDE {
                broken(block);
            }
            let Some(number) = ward.sealed(block, State::AWAY) else { broken(block) };
            // SAFETY: a free block of this slab.
            if unsafe { !ward.seems_wiped(block) } {
                broken(block);
            }
            ward.set(number, ward.free());
            let _same = blocks.pop();
            // SAFETY: a block of this slab, taken from the mail.
            unsafe { received.push(block) }
        }
        if let Some(block) = blocks.first() {
            broken(block);
        }
        received
    }

    fn vet(map: &'static PageMap<Ward>, block: NonNull<u8>) {
        let ward = Ward::of(map, block.addr().get());
        if ward.sealed(block, ward.free()).is_none() {
            broken(block);
        }
    }

    fn vet_spare(map: &'static PageMap<Ward>, page: NonNull<u8>) {
        let address = page.addr().get();
        // Relaxed: this heap's own word, if it is a page of it.
        let is_spare = Ward::of(map, address).spare.load(Ordering::Relaxed);
        if address & INSIDE != 0 || !is_spare {
            broken(page);
        }
    }
}

/// 2^32 / `size`, rounded up; zero for zero.
const fn reciprocal(size: usize) -> u64 {
    match (u32::MAX as u64).checked_div(size as u64) {
        Some(quotient) => quotient.wrapping_add(1),
        None => 0,
    }
}

/// The lower half.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "is meant")]
const fn low(word: u64) -> u32 {
    word as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ward(size: usize) -> Ward {
        // SAFETY: zero bytes are a record of nobody's.
        let ward: Ward = unsafe { core::mem::zeroed() };
        ward.page.annex().set(reciprocal(size));
        ward
    }

    #[test]
    fn a_number_is_that_of_the_block_that_begins_there() {
        for size in (SMALLEST..=PAGE / 2).step_by(16) {
            let ward = ward(size);
            // Blocks begin at multiples of sixteen; every other place is like one of these.
            for offset in (0..PAGE).step_by(16).flat_map(|start| [start, start + 1, start + 8, start + 15]) {
                let expected = offset.is_multiple_of(size).then_some(offset / size);
                assert_eq!(ward.number(7 * PAGE + offset), expected, "{offset} of {size}");
            }
        }
        let nobodys = ward(0);
        assert!((0..PAGE).all(|offset| nobodys.number(offset).is_none()));
    }

    #[test]
    fn seals_differ_by_block() {
        prepare();
        let at = |address| NonNull::new(core::ptr::without_provenance_mut(address)).unwrap();
        assert_ne!(SECRETS.seal(at(32)), SECRETS.seal(at(64)));
        assert_eq!(SECRETS.seal(at(32)), SECRETS.hasty_seal(at(32)));
    }

    #[test]
    fn draws_reach_every_number() {
        prepare();
        for end in 1..20 {
            let mut seen = [false; 20];
            (0..1000).for_each(|_| seen[SECRETS.below(end) as usize] = true);
            assert_eq!(seen.iter().filter(|&&seen| seen).count(), end as usize);
        }
    }

    #[test]
    fn of_two_frees_one_finds_the_block_live() {
        let ward = ward(32);
        ward.set(5, State::LIVE);
        assert!(ward.leave(5, State::AWAY));
        assert!(!ward.leave(5, State::AWAY));
        assert!(ward.is(5, State::AWAY));
    }
}

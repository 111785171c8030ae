//! The functions of C over the malloc, and over the hardened one: every block is
//! aligned, apart from all others, and keeps its bytes.
//!
//! The malloc is one in a process: what one input leaves is the next one's start.

use std::{collections::BTreeMap, thread};

use arbitrary::{Result, Unstructured};
use blockwork_malloc::{c, hardened};

/// Blocks that live at once.
const SLOTS: usize = 48;
/// Calls of one input.
const CALLS: usize = 300;
/// Bytes at either end of a block that are written and compared.
const LOOKED_AT: usize = 4096;
/// How many of a size are asked for: gigabytes are not, for a copy of them takes a minute here.
const COUNTS: [usize; 8] = [1, 1, 1, 2, 8, 100, usize::MAX / 2 + 2, usize::MAX];

/// The functions of one malloc.
#[derive(Clone, Copy)]
struct Functions {
    malloc: fn(usize) -> *mut u8,
    calloc: fn(usize, usize) -> *mut u8,
    realloc: Realloc,
    reallocarray: unsafe fn(*mut u8, usize, usize) -> *mut u8,
    memalign: fn(usize, usize) -> *mut u8,
    aligned_alloc: fn(usize, usize) -> *mut u8,
    posix_memalign: unsafe fn(*mut *mut u8, usize, usize) -> libc::c_int,
    valloc: fn(usize) -> *mut u8,
    pvalloc: fn(usize) -> *mut u8,
    free: unsafe fn(*mut u8),
    usable_size: fn(*mut u8) -> usize,
    /// Gives memory back, and walks the books.
    trim: fn(),
}

macro_rules! functions {
    ($module:ident, $malloc:expr) => {
        Functions {
            malloc: $module::malloc,
            calloc: $module::calloc,
            realloc: $module::realloc,
            reallocarray: $module::reallocarray,
            memalign: $module::memalign,
            aligned_alloc: $module::aligned_alloc,
            posix_memalign: $module::posix_memalign,
            valloc: $module::valloc,
            pvalloc: $module::pvalloc,
            free: $module::free,
            usable_size: $module::usable_size,
            trim: || {
                $malloc.trim();
                assert_eq!(blockwork::Check::check(&$malloc), Ok(()));
            },
        }
    };
}

const ORDINARY: Functions = functions!(c, blockwork::Malloc);
const HARDENED: Functions = functions!(hardened, blockwork::HardenedMalloc);

/// A live block.
#[derive(Clone, Copy)]
struct Held {
    block: *mut u8,
    usable: usize,
    /// Its bytes are made from this.
    mark: u8,
}

// SAFETY: whoever has it has the block alone.
unsafe impl Send for Held {}

impl Held {
    /// The ranges that are looked at.
    fn ends(self) -> [(usize, usize); 2] {
        let first = self.usable.min(LOOKED_AT);
        [(0, first), (self.usable - (self.usable - first).min(LOOKED_AT), self.usable)]
    }

    fn write(self) {
        for (from, to) in self.ends() {
            for at in from..to {
                // SAFETY: a live block of so many bytes.
                unsafe { self.block.add(at).write(self.mark.wrapping_add(at as u8)) }
            }
        }
    }

    /// Its first `len` bytes are as they were written.
    fn verify(self, len: usize) {
        for (from, to) in self.ends() {
            for at in from..to.min(len) {
                // SAFETY: a live block of so many bytes, which were written.
                let found = unsafe { self.block.add(at).read() };
                assert_eq!(found, self.mark.wrapping_add(at as u8), "byte {at} of {} has changed", self.usable);
            }
        }
    }
}

/// The blocks of one input.
struct Blocks {
    with: Functions,
    slots: [Option<Held>; SLOTS],
    /// Where each live block begins, and ends.
    live: BTreeMap<usize, usize>,
    mark: u8,
}

/// `realloc`.
pub type Realloc = unsafe fn(*mut u8, usize) -> *mut u8;

/// Calls what the bytes say.
pub fn run(bytes: &[u8]) {
    run_with(bytes, |library| library);
}

/// The same, with what `alter` makes of `realloc`.
pub fn run_with(bytes: &[u8], alter: impl FnOnce(Realloc) -> Realloc) {
    let mut u = Unstructured::new(bytes);
    let with = if u.arbitrary::<u8>().unwrap_or(0).is_multiple_of(3) { HARDENED } else { ORDINARY };
    let with = Functions { realloc: alter(with.realloc), ..with };
    let mut blocks = Blocks { with, slots: [None; SLOTS], live: BTreeMap::new(), mark: 0 };
    let mut calls = 0;
    while !u.is_empty() && calls < CALLS && blocks.call(&mut u).is_ok() {
        calls += 1;
    }
    (0..SLOTS).for_each(|slot| blocks.free(slot));
}

impl Blocks {
    fn call(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let slot = u.int_in_range(0..=SLOTS - 1)?;
        match u.int_in_range(0..=31)? {
            0..=8 => {
                let size = size(u)?;
                let block = (self.with.malloc)(size);
                self.put(slot, block, size, 16);
            }
            9..=11 => self.calloc(slot, u)?,
            12..=17 => {
                let size = size(u)?;
                self.realloc(slot, size, |with, block| {
                    // SAFETY: null, or live and of this malloc.
                    unsafe { (with.realloc)(block, size) }
                });
            }
            18 => {
                let (count, each) = (*u.choose(&COUNTS)?, size(u)?);
                self.realloc(slot, count.saturating_mul(each), |with, block| {
                    // SAFETY: null, or live and of this malloc.
                    unsafe { (with.reallocarray)(block, count, each) }
                });
            }
            19..=20 => self.aligned(slot, u)?,
            21 => {
                let size = size(u)?;
                let whole = u.arbitrary()?;
                let block = if whole { (self.with.pvalloc)(size) } else { (self.with.valloc)(size) };
                self.put(slot, block, size, 4096);
            }
            22..=28 => self.free(slot),
            29 => self.freed_elsewhere(),
            30 => self.made_elsewhere(slot, size(u)?),
            _ => (self.with.trim)(),
        }
        Ok(())
    }

    /// A block of at least `size` bytes is put into a slot, whose block is freed.
    fn put(&mut self, slot: usize, block: *mut u8, size: usize, align: usize) {
        self.free(slot);
        if block.is_null() {
            assert!(size.max(align) > 1 << 30, "{size} bytes at {align} were refused");
            return;
        }
        assert!(block.addr().is_multiple_of(align), "{block:p} is not at a multiple of {align}");
        let usable = (self.with.usable_size)(block);
        assert!(usable >= size, "{usable} of {size} bytes");
        let (start, end) = (block.addr(), block.addr() + usable);
        let before = self.live.range(..end).next_back();
        assert!(before.is_none_or(|(_, &other)| other <= start), "{block:p} overlaps a live block");
        self.live.insert(start, end);
        self.mark = self.mark.wrapping_add(37);
        let held = Held { block, usable, mark: self.mark };
        held.write();
        self.slots[slot] = Some(held);
    }

    fn take(&mut self, slot: usize) -> Option<Held> {
        let held = self.slots[slot].take()?;
        assert_eq!((self.with.usable_size)(held.block), held.usable, "a block has another size than it had");
        held.verify(held.usable);
        self.live.remove(&held.block.addr());
        Some(held)
    }

    fn free(&mut self, slot: usize) {
        if let Some(held) = self.take(slot) {
            // SAFETY: live, and of this malloc.
            unsafe { (self.with.free)(held.block) }
        }
    }

    fn calloc(&mut self, slot: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let size = size(u)?;
        let count = *u.choose(&COUNTS)?;
        let block = (self.with.calloc)(count, size);
        match count.checked_mul(size) {
            None => assert!(block.is_null(), "{count} times {size} bytes were found"),
            Some(whole) => {
                if !block.is_null() {
                    for (from, to) in (Held { block, usable: whole, mark: 0 }).ends() {
                        // SAFETY: a live block of so many bytes, zeroed.
                        let zeroed = (from..to).all(|at| unsafe { block.add(at).read() } == 0);
                        assert!(zeroed, "{whole} bytes of calloc are not zero");
                    }
                }
                self.put(slot, block, whole, 16);
            }
        }
        Ok(())
    }

    fn realloc(&mut self, slot: usize, size: usize, call: impl FnOnce(&Functions, *mut u8) -> *mut u8) {
        let old = self.take(slot);
        let block = call(&self.with, old.map_or(core::ptr::null_mut(), |held| held.block));
        match old {
            Some(held) if block.is_null() && size != 0 => {
                assert!(size > 1 << 30, "{size} bytes were refused");
                // It is as it was.
                held.verify(held.usable);
                self.live.insert(held.block.addr(), held.block.addr() + held.usable);
                self.slots[slot] = Some(held);
            }
            Some(_) if block.is_null() => {}
            Some(held) => {
                Held { block, ..held }.verify(held.usable.min(size));
                self.put(slot, block, size, 16);
            }
            None => self.put(slot, block, size, 16),
        }
    }

    fn aligned(&mut self, slot: usize, u: &mut Unstructured<'_>) -> Result<()> {
        let size = size(u)?;
        let align = match u.int_in_range(0..=3)? {
            0 => u.arbitrary()?,
            _ => 1_usize << u.int_in_range(0..=21)?,
        };
        match u.int_in_range(0..=2)? {
            0 => {
                let block = (self.with.aligned_alloc)(align, size);
                if align.is_power_of_two() {
                    self.put(slot, block, size, align);
                } else {
                    assert!(block.is_null(), "{align} is no alignment");
                }
            }
            1 => {
                let block = (self.with.memalign)(align, size);
                if let Some(align) = align.checked_next_power_of_two() {
                    self.put(slot, block, size, align);
                } else {
                    assert!(block.is_null(), "{align} is no alignment");
                }
            }
            _ => {
                let mut block = core::ptr::null_mut();
                // SAFETY: may be written.
                let error = unsafe { (self.with.posix_memalign)(&raw mut block, align, size) };
                assert_eq!(error == 0, !block.is_null());
                if align.is_power_of_two() && align >= 8 {
                    self.put(slot, block, size, align);
                } else {
                    assert_eq!(error, libc::EINVAL, "{align} is no alignment");
                }
            }
        }
        Ok(())
    }

    /// Another thread frees every other block, and ends.
    fn freed_elsewhere(&mut self) {
        let blocks: Vec<Held> = (0..SLOTS).step_by(2).filter_map(|slot| self.take(slot)).collect();
        let with = self.with;
        let freed = thread::spawn(move || {
            for held in blocks {
                held.verify(held.usable);
                // SAFETY: live, and of this malloc.
                unsafe { (with.free)(held.block) }
            }
        });
        assert!(freed.join().is_ok());
    }

    /// Another thread makes a block, and ends; and one of which it keeps nothing.
    fn made_elsewhere(&mut self, slot: usize, size: usize) {
        let with = self.with;
        let made = thread::spawn(move || {
            let fleeting = (with.malloc)(64);
            let block = (with.malloc)(size);
            // SAFETY: live, and of this malloc.
            unsafe { (with.free)(fleeting) }
            Held { block, usable: 0, mark: 0 }
        });
        if let Ok(held) = made.join() {
            self.put(slot, held.block, size, 16);
        }
    }
}

/// Sizes: none between what may well be served and what cannot be.
fn size(u: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match u.int_in_range(0..=31)? {
        0..=15 => u.int_in_range(0..=1100)?,
        16..=21 => u.int_in_range(0..=40_000)?,
        22..=24 => u.int_in_range(0..=300_000)?,
        25..=28 => (1_usize << u.int_in_range(0..=20)?).wrapping_add(u.int_in_range(0..=32)?).saturating_sub(16),
        29 => u.int_in_range(0..=5 << 20)?,
        _ => usize::MAX.wrapping_shr(u.int_in_range(0..=14)?).saturating_sub(u.int_in_range(0..=5000)?),
    })
}

//! [`Spare`]: memory for what comes before there is a heap, for what comes from
//! within it, and for this library's own needs. It takes nothing back: there is
//! little of all three.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::{self, NonNull},
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use super::sys;

/// A bump over one mapping, of which only what is used takes memory.
pub struct Spare;

const SIZE: usize = 64 << 20;

static BASE: AtomicUsize = AtomicUsize::new(0);
static USED: AtomicUsize = AtomicUsize::new(0);
static MAPPING: AtomicBool = AtomicBool::new(false);

/// Where it begins, once somebody needed it.
fn base() -> Option<usize> {
    loop {
        match BASE.load(Acquire) {
            0 if MAPPING.swap(true, Relaxed) => sys::give_way(),
            0 => {
                let mapped = sys::map_anonymous(SIZE);
                BASE.store(mapped.map_or(0, |mapped| mapped.expose_provenance().get()), Release);
                MAPPING.store(mapped.is_ok(), Relaxed);
                mapped.ok()?;
            }
            base => return Some(base),
        }
    }
}

/// A block that stays.
pub fn allocate(layout: Layout) -> Option<NonNull<u8>> {
    let base = base()?;
    let mut used = USED.load(Relaxed);
    loop {
        let start = base.checked_add(used)?.checked_next_multiple_of(layout.align())?;
        let end = start.checked_add(layout.size())?.checked_sub(base).filter(|end| *end <= SIZE)?;
        match USED.compare_exchange_weak(used, end, Relaxed, Relaxed) {
            Ok(_) => return NonNull::new(ptr::with_exposed_provenance_mut(start)),
            Err(now) => used = now,
        }
    }
}

/// Whether a block is from here.
pub fn owns(block: NonNull<u8>) -> bool {
    let base = BASE.load(Relaxed);
    base != 0 && block.addr().get().wrapping_sub(base) < SIZE
}

// SAFETY: blocks are disjoint pieces of a mapping that stays.
unsafe impl GlobalAlloc for Spare {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocate(layout).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

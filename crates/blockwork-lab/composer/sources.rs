//! What compositions stand on here, in place of the parts of these names: pages,
//! and libc's own `malloc`. Both count what is taken from them.

use core::{
    alloc::Layout,
    ffi::c_void,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};
use std::rc::Rc;

use blockwork::{AllocError, Allocate, Check, notation::Member};

use super::map::Map;

/// What all sources have given, and the most that they had.
static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The sources by name.
pub fn all() -> [(&'static str, Rc<dyn Member>); 2] {
    [("pages", Rc::new(Counting(Map))), ("system", Rc::new(Counting(Libc)))]
}

/// The most bytes that were held at once.
pub fn peak() -> usize {
    PEAK.load(Relaxed)
}

/// Counts what passes. Used inside the heap's lock, and read at the end.
struct Counting<A>(A);

fn count(more: usize, less: usize) {
    let held = HELD.load(Relaxed).wrapping_add(more).wrapping_sub(less);
    HELD.store(held, Relaxed);
    if held > PEAK.load(Relaxed) {
        PEAK.store(held, Relaxed);
    }
}

// SAFETY: forwards to the source.
unsafe impl<A: Allocate> Allocate for Counting<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.0.allocate(layout)?;
        count(self.0.granted(layout), 0);
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        count(0, self.0.granted(layout));
        // SAFETY: the caller's promise to us is the promise the source asks for.
        unsafe { self.0.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.0.granted(layout)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.0.allocate_zeroed(layout)?;
        count(self.0.granted(layout), 0);
        Ok(block)
    }
}

impl<A> Check for Counting<A> {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

unsafe extern "C" {
    fn __libc_memalign(align: usize, size: usize) -> *mut c_void;
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_free(block: *mut c_void);
}

/// libc's own `malloc`, by the names that lead nowhere back.
struct Libc;

/// What its blocks are aligned to without being asked.
const ALIGN: usize = 16;

// SAFETY: libc's blocks are disjoint, stay, and are aligned as asked.
unsafe impl Allocate for Libc {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(blockwork::alloc::empty(layout));
        }
        let block = if layout.align() <= ALIGN {
            // SAFETY: always may be called.
            unsafe { __libc_malloc(layout.size()) }
        } else {
            // SAFETY: the alignment is a power of two.
            unsafe { __libc_memalign(layout.align(), layout.size()) }
        };
        NonNull::new(block.cast()).ok_or(AllocError)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: from there, and live.
            unsafe { __libc_free(block.as_ptr().cast()) }
        }
    }
}

//! [`Malloc`]: the C library's own allocator, the row to beat.
//!
//! Called as a C program calls it: `realloc` may move blocks by remapping their
//! pages, `calloc` knows which memory is zero already. No layer in between.
//!
//! What it holds is what it says itself: `mallinfo2`'s `arena + hblkhd` (grown
//! by `brk`, and mapped), less what was in use before the replay began. That
//! can change only when the break moves or a block is mapped, so the gauge
//! asks again only then.

use std::{
    alloc::Layout,
    ptr::{self, NonNull},
};

use super::heap::{Heap, Resized};
use crate::replay::books::Gauge;

/// What `malloc` promises of every block.
const ALIGN: usize = align_of::<libc::max_align_t>();

/// From half of the smallest size that glibc maps on its own (128 KiB).
const MAPPED: usize = 64 << 10;

/// The allocator of the machine.
#[derive(Debug)]
pub struct Malloc;

// SAFETY: that is what the C standard promises of these functions.
unsafe impl Heap for Malloc {
    #[inline]
    fn allocate(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        let (size, align) = (layout.size(), layout.align());
        let block = match (align <= ALIGN, zeroed) {
            // SAFETY: any size may be asked for.
            (true, false) => unsafe { libc::malloc(size) },
            // SAFETY: any size may be asked for.
            (true, true) => unsafe { libc::calloc(size, 1) },
            (false, _) => aligned(size, align),
        };
        let block = NonNull::new(block.cast::<u8>())?;
        if zeroed && align > ALIGN {
            // SAFETY: the block is new and has this size.
            unsafe { block.write_bytes(0, size) }
        }
        Some(block)
    }

    #[inline]
    unsafe fn free(&self, block: NonNull<u8>, _: Layout) {
        // SAFETY: live, and from `malloc` or one of its kind.
        unsafe { libc::free(block.as_ptr().cast()) }
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, _: Layout, new: Layout) -> Resized {
        // C's realloc frees at size zero, and knows no alignment.
        if new.size() == 0 || new.align() > ALIGN {
            return Resized::Refused;
        }
        // SAFETY: live, from `malloc` or one of its kind, and the size is not zero.
        let moved = unsafe { libc::realloc(block.as_ptr().cast(), new.size()) };
        NonNull::new(moved.cast()).map_or(Resized::Failed, Resized::Done)
    }

    #[inline]
    unsafe fn granted(&self, block: NonNull<u8>, _: Layout) -> usize {
        // SAFETY: live, and from `malloc` or one of its kind.
        unsafe { libc::malloc_usable_size(block.as_ptr().cast()) }
    }
}

/// A block at a multiple of `align`, or null.
fn aligned(size: usize, align: usize) -> *mut libc::c_void {
    let mut block = ptr::null_mut();
    // SAFETY: the alignment is a power of two above that of a pointer.
    match unsafe { libc::posix_memalign(&raw mut block, align, size) } {
        0 => block,
        _ => ptr::null_mut(),
    }
}

/// Reads what `malloc` holds.
#[derive(Debug)]
pub struct MallocGauge {
    /// In use before the replay: the driver's own.
    before: u64,
    held: u64,
    brk: usize,
    /// Blocks that are mapped on their own.
    mapped: u64,
    /// Whether every block that `malloc` gave is a block of the replay.
    direct: bool,
}

impl MallocGauge {
    /// A gauge that counts from now on.
    pub fn new() -> Self {
        let info = info();
        Self { before: (info.uordblks + info.hblkhd) as u64, held: 0, brk: 0, mapped: 0, direct: false }
    }

    /// The same, and all blocks come from `malloc` directly: each has a header.
    pub fn with_headers() -> Self {
        Self { direct: true, ..Self::new() }
    }
}

impl Gauge for MallocGauge {
    fn held(&mut self, size: usize) -> u64 {
        let brk = brk();
        if brk != self.brk || size >= MAPPED {
            let info = info();
            self.brk = brk;
            self.mapped = info.hblks as u64;
            self.held = ((info.arena + info.hblkhd) as u64).saturating_sub(self.before);
        }
        self.held
    }

    /// The size before each block, and another word before one that is mapped.
    fn metadata(&mut self, blocks: u64) -> Option<u64> {
        self.direct.then(|| (blocks + self.mapped) * size_of::<usize>() as u64)
    }
}

fn info() -> libc::mallinfo2 {
    // SAFETY: nothing is asked of the caller.
    unsafe { libc::mallinfo2() }
}

/// The end of the heap that `brk` grows.
fn brk() -> usize {
    // SAFETY: a step of zero only asks where it is.
    unsafe { libc::sbrk(0) }.addr()
}

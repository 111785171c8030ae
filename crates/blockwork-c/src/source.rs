//! Where memory comes from: the system, a region of the caller's, or two
//! functions like `malloc` and `free`.

use core::{
    alloc::Layout,
    ffi::c_void,
    mem::MaybeUninit,
    ptr::{self, NonNull},
    slice,
};

use blockwork::{
    AllocError, Allocate, Buffer, Check, Pages, System,
    alloc::empty,
    math::align::{NATURAL_ALIGN_MAX, align_up},
};

use crate::{
    error::{Refusal, contain},
    interface::{Interface, functions},
    part::{Body, Handle, create},
};

functions!(of_system, system);
functions!(of_pages, pages);

/// What a function of the interface asks for its context.
///
/// # Safety
///
/// None: there is one system, whatever the context.
unsafe fn system(_: *mut c_void) -> &'static System {
    &System
}

/// Likewise.
///
/// # Safety
///
/// None.
unsafe fn pages(_: *mut c_void) -> &'static Pages {
    &Pages
}

/// The allocator of the system.
pub(crate) static SYSTEM: Interface = of_system::interface(ptr::null_mut());

/// Whole pages.
pub(crate) static PAGES: Interface = of_pages::interface(ptr::null_mut());

/// The allocator of the system, for all threads.
#[unsafe(no_mangle)]
pub extern "C" fn bw_system() -> *const Interface {
    &raw const SYSTEM
}

/// Whole pages from the operating system, for all threads.
#[unsafe(no_mangle)]
pub extern "C" fn bw_pages() -> *const Interface {
    &raw const PAGES
}

impl Body for Buffer<'static> {
    fn reset(&mut self) -> Result<(), Refusal> {
        blockwork::Reset::reset(self);
        Ok(())
    }
}

/// A source that lends one region of the caller's, to one holder at a time.
///
/// # Safety
///
/// - `memory` is null, or of `size` bytes that nobody else uses before the part
///   and all parts over it are destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_buffer(memory: *mut c_void, size: usize) -> *mut Handle {
    create(|_| {
        let memory = NonNull::new(memory.cast::<MaybeUninit<u8>>());
        let memory = memory.ok_or(Refusal::Argument("a buffer must not be null"))?;
        if Layout::from_size_align(size, 1).is_err() {
            return Err(Refusal::Argument("a buffer must have a size that memory can have"));
        }
        // SAFETY: the caller's promise; any byte is a `MaybeUninit`.
        let region = unsafe { slice::from_raw_parts_mut(memory.as_ptr(), size) };
        Ok(Buffer::new(region))
    })
}

/// Gives memory of so many bytes, aligned for anything, or null.
pub type Acquire = unsafe extern "C-unwind" fn(*mut c_void, usize) -> *mut c_void;

/// Takes memory back.
pub type Release = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void);

/// Whoever has functions like `malloc` and `free`.
///
/// ```text
/// up to 16:  [ block ]
/// above:     [ ······ | address | block ]   asked for by its alignment more
/// ```
struct Simple {
    context: *mut c_void,
    acquire: Acquire,
    release: Release,
}

impl Simple {
    fn take(&self, size: usize) -> Result<NonNull<u8>, AllocError> {
        let memory = contain(|| {
            // SAFETY: the caller's own function, with its context.
            unsafe { (self.acquire)(self.context, size) }
        });
        let memory = NonNull::new(memory.cast::<u8>()).ok_or(AllocError)?;
        if memory.addr().get() & NATURAL_ALIGN_MAX.wrapping_sub(1) != 0 {
            self.give(memory);
            return Err(AllocError);
        }
        Ok(memory)
    }

    fn give(&self, memory: NonNull<u8>) {
        contain(|| {
            // SAFETY: the caller's own function, for memory that it gave.
            unsafe { (self.release)(self.context, memory.as_ptr().cast()) }
        });
    }

    /// Where the address of the memory around an over-aligned block is kept.
    fn link(block: NonNull<u8>) -> *mut NonNull<u8> {
        block.as_ptr().wrapping_sub(size_of::<NonNull<u8>>()).cast()
    }
}

// SAFETY: blocks are the caller's, or lie inside of them, so they are disjoint
// and live; they are aligned as `take` and the arithmetic see to.
unsafe impl Allocate for Simple {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let (size, align) = (layout.size(), layout.align());
        if size == 0 {
            return Ok(empty(layout));
        }
        if align <= NATURAL_ALIGN_MAX {
            return self.take(size);
        }
        let memory = self.take(size.checked_add(align).ok_or(AllocError)?)?;
        let start = memory.addr().get();
        // Behind at least 16 bytes, as the start is a multiple of that and not
        // of the alignment, or of it and then the whole alignment is skipped.
        let aligned = align_up(start.wrapping_add(1), align).unwrap_or(start);
        // SAFETY: no more than the alignment, which was asked for on top.
        let block = unsafe { memory.add(aligned.wrapping_sub(start)) };
        // SAFETY: at least 16 bytes before the block are ours, and aligned.
        unsafe { Self::link(block).write(memory) };
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        if layout.align() <= NATURAL_ALIGN_MAX {
            self.give(block);
        } else {
            // SAFETY: written when the block was made.
            self.give(unsafe { Self::link(block).read() });
        }
    }
}

impl Check for Simple {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

impl Body for Simple {}

/// A source of memory that `acquire` gives and `release` takes back.
///
/// # Safety
///
/// - `acquire` gives memory of the size that it is asked for, which stays until
///   it is released.
/// - Both may be called with `context` until the part and all parts over it are
///   destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_source(
    acquire: Option<Acquire>,
    release: Option<Release>,
    context: *mut c_void,
) -> *mut Handle {
    create(|_| match (acquire, release) {
        (Some(acquire), Some(release)) => Ok(Simple { context, acquire, release }),
        _ => Err(Refusal::Argument("a source must have `acquire` and `release`")),
    })
}

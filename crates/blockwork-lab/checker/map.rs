//! [`Map`]: pages from the system, and a list of which are ours.

use core::{alloc::Layout, cell::UnsafeCell, ptr::NonNull};

use blockwork::{AllocError, Allocate};

use super::sys::{self, PAGE};

/// Whole pages. Used by one thread at a time: inside the heap's lock.
#[derive(Clone, Copy, Debug)]
pub struct Map;

/// The mappings, sorted: first and last address of each.
struct Ours {
    list: *mut [usize; 2],
    room: usize,
    count: usize,
}

struct Place(UnsafeCell<Ours>);

// SAFETY: reached inside the heap's lock only.
unsafe impl Sync for Place {}

static OURS: Place = Place(UnsafeCell::new(Ours { list: core::ptr::null_mut(), room: 0, count: 0 }));

/// What is ours, as first address and end, sorted.
///
/// # Safety
///
/// - Inside the heap's lock, and nothing is mapped while the result lives.
pub unsafe fn ours() -> &'static [[usize; 2]] {
    // SAFETY: the caller's promise.
    let ours = unsafe { &*OURS.0.get() };
    if ours.count == 0 {
        return &[];
    }
    // SAFETY: so many are written.
    unsafe { core::slice::from_raw_parts(ours.list, ours.count) }
}

impl Ours {
    fn slots(&mut self) -> &mut [[usize; 2]] {
        if self.room == 0 {
            return &mut [];
        }
        // SAFETY: so many are there; fresh ones are zero.
        unsafe { core::slice::from_raw_parts_mut(self.list, self.room) }
    }

    fn add(&mut self, start: usize, end: usize) -> Result<(), AllocError> {
        if self.count == self.room {
            let room = self.room.saturating_mul(2).max(PAGE / size_of::<[usize; 2]>());
            let memory = sys::map_anonymous(room.saturating_mul(16)).map_err(|_| AllocError)?;
            let list = memory.cast::<[usize; 2]>().as_ptr();
            if self.room != 0 {
                // SAFETY: both have room for what there is.
                unsafe { self.list.copy_to_nonoverlapping(list, self.count) };
                // SAFETY: the old list, not used again.
                unsafe { sys::unmap(self.list.cast(), self.room.saturating_mul(16)) };
            }
            (self.list, self.room) = (list, room);
        }
        let count = self.count;
        let slots = self.slots();
        let at = slots.get(..count).map_or(0, |used| used.partition_point(|&[other, _]| other < start));
        if let Some(tail) = slots.get_mut(at..=count) {
            tail.rotate_right(1);
            if let [first, ..] = tail {
                *first = [start, end];
            }
        }
        self.count = count.wrapping_add(1);
        Ok(())
    }

    fn remove(&mut self, start: usize) {
        let count = self.count;
        let Some(used) = self.slots().get_mut(..count) else { return };
        if let Ok(at) = used.binary_search_by_key(&start, |&[other, _]| other)
            && let Some(tail) = used.get_mut(at..)
        {
            tail.rotate_left(1);
            self.count = count.wrapping_sub(1);
        }
    }
}

fn whole(layout: Layout) -> Option<usize> {
    layout.size().checked_next_multiple_of(PAGE).filter(|&size| size < isize::MAX.cast_unsigned())
}

// SAFETY: fresh mappings, aligned by cutting off what is in front.
unsafe impl Allocate for Map {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(blockwork::alloc::empty(layout));
        }
        let size = whole(layout).ok_or(AllocError)?;
        let more = if layout.align() > PAGE { layout.align() } else { 0 };
        let length = size.checked_add(more).ok_or(AllocError)?;
        let base = sys::map_anonymous(length).map_err(|_| AllocError)?;
        let before = base.align_offset(layout.align());
        // SAFETY: no further than `more`.
        let block = unsafe { base.add(before) };
        if before != 0 {
            // SAFETY: mapped just now, and in front of the block.
            unsafe { sys::unmap(base.as_ptr(), before) };
        }
        let behind = more.wrapping_sub(before);
        if behind != 0 {
            // SAFETY: as long as that.
            let end = unsafe { block.add(size) };
            // SAFETY: mapped just now, and behind the block.
            unsafe { sys::unmap(end.as_ptr(), behind) };
        }
        let start = block.expose_provenance().get();
        // SAFETY: inside the heap's lock.
        let ours = unsafe { &mut *OURS.0.get() };
        if ours.add(start, start.wrapping_add(size)).is_err() {
            // SAFETY: mapped just now.
            unsafe { sys::unmap(block.as_ptr(), size) };
            return Err(AllocError);
        }
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if let (1.., Some(size)) = (layout.size(), whole(layout)) {
            // SAFETY: inside the heap's lock.
            unsafe { &mut *OURS.0.get() }.remove(block.addr().get());
            // SAFETY: from here, and nobody's any more.
            unsafe { sys::unmap(block.as_ptr(), size) }
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        whole(layout).filter(|&size| Layout::from_size_align(size, layout.align()).is_ok()).unwrap_or(layout.size())
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.allocate(layout)
    }
}

//! Threads that come and go, processes that fork, and frees that are mistakes.

use core::{ffi::c_void, ptr, ptr::NonNull};

use super::{HEAPS, Heap, NOBODYS, OnMisuse, SHARED_SPANS, options, slot};
use crate::{
    alloc::AllocError,
    os::thread::{AtExit, abort, at_fork, print},
    sync::atomic::{AtomicBool, Ordering},
};

static EXIT: AtExit = AtExit::new();

/// Whether someone has asked to be told of exits and forks.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// The heap of this thread, if it has one.
pub(super) fn own() -> Option<&'static Heap> {
    let heap = slot::get();
    (!ptr::eq(heap, &raw const NOBODYS)).then_some(heap)
}

/// The heap of this thread, which from now on has one.
pub(super) fn heap() -> Result<&'static Heap, AllocError> {
    own().map_or_else(enter, Ok)
}

#[cold]
fn enter() -> Result<&'static Heap, AllocError> {
    let heap = HEAPS.enter()?;
    // What follows may allocate, and does so from this heap.
    slot::set(heap);
    // Relaxed: who is second has nothing to wait for but the key, and a thread
    // that was too early for it has its heap for as long as the process runs.
    if !WATCHED.swap(true, Ordering::Relaxed) {
        EXIT.create(leave);
        at_fork(before_fork, after_fork);
    }
    EXIT.watch(ptr::from_ref(heap).cast());
    Ok(heap)
}

/// Called at the end of a thread that has the heap `heap`.
unsafe extern "C" fn leave(heap: *mut c_void) {
    // Frees that still come do not touch the heap.
    slot::set(&NOBODYS);
    // SAFETY: what `watch` was given.
    HEAPS.leave(unsafe { &*heap.cast::<Heap>() });
}

unsafe extern "C" fn before_fork() {
    HEAPS.hold();
    SHARED_SPANS.hold();
}

unsafe extern "C" fn after_fork() {
    SHARED_SPANS.release();
    HEAPS.release();
}

/// Says what is wrong with a call that was given `block`, and ends the process,
/// unless mistakes are to be ignored.
#[cold]
#[inline(never)]
pub(super) fn misuse(what: &str, block: NonNull<u8>) {
    let mut line = Line { bytes: [0; 160], len: 0 };
    for part in ["blockwork: ", what, ": 0x"] {
        part.bytes().for_each(|byte| line.push(byte));
    }
    // The digits, without the zeroes in front.
    let address = block.addr().get();
    for shift in (0..usize::BITS).step_by(4).rev().skip_while(|&shift| address.wrapping_shr(shift) == 0) {
        let digit = address.wrapping_shr(shift) & 0xF;
        line.push(b"0123456789abcdef".get(digit).copied().unwrap_or(b'?'));
    }
    line.push(b'\n');
    print(line.bytes.get(..line.len).unwrap_or_default());
    match options::misuse() {
        OnMisuse::Abort => abort(),
        OnMisuse::Ignore => {}
    }
}

/// Text in place: who has made a mistake with memory is given none. What does not
/// fit is cut off.
struct Line {
    bytes: [u8; 160],
    len: usize,
}

impl Line {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len = self.len.saturating_add(1);
        }
    }
}

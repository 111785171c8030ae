//! The fuzzers' checks check: of each target a mistake is planted in what it looks at,
//! and its corpus finds it.

mod corpora;

use core::{
    alloc::Layout,
    ffi::c_void,
    panic::AssertUnwindSafe,
    ptr::{self, NonNull},
};
use std::panic;

use blockwork::{AllocError, Allocate, Check, notation::Composition, suite};
use blockwork_c::{Interface, bw_allocate, bw_deallocate};
use blockwork_fuzz::{c_api, compositions, containers, malloc, notation, recordings};

use self::corpora::corpus;

/// Whether an input of the corpus makes `target` panic, with these words.
fn is_found(name: &str, words: &str, target: impl Fn(&[u8])) {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let found = corpus(name).iter().any(|input| {
        let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| target(input))) else { return false };
        payload.downcast_ref::<String>().is_some_and(|said| said.contains(words))
    });
    panic::set_hook(hook);
    assert!(found, "no input of `{name}` has found the mistake");
}

/// One test, since the hook of panics is one: first, a text that wins a word when it is printed.
#[test]
fn planted_mistakes_are_found() {
    let print = |composition: &Composition| composition.to_string().replacen(" over ", " over counted over ", 1);
    let grammar = notation::Grammar { print, ..notation::GRAMMAR };
    is_found("notation", "left == right", |bytes| notation::run_with(bytes, grammar));

    // A writer that loses a bit of a size.
    is_found("recordings", "reads as something else", |bytes| recordings::run_with(bytes, |size| size & !64));

    // A part that zeroes less than it grants; not over those that end the program when they
    // are dropped with live blocks, as they are when a law is broken.
    is_found("compositions", "zeroes all that is granted", |bytes| {
        compositions::run_with(bytes, |suite| match suite.name().contains("checked") {
            true => suite,
            false => suite!("planted", |parent| Unzeroed(parent)).over(&suite),
        });
    });

    // A heap that only says that blocks have shrunk.
    is_found("containers", "Fault", containers::planted);

    // Reallocations that lose a byte.
    is_found("malloc", "has changed", |bytes| {
        // The hardened one would find a block of another.
        let plain = blockwork_malloc::c::realloc as malloc::Realloc;
        malloc::run_with(bytes, |library| if ptr::fn_addr_eq(library, plain) { losing } else { library });
    });
    is_found("c_api", "has changed", |bytes| c_api::run_with(bytes, bw_losing));
}

/// Zeroes all but the last byte.
struct Unzeroed<A>(A);

// SAFETY: wrong, as it says.
unsafe impl<A: Allocate> Allocate for Unzeroed<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.0.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.0.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.0.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let block = self.0.allocate_zeroed(layout)?;
        if let Some(last) = layout.size().checked_sub(1) {
            // SAFETY: inside the block.
            unsafe { block.add(last).write(1) }
        }
        Ok(block)
    }
}

impl<A: Check> Check for Unzeroed<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.0.check()
    }
}

/// Moves all but the first byte.
unsafe fn losing(old: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    let new = unsafe { blockwork_malloc::c::realloc(old, size) };
    if !old.is_null() && !new.is_null() {
        // SAFETY: a block of at least a byte.
        unsafe { new.write(!new.read()) }
    }
    new
}

unsafe extern "C" fn bw_losing(
    allocator: *const Interface,
    old: *mut c_void,
    old_size: usize,
    new_size: usize,
    align: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    let new = unsafe { bw_allocate(allocator, new_size, align) };
    if !new.is_null() {
        let kept = old_size.min(new_size).saturating_sub(1);
        // SAFETY: so many bytes of two blocks.
        unsafe { ptr::copy_nonoverlapping(old.cast::<u8>(), new.cast::<u8>(), kept) };
        // SAFETY: the caller's promise.
        unsafe { bw_deallocate(allocator, old, old_size, align) };
    }
    new
}

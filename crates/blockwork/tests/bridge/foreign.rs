//! Allocators of other contracts as sources of ours.

use alloc::rc::Rc;
use core::{
    alloc::{GlobalAlloc, Layout},
    cell::{Cell, UnsafeCell},
};
use std::process::Command;

use allocator_api2_02::vec::Vec as Vec02;
use blockwork::{AllocError, Allocate, Buffer, Chain, FromApi2_02, FromApi2_04, FromGlobal, Registered, System};
use bumpalo::Bump;

/// A block of each kind of request is aligned, holds its bytes, and goes back.
fn serves(source: &impl Allocate) {
    for (size, align) in [(0, 64), (1, 1), (100, 8), (3, 4096)] {
        let layout = Layout::from_size_align(size, align).unwrap();
        assert_eq!(source.granted(layout), size);
        for block in [source.allocate(layout).unwrap(), source.allocate_zeroed(layout).unwrap()] {
            assert!(block.addr().get().is_multiple_of(align));
            // SAFETY: valid for what was asked.
            unsafe { block.write_bytes(0xA5, size) };
            // SAFETY: live, and allocated with this layout.
            unsafe { source.deallocate(block, layout) };
        }
    }
}

#[test]
fn a_global_allocator_is_a_source() {
    serves(&FromGlobal::new(&std::alloc::System));
    serves(&FromGlobal::new(Registered));
}

/// Gives its own bytes, once, as the example in the documentation of
/// `GlobalAlloc` does.
struct Inside(UnsafeCell<[u8; 64]>, Cell<bool>);

// SAFETY: gives one block, which is valid as long as it stays where it is.
unsafe impl GlobalAlloc for Inside {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let fits = layout.size() <= 64 && layout.align() == 1 && !self.1.replace(true);
        if fits { self.0.get().cast() } else { core::ptr::null_mut() }
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[test]
fn a_global_allocator_with_its_bytes_inside_stays_where_it_is() {
    let inside = Rc::new(Inside(UnsafeCell::new([0; 64]), Cell::new(false)));
    let home = Rc::as_ptr(&inside).addr();
    let heap = Box::new(FromGlobal::new(inside));
    let mut bytes = Vec02::with_capacity_in(64, *heap);
    bytes.extend(0..64_u8);
    assert_eq!(bytes.as_ptr().addr(), home);
    assert!(bytes.iter().copied().eq(0..64));
}

#[test]
fn an_allocator_of_either_api2_is_a_source() {
    serves(&FromApi2_02::new(allocator_api2_02::alloc::Global));
    serves(&FromApi2_04::new(allocator_api2_04::alloc::Global));
}

#[cfg(blockwork_std_allocator)]
#[test]
fn an_allocator_of_std_is_a_source() {
    serves(&blockwork::FromStd::new(alloc::alloc::Global));
}

#[test]
fn there_and_back_again_is_the_same_allocator() {
    let heap = System.counted();
    serves(&FromApi2_04::new(FromApi2_02::new(FromGlobal::new(&heap.shared().locked()))));
    assert_eq!((heap.counts().requests, heap.counts().bytes_live), (6, 0));
}

#[test]
fn bumpalo_is_a_parent() {
    let bump = Bump::new();
    let heap = FromApi2_02::new(&bump).counted();
    serves(&heap);
    let mut vec = Vec02::new_in(&heap);
    vec.extend(0..1000);
    assert!(vec.iter().copied().eq(0..1000));
    assert!(bump.allocated_bytes() >= heap.counts().bytes_peak);
}

#[test]
fn bumpalo_is_a_fallback() {
    let bump = Bump::new();
    let mut memory = [core::mem::MaybeUninit::uninit(); 64];
    let heap = Buffer::new(&mut memory).or_else(FromApi2_02::new(&bump));
    let layout = Layout::new::<[u8; 64]>();
    assert!(heap.allocate(layout).is_ok());
    assert!(heap.allocate(layout).is_ok());
    assert!(bump.allocated_bytes() >= 64);
}

#[test]
fn a_foreign_failure_is_an_error() {
    let bump = Bump::new();
    bump.set_allocation_limit(Some(0));
    let heap = FromApi2_02::new(&bump);
    assert_eq!(heap.allocate(Layout::new::<[u8; 100]>()), Err(AllocError));
    assert_eq!(heap.allocate_zeroed(Layout::new::<[u8; 100]>()), Err(AllocError));

    struct Empty;
    // SAFETY: hands out nothing.
    unsafe impl GlobalAlloc for Empty {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            core::ptr::null_mut()
        }
        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }
    let heap = FromGlobal::new(&Empty);
    assert_eq!(heap.allocate(Layout::new::<u8>()), Err(AllocError));
    assert!(heap.allocate(Layout::new::<()>()).is_ok(), "it is not asked for nothing");
}

#[test]
fn a_foreign_block_keeps_its_address_only_at_its_size() {
    let heap = FromGlobal::new(&std::alloc::System);
    let (old, new) = (Layout::new::<[u8; 4]>(), Layout::new::<[u8; 2]>());
    let block = heap.allocate(old).unwrap();
    // SAFETY: live, and allocated with `old`.
    assert_eq!(unsafe { heap.resize(block, old, old) }, Ok(()));
    // SAFETY: live, and allocated with `old`.
    assert_eq!(unsafe { heap.resize(block, old, new) }, Err(AllocError));
    // SAFETY: live, and allocated with `old`.
    unsafe { heap.deallocate(block, old) };
}

/// Breaks its contract by unwinding.
struct Unwinding;

// SAFETY: hands out nothing.
unsafe impl allocator_api2_02::alloc::Allocator for Unwinding {
    fn allocate(&self, _: Layout) -> Result<core::ptr::NonNull<[u8]>, allocator_api2_02::alloc::AllocError> {
        panic!("out of patience")
    }
    unsafe fn deallocate(&self, _: core::ptr::NonNull<u8>, _: Layout) {}
}

#[test]
fn a_foreign_panic_ends_the_program_and_does_not_unwind() {
    const INSIDE: &str = "BLOCKWORK_TEST_UNWINDING";
    if std::env::var_os(INSIDE).is_some() {
        let outcome = std::panic::catch_unwind(|| FromApi2_02::new(Unwinding).allocate(Layout::new::<u8>()));
        println!("unwound: {outcome:?}");
        return;
    }
    let name = "foreign::a_foreign_panic_ends_the_program_and_does_not_unwind";
    let this = std::env::current_exe().unwrap();
    let run = Command::new(this).args([name, "--exact", "--nocapture"]).env(INSIDE, "1").output().unwrap();
    assert!(!run.status.success());
    assert!(String::from_utf8_lossy(&run.stderr).contains("out of patience"));
    assert!(!String::from_utf8_lossy(&run.stdout).contains("unwound"));
}

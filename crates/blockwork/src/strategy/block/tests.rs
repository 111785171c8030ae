//! Tests of `Block` and of what is found by a mask.

use core::{
    alloc::Layout,
    mem::MaybeUninit,
    ptr::{self, NonNull},
};

use heap::{boxed::Box, string::ToString, vec::Vec};

use super::*;
use crate::{
    alloc::AllocError,
    source::{
        buffer::Buffer,
        foreign::{FromGlobal, Registered},
    },
    strategy::ledger::Ledger,
};

#[test]
fn every_power_of_two_is_aligned_to_itself() {
    for size in (0..=30).map(|bit| 1_usize << bit) {
        let block = Block::new(size).unwrap();
        // Seed 002's own test: all low bits are free to be set.
        let mask = size - 1;
        assert_eq!((block.as_ptr().addr() & mask) ^ mask, mask);
        assert_eq!(block.size(), size);
    }
}

#[cfg(all(feature = "os", unix, not(blockwork_no_os)))]
#[test]
fn pages_give_every_power_of_two_aligned() {
    for size in (0..=30).map(|bit| 1_usize << bit) {
        let block = Block::new_in(size, crate::source::pages::Pages).unwrap();
        assert!(block.as_ptr().addr().is_multiple_of(size));
    }
}

#[test]
fn other_sizes_are_bad_requests() {
    for size in [0, 3, 999, 4097, (1 << 62) + 1, usize::MAX] {
        assert_eq!(Block::new(size).unwrap_err(), BlockError::BadRequest);
        assert_eq!(Block::zeroed(size).unwrap_err(), BlockError::BadRequest);
    }
}

/// Seed 002: the largest power of two made a layout that cannot be.
#[test]
fn a_block_larger_than_memory_is_a_bad_request() {
    assert_eq!(Block::new(1 << (usize::BITS - 1)).unwrap_err(), BlockError::BadRequest);
}

#[test]
fn a_parent_without_such_a_block_is_out_of_memory() {
    assert_eq!(Block::new(1 << (usize::BITS - 2)).unwrap_err(), BlockError::OutOfMemory);
    let parent = Ledger::new();
    parent.fail_after(0);
    assert_eq!(Block::new_in(64, &parent).unwrap_err(), BlockError::OutOfMemory);
    assert_eq!(Block::zeroed_in(64, &parent).unwrap_err(), BlockError::OutOfMemory);
    assert_eq!(AllocError::from(BlockError::OutOfMemory), AllocError);
}

#[test]
fn a_block_goes_back_with_the_layout_it_was_asked_with() {
    let parent = Ledger::new();
    let block = Block::new_in(256, &parent).unwrap();
    assert_eq!(parent.layouts(), [Layout::from_size_align(256, 256).unwrap()]);
    drop(block);
    assert_eq!(parent.blocks(), 0);
}

/// Seed 002: giving up ownership freed the memory all the same.
#[test]
fn raw_parts_stay_live_until_they_are_a_block_again() {
    let (base, size) = Block::new(4096).unwrap().into_raw_parts();
    // SAFETY: live, ours, and that long.
    unsafe { base.write_bytes(7, size) };
    // SAFETY: from `into_raw_parts`.
    let block = unsafe { Block::from_raw_parts(base, size) };
    assert_eq!((block.base(), block.size()), (base, 4096));
    // SAFETY: written above.
    assert!(block.as_uninit_slice().iter().all(|byte| unsafe { byte.assume_init() } == 7));

    let parent = Ledger::new();
    let (base, size, lender) = Block::new_in(64, &parent).unwrap().into_raw_parts_in();
    assert_eq!(parent.blocks(), 1);
    // SAFETY: from `into_raw_parts_in`.
    drop(unsafe { Block::from_raw_parts_in(base, size, lender) });
    assert_eq!(parent.blocks(), 0);
}

#[test]
fn every_address_inside_leads_to_the_base() {
    let mut block = Block::zeroed_in(256, Ledger::new()).unwrap();
    let base = block.as_mut_ptr();
    for offset in 0..256 {
        let interior = base.wrapping_add(offset);
        assert_eq!((base_of(interior, 256), offset_of(interior, 256)), (base, offset));
        assert_eq!(block.offset_in_block(interior), Some(offset));
    }
    for outside in [base.wrapping_sub(1), base.wrapping_add(256), ptr::null_mut()] {
        assert!(!block.contains(outside));
        assert_eq!(block.offset_in_block(outside), None);
    }
}

#[test]
fn a_header_is_found_from_any_byte_of_the_block() {
    let mut block = Block::new_in(128, Ledger::new()).unwrap();
    let base = block.as_mut_ptr();
    // SAFETY: ours; long and aligned enough.
    unsafe { header_of::<u64>(base, 128).write(0x5EED) };
    for offset in 0..128 {
        // SAFETY: written above.
        assert_eq!(unsafe { header_of::<u64>(base.wrapping_add(offset), 128).read() }, 0x5EED);
    }
}

#[test]
fn slices_cover_the_whole_block() {
    let mut block = Block::zeroed(32).unwrap();
    block.as_uninit_slice_mut()[31].write(1);
    // SAFETY: zeroed, then written.
    let bytes: [u8; 32] = core::array::from_fn(|at| unsafe { block.as_uninit_slice()[at].assume_init() });
    assert_eq!((bytes[..31].iter().sum::<u8>(), bytes[31]), (0, 1));
}

#[test]
fn a_block_of_a_buffer_lives_as_long_as_it_is_borrowed() {
    #[repr(align(64))]
    struct Aligned([MaybeUninit<u8>; 64]);
    let mut memory = Aligned([MaybeUninit::uninit(); 64]);
    let buffer = Buffer::new(&mut memory.0);
    let block = Block::new_in(64, &buffer).unwrap();
    assert_eq!(Block::new_in(64, &buffer).unwrap_err(), BlockError::OutOfMemory);
    drop(block);
    assert!(Block::new_in(64, &buffer).is_ok());
}

#[test]
fn blocks_change_threads() {
    let block = Block::zeroed(64).unwrap();
    assert_eq!(std::thread::spawn(move || block.size()).join().unwrap(), 64);
}

#[test]
fn errors_say_what_to_do() {
    assert_eq!(BlockError::BadRequest.to_string(), "a block's size must be a power of two and not exceed isize::MAX");
    assert_eq!(BlockError::OutOfMemory.to_string(), AllocError.to_string());
}

/// A header that tells when it is dropped.
struct Told<'a>(&'a core::cell::Cell<u32>);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().wrapping_add(1));
    }
}

/// Seed 002 promised a header in the first word, and wrote none.
#[test]
fn a_typed_header_lies_in_the_first_word_and_is_found_from_the_body() {
    type Region = HeadedBlock<core::cell::Cell<usize>, 256, Ledger>;
    let mut region = Region::new_in(core::cell::Cell::new(0), Ledger::new()).unwrap();
    assert_eq!((region.body().len(), Region::BODY), (256 - size_of::<usize>(), size_of::<usize>()));
    assert_eq!(region.block().base().cast(), NonNull::from(region.header()));
    let body = region.body().cast::<u8>();
    for offset in 0..region.body().len() {
        // SAFETY: inside the body.
        let object = unsafe { body.add(offset) };
        // SAFETY: ours.
        unsafe { object.write(0xA5) };
        // SAFETY: inside a live block of this type.
        let header = unsafe { Region::header_of(object) };
        // SAFETY: lives as long as the region.
        let header = unsafe { header.as_ref() };
        header.set(header.get() + 1);
        assert_eq!(Region::offset_of(object), Region::BODY + offset);
    }
    assert_eq!(*region.header_mut().get_mut(), 248);
}

#[test]
fn a_header_is_dropped_once_before_its_block_is_freed() {
    let (drops, parent) = (core::cell::Cell::new(0), Ledger::new());
    let new = || HeadedBlock::<_, 64, _>::new_in(Told(&drops), &parent);
    drop(new().unwrap());
    assert_eq!((drops.get(), parent.blocks()), (1, 0));
    let (header, block) = new().unwrap().into_parts();
    assert_eq!((drops.get(), block.size(), parent.blocks()), (1, 64, 1));
    drop((header, block));
    let (header, lender) = new().unwrap().into_raw();
    assert_eq!((drops.get(), parent.blocks()), (2, 1));
    // SAFETY: from `into_raw`.
    drop(unsafe { HeadedBlock::<Told<'_>, 64, _>::from_raw(header, lender) });
    assert_eq!((drops.get(), parent.blocks()), (3, 0));
    parent.fail_after(0);
    assert!(new().is_err());
    assert_eq!(drops.get(), 4);
}

#[test]
fn a_header_that_unwinds_frees_its_block() {
    struct Unwinds;
    impl Drop for Unwinds {
        fn drop(&mut self) {
            panic!("out of the header");
        }
    }
    let parent = Ledger::new();
    let block = HeadedBlock::<_, 64, _>::new_in(Unwinds, &parent).unwrap();
    assert!(std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| drop(block))).is_err());
    assert_eq!(parent.blocks(), 0);
}

#[repr(align(4096))]
struct Page(#[expect(dead_code, reason = "only its size is of interest")] [u8; 4096]);

/// Seed 002: a vector's memory was freed by what was asked for, and not by the
/// capacity it had.
#[test]
fn boxes_and_vectors_keep_their_capacity() {
    let block = Block::from_vec(Vec::<Page>::with_capacity(1)).ok().unwrap();
    let (base, size) = (block.base(), block.size());
    let slice = block.into_boxed_slice::<Page>().ok().unwrap();
    assert_eq!((slice.len(), NonNull::from(&*slice).cast()), (1, base));
    let block = Block::from_boxed_slice(slice).ok().unwrap();
    assert_eq!((block.base(), block.size()), (base, size));
    let vec = block.into_vec::<Page>().ok().unwrap();
    assert_eq!((vec.len(), vec.capacity()), (0, 1));

    // Elements that are aligned to less would be freed with another layout.
    let vec = Block::from_vec(Vec::<u8>::with_capacity(4096)).unwrap_err();
    assert!(vec.capacity() >= 4096);
    assert!(Block::from_vec(Vec::<()>::new()).is_err());
    assert!(Block::from_vec(Vec::<Page>::with_capacity(2)).is_err());
    assert!(Block::from_boxed_slice(Box::<[u64]>::new_uninit_slice(0)).is_err());
    let block = Block::new_in(4096, FromGlobal::new(Registered)).unwrap();
    let block = block.into_vec::<u8>().unwrap_err();
    assert!(block.into_boxed_slice::<()>().is_err());
}

#[test]
fn what_lives_in_a_vector_is_dropped_when_it_becomes_a_block() {
    #[repr(align(16))]
    struct Element<'a>(#[expect(dead_code, reason = "only dropped")] Told<'a>);
    let drops = core::cell::Cell::new(0);
    let block = Block::from_vec(heap::vec![Element(Told(&drops))]).ok().unwrap();
    assert_eq!((drops.get(), block.size()), (1, 16));
}

#[cfg(all(feature = "os", target_os = "linux", not(blockwork_no_os)))]
#[test]
fn whole_pages_are_decommitted_and_recommitted_in_place() {
    use crate::source::pages::Pages;
    let page = Pages::page_size();
    let mut block = Block::new_in(8 * page, Pages).unwrap();
    let base = block.as_mut_ptr();
    // SAFETY: ours, and that long.
    unsafe { base.write_bytes(7, block.size()) };
    assert_eq!(block.decommit(page..3 * page), Ok(()));
    assert_eq!(block.recommit(page..2 * page), Ok(()));
    let page_at = |at: usize| {
        let byte = base.wrapping_add(at * page + 5);
        // SAFETY: inside the block, and zero if not written.
        unsafe { byte.read() }
    };
    assert_eq!([0, 1, 2, 3].map(page_at), [7, 0, 0, 7]);
    // What is there stays.
    assert_eq!(block.recommit(0..8 * page), Ok(()));
    assert_eq!([0, 1, 7].map(page_at), [7, 0, 7]);
    // Nothing, or pages, of this block.
    assert_eq!(block.decommit(page..page), Ok(()));
    for range in [0..100, 1..page, page..9 * page, 9 * page..10 * page, 2 * page..page, 0..usize::MAX] {
        assert_eq!(block.decommit(range.clone()), Err(AllocError));
        assert_eq!(block.recommit(range), Err(AllocError));
    }
    assert_eq!([0, 1, 7].map(page_at), [7, 0, 7]);
    assert_eq!(block.base().as_ptr(), base);
}

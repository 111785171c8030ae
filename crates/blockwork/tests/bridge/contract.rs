//! What every contract with slices asks of us: the same tests for std's
//! `Allocator` and for allocator-api2 0.2 and 0.4.

macro_rules! contract {
    ($name:ident, $allocator:path, $vec:ident, $box:ident) => {
        mod $name {
            use core::{alloc::Layout, mem::MaybeUninit, ptr::NonNull};

            use blockwork::{
                Allocate, Buffer, Chain, Counted, LastResort, Locked, System,
                testing::{Failing, When},
            };
            use $allocator as Allocator;

            use super::{$box as Box, $vec as Vec};
            use crate::parts::Coarse;

            fn bytes(size: usize, align: usize) -> Layout {
                Layout::from_size_align(size, align).unwrap()
            }

            /// Writes the bytes 1, 2, 3, ... to a block.
            fn number(block: NonNull<[u8]>, up_to: u8) {
                for (at, number) in (1..=up_to).enumerate() {
                    // SAFETY: the tests give blocks of at least `up_to` bytes.
                    unsafe { block.cast::<u8>().add(at).write(number) };
                }
            }

            /// The byte of a block at `at`, which has been written.
            fn byte(block: NonNull<[u8]>, at: usize) -> u8 {
                assert!(at < block.len());
                // SAFETY: inside the block, and written before.
                unsafe { block.cast::<u8>().add(at).read() }
            }

            #[test]
            fn a_vector_grows_and_shrinks_over_a_composition() {
                let mut reserve = [MaybeUninit::uninit(); 512];
                let heap = Coarse(System).last_resort(Buffer::new(&mut reserve)).counted();
                let mut vec = Vec::new_in(&heap);
                for number in 0..1000_u32 {
                    vec.push(number);
                }
                vec.truncate(10);
                vec.shrink_to_fit();
                assert!(vec.iter().copied().eq(0..10));
                assert_eq!(heap.counts().bytes_live, 64);
                drop(vec);
                assert_eq!((heap.counts().bytes_live, heap.counts().blocks_live), (0, 0));
            }

            #[test]
            fn moving_the_allocator_leaves_the_vector_alone() {
                let mut vec = Vec::new_in(Coarse(System).counted());
                vec.extend([1, 2, 3]);
                let mut moved = [None, Some(vec)];
                moved.swap(0, 1);
                let Some(vec) = &mut moved[0] else { unreachable!() };
                vec.extend([4, 5, 6]);
                assert_eq!(vec[..], [1, 2, 3, 4, 5, 6]);
                assert_eq!(vec.allocator().counts().blocks_live, 1);
            }

            #[test]
            fn a_vector_lives_in_a_shared_static_heap() {
                static HEAP: Locked<Counted<System>> = Locked::new(Counted::new(System));
                std::thread::scope(|scope| {
                    for start in 0..4_usize {
                        scope.spawn(move || {
                            let mut vec = Vec::new_in(&HEAP);
                            vec.extend(start..start + 1000);
                            assert!(vec.iter().copied().eq(start..start + 1000));
                        });
                    }
                });
                assert_eq!(HEAP.with_parent(Counted::counts).bytes_live, 0);
            }

            #[test]
            fn a_vector_lives_on_an_allocator_known_at_run_time() {
                let heap = System.counted();
                let unknown: &dyn Allocate = &heap;
                let mut vec = Vec::new_in(unknown);
                vec.extend([1, 2, 3]);
                assert_eq!(vec[..], [1, 2, 3]);
                let shared: &(dyn Allocate + Send + Sync) = &System;
                let boxed = Box::new_in([7; 100], shared);
                assert_eq!(boxed[99], 7);
            }

            #[test]
            fn a_slice_is_as_long_as_the_grant_and_any_size_within_comes_back() {
                let heap = Coarse(System).counted();
                for size in [20, 33, 64] {
                    let block = Allocator::allocate(&heap, bytes(20, 4)).unwrap();
                    assert_eq!(block.len(), 64);
                    assert_eq!(heap.counts().bytes_live, 64);
                    // SAFETY: live; the size lies between request and length.
                    unsafe { Allocator::deallocate(&heap, block.cast(), bytes(size, 4)) };
                    assert_eq!(heap.counts().bytes_live, 0);
                }
            }

            #[test]
            fn a_slice_is_as_long_as_asked_where_the_grant_is_a_call_away() {
                let heap = Coarse(System).locked();
                let block = Allocator::allocate(&heap, bytes(20, 4)).unwrap();
                assert_eq!(block.len(), 20);
                // SAFETY: live, and allocated with this layout.
                unsafe { Allocator::deallocate(&heap, block.cast(), bytes(20, 4)) };

                let heap: &dyn Allocate = &Coarse(System);
                let block = Allocator::allocate_zeroed(heap, bytes(20, 4)).unwrap();
                assert_eq!(block.len(), 20);
                // SAFETY: live, and allocated with this layout.
                unsafe { Allocator::deallocate(heap, block.cast(), bytes(20, 4)) };
            }

            #[test]
            fn zero_bytes_are_granted_and_grow() {
                let heap = Coarse(System).counted();
                let nothing = Allocator::allocate(&heap, bytes(0, 32)).unwrap();
                assert_eq!(nothing.len(), 0);
                assert!(nothing.cast::<u8>().addr().get().is_multiple_of(32));
                assert_eq!(heap.counts().blocks_live, 0);
                // SAFETY: an empty block with this layout.
                let grown = unsafe { Allocator::grow(&heap, nothing.cast(), bytes(0, 32), bytes(5, 32)) }.unwrap();
                assert_eq!(grown.len(), 64);
                // SAFETY: live, and grown to this layout.
                let gone = unsafe { Allocator::shrink(&heap, grown.cast(), bytes(5, 32), bytes(0, 32)) }.unwrap();
                assert_eq!((gone.len(), heap.counts().blocks_live), (0, 0));
                // SAFETY: an empty block with this layout.
                unsafe { Allocator::deallocate(&heap, gone.cast(), bytes(0, 32)) };
            }

            #[test]
            fn growing_and_shrinking_may_change_the_alignment() {
                let heap = Coarse(System).counted();
                let block = Allocator::allocate(&heap, bytes(40, 1)).unwrap();
                number(block, 40);
                // SAFETY: live, and allocated with this layout.
                let grown = unsafe { Allocator::grow(&heap, block.cast(), bytes(40, 1), bytes(50, 4096)) }.unwrap();
                assert!(grown.cast::<u8>().addr().get().is_multiple_of(4096));
                assert_eq!((byte(grown, 0), byte(grown, 39)), (1, 40));
                // SAFETY: live, and grown to this layout.
                let shrunk = unsafe { Allocator::shrink(&heap, grown.cast(), bytes(50, 4096), bytes(9, 8192)) };
                let shrunk = shrunk.unwrap();
                assert!(shrunk.cast::<u8>().addr().get().is_multiple_of(8192));
                assert_eq!((byte(shrunk, 0), byte(shrunk, 8)), (1, 9));
                // SAFETY: live, and shrunk to this layout.
                unsafe { Allocator::deallocate(&heap, shrunk.cast(), bytes(9, 8192)) };
                assert_eq!(heap.counts().bytes_live, 0);
            }

            #[test]
            fn zeroed_means_all_of_the_slice() {
                let heap = Coarse(System).counted();
                let block = Allocator::allocate_zeroed(&heap, bytes(3, 1)).unwrap();
                assert!((0..block.len()).all(|at| byte(block, at) == 0));
                number(block, 64);
                // In place: three bytes are told to be in use, the rest is not.
                // SAFETY: live, and allocated with this layout.
                let same = unsafe { Allocator::grow_zeroed(&heap, block.cast(), bytes(3, 1), bytes(9, 1)) }.unwrap();
                assert_eq!(same, block);
                assert_eq!([byte(same, 0), byte(same, 1), byte(same, 2)], [1, 2, 3]);
                assert!((3..64).all(|at| byte(same, at) == 0));
                number(same, 64);
                // Moved: the new block is dirty where nobody zeroes it.
                // SAFETY: live, and grown to this layout.
                let moved = unsafe { Allocator::grow_zeroed(&heap, same.cast(), bytes(9, 1), bytes(65, 1)) }.unwrap();
                assert_eq!(moved.len(), 128);
                assert_eq!((byte(moved, 0), byte(moved, 8)), (1, 9));
                assert!((9..128).all(|at| byte(moved, at) == 0));
                // SAFETY: live, and grown to this layout.
                unsafe { Allocator::deallocate(&heap, moved.cast(), bytes(65, 1)) };
            }

            #[test]
            fn a_failure_leaves_the_old_block() {
                let heap = Failing::new(System, When::From(1)).counted();
                let block = Allocator::allocate(&heap, bytes(4, 1)).unwrap();
                number(block, 4);
                for align in [1, 8] {
                    // SAFETY: live, and allocated with this layout.
                    assert!(unsafe { Allocator::grow(&heap, block.cast(), bytes(4, 1), bytes(99, align)) }.is_err());
                    // SAFETY: live, and allocated with this layout.
                    let grown = unsafe { Allocator::grow_zeroed(&heap, block.cast(), bytes(4, 1), bytes(99, align)) };
                    assert!(grown.is_err());
                    // SAFETY: live, and allocated with this layout.
                    assert!(unsafe { Allocator::shrink(&heap, block.cast(), bytes(4, 1), bytes(2, align)) }.is_err());
                }
                assert_eq!((byte(block, 0), byte(block, 3)), (1, 4));
                assert_eq!(heap.counts().bytes_live, 4);
                // SAFETY: live, and allocated with this layout.
                unsafe { Allocator::deallocate(&heap, block.cast(), bytes(4, 1)) };
            }

            #[test]
            fn shrinking_within_a_class_asks_for_no_memory() {
                let heap = Coarse(Failing::new(System, When::From(1))).counted();
                let mut vec = Vec::with_capacity_in(60, &heap);
                vec.extend([1_u8, 2, 3]);
                vec.shrink_to_fit();
                assert_eq!(vec[..], [1, 2, 3]);
            }

            #[test]
            fn a_block_moves_between_the_sides_of_a_composite() {
                let mut reserve = [MaybeUninit::uninit(); 64];
                let tiny = Failing::new(System, When::From(1));
                let heap = Counted::new(LastResort::new(tiny, Counted::new(Buffer::new(&mut reserve))));
                let mut vec = Vec::with_capacity_in(4, &heap);
                vec.extend([1_u8, 2, 3, 4]);
                assert_eq!(heap.parent().reserve().counts().blocks_live, 0);
                vec.push(5);
                assert_eq!(heap.parent().reserve().counts().blocks_live, 1);
                assert_eq!(vec[..], [1, 2, 3, 4, 5]);
                drop(vec);
                assert_eq!(heap.parent().reserve().counts().blocks_live, 0);
                assert_eq!(heap.counts().blocks_live, 0);
            }
        }
    };
}

use allocator_api2_02::{boxed::Box as Box02, vec::Vec as Vec02};
use allocator_api2_04::{boxed::Box as Box04, vec::Vec as Vec04};

contract!(api2_02, allocator_api2_02::alloc::Allocator, Vec02, Box02);
contract!(api2_04, allocator_api2_04::alloc::Allocator, Vec04, Box04);

#[cfg(blockwork_std_allocator)]
use alloc::{boxed::Box as StdBox, vec::Vec as StdVec};
#[cfg(blockwork_std_allocator)]
contract!(std_traits, core::alloc::Allocator, StdVec, StdBox);

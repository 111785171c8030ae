//! What `StaticAllocBuffer` and `BlockAllocator` of pooled-block-alloc get wrong.

use core::mem::MaybeUninit;

use blockwork::{Counted, List, Locked, Retain, Slice, SpanPool, SpanPoolConfig, System, Terminated, Valid, handle};

use super::{
    element::{Element as _, Token, assert_none_lives},
    heaps::{Coarse, Exact, assert_clean, live_bytes, requests},
};

const CONFIG: Valid<SpanPoolConfig> =
    match (SpanPoolConfig { block: 1024, retain: Retain::never_release(), ..SpanPoolConfig::DEFAULT }).check() {
        Ok(config) => config,
        Err(_) => panic!("a wrong configuration"),
    };

/// Declares a handle of its own for a test, over a pool of its own.
macro_rules! pool {
    ($pool:ident, $handle:ident) => {
        static $pool: Locked<SpanPool<Counted<System>>> = Locked::new(SpanPool::new(Counted::new(System), CONFIG));
        handle!(struct $handle = $pool;);
    };
}

fn numbers(count: u32) -> List<u32, Exact> {
    (0..count).collect()
}

#[test]
fn replace_range_takes_shared_slices_of_any_length() {
    for (range, with) in [(2..4, &[7, 8, 9][..]), (2..4, &[7]), (0..6, &[]), (6..6, &[1])] {
        let (mut list, mut model) = (numbers(6), (0..6).collect::<Vec<_>>());
        list.replace_range(range.clone(), with);
        model.splice(range, with.iter().copied());
        assert_eq!(list, *model);
    }
}

#[test]
fn as_many_elements_are_replaced_behind_the_middle() {
    // There: `[start..len]` for `[start..start + len]`, a panic if start > len.
    let mut list = numbers(6);
    list.replace_range(4..6, &[14, 15]);
    assert_eq!(list, [0, 1, 2, 3, 14, 15]);
    list.reserve(1);
    list.replace_range_within_capacity(4..6, &[24, 25]).unwrap();
    assert_eq!(list, [0, 1, 2, 3, 24, 25]);
}

#[test]
fn removed_ranges_are_lists() {
    let mut list = numbers(8);
    let removed: List<u32, Exact> = list.drain(1..3).collect();
    assert_eq!((removed, &*list), ([1, 2].into(), &[0, 3, 4, 5, 6, 7][..]));
    let removed: List<u32, Exact> = list.swap_drain(1..3).collect();
    assert_eq!((removed, &*list), ([3, 4].into(), &[0, 6, 7, 5][..]));
}

#[test]
fn a_list_can_be_cloned_without_being_changed() {
    let list = numbers(8);
    let copy = list.clone();
    assert_eq!(copy, list);
    assert_ne!(copy.as_ptr(), list.as_ptr());
}

#[test]
fn a_value_is_appended_many_times() {
    let mut list = numbers(2);
    list.push_n(3, 9);
    assert_eq!(list.push_n_within_capacity(100, 9), Err(blockwork::AllocError));
    list.push_n(0, 8);
    assert_eq!(list, [0, 1, 9, 9, 9]);
}

#[test]
fn appended_slots_are_counted_once() {
    let mut list = numbers(2);
    let mut slots = list.insert_slots(2, 3);
    slots.as_uninit_mut().iter_mut().for_each(|slot| _ = slot.write(5));
    // SAFETY: all three were written.
    unsafe { slots.assume_filled(3) }
    drop(slots);
    assert_eq!(list, [0, 1, 5, 5, 5]);
}

#[test]
fn the_last_element_is_there_or_not() {
    assert_eq!(numbers(3).last(), Some(&2));
    assert_eq!(numbers(0).last(), None);
}

#[test]
fn a_slice_with_a_sentinel_is_a_slice() {
    let name = Terminated::<u8, Exact>::from(b"name");
    assert_eq!((&*name, name.as_slice_with_end()), (&b"name"[..], &b"name\0"[..]));
}

#[test]
fn an_empty_slice_with_a_sentinel_has_memory_to_write_it_to() {
    let empty = Terminated::<u8, Exact>::from(&[]);
    assert_eq!((empty.len(), empty.as_slice_with_end()), (0, &[0][..]));
    assert_eq!(live_bytes::<Exact>(), 1);
    assert_eq!(List::<u8, Exact>::new().terminated_by(1), [1]);
}

#[test]
fn a_slice_with_a_sentinel_grows_across_blocks() {
    // There, reallocating one wrote beyond its end. 1023 and the end are a block.
    pool!(POOL, Pool);
    let mut text = Terminated::<u8, Pool>::from(&[b'a'; 1023]);
    for len in [1024, 5119, 5120, 100, 1023] {
        let mut list = text.into_list();
        list.resize(len, b'b');
        text = list.into_terminated();
        assert_eq!((text.len(), text.as_slice_with_end().len(), text.as_c_str().count_bytes()), (len, len + 1, len));
        assert_eq!(text[..100], [b'a'; 100]);
    }
    drop(text);
    assert_eq!(POOL.with_parent(SpanPool::stats).spans_live, 0);
}

#[test]
fn elements_are_transplanted_into_more_room_than_they_need() {
    let mut list = numbers(6);
    let mut room = [MaybeUninit::uninit(); 5];
    assert_eq!(list.drain(1..3).write_into(&mut room), [1, 2]);
    assert_eq!(list.swap_drain(0..1).write_into(&mut room), [0]);
    assert_eq!(list, [5, 3, 4]);
}

#[test]
fn no_elements_are_swapped_out_of_an_empty_list() {
    let mut list = numbers(0);
    assert_eq!(list.swap_drain(0..0).write_into(&mut []), [] as [u32; 0]);
    let mut list = numbers(3);
    drop(list.swap_drain(3..3));
    drop(list.swap_drain(1..1));
    assert_eq!(list, [0, 1, 2]);
}

#[test]
fn an_empty_list_has_nothing_to_grow_in_place() {
    let mut list = numbers(0);
    assert!(list.try_reserve_in_place(1).is_err());
    assert!(List::<u8, Exact>::new().try_reserve_in_place(1).is_err());
    assert!(Slice::<u8, Exact>::new().try_resize_in_place(1, 0).is_err());
    assert_eq!(list.try_reserve_in_place(0), Ok(()));
    assert_clean::<Exact>();
}

#[test]
fn ownership_keeps_the_capacity() {
    let mut list = List::<u8, Coarse>::with_capacity(256);
    list.extend(0..8);
    let (start, len, capacity) = list.into_raw_parts();
    assert_eq!((len, capacity), (8, 336));
    // SAFETY: just taken apart.
    assert_eq!(unsafe { List::<u8, Coarse>::from_raw_parts(start, len, capacity) }.capacity(), 336);
}

#[test]
fn a_list_that_never_changes_is_freed() {
    let list = numbers(5);
    assert_eq!(list.len(), 5);
    drop(list);
    assert_clean::<Exact>();
}

#[test]
fn lists_grow_geometrically() {
    let mut list = List::<u32, Exact>::new();
    for number in 0..10_000 {
        list.push(number);
    }
    assert!(requests::<Exact>() < 15, "growing by what is needed copies n²/2 elements");
}

#[test]
fn elements_are_dropped() {
    let mut list: List<Token, Exact> = (0..9).map(Token::new).collect();
    drop(list.remove(1));
    list.truncate(6);
    drop(list.swap_drain(0..2));
    drop(list.into_slice());
    assert_none_lives();
}

#[test]
fn downgrading_across_blocks_frees_the_tail_for_others() {
    // Z2 and Z3: shrinking in place panicked with a neighbour, and lost the tail
    // without one.
    pool!(POOL, Pool);
    let stats = || POOL.with_parent(SpanPool::stats);
    let neighbour = List::<u8, Pool>::with_capacity(1);
    for behind in [false, true] {
        let mut list = List::<u8, Pool>::with_capacity(4096);
        let other = behind.then(|| List::<u8, Pool>::with_capacity(1));
        list.extend_from_slice(&[0x5A; 1025]);
        let (start, free) = (list.as_ptr(), stats().blocks_free);
        let mut slice = list.into_slice();
        assert_eq!((slice.as_ptr(), slice.len(), stats().blocks_free), (start, 1025, free + 2));
        slice.resize(1024, 0);
        assert_eq!((slice.as_ptr(), stats().blocks_free), (start, free + 3));
        // All of it can be had again, in place where nobody has taken it.
        let regrown = slice.try_resize_in_place(4096, 1);
        assert_eq!(regrown.is_ok(), !behind || slice.len() == 4096);
        assert!(slice[..1024].iter().all(|&byte| byte == 0x5A));
        drop((slice, other));
        assert_eq!(stats().spans_live, 1);
    }
    drop(neighbour);
    assert_eq!((stats().spans_live, stats().blocks_free), (0, stats().blocks_total));
}

#[test]
fn growing_within_a_block_asks_nobody() {
    pool!(POOL, Pool);
    let requests = || POOL.with_parent(|pool| pool.parent().counts().requests);
    let mut list = List::<u32, Pool>::with_capacity(300);
    assert_eq!(list.capacity(), 512);
    let (before, start) = (requests(), list.as_ptr());
    list.extend(0..512);
    assert_eq!((requests(), list.as_ptr()), (before, start));
}

#[test]
fn at_least_is_the_whole_span_also_for_wide_elements() {
    pool!(POOL, Pool);
    assert_eq!(Slice::<u8, Pool>::new_uninit_at_least(777).len(), 1024);
    assert_eq!(Slice::<u32, Pool>::new_uninit_at_least(777).len(), 1024);
    assert_eq!(Slice::<(), Pool>::new_uninit_at_least(777).len(), 777);
    assert_eq!(POOL.with_parent(SpanPool::stats).spans_live, 0);
}

#[test]
fn a_remainder_smaller_than_an_element_goes_back_with_the_rest() {
    // 1024 bytes are 42 elements of 24: there, 1008 bytes were given back.
    let list = List::<[u8; 24], Coarse>::with_capacity(40);
    assert_eq!((live_bytes::<Coarse>(), list.capacity()), (1008, 42));
    let list = List::<[u8; 100], Coarse>::with_capacity(1);
    assert_eq!((list.capacity(), list.into_slice().len()), (1, 0));
    let slice = Slice::<[u8; 100], Coarse>::from([[1; 100]]);
    assert_eq!(slice.into_list().capacity(), 1);
}

#[test]
fn a_resize_says_whether_it_succeeded() {
    // There, `BlockAllocator.resize` never compiled.
    let mut slice = Slice::<u32, Coarse>::from([1]);
    assert!(slice.try_resize_in_place(28, 2).is_ok());
    assert!(slice.try_resize_in_place(29, 3).is_err());
    assert!(slice.try_resize(29, 3).is_ok());
    assert!(slice.try_resize(0, 3).is_ok());
    assert_clean::<Coarse>();
}

#[test]
fn without_memory_is_an_error_or_a_panic_and_never_undefined() {
    use blockwork::Null;
    assert_eq!(List::<u8, Null>::new().try_push(1), Err(1));
    assert!(std::panic::catch_unwind(|| List::<u8, Null>::from([1])).is_err());
    assert!(std::panic::catch_unwind(|| Slice::<u8, Null>::new_uninit(1)).is_err());
}

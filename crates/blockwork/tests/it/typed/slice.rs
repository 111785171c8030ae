//! Slices, plain and terminated.

use blockwork::{List, Sentinel, Slice, Terminated, Zero};
use proptest::prelude::*;

use super::{
    element::{Element as _, Token, assert_none_lives},
    heaps::{Coarse, Exact, Roomy, Watched, Wide, assert_clean, live_bytes, requests},
};

#[test]
fn a_slice_has_no_more_than_its_elements() {
    let slice: Slice<Token, Exact> = (0..100).map(Token::new).collect();
    assert_eq!(live_bytes::<Exact>(), size_of_val(&*slice));
    assert_eq!(slice.clone(), slice);
    let numbers: Vec<u32> = slice.into_iter().rev().map(|t| t.number()).collect();
    assert_eq!((numbers.len(), numbers[0]), (100, 99));
    assert_none_lives();
    assert_clean::<Exact>();
}

#[test]
fn an_empty_slice_has_no_memory() {
    let slice = Slice::<u64, Exact>::new();
    assert!(slice.as_ptr().is_aligned() && slice.is_empty());
    assert!(Slice::<u64, Exact>::from(&[]).clone().into_list().is_empty());
    assert_eq!(Slice::<u64, Exact>::new_uninit_at_least(0).len(), 0);
    assert_eq!(requests::<Exact>(), 0);
}

#[test]
fn uninitialised_slices_become_slices_and_lists() {
    let mut exact = Slice::<u32, Coarse>::new_uninit(30);
    let mut whole = Slice::<u32, Coarse>::new_uninit_at_least(30);
    assert_eq!((exact.len(), whole.len()), (30, 56));
    exact.iter_mut().for_each(|element| _ = element.write(7));
    whole[..2].iter_mut().for_each(|element| _ = element.write(8));
    // SAFETY: all elements were written.
    assert_eq!(unsafe { exact.assume_init() }, [7; 30]);
    // SAFETY: the first two were written.
    let list = unsafe { whole.into_list_with_len(2) };
    assert_eq!((&*list, list.capacity()), (&[8, 8][..], 56));
    drop(list);
    assert_clean::<Coarse>();
}

#[test]
fn a_raw_slice_goes_back_to_where_it_came_from() {
    let raw = Slice::<u32, Exact>::from([1, 2, 3]).into_non_null();
    // SAFETY: just taken apart.
    let slice = unsafe { Slice::<u32, Exact>::from_non_null(raw) };
    assert_eq!(slice, [1, 2, 3]);
    drop(slice);
    assert_clean::<Exact>();
    let leaked = Slice::<u32, Exact>::from([1]).leak();
    leaked[0] = 5;
    assert_eq!((leaked[0], live_bytes::<Exact>()), (5, 4));
}

/// Resizes to each length in turn, by each method, beside a model.
fn resize<A: Watched>(steps: &[(usize, u8, u8)]) {
    let mut slice = Slice::<u8, A>::new();
    let mut model = Vec::new();
    for &(len, by, value) in steps {
        let start = slice.as_ptr();
        let outcome = match by % 4 {
            0 => slice.try_resize(len, value),
            1 => slice.try_resize_at_least(len, value),
            2 => slice.try_resize_in_place(len, value),
            _ => slice.try_resize_at_least_in_place(len, value),
        };
        if outcome.is_ok() {
            assert!(if by % 2 == 0 { slice.len() == len } else { slice.len() >= len });
            model.resize(slice.len(), value);
        } else {
            assert!(by % 4 >= 2, "no reason to fail");
        }
        assert!(by % 4 < 2 || slice.as_ptr() == start || len == 0);
        assert_eq!(slice, *model);
    }
    drop(slice);
    assert_clean::<A>();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn resized_slices_keep_what_stays(steps in prop::collection::vec((0..300_usize, any::<u8>(), any::<u8>()), 0..40)) {
        resize::<Exact>(&steps);
        resize::<Coarse>(&steps);
        resize::<Roomy>(&steps);
        resize::<Wide>(&steps);
    }
}

#[test]
fn slices_of_no_size_have_any_length() {
    let mut slice = Slice::<(), Exact>::new();
    slice.resize(1 << 40, ());
    slice.resize_at_least(9, ());
    assert_eq!((slice.len(), Slice::<(), Exact>::new_uninit_at_least(5).len()), (9, 5));
    assert_eq!(slice.into_list().len(), 9);
}

#[test]
fn a_terminated_slice_shows_its_end_only_when_asked() {
    struct Stop;
    impl Sentinel<i16> for Stop {
        const END: i16 = -1;
    }
    let mut numbers = List::<i16, Exact>::from([1, 2, 3]).into_terminated::<Stop>();
    numbers[2] = 4;
    assert_eq!((&*numbers, numbers.as_slice_with_end()), (&[1, 2, 4][..], &[1, 2, 4, -1][..]));
    assert_eq!(*numbers.clone(), [1, 2, 4]);
    assert_eq!(live_bytes::<Exact>(), 8);
    let mut list = numbers.into_list();
    assert_eq!(list, [1, 2, 4]);
    assert_eq!(list.terminated_by(9), [1, 2, 4, 9]);
    assert_eq!(list, [1, 2, 4]);
}

#[test]
fn pointers_end_in_null() {
    let (one, two) = (1, 2);
    let all: Terminated<*const u8, Exact> = Terminated::from(&[&raw const one, &raw const two]);
    assert_eq!(all.as_slice_with_end(), [&raw const one, &raw const two, core::ptr::null()]);
}

#[test]
fn a_string_for_c_ends_at_its_first_zero() {
    let text = Terminated::<u8, Exact>::from(b"ab\0cd");
    assert_eq!((text.as_c_str(), text.len()), (c"ab", 5));
    assert_eq!(List::<u8, Exact>::new().into_terminated::<Zero>().as_c_str(), c"");
}

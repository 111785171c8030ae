//! The vector and the string: the bytes of every growth, and what unwinds.

use core::fmt::Write as _;
use heap::{string::String, string::ToString};

use super::*;

/// Others copied as many bytes as the new block has (RUSTSEC-2020-0006), or
/// reckoned with the length where it is the capacity (bumpalo #335).
#[test]
fn every_growth_from_every_capacity_keeps_every_value() {
    for capacity in 0..=40 {
        for in_the_way in [false, true] {
            let arena = arena(64, 256);
            let mut vec = ArenaVec::with_capacity_in(capacity, &arena);
            let mut model = Vec::new();
            for number in 0_u32..200 {
                match number % 5 {
                    0 => vec.extend_from_slice_copy(&[number, number + 1]),
                    1 => vec.extend_from_slice(&[number, number + 1]),
                    2 => vec.extend([number, number + 1]),
                    3 => vec.extend([&number, &(number + 1)]),
                    _ => {
                        vec.push(number);
                        vec.try_reserve(3).unwrap();
                        vec.push(number + 1);
                    }
                }
                model.extend([number, number + 1]);
                if in_the_way && number % 7 == 0 {
                    arena.alloc(number);
                }
                assert!(vec.capacity() >= vec.len());
                assert_eq!(vec, model[..], "{capacity}");
            }
            assert_eq!(arena.check(), Ok(()));
        }
    }
}

#[test]
fn the_last_block_grows_without_moving() {
    let arena = arena(4096, 4096);
    let mut vec = ArenaVec::new_in(&arena);
    vec.push(0_u8);
    let start = vec.as_ptr();
    vec.extend((1..3000).map(|number| u8::try_from(number % 256).unwrap()));
    assert_eq!(vec.as_ptr(), start);
    let slice = vec.into_slice();
    assert_eq!((slice.len(), arena.room()), (3000, 4096 - FOOTER - 3000), "what was unused is free again");
}

#[test]
fn a_dropped_vector_gives_its_block_back() {
    let (drops, arena) = (Cell::new(0), arena(4096, 4096));
    let mut vec = ArenaVec::new_in(&arena);
    vec.extend(core::iter::repeat_with(|| Counts(&drops)).take(50));
    vec.truncate(40);
    assert_eq!(drops.get(), 10);
    drop(vec);
    assert_eq!((drops.get(), arena.room()), (50, 4096 - FOOTER));
}

#[test]
fn it_does_what_std_does() {
    let arena = arena(64, 512);
    let (mut vec, mut model) = (ArenaVec::new_in(&arena), Vec::new());
    let mut number = 1_usize;
    for step in 0..2000 {
        number = number.wrapping_mul(25_214_903_917).wrapping_add(11);
        let (pick, at) = ((number >> 16) % 11, (number >> 24) % (model.len() + 1));
        match pick {
            0..=2 => (vec.push(step.to_string()), model.push(step.to_string())).0,
            3..=4 => (vec.insert(at, step.to_string()), model.insert(at, step.to_string())).0,
            5 if at < model.len() => assert_eq!(vec.remove(at), model.remove(at)),
            6 if at < model.len() => assert_eq!(vec.swap_remove(at), model.swap_remove(at)),
            7 => assert_eq!(vec.pop(), model.pop()),
            8 if pick < at => (vec.truncate(at), model.truncate(at)).0,
            9 => vec.shrink_to_fit(),
            _ => (vec.extend_from_slice(&["a".into()]), model.extend_from_slice(&["a".into()])).0,
        }
        assert_eq!(vec, model[..]);
        assert_eq!(arena.check(), Ok(()));
    }
    let (mut values, mut expected) = (vec.into_iter(), model.into_iter());
    for _ in 0..3 {
        assert_eq!((values.next(), values.next_back()), (expected.next(), expected.next_back()));
    }
    assert_eq!(values.as_slice(), expected.as_slice());
    assert!(values.eq(expected));
}

#[test]
fn places_that_are_not_there_are_refused() {
    let arena = arena(128, 128);
    let mut vec = ArenaVec::new_in(&arena);
    vec.push(1);
    assert!(unwinds(|| vec.insert(2, 0)));
    assert!(unwinds(|| vec.remove(1)));
    assert!(unwinds(|| vec.swap_remove(1)));
    vec.truncate(5);
    assert_eq!(vec, [1]);
    vec.clear();
    assert!(unwinds(|| vec.swap_remove(0)));
    assert_eq!(vec.pop(), None);
}

/// At each k-th drop: nothing is dropped twice, and the block is freed.
#[test]
fn drops_that_unwind_drop_nothing_twice() {
    struct Fuse<'c>(&'c Cell<isize>, &'c Cell<usize>);
    impl Drop for Fuse<'_> {
        fn drop(&mut self) {
            self.1.set(self.1.get() + 1);
            self.0.set(self.0.get() - 1);
            assert!(self.0.get() != 0, "the last one");
        }
    }
    for k in 1..=5 {
        let (left, drops, arena) = (Cell::new(k), Cell::new(0), arena(256, 256));
        let full = || {
            let mut vec = ArenaVec::with_capacity_in(5, &arena);
            vec.extend(core::iter::repeat_with(|| Fuse(&left, &drops)).take(5));
            (left.set(k), drops.set(0));
            vec
        };
        for work in [
            &(|| drop(full())) as &dyn Fn(),
            &|| full().clear(),
            &|| drop(full().into_iter()),
            &|| full().truncate(0),
            &|| drop(full().into_boxed_slice()),
        ] {
            assert!(unwinds(work));
            assert_eq!((drops.get(), arena.check()), (5, Ok(())), "a slice drops the rest of its values");
        }
        assert!(unwinds(|| {
            let mut values = full().into_iter();
            values.next();
            values.nth(5);
        }));
        assert_eq!(drops.get(), 5);
    }
}

#[test]
fn impossible_capacities_are_refused() {
    let arena = arena(128, 128);
    for capacity in [SIZE_MAX, usize::MAX, usize::MAX / 8, SIZE_MAX / 8] {
        assert!(ArenaVec::<u64, _>::try_with_capacity_in(capacity, &arena).is_err());
        let mut vec = ArenaVec::new_in(&arena);
        vec.push(1_u64);
        arena.parent.fail_after(0);
        assert_eq!(vec.try_reserve(capacity), Err(AllocError));
        arena.parent.fail_after(usize::MAX);
        assert_eq!(vec, [1]);
    }
    let mut nothing = ArenaVec::new_in(&arena);
    nothing.push(());
    assert_eq!(nothing.try_reserve(usize::MAX), Err(AllocError));
    assert_eq!(nothing.try_reserve(usize::MAX - 1), Ok(()));
}

#[test]
fn growth_makes_do_with_less_than_twice_as_much() {
    let arena = arena(128, 128);
    let mut vec = ArenaVec::with_capacity_in(60, &arena);
    vec.extend([7_u8; 60]);
    arena.parent.fail_after(0);
    assert_eq!(vec.try_extend_from_slice_copy(&[8; 36]), Ok(()));
    assert_eq!((vec.len(), vec.capacity()), (96, 96));
    assert_eq!(vec.try_push(9), Err(AllocError));
    assert_eq!((vec[59], vec[60], vec.len()), (7, 8, 96));
}

/// Any allocator will do, and the whole grant is used.
#[test]
fn a_vector_uses_all_that_its_region_grants() {
    let coarse = Ledger::with_grain(48);
    let mut vec = ArenaVec::new_in(&coarse);
    vec.push([0_u8; 10]);
    assert_eq!(vec.capacity(), 4);
    vec.extend([[1; 10]; 5]);
    assert_eq!(vec.capacity(), 96 / 10);
    vec.truncate(4);
    vec.shrink_to_fit();
    assert_eq!(vec.into_iter().map(|bytes| usize::from(bytes[9])).sum::<usize>(), 3);
}

#[test]
fn a_string_does_what_std_does() {
    let arena = arena(64, 512);
    let (mut text, mut model) = (ArenaString::new_in(&arena), String::new());
    for number in 0..300 {
        match number % 6 {
            0 => (text.push_str("zero "), model.push_str("zero ")).0,
            1 => (text.push('ä'), model.push('ä')).0,
            2 => (text.push('💾'), model.push('💾')).0,
            3 => (write!(text, "{number:>3}").unwrap(), write!(model, "{number:>3}").unwrap()).0,
            4 => assert_eq!(text.pop(), model.pop()),
            _ => (text.extend(["a", "b"]), model.extend(["a", "b"])).0,
        }
        assert_eq!(text, model.as_str());
    }
    assert!(unwinds(|| text.truncate(model.find('ä').unwrap() + 1)));
    text.truncate(model.find('💾').unwrap());
    model.truncate(model.find('💾').unwrap());
    text.make_ascii_uppercase();
    model.make_ascii_uppercase();
    assert_eq!((text.to_string(), std::format!("{text:?}")), (model.clone(), std::format!("{model:?}")));
    assert_eq!(*text.into_str(), *model);
}

#[test]
fn a_string_without_memory_is_an_error_of_formatting() {
    let arena = arena(64, 64);
    let mut text = ArenaString::new_in(&arena);
    text.push_str("kept");
    arena.parent.fail_after(0);
    assert!(write!(text, "{:100}", 1).is_err());
    assert!(text.try_push_str(&"x".repeat(100)).is_err());
    assert!(text.starts_with("kept"));
}

#[test]
fn a_vector_of_bytes_can_be_written_to() {
    let arena = arena(64, 64);
    let mut bytes = ArenaVec::new_in(&arena);
    std::io::Write::write_all(&mut bytes, b"some bytes").unwrap();
    arena.parent.fail_after(0);
    let refused = std::io::Write::write(&mut bytes, &[0; 1000]).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::OutOfMemory);
    assert_eq!(bytes, *b"some bytes");
}

//! Class 2: lifetimes and brands that iterators and handles lose.
//!
//! bumpalo's `Vec::into_iter` forgot what it borrows, and could outlive it,
//! [RUSTSEC-2022-0078]; `compact_arena`'s brands were not one of a kind,
//! [RUSTSEC-2019-0015]; a `Pin<Box>` was weakened by subtyping, [rust#157089].
//! What must not compile stands in examples; here is what must: handles are as variant
//! as what they hold, and no more lifetimes are asked for than are needed.
//!
//! [RUSTSEC-2022-0078]: https://rustsec.org/advisories/RUSTSEC-2022-0078.html
//! [RUSTSEC-2019-0015]: https://rustsec.org/advisories/RUSTSEC-2019-0015.html
//! [rust#157089]: https://github.com/rust-lang/rust/issues/157089

use alloc::rc::Rc;
use core::cell::Cell;

use blockwork::{
    Allocate, Arena, ArenaBox, ArenaVec, Check, List, Pool, PoolBox, Region, Slice, System,
    testing::Strict,
    typed::list::{Drain, IntoIter},
};

/// Compiling is the test.
macro_rules! covariant {
    ($($name:ident: $long:ty => $short:ty;)*) => {$(
        #[test]
        fn $name() {
            fn shorten<'short>(long: $long, _: &'short str) -> $short {
                long
            }
            let _: fn(_, _) -> _ = shorten;
        }
    )*};
}

covariant! {
    a_list_of_long_borrows_is_one_of_short_ones: List<&'static str, System> => List<&'short str, System>;
    a_slice_of_long_borrows_is_one_of_short_ones: Slice<&'static str, System> => Slice<&'short str, System>;
    an_iterator_of_long_borrows_is_one_of_short_ones: IntoIter<&'static str, System> => IntoIter<&'short str, System>;
    a_box_of_long_borrows_is_one_of_short_ones: ArenaBox<'static, &'static str> => ArenaBox<'short, &'short str>;
    a_vector_in_a_long_arena_is_one_in_a_short_one:
        ArenaVec<&'static str, &'static Arena<System>> => ArenaVec<&'short str, &'short Arena<System>>;
}

/// What a drain puts back goes into a list of the lender's: its elements live as long as
/// the list says.
#[test]
fn a_drain_gives_elements_that_outlive_it() {
    fn first<'a>(list: &mut List<&'a str, System>) -> Option<&'a str> {
        let mut drain: Drain<'_, &'a str, System> = list.drain(..);
        drain.next()
    }
    let text = String::from("first");
    assert_eq!(first(&mut List::from([&*text, "second"])), Some("first"));
}

/// Drops what it holds a look at: the arena must still be there.
struct Last<'a>(&'a Cell<u32>);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn what_an_iterator_still_holds_is_dropped_before_its_arena() {
    let (strict, drops) = (Strict::new(), Cell::new(0));
    let arena = Arena::with_defaults(&strict);
    let mut values = ArenaVec::new_in(&arena);
    values.extend((0..5).map(|_| Last(&drops)));
    let mut values = values.into_iter();
    drop(values.next());
    let boxed = arena.alloc_box(Last(&drops));
    drop((values, boxed));
    assert_eq!((drops.get(), arena.check()), (6, Ok(())));
    drop(arena);
    assert_eq!((strict.live_blocks(), strict.faults()), (0, vec![]));
}

#[test]
fn a_pool_in_a_counted_pointer_lives_as_long_as_its_last_box() {
    let (strict, drops) = (Strict::new(), Cell::new(0));
    let pool = Rc::new(Pool::new(&strict));
    let boxes: Vec<PoolBox<Last<'_>, _>> = (0..3).map(|_| PoolBox::new_in(Last(&drops), Rc::clone(&pool))).collect();
    drop(pool);
    assert!(strict.live_blocks() > 0 && strict.granted(core::alloc::Layout::new::<u8>()) == 1);
    drop(boxes);
    assert_eq!((drops.get(), strict.live_blocks(), strict.faults()), (3, 0, vec![]));
}

//! What handles are to types, statics and threads.

use core::cell::Cell;
use std::{sync::Mutex, thread};

#[cfg(not(blockwork_no_os))]
use blockwork::Pages;
use blockwork::{
    Counted, Handle, List, Locked, Null, Slice, SpanPool, SpanPoolConfig, System, Terminated, handle, send_sync,
};

use super::heaps::Wide;

static SMALL: Locked<SpanPool<Counted<System>>> = Locked::new(SpanPool::new(Counted::new(System), config(64)));
static LARGE: Locked<SpanPool<Counted<System>>> = Locked::new(SpanPool::new(Counted::new(System), config(1024)));

const fn config(block: usize) -> blockwork::Valid<SpanPoolConfig> {
    match (SpanPoolConfig { block, ..SpanPoolConfig::DEFAULT }).check() {
        Ok(config) => config,
        Err(_) => panic!("a wrong configuration"),
    }
}

handle! {
    /// Blocks of 64 bytes.
    pub(crate) struct Small = SMALL;
    /// Blocks of a kibibyte.
    struct Large = LARGE;
    /// The same, on cache lines of some machines.
    struct Lines = LARGE, align(256);
}

send_sync! {
    List<u8, Small>: Send, Sync;
    List<Cell<u8>, Small>: Send, !Sync;
    List<*mut u8, Small>: !Send, !Sync;
    List<std::sync::MutexGuard<'static, ()>, Small>: !Send, Sync;
    Slice<u8, Small>: Send, Sync;
    Slice<Cell<u8>, Small>: Send, !Sync;
    Slice<*mut u8, Small>: !Send, !Sync;
    Slice<std::sync::MutexGuard<'static, ()>, Small>: !Send, Sync;
    Terminated<u8, Small>: Send, Sync;
    Terminated<*const u8, Small>: !Send, !Sync;
    blockwork::typed::list::IntoIter<Cell<u8>, Small>: Send, !Sync;
    blockwork::typed::list::IntoIter<*mut u8, Small>: !Send, !Sync;
    blockwork::typed::list::Drain<'static, Cell<u8>, Small>: Send, !Sync;
    blockwork::typed::list::Drain<'static, *mut u8, Small>: !Send, !Sync;
    blockwork::typed::list::Slots<'static, Cell<u8>, Small>: Send, !Sync;
    blockwork::typed::list::Slots<'static, *mut u8, Small>: !Send, !Sync;
}

#[test]
fn a_list_is_three_words_a_slice_two_and_a_handle_none() {
    const fn sizes<T: Copy, A: Handle>() -> [usize; 3] {
        [size_of::<List<T, A>>(), size_of::<Slice<T, A>>(), size_of::<A>()]
    }
    const WORDS: [usize; 3] = [3 * size_of::<usize>(), 2 * size_of::<usize>(), 0];
    const {
        assert!(matches!(sizes::<u8, Small>(), WORDS));
        assert!(matches!(sizes::<(), System>(), WORDS));
        assert!(matches!(sizes::<[u128; 9], Lines>(), WORDS));
        assert!(matches!(sizes::<&str, Null>(), WORDS));
        #[cfg(not(blockwork_no_os))]
        assert!(matches!(sizes::<&str, Pages>(), WORDS));
        assert!(size_of::<Terminated<u8, Small>>() == WORDS[1]);
        assert!(size_of::<Option<List<u8, Small>>>() == WORDS[0]);
    }
}

#[test]
fn each_list_uses_the_allocator_of_its_type() {
    let live = |pool: &Locked<SpanPool<Counted<System>>>| pool.with_parent(|pool| pool.stats().spans_live);
    let (small, large) = (List::<u8, Small>::from([1]), List::<u8, Large>::from([1]));
    assert_eq!((small.capacity(), large.capacity()), (64, 1024));
    assert_eq!((live(&SMALL), live(&LARGE)), (1, 1));
    drop(small);
    assert_eq!((live(&SMALL), live(&LARGE)), (0, 1));
    drop(large);
    assert_eq!((live(&SMALL), live(&LARGE)), (0, 0));
}

#[test]
fn a_list_can_be_a_static_and_change_threads() {
    static NUMBERS: Mutex<List<usize, System>> = Mutex::new(List::new());
    thread::scope(|scope| {
        for number in 0..4 {
            scope.spawn(move || NUMBERS.lock().unwrap().push(number));
        }
    });
    let mut numbers = core::mem::take(&mut *NUMBERS.lock().unwrap());
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3]);
}

#[test]
fn a_handle_may_ask_for_more_alignment_than_its_elements() {
    for count in [0, 1, 3, 100, 5000] {
        let mut list = List::<u8, Lines>::with_capacity(count);
        list.resize(count, 1);
        assert_eq!(list.as_ptr().addr() % 256, 0);
        let slice = list.into_slice();
        assert_eq!(slice.as_ptr().addr() % 256, 0);
        assert_eq!(Slice::<u16, Wide>::new_uninit(count).as_ptr().addr() % 64, 0);
    }
}

#[test]
fn sources_without_state_are_handles() {
    #[cfg(not(blockwork_no_os))]
    {
        let mut pages = List::<u8, Pages>::with_capacity(1);
        assert_eq!(pages.capacity(), Pages::page_size());
        pages.push(1);
    }
    assert_eq!(List::<u8, Null>::new().try_push(1), Err(1));
    assert_eq!(List::<(), Null>::from([(), ()]).len(), 2);
}

#[test]
fn elements_may_borrow() {
    /// Compiles only if lists are covariant.
    fn shorter<'a>(
        list: List<&'static str, System>,
        slice: Slice<&'static str, System>,
    ) -> (List<&'a str, System>, Slice<&'a str, System>) {
        (list, slice)
    }
    let word = String::from("word");
    let (mut list, slice) = shorter(List::from(["static"]), Slice::from(["static"]));
    list.push(&word);
    assert_eq!((list.concat(), slice.concat()), ("staticword".into(), "static".into()));
}

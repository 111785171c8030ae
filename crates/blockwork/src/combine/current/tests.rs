use core::{alloc::Layout, cell::RefCell, ops::ControlFlow, panic::AssertUnwindSafe};
use std::{
    panic::{catch_unwind, resume_unwind},
    process::Command,
    sync::mpsc,
    thread,
};

use heap::{
    boxed::Box,
    rc::{Rc, Weak},
    string::String,
    sync::Arc,
    vec::Vec,
};

use super::*;
use crate::{
    alloc::AllocError,
    combine::{counted::Counted, locked::Locked},
    source::{null::Null, system::System},
    strategy::ledger::Ledger,
};

type Heap = Rc<Counted<Ledger>>;

const LAYOUT: Layout = Layout::new::<u64>();

fn heap() -> Heap {
    Rc::new(Counted::new(Ledger::new()))
}

/// A block to and fro.
fn used(handle: &impl Allocate) -> bool {
    handle.allocate(LAYOUT).is_ok_and(|block| {
        // SAFETY: just allocated with this layout.
        unsafe { handle.deallocate(block, LAYOUT) };
        true
    })
}

/// Whether `heap` is the one that `get` finds.
fn is_current(heap: &Heap) -> bool {
    let before = heap.counts().requests;
    used(&get()) && heap.counts().requests > before
}

/// Whether `heap` is the one that `get_scoped` finds.
fn is_scoped(heap: &Heap) -> bool {
    let before = heap.counts().requests;
    get_scoped(|handle| used(&handle)) && heap.counts().requests > before
}

fn is_outside() -> bool {
    innermost().is_null()
}

#[test]
fn scopes_nest_and_the_one_before_is_current_again() {
    let (outer, inner) = (heap(), heap());
    assert!(is_outside() && used(&get()));
    let answer = with(outer.clone(), || {
        assert!(is_current(&outer) && is_scoped(&outer));
        with(inner.clone(), || assert!(is_current(&inner) && is_scoped(&inner) && !is_current(&outer)));
        assert!(is_current(&outer) && !is_current(&inner));
        with(Handle::SYSTEM, || assert!(!is_current(&outer) && !is_current(&inner)));
        assert!(is_current(&outer));
        42
    });
    assert_eq!(answer, 42);
    assert!(is_outside());
}

/// Seed 004, H21: a body left early, or by an exception, left its allocator current.
#[test]
fn a_scope_is_left_by_return_question_mark_break_and_panic() {
    let (outer, inner) = (heap(), heap());
    with(outer.clone(), || {
        let returned = with(inner.clone(), || {
            if is_current(&inner) {
                return 1;
            }
            2
        });
        assert!(returned == 1 && is_current(&outer));

        let failed = with(inner.clone(), || {
            Null.allocate(LAYOUT)?;
            Ok(())
        });
        assert!(failed == Err(AllocError) && is_current(&outer));

        let mut rounds = 0;
        loop {
            let flow = with(inner.clone(), || {
                rounds += 1;
                if rounds == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert!(is_current(&outer));
            if flow.is_break() {
                break;
            }
        }

        let unwound = catch_unwind(AssertUnwindSafe(|| {
            with(inner.clone(), || with_scoped(&*outer, |_| resume_unwind(Box::new("out of both"))))
        }));
        assert!(unwound.is_err() && is_current(&outer) && is_scoped(&outer));
        // All handles of the inner allocator went with their scopes.
        assert_eq!(Rc::strong_count(&inner), 1);
    });
    assert!(is_outside());
}

/// Seed 003, H20: what one thread had set up was empty in the second.
#[test]
fn every_thread_starts_outside_and_has_scopes_of_its_own() {
    let main = heap();
    with(main.clone(), || {
        let others = [1, 2, 3].map(|_| {
            thread::spawn(|| {
                assert!(is_outside() && used(&get()));
                let own = heap();
                with(own.clone(), || assert!(is_current(&own)));
            })
        });
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(is_current(&main));
    });
    assert_eq!(main.counts().requests, 1);
}

/// Seed 004, H23: a release had no size and no owner, and went to whichever
/// allocator was current.
#[test]
fn a_block_goes_back_to_the_allocator_it_came_from() {
    let (first, second) = (heap(), heap());
    let take = || {
        let handle = get();
        let block = handle.allocate(LAYOUT).unwrap();
        (handle, block)
    };
    let one = with(first.clone(), take);
    let two = with(second.clone(), || {
        let two = take();
        // SAFETY: allocated by this handle; a ledger panics on a block of others.
        unsafe { one.0.deallocate(one.1, LAYOUT) };
        two
    });
    assert_eq!((first.counts().blocks_live, second.counts().blocks_live), (0, 1));
    with(first.clone(), || {
        // SAFETY: allocated by the handle that this is a clone of.
        unsafe { two.0.clone().deallocate(two.1, LAYOUT) };
    });
    assert_eq!((first.counts().blocks_live, second.counts().blocks_live), (0, 0));
}

#[test]
fn a_handle_keeps_its_allocator_alive_and_no_longer() {
    let heap = heap();
    let watch: Weak<Counted<Ledger>> = Rc::downgrade(&heap);
    let handle = with(heap, || {
        let handle = get();
        assert!(used(&handle));
        handle.clone()
    });
    assert!(used(&handle) && watch.strong_count() == 1);
    drop(handle);
    assert_eq!(watch.strong_count(), 0);
}

#[test]
fn entering_by_a_handle_makes_no_other_one() {
    let heap = heap();
    let handle = Handle::from(heap.clone());
    for _ in 0..3 {
        with(handle.clone(), || assert!(is_current(&heap)));
    }
    assert_eq!(Rc::strong_count(&heap), 2);
}

#[test]
fn get_passes_over_a_borrowed_allocator_and_get_scoped_finds_it() {
    let (counted, borrowed) = (heap(), heap());
    with_scoped(&*borrowed, |handle| {
        assert!(used(&handle) && is_scoped(&borrowed) && !is_current(&borrowed));
    });
    with(counted.clone(), || {
        with_scoped(&*borrowed, |_| {
            assert!(is_scoped(&borrowed) && is_current(&counted));
            with_scoped(&Null, |_| assert!(!get_scoped(|handle| used(&handle)) && is_current(&counted)));
            with(counted.clone(), || assert!(is_scoped(&counted) && is_current(&counted)));
            assert!(is_scoped(&borrowed));
        });
        assert!(is_scoped(&counted));
    });
    assert!(is_outside());
}

#[test]
fn a_block_of_a_borrowed_allocator_may_outlive_the_scope() {
    let counted = heap();
    let (handle, block) = with_scoped(&*counted, |handle| (handle, handle.allocate(LAYOUT).unwrap()));
    assert_eq!(counted.counts().blocks_live, 1);
    // SAFETY: allocated with this layout.
    unsafe { handle.deallocate(block, LAYOUT) };
    assert_eq!(counted.counts().blocks_live, 0);
}

/// Passes requests on, after asking for memory of the current allocator.
struct Asks {
    parent: Counted<System>,
    /// Current only where it is entered.
    own: Heap,
}

impl Asks {
    fn ask(&self) {
        assert!(is_outside() && used(&get()) && get_scoped(|handle| used(&handle)));
        with(self.own.clone(), || assert!(is_current(&self.own)));
    }
}

// SAFETY: forwards; what it allocates in between is its own affair.
unsafe impl Allocate for Asks {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.ask();
        self.parent.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.ask();
        // SAFETY: the caller's promise.
        unsafe { self.parent.deallocate(block, layout) }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        self.ask();
        // SAFETY: the caller's promise.
        unsafe { self.parent.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.ask();
        self.parent.allocate_zeroed(layout)
    }
}

#[test]
fn an_allocator_that_asks_for_the_current_one_does_not_find_itself() {
    fn exercise(handle: &impl Allocate) {
        let block = handle.allocate_zeroed(LAYOUT).unwrap();
        // SAFETY: live, with this layout.
        unsafe { handle.resize(block, LAYOUT, LAYOUT) }.unwrap();
        // SAFETY: live, with this layout.
        unsafe { handle.deallocate(block, LAYOUT) };
        assert!(used(handle));
    }
    let asks = Rc::new(Asks { parent: Counted::new(System), own: heap() });
    with(asks.clone(), || {
        exercise(&get());
        with_scoped(&*asks, |handle| exercise(&handle));
        get_scoped(|handle| exercise(&handle));
        assert!(!is_outside(), "each request comes back to its scope");
    });
    assert_eq!((asks.parent.counts().requests, asks.parent.counts().blocks_live), (6, 0));
}

/// What is current when the last handle goes: its allocator is dropped then.
#[test]
fn an_allocator_that_ends_with_its_scope_sees_the_one_around_it() {
    struct Ends(Heap);

    // SAFETY: has no blocks but empty ones.
    unsafe impl Allocate for Ends {
        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            Null.allocate(layout)
        }

        unsafe fn deallocate(&self, _block: NonNull<u8>, _layout: Layout) {}
    }

    impl Drop for Ends {
        fn drop(&mut self) {
            assert!(is_current(&self.0));
        }
    }

    let outer = heap();
    with(outer.clone(), || with(Rc::new(Ends(outer.clone())), || assert!(!is_current(&outer))));
    assert_eq!(outer.counts().requests, 1);
}

/// Uses all there is when its thread ends.
struct LastBreath {
    handle: Handle,
    heap: Heap,
    done: mpsc::Sender<()>,
}

impl Drop for LastBreath {
    fn drop(&mut self) {
        // A panic here would end the program.
        assert!(is_outside() && used(&self.handle) && used(&get()));
        with(self.heap.clone(), || assert!(is_current(&self.heap)));
        with_scoped(&*self.heap, |_| assert!(is_scoped(&self.heap)));
        self.done.send(()).unwrap();
    }
}

#[test]
fn scopes_and_handles_work_while_a_thread_ends() {
    std::thread_local! {
        static FIRST: RefCell<Vec<LastBreath>> = const { RefCell::new(Vec::new()) };
        static SECOND: RefCell<Vec<LastBreath>> = const { RefCell::new(Vec::new()) };
    }
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let last = |handle| LastBreath { handle, heap: heap(), done: done.clone() };
        FIRST.with_borrow_mut(|first| first.push(last(get())));
        with(heap(), || {
            let own = get();
            SECOND.with_borrow_mut(|second| second.push(last(own.clone())));
            FIRST.with_borrow_mut(|first| first.push(last(own)));
        });
    })
    .join()
    .unwrap();
    assert_eq!(ended.iter().count(), 3);
}

#[test]
fn handles_are_one_word() {
    assert_eq!(size_of::<Handle>(), size_of::<usize>());
    assert_eq!(size_of::<SyncHandle>(), size_of::<usize>());
}

#[test]
fn what_is_given_as_an_arc_or_a_static_can_change_threads() {
    static SHARED: Locked<Counted<System>> = Locked::new(Counted::new(System));
    let requests = || SHARED.with_parent(|counted| counted.counts().requests);

    let before = requests();
    for handle in [Handle::from(&SHARED), Handle::from(Arc::new(&SHARED)), SyncHandle::from(&SHARED).into()] {
        let shared = with(handle, || SyncHandle::try_from(get()).unwrap());
        assert!(thread::spawn(move || with(shared.clone(), || used(&get()) && used(&shared))).join().unwrap());
    }
    assert_eq!(requests(), before + 6);

    let system = SyncHandle::try_from(get()).unwrap();
    assert!(thread::spawn(move || used(&system)).join().unwrap());

    let counted = heap();
    let refused = SyncHandle::try_from(Handle::from(counted.clone())).unwrap_err();
    assert!(used(&refused) && counted.counts().requests == 1);
}

#[test]
fn an_allocator_of_unknown_type_is_entered_like_any() {
    let rc: Rc<dyn Allocate> = heap();
    let arc: Arc<dyn Allocate + Send + Sync> = Arc::new(System);
    let lasting: &'static (dyn Allocate + Sync) = &System;
    assert!(with(rc, || used(&get())) && with(arc, || used(&get())) && with(lasting, || used(&get())));
}

/// What a coroutine could do that is resumed in another order than entered.
#[test]
fn scopes_that_cross_end_the_program() {
    const INSIDE: &str = "BLOCKWORK_TEST_CROSSING";
    if std::env::var_os(INSIDE).is_some() {
        let scope = Scope { allocator: Source::Counted(Handle::SYSTEM), outer: ptr::null() };
        let outer = Inside::of(&raw const scope);
        let _inner = Inside::of(ptr::null());
        drop(outer);
        std::println!("went on");
        return;
    }
    let name = "combine::current::tests::scopes_that_cross_end_the_program";
    let this = std::env::current_exe().unwrap();
    let run = Command::new(this).args([name, "--exact", "--nocapture"]).env(INSIDE, "1").output().unwrap();
    assert!(!run.status.success());
    let [out, err] = [&run.stdout, &run.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(err.contains("left before one inside of it") && !out.contains("went on"), "{err}");
}

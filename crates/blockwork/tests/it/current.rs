//! Handles of the current allocator through every law, and containers that
//! find their allocator by them.

use alloc::{rc::Rc, sync::Arc};
use core::{alloc::Layout, fmt::Debug, ptr::NonNull};

use allocator_api2_02::{boxed::Box as Box02, vec::Vec as Vec02};
use allocator_api2_04::{boxed::Box as Box04, vec::Vec as Vec04};
use blockwork::{
    AllocError, Allocate, BlockOf, BlockPool, BlockPoolConfig, Bump, Chain, ChunkSize, Counted, Locked, Memo, System,
    check_allocator,
    current::{self, Handle, Scoped, SyncHandle},
    send_sync, suite,
    testing::{Failing, Misaligned, Parent, Shuffled, Strict, Suite, When, pairs},
};
use hashbrown::{DefaultHashBuilder, HashMap};

/// A parent that is entered for every request, and found again as the current one.
struct Entered<'a>(Parent<'a>);

// SAFETY: forwards to the parent, by way of a scope.
unsafe impl Allocate for Entered<'_> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        current::with_scoped(&self.0, |_| current::get_scoped(|handle| handle.allocate(layout)))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        current::with_scoped(&self.0, |_| {
            // SAFETY: the caller's promise to us is the promise the parent asks for.
            current::get_scoped(|handle| unsafe { handle.deallocate(block, layout) });
        });
    }

    fn granted(&self, layout: Layout) -> usize {
        current::with_scoped(&self.0, |handle| handle.granted(layout))
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        current::with_scoped(&self.0, |_| {
            // SAFETY: the caller's promise to us is the promise the parent asks for.
            current::get_scoped(|handle| unsafe { handle.resize(block, old, new) })
        })
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        current::with_scoped(&self.0, |_| current::get_scoped(|handle| handle.allocate_zeroed(layout)))
    }
}

/// What `get` finds while `allocator` is the current one.
fn got(allocator: impl Into<Handle>) -> Handle {
    current::with(allocator, current::get)
}

check_allocator!(system, |_| current::get(), .own_memory());
check_allocator!(counted_handle, |_| got(Rc::new(Strict::new().grain(48).room(100))), .own_memory());
check_allocator!(handle_over_failing, |_| got(Rc::new(Failing::new(System, When::Never))), .own_memory());
check_allocator!(handle_over_misaligned, |_| got(Rc::new(Misaligned::new(System))), .own_memory());
check_allocator!(handle_over_counted, |_| got(Rc::new(Counted::new(System))), .own_memory());
check_allocator!(shared_handle, |_| SyncHandle::from(Arc::new(Counted::new(System).locked())), .own_memory());
check_allocator!(memo_over_handle, |_| Memo::new(got(Rc::new(Strict::new())), 1000), .own_memory());
check_allocator!(entered, |parent| Entered(parent), .retains(0));

#[test]
fn every_pair() {
    pairs(&parts()).for_each(|pair| pair.run());
}

fn parts() -> Vec<Suite> {
    vec![
        suite!("entered", |parent| Entered(parent), .retains(0)),
        suite!("bump", |parent| Bump::new(parent, 1 << 18), .region().owns_spans()),
        suite!("memo", |parent| Memo::new(parent, 2048)),
        suite!("counted", |parent| Counted::new(parent), .retains(0)),
        suite!("failing", |parent| Failing::new(parent, When::Never), .retains(0)),
        suite!("misaligned", |parent| Misaligned::new(parent), .retains(0)),
        suite!("shuffled", |parent| Shuffled::new(parent, 5), .retains(0).irregular()),
    ]
}

send_sync! {
    Handle: !Send, !Sync;
    SyncHandle: Send, Sync;
    Scoped<'static>: !Send, !Sync;
}

#[test]
fn boxes_and_vectors_are_made_and_freed_without_naming_an_allocator() {
    let heap = Rc::new(Counted::new(System));
    let kept = current::with(heap.clone(), || {
        let mut near = Vec02::new_in(current::get());
        let mut far = Vec04::new_in(Handle::default());
        for number in 0..1000 {
            near.push(Box02::new_in(number, current::get()));
            far.push(Box04::new_in(number, current::get()));
        }
        (near, far)
    });
    assert_eq!(heap.counts().blocks_live, 2002);
    // Growing and freeing in another scope stay with the heap of birth.
    let other = Rc::new(Counted::new(System));
    current::with(other.clone(), || {
        let (mut near, far) = kept;
        near.truncate(10);
        near.shrink_to_fit();
        near.reserve(5000);
        assert!(near.iter().map(|number| **number).eq(0..10));
        drop((near, far));
    });
    assert_eq!((heap.counts().blocks_live, other.counts().requests), (0, 0));
}

#[test]
fn a_handle_grants_what_its_allocator_grants() {
    let config = BlockPoolConfig { block: BlockOf::<64>, chunk: ChunkSize::Blocks(4) };
    let handle = got(Rc::new(BlockPool::try_new(System, config).unwrap()));
    assert_eq!(handle.granted(Layout::new::<[u8; 50]>()), 64);
    current::with_scoped(&handle, |scoped| assert_eq!(scoped.granted(Layout::new::<[u8; 50]>()), 64));
    assert_eq!(current::get().granted(Layout::new::<[u8; 50]>()), 50);
}

#[test]
fn a_clone_of_a_container_stays_with_its_allocator() {
    let heap = Rc::new(Counted::new(System));
    let first = current::with(heap.clone(), || {
        let mut first = Vec02::new_in(current::get());
        first.extend([1, 2, 3]);
        first
    });
    let second = first.clone();
    assert_eq!(heap.counts().blocks_live, 2);
    drop((first, second));
    assert_eq!(heap.counts().blocks_live, 0);
}

type Map<K, V> = HashMap<K, V, DefaultHashBuilder, Handle>;

#[test]
fn maps_are_collected_into_the_current_allocator() {
    /// Knows nothing of allocators.
    fn index<T: Copy + Debug>(items: &[T]) -> Map<usize, T> {
        items.iter().copied().enumerate().collect()
    }

    let (outer, inner) = (Rc::new(Counted::new(System)), Rc::new(Counted::new(System)));
    let (small, large) = current::with(outer.clone(), || {
        let small = index(&[1, 2, 3]);
        (small, current::with(inner.clone(), || index(&[7; 1000])))
    });
    assert_eq!((outer.counts().blocks_live, inner.counts().blocks_live), (1, 1));
    let mut moved = small;
    moved.extend(large);
    assert_eq!((outer.counts().blocks_live, inner.counts().blocks_live), (1, 0));
    assert_eq!((moved[&1], moved[&999]), (7, 7));
    drop(moved);
    assert_eq!(outer.counts().blocks_live, 0);
}

#[test]
fn a_map_lies_in_a_borrowed_arena() {
    let arena = Bump::new(System, 1 << 20);
    let map = current::with_scoped(&arena, |handle| {
        let mut map = HashMap::with_hasher_in(DefaultHashBuilder::default(), handle);
        map.extend((0..1000).map(|number| (number, number)));
        map
    });
    assert!(arena.used() > 1000 * size_of::<(i32, i32)>());
    assert_eq!(map[&999], 999);
}

#[test]
fn a_static_heap_is_current_in_every_thread_that_enters_it() {
    static HEAP: Locked<Counted<System>> = Locked::new(Counted::new(System));
    let threads = [1, 2, 3, 4].map(|thread| {
        std::thread::spawn(move || {
            current::with(&HEAP, || {
                let handle = SyncHandle::try_from(current::get()).unwrap();
                let mut numbers = Vec02::new_in(handle);
                numbers.extend(0..thread * 1000);
                numbers
            })
        })
    });
    let numbers = threads.map(|thread| thread.join().unwrap());
    assert_eq!(HEAP.with_parent(|heap| heap.counts().blocks_live), 4);
    drop(numbers);
    assert_eq!(HEAP.with_parent(|heap| heap.counts().blocks_live), 0);
}

//! Threads, instances and parents, each of which may go first.

use core::mem::MaybeUninit;
use std::{
    sync::{
        Barrier, Mutex,
        mpsc::{channel, sync_channel},
    },
    thread,
};

use heap::{boxed::Box, format, string::String, sync::Arc, vec::Vec};

use super::*;
use crate::{
    combine::{counted::Counted, locked::Locked},
    math::size_class::Quad,
    source::{buffer::Buffer, system::System},
    sync::{atomic::AtomicUsize, interleave::yields},
};

const BLOCK: Layout = Layout::new::<[u64; 8]>();

type Shared = Locked<Counted<System>>;
type Cached<'a> = ThreadCached<&'a Shared, BlockOf<64>>;

fn shared() -> Shared {
    Locked::new(Counted::new(System))
}

fn cached(parent: &Shared) -> Cached<'_> {
    ThreadCached::new(parent, BlockOf, usize::MAX)
}

fn live(parent: &Shared) -> usize {
    parent.with_parent(|counted| counted.counts().blocks_live)
}

fn requests(parent: &Shared) -> u64 {
    parent.with_parent(|counted| counted.counts().requests)
}

/// One block, on its way between threads.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Parcel(NonNull<u8>);
// SAFETY: blocks of a shared allocator may change threads.
unsafe impl Send for Parcel {}

fn take(from: &impl Allocate) -> Parcel {
    Parcel(from.allocate(BLOCK).unwrap())
}

fn give(to: &impl Allocate, Parcel(block): Parcel) {
    // SAFETY: a block of 64 bytes of this allocator, given up.
    unsafe { block.write_bytes(0xD1, 64) };
    // SAFETY: live, and allocated with this layout.
    unsafe { to.deallocate(block, BLOCK) }
}

/// Allocates and frees so many blocks at once.
fn churn(heap: &impl Allocate, count: usize) {
    let blocks: Vec<_> = (0..count).map(|_| take(heap)).collect();
    blocks.into_iter().for_each(|block| give(heap, block));
}

/// Runs `work` in so many threads, and returns when they have ended, with the
/// destructors of their thread-local variables: a scope alone does not wait for
/// those.
fn in_threads(count: usize, work: impl Fn(usize) + Sync) {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|index| scope.spawn(move || work(index))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_freed_block_is_the_next_one_and_the_parent_is_not_asked() {
    let parent = shared();
    let cached = cached(&parent);
    let first = take(&cached);
    let address = first.0;
    give(&cached, first);
    assert_eq!(requests(&parent), 1);
    for _ in 0..10 {
        let again = take(&cached);
        assert_eq!(again.0, address);
        give(&cached, again);
    }
    assert_eq!((requests(&parent), live(&parent)), (1, 1));
}

#[test]
fn no_more_is_asked_of_the_parent_than_was_asked_of_the_cache() {
    let parent = shared();
    let cached = cached(&parent);
    let blocks: Vec<_> = (1..=200)
        .map(|count| {
            let block = take(&cached);
            assert_eq!(live(&parent), count);
            block
        })
        .collect();
    blocks.into_iter().for_each(|block| give(&cached, block));
}

#[test]
fn what_is_kept_has_a_bound() {
    let parent = shared();
    let cached = ThreadCached::new(&parent, BlockOf::<64>, 640);
    churn(&cached, 5000);
    // Two magazines here and a depot full of them, ten blocks each.
    assert_eq!(live(&parent), (2 + crate::raw::magazine::PLACES) * 10);
    assert_eq!(cached.check_shared(), Ok(()));
}

#[test]
fn what_is_larger_than_the_limit_is_not_kept() {
    let parent = shared();
    let cached = ThreadCached::new(&parent, Quad::<1024>, 100);
    let (small, large) = (Layout::new::<[u8; 80]>(), Layout::new::<[u8; 200]>());
    for layout in [small, large] {
        let block = cached.allocate(layout).unwrap();
        // SAFETY: just allocated with this layout.
        unsafe { cached.deallocate(block, layout) };
    }
    assert_eq!(parent.with_parent(|counted| counted.counts().bytes_live), 80);
}

#[test]
fn a_trim_gives_back_what_the_thread_and_the_depot_keep() {
    let parent = shared();
    let cached = cached(&parent);
    churn(&cached, 3000);
    assert_ne!(live(&parent), 0);
    cached.trim();
    assert_eq!(live(&parent), 0);
    churn(&cached, 10);
    assert_eq!(live(&parent), 10);
}

#[test]
fn an_allocator_that_goes_leaves_the_parent_nothing_but_what_is_live() {
    let parent = shared();
    let cached = cached(&parent);
    let kept = take(&cached);
    churn(&cached, 3000);
    drop(cached);
    assert_eq!(live(&parent), 1);
    give(&parent, kept);
}

#[test]
fn a_thread_that_ends_leaves_its_blocks_to_the_others() {
    let parent = shared();
    let cached = cached(&parent);
    thread::scope(|scope| {
        scope.spawn(|| churn(&cached, 100)).join().unwrap();
    });
    assert_eq!(live(&parent), 100);
    let mine: Vec<_> = (0..100).map(|_| take(&cached)).collect();
    assert_eq!(requests(&parent), 100, "the parent was not asked again");
    mine.into_iter().for_each(|block| give(&cached, block));
}

#[test]
fn threads_that_come_and_go_do_not_pile_up_blocks_or_seats() {
    let parent = shared();
    let cached = cached(&parent);
    for _ in 0..50 {
        thread::scope(|scope| {
            scope.spawn(|| churn(&cached, 300)).join().unwrap();
        });
    }
    assert_eq!(requests(&parent), 300);
    // A seat is taken again when what was left there has been taken out.
    assert!(cached.hub().is_some_and(|hub| hub.seats().count() <= 2));
}

#[test]
fn blocks_that_another_thread_frees_find_their_way_home() {
    const ROUNDS: usize = if cfg!(miri) { 500 } else { 50_000 };
    let parent = shared();
    let cached = cached(&parent);
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(100);
        let cached = &cached;
        scope.spawn(move || (0..ROUNDS).for_each(|_| sender.send(take(cached)).unwrap()));
        scope.spawn(move || receiver.into_iter().for_each(|block| give(cached, block)));
    });
    // All that can be where the sender does not find it: in the channel, in two
    // hands, and in the two magazines of the receiver.
    assert!(requests(&parent) <= 100 + 2 + 2 * 62, "{} requests", requests(&parent));
}

#[test]
fn an_instance_may_go_while_threads_that_used_it_live_on() {
    let parent = shared();
    let instance = Arc::new(ThreadCached::new(Arc::new(parent), BlockOf::<64>, usize::MAX));
    let parent = Arc::clone(instance.parent());
    let (used, done) = (Arc::new(Barrier::new(3)), Arc::new(Barrier::new(3)));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (instance, used, done) = (Arc::clone(&instance), Arc::clone(&used), Arc::clone(&done));
            thread::spawn(move || {
                churn(&*instance, 200);
                drop(instance);
                used.wait();
                done.wait();
            })
        })
        .collect();
    used.wait();
    assert_ne!(live(&parent), 0);
    drop(instance);
    assert_eq!(live(&parent), 0, "also what living threads kept");
    done.wait();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn instances_that_go_while_their_threads_end_lose_nothing() {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 500 };
    for _ in 0..ROUNDS {
        let instance = Arc::new(ThreadCached::new(Arc::new(shared()), BlockOf::<64>, usize::MAX));
        let parent = Arc::clone(instance.parent());
        let ready = Arc::new(Barrier::new(3));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (instance, ready) = (Arc::clone(&instance), Arc::clone(&ready));
                thread::spawn(move || {
                    churn(&*instance, 70);
                    drop(instance);
                    ready.wait();
                    // The thread ends, and so does the instance.
                })
            })
            .collect();
        ready.wait();
        drop(instance);
        assert_eq!(live(&parent), 0);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// A test of the records of this process that no other test disturbs: it runs
/// in a process of its own.
#[cfg(not(miri))]
fn alone(name: &str, body: impl FnOnce()) {
    const INSIDE: &str = "BLOCKWORK_TEST_ALONE";
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let name = format!("combine::thread_cached::tests::{name}");
    let run = command.args([&*name, "--exact", "--test-threads=1"]).env(INSIDE, "1").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    assert!(String::from_utf8_lossy(&run.stdout).contains("1 passed"));
}

#[cfg(not(miri))]
fn records() -> usize {
    hub::RECORDS.load(Ordering::SeqCst)
}

#[cfg(not(miri))]
#[test]
fn nothing_is_left_whoever_goes_first() {
    alone("nothing_is_left_whoever_goes_first", || {
        let parent = shared();
        // The instance, in the only thread that used it.
        churn(&cached(&parent), 500);
        assert_eq!(records(), 0);
        // Threads first.
        let instance = cached(&parent);
        in_threads(4, |_| churn(&instance, 500));
        drop(instance);
        assert_eq!(records(), 0);
        // Instances first, a thousand of them, in a thread that stays: what it
        // remembers of them is bounded, and goes with it.
        let (sender, receiver) = channel::<Box<dyn Fn() + Send>>();
        let stays = thread::spawn(move || receiver.into_iter().for_each(|job| job()));
        for _ in 0..1000 {
            let instance = Arc::new(ThreadCached::new(System, BlockOf::<64>, usize::MAX));
            let (done, wait) = channel();
            let theirs = Arc::clone(&instance);
            sender
                .send(Box::new(move || {
                    churn(&*theirs, 3);
                    done.send(Arc::clone(&theirs)).unwrap();
                }))
                .unwrap();
            drop(wait.recv().unwrap());
            // Whoever drops it last, it may be this thread.
            drop(instance);
        }
        sender.send(Box::new(|| ())).unwrap();
        drop(sender);
        stays.join().unwrap();
        assert_eq!(records(), 0);
    });
}

#[cfg(not(miri))]
#[test]
fn a_thread_that_stays_forgets_instances_that_went() {
    alone("a_thread_that_stays_forgets_instances_that_went", || {
        let mut most = 0;
        for _ in 0..1000 {
            let instance = ThreadCached::new(System, BlockOf::<64>, usize::MAX);
            churn(&instance, 3);
            // Another thread drops it, so this one is not told.
            thread::scope(|scope| scope.spawn(move || drop(instance)).join().unwrap());
            most = most.max(records());
        }
        // A hub and a seat for each bucket, and those of the one in use.
        assert!(most <= 16 * 2 + 8, "{most} records");
    });
}

#[test]
fn many_instances_on_one_thread_do_not_mix() {
    let parents: Vec<_> = (0..100).map(|_| shared()).collect();
    let all: Vec<_> = parents.iter().map(cached).collect();
    for round in 0..3 {
        let blocks: Vec<_> = all.iter().map(|cached| (take(cached), take(cached))).collect();
        for (cached, (one, two)) in all.iter().zip(blocks) {
            give(cached, one);
            give(cached, two);
        }
        for parent in &parents {
            assert_eq!((requests(parent), live(parent)), (2, 2), "round {round}");
        }
    }
    drop(all);
    assert!(parents.iter().all(|parent| live(parent) == 0));
}

#[test]
fn an_instance_can_move_while_its_blocks_are_live_and_kept() {
    let parent = shared();
    let here = cached(&parent);
    let (kept, live_one) = (take(&here), take(&here));
    let address = kept.0;
    give(&here, kept);
    let there = Box::new(here);
    let again = take(&*there);
    assert_eq!(again.0, address);
    give(&*there, again);
    give(&*there, live_one);
    thread::scope(|scope| {
        scope.spawn(move || {
            churn(&*there, 5);
            drop(there);
        });
    });
    assert_eq!(live(&parent), 0);
}

#[test]
fn a_static_needs_no_set_up() {
    static HEAP: ThreadCached<System, Quad<1024>> = ThreadCached::new(System, Quad, 1 << 16);
    thread::scope(|scope| {
        for size in [8, 100, 1000, 5000] {
            scope.spawn(move || {
                let layout = Layout::from_size_align(size, 8).unwrap();
                for _ in 0..200 {
                    let blocks: Vec<_> = (0..5).map(|_| HEAP.allocate(layout).unwrap()).collect();
                    for block in blocks {
                        // SAFETY: live, and allocated with this layout.
                        unsafe { HEAP.deallocate(block, layout) };
                    }
                }
            });
        }
    });
}

#[test]
fn destructors_that_run_after_the_seats_were_left_reach_the_parent() {
    static HEAP: ThreadCached<Locked<Counted<System>>, BlockOf<64>> =
        ThreadCached::new(Locked::new(Counted::new(System)), BlockOf, usize::MAX);

    /// Frees and allocates when the thread is over.
    struct Late(Option<Parcel>);
    impl Drop for Late {
        fn drop(&mut self) {
            if let Some(block) = self.0.take() {
                give(&HEAP, block);
                let more = take(&HEAP);
                give(&HEAP, more);
            }
        }
    }
    std::thread_local! {
        static LATE: core::cell::RefCell<Late> = const { core::cell::RefCell::new(Late(None)) };
        static EARLY: core::cell::RefCell<Late> = const { core::cell::RefCell::new(Late(None)) };
    }

    thread::spawn(|| {
        // Destructors run in some order: one of these is before ours, one behind.
        LATE.with(|late| assert!(late.borrow().0.is_none()));
        let (one, two) = (take(&HEAP), take(&HEAP));
        churn(&HEAP, 5);
        EARLY.with(|early| early.borrow_mut().0 = Some(one));
        LATE.with(|late| late.borrow_mut().0 = Some(two));
    })
    .join()
    .unwrap();
    HEAP.trim();
    assert_eq!(HEAP.parent().with_parent(|counted| counted.counts().blocks_live), 0);
}

/// A parent whose every k-th request fails.
struct Grudging {
    parent: Shared,
    every: usize,
    count: AtomicUsize,
}

// SAFETY: forwards, or fails.
unsafe impl Allocate for Grudging {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let count = self.count.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        if count.is_multiple_of(self.every) { Err(AllocError) } else { self.parent.allocate(layout) }
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.parent.deallocate(block, layout) }
    }
}

/// Takes one of those in flight, whoever allocated it.
fn any_of(flight: &Mutex<Vec<Parcel>>, random: usize) -> Option<Parcel> {
    let mut flight = flight.lock().unwrap();
    let index = random.checked_rem(flight.len())?;
    Some(flight.swap_remove(index))
}

#[test]
fn blocks_are_conserved_among_threads_whatever_fails() {
    const ROUNDS: usize = if cfg!(miri) { 100 } else { 4000 };
    for every in [2, 3, 7, usize::MAX] {
        let parent = Grudging { parent: shared(), every, count: AtomicUsize::new(0) };
        let cached = ThreadCached::new(&parent, BlockOf::<64>, 640);
        // Blocks in flight, which any thread frees.
        let flight = Mutex::new(Vec::new());
        let work = |seed: usize| {
            let mut random = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            for round in 0..ROUNDS {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                if random % 64 < 33 {
                    if let Ok(block) = cached.allocate(BLOCK) {
                        // SAFETY: 64 bytes of ours.
                        unsafe { block.cast::<usize>().write(block.addr().get()) };
                        flight.lock().unwrap().push(Parcel(block));
                    }
                } else if let Some(block) = any_of(&flight, random) {
                    // SAFETY: written above.
                    assert_eq!(unsafe { block.0.cast::<usize>().read() }, block.0.addr().get());
                    give(&cached, block);
                }
                if round % 1000 == 999 {
                    cached.trim();
                }
            }
        };
        // With threads that stop where it hurts most.
        in_threads(4, |seed| yields::during(seed.try_into().unwrap(), || work(seed)));
        // A quiet point.
        let flight = flight.into_inner().unwrap();
        let mut addresses: Vec<_> = flight.iter().collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), flight.len(), "no block is in two hands");
        assert_eq!(cached.check_shared(), Ok(()));
        let in_flight = flight.len();
        assert_eq!(live(&parent.parent), in_flight + kept(&cached));
        cached.trim();
        assert_eq!(live(&parent.parent), in_flight, "every thread has ended, so all was given back");
        flight.into_iter().for_each(|block| give(&cached, block));
    }
}

impl<A: Allocate, S: CachedSizes> ThreadCached<A, S> {
    fn check_shared(&self) -> Result<(), &'static str> {
        let Some(hub) = self.hub() else { return Ok(()) };
        hub.shelves().try_for_each(|(class, shelf)| {
            let full: Vec<_> = core::iter::from_fn(|| shelf.full.take()).collect();
            let found = full.iter().try_for_each(|&magazine| check_magazine(self.sizes.block(class), magazine));
            full.into_iter().for_each(|magazine| self.store(class, shelf, magazine));
            found
        })
    }
}

/// Blocks in all magazines, counted one by one while nobody uses the cache.
fn kept<A: Allocate, S: CachedSizes>(cached: &ThreadCached<A, S>) -> usize {
    let Some(hub) = cached.hub() else { return 0 };
    // SAFETY: magazines of this cache, which nobody uses now.
    let len = |magazine: NonNull<Magazine>| unsafe { magazine.as_ref() }.len();
    let mut kept = 0_usize;
    for (class, shelf) in hub.shelves() {
        let full: Vec<_> = core::iter::from_fn(|| shelf.full.take()).collect();
        kept = full.iter().fold(kept, |kept, &magazine| kept.saturating_add(len(magazine)));
        full.into_iter().for_each(|magazine| assert!(shelf.full.put(magazine)));
        for seat in hub.seats() {
            // SAFETY: a seat of this hub, which nobody uses now.
            let Rack { loaded, previous } = unsafe { rack(seat, class) };
            kept = kept.saturating_add(len(loaded.get())).saturating_add(len(previous.get()));
        }
    }
    kept
}

#[test]
fn a_table_sends_what_it_does_not_name_past_the_cache() {
    let mut memory = [MaybeUninit::uninit(); 4096];
    let cached = ThreadCached::new(Buffer::new(&mut memory), Quad::<128>, usize::MAX);
    assert_eq!(cached.granted(Layout::new::<[u8; 100]>()), 112);
    assert_eq!(cached.granted(Layout::new::<[u8; 1000]>()), 1000);
    assert_eq!(cached.granted(Layout::from_size_align(100, 32).unwrap()), 100);
    assert_eq!(cached.granted(Layout::new::<[u64; 0]>()), 0);
}

#[test]
fn a_reset_ends_what_is_live_and_what_is_kept() {
    let mut memory = [MaybeUninit::uninit(); 4096];
    let mut cached = ThreadCached::new(Buffer::new(&mut memory), BlockOf::<4096>, usize::MAX);
    let all = Layout::new::<[u8; 4096]>();
    for _ in 0..3 {
        let block = cached.allocate(all).unwrap();
        assert!(cached.allocate(all).is_err());
        // SAFETY: just allocated with this layout.
        unsafe { cached.deallocate(block, all) };
        cached.reset();
    }
}

#[test]
fn a_kept_block_is_zeroed_when_that_is_asked() {
    let parent = shared();
    let cached = cached(&parent);
    let block = take(&cached);
    give(&cached, block);
    let zeroed = cached.allocate_zeroed(BLOCK).unwrap();
    // SAFETY: 64 initialised bytes.
    assert_eq!(unsafe { zeroed.cast::<[u64; 8]>().read() }, [0; 8]);
    give(&cached, Parcel(zeroed));
}

//! Random schedules of more threads and more operations than a model can have, to
//! their very ends: shuttle runs the cache itself, and the destructors of its threads.

use heap::{sync::Arc, vec::Vec};
use shuttle::{sync::Mutex, thread};

use super::*;
use crate::{
    combine::{counted::Counted, locked::Locked},
    source::system::System,
    sync::{SpinLock, interleave::schedules},
};

const BLOCK: Layout = Layout::new::<[usize; 8]>();

type Parent = Locked<Counted<System>, SpinLock>;
type Cached = ThreadCached<Arc<Parent>, BlockOf<64>>;

/// A block, on its way between threads, and who has signed it.
struct Parcel {
    block: NonNull<u8>,
    name: usize,
}

// SAFETY: blocks of a shared allocator may change threads.
unsafe impl Send for Parcel {}

fn take(cached: &Cached, name: usize) -> Parcel {
    let block = cached.allocate(BLOCK).unwrap();
    // SAFETY: a live block for eight of these.
    unsafe { block.cast().write([name; 8]) };
    Parcel { block, name }
}

fn give(cached: &Cached, Parcel { block, name }: Parcel) {
    // SAFETY: a live block, signed when it was taken.
    let signed = unsafe { block.cast::<[usize; 8]>().read() };
    assert_eq!(signed, [name; 8], "two threads had one block");
    // SAFETY: live, of this allocator, with this layout.
    unsafe { cached.deallocate(block, BLOCK) };
}

/// Runs `work` in four threads over two caches with magazines of two blocks; each
/// thread, and the one that made them, lets go of them when it is through. In the
/// end the parent has every block.
fn in_threads(work: impl Fn(usize, [Arc<Cached>; 2], &Mutex<Vec<Parcel>>) + Send + Sync + 'static) {
    let parent = Arc::new(Locked::with_lock(Counted::new(System), SpinLock::new()));
    let caches = [(); 2].map(|()| Arc::new(ThreadCached::new(Arc::clone(&parent), BlockOf, 128)));
    let shared = Arc::new((work, Mutex::new(Vec::new())));
    let threads: Vec<_> = (1..=4)
        .map(|name| {
            let (caches, shared) = (caches.clone(), Arc::clone(&shared));
            thread::spawn(move || (shared.0)(name, caches, &shared.1))
        })
        .collect();
    let [first, second] = caches;
    // A cache may go while threads that have used it live on.
    drop(second);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let left = core::mem::take(&mut *shared.1.lock().unwrap());
    left.into_iter().for_each(|parcel| give(&first, parcel));
    drop(first);
    assert_eq!(parent.with_parent(|counted| counted.counts().blocks_live), 0, "the parent lacks a block");
}

/// Blocks are freed by whoever finds them.
fn pass_on(name: usize, [first, second]: [Arc<Cached>; 2], bucket: &Mutex<Vec<Parcel>>) {
    for round in 0..4 {
        let parcels = [take(&first, name), take(&first, name)];
        bucket.lock().unwrap().extend(parcels);
        give(&second, take(&second, name));
        for _ in 0..=round % 3 {
            let found = bucket.lock().unwrap().pop();
            found.into_iter().for_each(|parcel| give(&first, parcel));
        }
    }
}

/// A thread fills both magazines and the depot, and ends.
fn fill_and_end(name: usize, [first, second]: [Arc<Cached>; 2], _bucket: &Mutex<Vec<Parcel>>) {
    for cached in [&second, &first] {
        let parcels: Vec<_> = (0..name + 3).map(|_| take(cached, name)).collect();
        parcels.into_iter().for_each(|parcel| give(cached, parcel));
    }
    drop(second);
    give(&first, take(&first, name));
}

#[test]
fn four_threads_free_what_others_took() {
    shuttle::check_random(|| in_threads(pass_on), schedules());
}

#[test]
fn four_threads_end_while_their_allocators_go() {
    shuttle::check_random(|| in_threads(fill_and_end), schedules());
}

#[test]
fn four_threads_free_what_others_took_with_few_changes_between_them() {
    shuttle::check_pct(|| in_threads(pass_on), schedules(), 3);
}

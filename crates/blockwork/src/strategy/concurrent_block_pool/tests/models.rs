//! Every interleaving of two threads, or three, with the orderings that the code
//! asks for and no stronger ones: loom runs the pool itself.

use loom::{cell::UnsafeCell, model::Builder, sync::Arc, thread};

use super::*;
use crate::sync::atomic::{AtomicU32, Ordering};

/// A parent that has so many chunks, and any number of tables.
struct Few {
    left: AtomicU32,
}

// SAFETY: forwards.
unsafe impl Allocate for Few {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.align() >= CHUNK {
            let granted = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
            granted.map_err(|_| AllocError)?;
        }
        System.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.deallocate(block, layout) };
        if layout.align() >= CHUNK {
            self.left.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// A pool, and for each of its blocks a cell that tells loom who writes to it.
struct Model<P: Places, A: Allocate> {
    pool: ConcurrentBlockPool<A, BlockAt, P>,
    cells: [UnsafeCell<u32>; CELLS],
}

const CELLS: usize = 4;

// SAFETY: loom watches the cells; the rest is `Sync`.
unsafe impl<P: Places, A: Allocate> Sync for Model<P, A> {}
// SAFETY: as above.
unsafe impl<P: Places, A: Allocate> Send for Model<P, A> {}

impl<P: Places, A: Allocate> Model<P, A> {
    fn new(pool: ConcurrentBlockPool<A, BlockAt, P>) -> Arc<Self> {
        Arc::new(Self { pool, cells: core::array::from_fn(|_| UnsafeCell::new(0)) })
    }

    /// Takes a block and writes to it; loom tells if another thread has it.
    fn take(&self) -> Option<NonNull<u8>> {
        let block = self.pool.alloc_block().ok()?;
        self.write(block);
        Some(block)
    }

    fn give(&self, block: NonNull<u8>) {
        self.write(block);
        give(&self.pool, [block]);
    }

    fn take_and_give(&self) {
        if let Some(block) = self.take() {
            self.give(block);
        }
    }

    /// Writes to the cell of the block, which is found by its place in the chunk.
    fn write(&self, block: NonNull<u8>) {
        let stride = self.pool.core.stride();
        // SAFETY: the pool's own block.
        let index = unsafe { self.pool.core.places.number(block, stride) }.0;
        let cell = &self.cells[usize::try_from(index).unwrap() % CELLS];
        // SAFETY: loom tells if another thread is here at the same time.
        cell.with_mut(|count| unsafe { *count += 1 });
    }
}

/// Large blocks, so that a chunk has room for three.
const STRIDE: usize = 256;

fn growing(chunks: u32, looks: u32) -> Arc<Model<Growing, Few>> {
    let config = ConcurrentBlockPoolConfig { block: BlockAt::new(STRIDE, 8).unwrap(), chunk_size: CHUNK };
    let mut pool = ConcurrentBlockPool::try_new(Few { left: AtomicU32::new(chunks) }, config).unwrap();
    pool.core.places.looks = looks;
    assert_eq!(pool.blocks_per_chunk(), 3);
    Model::new(pool)
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    // As the environment says, else so many.
    builder.preemption_bound.get_or_insert(3);
    builder.check(model);
}

/// A pool of three blocks in a buffer, `blocks` of which were used before.
fn buffer(blocks: usize) -> Arc<Model<InBuffer, Buffer<'static>>> {
    // The memory of a model is small, and goes with the process.
    let memory = heap::vec![0_u64; 128].leak();
    // SAFETY: the same bytes, borrowed for ever.
    let bytes = unsafe { core::slice::from_raw_parts_mut(memory.as_mut_ptr().cast::<MaybeUninit<u8>>(), 1024) };
    let pool = ConcurrentBlockPool::new_all(Buffer::new(bytes), BlockAt::new(STRIDE, 8).unwrap());
    assert_eq!(pool.blocks_max(), 3);
    let model = Model::new(pool);
    let all = take(&model.pool, blocks);
    all.into_iter().for_each(|block| model.give(block));
    model
}

#[test]
fn two_threads_take_different_blocks() {
    check(|| {
        let model = buffer(2);
        let other = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.take().map(|block| block.addr()))
        };
        let own = model.take().map(|block| block.addr());
        assert_ne!(own, other.join().unwrap());
    });
}

#[test]
fn two_threads_carve_different_blocks() {
    check(|| {
        let model = buffer(0);
        let other = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.take().map(|block| block.addr()))
        };
        let own = model.take().map(|block| block.addr());
        assert_ne!(own, other.join().unwrap());
    });
}

#[test]
fn one_takes_while_another_gives() {
    check(|| {
        let model = buffer(2);
        let held = model.take().unwrap().addr();
        let held = take_back(&model, held);
        let other = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.take_and_give())
        };
        model.give(held);
        other.join().unwrap();
        assert_eq!((model.pool.blocks_live(), model.pool.check()), (0, Ok(())));
    });
}

/// The block at an address that was just taken.
fn take_back(model: &Model<InBuffer, Buffer<'static>>, address: core::num::NonZero<usize>) -> NonNull<u8> {
    model.pool.parent.start().with_addr(address)
}

#[test]
fn two_threads_give_and_nothing_is_lost() {
    check(|| {
        let model = buffer(2);
        let (first, second) = (model.take().unwrap().addr(), model.take().unwrap().addr());
        let other = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.give(take_back(&model, first)))
        };
        model.give(take_back(&model, second));
        other.join().unwrap();
        assert_eq!((model.pool.blocks_live(), model.pool.check()), (0, Ok(())));
        assert_ne!(model.take(), model.take());
    });
}

/// The sleeper of the ABA problem is any of these two.
#[test]
fn two_threads_take_two_and_give_one() {
    check(|| {
        let model = buffer(3);
        let work = |model: &Model<InBuffer, Buffer<'static>>| {
            let (first, second) = (model.take(), model.take());
            first.into_iter().for_each(|block| model.give(block));
            usize::from(second.is_some())
        };
        let other = {
            let model = Arc::clone(&model);
            thread::spawn(move || work(&model))
        };
        let live = work(&model) + other.join().unwrap();
        assert_eq!((model.pool.blocks_live(), model.pool.check()), (live, Ok(())));
    });
}

#[test]
fn a_race_for_growth_ends_with_one_chunk_and_a_block_for_each() {
    check(|| {
        // Nobody waits.
        let model = growing(2, 0);
        let other = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.take().unwrap().addr())
        };
        let own = model.take().unwrap().addr();
        assert_ne!(own, other.join().unwrap());
        assert_eq!((model.pool.chunks(), model.pool.parent.left.load(Ordering::Relaxed)), (1, 1));
    });
}

/// Who sees the number of a block that was carved sees the chunk it is in: else it
/// would ask the parent for one that is there, and be refused although blocks are
/// free. Fails unless `carve_or_grow` reads the number with Acquire and writes it
/// with Release.
#[test]
fn who_sees_that_a_chunk_was_carved_from_sees_the_chunk() {
    check(|| {
        // One chunk, and nobody waits for who is asking for it.
        let model = growing(1, 0);
        let other = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.take().is_some())
        };
        // Relaxed: says nothing of the chunk.
        while model.pool.core.carved.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        assert!(model.take().is_some(), "refused while blocks are free");
        other.join().unwrap();
    });
}

/// One thread fills the first chunk, which is all that the first table has room for,
/// while another takes a block: a chunk that the longer table lacked would be lost.
#[test]
fn a_table_that_is_replaced_without_waiting_loses_no_chunk() {
    check(|| {
        let model = growing(3, 0);
        let other = {
            let model = Arc::clone(&model);
            thread::spawn(move || (0..3).filter_map(|_| model.pool.alloc_block().ok()).count())
        };
        let own = usize::from(model.pool.alloc_block().is_ok());
        let live = own + other.join().unwrap();
        assert_eq!((live, model.pool.blocks_live(), model.pool.chunks()), (4, 4, 2));
    });
}

/// The one chunk there is may be in the hands of the other thread.
#[test]
fn nobody_is_refused_while_the_last_chunk_is_on_its_way() {
    check(|| {
        let model = growing(1, 3);
        let other = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.take().unwrap().addr())
        };
        let own = model.take().unwrap().addr();
        assert_ne!(own, other.join().unwrap());
    });
}

#[test]
fn a_block_that_another_thread_took_is_freed_and_trimmed() {
    check(|| {
        let model = growing(2, 1);
        let blocks = take(&model.pool, 2);
        give(&model.pool, blocks);
        let other = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.take_and_give())
        };
        model.take_and_give();
        other.join().unwrap();
        let mut model = Arc::try_unwrap(model).unwrap_or_else(|_| unreachable!("the other thread has ended"));
        model.pool.trim();
        assert_eq!((model.pool.chunks(), model.pool.parent.left.load(Ordering::Relaxed)), (0, 2));
    });
}

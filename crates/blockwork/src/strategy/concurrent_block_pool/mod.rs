//! [`ConcurrentBlockPool`]: blocks of one size, taken and freed by any thread,
//! without a lock.
//!
//! ```text
//! thread ─┐  head [ tag | 4 ]
//! thread ─┼─►            │        ◄── links │ blocks ──►
//! thread ─┘  chunk [ … | 7 | … | … | … | … │ 0 | 1 | 2 | 3 | free | … ]
//!                        └ link of block 4: the next free one is 7
//! ```
//!
//! | | |
//! |---|---|
//! | time | two compare-exchanges for a block taken and freed; 29 instructions in a buffer, 46 over a parent |
//! | space | blocks are rounded up to the stride; four bytes for each, eight for a chunk, one word for a chunk's place |
//! | sharing | `Sync` where the parent is; in a buffer always |
//! | failure | for more than a block, or when the parent has no chunk |
//! | granted | the stride, for whatever fits a block |
//! | offers | [`Reset`]; over a parent [`trim`](ConcurrentBlockPool::trim), in a buffer [`Owns`] |
//!
//! [`ConcurrentBlockPool::new`] grows by chunks, each a power of two that it is
//! aligned to, so that a block finds its number by a mask. The chunk in which a block was freed
//! last is known without the table of chunks.
//! [`ConcurrentBlockPool::new_all`] shares out a buffer, and never grows. Both fit
//! a `static`. Chunks stay until [`trim`](ConcurrentBlockPool::trim) or the end of
//! the pool, which `&mut` says nobody else is using: while it is shared, a slow
//! thread may still be looking at any of them.
//!
//! # What is not safe with two threads, and how this is
//!
//! Two that read the same head get the same block; two that free lose one. So the
//! head is replaced by compare-exchange, and who was second begins again. That is
//! not enough in two places.
//!
//! **The link of a block that is not ours.** A thread reads the head, then the link
//! of the block there, then exchanges. In between another thread may take that
//! block and write to it. A pool that keeps the link in the block, as those of the
//! field do, then reads with one thread what another writes, and this is a data
//! race in the memory models of C, C++ and Rust even though the value is thrown
//! away: undefined, whatever the processor would do. Here a link is an atomic
//! beside the blocks, which no block overlaps and no free gives back.
//!
//! **ABA.** The head is the same again, and what is behind it is not:
//!
//! ```text
//!                                  head ─► A ─► B ─► C
//! one:   reads A, its link is B; sleeps
//! other: takes A                   head ─► B ─► C
//! other: takes B                   head ─► C
//! other: frees A                   head ─► A ─► C        B is in use
//! one:   wakes; the head is A, so the exchange of A for B succeeds
//!                                  head ─► B             B is handed out twice
//! ```
//!
//! So the head has a tag of 32 bits, which each take counts on: the sleeper's
//! exchange fails, for the head is `(A, tag + 2)`. It is fooled only if it sleeps
//! through 2³² takes, or a multiple, exactly. Tests stop threads at that place, and
//! loom goes through every order: without a tag both find the double block, and with
//! two bits it takes four takes.
//!
//! # Lock-free, and not wait-free
//!
//! An exchange fails only because another one has succeeded: some thread always
//! gets on, but none is promised that it will be the one. A thread that fails stays
//! away for a moment (at most 64 pauses), so that the others can do several things
//! at once. A thread that is stopped anywhere holds nobody up, on targets that have
//! a compare-exchange of 64 bits; elsewhere a lock stands in for it.
//!
//! **Growth** is a bounded wait. One thread at a time asks the parent; others that
//! need a block look a thousand times whether it is back, and then ask for
//! themselves. Whoever is second with a chunk gives it back. So a thread that was stopped while growing, or a request
//! out of the parent itself, holds up nobody for good; only after that wait, when
//! the last chunk of the parent is in the hands of the stopped thread, is a request
//! refused that would have been served later.
//!
//! # When a lock is the better choice
//!
//! Time of a block taken and freed, for each thread, on two processors, beside a
//! fixed stack with a tag and with links in its blocks, written by hand: what three
//! runs said (`cargo xtask bench --threads --passes 51`).
//!
//! | pool | one thread | two threads |
//! |---|---|---|
//! | the stack by hand | 1 | 1 |
//! | this, in a buffer | 1.01 to 1.03 | 0.11 to 0.13 |
//! | this, over a parent, in any chunk | 1.09 to 1.22 | 0.14 to 0.17 |
//! | `Locked<BlockPool, SpinLock>` | 0.68 to 0.76 | 0.11 |
//! | `Locked` by `parking_lot`'s mutex, by `std`'s | 1.44 to 1.47, 1.35 to 1.43 | 0.29 to 0.36, 1.05 to 1.25 |
//! | heapless | 2.3 to 2.5 | 1.3 to 1.4 |
//! | jemalloc, which has a cache for each thread | 0.82 to 1.01 | 0.05 to 0.06 |
//!
//! A spin lock is one exchange for each operation and a plain store, and with two
//! threads that always run it is faster. What it cannot do is go on while its holder
//! is not running: more threads than processors, priorities, interrupt and signal
//! handlers. That is what this pool is for, not speed.
//!
//! Beyond two processors nothing was measured; what a pair does to lines that all
//! processors write can be counted:
//!
//! | a block taken and freed | exchanges of a word that all share | plain stores to shared lines |
//! |---|---|---|
//! | this | 2, and one for each race that is lost | 1, the link |
//! | `Locked<BlockPool, SpinLock>` | 2, and one for each race that is lost | 5: the lock twice, the head twice, the link |
//! | a cache of *n* blocks for each thread, over either | at most 4 for *n* pairs, if it moves *n* at a time | its share of those |
//!
//! Exchanges of one word happen one after the other, however many processors ask
//! for them. So with the first two, all threads together do not do more than the line
//! can be passed on, and each does less with every thread that is added; only the
//! third has exchanges that become fewer. The way to scale is to share less often.
//!
//! When not to use it: for one thread (`BlockPool` takes 7 instructions); for threads
//! that take and free all the time (give each a pool of its own); under a parent's
//! lock, which makes growth wait like any other.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use std::thread;
//! use blockwork::{Allocate, BlockOf, ConcurrentBlockPool, ConcurrentBlockPoolConfig, System, Valid};
//!
//! const CONFIG: Valid<ConcurrentBlockPoolConfig<BlockOf<64>>> =
//!     match (ConcurrentBlockPoolConfig { block: BlockOf, chunk_size: 1 << 16 }).check() {
//!         Ok(config) => config,
//!         Err(_) => panic!(),
//!     };
//! static POOL: ConcurrentBlockPool<System, BlockOf<64>> = ConcurrentBlockPool::new(System, CONFIG);
//!
//! thread::scope(|scope| {
//!     for _ in 0..4 {
//!         scope.spawn(|| {
//!             let layout = Layout::new::<[u8; 50]>();
//!             let block = POOL.allocate(layout).unwrap();
//!             // SAFETY: just allocated with this layout.
//!             unsafe { POOL.deallocate(block, layout) };
//!         });
//!     }
//! });
//! assert_eq!((POOL.chunks(), POOL.blocks_live()), (1, 0));
//! ```

use core::{alloc::Layout, ptr::NonNull};

mod config;
mod growing;
mod in_buffer;
mod places;
mod pool_core;
#[cfg(test)]
mod tests;

use self::places::Places;
pub use self::{
    config::ConcurrentBlockPoolConfig, growing::Growing, in_buffer::InBuffer, pool_core::ConcurrentBlockPoolCore,
};
use crate::{
    alloc::{AllocError, Allocate, Census, Check, ConfigError, Owns, Reset, Valid, over_core::over_core},
    os::track,
    source::buffer::Buffer,
    strategy::block_pool::BlockShape,
    sync::const_unless_loom,
};

/// Shares blocks of one size out to any thread; see the [module](self).
#[derive(Debug)]
pub struct ConcurrentBlockPool<A: Allocate, S: BlockShape, P: Places = Growing> {
    core: ConcurrentBlockPoolCore<S, P>,
    parent: A,
}

// SAFETY: the core is for any thread at any time, and so is a parent that is `Sync`.
unsafe impl<A: Allocate + Sync, S: BlockShape + Sync> Sync for ConcurrentBlockPool<A, S> {}

// SAFETY: as above; nobody asks the buffer for anything that changes.
unsafe impl<S: BlockShape + Sync> Sync for ConcurrentBlockPool<Buffer<'_>, S, InBuffer> {}

impl<A: Allocate, S: BlockShape> ConcurrentBlockPool<A, S> {
    const_unless_loom! {
        /// Will take chunks from `parent`, one whenever no block is free.
        ///
        /// Nothing is taken yet, so this fits a `static`.
        pub fn new(parent: A, config: Valid<ConcurrentBlockPoolConfig<S>>) -> Self {
            Self { core: ConcurrentBlockPoolCore::new(config), parent }
        }
    }

    /// [`new`](Self::new), with a configuration that is checked on the way.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a chunk is no power of two, holds no block, or is
    /// larger than 2 GiB.
    pub fn try_new(parent: A, config: ConcurrentBlockPoolConfig<S>) -> Result<Self, ConfigError> {
        Ok(Self::new(parent, config.check_any()?))
    }

    /// Gives the chunks back in which no block is live, and puts the free blocks
    /// of the others in the order in which they were carved.
    ///
    /// Takes time in proportion to the blocks there are, and no memory. `&mut`
    /// says that no other thread is here: one that is slow might look at a chunk
    /// that is gone.
    ///
    /// ```
    /// # use blockwork::{BlockOf, ConcurrentBlockPool, ConcurrentBlockPoolConfig, System};
    /// # let config = ConcurrentBlockPoolConfig { block: BlockOf::<2048>, chunk_size: 4096 };
    /// let mut pool = ConcurrentBlockPool::try_new(System, config)?;
    /// let (_kept, freed) = (pool.alloc_block()?, pool.alloc_block()?);
    /// // SAFETY: just allocated, and not used again.
    /// unsafe { pool.free_block(freed) };
    /// pool.trim();
    /// assert_eq!(pool.chunks(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim(&mut self) {
        self.core.trim(&self.parent);
    }

    /// Chunks held now; walks them.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.core.places.chunks()
    }

    /// Blocks in each chunk.
    #[must_use]
    pub fn blocks_per_chunk(&self) -> usize {
        self.core.places.blocks(self.core.stride())
    }
}

impl<'a, S: BlockShape> ConcurrentBlockPool<Buffer<'a>, S, InBuffer> {
    const_unless_loom! {
        /// Shares out all of `buffer`, and never grows.
        ///
        /// Each block takes its stride and four bytes of the buffer. This fits a
        /// `static`, whose address is not known when it is compiled: in a buffer
        /// too short for a block every request fails.
        #[must_use]
        pub fn new_all(buffer: Buffer<'a>, block: S) -> Self {
            let region = NonNull::slice_from_raw_parts(buffer.start(), buffer.size());
            Self { core: ConcurrentBlockPoolCore::in_buffer(block, region), parent: buffer }
        }
    }

    /// [`new_all`](Self::new_all), for a buffer that must hold a block.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when it does not.
    pub fn try_new_all(buffer: Buffer<'a>, block: S) -> Result<Self, ConfigError> {
        let pool = Self::new_all(buffer, block);
        if pool.blocks_max() == 0 {
            return Err(ConfigError::new("ConcurrentBlockPool::buffer", "must have room for a block, once aligned"));
        }
        Ok(pool)
    }

    /// Blocks that the buffer holds, live or free.
    #[must_use]
    pub fn blocks_max(&self) -> usize {
        self.core.places.fit(self.core.stride()).blocks
    }
}

impl<A: Allocate, S: BlockShape, P: Places> ConcurrentBlockPool<A, S, P> {
    /// Returns a block, of the shape of all.
    ///
    /// # Errors
    ///
    /// [`AllocError`] when none is free and the parent has no more.
    #[inline]
    pub fn alloc_block(&self) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: always this parent.
        let block = unsafe { self.core.alloc_block(&self.parent)? };
        if track::ON {
            track::show(block, self.core.stride().size());
        }
        Ok(block)
    }

    /// Takes a block back, which any thread may have taken.
    ///
    /// # Safety
    ///
    /// - `block` is live and came from this pool.
    #[inline]
    pub unsafe fn free_block(&self, block: NonNull<u8>) {
        if track::ON {
            track::hide(block, self.core.stride().size());
        }
        // SAFETY: live, and from this pool, so from its core, says the caller.
        unsafe { self.core.free_block(block) }
    }

    /// Blocks that are live: found by walking the free ones, so that requests need
    /// not count. While other threads use the pool it is a guess.
    #[must_use]
    pub fn blocks_live(&self) -> usize {
        self.core.blocks_live()
    }

    /// Bytes of a block that a request for `layout` would leave unused.
    #[must_use]
    pub fn internal_waste(&self, layout: Layout) -> usize {
        self.granted(layout).saturating_sub(layout.size())
    }
}

over_core!([A: Allocate, S: BlockShape, P: Places] ConcurrentBlockPool<A, S, P>);
crate::alloc::bridge!([A: Allocate, S: BlockShape, P: Places] ConcurrentBlockPool<A, S, P>);

// SAFETY: the region is the buffer's alone and the buffer is ours alone, so a
// live block inside it is ours, or was carved by a borrower of ours, who asks
// `&ConcurrentBlockPool`, which is not `Owns`.
unsafe impl<S: BlockShape> Owns for ConcurrentBlockPool<Buffer<'_>, S, InBuffer> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, _layout: Layout) -> bool {
        let offset = block.addr().get().wrapping_sub(self.parent.start().addr().get());
        offset < self.parent.size()
    }
}

impl<A: Allocate, S: BlockShape, P: Places> Reset for ConcurrentBlockPool<A, S, P> {
    /// Keeps the chunks, for the next blocks.
    fn reset(&mut self) {
        self.core.free_all();
    }
}

impl<A: Allocate + Check, S: BlockShape, P: Places> Check for ConcurrentBlockPool<A, S, P> {
    /// Means something while no other thread uses the pool.
    fn check(&self) -> Result<(), &'static str> {
        self.core.check()?;
        self.parent.check()
    }
}

impl<A: Allocate, S: BlockShape, P: Places> Census for ConcurrentBlockPool<A, S, P> {
    /// Means something while no other thread uses the pool.
    fn blocks_out(&self) -> usize {
        self.blocks_live()
    }
}

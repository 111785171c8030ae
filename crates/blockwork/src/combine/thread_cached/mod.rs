//! [`ThreadCached`]: each thread keeps some freed blocks of a shared allocator
//! for itself.
//!
//! ```text
//! thread 1   loaded [ ■ ■ ■ · ]  previous [ ■ ■ ■ ■ ]      no lock, no atomic operation
//!                        ▲ empty, full ▼
//! all        depot  [ ■ ■ ■ ■ ] [ ■ ■ ■ ■ ] – – …          one exchange per magazine
//!                        ▲ empty, full ▼
//!            parent                                       one block at a time
//! ```
//!
//! A thread has two *magazines* of each size: arrays of pointers to free blocks.
//! Freeing fills them, allocating empties them. Full ones go to a depot that all
//! threads share, where a thread whose magazines are empty finds them. So blocks
//! that one thread allocates and another one frees go back home by the
//! magazine, and only what fits no magazine and no place in the depot goes to
//! the parent. The cache never asks the parent for more than it is asked for:
//! all that it keeps was in use at some time.
//!
//! | | |
//! |---|---|
//! | time | a few loads, two compares and a store; one exchange of a shared word for some sixty blocks |
//! | space | per class: two magazines for each thread, of up to 512 bytes, and 16 in the depot |
//! | keeps | per class: at most `limit` bytes, and 62 blocks, in each of these magazines |
//! | sharing | any thread, where the parent is for any thread |
//! | failure | when nothing is kept and the parent fails |
//! | granted | the class |
//! | passes on | [`Owns`], [`Reset`], where the parent has them |
//!
//! This is the one combinator that keeps free memory. It stands here and not among
//! the strategies, because it does not carve: remove it, and all works, slower.
//!
//! # Which requests
//!
//! A table of [`Classes`], such as [`Quad`](crate::Quad), for a parent that serves
//! many sizes; or [`BlockOf`], for blocks of one size. What has no class, and of a
//! table what is aligned to more than 16 bytes, goes past the cache, to the
//! parent and back.
//!
//! # Who goes first
//!
//! - A *thread* that ends leaves its magazines, whole, to the threads that are
//!   left: the next one that runs out takes them. Destructors of other
//!   thread-local variables may go on allocating and freeing; they reach the parent.
//! - An *allocator* that ends takes its blocks out of the magazines of all
//!   threads, also of those that live on, and gives them to the parent.
//! - Both at once is fine: neither waits for the other.
//!
//! It can be moved, shared, be a `static` or in an `Arc`; many of them live side
//! by side, and up to 16 that one thread uses in turn are equally fast. Inside it
//! is no lock: a process that forks has a child that goes on, without the blocks
//! that the other threads kept. Blocks are not written to while they are kept.
//!
//! # When not to use it
//!
//! - For one thread: [`Memo`](crate::Memo) does that with less.
//! - Where every byte counts: what a thread keeps helps no other thread until its
//!   magazine is full. [`trim`](ThreadCached::trim) gives back what the calling
//!   thread and the depot keep; not what other threads do.
//! - Over a parent that is exhausted soon, for the same reason: a request can fail
//!   while other threads keep blocks that would do.
//! - Without std: there are no thread-local variables.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use std::thread;
//! use blockwork::{Allocate, BlockOf, BlockPool, BlockPoolConfig, ChunkSize, Locked, System, ThreadCached};
//!
//! let config = BlockPoolConfig { block: BlockOf::<64>, chunk: ChunkSize::Blocks(256) };
//! let pool = Locked::new(BlockPool::try_new(System, config)?);
//! let cached = ThreadCached::new(pool, BlockOf::<64>, 4096);
//!
//! let layout = Layout::new::<[u64; 8]>();
//! thread::scope(|scope| {
//!     for _ in 0..4 {
//!         scope.spawn(|| {
//!             for _ in 0..1000 {
//!                 let block = cached.allocate(layout).unwrap();
//!                 // SAFETY: just allocated with this layout.
//!                 unsafe { cached.deallocate(block, layout) };
//!             }
//!         });
//!     }
//! });
//! # Ok::<(), blockwork::ConfigError>(())
//! ```

use core::{
    alloc::Layout,
    fmt::{self, Debug},
    ptr::{self, NonNull},
};

mod hub;
mod threads;

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, shuttle))]
mod schedules;
#[cfg(test)]
#[cfg(not(any(loom, shuttle)))]
mod tests;

use self::{
    hub::{HubRef, Rack, Shelf, free_magazine, new_magazine, rack},
    threads::Key,
};
use crate::{
    alloc::{AllocError, Allocate, Check, Owns, Reset, can_resize, empty},
    math::size_class::Classes,
    os,
    raw::{
        magazine::{Magazine, ROUNDS_MAX},
        roster::Seat,
    },
    strategy::block_pool::{BlockAt, BlockOf, BlockShape},
    sync::{
        atomic::{AtomicPtr, Ordering},
        const_unless_loom,
    },
};

/// Keeps freed blocks of `A` per thread; see the [module](self).
pub struct ThreadCached<A: Allocate, S: CachedSizes> {
    /// The key of the hub; null before the first use.
    key: AtomicPtr<()>,
    parent: A,
    /// Bytes of blocks in one magazine.
    limit: usize,
    sizes: S,
}

/// Which requests a [`ThreadCached`] keeps blocks for: any table of [`Classes`],
/// or blocks of one size, [`BlockOf`] or [`BlockAt`].
///
/// Nobody else can implement it: frees are routed by it.
pub trait CachedSizes: Clone + Debug + Send + Sync + sealed::Sealed + 'static {
    /// The number of classes.
    #[doc(hidden)]
    fn classes(&self) -> usize;

    /// The class of `layout`; at least [`classes`](Self::classes) for none.
    #[doc(hidden)]
    fn class(&self, layout: Layout) -> usize;

    /// What all blocks of `class` are asked of the parent with.
    #[doc(hidden)]
    fn block(&self, class: usize) -> Layout;
}

mod sealed {
    pub trait Sealed {}
    impl<C: super::Classes> Sealed for C {}
    impl<const SIZE: usize, const ALIGN: usize> Sealed for super::BlockOf<SIZE, ALIGN> {}
    impl Sealed for super::BlockAt {}
}

/// The greatest alignment of blocks of a table of classes: what every `malloc`
/// has, so that no parent has to go out of its way.
const ALIGN_MAX: usize = 16;

impl<C: Classes> CachedSizes for C {
    #[inline]
    fn classes(&self) -> usize {
        self.count()
    }

    #[inline]
    fn class(&self, layout: Layout) -> usize {
        if layout.align() <= ALIGN_MAX { self.of(layout) } else { usize::MAX }
    }

    #[inline]
    fn block(&self, class: usize) -> Layout {
        let size = self.size(class);
        // The largest power of two that the size is a multiple of.
        let natural = size & size.wrapping_neg();
        Layout::from_size_align(size, natural.min(ALIGN_MAX)).unwrap_or(Layout::new::<()>())
    }
}

/// Blocks of one size are one class.
macro_rules! one_size {
    ([$($generics:tt)*] $shape:ty) => {
        impl<$($generics)*> CachedSizes for $shape {
            #[inline]
            fn classes(&self) -> usize {
                1
            }

            #[inline]
            fn class(&self, layout: Layout) -> usize {
                let block = self.stride();
                let fits = layout.size() != 0 && layout.size() <= block.size() && layout.align() <= block.align();
                usize::from(!fits)
            }

            #[inline]
            fn block(&self, _class: usize) -> Layout {
                self.stride()
            }
        }
    };
}

one_size!([const SIZE: usize, const ALIGN: usize] BlockOf<SIZE, ALIGN>);
one_size!([] BlockAt);

impl<A: Allocate, S: CachedSizes> ThreadCached<A, S> {
    const_unless_loom! {
        /// Keeps freed blocks of `sizes` in magazines of up to `limit` bytes, and up
        /// to 62 blocks; what is larger than `limit` is not kept.
        ///
        /// Takes nothing, from the parent or elsewhere, before it is used.
        pub fn new(parent: A, sizes: S, limit: usize) -> Self {
            Self { key: AtomicPtr::new(ptr::null_mut()), parent, limit, sizes }
        }
    }

    /// The allocator below.
    pub const fn parent(&self) -> &A {
        &self.parent
    }

    /// Gives back to the parent what the depot, threads that ended and the calling
    /// thread keep.
    pub fn trim(&self) {
        let Some(hub) = self.hub() else { return };
        if let Some(seat) = self.seat() {
            self.empty_seat(hub, seat, |_, magazine| self.scrap(magazine.0, magazine.1));
        }
        self.collect(hub);
        for (class, shelf) in hub.shelves() {
            while let Some(magazine) = shelf.full.take().or_else(|| shelf.empty.take()) {
                self.scrap(class, magazine);
            }
        }
    }

    /// The one place where this layer changes a layout: what the parent is asked
    /// for.
    #[inline]
    fn inner(&self, layout: Layout) -> Layout {
        let class = self.sizes.class(layout);
        if class < self.sizes.classes() { self.sizes.block(class) } else { layout }
    }

    /// How many blocks of `class` a magazine holds.
    fn rounds(&self, class: usize) -> usize {
        self.limit.checked_div(self.sizes.block(class).size()).unwrap_or(0).min(ROUNDS_MAX)
    }

    #[inline]
    fn key(&self) -> Key {
        // Acquire: sees the hub; pairs with Release in `found`. Threads that have
        // a seat only compare it.
        Key::from_ptr(self.key.load(Ordering::Acquire))
    }

    fn hub(&self) -> Option<HubRef> {
        // SAFETY: the instance is a holder from its first use on.
        unsafe { self.key().hub() }
    }

    /// A kept block of `class` from the loaded magazine of this thread.
    #[inline]
    fn recall(&self, class: usize) -> Option<NonNull<u8>> {
        let seat = threads::seat(self.key())?;
        // SAFETY: a seat of our hub, `class` is a class, and only this thread,
        // inside our methods, uses what is in it.
        let loaded = unsafe { rack(seat, class) }.loaded.get();
        // SAFETY: a magazine of this thread.
        unsafe { Magazine::pop(loaded) }
    }

    /// Puts `block` into the loaded magazine of this thread, if there is room.
    #[inline]
    fn keep(&self, class: usize, block: NonNull<u8>) -> bool {
        let Some(seat) = threads::seat(self.key()) else { return false };
        // SAFETY: as in `recall`.
        let loaded = unsafe { rack(seat, class) }.loaded.get();
        // SAFETY: a magazine of this thread.
        unsafe { Magazine::push(loaded, block) }
    }

    /// This thread's seat, if it has one or can have one.
    fn seat(&self) -> Option<NonNull<Seat>> {
        let key = if self.key().as_ptr().is_null() { self.found()? } else { self.key() };
        // SAFETY: our key, and we stay.
        threads::seat(key).or_else(|| unsafe { threads::find_or_enter(key) })
    }

    /// Makes the hub, or finds that another thread has.
    #[cold]
    fn found(&self) -> Option<Key> {
        let hub = HubRef::create(self.sizes.classes())?;
        let key = Key::new(hub);
        // Release: publishes the hub; pairs with Acquire in `key`. Acquire: sees
        // that of the other thread.
        match self.key.compare_exchange(ptr::null_mut(), key.as_ptr(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Some(key),
            Err(theirs) => {
                // SAFETY: nobody else has seen it.
                unsafe { hub.release() }
                Some(Key::from_ptr(theirs))
            }
        }
    }

    /// A block of `class` from anywhere but the loaded magazine: apart, so that a
    /// hit saves no registers for a parent that it does not call.
    #[cold]
    #[inline(never)]
    fn miss(&self, class: usize) -> Result<NonNull<u8>, AllocError> {
        match self.reload(class) {
            Some(block) => Ok(block),
            None => self.parent.allocate(self.sizes.block(class)),
        }
    }

    /// A kept block of `class` from anywhere but the loaded magazine.
    #[cold]
    #[inline(never)]
    fn reload(&self, class: usize) -> Option<NonNull<u8>> {
        let seat = self.seat()?;
        // SAFETY: as in `recall`.
        let rack = unsafe { rack(seat, class) };
        // SAFETY: magazines of this thread.
        let [loaded, previous] = [&rack.loaded, &rack.previous].map(|it| unsafe { it.get().as_ref() });
        // The loaded one was not looked at if another instance was first in the
        // bucket of this one.
        if loaded.is_empty() && previous.is_empty() {
            let hub = self.hub()?;
            let shelf = hub.shelf(class)?;
            let full = shelf.full.take().or_else(|| {
                self.collect(hub);
                shelf.full.take()
            })?;
            // Both of ours are empty, unless the parent was called just now, and
            // has called us; then the spare one is not.
            let spare = rack.previous.replace(rack.loaded.replace(full));
            self.store(class, shelf, spare);
        } else if loaded.is_empty() {
            rack.swap();
        }
        // SAFETY: a magazine of this thread.
        unsafe { Magazine::pop(rack.loaded.get()) }
    }

    /// Puts a freed block of `class` anywhere but into the loaded magazine, or
    /// frees it.
    ///
    /// # Safety
    ///
    /// - `block` was asked of the parent with the layout of `class`, and nobody
    ///   uses it.
    #[cold]
    #[inline(never)]
    unsafe fn unload(&self, class: usize, block: NonNull<u8>) {
        if self.shift(class).is_some() && self.keep(class, block) {
            return;
        }
        // SAFETY: asked of the parent with this layout, and nobody uses it, says the caller.
        unsafe { self.parent.deallocate(block, self.sizes.block(class)) }
    }

    /// Loads a magazine of `class` that has room; what had to make way for it is
    /// gone when this returns.
    fn shift(&self, class: usize) -> Option<()> {
        let rounds = self.rounds(class);
        if rounds == 0 {
            return None;
        }
        let seat = self.seat()?;
        // SAFETY: as in `recall`.
        let rack = unsafe { rack(seat, class) };
        // SAFETY: a magazine of this thread.
        if unsafe { !rack.loaded.get().as_ref().is_full() } {
            return Some(());
        }
        // SAFETY: a magazine of this thread.
        if unsafe { !rack.previous.get().as_ref().is_full() } {
            rack.swap();
            return Some(());
        }
        let shelf = self.hub()?.shelf(class)?;
        let empty = shelf.empty.take().or_else(|| new_magazine(rounds))?;
        let full = rack.previous.replace(rack.loaded.replace(empty));
        self.store(class, shelf, full);
        Some(())
    }

    /// Puts a magazine of ours on the shelf; if there is no place, its blocks go
    /// to the parent.
    fn store(&self, class: usize, shelf: &Shelf, magazine: NonNull<Magazine>) {
        // SAFETY: a magazine of ours.
        let head = unsafe { magazine.as_ref() };
        if head.capacity() == 0 || (!head.is_empty() && shelf.full.put(magazine)) {
            return;
        }
        self.give_back(class, magazine);
        if !shelf.empty.put(magazine) {
            // SAFETY: ours, and nobody took it.
            unsafe { free_magazine(magazine) }
        }
    }

    /// Gives the blocks in a magazine of ours to the parent, which may call us.
    fn give_back(&self, class: usize, magazine: NonNull<Magazine>) {
        // SAFETY: a magazine that is in no rack and on no shelf.
        while let Some(block) = unsafe { Magazine::pop(magazine) } {
            // SAFETY: kept blocks of a class were asked with its layout.
            unsafe { self.parent.deallocate(block, self.sizes.block(class)) }
        }
    }

    /// Gives the blocks in a magazine of ours to the parent, and frees it.
    fn scrap(&self, class: usize, magazine: NonNull<Magazine>) {
        self.give_back(class, magazine);
        // SAFETY: ours, and never used again.
        unsafe { free_magazine(magazine) }
    }

    /// Takes what threads that ended have left, for all threads.
    fn collect(&self, hub: HubRef) {
        for seat in hub.left() {
            self.empty_seat(hub, seat, |shelf, (class, magazine)| self.store(class, shelf, magazine));
            // SAFETY: held by the hub, which we hold.
            unsafe { seat.as_ref() }.vacate();
        }
    }

    /// Takes all magazines out of a seat whose contents are ours.
    fn empty_seat(&self, hub: HubRef, seat: NonNull<Seat>, take: impl Fn(&Shelf, (usize, NonNull<Magazine>))) {
        for (class, shelf) in hub.shelves() {
            // SAFETY: of this hub, `class` is a class, and what is in it is ours.
            for magazine in unsafe { rack(seat, class) }.clear() {
                take(shelf, (class, magazine));
            }
        }
    }

    /// Takes all magazines from everywhere, and ends the hub; `fate` says what
    /// becomes of the blocks, as the whole does not use them any more.
    fn close(&mut self, fate: impl Fn(&Self, usize, NonNull<Magazine>)) {
        let key = self.key();
        // Relaxed: nobody else is here.
        self.key.store(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: our hold of it ends below.
        let Some(hub) = (unsafe { key.hub() }) else { return };
        // SAFETY: `&mut` proves that no thread is in a method of ours, and none
        // comes back with this key.
        for seat in unsafe { hub.close() } {
            self.empty_seat(hub, seat, |_, (class, magazine)| fate(self, class, magazine));
        }
        for (class, shelf) in hub.shelves() {
            while let Some(magazine) = shelf.full.take().or_else(|| shelf.empty.take()) {
                fate(self, class, magazine);
            }
        }
        threads::forget(key);
        // SAFETY: the instance's hold.
        unsafe { hub.release() }
    }
}

// SAFETY: all that is not atomic belongs to one thread at a time: magazines to
// the thread whose seat they are in, or to who took them out of the depot, and
// the parent is for any thread. Blocks of such a parent may change threads.
unsafe impl<A: Allocate + Sync, S: CachedSizes> Sync for ThreadCached<A, S> {}

// SAFETY: nothing here is bound to a thread but seats, which are found anew in
// each thread; kept blocks go where the parent goes.
unsafe impl<A: Allocate + Send, S: CachedSizes> Send for ThreadCached<A, S> {}

// SAFETY: blocks are the parent's, asked and freed with the same `inner` layout,
// which is at least as large and as aligned as the caller's and the same for
// every layout of the class; a kept block is in one magazine, and a magazine is
// one thread's; grants are constants; nothing panics.
unsafe impl<A: Allocate, S: CachedSizes> Allocate for ThreadCached<A, S> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let class = self.sizes.class(layout);
        if class >= self.sizes.classes() {
            return if layout.size() == 0 { Ok(empty(layout)) } else { self.parent.allocate(layout) };
        }
        match self.recall(class) {
            Some(block) => Ok(block),
            None => self.miss(class),
        }
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let class = self.sizes.class(layout);
        if class < self.sizes.classes() {
            os::check(
                block.addr().get().is_multiple_of(self.sizes.block(class).align()),
                "block is not from this allocator",
            );
            if !self.keep(class, block) {
                // SAFETY: asked with the layout of its class; the caller gives it up.
                unsafe { self.unload(class, block) }
            }
        } else if layout.size() != 0 {
            // SAFETY: asked of the parent with a layout of the same class.
            unsafe { self.parent.deallocate(block, layout) }
        }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        let class = self.sizes.class(layout);
        if class < self.sizes.classes() {
            self.sizes.block(class).size()
        } else if layout.size() == 0 {
            0
        } else {
            self.parent.granted(layout)
        }
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        match (self.sizes.class(old), self.sizes.class(new)) {
            // A block does not change its class in place, even where the parent
            // could: then magazines would fill on one side and run dry on the other.
            (from, to) if from < self.sizes.classes() || to < self.sizes.classes() => {
                if from == to {
                    Ok(())
                } else {
                    Err(AllocError)
                }
            }
            // SAFETY: asked of the parent with a layout of the same class.
            _ => unsafe { self.parent.resize(block, old, new) },
        }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let class = self.sizes.class(layout);
        if class >= self.sizes.classes() {
            return if layout.size() == 0 { Ok(empty(layout)) } else { self.parent.allocate_zeroed(layout) };
        }
        let inner = self.sizes.block(class);
        let Some(block) = self.recall(class).or_else(|| self.reload(class)) else {
            return self.parent.allocate_zeroed(inner);
        };
        // SAFETY: valid for the size that was asked of the parent.
        unsafe { block.write_bytes(0, inner.size()) }
        Ok(block)
    }
}

crate::alloc::bridge!([A: Allocate, S: CachedSizes] ThreadCached<A, S>);

impl<A: Allocate, S: CachedSizes> Drop for ThreadCached<A, S> {
    fn drop(&mut self) {
        self.close(Self::scrap);
    }
}

// SAFETY: every live block of ours is one of `A`'s, asked about as it was asked
// for.
unsafe impl<A: Owns, S: CachedSizes> Owns for ThreadCached<A, S> {
    #[inline]
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.parent.owns(block, self.inner(layout))
    }
}

impl<A: Allocate + Reset, S: CachedSizes> Reset for ThreadCached<A, S> {
    fn reset(&mut self) {
        // The memory of kept blocks ends with all other.
        // SAFETY: ours, and never used again.
        self.close(|_, _, magazine| unsafe { free_magazine(magazine) });
        self.parent.reset();
    }
}

/// Walks what the calling thread and the depot keep.
impl<A: Allocate + Check, S: CachedSizes> Check for ThreadCached<A, S> {
    fn check(&self) -> Result<(), &'static str> {
        if let Some((hub, seat)) = self.hub().zip(threads::seat(self.key())) {
            for (class, shelf) in hub.shelves() {
                let block = self.sizes.block(class);
                // SAFETY: as in `recall`.
                let Rack { loaded, previous } = unsafe { rack(seat, class) };
                check_magazine(block, loaded.get())?;
                check_magazine(block, previous.get())?;
                // What is taken out is ours alone while it is looked at.
                if let Some(magazine) = shelf.full.take() {
                    let found = check_magazine(block, magazine);
                    self.store(class, shelf, magazine);
                    found?;
                }
            }
        }
        self.parent.check()
    }
}

/// A magazine of ours holds no more than it can, and only blocks aligned as `block` is.
fn check_magazine(block: Layout, magazine: NonNull<Magazine>) -> Result<(), &'static str> {
    // SAFETY: a magazine of ours.
    let head = unsafe { magazine.as_ref() };
    if head.len() > head.capacity() || head.capacity() > ROUNDS_MAX {
        return Err("a magazine holds more than it can");
    }
    // SAFETY: a magazine of ours, which nobody changes meanwhile.
    let mut blocks = unsafe { Magazine::blocks(magazine) };
    if blocks.all(|at| at.addr().get().is_multiple_of(block.align())) {
        Ok(())
    } else {
        Err("a kept block is not aligned")
    }
}

/// Shows nothing of what is kept, which other threads may be changing.
impl<A: Allocate + Debug, S: CachedSizes> Debug for ThreadCached<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadCached").field("parent", &self.parent).field("limit", &self.limit).finish_non_exhaustive()
    }
}

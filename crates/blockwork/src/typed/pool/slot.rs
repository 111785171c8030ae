//! A slot: room for a value, and what tells keys whether it is still theirs.
//!
//! ```text
//! in the free list   [ link  …… | number | even ]
//! in a box           [ value …… | number | even ]    free, as far as keys can see
//! under a key        [ value …… | number | odd  ]    the generation of that key
//! used up            [ ……       | mark   | zero ]    never handed out again
//! ```

use core::{
    cell::Cell,
    marker::PhantomData,
    mem::ManuallyDrop,
    num::NonZeroU32,
    ptr::{self, NonNull},
};

use super::key::Generation;
use crate::raw::free_list::Link;

/// Memory of one value, aligned and large enough for a link as well.
#[repr(C)]
pub(super) struct Slot<T> {
    /// First, so that a value is where its slot is.
    place: Place<T>,
    tag: Tag,
}

#[repr(C)]
union Place<T> {
    _value: ManuallyDrop<T>,
    _link: Link,
}

/// What a slot knows of itself.
pub(super) struct Tag {
    /// The slot's index and one more, or one of the two marks.
    pub(super) number: Cell<NonZeroU32>,
    /// Odd under a key. Invariant: never falls, but to zero in the end.
    pub(super) generation: Cell<Generation>,
}

/// Instead of a number: free, while the pool takes stock.
pub(super) const FREE: NonZeroU32 = NonZeroU32::MAX;
/// Instead of a number: its generations are used up.
pub(super) const RETIRED: NonZeroU32 = NonZeroU32::MIN.saturating_add(u32::MAX - 2);
/// How many slots have a number that is no mark.
pub(super) const SLOTS_MAX: u32 = RETIRED.get() - 1;

/// A slot that was handed out at least once.
///
/// Invariant: its tag is there, and its memory stays for `'p`, or until it is free.
pub(super) struct SlotRef<'p, T> {
    slot: NonNull<Slot<T>>,
    _pool: PhantomData<&'p Tag>,
}

impl<T> Clone for SlotRef<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SlotRef<'_, T> {}

impl<'p, T> SlotRef<'p, T> {
    /// The slot at `slot`.
    ///
    /// # Safety
    ///
    /// - A slot of a pool, with its tag, whose memory stays for `'p`.
    #[inline]
    pub(super) const unsafe fn new(slot: NonNull<Slot<T>>) -> Self {
        Self { slot, _pool: PhantomData }
    }

    /// Makes `slot` the one with this number.
    ///
    /// # Safety
    ///
    /// - The memory of a slot, which stays for `'p` and which nobody uses.
    /// - The generation is even.
    pub(super) const unsafe fn init(slot: NonNull<Slot<T>>, number: NonZeroU32, generation: Generation) -> Self {
        // SAFETY: in the slot.
        let tag = unsafe { &raw mut (*slot.as_ptr()).tag };
        // SAFETY: ours, valid and aligned.
        unsafe { ptr::write(tag, Tag { number: Cell::new(number), generation: Cell::new(generation) }) }
        // SAFETY: the tag is there now.
        unsafe { Self::new(slot) }
    }

    #[inline]
    pub(super) const fn tag(self) -> &'p Tag {
        // Of the tag only: a value may be borrowed mutably elsewhere.
        // SAFETY: the tag is there for `'p` (invariant).
        unsafe { &(*self.slot.as_ptr()).tag }
    }

    /// Where the value is, or would be.
    #[inline]
    pub(super) const fn value(self) -> NonNull<T> {
        self.slot.cast()
    }

    /// What the free list links.
    #[inline]
    pub(super) const fn block(self) -> NonNull<u8> {
        self.slot.cast()
    }

    /// Retires the slot.
    pub(super) fn retire(self) {
        self.tag().number.set(RETIRED);
        self.tag().generation.set(Generation::FIRST);
    }
}

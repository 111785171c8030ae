//! Elements that notice what is done to them.

use core::{
    cell::{Cell, RefCell},
    fmt::Debug,
    panic::AssertUnwindSafe,
};
use std::{collections::HashSet, panic};

thread_local! {
    /// Serial numbers of the tokens that live.
    static LIVE: RefCell<HashSet<u64>> = RefCell::new(HashSet::new());
    static NEXT: Cell<u64> = const { Cell::new(0) };
    /// Markers that live.
    static MARKERS: Cell<i64> = const { Cell::new(0) };
    /// Calls of others' code until one panics, if one shall.
    static FUSE: Cell<Option<usize>> = const { Cell::new(None) };
    /// What others' code does meanwhile.
    static MEANWHILE: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// What stands for all code of others: drops, clones, closures, iterators.
pub(crate) fn foreign_code() {
    // Not what it causes itself.
    if let Some(meanwhile) = MEANWHILE.take() {
        meanwhile();
        MEANWHILE.set(Some(meanwhile));
    }
    match FUSE.get() {
        Some(0) => {
            FUSE.set(None);
            panic::panic_any(Blown);
        }
        Some(calls) => FUSE.set(Some(calls - 1)),
        None => {}
    }
}

/// The panic of [`foreign_code`].
pub(crate) struct Blown;

/// Has every call of others' code do this first, as long as `work` runs.
pub(crate) fn with_each_doing(meanwhile: fn(), work: impl FnOnce()) {
    MEANWHILE.set(Some(meanwhile));
    work();
    MEANWHILE.set(None);
}

/// Runs `work`, of which the call of others' code with this number panics;
/// whether it came so far.
pub(crate) fn panicking_at(call: usize, work: impl FnOnce()) -> bool {
    FUSE.set(Some(call));
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    FUSE.set(None);
    match outcome {
        Ok(()) => false,
        Err(payload) if payload.is::<Blown>() => true,
        Err(payload) => panic::resume_unwind(payload),
    }
}

/// What lists of these tests hold.
pub(crate) trait Element: Clone + PartialEq + Debug + 'static {
    fn new(number: u32) -> Self;

    /// A number to choose elements by; zero where they are all the same.
    fn number(&self) -> u32;
}

impl Element for u8 {
    fn new(number: u32) -> Self {
        Self::try_from(number % 256).unwrap_or_default()
    }

    fn number(&self) -> u32 {
        u32::from(*self)
    }
}

impl Element for () {
    fn new(_: u32) {}

    fn number(&self) -> u32 {
        0
    }
}

/// Is dropped exactly once, or the test fails.
#[derive(Debug)]
pub(crate) struct Token {
    number: u32,
    serial: u64,
}

impl Element for Token {
    fn new(number: u32) -> Self {
        let serial = NEXT.get();
        NEXT.set(serial + 1);
        LIVE.with_borrow_mut(|live| live.insert(serial));
        Self { number, serial }
    }

    fn number(&self) -> u32 {
        assert!(LIVE.with_borrow(|live| live.contains(&self.serial)), "looked at an element that is dead");
        self.number
    }
}

impl Clone for Token {
    fn clone(&self) -> Self {
        foreign_code();
        Self::new(self.number())
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.number() == other.number()
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let lived = LIVE.with_borrow_mut(|live| live.remove(&self.serial));
        assert!(lived, "dropped an element twice");
        foreign_code();
    }
}

/// A [`Token`] that asks for more alignment than most allocators grant by chance.
#[derive(Clone, Debug, PartialEq)]
#[repr(align(64))]
pub(crate) struct Aligned(Token);

impl Element for Aligned {
    fn new(number: u32) -> Self {
        Self(Token::new(number))
    }

    fn number(&self) -> u32 {
        assert!((&raw const *self).is_aligned());
        self.0.number()
    }
}

/// Takes no space, but asks for alignment, and counts its drops.
#[derive(Debug, PartialEq)]
#[repr(align(32))]
pub(crate) struct Marker;

impl Element for Marker {
    fn new(_: u32) -> Self {
        MARKERS.set(MARKERS.get() + 1);
        Self
    }

    fn number(&self) -> u32 {
        assert!((&raw const *self).is_aligned());
        0
    }
}

impl Clone for Marker {
    fn clone(&self) -> Self {
        foreign_code();
        Self::new(0)
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        MARKERS.set(MARKERS.get() - 1);
        assert!(MARKERS.get() >= 0, "dropped more elements than there were");
        foreign_code();
    }
}

/// Every element was dropped.
pub(crate) fn assert_none_lives() {
    assert_eq!(LIVE.with_borrow(HashSet::len), 0, "elements were never dropped");
    assert_eq!(MARKERS.get(), 0, "elements were never dropped");
}

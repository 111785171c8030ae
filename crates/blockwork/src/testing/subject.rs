//! What the harness is given: [`Parent`] goes in, a boxed [`Subject`] comes out.

use core::{
    alloc::Layout,
    fmt,
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::{self, NonNull},
    slice,
};

use heap::boxed::Box;

use super::strict::Strict;
use crate::alloc::{AllocError, Allocate, Census, Check, Owns, Reset};

/// An allocator that can walk its books, behind a pointer.
pub trait Part: Allocate + Check {}

impl<A: Allocate + Check + ?Sized> Part for A {}

/// The parent that a suite puts its part over; as many copies as needed.
#[derive(Clone, Copy)]
pub struct Parent<'a> {
    part: &'a (dyn Part + 'a),
    regions: &'a Strict,
}

impl fmt::Debug for Parent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parent").finish_non_exhaustive()
    }
}

impl<'a> Parent<'a> {
    pub(super) const fn new(part: &'a (dyn Part + 'a), regions: &'a Strict) -> Self {
        Self { part, regions }
    }

    pub(super) const fn regions(self) -> &'a Strict {
        self.regions
    }

    /// Memory for a part that borrows a region: dirty, guarded on both sides,
    /// and aligned as `layout` says but no better. It lives as long as the part.
    #[must_use]
    pub fn region(self, layout: Layout) -> &'a mut [MaybeUninit<u8>] {
        let start = self.regions.allocate(layout).unwrap_or(NonNull::dangling());
        let len = if self.regions.contains(start, layout.size()) { layout.size() } else { 0 };
        // SAFETY: `len` bytes of a block that nobody else gets and that nobody
        // frees: it goes with `regions`, which is borrowed for `'a`.
        unsafe { slice::from_raw_parts_mut(start.cast().as_ptr(), len) }
    }
}

// SAFETY: every method forwards to the part, whose implementation upholds the
// contract.
unsafe impl Allocate for Parent<'_> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.part.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise the part asks for.
        unsafe { self.part.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.part.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise the part asks for.
        unsafe { self.part.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.part.allocate_zeroed(layout)
    }
}

impl Check for Parent<'_> {
    fn check(&self) -> Result<(), &'static str> {
        self.part.check()
    }
}

/// A part under test, behind a pointer, with those of its capabilities that the
/// harness was told of; made by [`Tested`] or [`subject!`](crate::subject).
pub trait Subject: Part {
    /// [`Owns::owns`], where the part has it.
    fn is_own(&self, block: NonNull<u8>, layout: Layout) -> Option<bool>;

    /// [`Census::blocks_out`], where the part has it.
    fn blocks_out(&self) -> Option<usize>;

    /// [`Reset::reset`], where the part has it; whether it has.
    fn try_reset(&mut self) -> bool;

    /// The same part at another address, and its old home: full of dirt, and to
    /// be kept, in case that a block lies there.
    fn relocate<'a>(self: Box<Self>) -> (Box<dyn Subject + 'a>, Box<dyn Home + 'a>)
    where
        Self: 'a;
}

/// Memory where a part lived, of forgotten type.
#[doc(hidden)]
pub trait Home {}

impl<T> Home for MaybeUninit<T> {}

type CheckFn<T> = fn(&T) -> Result<(), &'static str>;
type OwnsFn<T> = fn(&T, NonNull<u8>, Layout) -> bool;
type ResetFn<T> = fn(&mut T);
type CensusFn<T> = fn(&T) -> usize;

/// A part of known type, on its way to the harness.
///
/// [`subject!`](crate::subject) calls the methods that apply by itself.
#[derive(Debug)]
pub struct Tested<T> {
    part: T,
    check: Option<CheckFn<T>>,
    owns: Option<OwnsFn<T>>,
    reset: Option<ResetFn<T>>,
    census: Option<CensusFn<T>>,
}

impl<T: Allocate> Tested<T> {
    /// A part without capabilities.
    pub const fn new(part: T) -> Self {
        Self { part, check: None, owns: None, reset: None, census: None }
    }

    /// Names each capability that the part has.
    #[doc(hidden)]
    #[must_use]
    pub fn with(
        mut self,
        check: Option<CheckFn<T>>,
        owns: Option<OwnsFn<T>>,
        reset: Option<ResetFn<T>>,
        census: Option<CensusFn<T>>,
    ) -> Self {
        (self.check, self.owns, self.reset, self.census) = (check, owns, reset, census);
        self
    }

    /// Walks the part's books after every operation.
    #[must_use]
    pub fn checks(mut self) -> Self
    where
        T: Check,
    {
        self.check = Some(T::check);
        self
    }

    /// Asks the part which blocks are its own.
    #[must_use]
    pub fn owns(mut self) -> Self
    where
        T: Owns,
    {
        self.owns = Some(T::owns);
        self
    }

    /// Resets the part now and then.
    #[must_use]
    pub fn resets(mut self) -> Self
    where
        T: Reset,
    {
        self.reset = Some(T::reset);
        self
    }

    /// Compares what the part has out with what is live, after every operation.
    #[must_use]
    pub fn counts(mut self) -> Self
    where
        T: Census,
    {
        self.census = Some(T::blocks_out);
        self
    }

    /// Forgets the type.
    #[must_use]
    pub fn boxed<'a>(self) -> Box<dyn Subject + 'a>
    where
        T: 'a,
    {
        Box::new(self)
    }
}

// SAFETY: every method forwards to the part, whose implementation upholds the
// contract.
unsafe impl<T: Allocate> Allocate for Tested<T> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.part.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise the part asks for.
        unsafe { self.part.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.part.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise the part asks for.
        unsafe { self.part.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.part.allocate_zeroed(layout)
    }
}

impl<T> Check for Tested<T> {
    fn check(&self) -> Result<(), &'static str> {
        self.check.map_or(Ok(()), |check| check(&self.part))
    }
}

impl<T: Allocate> Subject for Tested<T> {
    fn is_own(&self, block: NonNull<u8>, layout: Layout) -> Option<bool> {
        self.owns.map(|owns| owns(&self.part, block, layout))
    }

    fn blocks_out(&self) -> Option<usize> {
        self.census.map(|census| census(&self.part))
    }

    fn try_reset(&mut self) -> bool {
        self.reset.map(|reset| reset(&mut self.part)).is_some()
    }

    fn relocate<'a>(self: Box<Self>) -> (Box<dyn Subject + 'a>, Box<dyn Home + 'a>)
    where
        Self: 'a,
    {
        let mut there: Box<MaybeUninit<Self>> = Box::new(MaybeUninit::uninit());
        let here: *mut Self = Box::into_raw(self);
        // SAFETY: both are valid for one `Self` and are different memory; the
        // value at `here` is never used again as one.
        unsafe { ptr::copy_nonoverlapping(here, there.as_mut_ptr(), 1) };
        // SAFETY: valid for one `Self` of bytes.
        unsafe { here.write_bytes(0xA5, 1) };
        // SAFETY: `here` came from a box of this size and alignment.
        let home: Box<MaybeUninit<Self>> = unsafe { Box::from_raw(here.cast()) };
        // SAFETY: the copy above made it a `Self`.
        (unsafe { there.assume_init() }, home)
    }
}

/// Finds out which capabilities a type has; a method here wins over the trait
/// method of the same name, where its bound holds.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Probe<T> {
    pub const fn of(_part: &T) -> Self {
        Self(PhantomData)
    }
}

impl<T: Check> Probe<T> {
    pub fn check(&self) -> Option<CheckFn<T>> {
        Some(T::check)
    }
}

impl<T: Owns> Probe<T> {
    pub fn owns(&self) -> Option<OwnsFn<T>> {
        Some(T::owns)
    }
}

impl<T: Reset> Probe<T> {
    pub fn reset(&self) -> Option<ResetFn<T>> {
        Some(T::reset)
    }
}

impl<T: Census> Probe<T> {
    pub fn census(&self) -> Option<CensusFn<T>> {
        Some(T::blocks_out)
    }
}

#[doc(hidden)]
pub trait Incapable<T> {
    fn check(&self) -> Option<CheckFn<T>> {
        None
    }

    fn owns(&self) -> Option<OwnsFn<T>> {
        None
    }

    fn reset(&self) -> Option<ResetFn<T>> {
        None
    }

    fn census(&self) -> Option<CensusFn<T>> {
        None
    }
}

impl<T> Incapable<T> for Probe<T> {}

/// Boxes a part of known type for the harness, with every one of `Check`,
/// `Census`, `Owns` and `Reset` that its type implements.
#[macro_export]
macro_rules! subject {
    ($part:expr) => {{
        #[allow(unused_imports, reason = "a part with all capabilities needs no fallback")]
        use $crate::testing::Incapable as _;
        let part = $part;
        let probe = $crate::testing::Probe::of(&part);
        let (check, owns, reset, census) = (probe.check(), probe.owns(), probe.reset(), probe.census());
        $crate::testing::Tested::new(part).with(check, owns, reset, census).boxed()
    }};
}

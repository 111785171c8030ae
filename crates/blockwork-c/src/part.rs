//! [`Handle`]: what C has of a part; and what every part can be asked for.

use core::{
    alloc::Layout,
    ffi::c_void,
    fmt, mem,
    ptr::{self, NonNull},
    sync::atomic::{AtomicUsize, Ordering, fence},
};
use std::alloc;

use blockwork::{AllocError, Allocate, Check, Counts, Null};

use crate::{
    error::{Refusal, contain, pointer},
    interface::{AllocateFn, DeallocateFn, Interface, functions, is_alike},
    parent::{Ground, Parent},
};

/// What stands behind a [`Handle`].
pub(crate) trait Body: Allocate + Check {
    /// Ends every block; nobody stands on it, and nobody is using it.
    fn reset(&mut self) -> Result<(), Refusal> {
        Err(Refusal::Unsupported("this part cannot take all of its blocks back at once"))
    }

    /// Gives back what is kept without need; nobody is using it.
    fn trim(&mut self) -> Result<(), Refusal> {
        Err(Refusal::Unsupported("this part keeps nothing that it could give back"))
    }

    /// What it has counted, if it counts.
    fn counts(&self) -> Option<Counts> {
        None
    }

    /// Bytes that it has of its parent, if its ground does not tell.
    fn held(&self) -> Option<usize> {
        None
    }
}

/// `bw_part`: a part, and how C allocates from it.
#[repr(C)]
pub struct Handle {
    /// First, so that the handle is the interface's address.
    interface: Interface,
    /// The handle, and each part that stands on this one.
    holders: AtomicUsize,
    /// Bytes that the ground has given.
    held: AtomicUsize,
    /// [`Null`] while it is being built, and while it is being dropped.
    body: Box<dyn Body>,
}

impl Body for Null {}

functions!(of_part, part_of);

/// The part whose handle is `context`.
///
/// # Safety
///
/// - It is alive, and stays so for `'a`.
#[inline]
pub(crate) unsafe fn part_of<'a>(context: *mut c_void) -> &'a dyn Body {
    // SAFETY: the caller's promise. Nobody writes to it while there are users.
    unsafe { &*context.cast::<Handle>() }.body()
}

/// A share in a part: it is alive as long as there is one.
pub(crate) struct Kept(NonNull<Handle>);

impl Kept {
    /// Builds a part on what `build` gets: the ground of a parent, counted.
    pub(crate) fn build<B: Body + 'static>(build: impl FnOnce(Grounds) -> Result<B, Refusal>) -> Result<Self, Refusal> {
        let interface = of_part::interface(ptr::null_mut());
        let handle =
            Handle { interface, holders: AtomicUsize::new(1), held: AtomicUsize::new(0), body: Box::new(Null) };
        let whole = NonNull::from(Box::leak(try_box(handle)?));
        // Frees it, if what follows fails.
        let kept = Self(whole);
        let place = whole.as_ptr();
        // SAFETY: just made, and nobody else's.
        unsafe { (*place).interface.context = place.cast() };
        // SAFETY: as above; the counter stays where it is until the body is gone.
        let held = NonNull::from(unsafe { &(*place).held });
        let body: Box<dyn Body> = try_box(build(Grounds { held })?)?;
        // SAFETY: as above.
        unsafe { (*place).body = body };
        Ok(kept)
    }

    /// One more share in the part that `interface` describes, if that is one.
    pub(crate) fn of(interface: &Interface) -> Option<Self> {
        let whole = handle_of(interface)?;
        // SAFETY: an interface is of a part that is alive.
        let holders = unsafe { &whole.as_ref().holders };
        // Relaxed: whoever has the interface keeps it alive meanwhile.
        holders.fetch_add(1, Ordering::Relaxed);
        Some(Self(whole))
    }

    /// The part that C gives back.
    ///
    /// # Safety
    ///
    /// - `whole` came from [`into_raw`](Self::into_raw), once for each call.
    pub(crate) unsafe fn from_raw(whole: NonNull<Handle>) -> Self {
        Self(whole)
    }

    /// The part, for C.
    pub(crate) fn into_raw(self) -> *mut Handle {
        mem::ManuallyDrop::new(self).0.as_ptr()
    }

    fn handle(&self) -> &Handle {
        // SAFETY: alive, as we hold a share.
        unsafe { self.0.as_ref() }
    }

    /// Bytes that it has of its parent.
    pub(crate) fn held(&self) -> usize {
        self.handle().held()
    }

    /// Where its handle is.
    pub(crate) const fn address(&self) -> NonNull<Handle> {
        self.0
    }
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        // Relaxed: ours keeps it alive meanwhile.
        self.handle().holders.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Release: all that was done with the part comes before its end.
        if self.handle().holders.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        // Acquires what the other holders released.
        fence(Ordering::Acquire);
        let place = self.0.as_ptr();
        // SAFETY: nobody else has it.
        let whole = unsafe { &mut (*place).body };
        // The counter outlives the body, which uses it.
        drop(mem::replace(whole, Box::new(Null)));
        // SAFETY: leaked by `build`.
        drop(unsafe { Box::from_raw(place) });
    }
}

// SAFETY: forwards to the part, which is kept alive where it is.
unsafe impl Allocate for Kept {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.handle().body().allocate(layout)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise the part asks for.
        unsafe { self.handle().body().deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.handle().body().granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise the part asks for.
        unsafe { self.handle().body().resize(block, old, new) }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.handle().body().allocate_zeroed(layout)
    }
}

impl Check for Kept {
    fn check(&self) -> Result<(), &'static str> {
        self.handle().check()
    }
}

impl Handle {
    /// How C allocates from it.
    pub(crate) const fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The part itself.
    #[inline]
    pub(crate) fn body(&self) -> &dyn Body {
        &*self.body
    }

    /// The part, to be changed.
    ///
    /// # Safety
    ///
    /// - It is alive for `'a`, and nobody is using it meanwhile.
    pub(crate) unsafe fn body_mut<'a>(whole: NonNull<Self>) -> &'a mut (dyn Body + 'static) {
        // SAFETY: the caller's promise. Only this field: the ground has a pointer
        // to another.
        unsafe { &mut *(*whole.as_ptr()).body }
    }

    /// Whether other parts stand on it.
    pub(crate) fn is_shared(&self) -> bool {
        // Acquire: a part that is gone has given its blocks back.
        self.holders.load(Ordering::Acquire) != 1
    }

    /// Bytes that it has of its parent.
    pub(crate) fn held(&self) -> usize {
        // Relaxed: a number for people.
        self.body().held().unwrap_or_else(|| self.held.load(Ordering::Relaxed))
    }

    pub(crate) fn check(&self) -> Result<(), &'static str> {
        self.body().check()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Makes the grounds of a part that is being built.
#[derive(Clone, Copy)]
pub(crate) struct Grounds {
    held: NonNull<AtomicUsize>,
}

impl Grounds {
    /// What the part stands on, which counts what it gives.
    pub(crate) const fn over(self, parent: Parent) -> Ground {
        // SAFETY: the counter stays where it is until the part is dropped, which
        // has the ground.
        unsafe { Ground::new(parent, self.held) }
    }
}

/// The part that `interface` describes, if it is one of ours.
pub(crate) fn handle_of(interface: &Interface) -> Option<NonNull<Handle>> {
    let ours = is_alike(interface, const { &of_part::interface(ptr::null_mut()) });
    if ours { NonNull::new(interface.context.cast()) } else { None }
}

/// Whether `allocate` is that of our parts.
#[inline]
pub(crate) fn allocates_from_part(interface: &Interface) -> bool {
    interface.allocate.is_some_and(|function| ptr::fn_addr_eq(function, of_part::allocate as AllocateFn))
}

/// Whether `deallocate` is that of our parts.
#[inline]
pub(crate) fn deallocates_to_part(interface: &Interface) -> bool {
    interface.deallocate.is_some_and(|function| ptr::fn_addr_eq(function, of_part::deallocate as DeallocateFn))
}

/// Builds a part for C.
pub(crate) fn create<B: Body + 'static>(build: impl FnOnce(Grounds) -> Result<B, Refusal>) -> *mut Handle {
    contain(|| pointer(Kept::build(build).map(Kept::into_raw)))
}

/// `Box::new`, where there may be no memory.
pub(crate) fn try_box<T>(value: T) -> Result<Box<T>, Refusal> {
    let layout = Layout::new::<T>();
    if layout.size() == 0 {
        return Ok(Box::new(value));
    }
    // SAFETY: not of size zero.
    let place = unsafe { alloc::alloc(layout) }.cast::<T>();
    if place.is_null() {
        return Err(Refusal::Memory);
    }
    // SAFETY: fresh memory of that layout.
    unsafe { place.write(value) };
    // SAFETY: from the global allocator, with that layout, and initialised.
    Ok(unsafe { Box::from_raw(place) })
}

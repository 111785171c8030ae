//! What can be done with any allocator, and with any part.

use core::{
    alloc::Layout,
    ffi::{c_char, c_int, c_void},
    ptr::{self, NonNull},
};

use blockwork::{Allocate, Counts, Pages, System, alloc::reallocate};

use crate::{
    error::{Refusal, contain, pointer, status},
    interface::{Foreign, Interface, is_alike, layout_of},
    parent::NO_ALLOCATOR,
    part::{Body, Handle, Kept, allocates_from_part, deallocates_to_part, handle_of, part_of},
    scope::bw_current,
    source::{PAGES, SYSTEM},
};

/// The part that C names as an allocator, if it is one, by the one function that
/// is wanted of it: the usual case.
///
/// # Safety
///
/// - `interface` is null, or of an allocator that is alive.
#[inline]
unsafe fn part_behind<'a>(interface: *const Interface, is_ours: fn(&Interface) -> bool) -> Option<&'a dyn Body> {
    // SAFETY: the caller's promise.
    let interface = unsafe { interface.as_ref() }?;
    if !is_ours(interface) {
        return None;
    }
    // SAFETY: our function has the context of a part that is alive.
    Some(unsafe { part_of(interface.context) })
}

/// Does `act` with the allocator that C names.
///
/// # Safety
///
/// - `interface` is null, or of an allocator that is alive.
#[inline]
pub(crate) unsafe fn with<R>(interface: *const Interface, act: impl FnOnce(&dyn Allocate) -> R) -> Result<R, Refusal> {
    // SAFETY: the caller's promise.
    let interface = unsafe { interface.as_ref() }.ok_or(NO_ALLOCATOR)?;
    if let Some(whole) = handle_of(interface) {
        // SAFETY: a part that is alive.
        return Ok(act(unsafe { whole.as_ref() }.body()));
    }
    if is_alike(interface, &SYSTEM) {
        return Ok(act(&System));
    }
    if is_alike(interface, &PAGES) {
        return Ok(act(&Pages));
    }
    Ok(act(&Foreign::new(interface)?))
}

/// A block for C, or null with `errno` set.
#[inline]
pub(crate) fn allocate<A: Allocate + ?Sized>(from: &A, size: usize, align: usize) -> *mut c_void {
    match Layout::from_size_align(size, align).map(|layout| from.allocate(layout)) {
        Ok(Ok(block)) => block.as_ptr().cast(),
        _ => not_allocated(size, align),
    }
}

/// Says why there is no such block.
#[cold]
#[inline(never)]
fn not_allocated(size: usize, align: usize) -> *mut c_void {
    layout_of(size, align).err().unwrap_or(Refusal::Memory).raise();
    ptr::null_mut()
}

/// Takes a block back from C; null is none.
///
/// # Safety
///
/// - `block` is null, or live and from `from`, and the layout fits it.
#[inline]
pub(crate) unsafe fn deallocate<A: Allocate + ?Sized>(from: &A, block: *mut c_void, size: usize, align: usize) {
    match (NonNull::new(block.cast::<u8>()), Layout::from_size_align(size, align)) {
        // SAFETY: the caller's promise.
        (Some(block), Ok(layout)) => unsafe { from.deallocate(block, layout) },
        (None, _) => {}
        (Some(_), Err(_)) => {
            not_allocated(size, align);
        }
    }
}

/// Whether a block is of another size now.
///
/// # Safety
///
/// - `block` is null, or live and from `from`, and the old layout fits it.
#[inline]
pub(crate) unsafe fn resize<A: Allocate + ?Sized>(
    from: &A,
    block: *mut c_void,
    old: usize,
    new: usize,
    align: usize,
) -> bool {
    let layouts = || -> Result<(NonNull<u8>, Layout, Layout), Refusal> {
        let block = NonNull::new(block.cast::<u8>()).ok_or(NO_BLOCK)?;
        Ok((block, layout_of(old, align)?, layout_of(new, align)?))
    };
    match layouts() {
        // SAFETY: the caller's promise.
        Ok((block, old, new)) => unsafe { from.resize(block, old, new) }.is_ok(),
        Err(refusal) => {
            refusal.raise();
            false
        }
    }
}

/// The bytes that a request would get; 0 for one that is wrong.
#[inline]
pub(crate) fn granted<A: Allocate + ?Sized>(from: &A, size: usize, align: usize) -> usize {
    match layout_of(size, align) {
        Ok(layout) => from.granted(layout),
        Err(Refusal::Memory) => size,
        Err(refusal) => {
            refusal.raise();
            0
        }
    }
}

const NO_BLOCK: Refusal = Refusal::Argument("a block must not be null");
const NO_PART: Refusal = Refusal::Argument("a part must not be null");

/// What `outcome` says, or `wrong` with `errno` set.
fn or_raise<R>(outcome: Result<R, Refusal>, wrong: R) -> R {
    outcome.unwrap_or_else(|refusal| {
        refusal.raise();
        wrong
    })
}

/// A block of `size` bytes at `align`.
///
/// # Safety
///
/// - `allocator` is null, or of an allocator that is alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_allocate(allocator: *const Interface, size: usize, align: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    match unsafe { part_behind(allocator, allocates_from_part) } {
        Some(part) => allocate(part, size, align),
        // SAFETY: the caller's promise.
        None => unsafe { allocate_elsewhere(allocator, size, align) },
    }
}

/// [`bw_allocate`] from what is no part; apart, so that its registers are saved
/// only here.
///
/// # Safety
///
/// - As there.
#[inline(never)]
unsafe fn allocate_elsewhere(allocator: *const Interface, size: usize, align: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    let outcome = unsafe { with(allocator, |from| allocate(from, size, align)) };
    or_raise(outcome, ptr::null_mut())
}

/// A block of `size` zero bytes at `align`.
///
/// # Safety
///
/// - `allocator` is null, or of an allocator that is alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_allocate_zeroed(allocator: *const Interface, size: usize, align: usize) -> *mut c_void {
    let zeroed = |from: &dyn Allocate| -> Result<*mut c_void, Refusal> {
        Ok(from.allocate_zeroed(layout_of(size, align)?)?.as_ptr().cast())
    };
    // SAFETY: the caller's promise.
    pointer(unsafe { with(allocator, zeroed) }.and_then(|block| block))
}

/// Takes a block back; null is none.
///
/// # Safety
///
/// - `allocator` is null, or of an allocator that is alive.
/// - `block` is null, or live and from there, and the layout fits it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_deallocate(allocator: *const Interface, block: *mut c_void, size: usize, align: usize) {
    // SAFETY: the caller's promise.
    match unsafe { part_behind(allocator, deallocates_to_part) } {
        // SAFETY: the caller's promise.
        Some(part) => unsafe { deallocate(part, block, size, align) },
        // SAFETY: the caller's promise.
        None => unsafe { deallocate_elsewhere(allocator, block, size, align) },
    }
}

/// [`bw_deallocate`] of what is no part's.
///
/// # Safety
///
/// - As there.
#[inline(never)]
unsafe fn deallocate_elsewhere(allocator: *const Interface, block: *mut c_void, size: usize, align: usize) {
    let free = |from: &dyn Allocate| {
        // SAFETY: the caller's promise.
        unsafe { deallocate(from, block, size, align) }
    };
    // SAFETY: the caller's promise.
    or_raise(unsafe { with(allocator, free) }, ());
}

/// Makes a block another size where it stands, or returns false.
///
/// # Safety
///
/// - `allocator` is null, or of an allocator that is alive.
/// - `block` is null, or live and from there, and the old layout fits it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_resize(
    allocator: *const Interface,
    block: *mut c_void,
    old_size: usize,
    new_size: usize,
    align: usize,
) -> bool {
    let resize = |from: &dyn Allocate| {
        // SAFETY: the caller's promise.
        unsafe { resize(from, block, old_size, new_size, align) }
    };
    // SAFETY: the caller's promise.
    or_raise(unsafe { with(allocator, resize) }, false)
}

/// Makes a block another size, and moves it if it cannot stay.
///
/// # Safety
///
/// - `allocator` is null, or of an allocator that is alive.
/// - `block` is null, or live and from there, and the old layout fits it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_reallocate(
    allocator: *const Interface,
    block: *mut c_void,
    old_size: usize,
    new_size: usize,
    align: usize,
) -> *mut c_void {
    let moved = |from: &dyn Allocate| -> Result<*mut c_void, Refusal> {
        let (old, new) = (layout_of(old_size, align)?, layout_of(new_size, align)?);
        let moved = match NonNull::new(block.cast::<u8>()) {
            None => from.allocate(new),
            // SAFETY: the caller's promise.
            Some(block) => unsafe { reallocate(from, block, old, new) },
        };
        Ok(moved?.as_ptr().cast())
    };
    // SAFETY: the caller's promise.
    pointer(unsafe { with(allocator, moved) }.and_then(|block| block))
}

/// The bytes that a request really gets.
///
/// # Safety
///
/// - `allocator` is null, or of an allocator that is alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_granted(allocator: *const Interface, size: usize, align: usize) -> usize {
    // SAFETY: the caller's promise.
    or_raise(unsafe { with(allocator, |from| granted(from, size, align)) }, 0)
}

/// How to allocate from a part; null for null.
///
/// # Safety
///
/// - `part` is null, or alive.
#[unsafe(no_mangle)]
pub const unsafe extern "C" fn bw_interface(part: *const Handle) -> *const Interface {
    // The first member.
    part.cast()
}

/// Destroys a part; it goes when nothing stands on it any more.
///
/// # Safety
///
/// - `part` is null, or alive, and not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_destroy(part: *mut Handle) -> c_int {
    contain(|| {
        let Some(whole) = NonNull::new(part) else { return 0 };
        // SAFETY: the caller's promise.
        if ptr::eq(bw_current(), unsafe { whole.as_ref() }.interface()) {
            return status(Err(Refusal::Busy("the part is the current allocator of this thread")));
        }
        // SAFETY: the caller's promise: from us, and not used again.
        drop(unsafe { Kept::from_raw(whole) });
        0
    })
}

/// Ends every block of a part.
///
/// # Safety
///
/// - `part` is null, or alive, and nobody is using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_reset(part: *mut Handle) -> c_int {
    contain(|| {
        let Some(part) = NonNull::new(part) else { return status(Err(NO_PART)) };
        // SAFETY: the caller's promise.
        if unsafe { part.as_ref() }.is_shared() {
            return status(Err(Refusal::Busy("other parts stand on it")));
        }
        // SAFETY: the caller's promise.
        status(unsafe { Handle::body_mut(part) }.reset())
    })
}

/// Gives back what a part keeps without need.
///
/// # Safety
///
/// - `part` is null, or alive, and nobody is using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_trim(part: *mut Handle) -> c_int {
    contain(|| {
        // SAFETY: the caller's promise.
        let body = NonNull::new(part).map(|part| unsafe { Handle::body_mut(part) });
        status(body.map_or(Err(NO_PART), |body| body.trim()))
    })
}

/// Walks the books of a part and of those below.
///
/// # Safety
///
/// - `part` is null, or alive, and nobody is using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_check(part: *const Handle) -> c_int {
    contain(|| {
        // SAFETY: the caller's promise.
        let part = unsafe { part.as_ref() }.ok_or(NO_PART);
        status(part.and_then(|part| part.check().map_err(Refusal::Broken)))
    })
}

/// Bytes that a part has of its parent now; 0 for null.
///
/// # Safety
///
/// - `part` is null, or alive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_held(part: *const Handle) -> usize {
    // SAFETY: the caller's promise.
    contain(|| unsafe { part.as_ref() }.map_or(0, Handle::held))
}

/// `bw_statistics`: what was counted, at one moment.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Blocks that are live.
    pub blocks_live: u64,
    /// Bytes in live blocks, as granted.
    pub bytes_live: u64,
    /// The most bytes that were live at once.
    pub bytes_peak: u64,
    /// Bytes ever granted.
    pub bytes_total: u64,
    /// Requests for a block, served or not.
    pub requests: u64,
    /// Blocks that were resized in place.
    pub resizes: u64,
    /// Requests that were not served.
    pub failures: u64,
}

impl From<Counts> for Statistics {
    fn from(counts: Counts) -> Self {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Self {
            blocks_live: wide(counts.blocks_live),
            bytes_live: wide(counts.bytes_live),
            bytes_peak: wide(counts.bytes_peak),
            bytes_total: counts.bytes_total,
            requests: counts.requests,
            resizes: counts.resizes,
            failures: counts.failures,
        }
    }
}

/// Writes what a counted part or a heap has counted to `to`.
///
/// # Safety
///
/// - `part` is null, or alive, and nobody is using it.
/// - `to` is null, or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_statistics_read(part: *const Handle, to: *mut Statistics) -> c_int {
    contain(|| {
        const COUNTS_NOT: Refusal = Refusal::Unsupported("this part does not count: see `bw_counted`");
        // SAFETY: the caller's promise.
        let Some(body) = unsafe { part.as_ref() }.map(Handle::body) else { return status(Err(NO_PART)) };
        let Some(to) = NonNull::new(to) else {
            return status(Err(Refusal::Argument("there must be a place for the statistics")));
        };
        let counts = body.counts().ok_or(COUNTS_NOT);
        status(counts.map(|counts| {
            // SAFETY: the caller's promise.
            unsafe { to.write(counts.into()) }
        }))
    })
}

/// The version of the library, as in "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn bw_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

//! Parts that decide or observe, and never carve.

use core::ffi::c_void;

use blockwork::{
    Beside, Checked, Counted, Counts, Locked, Quad, QuadAt, Quota, Scrutiny, Segregate, System, ThreadCached, Unsited,
    UpTo, UpToAt,
};

use crate::{
    error::Refusal,
    interface::Interface,
    parent::{Ground, Parent},
    part::{Body, Handle, create},
    report::{Report, Teller},
};

impl Body for Counted<Parent> {
    fn counts(&self) -> Option<Counts> {
        Some(Self::counts(self))
    }
}

impl Body for ThreadCached<Ground, QuadAt> {
    fn trim(&mut self) -> Result<(), Refusal> {
        Self::trim(self);
        Ok(())
    }
}

impl Body for Quota<Parent> {}
impl Body for Locked<Parent> {}
impl Body for Segregate<UpToAt, Parent, Parent> {}
impl Body for Checked<Parent, Teller, Beside<System>> {}

/// The table of classes up to `largest` bytes.
pub(crate) fn classes_up_to(largest: usize) -> Result<QuadAt, Refusal> {
    Quad::at(largest).ok_or(Refusal::Argument("the largest class must be a power of two from 128 to 1 MiB"))
}

/// Counts blocks and bytes.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_counted(parent: *const Interface) -> *mut Handle {
    // SAFETY: the caller's promise.
    create(|_| Ok(Counted::new(unsafe { Parent::of(parent) }?)))
}

/// Lets at most `limit` bytes be live.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_quota(parent: *const Interface, limit: usize) -> *mut Handle {
    // SAFETY: the caller's promise.
    create(|_| Ok(Quota::new(unsafe { Parent::of(parent) }?, limit)))
}

/// One thread at a time.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_locked(parent: *const Interface) -> *mut Handle {
    // SAFETY: the caller's promise.
    create(|_| Ok(Locked::new(unsafe { Parent::of(parent) }?)))
}

/// Each thread keeps freed blocks of up to `largest` bytes, in magazines of up to
/// `limit` bytes.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part, for all threads
///   that use it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_thread_cached(parent: *const Interface, largest: usize, limit: usize) -> *mut Handle {
    /// Bytes of a magazine where nobody says.
    const LIMIT: usize = 64 << 10;
    create(|grounds| {
        // SAFETY: the caller's promise.
        let ground = grounds.over(unsafe { Parent::of(parent) }?);
        let limit = if limit == 0 { LIMIT } else { limit };
        Ok(ThreadCached::new(ground, classes_up_to(largest)?, limit))
    })
}

/// Up to `boundary` bytes from `small`, the rest from `large`.
///
/// # Safety
///
/// - `small` and `large` are null, or of allocators that outlive the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_segregate(
    boundary: usize,
    small: *const Interface,
    large: *const Interface,
) -> *mut Handle {
    create(|_| {
        // SAFETY: the caller's promise.
        let small = unsafe { Parent::of(small) }?;
        // SAFETY: the caller's promise.
        let large = unsafe { Parent::of(large) }?;
        Ok(Segregate::new(UpTo::at(boundary), small, large))
    })
}

/// Finds blocks that are misused, and tells `report`, or ends the program.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
/// - `report`, if there is one, may be called with `context` until the part and
///   all parts over it are destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_checked(
    parent: *const Interface,
    report: Option<Report>,
    context: *mut c_void,
) -> *mut Handle {
    create(|_| {
        // SAFETY: the caller's promise.
        let parent = unsafe { Parent::of(parent) }?;
        let teller = Teller::new(report, context);
        Ok(Checked::with(parent, teller, Beside::new(System), Unsited, Scrutiny::FULL))
    })
}

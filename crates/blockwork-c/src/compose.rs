//! Compositions from text.

use core::{
    alloc::Layout,
    ffi::{CStr, c_char},
    ptr::NonNull,
    slice,
};
use heap::{rc::Rc, sync::Arc};

use blockwork::{
    AllocError, Allocate, Check,
    notation::{Composed, ComposedSync, Composition, Member},
};

use crate::{
    error::{Refusal, tell},
    interface::Interface,
    parent::Parent,
    part::{Body, Handle, create},
};

impl Body for Composed<'static> {}
impl Body for ComposedSync {}

/// `bw_named`: an allocator, and how a text calls it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// A word of letters, digits and underscores.
    pub name: *const c_char,
    /// What it stands for.
    pub allocator: *const Interface,
}

/// A parent for all threads.
struct Shared(Parent);

// SAFETY: the caller of `bw_compose_shared` says that it is for all threads.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

// SAFETY: forwards to the parent.
unsafe impl Allocate for Shared {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise the parent asks for.
        unsafe { self.0.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.0.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise the parent asks for.
        unsafe { self.0.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate_zeroed(layout)
    }
}

impl Check for Shared {
    fn check(&self) -> Result<(), &'static str> {
        self.0.check()
    }
}

/// Leaves the words of an error for `bw_last_error`.
fn refused(error: &dyn core::error::Error) -> Refusal {
    tell(format_args!("{error}"));
    Refusal::Told
}

/// A text from C.
///
/// # Safety
///
/// - `text` is null, or terminated, and stays as it is for `'a`.
unsafe fn text_of<'a>(text: *const c_char) -> Result<&'a str, Refusal> {
    if text.is_null() {
        return Err(Refusal::Argument("a text must not be null"));
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|error| refused(&error))
}

/// The names and the parents that C lists.
///
/// # Safety
///
/// - `sources` is null, or of `count` entries that stay for `'a`, whose names are
///   texts and whose allocators are alive.
unsafe fn sources_of<'a>(sources: *const Named, count: usize) -> Result<Vec<(&'a str, Parent)>, Refusal> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if sources.is_null() {
        return Err(Refusal::Argument("sources that are counted must not be null"));
    }
    // SAFETY: the caller's promise.
    let sources = unsafe { slice::from_raw_parts(sources, count) };
    let source = |named: &Named| {
        // SAFETY: the caller's promise.
        let name = unsafe { text_of(named.name) }?;
        // SAFETY: the caller's promise.
        Ok((name, unsafe { Parent::of(named.allocator) }?))
    };
    sources.iter().map(source).collect()
}

fn parse<P>(text: &str, sources: &[(&str, P)]) -> Result<Composition, Refusal> {
    let names: Vec<&str> = sources.iter().map(|(name, _)| *name).collect();
    Composition::parse_with(text, &names).map_err(|error| refused(&error))
}

/// The composition that `text` describes, for one thread.
///
/// # Safety
///
/// - `text` is null or terminated.
/// - `sources` is null, or of `count` entries, whose names are texts and whose
///   allocators outlive the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_compose(text: *const c_char, sources: *const Named, count: usize) -> *mut Handle {
    create(|_| {
        // SAFETY: the caller's promise.
        let text = unsafe { text_of(text) }?;
        // SAFETY: the caller's promise.
        let sources = unsafe { sources_of(sources, count) }?;
        let sources: Vec<(&str, Rc<dyn Member>)> =
            sources.into_iter().map(|(name, parent)| (name, Rc::new(parent) as Rc<dyn Member>)).collect();
        parse(text, &sources)?.build_over(&sources).map_err(|error| refused(&error))
    })
}

/// The composition that `text` describes, for all threads.
///
/// # Safety
///
/// - As of [`bw_compose`], and the allocators of `sources` are for all threads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_compose_shared(text: *const c_char, sources: *const Named, count: usize) -> *mut Handle {
    create(|_| {
        // SAFETY: the caller's promise.
        let text = unsafe { text_of(text) }?;
        // SAFETY: the caller's promise.
        let sources = unsafe { sources_of(sources, count) }?;
        let shared = |parent| Arc::new(Shared(parent)) as Arc<dyn Member + Send + Sync>;
        let sources: Vec<(&str, Arc<dyn Member + Send + Sync>)> =
            sources.into_iter().map(|(name, parent)| (name, shared(parent))).collect();
        parse(text, &sources)?.build_sync_over(&sources).map_err(|error| refused(&error))
    })
}

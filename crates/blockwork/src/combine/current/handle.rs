//! What holds an allocator that is, or was, the current one.

use core::{alloc::Layout, fmt, ptr::NonNull};

use heap::{rc::Rc, sync::Arc};

use super::outside;
use crate::{
    alloc::{AllocError, Allocate},
    source::system::System,
};

/// An allocator in one word, kept alive; stays in its thread.
///
/// Made from an `Rc`, an `Arc` or a `&'static` of any allocator; the
/// [default](Default) is the [current](super::get) one. Blocks of a handle can
/// be freed through any of its clones.
#[derive(Clone)]
pub struct Handle(Option<Rc<Shared>>);

#[derive(Clone)]
enum Shared {
    Local(Rc<dyn Allocate>),
    Sync(SyncShared),
}

/// An allocator in one word, kept alive, which threads may share.
///
/// Made from an `Arc` or a `&'static`; or from the [`Handle`] of an allocator
/// that was given as one of these. A container that holds it can change threads.
///
/// ```
/// use std::{sync::Arc, thread};
/// # use allocator_api2_02 as allocator_api2;
/// use allocator_api2::vec::Vec;
/// use blockwork::{Chain, Counted, System, current::{self, SyncHandle}};
///
/// let heap = Arc::new(Counted::new(System).locked());
/// let numbers = current::with(heap.clone(), || {
///     let handle = SyncHandle::try_from(current::get()).unwrap();
///     let mut numbers = Vec::new_in(handle);
///     numbers.extend(0..100);
///     numbers
/// });
/// thread::spawn(move || assert_eq!(numbers.len(), 100)).join().unwrap();
/// assert_eq!(heap.with_parent(|heap| heap.counts().blocks_live), 0);
/// ```
#[derive(Clone)]
pub struct SyncHandle(Option<Arc<SyncShared>>);

#[derive(Clone)]
enum SyncShared {
    Counted(Arc<dyn Allocate + Send + Sync>),
    Static(&'static (dyn Allocate + Sync)),
}

/// A borrowed allocator of any type; the borrow is in the type of the handle.
#[derive(Clone, Copy)]
pub struct Scoped<'a>(&'a (dyn Allocate + 'a));

impl Handle {
    /// The allocator of the platform, which is current outside of all scopes.
    pub const SYSTEM: Self = Self(None);

    #[inline]
    fn allocator(&self) -> &dyn Allocate {
        match self.0.as_deref() {
            None => &System,
            Some(Shared::Local(allocator)) => &**allocator,
            Some(Shared::Sync(shared)) => shared.allocator(),
        }
    }
}

impl SyncHandle {
    /// The allocator of the platform.
    pub const SYSTEM: Self = Self(None);

    #[inline]
    fn allocator(&self) -> &dyn Allocate {
        match self.0.as_deref() {
            None => &System,
            Some(shared) => shared.allocator(),
        }
    }
}

impl SyncShared {
    #[inline]
    fn allocator(&self) -> &dyn Allocate {
        match self {
            Self::Counted(allocator) => &**allocator,
            Self::Static(allocator) => *allocator,
        }
    }
}

impl<'a> Scoped<'a> {
    pub(super) const fn new(allocator: &'a (dyn Allocate + 'a)) -> Self {
        Self(allocator)
    }

    #[inline]
    const fn allocator(&self) -> &dyn Allocate {
        self.0
    }
}

/// The current allocator, as [`get`](super::get) finds it.
impl Default for Handle {
    fn default() -> Self {
        super::get()
    }
}

/// Implements `From` for a way to share an allocator, of known type or not.
macro_rules! from {
    ($($handle:ident from $pointer:ty, where A: $($bound:path),+; $shared:ident => $new:expr;)*) => {$(
        impl<A: $($bound +)+ 'static> From<$pointer> for $handle {
            fn from($shared: $pointer) -> Self {
                $new
            }
        }
    )*};
}

from! {
    Handle from Rc<A>, where A: Allocate; shared => Self::from(shared as Rc<dyn Allocate>);
    Handle from Arc<A>, where A: Allocate, Send, Sync; shared => Self::from(shared as Arc<dyn Allocate + Send + Sync>);
    Handle from &'static A, where A: Allocate, Sync; shared => Self::from(shared as &'static (dyn Allocate + Sync));
    SyncHandle from Arc<A>, where A: Allocate, Send, Sync; shared => Self::from(shared as Arc<dyn Allocate + Send + Sync>);
    SyncHandle from &'static A, where A: Allocate, Sync; shared => Self::from(shared as &'static (dyn Allocate + Sync));
}

impl From<Rc<dyn Allocate>> for Handle {
    fn from(shared: Rc<dyn Allocate>) -> Self {
        Self(Some(Rc::new(Shared::Local(shared))))
    }
}

impl From<Arc<dyn Allocate + Send + Sync>> for Handle {
    fn from(shared: Arc<dyn Allocate + Send + Sync>) -> Self {
        Self(Some(Rc::new(Shared::Sync(SyncShared::Counted(shared)))))
    }
}

impl From<&'static (dyn Allocate + Sync)> for Handle {
    fn from(shared: &'static (dyn Allocate + Sync)) -> Self {
        Self(Some(Rc::new(Shared::Sync(SyncShared::Static(shared)))))
    }
}

impl From<Arc<dyn Allocate + Send + Sync>> for SyncHandle {
    fn from(shared: Arc<dyn Allocate + Send + Sync>) -> Self {
        Self(Some(Arc::new(SyncShared::Counted(shared))))
    }
}

impl From<&'static (dyn Allocate + Sync)> for SyncHandle {
    fn from(shared: &'static (dyn Allocate + Sync)) -> Self {
        Self(Some(Arc::new(SyncShared::Static(shared))))
    }
}

impl From<SyncHandle> for Handle {
    fn from(handle: SyncHandle) -> Self {
        Self(handle.0.map(|shared| Rc::new(Shared::Sync(SyncShared::clone(&shared)))))
    }
}

/// Fails for an allocator that was given as an `Rc`; the handle comes back.
impl TryFrom<Handle> for SyncHandle {
    type Error = Handle;

    fn try_from(handle: Handle) -> Result<Self, Handle> {
        match handle.0.as_deref() {
            None => Ok(Self::SYSTEM),
            Some(Shared::Sync(shared)) => Ok(Self(Some(Arc::new(shared.clone())))),
            Some(Shared::Local(_)) => Err(handle),
        }
    }
}

/// Implements [`Allocate`] by the allocator that a handle holds.
///
/// It works outside of all scopes: what it asks for meanwhile as the current
/// allocator is not itself again.
macro_rules! serve {
    ($($handle:ty),*) => {$(
        // SAFETY: every method forwards to one allocator, whose implementation
        // upholds the contract, and which lives at least as long as the handle;
        // scopes are left as they are found, and nothing here unwinds.
        unsafe impl Allocate for $handle {
            #[inline]
            fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                outside(|| self.allocator().allocate(layout))
            }

            #[inline]
            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                outside(|| {
                    // SAFETY: the caller's promise to us is the promise it asks for.
                    unsafe { self.allocator().deallocate(block, layout) }
                });
            }

            #[inline]
            fn granted(&self, layout: Layout) -> usize {
                self.allocator().granted(layout)
            }

            #[inline]
            unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
                outside(|| {
                    // SAFETY: the caller's promise to us is the promise it asks for.
                    unsafe { self.allocator().resize(block, old, new) }
                })
            }

            #[inline]
            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                outside(|| self.allocator().allocate_zeroed(layout))
            }
        }

        crate::alloc::bridge!(requested: [] $handle);
    )*};
}

serve!(Handle, SyncHandle, Scoped<'_>);

/// Implements `Debug`, which shows nothing: the allocator's type is forgotten.
macro_rules! debug {
    ($($handle:ty: $name:literal),*) => {$(
        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct($name).finish_non_exhaustive()
            }
        }
    )*};
}

debug!(Handle: "Handle", SyncHandle: "SyncHandle", Scoped<'_>: "Scoped");

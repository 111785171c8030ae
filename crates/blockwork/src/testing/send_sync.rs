//! A table of which types are `Send` and `Sync`, checked by the compiler.
//!
//! Raw pointers hide `Send`, a forgotten bound gives too much of it, and neither
//! shows in any run. So each public type stands in a table, once per kind of
//! parent, with what it must be and what it must not be:
//!
//! ```
//! use blockwork::{send_sync, testing::{Failing, Local, Shared, Tied, Shuffled}};
//!
//! send_sync! {
//!     Failing<Shared>: Send, !Sync;
//!     Failing<Tied>: !Send, !Sync;
//!     Shuffled<Local>: Send, !Sync;
//! }
//! ```
//!
//! A wrong line does not compile:
//!
//! ```compile_fail,E0080
//! use blockwork::{send_sync, testing::{Failing, Shared}};
//!
//! send_sync! { Failing<Shared>: Send, Sync; }
//! ```

use core::{alloc::Layout, cell::Cell, marker::PhantomData, ptr::NonNull};
use std::sync::MutexGuard;

use crate::alloc::{AllocError, Allocate, Check, Owns, Reset, empty};

/// An allocator that serves nothing, and is of the kind `M` to threads.
#[derive(Debug)]
pub struct Nothing<M = ()>(PhantomData<M>);

/// A parent that is `Send` and `Sync`.
pub type Shared = Nothing<()>;
/// A parent that is `Send` only, as all single-threaded parts are.
pub type Local = Nothing<Cell<()>>;
/// A parent that is `Sync` only.
pub type Bound = Nothing<MutexGuard<'static, ()>>;
/// A parent that is neither.
pub type Tied = Nothing<*mut ()>;

impl<M> Nothing<M> {
    /// One of them.
    pub const NEW: Self = Self(PhantomData);
}

// SAFETY: there are no blocks but empty ones, which need no memory.
unsafe impl<M> Allocate for Nothing<M> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 { Ok(empty(layout)) } else { Err(AllocError) }
    }

    unsafe fn deallocate(&self, _block: NonNull<u8>, _layout: Layout) {}
}

// SAFETY: there are no blocks, so none that others ask about is one.
unsafe impl<M> Owns for Nothing<M> {
    fn owns(&self, _block: NonNull<u8>, _layout: Layout) -> bool {
        false
    }
}

impl<M> Reset for Nothing<M> {
    fn reset(&mut self) {}
}

impl<M> Check for Nothing<M> {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

/// Says of a type whether it is `Send` and `Sync`: a constant here wins over
/// the one of [`NotSend`] or [`NotSync`], where its bound holds.
#[doc(hidden)]
#[derive(Debug)]
pub struct Threads<T: ?Sized>(PhantomData<T>);

impl<T: Send + ?Sized> Threads<T> {
    pub const SEND: bool = true;
}

impl<T: Sync + ?Sized> Threads<T> {
    pub const SYNC: bool = true;
}

#[doc(hidden)]
pub trait NotSend {
    const SEND: bool = false;
}

#[doc(hidden)]
pub trait NotSync {
    const SYNC: bool = false;
}

impl<T: ?Sized> NotSend for Threads<T> {}
impl<T: ?Sized> NotSync for Threads<T> {}

/// Compiles only if each type is what its line says: `Type: Send, !Sync;`.
///
/// Parents of each kind: [`Shared`](crate::testing::Shared),
/// [`Local`](crate::testing::Local), [`Bound`](crate::testing::Bound),
/// [`Tied`](crate::testing::Tied).
#[macro_export]
macro_rules! send_sync {
    ($($type:ty: $(!$not_send:ident)? $($send:ident)?, $(!$not_sync:ident)? $($sync:ident)?;)*) => {$(
        const _: () = {
            #[allow(unused_imports, reason = "whether they are needed is the question")]
            use $crate::testing::{NotSend as _, NotSync as _};
            assert!(
                $crate::send_sync!(@ $(!$not_send)? $($send)?) == <$crate::testing::Threads<$type>>::SEND,
                concat!("Send: not as said of ", stringify!($type)),
            );
            assert!(
                $crate::send_sync!(@ $(!$not_sync)? $($sync)?) == <$crate::testing::Threads<$type>>::SYNC,
                concat!("Sync: not as said of ", stringify!($type)),
            );
        };
    )*};
    (@ Send) => { true };
    (@ !Send) => { false };
    (@ Sync) => { true };
    (@ !Sync) => { false };
}

//! The current allocator of a thread: chosen for a scope, asked for by whoever
//! is called in it.
//!
//! ```text
//! with(heap, ‖ …)       ┌─ scope ──────────────────┐
//!      │                │  with(other, ‖ …)        │   left by any way out,
//!      ▼                │      ┌─ scope ─────┐     │   the one before is back
//!   System ───────────► │ heap │ other       │ heap│ ───────────► System
//!                       │      │ get() ─► Handle ──┼─► lives on: its blocks go
//!                       │      └─────────────┘     │   back to `other`
//!                       └──────────────────────────┘
//! ```
//!
//! For call paths that cannot pass an allocator along. [`with`] and
//! [`with_scoped`] say what the current allocator is while a closure runs; they
//! nest, and the one before is current again when the closure returns or
//! unwinds. Each thread has its own scopes, and starts outside of all, where
//! `System` is current.
//!
//! What is asked for is a handle, never "whichever is current now": a container
//! takes one when it is made and frees through it, in whatever scope that
//! happens.
//!
//! | set by | any allocator that is | asked for by | the handle |
//! |---|---|---|---|
//! | [`with`] | counted, or static | [`get`] | [`Handle`]: one word, keeps the allocator alive |
//! | [`with_scoped`] | borrowed | [`get_scoped`] | [`Scoped`]: ends with the borrow |
//!
//! [`get`] passes over borrowed allocators, which its handle might outlive;
//! [`get_scoped`] finds either kind.
//!
//! | | |
//! |---|---|
//! | time | asking counts a handle up; a request through a handle is a call through a pointer, and two writes to a thread-local |
//! | space | one word per handle; [`with`] makes an allocation from the global allocator, unless it is given a handle |
//! | sharing | per thread; a [`Handle`] stays in its thread, a [`SyncHandle`] does not |
//! | failure | whenever the allocator fails |
//! | granted | what the allocator grants |
//!
//! While an allocator serves a request through a handle, nothing is current but
//! `System`. So an allocator whose own parent asks for the current one does not
//! wait for itself.
//!
//! Scopes are left in the reverse order of entering. Only coroutines with stacks
//! of their own could do otherwise; the program ends when they do.
//!
//! When not to use it: wherever the allocator can be passed. `&heap` is not
//! counted, its calls can be inlined, and the reader sees it. Nor for the blocks
//! of a library's long-lived structures: who calls first decides where they lie.
//!
//! # Example
//!
//! ```
//! use std::rc::Rc;
//! # use allocator_api2_02 as allocator_api2;
//! use allocator_api2::boxed::Box;
//! use blockwork::{Counted, System, current};
//! use hashbrown::{DefaultHashBuilder, HashMap};
//!
//! // The default of a handle is the current one: it need not be named again.
//! type Map<K, V> = HashMap<K, V, DefaultHashBuilder, current::Handle>;
//!
//! fn squares(count: u32) -> Map<u32, Box<u32, current::Handle>> {
//!     (0..count).map(|root| (root, Box::new_in(root * root, current::get()))).collect()
//! }
//!
//! let heap = Rc::new(Counted::new(System));
//! let squares = current::with(heap.clone(), || squares(100));
//!
//! assert_eq!(*squares[&12], 144);
//! assert_eq!(heap.counts().blocks_live, 101); // a hundred boxes and a table
//! drop(squares); // outside of the scope, and yet to the same heap
//! assert_eq!(heap.counts().blocks_live, 0);
//! ```
//!
//! A recycler for a while, as in the documents this part comes from: what is
//! freed is handed out again.
//!
//! ```
//! use core::alloc::Layout;
//! use std::rc::Rc;
//! use blockwork::{Allocate, Memo, System, current};
//!
//! current::with(Rc::new(Memo::new(System, usize::MAX)), || {
//!     let (heap, int) = (current::get(), Layout::new::<i32>());
//!     let block = heap.allocate(int)?;
//!     // SAFETY: just allocated with this layout.
//!     unsafe { heap.deallocate(block, int) };
//!     assert_eq!(heap.allocate(int)?, block);
//!     # unsafe { heap.deallocate(block, int) };
//!     Ok::<(), blockwork::AllocError>(())
//! })?;
//! # Ok::<(), blockwork::AllocError>(())
//! ```

use core::{
    cell::Cell,
    mem,
    ptr::{self, NonNull},
};

mod handle;
#[cfg(test)]
mod tests;

pub use self::handle::{Handle, Scoped, SyncHandle};
use crate::{alloc::Allocate, os};

/// Makes `allocator` the current one of this thread while `run` runs.
///
/// It may be an `Rc`, an `Arc`, a `&'static`, or a handle. The last needs no
/// memory: who enters many scopes makes the handle once.
///
/// ```
/// use std::rc::Rc;
/// use blockwork::{Allocate, Buffer, Counted, System, current};
/// use core::alloc::Layout;
///
/// let (outer, inner) = (Rc::new(Counted::new(System)), Rc::new(Counted::new(System)));
/// let layout = Layout::new::<u64>();
/// let (handle, block) = current::with(outer.clone(), || {
///     current::with(inner.clone(), || {
///         let handle = current::get();
///         let block = handle.allocate(layout)?;
///         Ok::<_, blockwork::AllocError>((handle, block))
///     })
/// })?;
/// assert_eq!((outer.counts().requests, inner.counts().requests), (0, 1));
///
/// // SAFETY: allocated above by this handle, with this layout.
/// unsafe { handle.deallocate(block, layout) };
/// assert_eq!(inner.counts().blocks_live, 0);
/// # Ok::<(), blockwork::AllocError>(())
/// ```
pub fn with<R>(allocator: impl Into<Handle>, run: impl FnOnce() -> R) -> R {
    enter(Source::Counted(allocator.into()), run)
}

/// The current allocator, kept alive by the handle.
///
/// That of the innermost [`with`], whatever borrowed ones lie inside of it;
/// outside of all, [`Handle::SYSTEM`].
#[must_use]
pub fn get() -> Handle {
    let mut innermost = innermost();
    // SAFETY: scopes that can be reached from the innermost are not left yet.
    while let Some(scope) = unsafe { innermost.as_ref() } {
        if let Source::Counted(handle) = &scope.allocator {
            return handle.clone();
        }
        innermost = scope.outer;
    }
    Handle::SYSTEM
}

/// Makes a borrowed `allocator` the current one of this thread while `run` runs.
///
/// Nothing is counted and nothing allocated, and an arena on the stack will do.
/// Callees get at it by [`get_scoped`]; `run` itself is given a handle whose
/// blocks may live as long as the allocator, and so outlive the scope.
///
/// ```
/// use core::mem::MaybeUninit;
/// # use allocator_api2_02 as allocator_api2;
/// use allocator_api2::vec::Vec;
/// use blockwork::{Buffer, Bump, current};
///
/// fn total(count: u32) -> u32 {
///     current::get_scoped(|scratch| {
///         let mut numbers = Vec::new_in(scratch);
///         numbers.extend(1..=count);
///         numbers.iter().sum()
///     })
/// }
///
/// let mut memory = [MaybeUninit::uninit(); 1024];
/// let arena = Bump::new_all(Buffer::new(&mut memory));
/// assert_eq!(current::with_scoped(&arena, |_| total(100)), 5050);
/// assert_eq!(total(100), 5050); // from `System`
/// ```
///
/// A block cannot outlive the allocator:
///
/// ```compile_fail
/// # use allocator_api2_02::boxed::Box;
/// # use blockwork::{Bump, System, current};
/// let leaked = {
///     let arena = Bump::new(System, 1024);
///     current::with_scoped(&arena, |arena| Box::new_in(7, arena))
/// };
/// ```
///
/// Nor, when asked for, the scope:
///
/// ```compile_fail
/// # use allocator_api2_02::boxed::Box;
/// # use blockwork::current;
/// let leaked = current::get_scoped(|arena| Box::new_in(7, arena));
/// ```
pub fn with_scoped<'a, R>(allocator: &'a (dyn Allocate + 'a), run: impl FnOnce(Scoped<'a>) -> R) -> R {
    let borrowed: NonNull<dyn Allocate + 'a> = NonNull::from(allocator);
    // SAFETY: only the lifetime changes; the pointer is read while the scope is
    // entered, which is within `'a`.
    let borrowed = unsafe { mem::transmute::<NonNull<dyn Allocate + 'a>, NonNull<dyn Allocate>>(borrowed) };
    enter(Source::Borrowed(borrowed), || run(Scoped::new(allocator)))
}

/// Calls `run` with the current allocator, counted or borrowed.
///
/// The handle must not leave `run`, because a borrowed allocator may end soon
/// after. Outside of all scopes it is that of [`Handle::SYSTEM`].
pub fn get_scoped<R>(run: impl FnOnce(Scoped<'_>) -> R) -> R {
    // SAFETY: the innermost scope is not left yet.
    match unsafe { innermost().as_ref() } {
        Some(&Scope { allocator: Source::Borrowed(allocator), .. }) => {
            // A scope inside of that one, so that it cannot be left meanwhile.
            // SAFETY: borrowed for longer than that scope lasts.
            with_scoped(unsafe { allocator.as_ref() }, run)
        }
        _ => run(Scoped::new(&get())),
    }
}

/// A scope that was entered, on the stack of the function that entered it.
///
/// Invariant: scopes are a stack. One is left only while it is the innermost, so
/// whatever can be reached from the innermost is alive.
#[derive(Debug)]
struct Scope {
    allocator: Source,
    /// The scope around this one; null for none.
    outer: *const Self,
}

#[derive(Debug)]
enum Source {
    Counted(Handle),
    /// Outlives the scope.
    Borrowed(NonNull<dyn Allocate>),
}

std::thread_local! {
    /// The innermost scope; null outside of all. It has nothing to drop, and so
    /// is there to the very end of the thread.
    static INNERMOST: Cell<*const Scope> = const { Cell::new(ptr::null()) };
}

fn innermost() -> *const Scope {
    INNERMOST.try_with(Cell::get).unwrap_or(ptr::null())
}

fn enter<R>(allocator: Source, run: impl FnOnce() -> R) -> R {
    let scope = Scope { allocator, outer: innermost() };
    // Gone before the scope is, also when `run` unwinds.
    let _inside = Inside::of(&raw const scope);
    run()
}

/// Runs `work` outside of every scope.
#[inline]
fn outside<R>(work: impl FnOnce() -> R) -> R {
    let _inside = Inside::of(ptr::null());
    work()
}

/// Being in a scope; dropping it leaves.
struct Inside {
    scope: *const Scope,
    before: *const Scope,
}

impl Inside {
    #[inline]
    fn of(scope: *const Scope) -> Self {
        Self { scope, before: INNERMOST.try_with(|innermost| innermost.replace(scope)).unwrap_or(ptr::null()) }
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        let left = INNERMOST.try_with(|innermost| innermost.replace(self.before));
        if left.is_ok_and(|left| left != self.scope) {
            os::stop(format_args!("a scope of the current allocator was left before one inside of it"))
        }
    }
}

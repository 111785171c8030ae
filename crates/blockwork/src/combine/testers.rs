//! Parts for the unit tests of this layer.

use core::{alloc::Layout, ptr::NonNull};
#[cfg(not(miri))]
use heap::string::String;

use crate::alloc::{AllocError, Allocate, Check, Owns, with_size};

/// Grants whole multiples of sixteen bytes.
pub(crate) struct Rounding<A>(pub(crate) A);

// SAFETY: asks `A` for what it grants; rounding up to a constant is pure,
// monotone and idempotent.
unsafe impl<A: Allocate> Allocate for Rounding<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate(Self::inner(layout))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: `block` was asked of `A` with this very layout.
        unsafe { self.0.deallocate(block, Self::inner(layout)) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.0.granted(Self::inner(layout))
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: `block` was asked of `A` with this very layout.
        unsafe { self.0.resize(block, Self::inner(old), Self::inner(new)) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate_zeroed(Self::inner(layout))
    }
}

// SAFETY: every block of ours is one of `A`'s, asked about as it was asked for.
unsafe impl<A: Owns> Owns for Rounding<A> {
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.0.owns(block, Self::inner(layout))
    }
}

impl<A: Check> Check for Rounding<A> {
    fn check(&self) -> Result<(), &'static str> {
        self.0.check()
    }
}

impl<A> Rounding<A> {
    /// The one place where this layer changes a layout.
    fn inner(layout: Layout) -> Layout {
        with_size(layout, layout.size().next_multiple_of(16))
    }
}

/// Sends requests up to `limit` bytes to one side and larger ones to the other,
/// and asks only that side whose a block is.
pub(crate) struct BySize<S, L> {
    pub(crate) limit: usize,
    pub(crate) small: S,
    pub(crate) large: L,
}

impl<S: Owns, L: Owns> BySize<S, L> {
    fn side(&self, layout: Layout) -> &dyn Owns {
        if layout.size() <= self.limit { &self.small } else { &self.large }
    }
}

// SAFETY: both sides keep the contract and grant what is asked; the size names
// the side; no resize crosses.
unsafe impl<S: Owns, L: Owns> Allocate for BySize<S, L> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.side(layout).allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the side that the size names gave the block.
        unsafe { self.side(layout).deallocate(block, layout) }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if (old.size() <= self.limit) == (new.size() <= self.limit) {
            // SAFETY: the side that the size names gave the block.
            unsafe { self.side(old).resize(block, old, new) }
        } else {
            Err(AllocError)
        }
    }
}

// SAFETY: each side is exact about its own blocks, and the size names the side.
unsafe impl<S: Owns, L: Owns> Owns for BySize<S, L> {
    fn owns(&self, block: NonNull<u8>, layout: Layout) -> bool {
        self.side(layout).owns(block, layout)
    }
}

/// Gives nothing, and claims every block there is.
#[cfg(all(debug_assertions, not(miri)))]
pub(crate) struct Claiming;

// SAFETY: gives nothing.
#[cfg(all(debug_assertions, not(miri)))]
unsafe impl Allocate for Claiming {
    fn allocate(&self, _: Layout) -> Result<NonNull<u8>, AllocError> {
        Err(AllocError)
    }

    unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {}
}

// SAFETY: none; whoever asks has to notice.
#[cfg(all(debug_assertions, not(miri)))]
unsafe impl Owns for Claiming {
    fn owns(&self, _: NonNull<u8>, _: Layout) -> bool {
        true
    }
}

/// Runs `body` in a process of its own, which must not survive it, and returns
/// what that wrote to its standard error; `name` is the path of the test.
#[cfg(not(miri))]
pub(crate) fn last_words(name: &str, body: impl FnOnce()) -> String {
    last_words_with(name, ("BLOCKWORK_TEST_CHOICE", ""), body)
}

/// As [`last_words`], with a variable of the environment for that process.
#[cfg(not(miri))]
pub(crate) fn last_words_with(name: &str, (variable, value): (&str, &str), body: impl FnOnce()) -> String {
    const INSIDE: &str = "BLOCKWORK_TEST_DIES";
    if std::env::var_os(INSIDE).is_some() {
        body();
        std::process::exit(0);
    }
    let this = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new(this);
    command.args([name, "--exact", "--nocapture"]).env(INSIDE, "1").env(variable, value);
    let run = command.output().unwrap();
    let words = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(!run.status.success(), "still alive: {words}");
    words
}

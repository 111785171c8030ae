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

/// Tests what holds whichever of two sides is asked whose a block is.
macro_rules! two_sides {
    ($new:path) => {
        #[test]
        fn a_block_goes_back_to_the_side_it_came_from() {
            let (mut one, mut two) = ([MaybeUninit::uninit(); 64], [MaybeUninit::uninit(); 64]);
            let both = $new(Buffer::new(&mut one), Buffer::new(&mut two));
            let (first, second) = (both.allocate(ALL).unwrap(), both.allocate(ALL).unwrap());
            // SAFETY: live, and allocated with this layout.
            unsafe { both.deallocate(second, ALL) };
            assert_eq!(both.allocate(ALL), Ok(second));
            // SAFETY: live, and allocated with this layout.
            unsafe { both.deallocate(first, ALL) };
            assert_eq!(both.allocate(ALL), Ok(first));
        }

        #[test]
        fn an_empty_request_asks_nobody() {
            let (mut one, mut two) = ([MaybeUninit::uninit(); 8], [MaybeUninit::uninit(); 8]);
            let both = $new(Buffer::new(&mut one), Buffer::new(&mut two));
            let nothing = Layout::new::<[u64; 0]>();
            let block = both.allocate(nothing).unwrap();
            assert_eq!(both.allocate_zeroed(nothing), Ok(block));
            let all = Layout::new::<[u8; 8]>();
            assert!(both.allocate(all).is_ok() && both.allocate(all).is_ok());
            // SAFETY: an empty block.
            unsafe { both.deallocate(block, nothing) };
            assert_eq!(both.allocate(all), Err(AllocError));
        }

        #[test]
        fn zeroed_blocks_are_zero_on_either_side() {
            let (mut one, mut two) = ([MaybeUninit::new(0xA5_u8); 64], [MaybeUninit::new(0xA5_u8); 64]);
            let both = $new(Buffer::new(&mut one), Buffer::new(&mut two));
            for _ in 0..2 {
                let block = both.allocate_zeroed(ALL).unwrap();
                // SAFETY: 64 initialised bytes.
                assert_eq!(unsafe { block.cast::<[u8; 64]>().read() }, [0; 64]);
            }
        }

        #[test]
        fn a_reset_ends_the_blocks_of_both_sides() {
            let (mut one, mut two) = ([MaybeUninit::uninit(); 64], [MaybeUninit::uninit(); 64]);
            let mut both = $new(Buffer::new(&mut one), Buffer::new(&mut two));
            assert!(both.allocate(ALL).is_ok() && both.allocate(ALL).is_ok());
            both.reset();
            assert!(both.allocate(ALL).is_ok() && both.allocate(ALL).is_ok());
        }

        #[test]
        fn reallocating_moves_from_one_side_to_the_other() {
            let (mut one, mut two) = ([MaybeUninit::uninit(); 8], [MaybeUninit::uninit(); 64]);
            let both = $new(Buffer::new(&mut one), Buffer::new(&mut two));
            let (small, large) = (Layout::new::<[u8; 8]>(), Layout::new::<[u8; 40]>());
            let block = both.allocate(small).unwrap();
            // SAFETY: eight bytes that are ours.
            unsafe { block.cast::<[u8; 8]>().write(*b"contents") };
            // SAFETY: live, and allocated with `small`.
            let moved = unsafe { $crate::alloc::reallocate(&both, block, small, large) }.unwrap();
            // SAFETY: the block is at least eight bytes, which were copied.
            assert_eq!(unsafe { moved.cast::<[u8; 8]>().read() }, *b"contents");
            assert_ne!(moved, block);
            // SAFETY: live, and allocated with `large`.
            let back = unsafe { $crate::alloc::reallocate(&both, moved, large, small) };
            assert_eq!(back, Ok(moved), "it shrinks where it is");
            assert_eq!(both.allocate(small), Ok(block), "the primary has its block back");
        }
    };
}
pub(crate) use two_sides;

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

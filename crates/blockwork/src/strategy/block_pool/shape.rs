//! [`BlockShape`]: the size and alignment that all blocks of a pool have, as a
//! type or as a value.

use core::alloc::Layout;

use crate::{
    alloc::ConfigError,
    math::{align::stride, fill::slot_align},
};

/// The size and alignment of every block of a pool.
///
/// [`BlockOf`] is the form without a value, which compiles into the code;
/// [`BlockAt`] is the form whose value is known at run time.
///
/// # Safety
///
/// - [`stride`](Self::stride) is always the same, also for copies.
/// - It is what [`math::align::stride`](stride()) returns for some size
///   and alignment.
/// - [`blocks_in`](Self::blocks_in) is the quotient by its size, rounded down.
pub unsafe trait BlockShape: Copy {
    /// A block's layout: its size is how far blocks lie apart, a multiple of
    /// its alignment.
    fn stride(self) -> Layout;

    /// How many whole blocks `bytes` are.
    #[inline]
    fn blocks_in(self, bytes: usize) -> usize {
        bytes.checked_div(self.stride().size()).unwrap_or(0)
    }
}

/// Blocks of `SIZE` bytes at multiples of `ALIGN`, known to the compiler.
///
/// Both are raised to those of a pointer, and the size to a multiple of the
/// alignment. A size of zero and an alignment that is no power of two do not
/// compile.
///
/// ```
/// use blockwork::{BlockOf, BlockShape};
///
/// assert_eq!(BlockOf::<24, 16>.stride().size(), 32);
/// assert_eq!(size_of::<BlockOf<24, 16>>(), 0);
/// ```
///
/// ```compile_fail,E0080
/// use blockwork::{BlockOf, BlockShape};
///
/// BlockOf::<24, 24>.stride();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockOf<const SIZE: usize, const ALIGN: usize = 1>;

/// Blocks of a size and an alignment chosen at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockAt {
    stride: Layout,
}

impl<const SIZE: usize, const ALIGN: usize> BlockOf<SIZE, ALIGN> {
    pub(in crate::strategy) const STRIDE: Layout = match BlockAt::new(SIZE, ALIGN) {
        Ok(block) => block.stride,
        Err(error) => panic!("{}", error.rule),
    };
}

impl BlockAt {
    /// Blocks of `size` bytes at multiples of `align`.
    ///
    /// Both are raised to those of a pointer, and the size to a multiple of
    /// the alignment.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a size of zero, an alignment that is no power of
    /// two, and blocks larger than memory.
    pub const fn new(size: usize, align: usize) -> Result<Self, ConfigError> {
        if size == 0 {
            return Err(ConfigError::new("BlockAt::size", "must not be 0"));
        }
        if !align.is_power_of_two() {
            return Err(ConfigError::new("BlockAt::align", "must be a power of two"));
        }
        match stride(size, align) {
            Some(stride) => Ok(Self { stride }),
            None => Err(ConfigError::new("BlockAt::size", "rounded up to the alignment, must not exceed isize::MAX")),
        }
    }

    /// Blocks of a slot's size, a multiple of a pointer's, at multiples of the
    /// largest power of two that divides it.
    pub(super) const fn of_slot(slot: usize) -> Self {
        match Layout::from_size_align(slot, slot_align(slot)) {
            Ok(stride) => Self { stride },
            // Larger than memory: so is a chunk of it, which no parent has.
            Err(_) => Self { stride: Layout::new::<usize>() },
        }
    }

    pub(in crate::strategy) const fn get(self) -> Layout {
        self.stride
    }
}

// SAFETY: a constant that `stride` made.
unsafe impl<const SIZE: usize, const ALIGN: usize> BlockShape for BlockOf<SIZE, ALIGN> {
    #[inline]
    fn stride(self) -> Layout {
        Self::STRIDE
    }
}

// SAFETY: never changes, and `stride` made it.
unsafe impl BlockShape for BlockAt {
    #[inline]
    fn stride(self) -> Layout {
        self.stride
    }
}

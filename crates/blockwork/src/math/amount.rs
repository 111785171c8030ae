//! [`Amount`]: a number that a type knows, or a value carries.
//!
//! Parts take their sizes as an `Amount`, so one piece of code serves both
//! forms: [`Const<N>`](Const) takes no space and is folded into the
//! instructions, `usize` is chosen while the program runs.

use core::fmt::Debug;

/// A number fixed by its type or by its value; see the [module](self).
///
/// Nobody else can implement it: allocators lay out memory by what it answers,
/// which has to be the same every time.
pub trait Amount: Copy + Debug + Send + Sync + sealed::Sealed + 'static {
    /// The number, when the type alone says it.
    const KNOWN: Option<usize>;

    /// The number.
    #[must_use]
    fn get(self) -> usize;
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for usize {}
    impl<const N: usize> Sealed for super::Const<N> {}
}

/// The number `N`, in no space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Const<const N: usize>;

impl<const N: usize> Amount for Const<N> {
    const KNOWN: Option<usize> = Some(N);

    #[inline]
    fn get(self) -> usize {
        N
    }
}

impl Amount for usize {
    const KNOWN: Option<Self> = None;

    #[inline]
    fn get(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_whenever_it_is_known() {
        for (amount, known) in [(Const::<77>.get(), Const::<77>::KNOWN), (77, None)] {
            assert_eq!((amount.get(), known.unwrap_or(77)), (77, 77));
        }
    }
}

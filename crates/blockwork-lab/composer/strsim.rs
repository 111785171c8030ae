//! What the notation asks of the crate of this name, for texts that the lab has
//! read before: nobody has to be told what they may have meant.
#![no_std]

/// Steps from one word to the other: too many to suggest it.
#[must_use]
pub fn damerau_levenshtein(_: &str, _: &str) -> usize {
    usize::MAX
}

//! [`Check`]: a part that can walk its own books.

/// Can verify its free lists and counters against each other.
///
/// For tests and debug builds: a walk may cost time in proportion to
/// everything the part holds. Wrappers check themselves, then their parent.
pub trait Check {
    /// Walks the books once.
    ///
    /// # Errors
    ///
    /// The first invariant that does not hold, in words.
    fn check(&self) -> Result<(), &'static str>;
}

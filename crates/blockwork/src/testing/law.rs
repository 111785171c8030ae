//! [`Law`]: what a part promises, as far as the harness can find it broken.

use core::fmt;

use heap::{string::String, vec::Vec};

use super::ops::Op;

/// One promise of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Law {
    /// Law 1.
    Class,
    /// Law 2.
    Layouts,
    /// Law 3.
    Unchanged,
    /// Law 4.
    Blocks,
    /// Law 5.
    Ownership,
    /// Law 6.
    Balance,
    /// Law 7.
    Settles,
    /// Law 8.
    Recovers,
    /// Law 9.
    Books,
    /// Law 10.
    Unwinds,
    /// The rules of `granted`.
    Grants,
    /// The rules of `resize`.
    Resize,
    /// The rule of `allocate_zeroed`.
    Zeroed,
    /// The rules of zero-size requests.
    Empty,
    /// A part serves something, and takes nothing before it is asked.
    Serves,
}

impl Law {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Class,
        Self::Layouts,
        Self::Unchanged,
        Self::Blocks,
        Self::Ownership,
        Self::Balance,
        Self::Settles,
        Self::Recovers,
        Self::Books,
        Self::Unwinds,
        Self::Grants,
        Self::Resize,
        Self::Zeroed,
        Self::Empty,
        Self::Serves,
    ];
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Class => "law 1: every size of a class is served alike",
            Self::Layouts => "law 2: the parent gets back what it gave, with a layout that fits",
            Self::Unchanged => "law 3: an error changes nothing",
            Self::Blocks => {
                "law 4: live blocks are disjoint, aligned, inside the parent's memory, and keep their bytes"
            }
            Self::Ownership => "law 5: `owns` is exact",
            Self::Balance => "law 6: in the end the parent holds nothing",
            Self::Settles => "law 7: a repeated workload reaches a fixed point",
            Self::Recovers => "law 8: a part survives that its parent fails",
            Self::Books => "law 9: lists and counters agree",
            Self::Unwinds => "law 10: nothing unwinds",
            Self::Grants => "`granted`: at least what is asked, zero for zero only, idempotent, monotone",
            Self::Resize => "`resize` refuses another alignment and the size zero",
            Self::Zeroed => "`allocate_zeroed` zeroes all that is granted",
            Self::Empty => "an empty block is aligned and takes no memory",
            Self::Serves => "a part serves something, and takes nothing before it is asked",
        })
    }
}

/// A law, and how it was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What does not hold.
    pub law: Law,
    /// The observation, with its numbers.
    pub detail: String,
}

impl Violation {
    /// Says that `law` is broken, as `detail` shows.
    pub(crate) const fn new(law: Law, detail: String) -> Self {
        Self { law, detail }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  {}", self.law, self.detail)
    }
}

impl core::error::Error for Violation {}

/// A part that broke a law, and the way there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The name of the suite.
    pub part: String,
    /// The scenario that was running.
    pub scenario: &'static str,
    /// What was found.
    pub violation: Violation,
    /// The operations that lead there, where a sequence does: already shrunk.
    pub operations: Vec<Op>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, scenario, violation, operations } = self;
        write!(f, "`{part}` breaks {violation}\n  in `{scenario}`")?;
        if !operations.is_empty() {
            f.write_str(", after:")?;
        }
        operations.iter().try_for_each(|op| write!(f, "\n    {op}"))
    }
}

impl core::error::Error for Failure {}

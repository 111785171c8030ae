//! Unsafe shapes without policy: they know neither `Allocate` nor a parent.

pub(crate) mod bump;
pub(crate) mod chunk;
pub(crate) mod chunk_table;
pub(crate) mod column;
#[cfg(any(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))), test))]
pub(crate) mod counted_mail;
pub(crate) mod directory;
pub(crate) mod free_list;
pub(crate) mod groups;
pub(crate) mod index_stack;
pub(crate) mod list;
#[cfg(feature = "std")]
pub(crate) mod magazine;
#[cfg(any(feature = "std", feature = "malloc", test))]
pub(crate) mod mail;
pub(crate) mod mixed_slab;
// Not under loom: what is behind atomics cannot be in constants there.
#[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
pub(crate) mod page_map;
#[cfg(any(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))), test))]
pub(crate) mod queue;
#[cfg(feature = "std")]
pub(crate) mod roster;
pub(crate) mod shelf;
pub(crate) mod slab;
pub(crate) mod span;
pub(crate) mod span_stack;
pub(crate) mod wipe;

//! Allocators made of other allocators: they decide or observe, never carve.

pub mod affix;
pub mod chain;
pub mod checked;
pub mod counted;
#[cfg(feature = "std")]
pub mod current;
#[cfg(all(feature = "os", unix, not(blockwork_no_os)))]
pub mod decommit;
pub mod fallback;
pub mod frozen;
pub mod last_resort;
pub mod locked;
pub mod min_align;
pub mod observed;
pub mod on_failure;
pub mod quota;
pub mod recorded;
#[cfg(doctest)]
mod refused;
pub mod sampled;
pub mod scrubbed;
pub mod segregate;
pub mod size_classes;
#[cfg(feature = "std")]
pub mod thread_cached;

#[cfg(test)]
pub(crate) mod testers;

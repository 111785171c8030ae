//! Candidates: what each kind of workload asks, said in the words of each peer.

pub(crate) mod blink_alloc;
pub(crate) mod blockwork;
pub(crate) mod bump_scope;
pub(crate) mod bumpalo;
#[cfg(cpp)]
pub(crate) mod cpp;
pub(crate) mod floor;
pub(crate) mod global;
pub(crate) mod heapless;
pub(crate) mod nothing;
pub(crate) mod object_pool;
pub(crate) mod opool;
pub(crate) mod plurality;
pub(crate) mod rows;
pub(crate) mod sharded_slab;
pub(crate) mod slab;
pub(crate) mod slotmap;
pub(crate) mod typed_arena;

/// A candidate that runs out of memory has nothing to show.
#[cold]
#[inline(never)]
fn exhausted() -> ! {
    panic!("a candidate ran out of memory")
}

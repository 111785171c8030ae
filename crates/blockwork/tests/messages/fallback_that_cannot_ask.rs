//! The first side of a fallback has to know its blocks.

use blockwork::{Fallback, Slab, SlabConfig, System};

fn main() {
    let slab = Slab::try_new(System, SlabConfig::DEFAULT).unwrap();
    let _heap = Fallback::new(slab, System);
}

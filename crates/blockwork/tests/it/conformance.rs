//! Every part through every law, alone and over every other.

use core::alloc::Layout;

use blockwork::{
    Buffer, PageOptions, Pages, System, check_allocators,
    testing::{Failing, Misaligned, Reentrant, Shuffled, Strict, When},
};

check_allocators! {
    buffer: |parent| Buffer::new(parent.region(Layout::new::<[u64; 512]>())), [.region()];
    system: |_| System, [.own_memory()];
    pages: |_| Pages, [.own_memory()];
    pages_with: |_| Pages::with(PageOptions::DEFAULT), [.own_memory()];
    strict: |_| Strict::new().grain(48).room(100), [.own_memory()];
    failing: |parent| Failing::new(parent, When::Never), [.retains(0)];
    misaligned: |parent| Misaligned::new(parent), [.retains(0)];
    shuffled: |parent| Shuffled::new(parent, 5), [.retains(0).irregular()];
    reentrant: |parent| Reentrant::new(parent), [.retains(0)];
}

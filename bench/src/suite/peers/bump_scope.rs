//! bump-scope: chunks cut from the front, scopes.

use core::{alloc::Layout, ptr::NonNull};

use bump_scope::{Bump, alloc::Global, settings::BumpSettings, traits::BumpAllocatorTyped as _};

use crate::kinds::{
    bump::{Layouts, Values},
    collections::Region,
};

macro_rules! bump {
    ($(#[$meta:meta])* $name:ident, $align:literal) => {
        $(#[$meta])*
        pub(crate) struct $name(pub(crate) Bump<Global, BumpSettings<$align>>);

        impl Values for $name {
            fn new(bytes: usize) -> Self {
                Self(Bump::with_capacity(Layout::from_size_align(bytes, 16).expect("a size for memory")))
            }

            #[inline(always)]
            fn word(&mut self, word: u64) -> NonNull<u64> {
                self.0.alloc(word).into_raw()
            }

            fn reset(&mut self) {
                self.0.reset();
            }
        }

        impl Layouts for $name {
            #[inline(always)]
            fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
                self.0.allocate_layout(layout)
            }
        }
    };
}

bump! {
    /// As it comes.
    BumpScope, 1
}
bump! {
    /// With blocks aligned to words at least.
    BumpScopeWords, 8
}

impl Region for BumpScope {
    type Allocator<'a> = &'a Bump<Global, BumpSettings<1>>;

    fn new(bytes: usize) -> Self {
        <Self as Values>::new(bytes)
    }

    fn allocator(&self) -> Self::Allocator<'_> {
        &self.0
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

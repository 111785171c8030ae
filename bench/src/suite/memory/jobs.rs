//! Who holds blocks for what.

use bench::fine::Fine;
use blockwork::{Arena, BlockAt, BlockPool, ConcurrentBlockPool, Heap, Slab, SpanPool};

use super::{
    Candidate, Job,
    counting::Parent,
    holders::{Classes, InDenseSlotMap, InPool, InSlab, InSlotMap, InTypedArena, Part},
    measure::{mixed, multiples, same},
};
use crate::{growth::peers::Ours, peers::global::Malloc};

/// Writes candidates down: whose parent counts, and who has none.
macro_rules! candidates {
    (counted: $($name:literal => $hold:expr),+; mallocs: $($malloc:literal => $held:expr),* $(,)?) => {
        &[
            $(Candidate { name: $name, hold: $hold, counted: true },)+
            $(Candidate { name: $malloc, hold: $held, counted: false },)*
        ]
    };
}

/// Values of one of the sizes of [`SIZES`], which the compiler has to know.
macro_rules! stored {
    ($store:ident) => {
        |size, live| match size {
            8 => same::<$store<8>>(size, live),
            16 => same::<$store<16>>(size, live),
            32 => same::<$store<32>>(size, live),
            64 => same::<$store<64>>(size, live),
            256 => same::<$store<256>>(size, live),
            1024 => same::<$store<1024>>(size, live),
            _ => same::<$store<4096>>(4096, live),
        }
    };
}

const SIZES: &[usize] = &[8, 16, 32, 64, 256, 1024, 4096];
const SIZES_OF_SPANS: &[usize] = &[64, 256, 1024, 4096];

pub(crate) const JOBS: &[Job] = &[
    Job {
        name: "memory/blocks",
        what: "Blocks of one size, to be freed in any order",
        sizes: SIZES,
        candidates: candidates![
            counted:
            "blockwork BlockPool" => same::<Part<BlockPool<Parent, BlockAt>>>,
            "blockwork ConcurrentBlockPool" => same::<Part<ConcurrentBlockPool<Parent, BlockAt>>>,
            "blockwork Slab" => same::<Part<Slab<Parent>>>,
            "slab" => stored!(InSlab);
            mallocs:
            "blockwork Malloc" => same::<Malloc<Ours>>,
            "mimalloc" => same::<Malloc<mimalloc::MiMalloc>>,
            "snmalloc" => same::<Malloc<snmalloc_rs::SnMalloc>>,
            "jemalloc" => same::<Malloc<tikv_jemallocator::Jemalloc>>,
            "system malloc" => same::<Malloc<std::alloc::System>>,
        ],
    },
    Job {
        name: "memory/values",
        what: "Values that are found by a key",
        sizes: SIZES,
        candidates: candidates![
            counted:
            "blockwork Pool" => stored!(InPool),
            "slab" => stored!(InSlab),
            "slotmap" => stored!(InSlotMap),
            "slotmap, dense" => stored!(InDenseSlotMap);
            mallocs:
        ],
    },
    Job {
        name: "memory/region",
        what: "Blocks that end together",
        sizes: SIZES,
        candidates: candidates![
            counted:
            "blockwork Arena" => same::<Part<Arena<Parent>>>,
            "bumpalo" => same::<bumpalo::Bump>,
            "bump-scope" => same::<bump_scope::Bump>,
            "typed-arena" => stored!(InTypedArena);
            mallocs:
        ],
    },
    Job {
        name: "memory/mixed",
        what: "Blocks of half a size to one and a half of it",
        sizes: SIZES,
        candidates: candidates![
            counted:
            "blockwork SizeClasses" => mixed::<Part<Classes>>,
            "blockwork SizeClasses, fine" => mixed::<Part<Fine<Parent>>>,
            "blockwork Heap" => mixed::<Part<Heap<Parent>>>;
            mallocs:
            "blockwork Malloc" => mixed::<Malloc<Ours>>,
            "mimalloc" => mixed::<Malloc<mimalloc::MiMalloc>>,
            "snmalloc" => mixed::<Malloc<snmalloc_rs::SnMalloc>>,
            "jemalloc" => mixed::<Malloc<tikv_jemallocator::Jemalloc>>,
            "system malloc" => mixed::<Malloc<std::alloc::System>>,
        ],
    },
    Job {
        name: "memory/spans",
        what: "Spans of 1 to 8 blocks of a size",
        sizes: SIZES_OF_SPANS,
        candidates: candidates![
            counted:
            "blockwork SpanPool" => multiples::<Part<SpanPool<Parent>>>,
            "blockwork Heap" => multiples::<Part<Heap<Parent>>>;
            mallocs:
            "blockwork Malloc" => multiples::<Malloc<Ours>>,
            "mimalloc" => multiples::<Malloc<mimalloc::MiMalloc>>,
            "snmalloc" => multiples::<Malloc<snmalloc_rs::SnMalloc>>,
            "jemalloc" => multiples::<Malloc<tikv_jemallocator::Jemalloc>>,
            "system malloc" => multiples::<Malloc<std::alloc::System>>,
        ],
    },
];

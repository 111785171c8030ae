//! The ten classes of soundness bugs that allocators and containers of this field had,
//! each as tests over every part that has to do with it, with the cases named.
//!
//! | | class | here | and |
//! |---|---|---|---|
//! | 1 | wrong length copied or zeroed | `lengths` | the conformance harness; `typed::differential` |
//! | 2 | lifetimes lost on iterators and handles | `lifetimes` | examples that must not compile: `combine/refused.rs`, `strategy/arena/escapes.rs`, `typed/escapes.rs` |
//! | 3 | wrong `Send` or `Sync` | `threads` | `send_sync!` beside every part |
//! | 4 | identity: moved, copied, foreign | `identity` | the harness moves each part, and puts two over one parent |
//! | 5 | alignment | `alignment` | the harness: sizes × alignments up to 4 MiB, over a parent that aligns no better than asked |
//! | 6 | regions, sizes, overflow | `regions` | the harness: impossible requests |
//! | 7 | uninitialised or shared metadata | `metadata` | the harness: dirty memory from `Strict` |
//! | 8 | nothing: no bytes, no size | `nothing` | `typed`, with `Marker` |
//! | 9 | panics and re-entrancy | `faults` | `typed::panics`, `typed::pool::faults`; the harness: `Reentrant` |
//! | 10 | lock-free: ABA, late frees, retired memory | `lock_free` | models and schedules beside each part; `threads` |
#![expect(
    clippy::arithmetic_side_effects,
    clippy::multiple_unsafe_ops_per_block,
    reason = "helpers are tests as well: an overflow fails them"
)]

use alloc::rc::Rc;

use blockwork::{Allocate, notation::Composition, testing::Strict};

mod alignment;
mod identity;
mod lengths;
mod lifetimes;
mod lock_free;
mod metadata;
mod nothing;
mod regions;
mod threads;

/// Every strategy and every combinator that serves any size, with its edges where the
/// sizes of these tests are.
const PARTS: &[&str] = &[
    "bump(2M) over parent",
    "arena over parent",
    "arena(256..4k) over parent",
    "span_pool(64) over parent",
    "span_pool(4k, keep 10%..50%) over parent",
    "mixed_slab(16k) over parent",
    "memo over parent",
    "memo(24|48|200|1000) over parent",
    "segregate(<=1k: slab(quad 16..1k, 16k) over parent, else parent)",
    "segregate(<=48: block_pool(48, blocks 20) over parent, else parent)",
    "segregate(<=1k: block_pool(quad 16..1k, blocks 10) over parent, else parent)",
    "segregate(<=48: concurrent_block_pool(48, chunk 1k) over parent, else parent)",
    "fallback(bump(4k) over parent, parent)",
    "last_resort(parent, bump(2k) over parent)",
    "counted over parent",
    "quota(1G) over parent",
    "affix over parent",
    "min_align(64) over parent",
    "scrubbed over parent",
    "checked over parent",
    "checked(fence 16, fill, quarantine 4) over parent",
    "locked over parent",
    "thread_cached(quad 16..1k, limit 2k) over parent",
    "frozen over parent",
    "system",
    "pages",
    "guarded",
];

/// Gives `body` each of them, over a parent that sees every mistake; and in the end
/// nothing is left.
fn each(body: impl Fn(&str, &dyn Allocate)) {
    for text in PARTS {
        // The sources are the same over any.
        let floors = if text.contains("parent") { 2 } else { 1 };
        for strict in [Strict::new(), Strict::new().grain(112).room(256)].into_iter().take(floors) {
            let composition = Composition::parse_with(text, &["parent"]).unwrap_or_else(|error| panic!("{error}"));
            let heap = composition.build_over(&[("parent", Rc::new(&strict))]).unwrap();
            body(text, &heap);
            drop(heap);
            assert_eq!((strict.live_blocks(), strict.faults()), (0, vec![]), "{text}");
        }
    }
}

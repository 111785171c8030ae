//! Compositions that were written down: the laws hold, and the Rust that is
//! printed does the same.

use alloc::rc::Rc;
use core::{alloc::Layout, ptr::NonNull};

use blockwork::{
    Allocate,
    notation::{Composed, Composition},
    suite,
    testing::Suite,
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

#[rustfmt::skip]
#[expect(unreachable_pub, clippy::std_instead_of_alloc, clippy::unreadable_literal, reason = "what is printed stands in a program of its own")]
mod emitted;

/// A part, and what the harness has to know of it.
type Entry = (&'static str, fn(Suite) -> Suite);

/// Parts that serve any size; not those that end the program when the harness
/// leaves blocks live, or lets the parent fail.
const PARTS: &[Entry] = &[
    ("span_pool(64) over parent", Suite::owns_spans),
    ("span_pool(256, 4k, keep 10%..50%) over parent", Suite::owns_spans),
    ("span_pool(4k, keep eagerly 0..64k) over parent", Suite::owns_spans),
    ("mixed_slab(16k) over parent", Suite::owns_spans),
    ("arena over parent", |suite| suite.owns_spans().region()),
    ("memo over parent", |suite| suite),
    ("memo(quad 16..4k, limit 10k) over parent", |suite| suite.retains(10 << 10)),
    ("memo(24|48|200|1000) over parent", |suite| suite),
    ("segregate(<=1k: slab(quad 16..1k, 16k) over parent, else parent)", |suite| suite),
    (
        "segregate(<=64: slab(64, 4k, keep 0) over parent, <=2k: slab(pow2 128..2k, 16k) over parent, else parent)",
        |suite| suite,
    ),
    ("segregate(<=128: slab(8|32|128, 4k) over parent, else parent)", |suite| suite),
    ("segregate(<=48: block_pool(48, blocks 20) over parent, else parent)", |suite| suite),
    ("segregate(<=48: concurrent_block_pool(48, chunk 1k) over parent, else parent)", |suite| suite),
    ("let s = span_pool(256) over parent; segregate(<=64: memo over s, else s)", |suite| suite),
    ("fallback(bump(4k) over parent, parent)", Suite::region),
    ("fallback(span_pool(64, capacity 64) over parent, parent)", |suite| suite),
    ("last_resort(parent, bump(2k) over parent)", Suite::region),
    ("counted over parent", |suite| suite.retains(0)),
    ("quota(1G) over parent", |suite| suite.retains(0)),
    ("affix over parent", |suite| suite.retains(0)),
    ("scrubbed over parent", |suite| suite.retains(0)),
    ("locked over parent", |suite| suite.retains(0).not_reentrant()),
    ("thread_cached(quad 16..1k, limit 2k) over parent", |suite| suite),
    ("segregate(<=1k: block_pool(quad 16..1k, blocks 10) over parent, else parent)", |suite| suite),
    ("min_align(64) over parent", |suite| suite.retains(0)),
    ("frozen over parent", |suite| suite.retains(0)),
];

/// The suite of a part, built anew over whatever parent the harness has.
fn suite_of((text, with): Entry) -> Suite {
    let composition = Composition::parse_with(text, &["parent"]).unwrap_or_else(|error| panic!("{error}"));
    let suite = suite!(text, |parent| composition.build_over(&[("parent", Rc::new(parent))]).unwrap());
    with(suite)
}

/// The suites of all parts that are written down.
pub(super) fn suites() -> Vec<Suite> {
    PARTS.iter().copied().map(suite_of).collect()
}

#[test]
fn every_part_keeps_the_laws() {
    suites().iter().for_each(Suite::run);
}

#[test]
fn random_compositions_keep_the_laws() {
    let config = Config { cases: 30, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &[0x5A; 16]));
    let outcome = runner.run(&prop::collection::vec(prop::sample::select(PARTS), 3..=4), |parts| {
        let stacked = parts.into_iter().map(suite_of).reduce(|below, above| above.over(&below));
        stacked.map_or(Ok(()), |suite| suite.try_run()).map_err(|failure| TestCaseError::fail(failure.to_string()))
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// What an allocator grants and whether it serves, asked for these sizes in a
/// row, some of them freed again; no alignment but those that `malloc` gives
/// without padding, which would depend on the address.
#[expect(clippy::arithmetic_side_effects, reason = "small numbers")]
fn trail(heap: &impl Allocate) -> Vec<(usize, bool)> {
    let mut live: Vec<(NonNull<u8>, Layout)> = Vec::new();
    let mut trail = Vec::new();
    for round in 0_usize..400 {
        let size = [8, 25, 50, 100, 1001, 4098, 5000, 100_000][round * 7 % 8];
        let layout = Layout::from_size_align(size, [1, 8, 16, 4][round % 4]).unwrap();
        let block = heap.allocate(layout);
        trail.push((heap.granted(layout), block.is_ok()));
        live.extend(block.ok().map(|block| (block, layout)));
        if round % 3 == 0 && !live.is_empty() {
            let (block, layout) = live.swap_remove(round * 5 % live.len());
            // SAFETY: allocated above with this layout, freed once.
            unsafe { heap.deallocate(block, layout) };
        }
    }
    for (block, layout) in live {
        // SAFETY: allocated above with this layout, freed once.
        unsafe { heap.deallocate(block, layout) };
    }
    trail
}

fn built(text: &str) -> Composed<'static> {
    text.parse::<Composition>().unwrap().build().unwrap()
}

#[test]
fn the_rust_that_is_printed_does_the_same() {
    macro_rules! compare {
        ($($module:ident),*) => {$({
            let text = emitted::$module::TEXT;
            assert_eq!(trail(&emitted::$module::heap()), trail(&built(text)), "{text}");
        })*};
    }
    emitted::every!(compare);
}

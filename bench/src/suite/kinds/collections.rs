//! Vectors, strings and maps, and where their memory comes from.

use allocator_api2::{alloc::Allocator, vec::Vec as Api2Vec};
use bench::opaque::{opaque_mut, opaque_ref};
use blockwork::{
    ArenaString, ArenaVec, Handle, List, Locked, Reset as _, Retain, SpanPool, SpanPoolConfig, System, handle,
};
use hashbrown::{DefaultHashBuilder, HashMap};

use super::{Bar, Workload, bump::Values, candidates};
use crate::{
    peers::{
        blink_alloc::Blink, blockwork::Spans, bump_scope::BumpScope, bumpalo::Bumpalo, floor::Span, global::Global,
    },
    run::Run,
};

/// Memory for collections that all end before a reset.
pub(crate) trait Region {
    type Allocator<'a>: Allocator + Copy
    where
        Self: 'a;

    /// With room for `bytes`, if that can be said.
    fn new(bytes: usize) -> Self;

    fn allocator(&self) -> Self::Allocator<'_>;

    fn reset(&mut self);
}

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "collections/push",
        operation: "push a number onto a vector that grows from nothing to 10,000, then ends",
        reference: "std Vec",
        candidates: candidates![
            "std Vec" => push_std,
            "blockwork List over System" => push_list::<System>,
            "blockwork List over SpanPool" => push_list::<Spanned>,
            "blockwork ArenaVec" => push_arena,
            "bumpalo's Vec" => push_bumpalo,
            "bump-scope's BumpVec" => push_bump_scope,
            "allocator-api2 Vec in Arena" => push::<Spans>,
            "allocator-api2 Vec in bumpalo" => push::<Bumpalo<1>>,
            "allocator-api2 Vec in bump-scope" => push::<BumpScope>,
            "allocator-api2 Vec in blink-alloc" => push::<Blink>,
            "allocator-api2 Vec in a bump by hand" => push::<Span>,
            "allocator-api2 Vec in mimalloc" => push::<Global<mimalloc::MiMalloc>>,
            "allocator-api2 Vec in snmalloc" => push::<Global<snmalloc_rs::SnMalloc>>,
            "allocator-api2 Vec in jemalloc" => push::<Global<tikv_jemallocator::Jemalloc>>,
            "allocator-api2 Vec in system malloc" => push::<Global<std::alloc::System>>,
        ],
        bars: &[],
    },
    Workload {
        name: "collections/push-with-room",
        operation: "push a number onto a vector that has room for all 10,000, then ends",
        reference: "std Vec",
        candidates: candidates![
            "std Vec" => room_std,
            "blockwork List over System" => room_list::<System>,
            "blockwork List over SpanPool" => room_list::<Spanned>,
            "blockwork ArenaVec" => room_arena,
            "bumpalo's Vec" => room_bumpalo,
            "bump-scope's BumpVec" => room_bump_scope,
        ],
        bars: &[Bar::times("blockwork List over System", 1.0)],
    },
    Workload {
        name: "collections/push-str",
        operation: "append seven bytes to a string that grows from nothing to 14,000, then ends",
        reference: "std String",
        candidates: candidates![
            "std String" => push_str_std,
            "blockwork ArenaString" => push_str_arena,
            "bumpalo's String" => push_str_bumpalo,
            "bump-scope's BumpString" => push_str_bump_scope,
        ],
        bars: &[],
    },
    Workload {
        name: "collections/small-vectors",
        operation: "a vector of 1 to 16 numbers, one of 10,000 that live until all are dropped",
        reference: "bump by hand",
        candidates: candidates![
            "bump by hand" => small::<Span>,
            "blockwork Arena" => small::<Spans>,
            "bumpalo" => small::<Bumpalo<1>>,
            "bump-scope" => small::<BumpScope>,
            "blink-alloc" => small::<Blink>,
            "mimalloc" => small::<Global<mimalloc::MiMalloc>>,
            "snmalloc" => small::<Global<snmalloc_rs::SnMalloc>>,
            "jemalloc" => small::<Global<tikv_jemallocator::Jemalloc>>,
            "system malloc" => small::<Global<std::alloc::System>>,
        ],
        bars: &[Bar::times("blockwork Arena", 1.1)],
    },
    Workload {
        name: "collections/map",
        operation: "insert into a hash map that grows from nothing to 1,000, and look it up once",
        reference: "system malloc",
        candidates: candidates![
            "bump by hand" => map::<Span>,
            "blockwork Arena" => map::<Spans>,
            "bumpalo" => map::<Bumpalo<1>>,
            "bump-scope" => map::<BumpScope>,
            "blink-alloc" => map::<Blink>,
            "mimalloc" => map::<Global<mimalloc::MiMalloc>>,
            "snmalloc" => map::<Global<snmalloc_rs::SnMalloc>>,
            "jemalloc" => map::<Global<tikv_jemallocator::Jemalloc>>,
            "system malloc" => map::<Global<std::alloc::System>>,
        ],
        bars: &[],
    },
];

const BYTES: usize = 4 << 20;

/// Spans that stay in the pool when they are free, as they do in the others.
const KEPT: SpanPoolConfig =
    SpanPoolConfig { backing_request: Some(1 << 20), retain: Retain::never_release(), ..SpanPoolConfig::DEFAULT };

static SPANNED: Locked<SpanPool<System>> = Locked::new(SpanPool::new(
    System,
    match KEPT.check() {
        Ok(config) => config,
        Err(_) => panic!("a good configuration"),
    },
));
handle!(
    /// Memory that can grow where it is.
    pub(crate) struct Spanned = SPANNED;
);

/// Pushes `pushes` numbers onto `$vec` and adds them up.
macro_rules! push_all {
    ($vec:expr, $pushes:expr) => {{
        let mut vec = $vec;
        for number in 0..$pushes as u32 {
            opaque_mut(&mut vec).push(number);
        }
        opaque_ref(&vec).iter().fold(0_u64, |sum, &number| sum.wrapping_add(u64::from(number)))
    }};
}

fn pushes(run: &Run) -> usize {
    run.size(10_000)
}

fn push_std(run: &mut Run) {
    let pushes = pushes(run);
    run.rounds(pushes, || push_all!(Vec::new(), pushes));
}

fn push_list<A: Handle>(run: &mut Run) {
    let pushes = pushes(run);
    run.rounds(pushes, || push_all!(List::<u32, A>::new(), pushes));
}

fn push_arena(run: &mut Run) {
    let pushes = pushes(run);
    let mut region = <Spans as Values>::new(BYTES);
    run.rounds(pushes, || {
        let sum = push_all!(ArenaVec::new_in(&region.0), pushes);
        region.0.reset();
        sum
    });
}

fn push_bumpalo(run: &mut Run) {
    let pushes = pushes(run);
    let mut region = bumpalo::Bump::with_capacity(BYTES);
    run.rounds(pushes, || {
        let sum = push_all!(bumpalo::collections::Vec::new_in(&region), pushes);
        region.reset();
        sum
    });
}

fn push_bump_scope(run: &mut Run) {
    let pushes = pushes(run);
    let mut region = <BumpScope as Values>::new(BYTES);
    run.rounds(pushes, || {
        let sum = push_all!(bump_scope::BumpVec::new_in(&region.0), pushes);
        region.0.reset();
        sum
    });
}

fn room_std(run: &mut Run) {
    let pushes = pushes(run);
    run.rounds(pushes, || push_all!(Vec::with_capacity(pushes), pushes));
}

fn room_list<A: Handle>(run: &mut Run) {
    let pushes = pushes(run);
    run.rounds(pushes, || push_all!(List::<u32, A>::with_capacity(pushes), pushes));
}

fn room_arena(run: &mut Run) {
    let pushes = pushes(run);
    let mut region = <Spans as Values>::new(BYTES);
    run.rounds(pushes, || {
        let sum = push_all!(ArenaVec::with_capacity_in(pushes, &region.0), pushes);
        region.0.reset();
        sum
    });
}

fn room_bumpalo(run: &mut Run) {
    let pushes = pushes(run);
    let mut region = bumpalo::Bump::with_capacity(BYTES);
    run.rounds(pushes, || {
        let sum = push_all!(bumpalo::collections::Vec::with_capacity_in(pushes, &region), pushes);
        region.reset();
        sum
    });
}

fn room_bump_scope(run: &mut Run) {
    let pushes = pushes(run);
    let mut region = <BumpScope as Values>::new(BYTES);
    run.rounds(pushes, || {
        let sum = push_all!(bump_scope::BumpVec::with_capacity_in(pushes, &region.0), pushes);
        region.0.reset();
        sum
    });
}

fn push<R: Region>(run: &mut Run) {
    let pushes = pushes(run);
    let mut region = R::new(BYTES);
    run.rounds(pushes, || {
        let sum = push_all!(Api2Vec::new_in(region.allocator()), pushes);
        region.reset();
        sum
    });
}

/// Appends to `$string` and counts its bytes.
macro_rules! push_str_all {
    ($string:expr, $times:expr) => {{
        let mut string = $string;
        let text = core::hint::black_box("7 bytes");
        for _ in 0..$times {
            opaque_mut(&mut string).push_str(text);
        }
        let last = opaque_ref(&string).as_bytes().last().copied().map_or(0, u64::from);
        string.len() as u64 + last
    }};
}

fn appends(run: &Run) -> usize {
    run.size(2_000)
}

fn push_str_std(run: &mut Run) {
    let appends = appends(run);
    run.rounds(appends, || push_str_all!(String::new(), appends));
}

fn push_str_arena(run: &mut Run) {
    let appends = appends(run);
    let mut region = <Spans as Values>::new(BYTES);
    run.rounds(appends, || {
        let sum = push_str_all!(ArenaString::new_in(&region.0), appends);
        region.0.reset();
        sum
    });
}

fn push_str_bumpalo(run: &mut Run) {
    let appends = appends(run);
    let mut region = bumpalo::Bump::with_capacity(BYTES);
    run.rounds(appends, || {
        let sum = push_str_all!(bumpalo::collections::String::new_in(&region), appends);
        region.reset();
        sum
    });
}

fn push_str_bump_scope(run: &mut Run) {
    let appends = appends(run);
    let mut region = <BumpScope as Values>::new(BYTES);
    run.rounds(appends, || {
        let sum = push_str_all!(bump_scope::BumpString::new_in(&region.0), appends);
        region.0.reset();
        sum
    });
}

fn small<R: Region>(run: &mut Run) {
    let vectors = run.size(10_000);
    let mut region = R::new(BYTES);
    run.rounds(vectors, || {
        let mut sum = 0_u64;
        {
            let mut all = Vec::with_capacity(vectors);
            for at in 0..vectors {
                let mut vec = Api2Vec::new_in(region.allocator());
                for number in 0..1 + at as u32 % 16 {
                    opaque_mut(&mut vec).push(number);
                }
                all.push(vec);
            }
            for vec in opaque_ref(&all) {
                sum = sum.wrapping_add(vec.len() as u64 + u64::from(vec[vec.len() - 1]));
            }
        }
        region.reset();
        sum
    });
}

fn map<R: Region>(run: &mut Run) {
    let entries = run.size(1_000);
    let mut region = R::new(BYTES);
    let hashes = DefaultHashBuilder::default();
    run.rounds(entries, || {
        let mut sum = 0_u64;
        {
            let mut map = HashMap::with_hasher_in(hashes.clone(), region.allocator());
            for key in 0..entries as u64 {
                opaque_mut(&mut map).insert(key, !key);
            }
            for key in 0..entries as u64 {
                sum = sum.wrapping_add(opaque_ref(&map)[&key]);
            }
        }
        region.reset();
        sum
    });
}

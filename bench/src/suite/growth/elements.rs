//! With the length of what grows: a region until its reset, a vector, a map.

use allocator_api2::vec::Vec as Api2Vec;
use bench::opaque::{opaque_mut, opaque_ref};
use blockwork::{ArenaVec, Handle, List, Reset as _, System};
use hashbrown::{DefaultHashBuilder, HashMap};

use super::{Growth, TO_1E6, TO_1E7, curves};
use crate::{
    kinds::{
        bump::Values,
        collections::{Region, Spanned},
    },
    peers::{
        blink_alloc::Blink,
        blockwork::{OneSpan, Spans},
        bump_scope::BumpScope,
        bumpalo::Bumpalo,
        floor::Span,
        global::{Global, Kept, Malloc},
        typed_arena::Words,
    },
    run::Run,
};

pub(super) const GROWTHS: &[Growth] = &[
    Growth {
        name: "growth/region",
        operation: "write a word into a block of its own; all end together",
        axis: "words until the reset",
        points: TO_1E7,
        curves: curves![
            "blockwork Arena" => words::<Spans>,
            "blockwork Bump" => words::<OneSpan>,
            "bump by hand" => words::<Span>,
            "bumpalo" => words::<Bumpalo<1>>,
            "bump-scope" => words::<BumpScope>,
            "blink-alloc" => words::<Blink>,
            "typed-arena, made anew" => words::<Words>,
            "mimalloc, each freed" => words::<Kept<Malloc<mimalloc::MiMalloc>>>,
            "jemalloc, each freed" => words::<Kept<Malloc<tikv_jemallocator::Jemalloc>>>,
            "system malloc, each freed" => words::<Kept<Malloc<std::alloc::System>>>,
        ],
    },
    Growth {
        name: "growth/vector",
        operation: "push a number onto a vector that grows from nothing, then ends",
        axis: "numbers in the end",
        points: TO_1E7,
        curves: curves![
            "blockwork ArenaVec" => push_arena,
            "blockwork List over SpanPool" => push_list::<Spanned>,
            "blockwork List over System" => push_list::<System>,
            "std Vec" => push_std,
            "bumpalo's Vec" => push_bumpalo,
            "bump-scope's BumpVec" => push_bump_scope,
            "allocator-api2 Vec in mimalloc" => push::<Global<mimalloc::MiMalloc>>,
            "allocator-api2 Vec in jemalloc" => push::<Global<tikv_jemallocator::Jemalloc>>,
        ],
    },
    Growth {
        name: "growth/map",
        operation: "insert into a hash map that grows from nothing, and look it up once",
        axis: "entries in the end",
        points: TO_1E6,
        curves: curves![
            "blockwork Arena" => map::<Spans>,
            "bumpalo" => map::<Bumpalo<1>>,
            "bump-scope" => map::<BumpScope>,
            "mimalloc" => map::<Global<mimalloc::MiMalloc>>,
            "jemalloc" => map::<Global<tikv_jemallocator::Jemalloc>>,
            "system malloc" => map::<Global<std::alloc::System>>,
        ],
    },
];

/// Operations in a round; fewer would be told by the clock's own time.
const ROUND: usize = 20_000;

/// How often something short is repeated in a round.
fn times(run: &Run, length: usize) -> usize {
    run.size(ROUND).div_ceil(length)
}

fn words<P: Values>(run: &mut Run, words: usize) {
    let words = run.size(words);
    let times = times(run, words);
    let mut region = P::new(words * size_of::<u64>());
    run.rounds(words * times, || {
        (0..times).fold(0_u64, |sum, _| {
            let read = region.words(words as u64);
            region.reset();
            sum.rotate_left(1).wrapping_add(read)
        })
    });
}

/// Grows a vector some times, and adds up what is in it.
macro_rules! push_all {
    ($run:ident, $numbers:ident, $vec:expr $(, $after:expr)?) => {{
        let numbers = $run.size($numbers);
        let times = times($run, numbers);
        $run.rounds(numbers * times, || {
            let mut sum = 0_u64;
            for _ in 0..times {
                {
                    let mut vec = $vec;
                    for number in 0..numbers as u32 {
                        opaque_mut(&mut vec).push(number);
                    }
                    sum = opaque_ref(&vec).iter().fold(sum, |sum, &number| sum.wrapping_add(u64::from(number)));
                }
                $($after;)?
            }
            sum
        });
    }};
}

/// Room for a vector that grows where it is.
fn room(run: &Run, numbers: usize) -> usize {
    run.size(numbers) * 2 * size_of::<u32>() + 4096
}

fn push_std(run: &mut Run, numbers: usize) {
    push_all!(run, numbers, Vec::new());
}

fn push_list<A: Handle>(run: &mut Run, numbers: usize) {
    push_all!(run, numbers, List::<u32, A>::new());
}

fn push_arena(run: &mut Run, numbers: usize) {
    let mut region = <Spans as Values>::new(room(run, numbers));
    push_all!(run, numbers, ArenaVec::new_in(&region.0), region.0.reset());
}

fn push_bumpalo(run: &mut Run, numbers: usize) {
    // It copies what grows: twice the room.
    let mut region = bumpalo::Bump::with_capacity(2 * room(run, numbers));
    push_all!(run, numbers, bumpalo::collections::Vec::new_in(&region), region.reset());
}

fn push_bump_scope(run: &mut Run, numbers: usize) {
    let mut region = <BumpScope as Values>::new(room(run, numbers));
    push_all!(run, numbers, bump_scope::BumpVec::new_in(&region.0), region.0.reset());
}

fn push<R: Region>(run: &mut Run, numbers: usize) {
    let mut region = R::new(room(run, numbers));
    push_all!(run, numbers, Api2Vec::new_in(region.allocator()), region.reset());
}

fn map<R: Region>(run: &mut Run, entries: usize) {
    let entries = run.size(entries);
    let times = times(run, entries);
    let mut region = R::new(entries * 80 + 4096);
    let hashes = DefaultHashBuilder::default();
    run.rounds(entries * times, || {
        let mut sum = 0_u64;
        for _ in 0..times {
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
        }
        sum
    });
}

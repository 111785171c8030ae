//! Size classes that leave little of a block over: what a composition for few bytes looks like.

use blockwork::{
    Allocate, BlockPoolHead, BlockPoolPolicy, ChunkSize, Segregate, SizeClasses, UpTo,
    math::size_class::{Initial, Listed, Sizes},
};

/// A class every 8 bytes up to 128, from pages; then every 16, 32 and 64 bytes, from four blocks at a time.
pub type Fine<A> = Segregate<UpTo<128>, Pools<Eights, A>, Pools<Steps, A>>;

type Pools<L, A> = SizeClasses<Listed<L>, BlockPoolHead, A>;

/// Every 8 bytes up to 128.
#[derive(Clone, Copy, Debug, Default)]
pub struct Eights;

impl Sizes for Eights {
    const SIZES: &'static [usize] = &steps::<16>(0, &[(128, 8)]);
    type PerSize<T: Initial> = [T; 16];
}

/// Every 16 bytes up to 512, every 32 up to 2 KiB, every 64 up to 8 KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps;

impl Sizes for Steps {
    const SIZES: &'static [usize] = &steps::<168>(128, &[(512, 16), (2048, 32), (8192, 64)]);
    type PerSize<T: Initial> = [T; 168];
}

/// So many sizes above `size`: up to each number in steps of the one beside it.
const fn steps<const COUNT: usize>(mut size: usize, ends: &[(usize, usize)]) -> [usize; COUNT] {
    let mut sizes = [0; COUNT];
    let (mut at, mut part) = (0, 0);
    while at < COUNT {
        let (end, step) = ends[part];
        size += step;
        sizes[at] = size;
        at += 1;
        part += (size == end) as usize;
    }
    sizes
}

/// Over a parent that is asked twice.
pub fn fine<A: Allocate + Copy>(parent: A) -> Fine<A> {
    let small = BlockPoolPolicy { chunk: ChunkSize::Bytes(4096) };
    let large = BlockPoolPolicy { chunk: ChunkSize::Blocks(4) };
    let small = SizeClasses::try_new(parent, small).expect("a good configuration");
    Segregate::new(UpTo, small, SizeClasses::try_new(parent, large).expect("a good configuration"))
}

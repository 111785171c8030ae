//! A whole heap in 40 KiB of the program's image: small sizes in slabs, large
//! ones as runs of blocks, lists that grow in it.
//!
//! ```text
//! HEAP  Segregate ─ up to 256 bytes ─► SizeClasses ─ slabs of 1 KiB ─┐
//!           └────── larger ─────────────────────────────────────────┴─► ROOT  SpanPool over 40 KiB
//! ```

#![no_std]
#![no_main]

use core::{alloc::Layout, ffi::c_int, ptr::NonNull};

use blockwork::{
    Allocate, Buffer, Bump, Const, CriticalSection, Locked, Quad, Retain, Segregate, SizeClasses, SlabHead, SlabPolicy,
    SpanPool, SpanPoolConfig, UpTo, Valid,
};
use embedded::{Step, ensure, exit_code, region};

const SPANS: Valid<SpanPoolConfig> = match (SpanPoolConfig {
    block: 512,
    backing_request: Some(1024),
    retain: Retain::never_release(),
    ..SpanPoolConfig::DEFAULT
})
.check()
{
    Ok(config) => config,
    Err(_) => panic!("the configuration is valid"),
};
const SLABS: Valid<SlabPolicy<Const<1024>>> = match (SlabPolicy { slab_size: Const, keep: 1 }).check() {
    Ok(policy) => policy,
    Err(_) => panic!("the policy is valid"),
};

type Root = Locked<SpanPool<Bump<Buffer<'static>>>, CriticalSection>;
type Small = SizeClasses<Quad<256>, SlabHead<Const<1024>>, &'static Root>;

/// The memory of small and large blocks alike.
static ROOT: Root = Locked::with_lock(SpanPool::new(Bump::new_all(region!(40 << 10)), SPANS), CriticalSection);
/// The heap; what it does not need goes back to `ROOT`.
static HEAP: Locked<Segregate<UpTo<256>, Small, &'static Root>, CriticalSection> =
    Locked::with_lock(Segregate::new(UpTo, SizeClasses::new(&ROOT, SLABS), &ROOT), CriticalSection);

blockwork::handle!(
    /// Lists in [`HEAP`].
    struct Heap = HEAP;
);

/// Blocks of many sizes, all live together, and freed out of order.
fn blocks() -> Result<(), u8> {
    let mut live: [Option<(NonNull<u8>, Layout)>; 24] = [None; 24];
    for (place, number) in live.iter_mut().zip(1_usize..) {
        let layout = Layout::from_size_align(number.wrapping_mul(17), 8).step(1)?;
        *place = Some((HEAP.allocate(layout).step(2)?, layout));
    }
    for parity in [0, 1] {
        for (block, layout) in live.iter().skip(parity).step_by(2).flatten() {
            // SAFETY: allocated above with this layout, each freed once.
            unsafe { HEAP.deallocate(*block, *layout) };
        }
    }
    Ok(())
}

fn run() -> Result<(), u8> {
    for _ in 0..100 {
        blocks()?;
        let mut list = blockwork::List::<u32, Heap>::new();
        for number in 0..500 {
            list.try_push(number).step(3)?;
        }
        ensure(list.iter().sum::<u32>() == 124_750, 4)?;
        // More than there is: an error, and the list is as it was.
        ensure(list.try_reserve(1 << 20).is_err() && list.len() == 500, 5)?;
    }
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    exit_code(run())
}

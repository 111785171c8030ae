//! Scratch memory of a control loop: cut from the front of one buffer, given
//! back all at once when the cycle ends; what does not fit goes to a reserve.
//!
//! ```text
//! cycle    [ matrix | vector | … free … ]   Bump over 2 KiB
//!                                     └─ full ──► [ 256 | 256 | 256 | 256 ]  BlockPool
//! end      reset: both are empty again
//! ```

#![no_std]
#![no_main]

use core::{alloc::Layout, ffi::c_int};

use blockwork::{Allocate, BlockOf, BlockPool, Buffer, Bump, Fallback, Reset};
use embedded::{Step, ensure, exit_code, region};

type Scratch = Fallback<Bump<Buffer<'static>>, BlockPool<Buffer<'static>, BlockOf<256, 8>>>;

/// One cycle: rows of a matrix and a vector, of which `rows` says how many.
fn cycle(scratch: &Scratch, rows: usize) -> Result<u32, u8> {
    let mut sum = 0_u32;
    for row in 0..rows {
        let block = scratch.allocate(Layout::new::<[u32; 50]>()).step(1)?.cast::<[u32; 50]>();
        // SAFETY: just allocated with the layout of a row.
        unsafe { block.write([u32::try_from(row).step(2)?; 50]) };
        // SAFETY: just written.
        sum = sum.wrapping_add(unsafe { block.as_ref() }.iter().sum());
    }
    Ok(sum)
}

fn run() -> Result<(), u8> {
    let mut scratch: Scratch =
        Fallback::new(Bump::new_all(region!(2048)), BlockPool::new_all(region!(4 * 256 + 16), BlockOf));
    for _ in 0..1000 {
        ensure(cycle(&scratch, 10)? == 50 * 45, 3)?;
        scratch.reset();
        // Ten rows in the buffer, four in the reserve, and then an error.
        ensure(cycle(&scratch, 14)? == 50 * 91, 4)?;
        ensure(cycle(&scratch, 1).is_err(), 5)?;
        scratch.reset();
    }
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    exit_code(run())
}

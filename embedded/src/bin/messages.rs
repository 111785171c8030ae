//! Messages from an interrupt to the main loop: a pool of 32 blocks, fixed for
//! ever, from which either side takes and to which either gives back.
//!
//! ```text
//! interrupt ─ allocate, fill ─► queue ─► main loop ─ read, free ─┐
//!     ▲                                                          │
//!     └──────────────── static POOL: 32 × 32 bytes ◄─────────────┘
//! ```

#![no_std]
#![no_main]

use core::{alloc::Layout, ffi::c_int, ptr::NonNull};

use blockwork::{Allocate, BlockOf, BlockPool, Buffer, CriticalSection, Locked};
use embedded::{Step, ensure, exit_code, region};

/// What the interrupt tells.
#[repr(C, align(8))]
struct Message {
    channel: u32,
    samples: [u16; 14],
}

const LAYOUT: Layout = Layout::new::<Message>();

type Pool = Locked<BlockPool<Buffer<'static>, BlockOf<32, 8>>, CriticalSection>;

/// Both sides' memory.
static POOL: Pool = Locked::with_lock(BlockPool::new_all(region!(32 * 32 + 16), BlockOf), CriticalSection);

/// What the interrupt does: a message, or nothing where all are under way.
fn interrupt(channel: u32) -> Option<NonNull<Message>> {
    let message = POOL.allocate(LAYOUT).ok()?.cast::<Message>();
    // SAFETY: just allocated with the layout of a message.
    unsafe { message.write(Message { channel, samples: [7; 14] }) };
    Some(message)
}

/// What the main loop does: reads a message and gives its block back.
fn read(message: NonNull<Message>) -> u32 {
    // SAFETY: written by `interrupt`, read once.
    let Message { channel, samples } = unsafe { message.read() };
    // SAFETY: allocated by `interrupt` with this layout, and given up by our caller.
    unsafe { POOL.deallocate(message.cast(), LAYOUT) };
    channel.wrapping_add(samples.iter().copied().map(u32::from).sum())
}

fn run() -> Result<(), u8> {
    for round in 0..100 {
        let mut queue = [None; 33];
        for (place, channel) in queue.iter_mut().zip(round..) {
            *place = interrupt(channel);
        }
        // The pool is bounded: the 33rd is an `Err` in the interrupt, and no more.
        ensure(queue.iter().flatten().count() == 32, 1)?;
        for (message, channel) in queue.into_iter().flatten().zip(round..) {
            ensure(read(message) == channel.wrapping_add(98), 2)?;
        }
    }
    POOL.allocate(LAYOUT).map(|_| ()).step(3)
}

#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    exit_code(run())
}

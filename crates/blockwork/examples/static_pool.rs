//! A pool without a heap: 32 blocks in a `static`, taken and freed by any thread
//! or handler, without a lock, for as long as the program runs.
//!
//! ```text
//! sender ─ allocate, fill ─► queue ─► receiver ─ read, free ─┐
//!    ▲                                                       │
//!    └── static POOL: [ links ┊ 32 blocks of 64 bytes ] ◄────┘
//! ```
//!
//! The same without std and without a panic, with the bytes it takes in flash:
//! `embedded/src/bin/messages.rs`.
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::{alloc::Layout, error::Error, mem::MaybeUninit, ptr::NonNull};
use std::{sync::mpsc, thread};

use blockwork::{AllocError, Allocate, BlockOf, Buffer, ConcurrentBlockPool, InBuffer};

/// 32 blocks, each with a link of four bytes.
const SIZE: usize = 32 * (64 + 4);

#[repr(align(64))]
struct Memory([MaybeUninit<u8>; SIZE]);

pub(crate) type Mail<'m> = ConcurrentBlockPool<Buffer<'m>, BlockOf<64>, InBuffer>;

static POOL: Mail<'static> = {
    static mut MEMORY: Memory = Memory([MaybeUninit::uninit(); SIZE]);
    #[expect(static_mut_refs, reason = "the only one")]
    // SAFETY: nobody else can name it.
    ConcurrentBlockPool::new_all(Buffer::new(unsafe { &mut MEMORY.0 }), BlockOf)
};

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Mail<'_>>() == 256, "docs/recipes.md says so");

/// A message in a block of the pool; its block goes back when it has been read.
struct Letter(NonNull<[u32; 16]>);

// SAFETY: the block is the letter's own, and any thread may free it.
unsafe impl Send for Letter {}

impl Letter {
    const LAYOUT: Layout = Layout::new::<[u32; 16]>();

    fn write(text: [u32; 16]) -> Result<Self, AllocError> {
        let block = POOL.allocate(Self::LAYOUT)?.cast();
        // SAFETY: just allocated with this layout.
        unsafe { block.write(text) };
        Ok(Self(block))
    }

    fn read(&self) -> [u32; 16] {
        // SAFETY: written when it was made.
        unsafe { self.0.read() }
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and not used again.
        unsafe { POOL.deallocate(self.0.cast(), Self::LAYOUT) };
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    println!("state: {} bytes, and {SIZE} for {} blocks", size_of_val(&POOL), POOL.blocks_max());
    let (send, receive) = mpsc::channel::<Letter>();
    let receiver = thread::spawn(move || receive.iter().map(|letter| letter.read().iter().sum::<u32>()).sum::<u32>());
    let mut waits = 0_u32;
    for number in 0..1000 {
        // Whoever has no block waits until the receiver is through with one.
        let letter = loop {
            match Letter::write([number; 16]) {
                Ok(letter) => break letter,
                Err(AllocError) => {
                    waits = waits.saturating_add(1);
                    thread::yield_now();
                }
            }
        };
        send.send(letter)?;
    }
    drop(send);
    let sum = receiver.join().map_err(|_| "the receiver panicked")?;
    println!("1000 letters, sum {sum}, waited {}", if waits == 0 { "never" } else { "at times" });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_its_blocks_the_pool_refuses_and_serves_again_when_one_is_freed() {
        let mut memory = Memory([MaybeUninit::uninit(); SIZE]);
        let pool: Mail<'_> = ConcurrentBlockPool::new_all(Buffer::new(&mut memory.0), BlockOf);
        let blocks: Vec<_> = (0..40).map_while(|_| pool.allocate(Letter::LAYOUT).ok()).collect();
        assert_eq!((blocks.len(), pool.blocks_max()), (32, 32));
        // SAFETY: allocated above with this layout.
        unsafe { pool.deallocate(blocks[7], Letter::LAYOUT) };
        assert_eq!(pool.allocate(Letter::LAYOUT), Ok(blocks[7]));
    }
}

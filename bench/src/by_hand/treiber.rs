//! What the concurrent pool is held against: a fixed, tagged stack whose links
//! lie in the blocks, as they do in the pools of the field.

use std::{
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Bytes of a block.
const SIZE: usize = 64;
const NONE: u32 = u32::MAX;
const TAG: u64 = 1 << 32;

/// Blocks by their numbers: a number and a tag in the head, a number in the first
/// word of each free block.
pub struct Treiber {
    head: AtomicU64,
    blocks: NonNull<u8>,
}

impl Treiber {
    /// All of `memory`, which is aligned for numbers and lives as long.
    pub fn new(memory: &mut [[u8; SIZE]]) -> Self {
        let pool = Self { head: AtomicU64::new(u64::from(NONE)), blocks: NonNull::from(&mut *memory).cast() };
        for index in (0..memory.len()).rev() {
            // SAFETY: inside the memory.
            let block = unsafe { pool.blocks.add(index * SIZE) };
            // SAFETY: nobody has it.
            unsafe { pool.push(block) };
        }
        pool
    }

    /// The block pushed last, if there is one.
    #[inline(always)]
    pub fn pop(&self) -> Option<NonNull<u8>> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let index = head as u32;
            if index == NONE {
                return None;
            }
            // SAFETY: inside the memory.
            let block = unsafe { self.blocks.add(index as usize * SIZE) };
            // SAFETY: the memory is valid, and aligned for numbers. Another thread
            // may own the block by now and write to it: that is the race that such
            // pools have.
            let next = unsafe { block.cast::<AtomicU32>().as_ref() }.load(Ordering::Relaxed);
            let new = (head.wrapping_add(TAG) & !(TAG - 1)) | u64::from(next);
            match self.head.compare_exchange_weak(head, new, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some(block),
                Err(now) => head = now,
            }
        }
    }

    /// Adds a block.
    ///
    /// # Safety
    ///
    /// - `block` came from `pop`, and nobody uses it any more.
    #[inline(always)]
    pub unsafe fn push(&self, block: NonNull<u8>) {
        let index = (block.addr().get().wrapping_sub(self.blocks.addr().get()) / SIZE) as u32;
        // SAFETY: the caller's promise.
        let link = unsafe { block.cast::<AtomicU32>().as_ref() };
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            link.store(head as u32, Ordering::Relaxed);
            let new = (head & !(TAG - 1)) | u64::from(index);
            match self.head.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

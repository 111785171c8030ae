//! [`Chunks`]: a stack of equal chunks without headers.
//!
//! ```text
//! base                                base + body
//! [ block | block | …… | block ][ link ]
//!                                  └──► link of the next chunk
//! ```
//!
//! The link lies behind the last block, so the first block starts where the
//! chunk starts and has the chunk's whole alignment. A header would push every
//! block off it, unless it took a whole block's place.

use core::ptr::NonNull;

use super::free_list::{FreeList, Link};

/// Bytes that a chunk needs behind its blocks.
pub(crate) const FOOTER_SIZE: usize = size_of::<Link>();

/// A stack of chunks, all with the same number of bytes before the footer.
///
/// Invariant: every chunk in the stack is valid for reads and writes of its
/// body and footer, and the footer is the stack's alone.
#[derive(Debug)]
pub(crate) struct Chunks {
    footers: FreeList,
}

impl Chunks {
    /// An empty stack.
    pub(crate) const fn new() -> Self {
        Self { footers: FreeList::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.footers.iter().count()
    }

    /// Puts the chunk at `base` on top.
    ///
    /// # Safety
    ///
    /// - `body` is that of every chunk in the stack, and a multiple of a
    ///   pointer's alignment.
    /// - The chunk is aligned for a pointer, and valid for reads and writes
    ///   of `body + FOOTER_SIZE` bytes.
    /// - Nobody else uses the footer until the chunk is popped, or the stack
    ///   is never used again.
    pub(crate) unsafe fn push(&self, base: NonNull<u8>, body: usize) {
        // SAFETY: the footer lies inside the chunk.
        let footer = unsafe { base.add(body) };
        // SAFETY: valid for a link, aligned for it, and ours.
        unsafe { self.footers.push(footer) }
    }

    /// Takes the chunk on top, the last one pushed.
    ///
    /// # Safety
    ///
    /// - `body` is that of every chunk in the stack.
    pub(crate) unsafe fn pop(&self, body: usize) -> Option<NonNull<u8>> {
        let footer = self.footers.pop()?;
        // SAFETY: the footer lies `body` bytes into its chunk.
        Some(unsafe { footer.sub(body) })
    }

    /// The bases of the chunks, from the top.
    ///
    /// # Safety
    ///
    /// - `body` is that of every chunk in the stack.
    pub(crate) unsafe fn iter(&self, body: usize) -> impl Iterator<Item = NonNull<u8>> {
        // SAFETY: each footer lies `body` bytes into its chunk.
        self.footers.iter().map(move |footer| unsafe { footer.sub(body) })
    }

    /// Sorts by address, the least on top: in place, `n log n`.
    pub(crate) fn sort(&self) {
        // The bodies are equal, so footers lie in the order of their chunks.
        self.footers.sort();
    }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;

    const BODY: usize = 16;

    #[repr(C, align(16))]
    struct Memory([[u8; 32]; 3]);

    #[test]
    fn chunks_keep_every_byte_of_their_bodies() {
        let mut memory = Memory([[0; 32]; 3]);
        let base = NonNull::from(&mut memory.0).cast::<u8>();
        // SAFETY: inside the array.
        let [a, b, c] = [0, 32, 64].map(|offset| unsafe { base.add(offset) });
        let chunks = Chunks::new();
        for chunk in [b, c, a] {
            // SAFETY: a body of 16 bytes, then 16 more, aligned and unused.
            unsafe { chunks.push(chunk, BODY) }
            // SAFETY: the body is ours.
            unsafe { chunk.write_bytes(0xA5, BODY) }
        }
        // SAFETY: the body of all.
        assert_eq!(unsafe { chunks.iter(BODY) }.collect::<Vec<_>>(), [a, c, b]);
        assert_eq!(chunks.len(), 3);
        chunks.sort();
        for expected in [a, b, c] {
            // SAFETY: the body of all.
            assert_eq!(unsafe { chunks.pop(BODY) }, Some(expected));
            // SAFETY: the body is ours, written above.
            assert_eq!(unsafe { expected.cast::<[u8; BODY]>().read() }, [0xA5; BODY]);
        }
        assert_eq!(chunks.len(), 0);
    }
}

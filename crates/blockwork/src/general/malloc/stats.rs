//! [`MallocStats`]: what the malloc holds, by size class.

use super::{HEAPS, MAP, Malloc, SHARED_SPANS, large::SPAN_MAX, threads};
use crate::{
    alloc::Purge as _,
    strategy::thread_heaps::{CLASSES, class_size},
};

/// What a [`Malloc`] holds at one moment; see [`Malloc::stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MallocStats {
    /// Small blocks, by class.
    pub classes: [MallocClass; CLASSES],
    /// Live blocks that are spans.
    pub spans: usize,
    /// Their bytes.
    pub span_bytes: usize,
    /// Live blocks that were mapped by themselves for their size.
    pub mappings: usize,
    /// Their bytes.
    pub mapping_bytes: usize,
    /// Chunks of the shared spans.
    pub chunks: usize,
    /// Bytes of the chunks, whether they have memory or not.
    pub chunk_bytes: usize,
    /// Bytes of spans that are slabs, spares of a thread, or blocks.
    pub chunk_bytes_live: usize,
    /// Bytes of spans that nobody uses and that may have memory.
    pub chunk_bytes_kept: usize,
    /// Heaps, of which there are as many as threads at one time that allocated.
    pub heaps: usize,
    /// Heaps without a thread.
    pub heaps_idle: usize,
}

/// The slabs of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MallocClass {
    /// Bytes of a block.
    pub size: usize,
    /// Slabs, 64 KiB each.
    pub slabs: usize,
    /// Blocks that were ever made in them.
    pub blocks: usize,
    /// Blocks that are live or in hand of a thread, as far as their slab knows.
    pub blocks_used: usize,
}

impl MallocStats {
    /// Bytes of live blocks, and of those in hand of a thread.
    #[must_use]
    pub fn bytes_used(&self) -> usize {
        let small = self.classes.iter().map(|class| class.blocks_used.wrapping_mul(class.size));
        small.sum::<usize>().wrapping_add(self.span_bytes).wrapping_add(self.mapping_bytes)
    }
}

impl Malloc {
    /// Returns what is held now.
    ///
    /// Other threads go on meanwhile, so the numbers need not fit together. Nothing
    /// is counted when a block is allocated or freed: a slab of another thread says
    /// what it knew when that thread last looked after it, and blocks that it has
    /// in hand count as used.
    ///
    /// It takes milliseconds: the record of every page is looked at.
    ///
    /// ```
    /// use blockwork::Malloc;
    ///
    /// let stats = Malloc.stats();
    /// assert!(stats.classes.iter().all(|class| class.blocks_used <= class.blocks));
    /// assert!(stats.chunk_bytes_live <= stats.chunk_bytes);
    /// ```
    #[must_use]
    pub fn stats(self) -> MallocStats {
        let own = threads::own();
        let (heaps, heaps_idle) = HEAPS.heaps();
        let mut stats = MallocStats {
            classes: core::array::from_fn(|class| MallocClass { size: class_size(class), ..MallocClass::default() }),
            spans: 0,
            span_bytes: 0,
            mappings: 0,
            mapping_bytes: 0,
            chunks: 0,
            chunk_bytes: 0,
            chunk_bytes_live: 0,
            chunk_bytes_kept: 0,
            heaps,
            heaps_idle,
        };
        SHARED_SPANS.with_pool(|spans| {
            let pool = spans.parent().stats();
            stats.chunks = pool.chunks;
            stats.chunk_bytes = pool.parent_bytes;
            stats.chunk_bytes_live = spans.live();
            stats.chunk_bytes_kept = spans.parent().unclean();
        });
        MAP.for_each(|page| {
            // SAFETY: a value of ours, zero at first, which stays; only cells and
            // atomics change in it.
            let page = unsafe { page.as_ref() };
            if let Some(own) = own {
                page.tell_of(own);
            }
            let (len, _) = page.extent();
            let Some(told) = page.told() else {
                let (count, bytes) = if len > SPAN_MAX {
                    (&mut stats.mappings, &mut stats.mapping_bytes)
                } else {
                    (&mut stats.spans, &mut stats.span_bytes)
                };
                *count = count.wrapping_add(usize::from(len != 0));
                *bytes = bytes.wrapping_add(len);
                return;
            };
            if let Some(class) = stats.classes.get_mut(told.class) {
                class.slabs = class.slabs.wrapping_add(1);
                class.blocks = class.blocks.wrapping_add(told.carved);
                class.blocks_used = class.blocks_used.wrapping_add(told.used.min(told.carved));
            }
        });
        stats
    }
}

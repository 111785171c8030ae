//! Sizes in blocks: the configuration as the core needs it, and requests.

use core::alloc::Layout;

use crate::{
    alloc::AllocError,
    math::bins::{EXACT, LEN_MAX},
    strategy::span_pool::{
        SpanPoolConfig,
        config::{Release, Retain},
    },
};

/// The configuration, as the methods need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) block: usize,
    /// The offset of a block's last byte.
    last_byte: usize,
    /// The logarithm of `block`.
    pub(super) shift: u32,
    pub(super) request: usize,
    /// The bits of an address that tell the multiples of `request` apart.
    pub(super) slots: usize,
    /// The blocks of one `request`.
    pub(super) request_len: u32,
    /// The largest size of whole blocks that a layout and a tag can have.
    pub(super) size_max: usize,
    pub(super) capacity: usize,
    pub(super) retain: Retain,
    /// A run that becomes free may matter to `retain` if it is of so many blocks:
    /// shorter ones are no chunk.
    pub(super) notable: u32,
}

/// A request, in blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Want {
    pub(super) len: u32,
    pub(super) align: usize,
}

impl Shape {
    pub(super) const fn new(config: SpanPoolConfig) -> Self {
        let (block, request) = (config.block, config.request());
        let shift = block.trailing_zeros();
        #[expect(clippy::cast_possible_truncation, reason = "`check` bounds it by LEN_MAX")]
        let request_len = request.wrapping_shr(shift) as u32;
        let layout_max = MAX_BYTES.wrapping_shr(shift);
        let len_max = if layout_max < LEN_MAX as usize { layout_max } else { LEN_MAX as usize };
        let size_max = len_max.wrapping_shl(shift);
        let notable = if matches!(config.retain.release, Release::Aggressive) { 0 } else { request_len };
        Self {
            block,
            last_byte: block.wrapping_sub(1),
            shift,
            request,
            slots: request.wrapping_neg(),
            request_len,
            size_max,
            capacity: config.capacity,
            retain: config.retain,
            notable,
        }
    }

    /// The blocks that `layout` needs.
    ///
    /// The one place where sizes become blocks: all methods agree by it.
    #[inline]
    pub(super) const fn len_of(self, layout: Layout) -> Result<u32, AllocError> {
        if layout.size() > self.size_max {
            return Err(AllocError);
        }
        #[expect(clippy::cast_possible_truncation, reason = "`size_max` is of LEN_MAX blocks at most")]
        let len = self.blocks_of(layout) as u32;
        Ok(len)
    }

    /// The blocks that `layout` needs, if they are so few that each length has a
    /// bin of its own, and not none.
    #[inline]
    pub(super) const fn short_len_of(self, layout: Layout) -> Option<u32> {
        match self.blocks_of(layout) {
            #[expect(clippy::cast_possible_truncation, reason = "a few")]
            len @ 1..EXACT_LEN => Some(len as u32),
            _ => None,
        }
    }

    #[inline]
    const fn blocks_of(self, layout: Layout) -> usize {
        // Fits: a size and a block are below half of the address space each.
        layout.size().wrapping_add(self.last_byte).wrapping_shr(self.shift)
    }

    /// The number of the block at `address` within its slot.
    #[inline]
    pub(super) const fn block_in_slot(self, address: usize) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "fewer than `request_len`")]
        let at = (address & !self.slots).wrapping_shr(self.shift) as u32;
        at
    }

    /// The bytes of `blocks` that there are or that a layout can have.
    #[inline]
    pub(super) const fn bytes(self, blocks: usize) -> usize {
        blocks.wrapping_shl(self.shift)
    }

    /// What to ask the parent for, so that a span of `len` blocks fits.
    pub(super) fn chunk_layout(self, len: u32, align: usize) -> Result<Layout, AllocError> {
        let len = (len as usize).checked_next_multiple_of(self.request_len as usize).ok_or(AllocError)?;
        let size = len.checked_mul(self.block).ok_or(AllocError)?;
        Layout::from_size_align(size, align.max(self.request)).map_err(|_| AllocError)
    }

    /// The largest multiple of the request that `len` blocks hold.
    pub(super) const fn whole_requests(self, len: u32) -> u32 {
        // A power of two.
        len & !self.request_len.wrapping_sub(1)
    }
}

/// As a number of blocks.
const EXACT_LEN: usize = EXACT as usize;

/// No layout is larger.
const MAX_BYTES: usize = isize::MAX.unsigned_abs();

impl Want {
    /// The length from which on every run fits, wherever it begins.
    #[inline]
    pub(super) fn sure(self, shape: Shape) -> u32 {
        let worst_lead = self.align.wrapping_shr(shape.shift).saturating_sub(1);
        self.len.saturating_add(u32::try_from(worst_lead).unwrap_or(u32::MAX))
    }
}

//! This library's parts.

mod blocks;
mod ranges;
mod regions;
mod values;

pub(crate) use self::{
    blocks::{Blocks, BlocksInOne, BlocksOverMemo, Classes, PerChunkBlocks, Slots},
    ranges::RangesOf,
    regions::{OneSpan, Spans},
    values::{Boxed, Keyed},
};

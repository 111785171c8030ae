//! This library's parts.

mod blocks;
mod ranges;
mod regions;
mod values;

pub(crate) use self::{
    blocks::{Blocks, Blocks64, BlocksInOne, BlocksOverMemo, Classes, Make, PerChunkBlocks, Slots},
    ranges::{MakeRanges, RangesOf},
    regions::{OneSpan, Spans},
    values::{Boxed, Keyed},
};

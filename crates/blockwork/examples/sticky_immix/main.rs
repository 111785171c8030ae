//! A heap in the manner of sticky immix, the use that the Rust book on hosted
//! languages puts size-aligned blocks to.
//!
//! ```text
//! StickyImmixHeap ─► BlockList ─► BumpBlock ─► HeadedBlock<BlockHeader, 32 KiB, &A>
//!        └─► large objects ──────────────────────────────────────────────────► A
//! ```
//!
//! Objects are bumped into the holes between marked lines of 128 bytes. A
//! collection marks objects, and by a mask of their addresses the lines they lie
//! in; blocks are then full, to be recycled, or free. Objects never move.
//!
//! `cargo run --example sticky_immix` builds lists and forgets most of them.

mod block_list;
mod bump_block;
mod heap;
mod lines;
mod object;
#[cfg(test)]
mod tests;

use core::alloc::Layout;
use std::io::{self, Write as _};

use blockwork::{Counted, Memo, System};

use crate::{
    heap::{Collection, HeapError, Marker, StickyImmixHeap},
    object::{Gc, Object},
};

/// A number in a list.
struct Node {
    number: u64,
    next: Option<Gc<Self>>,
}

impl Object for Node {
    const KIND: u16 = 1;
}

/// A name, which has memory of its own to free.
struct Name(String);

impl Object for Name {
    const KIND: u16 = 2;
}

fn main() -> io::Result<()> {
    let system = Counted::new(System);
    let blocks = Memo::new(&system, 1 << 20);
    let mut heap = StickyImmixHeap::new(&blocks);
    match lists(&mut heap) {
        Ok(sum) => writeln!(io::stdout(), "the list that was kept sums up to {sum}")?,
        Err(HeapError::OutOfMemory) => writeln!(io::stdout(), "no memory")?,
        Err(HeapError::BadRequest) => writeln!(io::stdout(), "an object is too large")?,
    }
    let (in_blocks, large) = heap.len();
    writeln!(io::stdout(), "{in_blocks} blocks and {large} large objects are left")?;
    let given_back = heap.trim();
    writeln!(io::stdout(), "{given_back} of the blocks are free")?;
    drop(heap);
    writeln!(io::stdout(), "the system was asked {} times", system.counts().requests)
}

/// Makes a hundred lists and keeps one; returns the sum of its numbers.
fn lists<A: blockwork::Allocate>(heap: &mut StickyImmixHeap<'_, A>) -> Result<u64, HeapError> {
    let mut kept = None;
    let title = heap.alloc(Name("numbers".to_owned()))?;
    for round in 0..100 {
        let mut list = None;
        for number in 0..1000 {
            list = Some(heap.alloc(Node { number, next: list })?);
        }
        heap.alloc_bytes(Layout::new::<[u8; 5000]>())?;
        heap.alloc_bytes(Layout::new::<[u8; 50_000]>())?;
        let kind = if round % 10 == 9 { Collection::Major } else { Collection::Minor };
        kept = kept.or(list);
        let roots = |marker: &Marker| {
            trace(marker, kept);
            // SAFETY: kept alive by this, each time.
            unsafe { marker.mark(title) };
        };
        // SAFETY: only the first list and the title are used again.
        unsafe { heap.collect(kind, roots) }
    }
    // SAFETY: kept alive above.
    let name = unsafe { title.get() };
    // SAFETY: kept alive above.
    let (kind, _) = unsafe { title.kind_and_size() };
    let numbers = core::iter::successors(kept, |node| {
        // SAFETY: kept alive above.
        unsafe { node.get() }.next
    });
    // SAFETY: kept alive above.
    let sum = numbers.map(|node| unsafe { node.get() }.number).sum();
    Ok(if name.0 == "numbers" && kind == Name::KIND { sum } else { 0 })
}

/// Marks a list, up to what is marked already.
fn trace(marker: &Marker, list: Option<Gc<Node>>) {
    let mut next = list;
    while let Some(node) = next {
        // SAFETY: lists only refer to what lives with them.
        if !unsafe { marker.mark(node) } {
            break;
        }
        // SAFETY: as above.
        next = unsafe { node.get() }.next;
    }
}

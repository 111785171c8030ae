//! What nobody can free any more: live blocks that no word of the program's
//! memory points to, or only words of such blocks.
//!
//! ```text
//! writable mappings but ours ─► words ─► blocks ─► their words ─► blocks …     the rest leaked
//! ```
//!
//! A word that happens to look like an address hides a leak, as it does from
//! other tools; memory is read by the system, which stumbles over nothing that
//! goes away meanwhile.

use core::{alloc::Layout, ptr::NonNull, sync::atomic::Ordering::Relaxed};

use blockwork::{Allocate, LiveBlocks, Stacks};

use super::{
    map::{self, Map},
    report::{self, Facts},
    sys::{self, PAGE},
};

/// A block, its site, and whether it was reached.
#[derive(Clone, Copy)]
struct Found {
    start: usize,
    size: usize,
    site: u32,
    is_reached: bool,
    /// The block to look through after this one, as its number and one; 0 for none.
    next: usize,
}

/// The blocks by address, and the first of those that were reached and not looked
/// through.
struct Search<'a> {
    blocks: &'a mut [Found],
    first: usize,
}

/// Says what is still there, and if asked to, who lost it.
///
/// # Safety
///
/// - Inside the lock; `own` and `own_size` are of the heap's state.
pub unsafe fn tell(stacks: &Stacks<Map>, live: LiveBlocks<'_>, own: usize, own_size: usize) {
    let facts = |kind, count, bytes| Facts { kind, address: 0, size: 0, block: 0, block_size: 0, count, bytes };
    report::write(&facts("live", live.count(), live.bytes()), stacks, None, 0);
    if live.count() == 0 || !report::LEAKS.load(Relaxed) {
        return;
    }
    let Ok(layout) = Layout::array::<Found>(live.count()) else { return };
    let Ok(memory) = Map.allocate(layout) else { return };
    let count = live.count();
    let first = memory.cast::<Found>();
    for (at, block) in live.iter().take(count).enumerate() {
        // SAFETY: as many as there are.
        let place = unsafe { first.add(at) };
        // SAFETY: a place of ours.
        unsafe {
            place.write(Found {
                start: block.address,
                size: block.layout.size(),
                site: block.site,
                is_reached: false,
                next: 0,
            })
        }
    }
    // SAFETY: written just now.
    let blocks = unsafe { core::slice::from_raw_parts_mut(first.as_ptr(), count) };
    blocks.sort_unstable_by_key(|block| block.start);
    let mut search = Search { blocks: &mut *blocks, first: 0 };
    // SAFETY: inside the lock; nothing is mapped from here on.
    let ours = unsafe { map::ours() };
    report::each_mapping(|mapping| {
        if mapping.is_writable {
            let mut from = mapping.start;
            while from < mapping.end {
                let next = ours.partition_point(|&[_, end]| end <= from);
                let (start, end) = ours.get(next).map_or((usize::MAX, usize::MAX), |&[start, end]| (start, end));
                if start <= from {
                    from = end;
                    continue;
                }
                scan(&mut search, from, start.min(mapping.end), own..own.wrapping_add(own_size));
                from = start.min(mapping.end);
            }
        }
    });
    while let Some(block) = search.first.checked_sub(1).and_then(|at| search.blocks.get(at)) {
        let (start, size) = (block.start, block.size);
        search.first = block.next;
        scan(&mut search, start, start.saturating_add(size), 0..0);
    }
    lost(stacks, blocks);
    // SAFETY: from there, and not used again.
    unsafe { Map.deallocate(NonNull::from_mut(&mut *blocks).cast(), layout) }
}

/// Marks what the words from `from` to `to` point to, but for those at `except`.
fn scan(search: &mut Search<'_>, from: usize, to: usize, except: core::ops::Range<usize>) {
    const PROCESS_VM_READV: usize = 310;
    let mut at = from.next_multiple_of(size_of::<usize>());
    while at < to {
        let mut words = [0_usize; PAGE / size_of::<usize>()];
        // To the end of the page: a later one may be gone.
        let end = at.wrapping_add(1).next_multiple_of(PAGE).min(to);
        let length = end.wrapping_sub(at);
        let here = [words.as_mut_ptr().expose_provenance(), length];
        let there = [at, length];
        let process = usize::try_from(sys::process()).unwrap_or(0);
        let arguments = [process, here.as_ptr().expose_provenance(), 1, there.as_ptr().expose_provenance(), 1, 0];
        // SAFETY: writes to `words`, no more than there are.
        let read = unsafe { sys::syscall(PROCESS_VM_READV, arguments) }.unwrap_or(0);
        for (number, &word) in words.iter().take(read / size_of::<usize>()).enumerate() {
            if !except.contains(&at.wrapping_add(number.wrapping_mul(size_of::<usize>()))) {
                search.mark(word);
            }
        }
        at = end;
    }
}

impl Search<'_> {
    /// Notes the block that `word` points to. The end of a block is an address that
    /// programs keep as well.
    fn mark(&mut self, word: usize) {
        let behind = self.blocks.partition_point(|block| block.start <= word);
        if let Some(block) = behind.checked_sub(1).and_then(|at| self.blocks.get_mut(at))
            && word.wrapping_sub(block.start) <= block.size
            && !block.is_reached
        {
            block.is_reached = true;
            block.next = self.first;
            self.first = behind;
        }
    }
}

/// Tells of what was not reached, by who asked for it.
fn lost(stacks: &Stacks<Map>, blocks: &mut [Found]) {
    blocks.sort_unstable_by_key(|block| (block.is_reached, block.site));
    let reached = blocks.partition_point(|block| !block.is_reached);
    let Some(leaked) = blocks.get(..reached) else { return };
    for group in leaked.chunk_by(|one, other| one.site == other.site) {
        let [first, ..] = group else { continue };
        let bytes = group.iter().fold(0_usize, |sum, block| sum.saturating_add(block.size));
        let facts = Facts {
            kind: "leak",
            address: first.start,
            size: 0,
            block: first.start,
            block_size: first.size,
            count: group.len(),
            bytes,
        };
        report::write(&facts, stacks, None, first.site);
    }
}

//! Class 5: blocks that are not aligned as asked.
//!
//! mimalloc's binding took alignments for sizes, [RUSTSEC-2022-0094] ([mimalloc#87],
//! [mimalloc#128]), and had nothing at 2 MiB and beyond, [mimalloc#82]; bump-scope's base
//! was aligned to two words whatever was asked, [bump-scope#32].
//!
//! [RUSTSEC-2022-0094]: https://rustsec.org/advisories/RUSTSEC-2022-0094.html
//! [mimalloc#82]: https://github.com/purpleprotocol/mimalloc_rust/issues/82
//! [mimalloc#87]: https://github.com/purpleprotocol/mimalloc_rust/issues/87
//! [mimalloc#128]: https://github.com/purpleprotocol/mimalloc_rust/issues/128
//! [bump-scope#32]: https://github.com/bluurryy/bump-scope/issues/32

use core::alloc::Layout;

use blockwork::alloc::reallocate;

use super::each;

/// Around every border: of words, of classes, of pages, of three pages.
const SIZES: &[usize] = &[1, 8, 24, 48, 49, 1000, 1025, 4096, 4097, 8192, 12_288, 12_289];

#[test]
fn every_alignment_up_to_four_mebibytes_holds_for_every_size_that_is_served() {
    each(|name, heap| {
        for bits in 0..=22 {
            let align = 1_usize << bits;
            // Two at a time, so that the second does not lie where the first did.
            let sizes = if bits > 13 { &SIZES[3..5] } else { SIZES };
            for pair in sizes.windows(2) {
                let mut held = Vec::new();
                for &size in pair {
                    let layout = Layout::from_size_align(size, align).unwrap();
                    let Ok(block) = heap.allocate(layout) else { continue };
                    assert!(block.addr().get().is_multiple_of(align), "{name}: {layout:?}");
                    // SAFETY: fresh, and valid for what is granted.
                    unsafe { block.write_bytes(0x11, heap.granted(layout)) };
                    held.push((block, layout));
                }
                for (block, layout) in held {
                    // SAFETY: allocated above with this layout.
                    unsafe { heap.deallocate(block, layout) };
                }
            }
        }
    });
}

/// Larger, smaller, more and less aligned, all at once.
#[test]
fn a_block_that_changes_its_alignment_moves_there_whole() {
    each(|name, heap| {
        for (from, to) in [((40, 1), (40, 64)), ((40, 64), (100, 8)), ((3000, 16), (48, 512)), ((100, 8), (5000, 4096))]
        {
            let layout = |(size, align)| Layout::from_size_align(size, align).unwrap();
            let (old, new): (Layout, Layout) = (layout(from), layout(to));
            let Ok(block) = heap.allocate(old) else { continue };
            // SAFETY: fresh, of that size.
            unsafe { block.write_bytes(0x22, old.size()) };
            // SAFETY: live, from this heap, with this layout.
            let Ok(moved) = (unsafe { reallocate(heap, block, old, new) }) else {
                // SAFETY: live still.
                unsafe { heap.deallocate(block, old) };
                continue;
            };
            assert!(moved.addr().get().is_multiple_of(new.align()), "{name}: {old:?} to {new:?}");
            // SAFETY: so many bytes were written, and kept.
            let bytes = unsafe { core::slice::from_raw_parts(moved.as_ptr(), old.size().min(new.size())) };
            assert!(bytes.iter().all(|&byte| byte == 0x22), "{name}: {old:?} to {new:?}");
            // SAFETY: live, with its new layout.
            unsafe { heap.deallocate(moved, new) };
        }
    });
}

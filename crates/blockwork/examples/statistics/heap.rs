//! A heap that is counted and sampled: the composition, and what it says.

use std::io::{self, Write};

use blockwork::{
    Const, Counted, Locked, Quad, Sampled, Segregate, SizeClasses, SlabHead, SlabPolicy, System, Unwind, UpTo, Valid,
    combine::sampled::{Sample, pprof},
};

type Small = SizeClasses<Quad<1024>, SlabHead<Const<65536>>, System>;
/// For all threads. What sampling notes is counted as well.
pub(crate) type Heap = Locked<Sampled<Counted<Segregate<UpTo<1024>, Small, System>>>>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Heap>() == 1408, "docs/recipes.md says so");

/// One byte in so many is a sample.
pub(crate) const MEAN: usize = 512 << 10;

const SLABS: Valid<SlabPolicy<Const<65536>>> = match (SlabPolicy { slab_size: Const, keep: 1 }).check() {
    Ok(policy) => policy,
    Err(error) => panic!("{}", error.rule),
};

/// Sampled every `mean` bytes; 0 is never.
pub(crate) const fn heap(mean: usize) -> Heap {
    let heap = Segregate::new(UpTo, SizeClasses::new(System, SLABS), System);
    Locked::new(Sampled::new(Counted::new(heap), mean, Unwind))
}

/// What is scraped: one metric a line.
pub(crate) fn metrics(heap: &Heap, out: &mut impl Write) -> io::Result<()> {
    let (counts, estimate) = heap.with_parent(|heap| (heap.parent().counts(), heap.estimate()));
    writeln!(out, "heap_bytes_live {}", counts.bytes_live)?;
    writeln!(out, "heap_bytes_peak {}", counts.bytes_peak)?;
    writeln!(out, "heap_blocks_live {}", counts.blocks_live)?;
    writeln!(out, "heap_requests_total {}", counts.requests)?;
    writeln!(out, "heap_failures_total {}", counts.failures)?;
    writeln!(out, "heap_bytes_live_sampled {:.0}", estimate.bytes)
}

/// Who holds the memory, for `pprof`.
pub(crate) fn profile(heap: &Heap, out: &mut impl Write) -> io::Result<()> {
    // The room first: while it is filled, the lock is held that it was allocated through.
    let mut samples = vec![Sample::EMPTY; heap.with_parent(Sampled::live_samples).saturating_add(16)];
    let count = heap.with_parent(|heap| heap.copy_samples(&mut samples));
    samples.truncate(count);
    pprof::write(&samples, heap.with_parent(Sampled::mean), out)
}

#[cfg(test)]
mod tests {
    use core::alloc::Layout;

    use blockwork::{AllocError, Allocate};

    use super::*;

    #[test]
    fn requests_and_failures_are_counted() {
        let heap = heap(MEAN);
        let small = Layout::new::<[u8; 100]>();
        let block = heap.allocate(small).unwrap();
        let all = Layout::from_size_align(isize::MAX as usize, 1).unwrap();
        assert_eq!(heap.allocate(all), Err(AllocError));

        let mut text = Vec::new();
        metrics(&heap, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        for line in ["heap_bytes_live 112", "heap_requests_total 2", "heap_failures_total 1"] {
            assert!(text.lines().any(|each| each == line), "{line}:\n{text}");
        }
        // SAFETY: allocated above with this layout.
        unsafe { heap.deallocate(block, small) };
    }

    #[test]
    fn a_profile_is_written_while_blocks_are_live() {
        let heap = heap(4096);
        let layout = Layout::new::<[u8; 1000]>();
        let blocks: Vec<_> = (0..100).flat_map(|_| heap.allocate(layout)).collect();
        let mut file = Vec::new();
        profile(&heap, &mut file).unwrap();
        assert!(file.starts_with(&[0x1f, 0x8b]) && heap.with_parent(Sampled::live_samples) > 0);
        for block in blocks {
            // SAFETY: allocated above with this layout.
            unsafe { heap.deallocate(block, layout) };
        }
    }
}

//! [`bw_heap`]: an allocator for everything, that goes as a whole.
//!
//! ```text
//! up to 4 KiB ─► size classes of slabs ─► spans of 64 KiB ─┐
//! above       ─► spans of 4 KiB ───────────────────────────┴─► parent, a chunk at a time
//! ```

use core::{alloc::Layout, ptr::NonNull};

use blockwork::{
    AllocError, Allocate, Check, Const, Counted, Counts, Quad, Reset, Segregate, SizeClasses, SlabHead, SlabPolicy,
    SpanPool, SpanPoolConfig, UpTo,
};

use crate::{
    error::Refusal,
    interface::Interface,
    parent::Parent,
    part::{Body, Handle, Kept, create},
};

/// The largest block from a slab.
const LARGEST: usize = 4 << 10;

/// Bytes of a slab.
const SLAB: usize = 64 << 10;

/// Bytes of a chunk where nobody says.
const CHUNK: usize = 1 << 20;

type Small = SizeClasses<Quad<LARGEST>, SlabHead<Const<SLAB>>, Kept>;

/// What a heap counts; see the [module](self).
struct Serving {
    /// Before the shares, so that its slabs go back to living spans.
    by_size: BySize,
    slabs: Kept,
    spans: Kept,
}

type BySize = Segregate<UpTo<LARGEST>, Small, Kept>;

impl Serving {
    /// Over `slabs` and `spans`, which nobody else has.
    fn new(slabs: Kept, spans: Kept) -> Result<Self, Refusal> {
        let policy = SlabPolicy { slab_size: Const, keep: 1 };
        // Checked with its table, which is the same each time.
        let small = Small::try_new(slabs.clone(), policy)?;
        Ok(Self { by_size: Segregate::new(UpTo, small, spans.clone()), slabs, spans })
    }
}

/// Spans of `block` bytes, from chunks of `chunk` of the parent that C names.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the spans.
unsafe fn spans(parent: *const Interface, block: usize, chunk: usize) -> Result<Kept, Refusal> {
    Kept::build(|grounds| {
        // SAFETY: the caller's promise.
        let ground = grounds.over(unsafe { Parent::of(parent) }?);
        let config = SpanPoolConfig { block, backing_request: Some(chunk), ..SpanPoolConfig::DEFAULT };
        Ok(SpanPool::try_new(ground, config)?)
    })
}

// SAFETY: forwards to one allocator.
unsafe impl Allocate for Serving {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.by_size.allocate(layout)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise to us is the promise it asks for.
        unsafe { self.by_size.deallocate(block, layout) }
    }

    #[inline]
    fn granted(&self, layout: Layout) -> usize {
        self.by_size.granted(layout)
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise to us is the promise it asks for.
        unsafe { self.by_size.resize(block, old, new) }
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.by_size.allocate_zeroed(layout)
    }
}

impl Check for Serving {
    fn check(&self) -> Result<(), &'static str> {
        self.by_size.check()
    }
}

impl Reset for Serving {
    fn reset(&mut self) {
        let fresh = Self::new(self.slabs.clone(), self.spans.clone());
        // The configuration is the one that was good before.
        if let Ok(fresh) = fresh {
            *self = fresh;
        }
        for pool in [&self.slabs, &self.spans] {
            // SAFETY: nobody has a block of ours any more, and the shares of the
            // fresh parts are not used meanwhile.
            let pool = unsafe { Handle::body_mut(pool.address()) };
            // Span pools can.
            let _reset = pool.reset();
        }
    }
}

impl Body for Counted<Serving> {
    fn reset(&mut self) -> Result<(), Refusal> {
        Reset::reset(self);
        Ok(())
    }

    fn trim(&mut self) -> Result<(), Refusal> {
        let Serving { by_size, slabs, spans } = self.parent();
        // Its slabs are free spans then.
        by_size.small().trim();
        for pool in [slabs, spans] {
            // SAFETY: nobody is using the heap, and so neither of its pools.
            unsafe { Handle::body_mut(pool.address()) }.trim()?;
        }
        Ok(())
    }

    fn counts(&self) -> Option<Counts> {
        Some(Self::counts(self))
    }

    fn held(&self) -> Option<usize> {
        let Serving { slabs, spans, .. } = self.parent();
        // Disjoint in memory, so their sum fits.
        Some(slabs.held().wrapping_add(spans.held()))
    }
}

/// A heap for one thread over `parent`, which is asked for `chunk` bytes at a
/// time.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the heap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_heap(parent: *const Interface, chunk: usize) -> *mut Handle {
    create(|_| {
        let chunk = if chunk == 0 { CHUNK } else { chunk };
        // SAFETY: the caller's promise.
        let slabs = unsafe { spans(parent, SLAB, chunk) }?;
        // SAFETY: the caller's promise.
        let spans = unsafe { spans(parent, 4 << 10, chunk) }?;
        Ok(Counted::new(Serving::new(slabs, spans)?))
    })
}

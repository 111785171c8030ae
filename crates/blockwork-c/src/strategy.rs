//! Parts that carve what their parent gives.

use blockwork::{
    Arena, ArenaConfig, BlockAt, BlockPool, BlockPoolConfig, Bump, ChunkSize, ConcurrentBlockPool,
    ConcurrentBlockPoolConfig, Locked, Memo, MixedSlab, QuadAt, Reset, SizeClasses, Slab, SlabConfig, SlabHead,
    SlabPolicy, SpanPool, SpanPoolConfig,
};

use crate::{
    combine::classes_up_to,
    error::Refusal,
    interface::Interface,
    parent::{Ground, Parent},
    part::{Body, Handle, create},
};

/// A strategy can take all of its blocks back, and may keep what it can give.
macro_rules! bodies {
    ($($part:ty $(, $trim:ident)?;)*) => {$(
        impl Body for $part {
            fn reset(&mut self) -> Result<(), Refusal> {
                Reset::reset(self);
                Ok(())
            }

            $(fn trim(&mut self) -> Result<(), Refusal> {
                let _freed = Self::$trim(self);
                Ok(())
            })?
        }
    )*};
}

bodies! {
    Bump<Ground>;
    Arena<Ground>, trim;
    Slab<Ground>, trim;
    MixedSlab<Ground>, trim;
    BlockPool<Ground, BlockAt>, trim;
    ConcurrentBlockPool<Locked<Ground>, BlockAt>, trim;
    SpanPool<Ground>, trim;
    SizeClasses<QuadAt, SlabHead<usize>, Ground>, trim;
}

impl Body for Memo<Ground> {
    fn trim(&mut self) -> Result<(), Refusal> {
        Self::trim(self);
        Ok(())
    }
}

/// A part over what C names, by what `$build` makes of its ground.
macro_rules! over {
    ($parent:expr, |$ground:ident| $build:expr) => {
        create(|grounds| {
            // SAFETY: the caller's promise: null, or of an allocator that is alive.
            let $ground = grounds.over(unsafe { Parent::of($parent) }?);
            $build
        })
    };
}

/// What stands for the usual number, where C passes zero.
const fn or(given: usize, usual: usize) -> usize {
    if given == 0 { usual } else { given }
}

/// One span of `capacity` bytes, cut from the front.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_bump(parent: *const Interface, capacity: usize) -> *mut Handle {
    over!(parent, |ground| if capacity == 0 {
        Err(Refusal::Argument("a bump allocator must have a capacity"))
    } else {
        Ok(Bump::new(ground, capacity))
    })
}

/// A chain of spans, each cut from the front: from `first` to `largest` bytes.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_arena(parent: *const Interface, first: usize, largest: usize) -> *mut Handle {
    over!(parent, |ground| {
        let usual = ArenaConfig::DEFAULT;
        let span_first = or(first, usual.span_first);
        let span_max = or(largest, usual.span_max.max(span_first));
        Ok(Arena::try_new(ground, ArenaConfig { span_first, span_max, ..usual })?)
    })
}

/// Keeps up to `limit` freed bytes for the next request like it.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_memo(parent: *const Interface, limit: usize) -> *mut Handle {
    over!(parent, |ground| Ok(Memo::new(ground, limit)))
}

/// Slots of one size, in slabs of `slab_size` bytes.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_slab(parent: *const Interface, slot_size: usize, slab_size: usize) -> *mut Handle {
    over!(parent, |ground| {
        let usual = SlabConfig::DEFAULT;
        Ok(Slab::try_new(ground, SlabConfig { slot_size, slab_size: or(slab_size, usual.slab_size), ..usual })?)
    })
}

/// Blocks of any size, front to back in slabs of `slab_size` bytes.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_mixed_slab(parent: *const Interface, slab_size: usize) -> *mut Handle {
    over!(parent, |ground| {
        let usual = SlabPolicy::DEFAULT;
        Ok(MixedSlab::try_new(ground, SlabPolicy { slab_size: or(slab_size, usual.slab_size), ..usual })?)
    })
}

/// Blocks of one size, in chunks of so many.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_pool(
    parent: *const Interface,
    block_size: usize,
    block_align: usize,
    blocks_per_chunk: usize,
) -> *mut Handle {
    over!(parent, |ground| {
        let block = BlockAt::new(block_size, block_align)?;
        let chunk = if blocks_per_chunk == 0 { ChunkSize::Bytes(CHUNK) } else { ChunkSize::Blocks(blocks_per_chunk) };
        Ok(BlockPool::try_new(ground, BlockPoolConfig { block, chunk })?)
    })
}

/// Bytes of a chunk where nobody says.
const CHUNK: usize = 64 << 10;

/// Blocks of one size for all threads, in chunks of `chunk_size` bytes.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_concurrent_pool(
    parent: *const Interface,
    block_size: usize,
    block_align: usize,
    chunk_size: usize,
) -> *mut Handle {
    over!(parent, |ground| {
        let block = BlockAt::new(block_size, block_align)?;
        let config = ConcurrentBlockPoolConfig { block, chunk_size: or(chunk_size, CHUNK) };
        Ok(ConcurrentBlockPool::try_new(Locked::new(ground), config)?)
    })
}

/// Runs of blocks of `block` bytes, from chunks of `request` bytes.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_span_pool(parent: *const Interface, block: usize, request: usize) -> *mut Handle {
    over!(parent, |ground| {
        let usual = SpanPoolConfig::DEFAULT;
        let backing_request = if request == 0 { None } else { Some(request) };
        Ok(SpanPool::try_new(ground, SpanPoolConfig { block: or(block, usual.block), backing_request, ..usual })?)
    })
}

/// Slabs for four classes of sizes to each doubling, up to `largest` bytes.
///
/// # Safety
///
/// - `parent` is null, or of an allocator that outlives the part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bw_size_classes(parent: *const Interface, largest: usize, slab_size: usize) -> *mut Handle {
    over!(parent, |ground| {
        let classes = classes_up_to(largest)?;
        let usual = SlabPolicy::DEFAULT;
        let policy = SlabPolicy { slab_size: or(slab_size, usual.slab_size), ..usual };
        Ok(SizeClasses::<_, SlabHead<usize>, _>::try_with_table(ground, classes, policy)?)
    })
}

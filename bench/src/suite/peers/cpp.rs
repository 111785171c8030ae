//! Pools of C++, compiled by the build script: Boost's, and those of `std::pmr`.
//!
//! Loops are C++ too, so that what its headers inline is inlined here.

use core::{alloc::Layout, ffi::c_void, marker::PhantomData, mem::MaybeUninit, ptr::NonNull};

use crate::{
    kinds::{
        bump::{Layouts, Values},
        fixed::Fixed,
    },
    peers::exhausted,
    run::Dice,
};

/// What `pools.cpp` says of a pool of blocks.
#[repr(C)]
pub(crate) struct FixedFunctions {
    make: unsafe extern "C" fn() -> *mut c_void,
    drop: unsafe extern "C" fn(*mut c_void),
    take: unsafe extern "C" fn(*mut c_void, u64) -> *mut u8,
    give: unsafe extern "C" fn(*mut c_void, *mut u8) -> u64,
    pairs: unsafe extern "C" fn(*mut c_void, u64) -> u64,
    take_all: unsafe extern "C" fn(*mut c_void, *mut NonNull<u8>, usize),
    give_all: unsafe extern "C" fn(*mut c_void, *const NonNull<u8>, *const usize, usize) -> u64,
    replace: unsafe extern "C" fn(*mut c_void, *mut NonNull<u8>, usize, *mut u64, u64) -> u64,
}

/// What it says of memory that ends together.
#[repr(C)]
struct BumpFunctions {
    make: unsafe extern "C" fn(usize) -> *mut c_void,
    drop: unsafe extern "C" fn(*mut c_void),
    release: unsafe extern "C" fn(*mut c_void),
    allocate: unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut u8,
    words: unsafe extern "C" fn(*mut c_void, u64) -> u64,
    layouts: unsafe extern "C" fn(*mut c_void, *const CLayout, usize) -> u64,
}

/// A layout as C++ reads it.
#[repr(C)]
struct CLayout {
    size: usize,
    align: usize,
}

// `pools.cpp` defines them so.
unsafe extern "C" {
    safe static bench_pmr_pool: FixedFunctions;
    #[cfg(boost)]
    safe static bench_boost_pool: FixedFunctions;
    safe static bench_pmr_bump: BumpFunctions;
}

/// Which pool of blocks.
pub(crate) trait Which {
    fn functions() -> &'static FixedFunctions;
}

/// `boost::pool`.
#[cfg(boost)]
pub(crate) struct Boost;

#[cfg(boost)]
impl Which for Boost {
    fn functions() -> &'static FixedFunctions {
        &bench_boost_pool
    }
}

/// `std::pmr::unsynchronized_pool_resource`.
pub(crate) struct Pmr;

impl Which for Pmr {
    fn functions() -> &'static FixedFunctions {
        &bench_pmr_pool
    }
}

/// A pool of blocks of 64 bytes.
pub(crate) struct CppPool<W: Which> {
    pool: NonNull<c_void>,
    _which: PhantomData<W>,
}

impl<W: Which> Fixed for CppPool<W> {
    type Handle = NonNull<u8>;

    fn new(_blocks: usize) -> Self {
        // SAFETY: needs nothing.
        let pool = NonNull::new(unsafe { (W::functions().make)() });
        Self { pool: pool.unwrap_or_else(|| exhausted()), _which: PhantomData }
    }

    fn take(&mut self, word: u64) -> NonNull<u8> {
        // SAFETY: made by `make`.
        NonNull::new(unsafe { (W::functions().take)(self.pool.as_ptr(), word) }).unwrap_or_else(|| exhausted())
    }

    fn give(&mut self, block: NonNull<u8>) -> u64 {
        // SAFETY: taken here, and given up.
        unsafe { (W::functions().give)(self.pool.as_ptr(), block.as_ptr()) }
    }

    fn pairs(&mut self, pairs: u64) -> u64 {
        // SAFETY: made by `make`.
        unsafe { (W::functions().pairs)(self.pool.as_ptr(), pairs) }
    }

    fn take_all(&mut self, handles: &mut [MaybeUninit<NonNull<u8>>]) {
        // SAFETY: so many handles may be written.
        unsafe { (W::functions().take_all)(self.pool.as_ptr(), handles.as_mut_ptr().cast(), handles.len()) }
    }

    unsafe fn give_all(&mut self, handles: &[MaybeUninit<NonNull<u8>>], order: &[usize]) -> u64 {
        let (handles, pool) = (handles.as_ptr().cast(), self.pool.as_ptr());
        // SAFETY: all of them taken here, says the caller.
        unsafe { (W::functions().give_all)(pool, handles, order.as_ptr(), order.len()) }
    }

    unsafe fn replace(&mut self, handles: &mut [MaybeUninit<NonNull<u8>>], dice: &mut Dice, times: u64) -> u64 {
        let (first, len, pool) = (handles.as_mut_ptr().cast(), handles.len(), self.pool.as_ptr());
        // SAFETY: all of them taken here, says the caller.
        unsafe { (W::functions().replace)(pool, first, len, dice.state(), times) }
    }
}

impl<W: Which> Drop for CppPool<W> {
    fn drop(&mut self) {
        // SAFETY: made by `make`, and not used again.
        unsafe { (W::functions().drop)(self.pool.as_ptr()) }
    }
}

/// `std::pmr::monotonic_buffer_resource`, over one block of memory.
pub(crate) struct PmrBump(NonNull<c_void>);

impl Values for PmrBump {
    fn new(bytes: usize) -> Self {
        // SAFETY: any size will do.
        Self(NonNull::new(unsafe { (bench_pmr_bump.make)(bytes) }).unwrap_or_else(|| exhausted()))
    }

    fn word(&mut self, word: u64) -> NonNull<u64> {
        let block = self.bytes(Layout::new::<u64>()).cast();
        // SAFETY: allocated for a word.
        unsafe { block.write(word) };
        block
    }

    fn reset(&mut self) {
        // SAFETY: made by `make`.
        unsafe { (bench_pmr_bump.release)(self.0.as_ptr()) }
    }

    fn words(&mut self, words: u64) -> u64 {
        // SAFETY: made by `make`.
        unsafe { (bench_pmr_bump.words)(self.0.as_ptr(), words) }
    }
}

impl Layouts for PmrBump {
    fn bytes(&mut self, layout: Layout) -> NonNull<u8> {
        // SAFETY: made by `make`.
        let block = unsafe { (bench_pmr_bump.allocate)(self.0.as_ptr(), layout.size(), layout.align()) };
        NonNull::new(block).unwrap_or_else(|| exhausted())
    }

    fn layouts(&mut self, table: &[Layout; 64], blocks: usize) -> u64 {
        let table = table.map(|layout| CLayout { size: layout.size(), align: layout.align() });
        // SAFETY: made by `make`; a table of 64.
        unsafe { (bench_pmr_bump.layouts)(self.0.as_ptr(), table.as_ptr(), blocks) }
    }
}

impl Drop for PmrBump {
    fn drop(&mut self) {
        // SAFETY: made by `make`, and not used again.
        unsafe { (bench_pmr_bump.drop)(self.0.as_ptr()) }
    }
}

//! ```text
//! harness ─► Through: Allocate ─► bw_allocate(…) ─► part ─► bw_allocator ─► the harness' own parent
//! ```

use core::{
    alloc::Layout,
    ffi::{CStr, c_void},
    marker::PhantomData,
    ptr::{self, NonNull},
};

use blockwork::{AllocError, Allocate, Check, Reset, suite, testing::Parent};
use blockwork_c::{
    Handle, Interface, Named, bw_allocate, bw_allocate_zeroed, bw_arena, bw_bump, bw_check, bw_checked, bw_compose,
    bw_concurrent_pool, bw_counted, bw_deallocate, bw_destroy, bw_granted, bw_heap, bw_interface, bw_last_error,
    bw_locked, bw_memo, bw_mixed_slab, bw_pool, bw_quota, bw_reset, bw_resize, bw_segregate, bw_size_classes, bw_slab,
    bw_span_pool, bw_thread_cached,
};

/// What makes the part over a parent.
type Make = fn(*const Interface) -> *mut Handle;

/// A part behind its handle, over functions that ask `Parent`.
struct Through<'a> {
    part: *mut Handle,
    parent: *mut Parent<'a>,
    _parent: PhantomData<Parent<'a>>,
}

impl<'a> Through<'a> {
    fn new(parent: Parent<'a>, make: Make) -> Self {
        let parent = Box::into_raw(Box::new(parent));
        let interface = Interface {
            context: parent.cast(),
            allocate: Some(allocate),
            deallocate: Some(deallocate),
            resize: Some(resize),
            granted: Some(granted),
        };
        let part = make(&raw const interface);
        assert!(!part.is_null(), "{}", said());
        Self { part, parent, _parent: PhantomData }
    }

    fn interface(&self) -> *const Interface {
        // SAFETY: alive until we are dropped.
        unsafe { bw_interface(self.part) }
    }
}

impl Drop for Through<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `new`, and not used again.
        assert_eq!(unsafe { bw_destroy(self.part) }, 0);
        // SAFETY: boxed by `new`; nobody stands on it any more.
        drop(unsafe { Box::from_raw(self.parent) });
    }
}

fn said() -> String {
    // SAFETY: a terminated text.
    unsafe { CStr::from_ptr(bw_last_error()) }.to_string_lossy().into_owned()
}

/// The parent that is the context.
///
/// # Safety
///
/// - It is, and lives for `'a`.
unsafe fn parent_of<'a>(context: *mut c_void) -> &'a Parent<'a> {
    // SAFETY: the caller's promise.
    unsafe { &*context.cast::<Parent<'a>>() }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

unsafe extern "C-unwind" fn allocate(context: *mut c_void, size: usize, align: usize) -> *mut c_void {
    assert_ne!(size, 0);
    // SAFETY: our context.
    let parent = unsafe { parent_of(context) };
    parent.allocate(layout(size, align)).map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}

unsafe extern "C-unwind" fn deallocate(context: *mut c_void, block: *mut c_void, size: usize, align: usize) {
    // SAFETY: our context.
    let parent = unsafe { parent_of(context) };
    // SAFETY: the library's promise, which the parent looks at.
    unsafe { parent.deallocate(NonNull::new(block).unwrap().cast(), layout(size, align)) }
}

unsafe extern "C-unwind" fn resize(
    context: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
    align: usize,
) -> bool {
    // SAFETY: our context.
    let parent = unsafe { parent_of(context) };
    let block = NonNull::new(block).unwrap().cast();
    // SAFETY: the library's promise, which the parent looks at.
    unsafe { parent.resize(block, layout(old, align), layout(new, align)) }.is_ok()
}

unsafe extern "C-unwind" fn granted(context: *mut c_void, size: usize, align: usize) -> usize {
    // SAFETY: our context.
    unsafe { parent_of(context) }.granted(layout(size, align))
}

fn block_of(block: *mut c_void) -> Result<NonNull<u8>, AllocError> {
    NonNull::new(block).map(NonNull::cast).ok_or(AllocError)
}

// SAFETY: forwards to the part, by C; that it keeps the contract is what is tested.
unsafe impl Allocate for Through<'_> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: of a part that is alive.
        block_of(unsafe { bw_allocate(self.interface(), layout.size(), layout.align()) })
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { bw_deallocate(self.interface(), block.as_ptr().cast(), layout.size(), layout.align()) }
    }

    fn granted(&self, layout: Layout) -> usize {
        // SAFETY: of a part that is alive.
        unsafe { bw_granted(self.interface(), layout.size(), layout.align()) }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if old.align() != new.align() {
            return Err(AllocError);
        }
        let block = block.as_ptr().cast();
        // SAFETY: the caller's promise.
        let stays = unsafe { bw_resize(self.interface(), block, old.size(), new.size(), new.align()) };
        if stays { Ok(()) } else { Err(AllocError) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: of a part that is alive.
        block_of(unsafe { bw_allocate_zeroed(self.interface(), layout.size(), layout.align()) })
    }
}

impl Check for Through<'_> {
    fn check(&self) -> Result<(), &'static str> {
        // SAFETY: alive.
        if unsafe { bw_check(self.part) } == 0 { Ok(()) } else { Err(said().leak()) }
    }
}

/// A part that C can reset.
struct Resets<'a>(Through<'a>);

// SAFETY: forwards.
unsafe impl Allocate for Resets<'_> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.0.deallocate(block, layout) }
    }

    fn granted(&self, layout: Layout) -> usize {
        self.0.granted(layout)
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.0.resize(block, old, new) }
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate_zeroed(layout)
    }
}

impl Check for Resets<'_> {
    fn check(&self) -> Result<(), &'static str> {
        self.0.check()
    }
}

impl Reset for Resets<'_> {
    fn reset(&mut self) {
        // SAFETY: alive, and nobody is using it.
        assert_eq!(unsafe { bw_reset(self.0.part) }, 0, "{}", said());
    }
}

/// A test for each part: by which type the harness has it, how it is made, and
/// what is known of it.
macro_rules! laws {
    ($($name:ident: $by:ident, $make:expr, [$($known:tt)*];)*) => {$(
        #[test]
        fn $name() {
            suite!(stringify!($name), |parent| $by(Through::new(parent, $make)), $($known)*).cases(8).run();
        }
    )*};
}

/// The part as it is.
fn plain(part: Through<'_>) -> Through<'_> {
    part
}

/// Calls a function of the header with a parent that lives.
macro_rules! over {
    ($function:ident $(, $argument:expr)*) => {
        |parent: *const Interface| {
            // SAFETY: the parent outlives the part.
            unsafe { $function(parent $(, $argument)*) }
        }
    };
}

/// What `make` puts over `below`, which only that keeps alive then.
fn on_top(below: *mut Handle, make: impl FnOnce(*const Interface) -> *mut Handle) -> *mut Handle {
    // SAFETY: alive.
    let part = make(unsafe { bw_interface(below) });
    // SAFETY: not used again here.
    assert_eq!(unsafe { bw_destroy(below) }, 0);
    part
}

laws! {
    bump: Resets, over!(bw_bump, 256 * 1024), [.owns_spans().region()];
    arena: Resets, over!(bw_arena, 0, 0), [.owns_spans().region()];
    memo: plain, over!(bw_memo, 8192), [.retains(8192)];
    slab: Resets, over!(bw_slab, 48, 4096), [.owns_spans().max_size(48).max_align(16)];
    mixed_slab: Resets, over!(bw_mixed_slab, 4096), [.owns_spans()];
    pool: Resets, over!(bw_pool, 640, 128, 5), [.owns_spans().max_size(640).max_align(128)];
    concurrent_pool: Resets, over!(bw_concurrent_pool, 640, 128, 4096),
        [.owns_spans().max_size(640).max_align(128).not_reentrant()];
    span_pool: Resets, over!(bw_span_pool, 256, 4096), [.owns_spans()];
    size_classes: Resets, over!(bw_size_classes, 1024, 4096), [.owns_spans().max_size(1024)];
    heap: Resets, over!(bw_heap, 1 << 17), [.owns_spans()];
    counted: plain, over!(bw_counted), [.retains(0)];
    quota: plain, over!(bw_quota, usize::MAX), [.retains(0)];
    locked: plain, over!(bw_locked), [.retains(0).not_reentrant()];
    thread_cached: plain, over!(bw_thread_cached, 1024, 4096), [];
    checked: plain, over!(bw_checked, Some(unheard), ptr::null_mut()), [];
    segregate: plain, |parent| {
        on_top(over!(bw_size_classes, 1024, 4096)(parent), |small| {
            // SAFETY: both outlive the part.
            unsafe { bw_segregate(1024, small, parent) }
        })
    }, [];
    composed: plain, |parent| {
        let source = Named { name: c"below".as_ptr(), allocator: parent };
        // SAFETY: the parent outlives the part.
        unsafe { bw_compose(c"counted over memo(limit 8k) over below".as_ptr(), &raw const source, 1) }
    }, [.retains(8192)];
    part_over_part_over_part: plain, |parent| {
        let slabs = on_top(over!(bw_span_pool, 256, 4096)(parent), over!(bw_mixed_slab, 4096));
        on_top(slabs, over!(bw_memo, 8192))
    }, [.owns_spans()];
}

/// What is still live when a suite ends on purpose.
unsafe extern "C-unwind" fn unheard(_: *mut c_void, _: *const core::ffi::c_char) {}

//! The C library, called by whoever has read its header.
//!
//! Parts are made over each other with any arguments, used, and destroyed in any order;
//! what a caller can get wrong without writing to foreign memory is refused, and said why.

use core::{
    alloc::Layout,
    ffi::{CStr, c_char, c_int, c_void},
    ptr::{self, NonNull},
};
use std::{cell::Cell, ffi::CString};

use arbitrary::{Result, Unstructured};
use blockwork::{
    Allocate as _,
    testing::{Failing, Strict},
};
use blockwork_c::{
    Handle, Interface, Named, Statistics, bw_acquire, bw_acquire_from, bw_acquired, bw_allocate, bw_allocate_zeroed,
    bw_arena, bw_buffer, bw_bump, bw_check, bw_checked, bw_compose, bw_compose_shared, bw_concurrent_pool, bw_counted,
    bw_current, bw_deallocate, bw_destroy, bw_granted, bw_heap, bw_held, bw_interface, bw_last_error, bw_locked,
    bw_malloc_interface, bw_memo, bw_mixed_slab, bw_pages, bw_pool, bw_pop, bw_push, bw_quota, bw_reallocate,
    bw_release, bw_reset, bw_resize, bw_segregate, bw_size_classes, bw_slab, bw_source, bw_span_pool,
    bw_statistics_read, bw_system, bw_thread_cached, bw_trim,
};

use crate::compositions::{text::Writer, when};

/// Parts at once.
const PARTS: usize = 8;
/// Blocks at once.
const BLOCKS: usize = 24;
/// Calls of one input.
const CALLS: usize = 150;
/// Bytes of a block that are written and compared.
const LOOKED_AT: usize = 512;

type Parent = Failing<Strict>;

/// `bw_reallocate`.
pub type Reallocate = unsafe extern "C" fn(*const Interface, *mut c_void, usize, usize, usize) -> *mut c_void;

/// Calls what the bytes say.
pub fn run(bytes: &[u8]) {
    run_with(bytes, bw_reallocate);
}

/// The same, with another `bw_reallocate`.
pub fn run_with(bytes: &[u8], reallocate: Reallocate) {
    // What is missing at the end is zeroes.
    let _enough = play(&mut Unstructured::new(bytes), reallocate);
}

fn play(u: &mut Unstructured<'_>, reallocate: Reallocate) -> Result<()> {
    let parent = Box::new(Failing::new(Strict::new().limit(8 << 20), when(u)?));
    let told = Box::new(Cell::new(0));
    let mut region = vec![0_u128; 256];
    let mut caller = Caller {
        own: interface(&parent),
        told: &told,
        reallocate,
        region: region.as_mut_ptr().cast(),
        lent: false,
        parts: [None; PARTS],
        blocks: [None; BLOCKS],
    };
    let mut calls = 0;
    while !u.is_empty() && calls < CALLS && caller.call(u).is_ok() {
        calls += 1;
        assert_eq!(parent.parent().faults().first(), None);
    }
    caller.end();
    drop(region);
    assert_eq!(parent.parent().faults(), []);
    assert_eq!(parent.parent().live_blocks(), 0, "parts have left memory behind");
    Ok(())
}

/// A caller's allocator.
fn interface(parent: &Parent) -> Interface {
    Interface {
        context: ptr::from_ref(parent).cast_mut().cast(),
        allocate: Some(allocate),
        deallocate: Some(deallocate),
        resize: Some(resize),
        granted: Some(granted),
    }
}

/// # Safety
///
/// - The context of [`interface`], whose parent lives.
unsafe fn parent<'a>(context: *mut c_void) -> &'a Parent {
    // SAFETY: the caller's promise.
    unsafe { &*context.cast::<Parent>() }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap_or_else(|_| panic!("the library asks for {size} at {align}"))
}

unsafe extern "C-unwind" fn allocate(context: *mut c_void, size: usize, align: usize) -> *mut c_void {
    // SAFETY: our context.
    unsafe { parent(context) }.allocate(layout(size, align)).map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}

unsafe extern "C-unwind" fn deallocate(context: *mut c_void, block: *mut c_void, size: usize, align: usize) {
    let block = NonNull::new(block.cast()).unwrap_or_else(|| panic!("the library frees null"));
    // SAFETY: the library's promise, which the parent looks at.
    unsafe { parent(context).deallocate(block, layout(size, align)) }
}

unsafe extern "C-unwind" fn resize(
    context: *mut c_void,
    block: *mut c_void,
    old: usize,
    new: usize,
    align: usize,
) -> bool {
    let block = NonNull::new(block.cast()).unwrap_or_else(|| panic!("the library resizes null"));
    // SAFETY: the library's promise, which the parent looks at.
    unsafe { parent(context).resize(block, layout(old, align), layout(new, align)) }.is_ok()
}

unsafe extern "C-unwind" fn granted(context: *mut c_void, size: usize, align: usize) -> usize {
    // SAFETY: our context.
    unsafe { parent(context) }.granted(layout(size, align))
}

/// What `malloc` gives, for [`bw_source`].
unsafe extern "C-unwind" fn acquire(_: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: always may be called.
    if size > 8 << 20 { ptr::null_mut() } else { unsafe { libc::malloc(size) } }
}

unsafe extern "C-unwind" fn release(_: *mut c_void, memory: *mut c_void) {
    // SAFETY: of `acquire`.
    unsafe { libc::free(memory) }
}

/// Counts what a checked part finds.
unsafe extern "C-unwind" fn tell(context: *mut c_void, message: *const c_char) {
    // SAFETY: a text with an end.
    assert!(!unsafe { CStr::from_ptr(message) }.is_empty());
    // SAFETY: our counter.
    let told = unsafe { &*context.cast::<Cell<usize>>() };
    told.set(told.get() + 1);
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Its blocks end with it, or when it is reset.
    Strategy,
    /// It finds what is done wrong.
    Checked,
    Other,
}

#[derive(Clone, Copy)]
struct Part {
    handle: *mut Handle,
    kind: Kind,
}

#[derive(Clone, Copy)]
struct Held {
    block: *mut c_void,
    size: usize,
    align: usize,
    /// Whose it is: a part's number, or nobody's of ours.
    of: Option<usize>,
    from: *const Interface,
    mark: u8,
}

struct Caller<'a> {
    own: Interface,
    told: &'a Cell<usize>,
    reallocate: Reallocate,
    region: *mut c_void,
    /// The region was lent, to one holder for good.
    lent: bool,
    parts: [Option<Part>; PARTS],
    blocks: [Option<Held>; BLOCKS],
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn clear_errno() {
    // SAFETY: this thread's own.
    unsafe { *libc::__errno_location() = 0 }
}

/// The last call was refused, and says why.
fn refused() {
    let errno = errno();
    let known = [libc::EINVAL, libc::ENOMEM, libc::EBUSY, libc::ENOTSUP, libc::ENOTRECOVERABLE];
    assert!(known.contains(&errno), "errno is {errno}");
    // SAFETY: a text with an end.
    assert!(!unsafe { CStr::from_ptr(bw_last_error()) }.is_empty(), "nothing is said of errno {errno}");
}

impl Held {
    fn write(self) {
        for at in 0..self.size.min(LOOKED_AT) {
            // SAFETY: a live block of that size.
            unsafe { self.block.cast::<u8>().add(at).write(self.mark.wrapping_add(at as u8)) }
        }
    }

    fn verify(self, len: usize) {
        for at in 0..self.size.min(len).min(LOOKED_AT) {
            // SAFETY: a live block of that size, written.
            let found = unsafe { self.block.cast::<u8>().add(at).read() };
            assert_eq!(found, self.mark.wrapping_add(at as u8), "byte {at} of {} has changed", self.size);
        }
    }
}

impl Caller<'_> {
    /// Somebody to ask, and whose number that is.
    fn somebody(&self, u: &mut Unstructured<'_>) -> Result<(*const Interface, Option<usize>)> {
        let number = u.int_in_range(0..=15_usize)?;
        if let Some(part) = self.parts.get(number) {
            // SAFETY: null, or alive.
            let interface = part.map_or(ptr::null(), |part| unsafe { bw_interface(part.handle) });
            return Ok((interface, part.map(|_| number)));
        }
        Ok((
            match number {
                8 => bw_system(),
                9 => bw_pages(),
                10 => bw_malloc_interface(),
                11 => ptr::null(),
                12 => &raw const NOTHING.0,
                _ => &raw const self.own,
            },
            None,
        ))
    }

    fn call(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=23)? {
            0..=4 => self.make(u),
            5..=10 => self.allocate(u),
            11..=13 => self.free(u),
            14 | 15 => self.resize(u),
            16 => self.reallocate(u),
            17 => self.destroy(u),
            18 => self.reset(u),
            19 => self.look(u),
            20 => self.acquired(u),
            21 => self.scoped(u),
            22 => self.mistaken(u),
            _ => self.composed(u),
        }
    }

    fn make(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let place = u.int_in_range(0..=PARTS - 1)?;
        if self.parts[place].is_some() {
            return Ok(());
        }
        let (below, _) = self.somebody(u)?;
        let (other, _) = self.somebody(u)?;
        let (a, b, c) = (amount(u)?, amount(u)?, amount(u)?);
        let told = ptr::from_ref(self.told).cast_mut().cast();
        clear_errno();
        let number = u.int_in_range(0..=17)?;
        // SAFETY: null, or allocators that live; the region and the functions outlive all parts.
        let handle = unsafe {
            match number {
                0 => bw_bump(below, a),
                1 => bw_arena(below, a, b),
                2 => bw_memo(below, a),
                3 => bw_slab(below, a, b),
                4 => bw_mixed_slab(below, a),
                // Not chunks of gigabytes, which are there to be had.
                5 => bw_pool(below, a, b, if c < 1 << 40 { c % 100 } else { c }),
                6 => bw_concurrent_pool(below, a, b, c),
                7 => bw_span_pool(below, a, b),
                8 => bw_size_classes(below, a, b),
                9 => bw_heap(below, a),
                10 => bw_segregate(a, below, other),
                11 => bw_counted(below),
                12 => bw_quota(below, a),
                13 => bw_locked(below),
                14 => bw_thread_cached(below, a, b),
                15 => bw_checked(below, Some(tell), told),
                16 if !self.lent => bw_buffer(self.region, a.min(4096)),
                _ => bw_source(Some(acquire), Some(release), ptr::null_mut()),
            }
        };
        self.lent |= number == 16;
        let kind = match number {
            0 | 1 | 3..=9 => Kind::Strategy,
            15 => Kind::Checked,
            _ => Kind::Other,
        };
        self.keep(place, handle, kind);
        Ok(())
    }

    fn keep(&mut self, place: usize, handle: *mut Handle, kind: Kind) {
        if handle.is_null() {
            refused();
        } else {
            self.parts[place] = Some(Part { handle, kind });
        }
    }

    /// A part from a text, which may name the caller's own allocator.
    fn composed(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let place = u.int_in_range(0..=PARTS - 1)?;
        if self.parts[place].is_some() {
            return Ok(());
        }
        let mut writer = Writer::default();
        writer.write(u)?;
        // What is checked there ends the program when it is dropped with live blocks.
        if writer.text.contains("checked") {
            return Ok(());
        }
        if u.ratio(1, 8)? {
            writer.text.truncate(u.int_in_range(0..=writer.text.len())?);
        }
        let Ok(text) = CString::new(writer.text) else { return Ok(()) };
        let named = [Named { name: c"parent".as_ptr(), allocator: &raw const self.own }];
        let count = usize::from(u.ratio(7, 8)?);
        clear_errno();
        // SAFETY: a text with an end, and as many names.
        let handle = unsafe { bw_compose(text.as_ptr(), named.as_ptr(), count) };
        self.keep(place, handle, Kind::Other);
        clear_errno();
        // SAFETY: as above; the caller's allocator is for one thread, and nobody else asks this part.
        let handle = unsafe { bw_compose_shared(text.as_ptr(), named.as_ptr(), count) };
        // SAFETY: null, or alive.
        let gone = unsafe { bw_destroy(handle) };
        assert_eq!(gone, 0);
        Ok(())
    }

    fn allocate(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let place = u.int_in_range(0..=BLOCKS - 1)?;
        self.give_back(place);
        let (from, of) = self.somebody(u)?;
        let (size, align, zeroed) = (size(u)?, align(u)?, u.arbitrary()?);
        clear_errno();
        // SAFETY: null, or alive.
        let granted = unsafe { bw_granted(from, size, align) };
        assert!(granted == 0 || granted >= size, "{granted} of {size} bytes are granted");
        clear_errno();
        // SAFETY: null, or alive.
        let block =
            unsafe { if zeroed { bw_allocate_zeroed(from, size, align) } else { bw_allocate(from, size, align) } };
        if block.is_null() {
            refused();
            return Ok(());
        }
        assert!(align.is_power_of_two() && block.addr().is_multiple_of(align), "{block:p} is not at {align}");
        if size == 0 {
            return Ok(());
        }
        let held = Held { block, size, align, of, from, mark: u.arbitrary()? };
        if zeroed {
            // SAFETY: a live block of that size.
            let clean = (0..size.min(LOOKED_AT)).all(|at| unsafe { block.cast::<u8>().add(at).read() } == 0);
            assert!(clean, "{size} bytes are not zero");
        }
        held.write();
        self.blocks[place] = Some(held);
        Ok(())
    }

    fn give_back(&mut self, place: usize) {
        if let Some(held) = self.blocks[place].take() {
            held.verify(held.size);
            // SAFETY: a live block of this allocator.
            unsafe { bw_deallocate(held.from, held.block, held.size, held.align) }
        }
    }

    fn free(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let place = u.int_in_range(0..=BLOCKS - 1)?;
        if u.ratio(1, 8)?
            && let Some(held) = self.blocks[place]
        {
            // An alignment that is none gives nothing back.
            clear_errno();
            // SAFETY: says so.
            unsafe { bw_deallocate(held.from, held.block, held.size, 12) };
            assert_eq!(errno(), libc::EINVAL);
            held.verify(held.size);
        }
        self.give_back(place);
        Ok(())
    }

    fn resize(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let place = u.int_in_range(0..=BLOCKS - 1)?;
        let new = size(u)?;
        let Some(held) = &mut self.blocks[place] else { return Ok(()) };
        // SAFETY: a live block of this allocator.
        if unsafe { bw_resize(held.from, held.block, held.size, new, held.align) } {
            assert_ne!(new, 0);
            held.verify(new);
            held.size = new;
            held.write();
        } else {
            held.verify(held.size);
        }
        Ok(())
    }

    fn reallocate(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let place = u.int_in_range(0..=BLOCKS - 1)?;
        let new = size(u)?;
        let Some(held) = &mut self.blocks[place] else { return Ok(()) };
        clear_errno();
        // SAFETY: a live block of this allocator.
        let block = unsafe { (self.reallocate)(held.from, held.block, held.size, new, held.align) };
        if block.is_null() {
            refused();
            held.verify(held.size);
            return Ok(());
        }
        held.block = block;
        if new == 0 {
            self.blocks[place] = None;
            return Ok(());
        }
        held.verify(new);
        held.size = new;
        held.write();
        Ok(())
    }

    /// Forgets the blocks of a part, or gives them back.
    fn blocks_end(&mut self, of: usize, forget: bool) {
        for place in 0..BLOCKS {
            if self.blocks[place].is_some_and(|held| held.of == Some(of)) {
                if forget {
                    self.blocks[place] = None;
                } else {
                    self.give_back(place);
                }
            }
        }
    }

    fn destroy(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let number = u.int_in_range(0..=PARTS - 1)?;
        let Some(part) = self.parts[number].take() else {
            // SAFETY: nothing.
            assert_eq!(unsafe { bw_destroy(ptr::null_mut()) }, 0);
            return Ok(());
        };
        self.blocks_end(number, part.kind == Kind::Strategy);
        // SAFETY: alive, and not used again; no block of it is.
        assert_eq!(unsafe { bw_destroy(part.handle) }, 0);
        Ok(())
    }

    fn reset(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let number = u.int_in_range(0..=PARTS - 1)?;
        let handle = self.parts[number].map_or(ptr::null_mut(), |part| part.handle);
        clear_errno();
        // SAFETY: null, or alive; its blocks are not used again.
        if unsafe { bw_reset(handle) } == 0 {
            self.blocks_end(number, true);
        } else {
            refused();
        }
        Ok(())
    }

    fn look(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let number = u.int_in_range(0..=PARTS - 1)?;
        let handle = self.parts[number].map_or(ptr::null_mut(), |part| part.handle);
        clear_errno();
        // SAFETY: null, or alive.
        if unsafe { bw_trim(handle) } != 0 {
            refused();
        }
        clear_errno();
        // SAFETY: null, or alive.
        if unsafe { bw_check(handle) } != 0 {
            assert!(handle.is_null(), "the books are in disorder");
            refused();
        }
        // SAFETY: null, or alive.
        let _held = unsafe { bw_held(handle) };
        let mut statistics = Statistics::default();
        clear_errno();
        // SAFETY: null, or alive; may be written.
        if unsafe { bw_statistics_read(handle, &raw mut statistics) } != 0 {
            refused();
        }
        Ok(())
    }

    /// Blocks that know their size.
    fn acquired(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (from, _) = self.somebody(u)?;
        let size = size(u)?;
        clear_errno();
        // SAFETY: null, or alive.
        let block = unsafe { bw_acquire_from(from, size) };
        if block.is_null() {
            refused();
            return Ok(());
        }
        // SAFETY: of `bw_acquire_from`.
        assert_eq!(unsafe { bw_acquired(block) }, size);
        let held = Held { block, size, align: 16, of: None, from, mark: 7 };
        assert!(block.addr().is_multiple_of(16));
        held.write();
        held.verify(size);
        // SAFETY: of `bw_acquire_from`.
        unsafe { bw_release(block) };
        Ok(())
    }

    /// The current allocator, and what is refused meanwhile.
    fn scoped(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let (inner, of) = self.somebody(u)?;
        clear_errno();
        // SAFETY: null, or alive until it is popped.
        let outer = unsafe { bw_push(inner) };
        if outer.is_null() {
            refused();
            return Ok(());
        }
        assert_eq!(bw_current(), inner);
        if let Some(part) = of.and_then(|number| self.parts[number]) {
            // SAFETY: alive, and refused.
            assert_eq!(unsafe { bw_destroy(part.handle) }, -1, "the current allocator was destroyed");
            assert_eq!(errno(), libc::EBUSY);
        }
        let block = bw_acquire(size(u)?);
        // SAFETY: null, or of `bw_acquire`.
        unsafe { bw_release(block) };
        // SAFETY: of `bw_push`.
        unsafe { bw_pop(outer) };
        assert_eq!(bw_current(), outer);
        Ok(())
    }

    /// What a checked part finds: it is told, and nothing else comes of it.
    fn mistaken(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let number = u.int_in_range(0..=PARTS - 1)?;
        let Some(Part { handle, kind: Kind::Checked }) = self.parts[number] else { return Ok(()) };
        let size = u.int_in_range(1..=300)?;
        // SAFETY: alive.
        let from = unsafe { bw_interface(handle) };
        // SAFETY: alive.
        let block = unsafe { bw_allocate(from, size, 8) };
        if block.is_null() {
            return Ok(());
        }
        let before = self.told.get();
        let mistake = u.int_in_range(0..=3)?;
        // SAFETY: the part finds what is wrong with it.
        unsafe {
            match mistake {
                0 => bw_deallocate(from, block, size + 1 + u.int_in_range(0..=100)?, 8),
                1 => bw_deallocate(from, block, size, 16),
                2 => bw_deallocate(from, block.cast::<u8>().add(8).cast(), size, 8),
                _ => bw_deallocate(from, self.region, size, 8),
            }
        }
        assert!(self.told.get() > before, "mistake {mistake} with {size} bytes was not found");
        // SAFETY: still live, since what is wrong is not done.
        unsafe { bw_deallocate(from, block, size, 8) };
        assert_eq!(self.told.get(), before + 1, "what was right was found wrong");
        Ok(())
    }

    /// Destroys all parts.
    fn end(&mut self) {
        for place in 0..BLOCKS {
            self.give_back(place);
        }
        for part in self.parts.iter_mut().filter_map(Option::take) {
            // SAFETY: alive, and not used again.
            assert_eq!(unsafe { bw_destroy(part.handle) }, 0);
        }
    }
}

/// An allocator that has nothing.
struct Nothing(Interface);

// SAFETY: has no state.
unsafe impl Sync for Nothing {}

static NOTHING: Nothing =
    Nothing(Interface { context: ptr::null_mut(), allocate: None, deallocate: None, resize: None, granted: None });

/// Sizes of what parts are made of; none between what may well be and what cannot.
fn amount(u: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match u.int_in_range(0..=15)? {
        0..=8 => 1 << u.int_in_range(0..=17)?,
        9 => 0,
        10..=13 => u.int_in_range(0..=5000)?,
        14 => usize::MAX,
        _ => (usize::MAX >> u.int_in_range(0..=12)?).saturating_sub(u.int_in_range(0..=64)?),
    })
}

fn size(u: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match u.int_in_range(0..=15)? {
        0..=7 => u.int_in_range(0..=300)?,
        8..=11 => u.int_in_range(0..=5000)?,
        12..=14 => u.int_in_range(0..=100_000)?,
        _ => (usize::MAX >> u.int_in_range(0..=12)?).saturating_sub(u.int_in_range(0..=64)?),
    })
}

fn align(u: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match u.int_in_range(0..=15)? {
        0..=10 => 1 << u.int_in_range(0..=5)?,
        11..=13 => 1 << u.int_in_range(0..=16)?,
        14 => u.arbitrary()?,
        _ => 0,
    })
}

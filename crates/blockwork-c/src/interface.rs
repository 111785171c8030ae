//! [`Interface`]: an allocator as C sees it; and [`Foreign`], such a one as a
//! part.

use core::{alloc::Layout, ffi::c_void, fmt, ptr, ptr::NonNull};

use blockwork::{
    AllocError, Allocate, Check,
    alloc::{can_resize, empty},
};

use crate::error::{Refusal, contain};

/// `allocate` of a `bw_allocator`.
pub(crate) type AllocateFn = unsafe extern "C-unwind" fn(*mut c_void, usize, usize) -> *mut c_void;
/// `deallocate` of a `bw_allocator`.
pub(crate) type DeallocateFn = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize, usize);
/// `resize` of a `bw_allocator`.
pub(crate) type ResizeFn = unsafe extern "C-unwind" fn(*mut c_void, *mut c_void, usize, usize, usize) -> bool;
/// `granted` of a `bw_allocator`.
pub(crate) type GrantedFn = unsafe extern "C-unwind" fn(*mut c_void, usize, usize) -> usize;

/// `bw_allocator`: a context and functions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// What every function gets first.
    pub context: *mut c_void,
    /// Gives a block of so many bytes at such an alignment, or null.
    pub allocate: Option<AllocateFn>,
    /// Takes a block back.
    pub deallocate: Option<DeallocateFn>,
    /// Makes a block another size where it stands; null for never.
    pub resize: Option<ResizeFn>,
    /// The bytes that a request really gets; null for those asked for.
    pub granted: Option<GrantedFn>,
}

// SAFETY: a description; what may be done with it where is said of the allocator
// that it describes.
unsafe impl Sync for Interface {}

/// The layout of a request from C.
///
/// A size that no block can have is out of memory, as it is for `malloc`.
#[inline]
pub(crate) const fn layout_of(size: usize, align: usize) -> Result<Layout, Refusal> {
    if !align.is_power_of_two() {
        return Err(Refusal::Argument("an alignment must be a power of two"));
    }
    match Layout::from_size_align(size, align) {
        Ok(layout) => Ok(layout),
        Err(_) => Err(Refusal::Memory),
    }
}

/// What serves behind an [`Interface`] of the caller's.
#[derive(Clone, Copy)]
pub(crate) struct Foreign {
    context: *mut c_void,
    allocate: AllocateFn,
    deallocate: DeallocateFn,
    resize: Option<ResizeFn>,
    granted: Option<GrantedFn>,
}

impl Foreign {
    /// The allocator that `interface` describes, if it says enough.
    pub(crate) fn new(interface: &Interface) -> Result<Self, Refusal> {
        let Interface { context, allocate, deallocate, resize, granted } = *interface;
        match (allocate, deallocate) {
            (Some(allocate), Some(deallocate)) => Ok(Self { context, allocate, deallocate, resize, granted }),
            _ => Err(Refusal::Argument("an allocator must have `allocate` and `deallocate`")),
        }
    }

    fn free(&self, block: NonNull<u8>, layout: Layout) {
        contain(|| {
            // SAFETY: the caller's own function, for a block that it gave with a
            // layout of this class.
            unsafe { (self.deallocate)(self.context, block.as_ptr().cast(), layout.size(), layout.align()) }
        });
    }
}

// SAFETY: blocks are the caller's, who promises in C what the contract asks for;
// what is misaligned is not let through, empty requests are answered here, and
// nothing unwinds past `contain`.
unsafe impl Allocate for Foreign {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let block = contain(|| {
            // SAFETY: the caller's own function, with its context.
            unsafe { (self.allocate)(self.context, layout.size(), layout.align()) }
        });
        let block = NonNull::new(block.cast::<u8>()).ok_or(AllocError)?;
        if block.addr().get() & layout.align().wrapping_sub(1) != 0 {
            self.free(block, layout);
            return Err(AllocError);
        }
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            self.free(block, layout);
        }
    }

    fn granted(&self, layout: Layout) -> usize {
        let (Some(granted), true) = (self.granted, layout.size() != 0) else { return layout.size() };
        let bytes = contain(|| {
            // SAFETY: the caller's own function, with its context.
            unsafe { granted(self.context, layout.size(), layout.align()) }
        });
        let possible = bytes >= layout.size() && Layout::from_size_align(bytes, layout.align()).is_ok();
        if possible { bytes } else { layout.size() }
    }

    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<(), AllocError> {
        if !can_resize(old, new) {
            return Err(AllocError);
        }
        let Some(resize) = self.resize else {
            return if self.granted(old) == self.granted(new) { Ok(()) } else { Err(AllocError) };
        };
        let stays = contain(|| {
            // SAFETY: the caller's own function, for a live block of its.
            unsafe { resize(self.context, block.as_ptr().cast(), old.size(), new.size(), new.align()) }
        });
        if stays { Ok(()) } else { Err(AllocError) }
    }
}

/// A caller's allocator shows no books.
impl Check for Foreign {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreign").field("context", &self.context).finish_non_exhaustive()
    }
}

/// The functions of a `bw_allocator` over what `$find` finds by its context.
macro_rules! functions {
    ($name:ident, $find:ident) => {
        mod $name {
            use core::ffi::c_void;

            use super::$find;
            use crate::{access, error::contain, interface::Interface};

            pub(crate) unsafe extern "C-unwind" fn allocate(
                context: *mut c_void,
                size: usize,
                align: usize,
            ) -> *mut c_void {
                contain(|| {
                    // SAFETY: the context is that of the interface.
                    let from = unsafe { $find(context) };
                    access::allocate(from, size, align)
                })
            }

            pub(crate) unsafe extern "C-unwind" fn deallocate(
                context: *mut c_void,
                block: *mut c_void,
                size: usize,
                align: usize,
            ) {
                contain(|| {
                    // SAFETY: the context is that of the interface.
                    let from = unsafe { $find(context) };
                    // SAFETY: the caller's promises are those of the contract.
                    unsafe { access::deallocate(from, block, size, align) }
                });
            }

            pub(crate) unsafe extern "C-unwind" fn resize(
                context: *mut c_void,
                block: *mut c_void,
                old: usize,
                new: usize,
                align: usize,
            ) -> bool {
                contain(|| {
                    // SAFETY: the context is that of the interface.
                    let from = unsafe { $find(context) };
                    // SAFETY: the caller's promises are those of the contract.
                    unsafe { access::resize(from, block, old, new, align) }
                })
            }

            pub(crate) unsafe extern "C-unwind" fn granted(context: *mut c_void, size: usize, align: usize) -> usize {
                contain(|| {
                    // SAFETY: the context is that of the interface.
                    let from = unsafe { $find(context) };
                    access::granted(from, size, align)
                })
            }

            /// How C reaches it.
            pub(crate) const fn interface(context: *mut c_void) -> Interface {
                Interface {
                    context,
                    allocate: Some(allocate),
                    deallocate: Some(deallocate),
                    resize: Some(resize),
                    granted: Some(granted),
                }
            }
        }
    };
}
pub(crate) use functions;

/// Whether two interfaces have the same functions, all of them: then what they
/// describe is of the same kind. A caller may have replaced some in a copy.
pub(crate) fn is_alike(one: &Interface, other: &Interface) -> bool {
    /// Whether both are there, and the same.
    macro_rules! same {
        ($function:ident) => {
            matches!((one.$function, other.$function), (Some(one), Some(other)) if ptr::fn_addr_eq(one, other))
        };
    }
    same!(allocate) && same!(deallocate) && same!(resize) && same!(granted)
}

//! [`Preloaded`]: a malloc that stands where the machine's own would.
//!
//! It is called by the same names, through [`Malloc`]. What it holds it need not
//! say: the kernel does, see [`Resident`](super::resident::Resident).

use std::{
    alloc::Layout,
    ffi::{CStr, OsStr},
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr::NonNull,
};

use super::{
    heap::{Heap, Resized},
    malloc::Malloc,
};

/// What `malloc` promises of blocks that are large enough.
const ALIGN: usize = align_of::<libc::max_align_t>();

/// A malloc that was preloaded into this process.
#[derive(Debug)]
pub struct Preloaded {
    /// Whether its `malloc_usable_size` is its own.
    tells: bool,
}

impl Preloaded {
    /// The malloc of the library at `path`; `None` if this process has another.
    pub fn from(path: &Path) -> Option<Self> {
        let is_from = |function: &CStr| home(function).is_some_and(|home| is_same(&home, path));
        let all = [c"malloc", c"calloc", c"realloc", c"free"].into_iter().all(is_from);
        all.then(|| Self { tells: is_from(c"malloc_usable_size") })
    }
}

// SAFETY: that is what the C standard promises of these functions, whoever brings them.
unsafe impl Heap for Preloaded {
    /// C lets blocks that are too small for a type be aligned less than it.
    #[inline]
    fn align(layout: Layout) -> usize {
        match layout.size() {
            size if layout.align() > ALIGN || size >= ALIGN => layout.align(),
            0 => 1,
            size => (1 << size.ilog2()).min(layout.align()),
        }
    }

    #[inline]
    fn allocate(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        Malloc.allocate(layout, zeroed)
    }

    #[inline]
    unsafe fn free(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as promised by the caller; all that `Malloc` gives is from this library.
        unsafe { Malloc.free(block, layout) }
    }

    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Resized {
        // SAFETY: as promised by the caller; all that `Malloc` gives is from this library.
        unsafe { Malloc.resize(block, old, new) }
    }

    #[inline]
    unsafe fn granted(&self, block: NonNull<u8>, layout: Layout) -> usize {
        if !self.tells {
            return layout.size();
        }
        // SAFETY: as promised by the caller, and the library knows its own blocks.
        unsafe { Malloc.granted(block, layout) }
    }
}

/// The file that `function` is in, as this process calls it.
fn home(function: &CStr) -> Option<PathBuf> {
    // SAFETY: a string that ends.
    let address = NonNull::new(unsafe { libc::dlsym(libc::RTLD_DEFAULT, function.as_ptr()) })?;
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked about; the answer has room.
    if unsafe { libc::dladdr(address.as_ptr(), info.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: filled in, and zero was valid before.
    let name = unsafe { info.assume_init() }.dli_fname;
    // SAFETY: a string that ends, of a library that stays loaded.
    (!name.is_null()).then(|| OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()).into())
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_of_a_function_is_a_file() {
        let libc = home(c"malloc_usable_size").unwrap();
        assert!(libc.to_str().unwrap().contains("libc"), "{libc:?}");
        assert!(home(c"no_such_function").is_none());
        assert!(is_same(&libc, &libc.canonicalize().unwrap()) && !is_same(&libc, Path::new("/")));
    }

    #[test]
    fn small_blocks_may_be_aligned_as_their_size_says() {
        let align = |size, align| Preloaded::align(Layout::from_size_align(size, align).unwrap());
        assert_eq!([0, 1, 8, 12, 15, 16, 40].map(|size| align(size, 16)), [1, 1, 8, 8, 8, 16, 16]);
        assert_eq!([align(8, 64), align(12, 2), align(3, 1)], [64, 2, 1]);
    }

    #[test]
    fn what_is_not_loaded_is_noticed() {
        assert!(Preloaded::from(Path::new("/absent.so")).is_none());
    }
}

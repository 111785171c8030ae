//! The allocation functions of C, POSIX and glibc over [`Malloc`].
//!
//! Failure is null and `errno`; null is freed by doing nothing. What the
//! standards leave open is as in glibc, whose programs these serve:
//!
//! | | |
//! |---|---|
//! | `malloc(0)` | a block, to be freed |
//! | `realloc(p, 0)` | frees `p`, returns null |
//! | `aligned_alloc` | any power of two, and any size; others are `EINVAL` |
//! | `memalign` | other alignments are rounded up |
//! | `errno` | only changed by failure |

use blockwork::Malloc;

use crate::{
    functions::functions,
    profile,
    report::{self, Sink, StandardError},
};

functions!(Malloc);

/// They have one byte here.
const fn nothing(_align: usize) -> Option<NonNull<u8>> {
    None
}

/// As `malloc_trim` of glibc: whether memory may have gone back. There is no top
/// of a heap that could keep `_pad` bytes.
#[must_use]
pub fn trim(_pad: usize) -> c_int {
    c_int::from(Malloc.trim() != 0)
}

/// As `mallopt` of glibc: every option is accepted, and none does anything. What
/// can be chosen is in [`options`](crate::options).
#[must_use]
pub const fn mallopt(_option: c_int, _value: c_int) -> c_int {
    1
}

/// What `mallinfo2` of glibc returns.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are glibc's; `info` says what is in them")]
pub struct Info<T> {
    pub arena: T,
    pub ordblks: T,
    pub smblks: T,
    pub hblks: T,
    pub hblkhd: T,
    pub usmblks: T,
    pub fsmblks: T,
    pub uordblks: T,
    pub fordblks: T,
    pub keepcost: T,
}

/// As `mallinfo2` of glibc, as far as there is such a thing here.
///
/// In `arena` are the bytes of the chunks, in `hblks` and `hblkhd` blocks that were mapped by themselves, in
/// `uordblks` the bytes in use without those, in `fordblks` the others of the
/// chunks, in `keepcost` those that [`trim`] might give back.
#[must_use]
pub fn mallinfo2() -> Info<usize> {
    let stats = Malloc.stats();
    let used = stats.bytes_used().saturating_sub(stats.mapping_bytes);
    Info {
        arena: stats.chunk_bytes,
        hblks: stats.mappings,
        hblkhd: stats.mapping_bytes,
        uordblks: used,
        fordblks: stats.chunk_bytes.saturating_sub(used),
        keepcost: stats.chunk_bytes_kept,
        ..Info::default()
    }
}

/// As `mallinfo` of glibc: what does not fit is the most that does.
#[must_use]
pub fn mallinfo() -> Info<c_int> {
    let fit = |bytes: usize| c_int::try_from(bytes).unwrap_or(c_int::MAX);
    let info = mallinfo2();
    Info {
        arena: fit(info.arena),
        ordblks: 0,
        smblks: 0,
        hblks: fit(info.hblks),
        hblkhd: fit(info.hblkhd),
        usmblks: 0,
        fsmblks: 0,
        uordblks: fit(info.uordblks),
        fordblks: fit(info.fordblks),
        keepcost: fit(info.keepcost),
    }
}

/// As `malloc_stats` of glibc: a table on the standard error.
pub fn malloc_stats() {
    report::text(&Malloc.stats(), &mut StandardError::new());
}

/// As `malloc_info` of glibc, but what it writes to `file` is JSON, as its XML has
/// names of what is not here. Options other than zero are an error.
///
/// # Safety
///
/// - `file` may be written to.
pub unsafe fn malloc_info(options: c_int, file: *mut libc::FILE) -> c_int {
    if options != 0 {
        return EINVAL;
    }
    report::json(&Malloc.stats(), &mut File(file));
    0
}

/// Writes the statistics as JSON into the `size` bytes at `buffer`, with a zero at
/// the end, cut off if need be; returns the bytes that it takes without the zero.
///
/// # Safety
///
/// - `size` bytes at `buffer` may be written.
pub unsafe fn stats_json(buffer: *mut u8, size: usize) -> usize {
    let mut buffer = Buffer { at: buffer, room: size.saturating_sub(1), len: 0 };
    report::json(&Malloc.stats(), &mut buffer);
    if size != 0 {
        // SAFETY: `put` stops one byte before the end, says its room.
        let end = unsafe { buffer.at.add(buffer.len.min(buffer.room)) };
        // SAFETY: as above.
        unsafe { end.write(0) }
    }
    buffer.len
}

/// Writes a heap profile to the file `path`, or if that is null to one whose name
/// begins as the [options](crate::options) say; −1 and `errno` if it could not.
///
/// # Safety
///
/// - `path` is a string, or null.
#[must_use]
pub unsafe fn profile(path: *const libc::c_char) -> c_int {
    let outcome = match NonNull::new(path.cast_mut()) {
        // SAFETY: the caller's promise.
        Some(path) => profile::write_to(unsafe { core::ffi::CStr::from_ptr(path.as_ptr()) }),
        None => profile::write(),
    };
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            set_errno(error);
            -1
        }
    }
}

struct File(*mut libc::FILE);

impl Sink for File {
    fn put(&mut self, bytes: &[u8]) {
        // SAFETY: the caller of `malloc_info` says that it may be written to.
        let _written = unsafe { libc::fwrite(bytes.as_ptr().cast(), 1, bytes.len(), self.0) };
    }
}

struct Buffer {
    at: *mut u8,
    /// Bytes before the zero.
    room: usize,
    /// Bytes so far, those without room as well.
    len: usize,
}

impl Sink for Buffer {
    fn put(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.room.saturating_sub(self.len));
        if count != 0 {
            // SAFETY: so much room is left.
            let to = unsafe { self.at.add(self.len) };
            // SAFETY: so many bytes of either, which are not the same memory.
            unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), count) }
        }
        self.len = self.len.saturating_add(bytes.len());
    }
}

/// Says `why`, and ends the process.
#[cold]
pub fn end(why: &str) -> ! {
    let mut error = StandardError::new();
    for part in ["blockwork: ", why, "\n"] {
        error.put(part.as_bytes());
    }
    drop(error);
    // SAFETY: always may be called.
    unsafe { libc::abort() }
}

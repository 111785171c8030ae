//! The few system calls of the recorder, made directly, and its thread slot.
//!
//! Not through libc: its wrappers set `errno`, may be points of cancellation,
//! and may be interposed by someone else's preload.

use core::{
    arch::{asm, global_asm},
    ffi::CStr,
    ptr::{self, NonNull},
};

/// An error number of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    pub const INTR: Self = Self(4);
    pub const FBIG: Self = Self(27);
    pub const NOSPC: Self = Self(28);
    pub const OPNOTSUPP: Self = Self(95);
    pub const DQUOT: Self = Self(122);
}

type Result<T> = core::result::Result<T, Errno>;

/// Calls the system.
///
/// # Safety
///
/// As the call's manual page says.
pub unsafe fn syscall(number: usize, arguments: [usize; 6]) -> Result<usize> {
    let [a, b, c, d, e, f] = arguments;
    let result: isize;
    // SAFETY: the system keeps all registers but these three; what the call
    // does is the caller's matter.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    match u16::try_from(result.wrapping_neg()) {
        Ok(errno @ 1..4096) => Err(Errno(errno)),
        _ => Ok(result.cast_unsigned()),
    }
}

/// The numbers of the calls on `x86_64`.
mod number {
    pub(super) const READ: usize = 0;
    pub(super) const CLOSE: usize = 3;
    pub(super) const FSTAT: usize = 5;
    pub(super) const MMAP: usize = 9;
    pub(super) const MUNMAP: usize = 11;
    pub(super) const PWRITE: usize = 18;
    pub(super) const SCHED_YIELD: usize = 24;
    pub(super) const MADVISE: usize = 28;
    pub(super) const NANOSLEEP: usize = 35;
    pub(super) const GETPID: usize = 39;
    pub(super) const READLINK: usize = 89;
    pub(super) const PRCTL: usize = 157;
    pub(super) const OPENAT: usize = 257;
    pub(super) const FALLOCATE: usize = 285;
    pub(super) const PRLIMIT: usize = 302;
}

/// The size of a page.
pub const PAGE: usize = 4096;

/// The size of a page, as a question: elsewhere it is one to the system.
pub const fn page_size() -> usize {
    PAGE
}

/// An open file, closed when dropped.
#[derive(Debug)]
pub struct File(pub usize);

impl File {
    /// Opens a file for reading and writing.
    pub fn open(path: &CStr) -> Result<Self> {
        const AT_FDCWD: usize = (-100_isize).cast_unsigned();
        const O_RDWR_NOCTTY_CLOEXEC: usize = 0o2 | 0o400 | 0o2_000_000;
        let arguments = [AT_FDCWD, path.as_ptr().addr(), O_RDWR_NOCTTY_CLOEXEC, 0, 0, 0];
        // SAFETY: `path` ends with a zero; nothing else is read or written.
        unsafe { syscall(number::OPENAT, arguments) }.map(Self)
    }

    /// Opens a file for reading.
    pub fn open_to_read(path: &CStr) -> Result<Self> {
        const AT_FDCWD: usize = (-100_isize).cast_unsigned();
        const O_RDONLY_NOCTTY_CLOEXEC: usize = 0o400 | 0o2_000_000;
        let arguments = [AT_FDCWD, path.as_ptr().addr(), O_RDONLY_NOCTTY_CLOEXEC, 0, 0, 0];
        // SAFETY: `path` ends with a zero; nothing else is read or written.
        unsafe { syscall(number::OPENAT, arguments) }.map(Self)
    }

    /// Reads on; how many bytes, 0 at the end.
    pub fn read(&self, bytes: &mut [u8]) -> Result<usize> {
        loop {
            let arguments = [self.0, bytes.as_mut_ptr().expose_provenance(), bytes.len(), 0, 0, 0];
            // SAFETY: writes no more than `bytes` has.
            match unsafe { syscall(number::READ, arguments) } {
                Err(Errno::INTR) => {}
                done => return done,
            }
        }
    }

    /// What tells this file from all others, device and inode; and its size.
    pub fn about(&self) -> Result<([u64; 2], u64)> {
        let mut stat = [0_u64; 18]; // `struct stat` has these in words 0, 1 and 6
        // SAFETY: `struct stat` is 144 bytes, which `stat` has.
        unsafe { syscall(number::FSTAT, [self.0, stat.as_mut_ptr().expose_provenance(), 0, 0, 0, 0])? };
        let [device, inode, _, _, _, _, size, ..] = stat;
        Ok(([device, inode], size))
    }

    /// Takes the disk's room for `from..to`, so that writing there never fails.
    pub fn reserve(&self, from: usize, to: usize) -> Result<()> {
        loop {
            let arguments = [self.0, 0, from, to.saturating_sub(from), 0, 0];
            // SAFETY: reads and writes no memory of ours.
            match unsafe { syscall(number::FALLOCATE, arguments) } {
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP) => return self.reserve_by_writing(from, to),
                done => return done.map(drop),
            }
        }
    }

    /// For file systems that cannot reserve: writes a zero into every page of a
    /// range that holds nothing yet.
    fn reserve_by_writing(&self, from: usize, to: usize) -> Result<()> {
        let mut last = from.next_multiple_of(PAGE).wrapping_add(PAGE - 1);
        while last < to {
            let zero = 0_u8;
            // SAFETY: reads one byte, which is there.
            unsafe { syscall(number::PWRITE, [self.0, ptr::from_ref(&zero).expose_provenance(), 1, last, 0, 0])? };
            last = last.wrapping_add(PAGE);
        }
        Ok(())
    }

    /// Maps `length` bytes from `offset` on, to read and write, shared.
    pub fn map(&self, offset: usize, length: usize) -> Result<NonNull<u8>> {
        const SHARED: usize = 1;
        map(length, SHARED, self.0, offset)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: ours, and not used again.
        let _ = unsafe { syscall(number::CLOSE, [self.0, 0, 0, 0, 0, 0]) };
    }
}

/// Maps zeroed memory of our own.
pub fn map_anonymous(length: usize) -> Result<NonNull<u8>> {
    const PRIVATE_ANONYMOUS: usize = 0x22;
    map(length, PRIVATE_ANONYMOUS, usize::MAX, 0)
}

fn map(length: usize, flags: usize, file: usize, offset: usize) -> Result<NonNull<u8>> {
    const READ_WRITE: usize = 3;
    // SAFETY: the system chooses a free address, so no other memory changes.
    let address = unsafe { syscall(number::MMAP, [0, length, READ_WRITE, flags, file, offset])? };
    NonNull::new(ptr::with_exposed_provenance_mut(address)).ok_or(Errno(22))
}

/// Gives a mapping back.
///
/// # Safety
///
/// `base` and `length` are of [`File::map`] or [`map_anonymous`], and nobody
/// uses the memory any more.
pub unsafe fn unmap(base: *mut u8, length: usize) {
    // SAFETY: the caller's promise.
    let _ = unsafe { syscall(number::MUNMAP, [base.addr(), length, 0, 0, 0, 0]) };
}

/// How a forked child sees a mapping.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub enum OnFork {
    /// Not at all.
    Absent = 10,
    /// Full of zeroes; only for anonymous memory.
    Zeroed = 18,
}

/// Chooses how forked children see a mapping.
pub fn on_fork(base: *mut u8, length: usize, how: OnFork) -> Result<()> {
    // SAFETY: neither choice changes what this process sees.
    unsafe { syscall(number::MADVISE, [base.addr(), length, how as usize, 0, 0, 0]) }.map(drop)
}

/// The size that this process may give to a file.
pub fn file_limit() -> usize {
    const RLIMIT_FSIZE: usize = 1;
    let mut limit = [usize::MAX; 2];
    // SAFETY: `struct rlimit` is two words, the soft limit first.
    let _ = unsafe { syscall(number::PRLIMIT, [0, RLIMIT_FSIZE, 0, limit.as_mut_ptr().expose_provenance(), 0, 0]) };
    let [soft, _] = limit;
    soft
}

/// This process.
pub fn process() -> u32 {
    // SAFETY: always allowed, never fails.
    let pid = unsafe { syscall(number::GETPID, [0; 6]) };
    pid.ok().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0)
}

/// What the system calls this thread: 15 bytes and a zero.
pub fn name() -> [u32; 4] {
    const PR_GET_NAME: usize = 16;
    let mut name = [0_u32; 4];
    // SAFETY: writes 16 bytes, which `name` has.
    let _ = unsafe { syscall(number::PRCTL, [PR_GET_NAME, name.as_mut_ptr().expose_provenance(), 0, 0, 0, 0]) };
    name
}

/// The file that this process runs, as far as it fits.
pub fn executable(path: &mut [u8]) -> &[u8] {
    let arguments = [c"/proc/self/exe".as_ptr().addr(), path.as_mut_ptr().expose_provenance(), path.len(), 0, 0, 0];
    // SAFETY: writes no more than `path` has.
    let length = unsafe { syscall(number::READLINK, arguments) }.unwrap_or(0);
    path.get(..length).unwrap_or_default()
}

/// Lets other threads run.
pub fn give_way() {
    // SAFETY: always allowed.
    let _ = unsafe { syscall(number::SCHED_YIELD, [0; 6]) };
}

/// Sleeps for a tenth of a millisecond, or less.
pub fn sleep() {
    let duration = [0_usize, 100_000];
    // SAFETY: reads `struct timespec`, which is two words.
    let _ = unsafe { syscall(number::NANOSLEEP, [duration.as_ptr().expose_provenance(), 0, 0, 0, 0, 0]) };
}

// The slot of each thread: four bytes of static thread-local storage, zero
// when a thread begins. `thread_local!` needs std, and in a shared library
// calls a function that may allocate.
global_asm!(
    ".pushsection .tbss.blockwork_recorder_thread,\"awT\",@nobits",
    ".balign 4",
    ".globl blockwork_recorder_thread",
    ".hidden blockwork_recorder_thread",
    ".type blockwork_recorder_thread,@object",
    ".size blockwork_recorder_thread,4",
    "blockwork_recorder_thread:",
    ".zero 4",
    ".popsection",
    ".pushsection .tbss.blockwork_recorder_stack,\"awT\",@nobits",
    ".balign 8",
    ".globl blockwork_recorder_stack",
    ".hidden blockwork_recorder_stack",
    ".type blockwork_recorder_stack,@object",
    ".size blockwork_recorder_stack,16",
    "blockwork_recorder_stack:",
    ".zero 16",
    ".popsection",
);

/// The first and the last address of this thread's stack, as they were put here;
/// 0 at first.
#[inline]
pub fn thread_stack() -> [usize; 2] {
    let (low, high): (usize, usize);
    // SAFETY: reads sixteen bytes that every thread has at this offset.
    unsafe {
        asm!(
            "mov {low}, qword ptr [rip + blockwork_recorder_stack@GOTTPOFF]",
            "mov {high}, qword ptr fs:[{low} + 8]",
            "mov {low}, qword ptr fs:[{low}]",
            low = out(reg) low,
            high = out(reg) high,
            options(nostack, preserves_flags, readonly),
        );
    }
    [low, high]
}

/// Says where this thread's stack is.
pub fn set_thread_stack([low, high]: [usize; 2]) {
    // SAFETY: writes sixteen bytes that every thread has at this offset, and
    // that only these two functions name.
    unsafe {
        asm!(
            "mov {slot}, qword ptr [rip + blockwork_recorder_stack@GOTTPOFF]",
            "mov qword ptr fs:[{slot}], {low}",
            "mov qword ptr fs:[{slot} + 8], {high}",
            slot = out(reg) _,
            low = in(reg) low,
            high = in(reg) high,
            options(nostack, preserves_flags),
        );
    }
}

/// What this thread has put into its slot; 0 at first.
#[inline]
pub fn thread_slot() -> u32 {
    let value: u32;
    // SAFETY: reads four bytes that every thread has at this offset.
    unsafe {
        asm!(
            "mov {slot}, qword ptr [rip + blockwork_recorder_thread@GOTTPOFF]",
            "mov {value:e}, dword ptr fs:[{slot}]",
            slot = out(reg) _,
            value = lateout(reg) value,
            options(nostack, preserves_flags, readonly),
        );
    }
    value
}

/// Fills the slot of this thread.
pub fn set_thread_slot(value: u32) {
    // SAFETY: writes four bytes that every thread has at this offset, and
    // that only these two functions name.
    unsafe {
        asm!(
            "mov {slot}, qword ptr [rip + blockwork_recorder_thread@GOTTPOFF]",
            "mov dword ptr fs:[{slot}], {value:e}",
            slot = out(reg) _,
            value = in(reg) value,
            options(nostack, preserves_flags),
        );
    }
}

//! Heap profiles in files, as `pprof` reads them.
//!
//! What is in them are the live samples of [`Malloc`], each with its callers, as
//! addresses in the files that are mapped: `pprof PROGRAM FILE` finds the names.
//! The message is written as it is made, without compression and without
//! allocating: a file that ends too early is one that had no room.

use core::{
    alloc::Layout,
    ffi::CStr,
    ptr::{self, NonNull},
    sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
};

use blockwork::{
    Allocate, Malloc, Pages,
    combine::sampled::{Estimate, Sample},
};
use libc::c_int;

use crate::report::Sink;

/// The longest name of a file.
const NAME: usize = 4096;

/// How the names of files begin: a string in memory of its own, or null.
static PREFIX: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// Files that were begun.
static FILES: AtomicUsize = AtomicUsize::new(0);

/// Whether a signal has asked for a profile.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Has profiles written to files that begin with `prefix`: at exit, and, if it is not
/// zero, after `signal`.
pub fn start(prefix: &[u8], signal: c_int) {
    if prefix.len().saturating_add(40) > NAME {
        return;
    }
    let Ok(memory) = Pages.allocate_zeroed(Layout::new::<[u8; NAME]>()) else { return };
    // SAFETY: shorter, and neither is the other.
    unsafe { memory.as_ptr().copy_from_nonoverlapping(prefix.as_ptr(), prefix.len()) }
    // Release: the name is there; pairs with Acquire in `write`.
    PREFIX.store(memory.as_ptr(), Ordering::Release);
    if signal != 0 {
        Malloc.on_sample(after_a_sample);
        // SAFETY: zero bytes are an action without flags and with an empty mask.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_sigaction = asked as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: a handler that only sets a flag.
        let _status = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
    }
}

extern "C" fn asked(_: c_int) {
    // Relaxed: a wish.
    ASKED.store(true, Ordering::Relaxed);
}

fn after_a_sample() {
    // Relaxed: a wish.
    if ASKED.load(Ordering::Relaxed) && ASKED.swap(false, Ordering::Relaxed) {
        let _told = write();
    }
}

/// Writes the profile that was asked for at the end of the program, if it was.
pub fn at_exit() {
    // Relaxed: long ago.
    if !PREFIX.load(Ordering::Relaxed).is_null() {
        let _told = write();
    }
}

/// Writes a profile to a file whose name begins as it was [asked](start) for, goes on
/// with the number of the process and that of the file, and ends with `.pb`.
///
/// # Errors
///
/// The error of the system; `EINVAL` if there is no such name.
pub fn write() -> Result<(), c_int> {
    // Acquire: pairs with Release in `start`.
    let Some(prefix) = NonNull::new(PREFIX.load(Ordering::Acquire)) else { return Err(libc::EINVAL) };
    // SAFETY: a string that stays.
    let prefix = unsafe { CStr::from_ptr(prefix.as_ptr().cast()) };
    // SAFETY: may always be asked.
    let process = usize::try_from(unsafe { libc::getpid() }).unwrap_or(0);
    // Relaxed: only distinct.
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let mut name = Short::<NAME>::new();
    for part in [Part::Text(prefix.to_bytes()), Part::Number(process), Part::Number(number), Part::Text(b"pb\0")] {
        match part {
            Part::Text(text) => name.put(text),
            Part::Number(number) => crate::report::number(&mut name, number, 0),
        }
        if !name.bytes().ends_with(b"\0") {
            name.put(b".");
        }
    }
    let name = CStr::from_bytes_until_nul(name.bytes()).map_err(|_| libc::ENAMETOOLONG)?;
    write_to(name)
}

enum Part<'a> {
    Text(&'a [u8]),
    Number(usize),
}

/// Writes a profile to the file `name`.
///
/// # Errors
///
/// The error of the system.
pub fn write_to(name: &CStr) -> Result<(), c_int> {
    let before = errno();
    let outcome = written(name);
    set_errno(before);
    outcome
}

fn written(name: &CStr) -> Result<(), c_int> {
    const FLAGS: c_int = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
    let mut samples = Mapped::<Sample>::new(Malloc.live_samples().saturating_add(256), Sample::EMPTY)?;
    let mut maps = Mapped::<u8>::new(MAPS, 0)?;
    let mut files = Mapped::<Range>::new(RANGES, Range { start: 0, limit: 0 })?;
    // SAFETY: a string.
    let file = unsafe { libc::open(name.as_ptr(), FLAGS, 0o644) };
    if file < 0 {
        return Err(errno());
    }
    let mut to = File { file, error: 0, bytes: Short::new() };
    let maps = read_maps(maps.whole());
    let samples = samples.whole();
    let count = Malloc.copy_samples(samples);
    message(samples.get(..count).unwrap_or_default(), maps, files.whole(), &mut to);
    to.flush();
    // SAFETY: opened above.
    let closed = unsafe { libc::close(file) };
    match to.error {
        0 if closed == 0 => Ok(()),
        0 => Err(errno()),
        error => Err(error),
    }
}

/// Bytes of the table of mappings, at most.
const MAPS: usize = 1 << 20;

/// Files that are mapped to be run, at most.
const RANGES: usize = 4096;

/// The first strings of the table, which must begin with an empty one.
const STRINGS: [&[u8]; 6] = [b"", b"inuse_objects", b"count", b"inuse_space", b"bytes", b"space"];

/// Writes the message: fields of `profile.proto`, in any order, but strings and
/// mappings in that of their numbers.
fn message(samples: &[Sample], maps: &[u8], files: &mut [Range], to: &mut File) {
    let kinds: [(u64, u64, u64); 3] = [(1, 1, 2), (1, 3, 4), (11, 5, 4)];
    for (field, kind, unit) in kinds {
        nested(field, to, |message| {
            number(1, kind, message);
            number(2, unit, message);
        });
    }
    for string in STRINGS {
        bytes(6, string, to);
    }
    let mean = Malloc.sample_mean();
    number(12, mean as u64, to);
    number(14, 3, to);
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` may be written.
    let _status = unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    let nanoseconds = u64::try_from(now.tv_sec).unwrap_or(0).wrapping_mul(1_000_000_000);
    number(9, nanoseconds.wrapping_add(u64::try_from(now.tv_nsec).unwrap_or(0)), to);

    let mut count = 0_u64;
    for (mapping, place) in maps.split(|&byte| byte == b'\n').filter_map(Mapping::of).zip(files.iter_mut()) {
        *place = mapping.range;
        count = count.wrapping_add(1);
        nested(3, to, |message| {
            number(1, count, message);
            number(2, mapping.range.start, message);
            number(3, mapping.range.limit, message);
            number(4, mapping.offset, message);
            number(5, count.wrapping_add(STRINGS.len() as u64).wrapping_sub(1), message);
        });
        bytes(6, mapping.path, to);
    }

    let ours = library(files);
    // A place for each frame of each sample: readers join those that are alike.
    let mut place = 0_u64;
    for sample in samples {
        let first = place;
        // Within the call that returns to it.
        let addresses = sample.frames().iter().map(|&frame| (frame as u64).saturating_sub(1));
        for address in addresses.skip_while(|address| ours.is_some_and(|ours| ours.has(*address))) {
            place = place.wrapping_add(1);
            let home = files.iter().position(|file| file.has(address));
            nested(4, to, |message| {
                number(1, place, message);
                number(2, home.map_or(0, |home| (home as u64).wrapping_add(1)), message);
                number(3, address, message);
            });
        }
        let Estimate { blocks, bytes: space } = sample.stands_for(mean);
        nested(2, to, |message| {
            packed(1, first.wrapping_add(1)..=place, message);
            packed(2, [rounded(blocks), rounded(space)], message);
        });
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not negative")]
fn rounded(number: f64) -> u64 {
    // Values are signed in the format.
    ((number + 0.5) as u64).min(i64::MAX.cast_unsigned())
}

fn varint(mut number: u64, to: &mut impl Sink) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        to.put(&[low | 0x80]);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    to.put(&[low]);
}

fn number(field: u64, value: u64, to: &mut impl Sink) {
    varint(field << 3, to);
    varint(value, to);
}

fn bytes(field: u64, bytes: &[u8], to: &mut impl Sink) {
    varint(field << 3 | 2, to);
    varint(bytes.len() as u64, to);
    to.put(bytes);
}

fn packed(field: u64, numbers: impl IntoIterator<Item = u64>, to: &mut impl Sink) {
    let mut packed = Short::<320>::new();
    numbers.into_iter().for_each(|number| varint(number, &mut packed));
    bytes(field, packed.bytes(), to);
}

fn nested(field: u64, to: &mut impl Sink, fill: impl FnOnce(&mut Short<512>)) {
    let mut message = Short::new();
    fill(&mut message);
    bytes(field, message.bytes(), to);
}

/// Addresses of a file that is mapped to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u64,
    limit: u64,
}

impl Range {
    const fn has(self, address: u64) -> bool {
        self.start <= address && address < self.limit
    }
}

/// Where this library is, if it is one of its own: its frames tell nobody anything.
fn library(files: &[Range]) -> Option<Range> {
    let this = (library as *const ()).addr() as u64;
    // SAFETY: may always be asked.
    let program = unsafe { libc::getauxval(libc::AT_ENTRY) };
    files.iter().copied().find(|file| file.has(this) && !file.has(program))
}

/// A line of the table of mappings.
#[derive(Debug, PartialEq, Eq)]
struct Mapping<'a> {
    range: Range,
    offset: u64,
    path: &'a [u8],
}

impl<'a> Mapping<'a> {
    /// What `line` says, if it is of a file that is run.
    fn of(line: &'a [u8]) -> Option<Self> {
        let mut words = line.splitn(6, |&byte| byte == b' ');
        let (range, access, offset) = (words.next()?, words.next()?, words.next()?);
        let path = words.nth(2)?.trim_ascii_start();
        if !access.contains(&b'x') || path.is_empty() {
            return None;
        }
        let mut ends = range.split(|&byte| byte == b'-');
        let range = Range { start: hexadecimal(ends.next()?)?, limit: hexadecimal(ends.next()?)? };
        Some(Self { range, offset: hexadecimal(offset)?, path })
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, &digit| {
        let digit = match digit {
            b'0'..=b'9' => digit.wrapping_sub(b'0'),
            b'a'..=b'f' => digit.wrapping_sub(b'a').wrapping_add(10),
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

/// Reads the table of mappings, as far as there is room.
fn read_maps(room: &mut [u8]) -> &[u8] {
    // SAFETY: a string.
    let file = unsafe { libc::open(c"/proc/self/maps".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    let mut len = 0_usize;
    while let Some(rest) = room.get_mut(len..).filter(|rest| !rest.is_empty() && file >= 0) {
        // SAFETY: so many bytes may be written.
        let got = unsafe { libc::read(file, rest.as_mut_ptr().cast(), rest.len()) };
        match usize::try_from(got) {
            Ok(got) if got != 0 => len = len.saturating_add(got),
            _ => break,
        }
    }
    if file >= 0 {
        // SAFETY: opened above.
        let _status = unsafe { libc::close(file) };
    }
    room.get(..len).unwrap_or_default()
}

/// An array in memory of its own, which goes with it.
struct Mapped<T: Copy> {
    start: NonNull<T>,
    len: usize,
}

impl<T: Copy> Mapped<T> {
    fn new(len: usize, value: T) -> Result<Self, c_int> {
        let layout = Layout::array::<T>(len).map_err(|_| libc::ENOMEM)?;
        let start = Pages.allocate(layout).map_err(|_| libc::ENOMEM)?.cast::<T>();
        for index in 0..len {
            // SAFETY: within the array.
            let place = unsafe { start.add(index) };
            // SAFETY: fresh memory of ours.
            unsafe { place.write(value) }
        }
        Ok(Self { start, len })
    }

    const fn whole(&mut self) -> &mut [T] {
        // SAFETY: so many, all of them written, and ours.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Copy> Drop for Mapped<T> {
    fn drop(&mut self) {
        if let Ok(layout) = Layout::array::<T>(self.len) {
            // SAFETY: allocated with this layout.
            unsafe { Pages.deallocate(self.start.cast(), layout) }
        }
    }
}

/// Up to `N` bytes; what is beyond is dropped.
struct Short<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Short<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    const fn is_full(&self) -> bool {
        self.len == N
    }
}

impl<const N: usize> Sink for Short<N> {
    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = byte;
                self.len = self.len.wrapping_add(1);
            }
        }
    }
}

/// An open file, some bytes at a time.
struct File {
    file: c_int,
    /// The first error that there was.
    error: c_int,
    bytes: Short<2048>,
}

impl File {
    fn flush(&mut self) {
        let mut rest = self.bytes.bytes();
        while !rest.is_empty() && self.error == 0 {
            // SAFETY: `rest` may be read.
            let written = unsafe { libc::write(self.file, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written).ok().and_then(|written| rest.get(written..)) {
                Some(more) => rest = more,
                None if errno() == libc::EINTR => {}
                None => self.error = errno(),
            }
        }
        self.bytes = Short::new();
    }
}

impl Sink for File {
    fn put(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.bytes.is_full() {
                self.flush();
            }
            self.bytes.put(core::slice::from_ref(byte));
        }
    }
}

fn errno() -> c_int {
    // SAFETY: always may be called.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: this thread's own.
    unsafe { place.read() }
}

fn set_errno(error: c_int) {
    // SAFETY: always may be called.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: this thread's own.
    unsafe { place.write(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_of_files_that_run_are_read_and_no_others() {
        let line = b"55d0c0a00000-55d0c0a4b000 r-xp 00002000 08:01 1835027                    /usr/bin/a file";
        let range = Range { start: 0x55d0_c0a0_0000, limit: 0x55d0_c0a4_b000 };
        assert_eq!(Mapping::of(line), Some(Mapping { range, offset: 0x2000, path: b"/usr/bin/a file" }));
        assert_eq!(Mapping::of(b"7f0000000000-7f0000001000 r-xp 00000000 00:00 0 "), None);
        assert_eq!(Mapping::of(b"55d0c0a00000-55d0c0a4b000 r--p 00002000 08:01 1835027 /usr/bin/a"), None);
        assert_eq!(Mapping::of(b""), None);
    }
}

//! What was found, as lines of text in a file, one finding to one write: they
//! come whole, whichever process and thread they are of.
//!
//! ```text
//! finding KIND PROCESS ADDRESS SIZE BLOCK BLOCK_SIZE COUNT BYTES
//! stack now|asked|freed
//! ADDRESS OFFSET_IN_FILE FILE      or   ADDRESS
//! end
//! ```

use core::{
    cell::UnsafeCell,
    ffi::CStr,
    fmt::{self, Write as _},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use blockwork::{Callers, DamageKind, Finding, MisuseKind, Stacks};

use super::{map::Map, sys};

/// The variable that has the options, a colon, and the file's path.
const VARIABLE: &[u8] = b"BLOCKWORK_CHECKED=";

/// Whether to stop at the first finding.
static STOP: AtomicBool = AtomicBool::new(false);

/// Whether blocks that nothing points to are looked for.
pub static LEAKS: AtomicBool = AtomicBool::new(false);

/// The longest path.
const PATH: usize = 1024;

/// Bytes of a finding.
const TEXT: usize = 16 << 10;

/// Bytes of the list of mappings.
const MAPS: usize = 256 << 10;

struct Books {
    path: [u8; PATH],
    text: [u8; TEXT],
    maps: [u8; MAPS],
}

struct Place(UnsafeCell<Books>);

// SAFETY: reached inside the heap's lock only, but for the path, which is written
// before there are threads.
unsafe impl Sync for Place {}

static BOOKS: Place = Place(UnsafeCell::new(Books { path: [0; PATH], text: [0; TEXT], maps: [0; MAPS] }));

/// Reads the variable.
///
/// # Safety
///
/// - `environment` is a list of strings that ends with null; nobody else is here.
pub unsafe fn start(mut environment: *const *const u8) {
    loop {
        // SAFETY: the list goes on to its null.
        let entry = unsafe { environment.read() };
        if entry.is_null() {
            return;
        }
        // SAFETY: a string.
        let entry = unsafe { CStr::from_ptr(entry.cast()) }.to_bytes();
        if let Some(value) = entry.strip_prefix(VARIABLE) {
            // SAFETY: nobody else is here.
            return unsafe { configure(value) };
        }
        // SAFETY: not at its end.
        environment = unsafe { environment.add(1) };
    }
}

/// # Safety
///
/// - Nobody else is here.
unsafe fn configure(value: &[u8]) {
    let Some(colon) = value.iter().position(|&byte| byte == b':') else { return };
    let (options, path) = value.split_at(colon);
    STOP.store(options.contains(&b's'), Relaxed);
    LEAKS.store(options.contains(&b'l'), Relaxed);
    // SAFETY: the caller's promise.
    let books = unsafe { &mut *BOOKS.0.get() };
    for (to, from) in books.path.iter_mut().take(PATH - 1).zip(path.iter().skip(1)) {
        *to = *from;
    }
}

/// Text in a place of its own; what does not fit is left out, but for the end.
struct Text<'a> {
    place: &'a mut [u8],
    len: usize,
}

impl Text<'_> {
    const END: &'static [u8] = b"end\n";

    fn put(&mut self, text: &[u8], room: usize) -> bool {
        match self.place.get_mut(self.len..).and_then(|rest| rest.get_mut(..text.len().saturating_add(room))) {
            Some(place) => {
                place.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
                self.len = self.len.wrapping_add(text.len());
                true
            }
            None => false,
        }
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.put(text.as_bytes(), Self::END.len()) { Ok(()) } else { Err(fmt::Error) }
    }
}

/// What is said of a finding beside who did it.
pub struct Facts {
    pub kind: &'static str,
    pub address: usize,
    pub size: usize,
    pub block: usize,
    pub block_size: usize,
    pub count: usize,
    pub bytes: usize,
}

/// Tells of a misuse or of damage.
pub fn tell(stacks: &Stacks<Map>, finding: Finding<'_>) {
    let (kind, address, size, block, is_now) = match finding {
        Finding::Misuse(misuse) => {
            let kind = match misuse.kind {
                MisuseKind::Freed => "double-free",
                MisuseKind::Interior => "interior-free",
                MisuseKind::Layout => "wrong-size",
                _ => "foreign-free",
            };
            (kind, misuse.address, misuse.named.size(), misuse.block, true)
        }
        Finding::Damage(damage) => {
            let kind = match damage.kind {
                DamageKind::Overrun => "overrun",
                DamageKind::Underrun => "underrun",
                _ => "write-after-free",
            };
            (kind, damage.address, 1, Some(damage.block), false)
        }
        _ => return,
    };
    let (at, length, site) = block.map_or((0, 0, 0), |block| (block.address, block.layout.size(), block.site));
    let facts = Facts { kind, address, size, block: at, block_size: length, count: 1, bytes: length };
    let now = stacks.now();
    write(&facts, stacks, is_now.then_some(&now), site);
    if STOP.load(Relaxed) {
        super::abort()
    }
}

/// Writes a finding with who does it now, and who did before.
pub fn write(facts: &Facts, stacks: &Stacks<Map>, now: Option<&Callers>, mut site: u32) {
    // SAFETY: inside the lock.
    let books = unsafe { &mut *BOOKS.0.get() };
    let maps = maps(&mut books.maps);
    let mut text = Text { place: &mut books.text, len: 0 };
    let &Facts { kind, address, size, block, block_size, count, bytes } = facts;
    let process = sys::process();
    // What does not fit is left out.
    let _full = writeln!(text, "finding {kind} {process} {address:x} {size} {block:x} {block_size} {count} {bytes}");
    if let Some(callers) = now {
        let _full = stack(&mut text, "now", callers, maps);
    }
    while let Some(known) = stacks.get(site) {
        let role = if known.before().is_some() { "freed" } else { "asked" };
        let _full = stack(&mut text, role, known.callers(), maps);
        site = known.before().unwrap_or(0);
    }
    text.put(Text::END, 0);
    let len = text.len;
    if let Some(text) = books.text.get(..len) {
        append(&books.path, text, kind != "live");
    }
}

fn stack(text: &mut Text<'_>, role: &str, callers: &Callers, maps: &[u8]) -> fmt::Result {
    writeln!(text, "stack {role}")?;
    for &frame in callers.frames() {
        // Return addresses are behind the call.
        let call = frame.wrapping_sub(1);
        match mappings(maps).find(|mapping| mapping.start <= call && call < mapping.end && !mapping.file.is_empty()) {
            Some(mapping) => {
                write!(text, "{call:x} {:x} ", call.wrapping_sub(mapping.start).wrapping_add(mapping.offset))?;
                if !text.put(mapping.file, Text::END.len().wrapping_add(1)) {
                    return Err(fmt::Error);
                }
                writeln!(text)?;
            }
            None => writeln!(text, "{call:x}")?,
        }
    }
    Ok(())
}

fn append(path: &[u8], text: &[u8], matters: bool) {
    const AT_FDCWD: usize = (-100_isize).cast_unsigned();
    const OPENAT: usize = 257;
    const WRITE: usize = 1;
    const APPEND: usize = 0o1 | 0o2000 | 0o400 | 0o2_000_000; // to write only, no terminal, not for children
    let arguments = [AT_FDCWD, path.as_ptr().addr(), APPEND, 0, 0, 0];
    // SAFETY: the path ends with a zero.
    let file = unsafe { sys::syscall(OPENAT, arguments) }.map(sys::File);
    // The lab is gone, or this process sees other files: better there than nowhere.
    let number = match &file {
        Ok(file) => file.0,
        Err(_) if matters => 2,
        Err(_) => return,
    };
    // SAFETY: reads the text.
    let _unheard = unsafe { sys::syscall(WRITE, [number, text.as_ptr().addr(), text.len(), 0, 0, 0]) };
}

/// A mapping of this process.
pub struct Mapping<'a> {
    pub start: usize,
    pub end: usize,
    pub is_writable: bool,
    offset: usize,
    pub file: &'a [u8],
}

/// Hands out the mappings of this process; inside the lock.
pub fn each_mapping(mut each: impl FnMut(&Mapping<'_>)) {
    // SAFETY: inside the lock, and `each` writes nothing down.
    let books = unsafe { &mut *BOOKS.0.get() };
    mappings(maps(&mut books.maps)).for_each(|mapping| each(&mapping));
}

/// Reads the list of mappings, as far as it fits.
fn maps(place: &mut [u8]) -> &[u8] {
    const AT_FDCWD: usize = (-100_isize).cast_unsigned();
    const OPENAT: usize = 257;
    const CLOEXEC: usize = 0o2_000_000;
    // SAFETY: the path ends with a zero.
    let file = unsafe { sys::syscall(OPENAT, [AT_FDCWD, c"/proc/self/maps".as_ptr().addr(), CLOEXEC, 0, 0, 0]) };
    let Ok(file) = file.map(sys::File) else { return &[] };
    let mut len = 0_usize;
    while let Some(rest) = place.get_mut(len..).filter(|rest| !rest.is_empty()) {
        // SAFETY: writes no more than there is room.
        let read = unsafe { sys::syscall(0, [file.0, rest.as_mut_ptr().expose_provenance(), rest.len(), 0, 0, 0]) };
        match read {
            Ok(more @ 1..) => len = len.wrapping_add(more),
            _ => break,
        }
    }
    place.get(..len).unwrap_or_default()
}

fn mappings(text: &[u8]) -> impl Iterator<Item = Mapping<'_>> {
    text.split(|&byte| byte == b'\n').filter_map(mapping)
}

/// `START-END rw-p OFFSET DEVICE INODE     FILE`
fn mapping(line: &[u8]) -> Option<Mapping<'_>> {
    let mut words = line.splitn(6, |&byte| byte == b' ');
    let (range, rights, offset) = (words.next()?, words.next()?, words.next()?);
    let (start, end) = range.split_at_checked(range.iter().position(|&byte| byte == b'-')?)?;
    let file = words.nth(2).unwrap_or_default().trim_ascii_start();
    Some(Mapping {
        start: number(start)?,
        end: number(end.get(1..)?)?,
        is_writable: rights.get(..2) == Some(b"rw"),
        offset: number(offset)?,
        file: if file.first() == Some(&b'/') { file } else { b"" },
    })
}

fn number(text: &[u8]) -> Option<usize> {
    usize::from_str_radix(core::str::from_utf8(text).ok()?, 16).ok()
}

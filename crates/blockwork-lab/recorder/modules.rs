//! Which file's code is at which address, as the system has it.
//!
//! Read anew when code runs that is in no known module: a library that was
//! loaded since. One that was unloaded is forgotten when that happens next.

use core::{ptr, str};

use super::{
    sys::{self, Errno},
    unwind::{Bounds, Rule, rule_by_table},
};

/// As many pieces of code as anyone loads; the rest has no names.
const MODULES: usize = 2048;

/// A line is a path and some numbers.
const LINE: usize = 4096 + 256;

/// Code at an address. All zeroes are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Module {
    start: usize,
    end: usize,
    offset: u64,
    /// What tells its file from others; 0 if it is in none.
    inode: u64,
    /// The address of its `.eh_frame_hdr`, or 0.
    tables: usize,
}

impl Module {
    /// Whether it is the same piece of the same file.
    fn is_same(&self, other: &Self) -> bool {
        (self.start, self.end, self.offset, self.inode) == (other.start, other.end, other.offset, other.inode)
    }
}

/// All that are known; all zeroes know none.
#[derive(Debug)]
pub struct Modules {
    count: usize,
    list: [Module; MODULES],
    /// The list in the making.
    next: [Module; MODULES],
    line: [u8; LINE],
}

/// Who wants to know of a module that is new: start, length, offset and path.
pub type Tell<'a> = &'a mut dyn FnMut(u64, u64, u64, &[u8]);

/// A line of the system's list.
struct Line<'a> {
    start: usize,
    end: usize,
    code: bool,
    offset: u64,
    inode: u64,
    path: &'a [u8],
}

impl<'a> Line<'a> {
    /// `START-END rwxp OFFSET DEVICE INODE   PATH`.
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = line.splitn(6, |&byte| byte == b' ');
        let mut word = || str::from_utf8(words.next()?).ok();
        let (start, end) = word()?.split_once('-')?;
        let hex = |word| usize::from_str_radix(word, 16).ok();
        let (start, end, rights) = (hex(start)?, hex(end)?, word()?);
        let offset = u64::from_str_radix(word()?, 16).ok()?;
        let _device = word()?;
        let inode = word()?.parse().ok()?;
        let path = words.next().unwrap_or_default().trim_ascii_start();
        let code = rights.starts_with('r') && rights.contains('x');
        Some(Self { start, end, code, offset, inode, path })
    }
}

/// Hands out every line that can be read.
fn for_each_line(line: &mut [u8; LINE], mut each: impl FnMut(&Line<'_>)) -> Result<(), Errno> {
    let file = sys::File::open_to_read(c"/proc/self/maps")?;
    let mut filled = 0;
    loop {
        let read = file.read(line.get_mut(filled..).unwrap_or_default())?;
        filled = filled.wrapping_add(read);
        let mut rest = line.get(..filled).unwrap_or_default();
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let (this, others) = rest.split_at_checked(end).unwrap_or_default();
            if let Some(parsed) = Line::parse(this) {
                each(&parsed);
            }
            rest = others.get(1..).unwrap_or_default();
        }
        let kept = rest.len();
        if read == 0 || kept == LINE {
            return Ok(()); // all of it; or a line that is longer than any
        }
        line.copy_within(filled.wrapping_sub(kept)..filled, 0);
        filled = kept;
    }
}

impl Modules {
    /// The stack that `sp` is on.
    pub fn stack(&mut self, sp: usize) -> Bounds {
        let mut bounds = Bounds::default();
        let _ = for_each_line(&mut self.line, |line| {
            if (line.start..line.end).contains(&sp) {
                // The first thread's stack grows.
                let low = if line.path == b"[stack]" { line.start.saturating_sub(1 << 30) } else { line.start };
                bounds = Bounds { low, high: line.end };
            }
        });
        bounds
    }

    fn find(&self, address: usize) -> Option<&Module> {
        let known = self.list.get(..self.count)?;
        known.iter().rev().find(|module| (module.start..module.end).contains(&address))
    }

    /// The rule of an address; `tell` hears of modules that are new.
    pub fn rule(&mut self, address: usize, tell: Tell<'_>) -> Rule {
        if self.find(address).is_none() {
            self.refresh(tell);
        }
        let tables = self.find(address).map_or(0, |module| module.tables);
        if tables == 0 {
            return self.find(address).map_or(Rule::End, |_| FRAME_POINTER);
        }
        // SAFETY: a module's that was loaded a moment ago, and runs.
        unsafe { rule_by_table(tables, address) }.unwrap_or(FRAME_POINTER)
    }

    /// Reads the system's list again.
    fn refresh(&mut self, tell: Tell<'_>) {
        let Self { count, list, next, line } = self;
        let known = list.get(..*count).unwrap_or_default();
        let mut found = 0;
        let mut beginning = (0, 0); // of a file in memory, and which one
        let _ = for_each_line(line, |line| {
            let Line { start, end, offset, inode, .. } = *line;
            if offset == 0 {
                beginning = (start, inode);
            }
            let Some(place) = next.get_mut(found).filter(|_| line.code) else { return };
            *place = Module { start, end, offset, inode, tables: 0 };
            found = found.wrapping_add(1);
            if let Some(old) = known.iter().find(|old| old.is_same(place)) {
                *place = *old;
            } else if !line.path.is_empty() {
                tell(start as u64, end.wrapping_sub(start) as u64, offset, line.path);
                if beginning.1 == inode {
                    // SAFETY: a file that is mapped to run, from its beginning.
                    place.tables = unsafe { find_tables(beginning.0) }.unwrap_or(0);
                }
            }
        });
        *count = found;
        core::mem::swap(list, next);
    }
}

/// Finds `.eh_frame_hdr` in a program or library in memory.
///
/// # Safety
///
/// - A file is mapped at `base`, from its beginning; if it is a program or a
///   library, as its headers say.
unsafe fn find_tables(base: usize) -> Option<usize> {
    const LOAD: u32 = 1;
    const FRAMES: u32 = 0x6474_e550;
    /// What is needed of the head of such a file.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Head {
        magic: [u8; 8],
        _more: [u64; 3],
        headers: usize,
        _sections: usize,
        _flags: u32,
        _sizes: [u16; 2],
        count: u16,
    }
    /// A piece of it in memory.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Piece {
        kind: u32,
        _flags: u32,
        offset: usize,
        address: usize,
        _rest: [usize; 4],
    }
    // SAFETY: a mapping has a page at least; all bits are legal.
    let head = unsafe { ptr::with_exposed_provenance::<Head>(base).read() };
    let end = head.headers.checked_add(usize::from(head.count).checked_mul(size_of::<Piece>())?)?;
    if !head.magic.starts_with(b"\x7fELF\x02") || end > sys::PAGE || !head.headers.is_multiple_of(8) {
        return None;
    }
    let piece = |index: usize| {
        let address = base.wrapping_add(head.headers).wrapping_add(index.wrapping_mul(size_of::<Piece>()));
        // SAFETY: within the first page, aligned; all bits are legal.
        unsafe { ptr::with_exposed_provenance::<Piece>(address).read() }
    };
    let mut pieces = (0..usize::from(head.count)).map(piece);
    let first = pieces.clone().find(|piece| piece.kind == LOAD && piece.offset == 0)?;
    let frames = pieces.find(|piece| piece.kind == FRAMES)?;
    Some(base.wrapping_sub(first.address).wrapping_add(frames.address))
}

/// Code without tables is taken to keep a frame pointer.
const FRAME_POINTER: Rule = Rule::Bp { words: 2, saved: 2 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_which_and_whether_it_is_code() {
        let line = Line::parse(b"7f00-7f10 r-xp 00002000 08:01 1234                       /lib/a b.so").unwrap();
        assert_eq!((line.start, line.end, line.offset, line.inode), (0x7f00, 0x7f10, 0x2000, 1234));
        assert_eq!((line.code, line.path), (true, b"/lib/a b.so".as_slice()));
        assert!(!Line::parse(b"7f00-7f10 rw-p 00000000 00:00 0 ").unwrap().code);
        assert!(Line::parse(b"nonsense").is_none());
    }

    #[test]
    fn this_code_is_in_a_module_with_tables_and_on_a_stack() {
        // SAFETY: numbers, for which zero is a value.
        let mut modules: Box<Modules> = unsafe { Box::new_zeroed().assume_init() };
        let mut told = Vec::new();
        let address = this_code_is_in_a_module_with_tables_and_on_a_stack as *const () as usize;
        let rule = modules.rule(address, &mut |start, length, _, path| {
            if (start..start + length).contains(&(address as u64)) {
                told.push(String::from_utf8_lossy(path).into_owned());
            }
        });
        assert_eq!(rule, Rule::Sp { words: 1, saved: 0 });
        assert_eq!(told, [std::env::current_exe().unwrap().to_str().unwrap()]);
        let mut again = 0;
        modules.rule(0x10, &mut |_, _, _, _| again += 1);
        assert_eq!(again, 0, "nothing is new");
        let local = 0_u8;
        assert!(modules.stack((&raw const local).addr()).holds((&raw const local).addr()));
        assert_eq!(modules.stack(0x10), Bounds::default());
    }
}

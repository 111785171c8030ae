//! Walks up a stack, by the tables that compilers leave for exceptions.
//!
//! ```text
//! ip ─► rules ─ known ─► how the caller's registers are found from these: a few loads
//!         └─ not known ─► tables of the module, read once for each address: `Tables`
//! ```
//!
//! What compilers write for a processor of this kind nearly always comes down
//! to: the frame ends at so many bytes above `rsp` or `rbp`, the return address
//! is below that, and `rbp` is saved there or was not touched. Such a rule fits
//! into a word with the address that it is for, so that all threads share the
//! rules without a lock. Code without tables is taken to keep a frame pointer.
//! At anything else a walk ends: it is then shorter, never wrong.

use core::{
    arch::asm,
    ptr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The registers that matter.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    pub ip: usize,
    pub sp: usize,
    pub bp: usize,
}

impl Registers {
    /// Those of the function that this is inlined into.
    #[inline(always)]
    pub fn here() -> Self {
        let (ip, sp, bp): (usize, usize, usize);
        // SAFETY: reads three registers.
        unsafe {
            asm!("lea {ip}, [rip]", "mov {sp}, rsp", "mov {bp}, rbp",
                ip = out(reg) ip, sp = out(reg) sp, bp = out(reg) bp,
                options(nomem, nostack, preserves_flags));
        }
        Self { ip, sp, bp }
    }
}

/// The addresses of a stack that may be read: from `low`, as far as `high`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub low: usize,
    pub high: usize,
}

impl Bounds {
    pub const fn holds(self, sp: usize) -> bool {
        self.low <= sp && sp < self.high
    }
}

/// Where the end of a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// So many words above `rsp`; `rbp` so many below that, or as it is.
    Sp { words: u32, saved: u32 },
    /// So many words above `rbp`; the same.
    Bp { words: u32, saved: u32 },
    /// Where a word so many below `rbp` points to; `rbp` where it points to.
    Realigned { words: u32 },
    /// Nobody called, or nobody knows.
    End,
}

const WORDS_MAX: u32 = 1 << 20;
const SAVED_MAX: u32 = 1 << 6;

impl Rule {
    /// In thirty bits.
    fn pack(self) -> u64 {
        let (kind, words, saved) = match self {
            Self::Sp { words, saved } => (0, words, saved),
            Self::Bp { words, saved } => (1, words, saved),
            Self::Realigned { words } => (2, words, 0),
            Self::End => (3, 0, 0),
        };
        if words >= WORDS_MAX || saved >= SAVED_MAX {
            return Self::End.pack();
        }
        kind | u64::from(saved) << 2 | u64::from(words) << 8
    }

    fn unpack(bits: u64) -> Self {
        let [low, ..] = bits.to_le_bytes();
        let saved = u32::from(low >> 2);
        let words = u32::try_from(bits >> 8 & u64::from(WORDS_MAX - 1)).unwrap_or(0);
        match low & 3 {
            0 => Self::Sp { words, saved },
            1 => Self::Bp { words, saved },
            2 => Self::Realigned { words },
            _ => Self::End,
        }
    }

    /// The caller's registers. `None` if there is no caller, or none that can be
    /// found within `bounds`.
    #[inline]
    fn step(self, registers: Registers, bounds: Bounds) -> Option<Registers> {
        const WORD: usize = size_of::<usize>();
        let Registers { sp, bp, .. } = registers;
        let read = |address: usize| {
            let fits = address >= sp && address.is_multiple_of(WORD) && address < bounds.high.wrapping_sub(WORD);
            // SAFETY: on this thread's stack, above what runs now, and aligned.
            fits.then(|| unsafe { ptr::with_exposed_provenance::<usize>(address).read() })
        };
        let (end, saved) = match self {
            Self::Sp { words, saved } => (sp.wrapping_add((words as usize).wrapping_mul(WORD)), saved),
            Self::Bp { words, saved } => (bp.wrapping_add((words as usize).wrapping_mul(WORD)), saved),
            Self::Realigned { words } => (read(bp.wrapping_sub((words as usize).wrapping_mul(WORD)))?, 0),
            Self::End => return None,
        };
        if end <= sp {
            return None;
        }
        let ip = read(end.wrapping_sub(WORD))?;
        let bp = match (self, saved) {
            (Self::Realigned { .. }, _) => read(bp)?,
            (_, 0) => bp,
            _ => read(end.wrapping_sub((saved as usize).wrapping_mul(WORD)))?,
        };
        (ip != 0).then_some(Registers { ip, sp: end, bp })
    }
}

const RULES_LOG2: u32 = 14;
const ADDRESS_BITS: u32 = 47;
const TAG_BITS: u32 = ADDRESS_BITS - RULES_LOG2;

/// Rules by address, each in one word: all zeroes know nothing. A new one may
/// take the place of another.
#[derive(Debug)]
pub struct Rules([AtomicU64; 1 << RULES_LOG2]);

impl Rules {
    /// The place of an address, and what tells it from others of that place:
    /// together as many as there are addresses, for the factor is odd.
    fn place(address: usize) -> (usize, u64) {
        let mixed = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) & ((1 << ADDRESS_BITS) - 1);
        (usize::try_from(mixed >> TAG_BITS).unwrap_or(0), mixed & ((1 << TAG_BITS) - 1))
    }

    #[inline]
    fn find(&self, address: usize) -> Option<Rule> {
        let (index, tag) = Self::place(address);
        let word = self.0.get(index)?.load(Relaxed); // says all in itself
        (word & 1 == 1 && word >> 31 == tag).then(|| Rule::unpack(word >> 1 & ((1 << 30) - 1)))
    }

    fn insert(&self, address: usize, rule: Rule) {
        let (index, tag) = Self::place(address);
        if let Some(word) = self.0.get(index) {
            word.store(tag << 31 | rule.pack() << 1 | 1, Relaxed);
        }
    }
}

/// Reads the rule of an address out of its module's tables.
pub type Tables<'a> = &'a mut dyn FnMut(usize) -> Rule;

/// A rule is not known yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Missing;

/// Fills `frames` with addresses of calls, innermost first, those left out that
/// `skip` says; the result is how many.
#[inline]
pub fn walk(
    mut registers: Registers,
    bounds: Bounds,
    rules: &Rules,
    mut tables: Option<Tables<'_>>,
    skip: impl Fn(usize) -> bool,
    frames: &mut [usize],
) -> Result<usize, Missing> {
    let (mut address, mut count) = (registers.ip, 0);
    while count < frames.len() {
        let rule = match (rules.find(address), &mut tables) {
            (Some(rule), _) => rule,
            (None, None) => return Err(Missing),
            (None, Some(tables)) => {
                let rule = tables(address);
                rules.insert(address, rule);
                rule
            }
        };
        let Some(caller) = rule.step(registers, bounds) else { break };
        registers = caller;
        // Within the call, not behind it: that may be another function's.
        address = caller.ip.wrapping_sub(1);
        if let (false, Some(place)) = (skip(address), frames.get_mut(count)) {
            *place = address;
            count = count.wrapping_add(1);
        }
    }
    Ok(count)
}

/// Reads a module's tables.
#[derive(Clone, Copy)]
struct Cursor(usize);

impl Cursor {
    /// At `address`.
    ///
    /// # Safety
    ///
    /// - Whatever is read from here on, step by step, is part of a loaded
    ///   module's tables.
    const unsafe fn at(address: usize) -> Self {
        Self(address)
    }

    fn take<T: Copy>(&mut self) -> T {
        // SAFETY: part of the tables, as whoever made this has promised; they
        // consist of numbers.
        let value = unsafe { ptr::with_exposed_provenance::<T>(self.0).read_unaligned() };
        self.skip(size_of::<T>());
        value
    }

    const fn skip(&mut self, bytes: usize) {
        self.0 = self.0.wrapping_add(bytes);
    }

    /// A number of seven bits a byte, its length in bits, and its last byte.
    fn bits(&mut self) -> (u64, u32, u8) {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.take::<u8>();
            number |= u64::from(byte & 0x7f).wrapping_shl(shift);
            shift = shift.wrapping_add(7);
            if byte & 0x80 == 0 || shift >= u64::BITS {
                return (number, shift, byte);
            }
        }
    }

    fn unsigned(&mut self) -> usize {
        usize::try_from(self.bits().0).unwrap_or(usize::MAX)
    }

    fn signed(&mut self) -> isize {
        let (mut number, shift, last) = self.bits();
        if last & 0x40 != 0 && shift < u64::BITS {
            number |= u64::MAX << shift;
        }
        isize::try_from(number.cast_signed()).unwrap_or(0)
    }

    /// An address in one of the usual encodings.
    fn pointer(&mut self, encoding: u8) -> Option<usize> {
        let base = match encoding & 0x70 {
            0 => 0,
            0x10 => self.0,
            _ => return None,
        };
        let value = match encoding & 0x0f {
            0x0 | 0x4 | 0xc => self.take::<usize>(),
            0x3 => self.take::<u32>() as usize,
            0xb => (self.take::<i32>() as isize).cast_unsigned(),
            _ => return None,
        };
        Some(base.wrapping_add(value))
    }
}

/// The rule at `address` by the table of frames whose header is at `header`.
///
/// # Safety
///
/// - `header` is the address of a loaded module's `.eh_frame_hdr`.
pub unsafe fn rule_by_table(header: usize, address: usize) -> Option<Rule> {
    // SAFETY: the caller's promise; all that is looked at hangs together.
    rule_by_description(find_description(unsafe { Cursor::at(header) }, address)?, address)
}

/// Finds the description of the function around `address`, by the sorted table
/// behind the header.
fn find_description(mut cursor: Cursor, address: usize) -> Option<Cursor> {
    const USUAL: [u8; 4] = [1, 0x1b, 0x03, 0x3b]; // version; three encodings
    let header = cursor.0;
    let form: [u8; 4] = cursor.take();
    let [_frames, count]: [u32; 2] = cursor.take();
    if form != USUAL || count == 0 {
        return None;
    }
    // Both relative to the header: where a function begins, its description.
    let entry = |index: usize| {
        let mut entry = cursor;
        entry.skip(index.wrapping_mul(8));
        entry.take::<[i32; 2]>().map(|relative| header.wrapping_add_signed(relative as isize))
    };
    let (mut low, mut high) = (0, count as usize);
    while high.wrapping_sub(low) > 1 {
        let middle = low.midpoint(high);
        let [start, _] = entry(middle);
        if start <= address {
            low = middle;
        } else {
            high = middle;
        }
    }
    let [_, description] = entry(low);
    Some(Cursor(description))
}

/// What is known at some instruction of a function.
#[derive(Clone, Copy)]
struct Row {
    end: End,
    /// How far below the end of the frame `rbp` is saved; 0 if it is not.
    saved: isize,
    /// Nobody called.
    outermost: bool,
    /// It is not of the kind that a [`Rule`] can say.
    odd: bool,
}

#[derive(Clone, Copy)]
enum End {
    Register(usize, isize),
    /// Where the word at `rbp` and this points to.
    Behind(isize),
}

const RBP: usize = 6;
const RSP: usize = 7;
const RETURN: usize = 16;

impl Row {
    /// Register `register` is saved so far from the end of the frame.
    fn save(&mut self, register: usize, offset: isize) {
        match register {
            RBP if offset < 0 => self.saved = offset.wrapping_neg(),
            RBP => self.odd = true,
            RETURN => self.odd |= offset != -8,
            _ => {}
        }
    }

    /// Register `register` is saved in another way.
    fn odd(&mut self, register: usize) {
        self.odd |= register == RBP || register == RETURN;
    }

    const fn register(&self) -> Option<usize> {
        if let End::Register(register, _) = self.end { Some(register) } else { None }
    }

    const fn offset(&self) -> Option<isize> {
        if let End::Register(_, offset) = self.end { Some(offset) } else { None }
    }

    fn rule(&self) -> Option<Rule> {
        let words =
            |bytes: isize| u32::try_from(bytes).ok().filter(|bytes| bytes.is_multiple_of(8)).map(|bytes| bytes / 8);
        if self.outermost {
            return Some(Rule::End);
        }
        if let End::Behind(offset) = self.end {
            return Some(Rule::Realigned { words: words(offset.wrapping_neg())? });
        }
        let (End::Register(register, offset), false) = (self.end, self.odd) else { return None };
        let (words, saved) = (words(offset)?, words(self.saved)?);
        match register {
            RSP => Some(Rule::Sp { words, saved }),
            RBP => Some(Rule::Bp { words, saved }),
            _ => None,
        }
    }
}

/// What all functions of a kind share.
struct Common {
    code_align: usize,
    data_align: isize,
    pointers: u8,
    sized: bool,
    signal: bool,
    /// Where its instructions begin and end.
    instructions: (Cursor, usize),
}

impl Common {
    fn read(mut at: Cursor) -> Option<Self> {
        let length = at.take::<u32>();
        let end = at.0.wrapping_add(length as usize);
        let (_id, version) = (at.take::<u32>(), at.take::<u8>());
        let mut letters = at;
        while at.take::<u8>() != 0 {}
        let (code_align, data_align) = (at.unsigned(), at.signed());
        let register = if version == 1 { usize::from(at.take::<u8>()) } else { at.unsigned() };
        let mut common =
            Self { code_align, data_align, pointers: 0, sized: false, signal: false, instructions: (at, end) };
        if register != RETURN || length == u32::MAX {
            return None;
        }
        loop {
            match letters.take::<u8>() {
                0 => return Some(common),
                b'z' => {
                    let size = at.unsigned();
                    common.sized = true;
                    common.instructions.0 = at;
                    common.instructions.0.skip(size);
                }
                b'R' => common.pointers = at.take(),
                b'L' => _ = at.take::<u8>(),
                b'P' => {
                    let encoding = at.take::<u8>();
                    at.pointer(encoding & 0x0f)?;
                }
                b'S' => common.signal = true,
                _ => return None,
            }
        }
    }
}

/// The rule at `address` by the description of a function.
fn rule_by_description(mut at: Cursor, address: usize) -> Option<Rule> {
    let length = at.take::<u32>();
    let (here, end) = (at.0, at.0.wrapping_add(length as usize));
    let common = Cursor(here.wrapping_sub(at.take::<u32>() as usize));
    if length == u32::MAX {
        return None;
    }
    let common = Common::read(common)?;
    let start = at.pointer(common.pointers)?;
    let size = at.pointer(common.pointers & 0x0f)?;
    if address.wrapping_sub(start) >= size {
        return None;
    }
    if common.signal {
        return Some(Rule::End); // what it interrupted did not call
    }
    if common.sized {
        let size = at.unsigned();
        at.skip(size);
    }
    let first = Row { end: End::Register(RSP, 8), saved: 0, outermost: false, odd: false };
    let (instructions, to) = common.instructions;
    let initial = run(&common, (instructions, to), None, first, (usize::MAX, start))?;
    run(&common, (at, end), Some(initial), initial, (address, start))?.rule()
}

/// Runs instructions as far as they are for `address`, from `location` on.
fn run(
    common: &Common,
    (mut at, to): (Cursor, usize),
    initial: Option<Row>,
    mut row: Row,
    (address, mut location): (usize, usize),
) -> Option<Row> {
    let (mut kept, mut depth) = ([row; 8], 0_usize);
    let restore = |row: &mut Row, register: usize| match (register, initial) {
        (RBP, Some(initial)) => row.saved = initial.saved,
        (RETURN, Some(initial)) => row.outermost = initial.outermost,
        _ => {}
    };
    let scaled = |number: isize| number.wrapping_mul(common.data_align);
    while at.0 < to {
        let code = at.take::<u8>();
        let low = usize::from(code & 0x3f);
        let mut advance = 0;
        match (code >> 6, code & 0x3f) {
            (1, _) => advance = low,
            (2, _) => row.save(low, scaled(at.unsigned().cast_signed())),
            (3, _) => restore(&mut row, low),
            (_, 0x00) => {}
            (_, 0x02) => advance = usize::from(at.take::<u8>()),
            (_, 0x03) => advance = usize::from(at.take::<u16>()),
            (_, 0x04) => advance = at.take::<u32>() as usize,
            (_, 0x05) => row.save(at.unsigned(), scaled(at.unsigned().cast_signed())),
            (_, 0x06) => restore(&mut row, at.unsigned()),
            (_, 0x07) => match at.unsigned() {
                RETURN => row.outermost = true,
                register => row.odd(register),
            },
            (_, 0x08) => match at.unsigned() {
                RBP => row.saved = 0,
                register => row.odd(register),
            },
            (_, 0x09 | 0x14 | 0x15) => {
                row.odd(at.unsigned());
                at.bits();
            }
            (_, 0x0a) => {
                *kept.get_mut(depth)? = row;
                depth = depth.wrapping_add(1);
            }
            (_, 0x0b) => {
                depth = depth.checked_sub(1)?;
                row = *kept.get(depth)?;
            }
            (_, 0x0c) => row.end = End::Register(at.unsigned(), at.unsigned().cast_signed()),
            (_, 0x0d) => row.end = End::Register(at.unsigned(), row.offset()?),
            (_, 0x0e) => row.end = End::Register(row.register()?, at.unsigned().cast_signed()),
            (_, 0x0f) => {
                let size = at.unsigned();
                row.end = end_by_expression(at, size)?;
                at.skip(size);
            }
            // Where the frame is realigned, `rbp` is saved like this.
            (_, 0x10) => {
                let (_register, size) = (at.unsigned(), at.unsigned());
                at.skip(size);
            }
            (_, 0x11) => row.save(at.unsigned(), scaled(at.signed())),
            (_, 0x12) => row.end = End::Register(at.unsigned(), scaled(at.signed())),
            (_, 0x13) => row.end = End::Register(row.register()?, scaled(at.signed())),
            (_, 0x16) => {
                row.odd(at.unsigned());
                let size = at.unsigned();
                at.skip(size);
            }
            (_, 0x2e) => _ = at.unsigned(),
            _ => return None,
        }
        location = location.wrapping_add(advance.wrapping_mul(common.code_align));
        if location > address {
            break;
        }
    }
    Some(row)
}

/// `breg6 offset, deref`: what a function that realigns its frame has.
fn end_by_expression(mut at: Cursor, size: usize) -> Option<End> {
    const BREG6: u8 = 0x76;
    const DEREF: u8 = 0x06;
    let end = at.0.wrapping_add(size);
    if size == 0 || at.take::<u8>() != BREG6 {
        return None;
    }
    let offset = at.signed();
    (at.0 < end && at.take::<u8>() == DEREF && at.0 == end).then_some(End::Behind(offset))
}

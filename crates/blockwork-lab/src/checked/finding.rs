//! A finding as the checker writes it, and as people read it.

use std::{ffi::OsStr, fmt, os::unix::ffi::OsStrExt, path::Path};

use serde::Serialize;

use crate::{
    symbols::{Frame, Symbols},
    text,
};

/// An address, and where it is in which file, if it is in one.
#[derive(Clone, Copy, Debug)]
pub struct RawFrame<'a> {
    /// In the process.
    pub address: u64,
    /// In the file.
    pub place: Option<(u64, &'a Path)>,
}

/// A finding as it was written.
#[derive(Debug)]
pub struct Raw<'a> {
    /// `overrun` and so on; `live` is the account at the end.
    pub kind: &'a str,
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    process: u64,
    address: u64,
    block: u64,
    size: u64,
    stacks: Vec<(&'a str, Vec<RawFrame<'a>>)>,
}

impl<'a> Raw<'a> {
    /// All that were written whole.
    pub fn all(told: &'a [u8]) -> impl Iterator<Item = Self> {
        let mut lines = told.split(|&byte| byte == b'\n');
        std::iter::from_fn(move || {
            loop {
                let words = str::from_utf8(lines.next()?).ok().and_then(|line| line.strip_prefix("finding "));
                let Some(mut finding) = words.and_then(Self::head) else { continue };
                for line in lines.by_ref().take_while(|line| line != b"end") {
                    match (line.strip_prefix(b"stack "), finding.stacks.last_mut()) {
                        (Some(role), _) => finding.stacks.push((str::from_utf8(role).unwrap_or(""), Vec::new())),
                        (None, Some((_, frames))) => frames.extend(frame(line)),
                        (None, None) => {}
                    }
                }
                return Some(finding);
            }
        })
    }

    fn head(words: &'a str) -> Option<Self> {
        let mut words = words.split(' ');
        let kind = words.next()?;
        let process = words.next()?.parse().ok()?;
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        let _named = words.next()?;
        let block = u64::from_str_radix(words.next()?, 16).ok()?;
        let mut number = || words.next()?.parse().ok();
        let (size, count, bytes) = (number()?, number()?, number()?);
        Some(Self { kind, process, address, block, size, count, bytes, stacks: Vec::new() })
    }

    /// The same, with names for its addresses.
    ///
    /// The functions of `checker`, the library, are left out.
    pub fn named(&self, symbols: &mut Symbols, checker: &Path) -> Finding {
        let stack = |wanted: &str, symbols: &mut Symbols| {
            let frames = self.stacks.iter().find(|(role, _)| *role == wanted).map(|(_, frames)| frames.as_slice());
            let named = |frame: &RawFrame<'_>| match frame.place {
                None => Symbols::nameless(frame.address),
                Some((_, path)) if path == checker => Vec::new(),
                Some((offset, path)) => symbols.frames(path, offset),
            };
            frames.unwrap_or_default().iter().flat_map(named).collect()
        };
        Finding {
            kind: self.kind.into(),
            process: self.process,
            address: self.address,
            block: self.block,
            size: self.size,
            count: self.count,
            bytes: self.bytes,
            by: stack("now", symbols),
            freed_by: stack("freed", symbols),
            asked_by: stack("asked", symbols),
        }
    }
}

/// `ADDRESS OFFSET FILE`, or `ADDRESS`.
fn frame(line: &[u8]) -> Option<RawFrame<'_>> {
    let mut words = line.splitn(3, |&byte| byte == b' ');
    let mut number = || u64::from_str_radix(str::from_utf8(words.next()?).ok()?, 16).ok();
    let (address, offset) = (number()?, number());
    let file = words.next().map(|file| Path::new(OsStr::from_bytes(file)));
    Some(RawFrame { address, place: offset.zip(file) })
}

/// A mistake of the program, or several of the same.
#[derive(Debug, Serialize)]
pub struct Finding {
    kind: String,
    /// The process that came first.
    process: u64,
    /// The address that was freed, or the first byte that was written.
    address: u64,
    /// The block that has to do with it, 0 for none, and its size.
    block: u64,
    size: u64,
    /// How often, or how many blocks.
    count: u64,
    /// Bytes in those blocks.
    bytes: u64,
    /// Who did it.
    by: Vec<Frame>,
    /// Who had freed the block.
    freed_by: Vec<Frame>,
    /// Who had asked for the block.
    asked_by: Vec<Frame>,
}

impl Finding {
    /// Whether it is the same mistake.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.by == other.by
            && self.freed_by == other.freed_by
            && self.asked_by == other.asked_by
    }

    /// Counts one more of the same.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.bytes += other.bytes;
    }

    /// What is wrong, in a line.
    fn title(&self) -> String {
        let Self { address, block, size, count, bytes, .. } = self;
        let of = format!("block {block:#x} of {}", text::counted(*size, "byte", "bytes"));
        let at = address.wrapping_sub(*block);
        match self.kind.as_str() {
            "double-free" => format!("double free: {of} was freed before"),
            "foreign-free" => format!("foreign free: {address:#x} is no block of this heap"),
            "interior-free" => format!("wrong free: {address:#x} is at byte {at} inside of {of}"),
            "wrong-size" => format!("wrong size or alignment: freed as another than {of}"),
            "overrun" => format!("overrun: byte {} behind {of} was written", at.wrapping_sub(*size).wrapping_add(1)),
            "underrun" => format!("underrun: byte {} before {of} was written", block.wrapping_sub(*address)),
            "write-after-free" => format!("write after free: byte {at} of {of} was written"),
            "leak" => {
                format!("leak: {} of {}", text::counted(*count, "block", "blocks"), text::bytes(*bytes))
            }
            other => format!("{other}: {of}"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = if self.count > 1 && self.kind != "leak" { format!(" ×{}", self.count) } else { String::new() };
        writeln!(f, "blockwork: {}{times} (process {})", self.title(), self.process)?;
        for (role, frames) in [("by", &self.by), ("freed by", &self.freed_by), ("asked for by", &self.asked_by)] {
            for (at, frame) in frames.iter().enumerate() {
                writeln!(f, "    {:>12} {frame}", if at == 0 { role } else { "" })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_whole_is_read() {
        let told = b"finding overrun 7 1a 1 10 10 1 10\nstack asked\n5 3 /a b/c\n9\nend\n\
                     finding live 7 0 0 0 0 4 4261\nend\nfinding li";
        let all: Vec<_> = Raw::all(told).collect();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].kind, all[0].address, all[0].size), ("overrun", 0x1a, 10));
        let (role, frames) = &all[0].stacks[0];
        assert_eq!((*role, frames[0].place, frames[1].place), ("asked", Some((3, Path::new("/a b/c"))), None));
        assert_eq!((all[1].kind, all[1].count, all[1].bytes), ("live", 4, 4261));
        let finding = all[0].named(&mut Symbols::default(), Path::new(""));
        assert!(finding.to_string().contains("overrun: byte 1 behind block 0x10 of 10 bytes was written"));
    }
}

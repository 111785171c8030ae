//! Text by lines, and numbers in it.

use std::io::{self, BufRead, BufReader, Read};

use super::Halt;
use crate::trace::Damage;

/// No line that means anything is longer.
const LONGEST: u64 = 1 << 20;

/// The lines of a file.
#[derive(Debug)]
pub struct Lines<R> {
    format: &'static str,
    input: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    /// The lines of `input`, which is of this format.
    pub fn new(format: &'static str, input: R) -> Self {
        Self { format, input: BufReader::with_capacity(256 << 10, input), line: Vec::new(), number: 0 }
    }

    /// What comes next, up to some length, without taking it.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn ahead(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    /// The next line, without its end; `None` behind the last.
    ///
    /// # Errors
    ///
    /// When it cannot be read, when it does not end, or only with the file.
    pub fn next(&mut self) -> Result<Option<&[u8]>, Halt> {
        self.line.clear();
        self.number += 1;
        let length = self.input.by_ref().take(LONGEST).read_until(b'\n', &mut self.line)?;
        match self.line.pop() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(self.line.strip_suffix(b"\r").unwrap_or(&self.line))),
            Some(_) if length as u64 == LONGEST => Err(self.wrong("is too long")),
            Some(_) => Err(Halt::Damage(Damage::Truncated)),
        }
    }

    /// The line that came last is not as it should be.
    pub fn wrong(&self, what: &'static str) -> Halt {
        Halt::Damage(Damage::Line { format: self.format, line: self.number, what })
    }
}

/// A number in hexadecimal digits, with or without `0x`.
pub fn hex(digits: &[u8]) -> Option<u64> {
    let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |number, &digit| Some(number << 4 | u64::from(char::from(digit).to_digit(16)?)))
}

/// The words of a line: what single spaces part.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(Option<&'a [u8]>);

impl<'a> Words<'a> {
    /// The words of `line`.
    pub const fn new(line: &'a [u8]) -> Self {
        Self(Some(line))
    }

    /// The next word as a hexadecimal number, if it is one.
    pub fn number(&mut self) -> Option<u64> {
        hex(self.next()?)
    }

    /// What follows the last word that was taken.
    pub fn rest(self) -> &'a [u8] {
        self.0.unwrap_or_default()
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        let end = rest.iter().position(|&byte| byte == b' ');
        self.0 = end.map(|end| &rest[end + 1..]);
        Some(&rest[..end.unwrap_or(rest.len())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_hexadecimal_of_at_most_sixteen_digits() {
        assert_eq!([hex(b"0x1f"), hex(b"ffffffffffffffff"), hex(b"0")], [Some(31), Some(u64::MAX), Some(0)]);
        assert_eq!([hex(b""), hex(b"0x"), hex(b"g"), hex(b"11111111111111111"), hex(b"-1")], [None; 5]);
    }

    #[test]
    fn a_line_that_only_the_end_of_the_file_ends_is_cut() {
        let mut lines = Lines::new("text", b"one\r\n\ntw".as_slice());
        assert_eq!(lines.next().unwrap(), Some(b"one".as_slice()));
        assert_eq!(lines.next().unwrap(), Some(b"".as_slice()));
        assert!(matches!(lines.next(), Err(Halt::Damage(Damage::Truncated))));
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let mut lines = Lines::new("text", io::repeat(b'x'));
        assert!(matches!(lines.next(), Err(Halt::Damage(Damage::Line { format: "text", line: 1, .. }))));
    }
}

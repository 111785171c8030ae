//! What heaptrack writes: text, a line for each call, strings and stacks between them.
//!
//! ```text
//! raw (heaptrack --raw)                    interpreted (heaptrack)
//! v 10400 3          versions              v 10400 3
//! x 7 /bin/ls        the program           X ls -l          the command
//! X ls -l            the command           s 4 main         a string
//! m 7 /bin/ls 55…    a module              i 55… 1 2        an instruction: module, function, …
//! t 55…1bf 0         a node of a stack     t 1 0            a node of a stack
//! + 64 8 55…1d0      size stack address    a 64 8           a kind of block: size, stack
//! - 55…1d0           address               + 0  - 0         of this kind
//! c 3  R 3bd         time, memory          the same
//! ```
//!
//! All numbers are hexadecimal. Interpretation throws the addresses away: which
//! of several blocks of one size from one place is freed can only be guessed.

mod names;
#[cfg(test)]
mod tests;

use std::io::Read;

use blockwork::wire::Event;

use self::names::Names;
use super::{
    Feed, Found, Halt, Lines,
    lines::{Words, hex},
    pairing::{Kinds, Pairing},
};
use crate::{text, trace::Sink};

/// The newest format that is understood; versions of heaptrack are later.
const NEWEST: u64 = 3;

/// Whether a file of this kind begins so.
pub fn begins(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let mut words = Words::new(line);
    head.len() > line.len()
        && words.next() == Some(b"v")
        && words.next().and_then(hex).is_some_and(|version| version >= 0x1_0000)
}

/// Reads all of it.
///
/// # Errors
///
/// When a line is not as it should be.
pub fn read<S: Sink>(
    mut lines: Lines<impl Read>,
    feed: &mut Feed<'_, S>,
    found: &mut Found,
    pairing: Pairing,
) -> Result<(), Halt> {
    let mut reader = Reader { feed, kinds: Kinds::new(pairing), state: State::default(), names: Names::default() };
    let done = reader.lines(&mut lines);
    let Reader { kinds, state, names, .. } = reader;
    found.places = names.places();
    state.describe(&kinds, pairing, found);
    done
}

struct Reader<'a, 'b, S> {
    feed: &'a mut Feed<'b, S>,
    kinds: Kinds,
    state: State,
    names: Names,
}

/// What lines before the calls have said.
#[derive(Debug, Default)]
struct State {
    /// The version of the format.
    version: u64,
    /// The program's file, or what is known of it.
    program: Vec<u8>,
    /// The program was told to the feed.
    began: bool,
    /// The sizes of the kinds of blocks.
    sizes: Vec<u64>,
    /// And where they are asked for.
    stacks: Vec<u64>,
    /// Calls name kinds instead of addresses.
    interpreted: bool,
    attached: bool,
}

impl<S: Sink> Reader<'_, '_, S> {
    fn lines(&mut self, lines: &mut Lines<impl Read>) -> Result<(), Halt> {
        while let Some(line) = lines.next()? {
            let done = self.line(line)?;
            if let Err(what) = done {
                return Err(lines.wrong(what));
            }
        }
        Ok(())
    }

    /// The outer error is the feed's, the inner what is wrong with the line.
    fn line(&mut self, line: &[u8]) -> Result<Result<(), &'static str>, Halt> {
        let mut words = Words::new(line);
        let state = &mut self.state;
        match words.next().unwrap_or_default() {
            b"+" => return self.allocate(words),
            b"-" => return self.free(words),
            b"v" => {
                let format = words.nth(1).map_or(Some(1), hex);
                match format {
                    Some(version) if version <= NEWEST => state.version = version,
                    _ => return Ok(Err("says a version of the format that this command does not know")),
                }
            }
            b"x" => state.program = state.string(words.rest()).to_vec(),
            b"X" if state.program.is_empty() => state.program = words.next().unwrap_or_default().to_vec(),
            b"A" => state.attached = true,
            b"m" => return self.module(words),
            b"t" => {
                let (Some(address), Some(parent)) = (words.number(), words.number()) else {
                    return Ok(Err("has no two numbers"));
                };
                self.begin()?;
                // Whoever names instructions does that before.
                if !self.names.is_empty() {
                    self.names.place(address);
                }
                self.feed.frame(parent, address)?;
            }
            b"s" => self.names.string(state.string(words.rest())),
            b"i" => self.names.instruction(words),
            b"a" => match words.next().and_then(hex) {
                Some(size) => {
                    state.sizes.push(size);
                    state.stacks.push(words.number().unwrap_or(0));
                }
                None => return Ok(Err("has no size")),
            },
            _ => {}
        }
        Ok(Ok(()))
    }

    fn allocate(&mut self, mut words: Words<'_>) -> Result<Result<(), &'static str>, Halt> {
        let (Some(first), second, third) = (words.number(), words.number(), words.number()) else {
            return Ok(Err("has no number"));
        };
        self.begin()?;
        match (second, third) {
            (Some(stack), Some(address)) => {
                self.feed.stack(stack)?;
                self.feed.allocate(address, first)?;
            }
            (None, _) => {
                self.state.interpreted = true;
                let kind = usize::try_from(first).unwrap_or(usize::MAX);
                let Some(&size) = self.state.sizes.get(kind) else { return Ok(Err("names an unknown kind of block")) };
                let name = self.kinds.begin(kind);
                self.feed.stack(self.state.stacks.get(kind).copied().unwrap_or(0))?;
                self.feed.allocate(name, size)?;
            }
            (Some(_), None) => return Ok(Err("has two numbers instead of one or three")),
        }
        Ok(Ok(()))
    }

    /// `m length name base (address size)*`; `x` is the program, `-` forgets them.
    fn module(&mut self, words: Words<'_>) -> Result<Result<(), &'static str>, Halt> {
        let (path, mut words) = self.state.sized(words.rest());
        let path = if path == b"x" { self.state.program.clone() } else { path.to_vec() };
        self.begin()?;
        let Some(base) = words.number() else { return Ok(Ok(())) };
        while let (Some(address), Some(length)) = (words.number(), words.number()) {
            self.feed.module(&path, base.wrapping_add(address), address, length)?;
        }
        Ok(Ok(()))
    }

    fn free(&mut self, mut words: Words<'_>) -> Result<Result<(), &'static str>, Halt> {
        let Some(name) = words.number() else { return Ok(Err("has no number")) };
        self.begin()?;
        if !self.state.interpreted {
            self.feed.free(name)?;
            return Ok(Ok(()));
        }
        let kind = usize::try_from(name).unwrap_or(usize::MAX);
        match (kind < self.state.sizes.len()).then(|| self.kinds.end(kind)) {
            Some(Some(name)) => self.feed.free(name)?,
            Some(None) => self.feed.push(&Event::Stray { double: false })?,
            None => return Ok(Err("names an unknown kind of block")),
        }
        Ok(Ok(()))
    }

    /// Tells of the program, before its first call.
    fn begin(&mut self) -> Result<(), Halt> {
        if !self.state.began {
            self.state.began = true;
            // Only of interpreted files there are kinds before the first call.
            self.state.interpreted = !self.state.sizes.is_empty();
            self.feed.image(&self.state.program)?;
        }
        Ok(())
    }
}

impl State {
    /// A string, which has its length before it or ends with the line.
    fn string<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        if self.version < 3 { bytes } else { self.sized(bytes).0 }
    }

    /// A string that has its length before it or ends with the word, and what
    /// follows it.
    fn sized<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], Words<'a>) {
        let mut words = Words::new(bytes);
        if self.version < 3 {
            return (words.next().unwrap_or_default(), words);
        }
        let length = words.number().and_then(|length| usize::try_from(length).ok());
        let split = length.and_then(|length| words.rest().split_at_checked(length));
        let (text, rest) = split.unwrap_or_default();
        (text, Words::new(rest.strip_prefix(b" ").unwrap_or(rest)))
    }

    fn describe(&self, kinds: &Kinds, pairing: Pairing, found: &mut Found) {
        let program = self.program.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        found.program = String::from_utf8_lossy(program).into_owned();
        found.notes.push(
            "heaptrack knows no threads, alignments, zeroed blocks or reallocations: one thread, aligned as by malloc, \
             a reallocation is a free and an allocation"
                .into(),
        );
        if self.attached {
            found.notes.push("heaptrack was attached to a running program: frees of older blocks are unknown".into());
        }
        if self.interpreted {
            found.notes.push(approximate(kinds, pairing));
        }
    }
}

/// How sure it is what was freed.
fn approximate(kinds: &Kinds, pairing: Pairing) -> String {
    let (frees, guesses) = kinds.guesses();
    if guesses == 0 {
        return "heaptrack threw the addresses away, but no free could mean more than one block: exact".into();
    }
    let (taken, other) = match pairing {
        Pairing::Oldest => ("oldest", "newest"),
        Pairing::Newest => ("newest", "oldest"),
    };
    let [if_oldest, if_newest] = kinds.median_lives();
    format!(
        "approximate: heaptrack threw the addresses away, and {} of the frees could mean any of several blocks of one \
         size from one place; the {taken} is taken (`import --pairing {other}` for the other). Half of the freed \
         blocks live for up to {} allocations if the oldest is, {} if the newest. `heaptrack --raw` is exact",
        text::percent(guesses, frees),
        text::grouped(if_oldest),
        text::grouped(if_newest),
    )
}

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

use std::io::Read;

use blockwork::wire::Event;

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
    let mut reader = Reader { feed, kinds: Kinds::new(pairing), state: State::default() };
    let done = reader.lines(&mut lines);
    let Reader { kinds, state, .. } = reader;
    state.describe(&kinds, pairing, found);
    done
}

struct Reader<'a, 'b, S> {
    feed: &'a mut Feed<'b, S>,
    kinds: Kinds,
    state: State,
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
            b"a" => match words.next().and_then(hex) {
                Some(size) => state.sizes.push(size),
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
            (Some(_stack), Some(address)) => self.feed.allocate(address, first)?,
            (None, _) => {
                self.state.interpreted = true;
                let kind = usize::try_from(first).unwrap_or(usize::MAX);
                let Some(&size) = self.state.sizes.get(kind) else { return Ok(Err("names an unknown kind of block")) };
                let name = self.kinds.begin(kind);
                self.feed.allocate(name, size)?;
            }
            (Some(_), None) => return Ok(Err("has two numbers instead of one or three")),
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
        if self.version < 3 {
            return bytes;
        }
        let mut words = Words::new(bytes);
        let length = words.number().and_then(|length| usize::try_from(length).ok());
        length.and_then(|length| words.rest().get(..length)).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use crate::{
        import::testing::{ops, read},
        trace::{Damage, Kind},
    };

    /// As heaptrack 1.4 writes it with `--raw`, shortened.
    const RAW: &str = "v 10400 3
x 10 /tmp/a program/a
X ./a b c
I 1000 5e298d
m 1 -
m 1 x 556344511000 0 7a8 1000 28d
t 7ff05828fb9f 0
+ 11c00 1 556378b25530
t 5563445120e0 1
+ 64 2 556378b371d0
- 556378b371d0
+ 0 2 556378b371d0
- 123456
- 556378b25530
c 0
R 3bd
";

    /// As heaptrack 1.4 writes it.
    const INTERPRETED: &str = "v 10400 3
X ./mt b c
I 1000 5e298d
s 4 main
i 5620c63fc1bf 1 1
t 1 0
a 64 1
+ 0
+ 0
- 0
a 1388 1
+ 1
- 0
- 0
c 0

# strings: 1
";

    #[test]
    fn a_raw_file_is_read_as_it_happened() {
        let trace = read(RAW);
        assert_eq!((trace.damage.as_ref(), trace.name.as_str()), (None, "a"));
        assert_eq!(trace.images[0].path, "/tmp/a program/a");
        let expected = [
            (Kind::Allocate, 0, 0x11c00),
            (Kind::Allocate, 1, 0x64),
            (Kind::Free, 1, 0),
            (Kind::Allocate, 1, 0),
            (Kind::Free, 0, 0),
        ];
        assert_eq!(ops(&trace), expected);
        assert_eq!(trace.tally.totals().strays, 1);
    }

    #[test]
    fn an_interpreted_file_is_read_with_guesses_which_are_told() {
        let trace = read(INTERPRETED);
        assert_eq!((trace.damage.as_ref(), trace.name.as_str()), (None, "mt"));
        let expected = [
            (Kind::Allocate, 0, 0x64),
            (Kind::Allocate, 1, 0x64),
            (Kind::Free, 0, 0),
            (Kind::Allocate, 0, 0x1388),
            (Kind::Free, 1, 0),
        ];
        assert_eq!(ops(&trace), expected);
        assert_eq!(trace.tally.totals().strays, 1);
        assert!(trace.notes[1].contains("50 % of the frees"), "{:?}", trace.notes);
    }

    #[test]
    fn packed_files_are_read_and_cut_ones_up_to_there() {
        let packed = zstd::bulk::compress(RAW.as_bytes(), 3).unwrap();
        assert_eq!(read(&packed).ops, read(RAW).ops);
        let cut = read(&packed[..packed.len() - 3]);
        assert_eq!(cut.damage, Some(Damage::Truncated));
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, INTERPRETED.as_bytes()).unwrap();
        assert_eq!(read(gzip.finish().unwrap()).ops, read(INTERPRETED).ops);
    }

    #[test]
    fn cut_anywhere_the_beginning_is_read() {
        for file in [RAW, INTERPRETED] {
            let whole = read(file).ops;
            for length in 0..file.len() {
                let trace = read(&file[..length]);
                assert!(whole.starts_with(&trace.ops), "{length}");
                assert!(trace.damage.is_some() || file[..length].ends_with('\n'), "{length}");
            }
        }
    }

    #[test]
    fn what_contradicts_the_format_is_named() {
        for (line, what) in [
            ("v 20000 4", "version"),
            ("+ 7", "unknown kind"),
            ("+ 7 1", "two numbers"),
            ("+", "no number"),
            ("- x", "no number"),
        ] {
            let trace = read(format!("v 10400 3\n{line}\n"));
            let damage = trace.damage.unwrap();
            assert!(matches!(damage, Damage::Line { line: 2, .. }) && damage.to_string().contains(what), "{damage:?}");
        }
        let huge = read("v 10400 3\n+ ffffffffffffffff 1 10\n");
        assert!(matches!(huge.damage, Some(Damage::Inconsistent { .. })), "{:?}", huge.damage);
    }
}

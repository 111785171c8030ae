//! What `mtrace` of glibc writes: text, a line or two for each call.
//!
//! ```text
//! = Start
//! @ ./mt:[0x11c0] + 0x55881884c4a0 0x64          a block begins
//! @ ./mt:[0x11d5] < 0x55881884c4a0               it is about to be reallocated
//! @ ./mt:[0x11d5] > 0x55881884c4a0 0x1388        it was
//! @ ./mt:(main+0x8f)[0x11f8] - 0x55881884c4a0    it ends
//! @ ./mt:[0x126b] ! 0x55881884c4a0 0x7fffffff    it was to be reallocated, in vain
//! = End
//! ```

use std::{collections::HashMap, io::Read};

use blockwork::wire::Event;

use super::{Feed, Found, Halt, Lines, lines::hex};
use crate::trace::{Damage, Sink, sites::Frame};

/// Whether a file of this kind begins so.
pub fn begins(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line == b"= Start"
        || (head.len() > line.len() && (line.starts_with(b"@ ") || line.starts_with(b"+ 0x")) && call(line).is_some())
}

/// Reads all of it.
///
/// # Errors
///
/// When a line is not as it should be.
pub fn read<S: Sink>(mut lines: Lines<impl Read>, feed: &mut Feed<'_, S>, found: &mut Found) -> Result<(), Halt> {
    found.notes.push("mtrace knows no threads, alignments or zeroed blocks: one thread, aligned as by malloc".into());
    let program = program(lines.ahead()?).unwrap_or_default();
    found.program = program.rsplit('/').next().unwrap_or_default().to_owned();
    feed.image(program.as_bytes())?;
    let mut places = Places::default();
    let done = calls(&mut lines, feed, &mut places);
    found.places = Some(places.named);
    done
}

fn calls<S: Sink>(lines: &mut Lines<impl Read>, feed: &mut Feed<'_, S>, places: &mut Places) -> Result<(), Halt> {
    while let Some(line) = lines.next()? {
        if line.is_empty() || line.starts_with(b"=") {
            continue;
        }
        let place = places.of(line, |number| feed.frame(0, number))?;
        feed.stack(place)?;
        match call(line) {
            Some(Call::Allocate(0, _) | Call::Free(0) | Call::Failed(0)) => {}
            Some(Call::Allocate(name, size)) => feed.allocate(name, size)?,
            Some(Call::Free(name)) => feed.free(name)?,
            Some(Call::Begin(name)) => feed.push(&Event::ReallocateBegin { name })?,
            Some(Call::End(name, size)) => feed.push(&Event::ReallocateEnd { name, size })?,
            Some(Call::Failed(_)) => feed.push(&Event::ReallocateFailed)?,
            None => return Err(lines.wrong("says neither `+`, `-`, `<`, `>` nor `!` of a block")),
        }
    }
    Ok(())
}

/// Who calls, numbered from 1.
#[derive(Debug, Default)]
struct Places {
    known: HashMap<Vec<u8>, u64>,
    named: Vec<Vec<Frame>>,
}

impl Places {
    /// The number of the place in `line`, or 0; if it is new, `begin` is told.
    fn of(&mut self, line: &[u8], begin: impl FnOnce(u64) -> Result<(), Damage>) -> Result<u64, Damage> {
        // As in `@ ./mt:(main+0x8f)[0x11f8] - 0x…`: up to the last bracket.
        let end = line.iter().rposition(|&byte| byte == b']').and_then(|end| end.checked_sub(1));
        let Some(place) = line.strip_prefix(b"@ ").zip(end).and_then(|(place, end)| place.get(..end)) else {
            return Ok(0);
        };
        if let Some(&known) = self.known.get(place) {
            return Ok(known);
        }
        let number = self.named.len() as u64 + 1;
        self.known.insert(place.to_vec(), number);
        self.named.push(vec![frame(&String::from_utf8_lossy(place))]);
        begin(number)?;
        Ok(number)
    }
}

/// What a place is called: `./mt:(main+0x8f)[0x11f8]`, function or file left out.
fn frame(place: &str) -> Frame {
    let (before, address) = place.rsplit_once('[').unwrap_or((place, ""));
    let (module, function) = before.rsplit_once(':').unwrap_or((before, ""));
    let function = function.trim_matches(['(', ')']).rsplit_once('+').map(|(function, _)| function.to_owned());
    let module = Some(module.to_owned()).filter(|module| !module.is_empty());
    let offset = hex(address.trim_end_matches(']').as_bytes()).unwrap_or(0);
    Frame { function: function.filter(|name| !name.is_empty()), module, offset, ..Frame::default() }
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Allocate(u64, u64),
    Free(u64),
    Begin(u64),
    End(u64, u64),
    Failed(u64),
}

/// What `line` says. Places may hold spaces, so it is read from behind.
fn call(line: &[u8]) -> Option<Call> {
    let mut words = line.rsplit(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let (last, before) = (words.next()?, words.next()?);
    match before {
        b"-" => return Some(Call::Free(address(last)?)),
        b"<" => return Some(Call::Begin(address(last)?)),
        _ => {}
    }
    let (name, size) = (address(before)?, hex(last)?);
    match words.next()? {
        b"+" => Some(Call::Allocate(name, size)),
        b">" => Some(Call::End(name, size)),
        b"!" => Some(Call::Failed(name)),
        _ => None,
    }
}

/// An address, as `printf` has it.
fn address(word: &[u8]) -> Option<u64> {
    if word == b"(nil)" { Some(0) } else { hex(word) }
}

/// The program: the first file that calls and is no library.
fn program(head: &[u8]) -> Option<String> {
    let lines = head.split(|&byte| byte == b'\n');
    let mut files = lines.filter_map(|line| {
        let line = str::from_utf8(line.strip_prefix(b"@ ")?).ok()?;
        let end = line.find(":[").or_else(|| line.find(":("))?;
        line.get(..end)
    });
    files.find(|file| !file.contains(".so")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use crate::{
        import::testing::{ops, read},
        trace::{Damage, Kind},
    };

    /// As glibc 2.36 writes it.
    const SAMPLE: &str = "= Start
@ /lib/x86_64-linux-gnu/libc.so.6:(__strdup+1a)[0x9e9aa] + 0x55881884c4c0 0x4
@ ./my program:[0x11c0] + 0x55881884c4a0 0x64
@ ./my program:[0x11d5] < 0x55881884c4a0
@ ./my program:[0x11d5] > 0x7fdbdadb6010 0x1388
@ ./my program:(main+0x8f)[0x11e8] + 0x55881884c4a0 0
@ ./my program:[0x126b] ! 0x55881884c4a0 0x7fffffffffffffff
@ ./my program:[0x126b] ! (nil) 0x7fffffffffffffff
@ ./my program:[0x11f8] - 0x7fdbdadb6010
@ ./my program:[0x11f8] - 0x7fdbdadb6010
@ [0x11f8] - 0x1
= End
";

    #[test]
    fn every_kind_of_line_is_understood() {
        let trace = read(SAMPLE);
        assert_eq!((trace.damage.as_ref(), trace.name.as_str()), (None, "my program"));
        assert_eq!(trace.images[0].path, "./my program");
        let expected = [
            (Kind::Allocate, 0, 4),
            (Kind::Allocate, 1, 100),
            (Kind::Reallocate, 1, 5000),
            (Kind::Allocate, 2, 0),
            (Kind::Free, 1, 0),
        ];
        assert_eq!(ops(&trace), expected);
        let totals = trace.tally.totals();
        assert_eq!((totals.strays, totals.double_frees), (2, 1));
        assert!(trace.notes[0].contains("no threads"));
        let who = |op| trace.sites.frames(trace.sites.of(op)).map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            [who(0), who(1), who(3)],
            [["__strdup in libc.so.6"], ["my program+0x11c0"], ["main in my program"]]
        );
    }

    #[test]
    fn places_may_be_left_out_and_so_may_the_first_line() {
        let trace = read("+ 0x10 0x20\n- 0x10\n");
        assert_eq!((ops(&trace).len(), trace.damage, trace.name.as_str()), (2, None, ""));
    }

    #[test]
    fn cut_anywhere_the_beginning_is_read() {
        let whole = read(SAMPLE).ops;
        for length in 0..SAMPLE.len() {
            let trace = read(&SAMPLE[..length]);
            assert!(whole.starts_with(&trace.ops), "{length}");
            let at_end_of_line = SAMPLE[..length].ends_with('\n');
            let sniffed = length >= "= Start".len();
            assert_eq!(trace.damage.is_none(), sniffed && at_end_of_line, "{length}: {:?}", trace.damage);
        }
    }

    #[test]
    fn a_line_of_something_else_is_named() {
        let trace = read("= Start\n+ 0x10 0x20\nhello\n");
        assert_eq!(trace.ops.len(), 1);
        assert!(matches!(trace.damage, Some(Damage::Line { line: 3, .. })), "{:?}", trace.damage);
    }
}

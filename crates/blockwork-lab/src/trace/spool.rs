//! What a recorder leaves behind, and how it becomes a file.

use std::{
    fmt,
    io::{self, Read, Write},
    mem::offset_of,
};

use blockwork::wire::{DecodeError, Decoder, Event};

use super::{Damage, Sink, Summary, Writer, checker::Checker, container::fill, reader::Ending, renamer::Renamer};
use crate::recorder::layout::{self, CHILDREN, Child, HEADER, Header, Origin, Stop};

/// The header of a spool, after the fact.
#[derive(Debug)]
pub struct Leftovers {
    /// The version of the spool.
    version: u32,
    /// Who was to pack it: nobody, if a program recorded itself.
    origin: u32,
    /// Bytes of complete events.
    committed: u64,
    lost: u64,
    stopped: Option<(Stop, u32)>,
    children: u32,
    child_names: Vec<String>,
}

impl Leftovers {
    /// Reads a header, all of it.
    fn parse(bytes: &[u8]) -> Self {
        let u32_at = |at: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte]));
        let u64_at = |at: usize| u64::from_ne_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|byte| bytes[at + byte]));
        let children = u32_at(offset_of!(Header, children));
        let named = CHILDREN.min(children as usize);
        let child_names = (0..named).map(|number| {
            let at = offset_of!(Header, child) + number * size_of::<Child>() + offset_of!(Child, name);
            let name = &bytes[at..at + 16];
            String::from_utf8_lossy(name.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
        });
        Self {
            version: u32_at(offset_of!(Header, version)),
            origin: u32_at(offset_of!(Header, origin)),
            committed: u64_at(offset_of!(Header, committed)),
            lost: u64_at(offset_of!(Header, lost)),
            stopped: Stop::unpack(u32_at(offset_of!(Header, stopped))),
            children,
            child_names: child_names.collect(),
        }
    }

    fn stopped(&self) -> Option<String> {
        self.stopped.map(|(stop, errno)| Stopped(stop, errno).to_string())
    }

    fn summary(&self, renamer: &Renamer) -> Summary {
        Summary {
            children: self.children,
            child_names: self.child_names.clone(),
            lost: self.lost,
            missed_frees: renamer.missed(),
            stopped: self.stopped(),
            ..Summary::default()
        }
    }
}

/// Why recording ended early, for people.
struct Stopped(Stop, u32);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Stop::DiskFull => "the disk is full",
            Stop::FileLimit => "the limit on file sizes is reached (ulimit -f)",
            Stop::NoAccess => "the program lost access to the recording",
            Stop::Stuck => "a thread was lost in the recorder",
        })?;
        match i32::try_from(self.1) {
            Ok(errno @ 1..) if self.0 == Stop::NoAccess => write!(f, ": {}", io::Error::from_raw_os_error(errno)),
            _ => Ok(()),
        }
    }
}

/// Why recording ended early, as the header of a spool has it.
pub fn stopped(header: &[u8]) -> Option<String> {
    Leftovers::parse(header).stopped()
}

/// Turns the events of a spool into a recording of `program`; `header` is asked
/// for the spool's header after the last. If the events are damaged, which
/// takes a program that writes where it should not, the recording ends there
/// and says so.
pub fn pack<W: Write>(
    events: impl Read,
    header: impl FnOnce() -> io::Result<Vec<u8>>,
    output: W,
    program: &str,
) -> io::Result<(W, Summary)> {
    let mut writer = Writer::new(output, program)?;
    let mut renamer = Renamer::new();
    let done = for_each_event(events, |event| renamer.push(event, |event| writer.push(event)))?;
    writer.name(&renamer.stacks().symbolise())?;
    let mut summary = Leftovers::parse(&header()?).summary(&renamer);
    if let Err(damage) = done {
        summary.stopped = Some(format!("something wrote into the recording while it was made ({damage})"));
    }
    writer.finish(summary)
}

/// Reads a spool that was never packed, or was not to be; what follows the magic
/// number.
pub fn read<S: Sink>(mut input: impl Read, sink: &mut S) -> io::Result<Ending> {
    let damaged = |damage| Ok(Ending { damage: Some(damage), ..Ending::default() });
    let mut header = vec![0; HEADER];
    let (_magic, rest) = header.split_at_mut(layout::MAGIC.len());
    if fill(&mut input, rest)? < rest.len() {
        return damaged(Damage::Truncated);
    }
    let header = Leftovers::parse(&header);
    if header.version != layout::VERSION {
        return damaged(Damage::Version(header.version));
    }
    let mut checker = Checker::new(sink);
    let mut renamer = Renamer::new();
    let (mut program, mut contradiction) = (String::new(), None);
    let done = for_each_event(input.take(header.committed), |event| {
        if let (Event::Image { path }, true) = (event, program.is_empty()) {
            program = base_name(path);
        }
        renamer.push(event, |event| {
            checker.push(event).map_err(|damage| {
                contradiction = Some(damage);
                io::Error::other("contradiction")
            })
        })
    });
    let damage = match (contradiction, done) {
        (Some(damage), _) => Some(damage),
        (None, Err(error)) => return Err(error),
        (None, Ok(Err(damage))) => Some(damage),
        (None, Ok(Ok(length))) if length < header.committed => Some(Damage::Truncated),
        (None, Ok(Ok(_))) if header.origin == Origin::Program as u32 => None,
        (None, Ok(Ok(_))) => Some(Damage::Unfinished),
    };
    checker.names(0, &renamer.stacks().symbolise());
    let totals = checker.totals();
    Ok(Ending { format: "a program's own recording", program, totals, summary: Some(header.summary(&renamer)), damage })
}

/// The last part of a path.
pub fn base_name(path: &[u8]) -> String {
    String::from_utf8_lossy(path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()).into_owned()
}

/// Hands out all events, and says how many bytes they are. The outer error is
/// the system's or of `each`, the inner the spool's.
fn for_each_event(
    mut input: impl Read,
    mut each: impl FnMut(&Event<'_>) -> io::Result<()>,
) -> io::Result<Result<u64, Damage>> {
    const CHUNK: usize = 512 << 10;
    let (mut buffer, mut decoder, mut length) = (Vec::with_capacity(2 * CHUNK), Decoder::new(), 0);
    loop {
        let kept = buffer.len();
        buffer.resize(kept + CHUNK, 0);
        let read = fill(&mut input, &mut buffer[kept..])?;
        buffer.truncate(kept + read);
        length += read as u64;
        let mut at = 0;
        while at < buffer.len() {
            match decoder.decode(&buffer[at..]) {
                Ok((event, taken)) => {
                    each(&event)?;
                    at += taken;
                }
                Err(DecodeError::Truncated) if read > 0 => break,
                Err(error) => return Ok(Err(error.into())),
            }
        }
        buffer.drain(..at);
        if read == 0 {
            return Ok(Ok(length));
        }
    }
}

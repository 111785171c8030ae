//! Recordings that other tools made.
//!
//! ```text
//! file ─► unpacked ─► sniffed ─► reader ─► Renamer ─► Checker ─► Sink
//!          zstd, gzip   by content   │  addresses or slots
//!                                    └─► notes: what the format does not know
//! ```
//!
//! | format | is read as | what it lacks |
//! |---|---|---|
//! | [`mtrace`] | a recording | threads, alignments, zeroing |
//! | [`heaptrack`] `--raw` | a recording | the same, and reallocations |
//! | [`heaptrack`] | a recording, approximately | the same, and which block was freed |
//! | [`bytehound`] replay | a recording | threads, alignments, zeroing |
//!
//! | [`profile`]: DHAT, jemalloc, gperftools, pprof | a histogram of sizes | order and frees: no recording |
//!
//! All verbs read them where they read recordings of this command's own.

mod bytehound;
mod feed;
mod heaptrack;
mod lines;
mod mtrace;
mod pairing;
pub mod profile;
mod save;
#[cfg(test)]
mod testing;
mod unpack;

use std::io::{self, Chain, Cursor, Read};

use self::{feed::Feed, lines::Lines};
pub use self::{pairing::Pairing, save::Save};
use crate::trace::{Damage, Ending, Sink, sites::Frame};

/// What other tools write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Mtrace,
    Heaptrack,
    Bytehound,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Mtrace => "mtrace",
            Self::Heaptrack => "heaptrack",
            Self::Bytehound => "bytehound",
        }
    }

    /// The format of a file that begins like this.
    fn sniff(head: &[u8]) -> Option<Self> {
        if mtrace::begins(head) {
            Some(Self::Mtrace)
        } else if heaptrack::begins(head) {
            Some(Self::Heaptrack)
        } else {
            bytehound::begins(head).then_some(Self::Bytehound)
        }
    }
}

/// How a reader ends before its file does.
#[derive(Debug)]
enum Halt {
    /// The file is not as it should be; what came before is good.
    Damage(Damage),
    /// The file cannot be read.
    Io(io::Error),
}

impl From<Damage> for Halt {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What a reader found beside the events.
#[derive(Debug, Default)]
struct Found {
    /// Whose file it is.
    format: &'static str,
    /// What was recorded.
    program: String,
    /// The functions at each place that a frame was at, in order of appearance,
    /// innermost first; without it they are looked up in the modules.
    places: Option<Vec<Vec<Frame>>>,
    /// What must be known to judge the rest.
    notes: Vec<String>,
}

/// Enough of a file to tell what it is.
const HEAD: usize = 4 << 10;

/// The beginning of a file, and the rest.
type Input<R> = Chain<Cursor<Vec<u8>>, R>;

/// Reads a file of another tool, as far as it goes.
///
/// # Errors
///
/// When the system fails to read it.
pub fn read<S: Sink>(input: impl Read, sink: &mut S, pairing: Pairing) -> io::Result<Ending> {
    let (head, input) = peek(input)?;
    match unpack::Packing::sniff(&head) {
        None => dispatch(&head, input, sink, pairing, false),
        Some(packing) => {
            let unpacked = packing.reader(input)?;
            match peek(unpacked) {
                Ok((head, input)) => dispatch(&head, input, sink, pairing, true),
                Err(error) => Ok(Ending { damage: Some(unpack::damage(&error)), ..Ending::default() }),
            }
        }
    }
}

/// The first bytes of `input`, and all of it.
fn peek<R: Read>(mut input: R) -> io::Result<(Vec<u8>, Input<R>)> {
    let mut head = Vec::with_capacity(HEAD);
    input.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(input)))
}

fn dispatch<S: Sink>(
    head: &[u8],
    input: impl Read,
    sink: &mut S,
    pairing: Pairing,
    packed: bool,
) -> io::Result<Ending> {
    let Some(format) = Format::sniff(head) else {
        let damage = profile::Tool::sniff(head).map_or(Damage::NotARecording, |tool| Damage::Profile(tool.name()));
        return Ok(Ending { damage: Some(damage), ..Ending::default() });
    };
    let mut feed = Feed::new(sink);
    let mut found = Found { format: format.name(), ..Found::default() };
    let done = match format {
        Format::Mtrace => mtrace::read(Lines::new("mtrace", input), &mut feed, &mut found),
        Format::Heaptrack => heaptrack::read(Lines::new("heaptrack", input), &mut feed, &mut found, pairing),
        Format::Bytehound => bytehound::read(input, &mut feed, &mut found),
    };
    let damage = match done {
        Ok(()) => None,
        Err(Halt::Damage(damage)) => Some(damage),
        // What cannot be unpacked cannot be told from what cannot be read.
        Err(Halt::Io(error)) if packed => Some(unpack::damage(&error)),
        Err(Halt::Io(error)) => return Err(error),
    };
    Ok(feed.finish(found, damage))
}

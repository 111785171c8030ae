//! What can be wrong with a recording.

use std::fmt;

use blockwork::wire::DecodeError;

/// Why a recording cannot be read, or not beyond some point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The file has no bytes.
    Empty,
    /// The file begins with something else.
    NotARecording,
    /// The file is of another version of the format.
    Version(u32),
    /// The file ends in the middle; all before was read.
    Truncated,
    /// The bytes of a part are not those that were written.
    Checksum {
        /// Where in the file the part begins.
        offset: u64,
    },
    /// A part is missing, or comes twice.
    Order {
        /// Where in the file the unexpected part begins.
        offset: u64,
    },
    /// A part is intact and says nothing legible.
    Illegible(String),
    /// The file is a heap profile of another tool: it has no order.
    Profile(&'static str),
    /// A line of a file of another tool is not as it should be.
    Line {
        /// Whose file it is.
        format: &'static str,
        /// Which line, counted from 1.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Bytes are no event.
    Event(DecodeError),
    /// Events contradict one another.
    Inconsistent {
        /// The number of the event.
        event: u64,
        /// What it does.
        what: &'static str,
    },
    /// Something follows the end.
    Trailing,
    /// The recording was never packed: whoever recorded is still at it, was
    /// killed, or had no room. Everything until then was read.
    Unfinished,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::NotARecording => {
                f.write_str("the file is not a recording: neither of blockwork nor of a tool that it knows")
            }
            Self::Version(version) => {
                write!(f, "the recording has version {version} of the format; this command reads version ")?;
                write!(f, "{}", super::container::VERSION)
            }
            Self::Truncated => f.write_str("the recording ends in the middle: it was truncated"),
            Self::Checksum { offset } => {
                write!(f, "the recording is corrupt from byte {offset} on: the checksum does not match")
            }
            Self::Order { offset } => {
                write!(f, "the recording is corrupt from byte {offset} on: a part is missing or out of place")
            }
            Self::Illegible(why) => write!(f, "a part of the recording is illegible: {why}"),
            Self::Profile(tool) => write!(
                f,
                "the file is a heap profile of {tool}, not a recording: totals without order or frees, which cannot be \
                 replayed (`blockwork stats` shows its sizes)"
            ),
            Self::Line { format, line, what } => write!(f, "line {line} of this {format} file {what}"),
            Self::Event(error) => write!(f, "the recording is corrupt: {error}"),
            Self::Inconsistent { event, what } => write!(f, "the recording is corrupt: event {event} {what}"),
            Self::Trailing => f.write_str("the recording is corrupt: something follows its end"),
            Self::Unfinished => {
                f.write_str("the recording was never finished: `record` is still running, was killed, or had no room")
            }
        }
    }
}

impl std::error::Error for Damage {}

impl From<DecodeError> for Damage {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Truncated => Self::Truncated,
            error => Self::Event(error),
        }
    }
}

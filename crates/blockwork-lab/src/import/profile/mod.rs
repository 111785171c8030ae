//! Heap profiles: totals by call site, without order. What cannot be replayed
//! can still say which sizes are asked for.
//!
//! | format | counts | sizes are |
//! |---|---|---|
//! | [`dhat`] | all blocks | the mean of each call site |
//! | [`jemalloc`], gperftools | those that were sampled, scaled up; often only the live ones | the mean of each call site |
//! | [`pprof`] | the same, scaled by its writer | exact where it says `bytes`, else means |

mod dhat;
mod jemalloc;
mod pprof;
mod report;

use std::io::{self, Read};

pub use self::report::{Report, write_text};
use super::{Input, peek, unpack};

/// No profile is longer: it is read at once.
const LONGEST: u64 = 1 << 30;

/// Whose profile a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Valgrind's DHAT, or the crate of that name.
    Dhat,
    /// jemalloc.
    Jemalloc,
    /// gperftools.
    Gperftools,
    /// Anything that writes pprof's format: Go, Rust, tcmalloc.
    Pprof,
}

impl Tool {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dhat => "DHAT",
            Self::Jemalloc => "jemalloc",
            Self::Gperftools => "gperftools",
            Self::Pprof => "pprof",
        }
    }

    /// The tool whose file begins like this.
    pub fn sniff(head: &[u8]) -> Option<Self> {
        let has = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
        if head.first() == Some(&b'{') && has(b"\"dhatFileVersion\"") {
            return Some(Self::Dhat);
        }
        if head.starts_with(b"heap_v2/") {
            return Some(Self::Jemalloc);
        }
        if head.starts_with(b"heap profile: ") {
            return Some(Self::Gperftools);
        }
        pprof::begins(head).then_some(Self::Pprof)
    }
}

/// A heap profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// What was run, if that is known.
    pub program: String,
    /// What is known of each call site.
    pub points: Vec<Point>,
    /// What must be known to judge that.
    pub notes: Vec<String>,
}

/// The blocks of one call site, or of one size from there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// How many.
    pub blocks: u64,
    /// Their sizes in all.
    pub bytes: u64,
}

/// Reads the profile in `input`, or says why that is none; `None` if it is none
/// of a known tool.
///
/// # Errors
///
/// When the system fails to read it.
pub fn read(input: impl Read) -> io::Result<Option<(Tool, Result<Profile, String>)>> {
    let (head, input) = peek(input)?;
    match unpack::Packing::sniff(&head) {
        None => parse(&head, input),
        Some(packing) => match peek(packing.reader(input)?) {
            Ok((head, input)) => parse(&head, input),
            Err(_) => Ok(None),
        },
    }
}

fn parse(head: &[u8], input: Input<impl Read>) -> io::Result<Option<(Tool, Result<Profile, String>)>> {
    let Some(tool) = Tool::sniff(head) else { return Ok(None) };
    let mut bytes = Vec::new();
    if let Err(error) = input.take(LONGEST).read_to_end(&mut bytes) {
        return Ok(Some((tool, Err(format!("it cannot be read to its end: {error}")))));
    }
    let profile = match tool {
        Tool::Dhat => dhat::parse(&bytes),
        Tool::Jemalloc => jemalloc::parse(&bytes, true),
        Tool::Gperftools => jemalloc::parse(&bytes, false),
        Tool::Pprof => pprof::parse(&bytes),
    };
    Ok(Some((tool, profile)))
}

//! One way to read a recording, whatever stage it is in, whoever made it.

use std::io::{self, Read};

use super::{
    Damage, Sink, Summary, Totals,
    container::{self, fill},
    spool,
};
use crate::{
    import::{self, Pairing},
    recorder::layout,
};

/// What is known of a recording after reading it.
#[derive(Debug, Default)]
pub struct Ending {
    /// Who wrote it, if not this command.
    pub format: &'static str,
    /// What was recorded.
    pub program: String,
    /// What was read.
    pub totals: Totals,
    /// What the recorder said last, if that could be read.
    pub summary: Option<Summary>,
    /// Why the rest could not be read.
    pub damage: Option<Damage>,
}

/// Reads a recording into `sink`, as far as it goes.
pub fn read(input: impl Read, sink: &mut impl Sink) -> io::Result<Ending> {
    read_as(input, sink, Pairing::default())
}

/// Reads a recording as far as it goes; where it leaves open which block was
/// freed, it is taken to be this one.
pub fn read_as(mut input: impl Read, sink: &mut impl Sink, pairing: Pairing) -> io::Result<Ending> {
    let mut magic = [0; 8];
    let damaged = |damage| Ok(Ending { damage: Some(damage), ..Ending::default() });
    match fill(&mut input, &mut magic)? {
        0 => damaged(Damage::Empty),
        8 if magic == container::MAGIC => container::read(input, sink),
        8 if magic == layout::MAGIC => spool::read(input, sink),
        length if container::MAGIC.starts_with(&magic[..length]) => damaged(Damage::Truncated),
        length if layout::MAGIC.starts_with(&magic[..length]) => damaged(Damage::Truncated),
        length => import::read(io::Cursor::new(magic).take(length as u64).chain(input), sink, pairing),
    }
}

//! What files of other tools are packed with.

use std::io::{self, BufReader, Read};

use crate::trace::Damage;

/// What a file is packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// zstd.
    Zstd,
    /// gzip.
    Gzip,
}

impl Packing {
    /// The packing of a file that begins like this: names say nothing.
    pub fn sniff(head: &[u8]) -> Option<Self> {
        match head {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            _ => None,
        }
    }

    /// `input`, unpacked.
    ///
    /// # Errors
    ///
    /// When there is no memory for it.
    pub fn reader<'a>(self, input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Zstd => Box::new(zstd::Decoder::new(input)?),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(input))),
        })
    }
}

/// What `error` of an unpacker means.
pub fn damage(error: &io::Error) -> Damage {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Damage::Truncated,
        _ => Damage::Illegible(error.to_string()),
    }
}

//! What an allocator was asked, kept: the format of recordings.

pub mod wire;

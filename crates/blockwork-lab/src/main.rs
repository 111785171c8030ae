//! The `blockwork` command.

fn main() {}

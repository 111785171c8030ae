//! A list knows its allocator by the type of a handle.

use blockwork::{Bump, List, System};

fn main() {
    let _list = List::<u32, Bump<System>>::new();
}

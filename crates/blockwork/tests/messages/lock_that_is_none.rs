//! A lock has to lock.

use blockwork::{Locked, System};

fn main() {
    let _heap = Locked::with_lock(System, ());
}

//! What decides by size needs a side for the rest.

use blockwork::{Bump, Chain, Memo, System, UpTo};

fn main() {
    let _heap = Memo::new(Bump::new(System, 64).up_to(UpTo::<16>), 1024);
}

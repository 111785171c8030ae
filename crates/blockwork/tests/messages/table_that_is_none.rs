//! Tables of four steps end at a power of two.

use blockwork::{Memo, Quad, System};

fn main() {
    let _heap = Memo::by_class(System, Quad::<1000>, usize::MAX);
}

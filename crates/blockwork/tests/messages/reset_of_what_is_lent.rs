//! Others may hold blocks of what is lent.

use blockwork::{Bump, Counted, Reset, System};

fn end_all(heap: &mut impl Reset) {
    heap.reset();
}

fn main() {
    let bump = Bump::new(System, 64);
    end_all(&mut Counted::new(&bump));
}

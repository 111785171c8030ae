//! A reserve that the other side stands on is shared, and so knows nothing.

use blockwork::{Bump, LastResort, System};

fn main() {
    let reserve = Bump::new(System, 4096);
    let _heap = LastResort::new(Bump::new(&reserve, 64), &reserve);
}

//! Functions whose machine code `cargo xtask asm` reads, each beside the one that
//! does the same by hand for one size.
//!
//! The program prints where the functions lie: offsets from `blockwork_asm_anchor`,
//! whose address the symbol table tells.

mod by_hand;
mod pairs;

use crate::pairs::{Pair, pairs};

/// What the offsets are counted from.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn blockwork_asm_anchor() {
    std::hint::black_box(());
}

fn main() {
    let anchor = (blockwork_asm_anchor as *const ()).addr();
    let offset = |function: *const ()| function.addr().wrapping_sub(anchor).cast_signed();
    for Pair { name, bar, more, composed, by_hand } in pairs() {
        let bar = bar.map(|bar| bar.to_string()).unwrap_or_default();
        println!("{name}\t{bar}\t{more}\t{}\t{}", offset(composed), offset(by_hand));
    }
}

//! Every size with every alignment, one by one.

use core::alloc::Layout;

use super::{Floor, Found, Suite};
use crate::testing::{
    law::{Law, Violation},
    ops::{Pick, with_size},
    session::{Held, Session, Verdict},
};

const SIZES: &[usize] = &[
    1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 511, 512, 513,
    1000, 1024, 1025, 2047, 2048, 2049, 4095, 4096, 4097, 8192, 8193, 16_384, 16_385, 32_768, 32_769, 65_535, 65_536,
    65_537, 100_000, 262_145, 1_048_577,
];
const SIZES_QUICK: &[usize] = &[1, 8, 9, 16, 17, 64, 65, 100, 513, 4096, 4097, 32_769];

const ALIGNS: &[usize] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 65_536, 2 << 20, 4 << 20];
const ALIGNS_QUICK: &[usize] = &[1, 8, 64, 4096, 65_536];

/// Above this alignment a few sizes are enough: each one maps megabytes.
const COARSE_ALIGN: usize = 8192;

/// The grid, over each grain.
pub(super) fn grid(suite: &Suite) -> Result<(), Found> {
    let (sizes, aligns) = if suite.options.quick { (SIZES_QUICK, ALIGNS_QUICK) } else { (SIZES, ALIGNS) };
    let mut served = 0_usize;
    for floor in [Floor::Exact, Floor::Coarse] {
        for &align in aligns {
            let step = if align > COARSE_ALIGN { 9 } else { 1 };
            suite.on(floor, &mut |session| {
                for &size in sizes.iter().step_by(step) {
                    if let Ok(layout) = Layout::from_size_align(size, align) {
                        cell(&session, layout)?;
                    }
                }
                served = served.saturating_add(session.served());
                Ok(())
            })?;
        }
    }
    // One part over another may rightly serve nothing: big spans over small blocks.
    if served == 0 && !suite.options.quick {
        return Err(Violation::new(Law::Serves, "no request was served, of any size".into()).into());
    }
    Ok(())
}

/// One layout: fresh, zeroed, resized every way, freed by every size.
fn cell(session: &Session<'_, '_>, layout: Layout) -> Verdict {
    let plain = session.obtain(layout, false)?;
    // Dirty first, so that the zeroes of the second are its own work.
    let zeroed = session.obtain(layout, true)?;
    for (held, pick) in plain.into_iter().zip([Pick(255)]).chain(zeroed.into_iter().zip([Pick(1)])) {
        let held = resizes(session, held)?;
        session.give_back(held, pick)?;
    }
    if plain.is_some() {
        // Likely the same memory again, now dirty with a pattern.
        if let Some(again) = session.obtain(layout, true)? {
            session.give_back(again, Pick(128))?;
        }
    }
    Ok(())
}

/// Grows and shrinks a block; what it fits in the end.
fn resizes(session: &Session<'_, '_>, held: Held) -> Verdict<Held> {
    let size = held.layout.size();
    let granted = session.part().granted(held.layout);
    let targets = [granted, size, size.saturating_add(1), size.saturating_mul(2), size.div_ceil(2), 1, 0];
    let mut held = held;
    for (target, pick) in targets.into_iter().zip([0, 255, 1, 128, 255, 1, 0]) {
        let new = with_size(held.layout, target);
        if session.resize(held, Pick(pick), new)? {
            held.layout = new;
        }
    }
    Ok(held)
}

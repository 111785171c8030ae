//! Single calls at the edges: grants, empty blocks, impossible requests.

use core::alloc::Layout;

use heap::{format, vec::Vec};

use super::{Floor, Found, Suite};
use crate::{
    alloc::Allocate,
    testing::{
        failing::{Failing, When},
        law::Law,
        ops::{Op, Pick, with_size},
        session::{Session, Verdict, broken, words},
        strict::Strict,
        subject::Subject,
    },
};

/// Alignments from one byte to beyond every page size.
const ALIGNS: [usize; 12] = [1, 2, 4, 8, 16, 32, 64, 512, 4096, 65_536, 2 << 20, 4 << 20];

/// The largest size that has a layout with this alignment.
const fn largest(align: usize) -> usize {
    isize::MAX.unsigned_abs().saturating_sub(align.saturating_sub(1))
}

/// Sizes in ascending order, up to the largest one.
fn sizes(align: usize) -> Vec<usize> {
    let largest = largest(align);
    let mut sizes: Vec<usize> = (0..=130).collect();
    for power in 8..=20 {
        let size = 1_usize << power;
        sizes.extend([size.saturating_sub(1), size, size.saturating_add(1)]);
    }
    sizes.extend([largest.div_ceil(2), largest.saturating_sub(1 << 32)]);
    sizes.extend(
        [1 << 20, 65_536, 4096, 4095, 112, 64, 17, 16, 9, 8, 7, 2, 1, 0].map(|less| largest.saturating_sub(less)),
    );
    sizes
}

fn layouts() -> impl Iterator<Item = Layout> {
    ALIGNS
        .into_iter()
        .flat_map(|align| sizes(align).into_iter().filter_map(move |size| Layout::from_size_align(size, align).ok()))
}

/// The rules of `granted`.
pub(super) fn grants(suite: &Suite) -> Result<(), Found> {
    for floor in [Floor::Exact, Floor::Coarse] {
        suite.on(floor, &mut |session| grants_of(session.part()).map(|_| ()))?;
    }
    Ok(())
}

/// What is granted does not depend on what was done.
pub(super) fn grants_in_use(suite: &Suite) -> Result<(), Found> {
    Suite::explain(suite.sample(40, 1), |operations| {
        suite.on(Floor::Coarse, &mut |mut session| {
            let before = grants_of(session.part())?;
            for op in operations {
                session.step(op)?;
            }
            session.free_all()?;
            if before == grants_of(session.part())? {
                Ok(())
            } else {
                broken(Law::Grants, "the answers changed while the part was in use".into())
            }
        })
    })
}

fn grants_of(part: &dyn Allocate) -> Verdict<Vec<usize>> {
    let mut grants = Vec::new();
    let mut before: Option<(Layout, usize)> = None;
    for layout in layouts() {
        let granted = part.granted(layout);
        let wrong = |why: &str| broken(Law::Grants, format!("{} is granted {granted}: {why}", words(layout)));
        if granted < layout.size() {
            return wrong("less than asked");
        }
        if (granted == 0) != (layout.size() == 0) {
            return wrong("zero is for zero");
        }
        let Ok(whole) = Layout::from_size_align(granted, layout.align()) else {
            return wrong("there is no such layout");
        };
        let again = part.granted(whole);
        if again != granted {
            return wrong(&format!("that again is granted {again}"));
        }
        if let Some((smaller, less)) = before
            && smaller.align() == layout.align()
            && less > granted
        {
            return wrong(&format!("and {}, less, is granted {less}", words(smaller)));
        }
        before = Some((layout, granted));
        grants.push(granted);
    }
    Ok(grants)
}

/// Empty blocks are served always, by a parent that fails too.
pub(super) fn empties(suite: &Suite) -> Result<(), Found> {
    let strict = Strict::new();
    let failing = Failing::new(&strict, When::From(0));
    let aligns = ALIGNS.into_iter().chain([1 << 40, 1 << 62, 1 << (usize::BITS - 1)]);
    suite.over_parent(&strict, &failing, true, &mut |session| {
        for layout in aligns.clone().filter_map(|align| Layout::from_size_align(0, align).ok()) {
            for zeroed in [false, true] {
                let Some(held) = session.obtain(layout, zeroed)? else {
                    return broken(Law::Empty, format!("{} was refused", words(layout)));
                };
                session.resize(held, Pick(0), with_size(layout, 16))?;
                session.give_back(held, Pick(0))?;
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// What cannot be served is refused, and leaves no trace.
pub(super) fn impossible(suite: &Suite) -> Result<(), Found> {
    for floor in [Floor::Exact, Floor::Coarse] {
        suite.on(floor, &mut |session| {
            let small = Layout::new::<[u64; 2]>();
            let held = session.obtain(small, false)?;
            for layout in impossible_layouts() {
                refuses(&session, layout, suite.options.own_memory)?;
                if let Some(held) = held {
                    if layout.size() > small.size() {
                        session.resize(held, Pick(0), with_size(small, layout.size()))?;
                    }
                    // The alignment is another one, or the class is another one.
                    session.resize(held, Pick(0), Layout::new::<[u32; 4]>())?;
                    session.resize(held, Pick(0), with_size(small, 0))?;
                }
            }
            held.map_or(Ok(()), |held| session.give_back(held, Pick(0)))?;
            // And it serves as before.
            session.act(&Op::Allocate { slot: 0, layout: small, zeroed: false })?;
            session.free_all()
        })?;
    }
    Ok(())
}

fn impossible_layouts() -> impl Iterator<Item = Layout> {
    [1, 8, 16, 4096, 2 << 20]
        .into_iter()
        .flat_map(|align| {
            let largest = largest(align);
            let sizes = [largest, largest.saturating_sub(1), largest.saturating_sub(4096), largest.div_ceil(2)];
            sizes.into_iter().filter_map(move |size| Layout::from_size_align(size, align).ok())
        })
        .chain(Layout::from_size_align(1, 1 << (usize::BITS - 2)))
}

/// Asks for what cannot be; a part with memory of its own may have it after
/// all, and is not asked to back it.
fn refuses(session: &Session<'_, '_>, layout: Layout, own_memory: bool) -> Verdict {
    let part = session.part();
    for allocate in [<dyn Subject>::allocate, <dyn Subject>::allocate_zeroed] {
        if let Ok(block) = allocate(part, layout) {
            if !own_memory {
                return broken(Law::Blocks, format!("served {}, more than its parent has", words(layout)));
            }
            // SAFETY: just allocated with this layout.
            unsafe { part.deallocate(block, layout) }
        }
        session.audit()?;
    }
    Ok(())
}

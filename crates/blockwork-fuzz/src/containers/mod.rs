//! Containers beside std's: the same operations, the same outcome, or none where
//! there is no memory; and code of elements that panics anywhere.
//!
//! The first byte says which container.

use core::{alloc::Layout, ptr::NonNull};

use arbitrary::{Result, Unstructured};
use blockwork::{
    AllocError, Allocate, Handle,
    testing::{Failing, Strict, When},
};

use self::{
    element::{Aligned, Blown, Marker, Token, panicking_at},
    heaps::{Coarse, Exact, Roomy, Watched, Wide},
};

mod arena;
#[allow(dead_code, reason = "shared with the tests of the library")]
#[path = "../../../blockwork/tests/it/typed/element.rs"]
mod element;
#[allow(dead_code, reason = "shared with the tests of the library")]
#[path = "../../../blockwork/tests/it/typed/heaps.rs"]
mod heaps;
mod interner;
mod list;
mod pool;
#[path = "../../../blockwork/tests/it/typed/steps.rs"]
mod steps;

/// Operations of one input.
const OPERATIONS: usize = 100;

/// Does what the bytes say.
pub fn run(bytes: &[u8]) {
    // What is missing at the end is zeroes.
    let _enough = play(&mut Unstructured::new(bytes));
}

fn play(u: &mut Unstructured<'_>) -> Result<()> {
    match u.arbitrary::<u8>()? % 20 {
        0 => list::compared::<u8, Exact>(u),
        1 => list::compared::<u8, Roomy>(u),
        2 => list::compared::<Token, Exact>(u),
        3 => list::compared::<Token, Coarse>(u),
        4 => list::compared::<Token, Roomy>(u),
        5 => list::compared::<Token, Wide>(u),
        6 => list::compared::<Aligned, Roomy>(u),
        7 => list::compared::<Marker, Exact>(u),
        8 => list::panicking::<Token, Exact>(u),
        9 => list::panicking::<Token, Roomy>(u),
        10 => list::panicking::<Aligned, Coarse>(u),
        11 => list::panicking::<Marker, Exact>(u),
        12 => pool::compared::<Token>(u),
        13 => pool::compared::<Aligned>(u),
        14 => pool::compared::<u8>(u),
        15 => pool::compared::<Marker>(u),
        16 => arena::vectors::<Token>(u),
        17 => arena::vectors::<Aligned>(u),
        18 => arena::strings(u),
        _ => interner::compared(u),
    }
}

/// Does what the bytes say to a list in a heap that breaks a promise: a mistake that is
/// to be found.
pub fn planted(bytes: &[u8]) {
    // What is missing at the end is zeroes.
    let _enough = list::compared::<u8, Deaf>(&mut Unstructured::new(bytes.get(1..).unwrap_or_default()));
}

/// Says that blocks have shrunk where they are, and does nothing.
#[derive(Clone, Copy, Debug)]
struct Deaf;

impl Watched for Deaf {
    fn with<R>(look: impl FnOnce(&Failing<Strict>) -> R) -> R {
        Exact::with(look)
    }
}

// SAFETY: none, for what is said above.
unsafe impl Allocate for Deaf {
    fn allocate(&self, layout: Layout) -> core::result::Result<NonNull<u8>, AllocError> {
        Exact.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the parent looks at it.
        unsafe { Exact.deallocate(block, layout) }
    }

    unsafe fn resize(&self, _: NonNull<u8>, old: Layout, new: Layout) -> core::result::Result<(), AllocError> {
        if new.size() < old.size() { Ok(()) } else { Err(AllocError) }
    }
}

// SAFETY: as `Exact`.
unsafe impl Handle for Deaf {
    const HANDLE: Self = Self;
    const ALIGN: usize = 1;
}

/// Whether a panic is one that these inputs plan, and catch.
#[must_use]
pub fn is_planned(payload: &dyn core::any::Any) -> bool {
    payload.is::<Blown>()
}

fn when(u: &mut Unstructured<'_>) -> Result<When> {
    Ok(match u.int_in_range(0..=7)? {
        0 => When::Once(u.int_in_range(0..=20)?),
        1 => When::From(u.int_in_range(0..=20)?),
        2 => When::Every(u.int_in_range(1..=6)?),
        _ => When::Never,
    })
}

/// Runs `work`, in which one call of elements' code panics, if it comes so far.
fn with_panic(u: &mut Unstructured<'_>, work: impl FnOnce()) -> Result<bool> {
    Ok(panicking_at(u.int_in_range(0..=60)?, work))
}

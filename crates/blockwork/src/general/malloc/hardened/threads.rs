//! Threads that come and go, and processes that fork: as for the plain malloc, and
//! each heap has a quarantine.

use core::alloc::Layout;

use super::{Quarantine, empty_quarantine, fences::Fenced};
use crate::{alloc::Allocate, general::malloc::threads::threads, strategy::thread_heaps::ward};

threads!(furnish: furnish, clear: empty_quarantine);

/// Sees to it that `heap` has a quarantine, and that there are secrets.
fn furnish(heap: &Heap) -> Result<(), AllocError> {
    ward::prepare();
    if heap.annex().is_null() {
        let annex = Fenced.allocate(Layout::new::<Quarantine>())?;
        // SAFETY: just allocated for one, for good.
        unsafe { Quarantine::make(annex.cast(), heap) }
        heap.set_annex(annex);
    }
    Ok(())
}

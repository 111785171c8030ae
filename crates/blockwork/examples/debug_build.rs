//! A heap that is checked in debug builds and plain in others: one alias decides,
//! and whoever uses the heap does not know.
//!
//! ```text
//! debug    Text ─► Checked: fences, fill, quarantine, who asked ─► Segregate ─► slabs, System
//! release  Text ────────────────────────────────────────────────► Segregate ─► slabs, System
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::{alloc::Layout, error::Error, ptr::NonNull};

use blockwork::{
    AllocError, Allocate, Backtraces, Below, CallSites, Checked, ConfigError, Const, DamageKind, MisuseKind, Quad,
    Report, Scrutiny, Segregate, SizeClasses, SlabHead, SlabPolicy, System, Tally, UpTo,
};

pub(crate) type Plain = Segregate<UpTo<1024>, SizeClasses<Quad<1024>, SlabHead<Const<65536>>, System>, System>;
pub(crate) type Watched<R, S = Backtraces> = Checked<Plain, R, Below, S>;

#[cfg(debug_assertions)]
type Heap = Watched<blockwork::Stop>;
#[cfg(not(debug_assertions))]
type Heap = Plain;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Plain>() == 1288 && size_of::<Watched<&Tally>>() == 1480, "docs/recipes.md says so");

pub(crate) fn plain() -> Result<Plain, ConfigError> {
    let small = SizeClasses::try_new(System, SlabPolicy { slab_size: Const, keep: 1 })?;
    Ok(Segregate::new(UpTo, small, System))
}

/// `sites` say who asked for what leaks.
pub(crate) fn watched<R: Report, S: CallSites>(report: R, sites: S) -> Result<Watched<R, S>, ConfigError> {
    Ok(Checked::with(plain()?, report, Below, sites, Scrutiny::FULL))
}

#[cfg(debug_assertions)]
fn heap() -> Result<Heap, ConfigError> {
    watched(blockwork::Stop, Backtraces::new())
}

#[cfg(not(debug_assertions))]
fn heap() -> Result<Heap, ConfigError> {
    plain()
}

/// A text that is made and freed by hand: where mistakes happen.
struct Text<'h, A: Allocate> {
    start: NonNull<u8>,
    layout: Layout,
    heap: &'h A,
}

impl<'h, A: Allocate> Text<'h, A> {
    fn new(text: &str, heap: &'h A) -> Result<Self, AllocError> {
        let layout = Layout::for_value(text);
        let start = heap.allocate(layout)?;
        // SAFETY: just allocated for so many bytes.
        unsafe { start.copy_from_nonoverlapping(NonNull::from(text).cast(), layout.size()) };
        Ok(Self { start, layout, heap })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: written by `new`, and ours.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.layout.size()).as_ref() }
    }
}

impl<A: Allocate> Drop for Text<'_, A> {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and not used again.
        unsafe { self.heap.deallocate(self.start, self.layout) };
    }
}

/// What C programs do wrong, done to a heap that is watched, where it harms nobody.
fn mistakes(heap: &Watched<&Tally>) -> Result<(), AllocError> {
    let text = Text::new("no room for a zero", heap)?;
    // SAFETY: wrong! One byte behind the text; it is the fence's.
    let behind = unsafe { text.start.add(text.layout.size()) };
    // SAFETY: the same.
    unsafe { behind.write(0) };
    let (start, layout) = (text.start, text.layout);
    drop(text);
    // SAFETY: wrong! It was freed.
    unsafe { heap.deallocate(start, layout) };
    Ok(())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    println!("state: {} bytes, watched {}", size_of::<Plain>(), size_of::<Watched<&Tally>>());
    let heap = heap()?;
    let text = Text::new("right in every build", &heap)?;
    println!("a text of {} bytes", text.bytes().len());

    let tally = Tally::new();
    mistakes(&watched(&tally, Backtraces::new())?)?;
    let (overruns, freed) = (tally.damages(DamageKind::Overrun), tally.misuses(MisuseKind::Freed));
    println!("found: {overruns} overrun, {freed} double free, {} leaks", tally.leaked());
    Ok(())
}

#[cfg(test)]
mod tests {
    use core::mem::ManuallyDrop;

    use super::*;

    #[test]
    fn mistakes_are_found_where_it_is_watched() {
        let tally = Tally::new();
        mistakes(&watched(&tally, Backtraces::new()).unwrap()).unwrap();
        assert_eq!((tally.damages(DamageKind::Overrun), tally.misuses(MisuseKind::Freed)), (1, 1));
        assert_eq!(tally.leaked(), 0);
    }

    #[test]
    fn a_leak_is_told_with_who_asked() {
        let tally = Tally::new();
        let heap = watched(&tally, Backtraces::new()).unwrap();
        let _forgotten = ManuallyDrop::new(Text::new("forgotten", &heap).unwrap());
        assert!(heap.live_blocks().to_string().contains("Text"), "{}", heap.live_blocks());
        drop(heap);
        assert_eq!(tally.leaked(), 1);
    }

    #[test]
    fn what_cannot_be_had_is_an_error_in_both() {
        let layout = Layout::from_size_align(isize::MAX as usize, 1).unwrap();
        assert_eq!(plain().unwrap().allocate(layout), Err(AllocError));
        let tally = Tally::new();
        assert_eq!(watched(&tally, Backtraces::new()).unwrap().allocate(layout), Err(AllocError));
    }
}

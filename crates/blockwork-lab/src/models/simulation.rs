//! [`play`]: plays steps through a model, and keeps the books.

use std::cell::Cell;

use super::Model;
use crate::replay::{
    books::{Books, Gauge, Measures},
    curve::Curve,
    driver::{Fault, Stop, Watch},
    step::{Act, Step},
};

/// The alignment of a plain `malloc` in a recording. What a model makes of that
/// is its own affair.
const PLAIN: u64 = 1 << blockwork::wire::MALLOC_ALIGN_LOG2;

/// A heap in a space of numbers.
pub trait Heap {
    /// A block of `size` bytes, which the heap may round up, at a multiple of
    /// `align`; `None` beyond all addresses.
    fn allocate(&mut self, size: u64, align: u64) -> Option<Extent>;

    /// Takes back a block.
    fn free(&mut self, block: Extent);

    /// The block made one of `size` bytes where it is; `None` if it has to move.
    fn resize(&mut self, block: Extent, size: u64) -> Option<Extent>;

    /// Bytes taken so far.
    fn held(&self) -> u64;

    /// How often some were taken.
    fn requests(&self) -> u64;
}

/// Where a block is, and how long, header and rounding included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its first byte.
    pub at: u64,
    /// Its bytes.
    pub len: u64,
}

impl Extent {
    /// The first byte behind it.
    pub const fn end(self) -> u64 {
        self.at.saturating_add(self.len)
    }
}

/// A block in its slot.
#[derive(Clone, Copy, Debug)]
struct Live {
    extent: Extent,
    /// What was asked for.
    size: usize,
}

/// What the heap holds, where the books can read it.
#[derive(Debug)]
struct Meter {
    held: Cell<u64>,
    header: u64,
}

impl Gauge for &Meter {
    fn held(&mut self, _: usize) -> u64 {
        self.held.get()
    }

    fn metadata(&mut self, blocks: u64) -> Option<u64> {
        Some(blocks.saturating_mul(self.header))
    }
}

/// Plays `steps` through `heap`, which is that of `model`.
///
/// # Errors
///
/// The step that makes no sense, or goes beyond all addresses.
pub fn play<H: Heap>(heap: H, model: Model, steps: &[Step], slots: usize, curve: Curve) -> Result<Measures, Stop> {
    let meter = &Meter { held: Cell::new(0), header: model.header };
    let books = Books::new(meter, curve, None);
    let mut stage = Stage { heap, model, meter, books };
    let mut blocks: Vec<Option<Live>> = vec![None; slots];
    for (step, call) in steps.iter().enumerate() {
        let stop = |fault| Stop { step, fault };
        let slot = blocks.get_mut(call.slot()).ok_or(stop(Fault::Nonsense))?;
        *slot = stage.step(*call, *slot).map_err(stop)?;
        stage.books.stepped(step);
    }
    let requests = stage.heap.requests();
    Ok(stage.books.close(Some(requests)))
}

/// A heap with its books.
#[derive(Debug)]
struct Stage<'a, H> {
    heap: H,
    model: Model,
    meter: &'a Meter,
    books: Books<&'a Meter>,
}

impl<H: Heap> Stage<'_, H> {
    /// What is in the slot afterwards.
    fn step(&mut self, call: Step, slot: Option<Live>) -> Result<Option<Live>, Fault> {
        match (call.act().ok_or(Fault::Nonsense)?, slot) {
            (Act::Allocate(layout, _), None) => self.begin(layout.size(), layout.align() as u64).map(Some),
            (Act::Reallocate(layout), Some(old)) => {
                let size = layout.size();
                if let Some(extent) = self.heap.resize(old.extent, self.with_header(size)) {
                    self.gave(old);
                    return Ok(Some(self.took(Live { extent, size })));
                }
                let new = self.begin(size, layout.align() as u64)?;
                self.end(old);
                Ok(Some(new))
            }
            (Act::Free, Some(old)) => {
                self.end(old);
                Ok(None)
            }
            _ => Err(Fault::Nonsense),
        }
    }

    fn begin(&mut self, size: usize, align: u64) -> Result<Live, Fault> {
        let align = if align > PLAIN { align } else { 1 };
        let extent = self.heap.allocate(self.with_header(size), align).ok_or(Fault::OutOfMemory(size))?;
        Ok(self.took(Live { extent, size }))
    }

    fn end(&mut self, live: Live) {
        self.heap.free(live.extent);
        self.gave(live);
    }

    /// A block of no bytes is a block all the same.
    const fn with_header(&self, size: usize) -> u64 {
        let size = if size == 0 { 1 } else { size as u64 };
        size.saturating_add(self.model.header)
    }

    fn took(&mut self, live: Live) -> Live {
        self.meter.held.set(self.heap.held());
        self.books.took(live.size, self.granted(live));
        live
    }

    fn gave(&mut self, live: Live) {
        self.meter.held.set(self.heap.held());
        self.books.gave(live.size, self.granted(live));
    }

    fn granted(&self, live: Live) -> usize {
        usize::try_from(live.extent.len.saturating_sub(self.model.header)).unwrap_or(usize::MAX)
    }
}

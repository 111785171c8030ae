//! An interpreter's heap: objects of all sizes, a limit like other runtimes have
//! it, and an exact count of what is live.
//!
//! ```text
//! value ─► Counted ─► Segregate ─ ≤ 512 bytes ─► SizeClasses: a slab of 64 KiB for each class ─┐
//!                          └───── larger ─────────────────────────────────────────────────────┴─► SpanPool
//!                                                            runs of 4 KiB blocks, 1 MiB at a time │
//!                                                                             Quota, 16 MiB ◄──────┘
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::error::Error;

use allocator_api2_02::{collections::TryReserveError, vec::Vec};
use blockwork::{
    Chain, ConfigError, Const, Counted, Pages, Quad, Quota, Segregate, SizeClasses, SlabHead, SlabPolicy, SpanPool,
    SpanPoolConfig, UpTo,
};

/// What both sides of the heap take their memory from.
pub(crate) type Spans = SpanPool<Quota<Pages, Const<{ 16 << 20 }>>>;
type Small<'s> = SizeClasses<Quad<512>, SlabHead<Const<65536>>, &'s Spans>;
pub(crate) type Heap<'s> = Counted<Segregate<UpTo<512>, Small<'s>, &'s Spans>>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Heap<'_>>() + size_of::<Spans>() == 3096, "docs/recipes.md says so");

pub(crate) fn spans() -> Result<Spans, ConfigError> {
    let chunks = SpanPoolConfig { block: 4096, backing_request: Some(1 << 20), ..SpanPoolConfig::DEFAULT };
    SpanPool::try_new(Pages.capped(Const), chunks)
}

pub(crate) fn heap(spans: &Spans) -> Result<Heap<'_>, ConfigError> {
    let small = SizeClasses::try_new(spans, SlabPolicy { slab_size: Const, keep: 1 })?;
    Ok(Segregate::new(UpTo, small, spans).counted())
}

/// Texts on a stack, and what can be done to them.
struct Machine<'h> {
    heap: &'h Heap<'h>,
    stack: Vec<Vec<u8, &'h Heap<'h>>, &'h Heap<'h>>,
}

/// What a script can do wrong.
#[derive(Debug)]
enum Fault {
    Underflow,
    Memory,
}

impl From<TryReserveError> for Fault {
    fn from(_: TryReserveError) -> Self {
        Self::Memory
    }
}

impl<'h> Machine<'h> {
    fn new(heap: &'h Heap<'h>) -> Self {
        Self { heap, stack: Vec::new_in(heap) }
    }

    fn push(&mut self, text: &[u8]) -> Result<(), Fault> {
        let mut copy = Vec::new_in(self.heap);
        copy.try_reserve_exact(text.len())?;
        copy.extend_from_slice(text);
        self.stack.try_reserve(1)?;
        self.stack.push(copy);
        Ok(())
    }

    /// `double` appends a text to itself, `drop` forgets it; all else is a text.
    fn run(&mut self, script: &str) -> Result<(), Fault> {
        for word in script.split_whitespace() {
            match word {
                "double" => {
                    let top = self.stack.last_mut().ok_or(Fault::Underflow)?;
                    let len = top.len();
                    top.try_reserve_exact(len)?;
                    top.extend_from_within(..);
                }
                "drop" => drop(self.stack.pop().ok_or(Fault::Underflow)?),
                text => self.push(text.as_bytes())?,
            }
        }
        Ok(())
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let spans = spans()?;
    let heap = heap(&spans)?;
    println!("state: {} bytes", size_of_val(&spans).saturating_add(size_of_val(&heap)));
    let mut machine = Machine::new(&heap);
    for script in ["a bb ccc", "drop double double", "drop drop drop", &format!("x {}", "double ".repeat(30)), "y"] {
        let outcome = machine.run(script);
        let counts = heap.counts();
        println!(
            "{outcome:?}: {} texts, {} bytes live, {} failures",
            machine.stack.len(),
            counts.bytes_live,
            counts.failures
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_needs_too_much_fails_and_the_machine_goes_on() {
        let spans = spans().unwrap();
        let heap = heap(&spans).unwrap();
        let mut machine = Machine::new(&heap);
        machine.run("a").unwrap();
        assert!(matches!(machine.run(&"double ".repeat(30)), Err(Fault::Memory)));
        machine.run("drop b c").unwrap();
        assert_eq!(machine.stack.len(), 2);
    }

    #[test]
    fn nothing_is_live_after_a_machine() {
        let spans = spans().unwrap();
        let heap = heap(&spans).unwrap();
        Machine::new(&heap).run("a double bb ccc double drop").unwrap();
        assert_eq!(heap.counts().bytes_live, 0);
    }
}

//! [`Session`]: one part at work, every step compared with the model.

use core::{
    alloc::Layout,
    cell::{Cell, RefCell},
    ptr::NonNull,
};

use heap::{boxed::Box, format, string::String, vec::Vec};

use super::{
    bytes,
    law::{Law, Violation},
    model::Model,
    ops::{Op, Pick, SLOTS, with_size},
    send_sync::Shared,
    strict::Strict,
    subject::{Home, Parent, Subject, Tested},
};
use crate::alloc::{Allocate, can_resize};

/// A block that the session holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) block: NonNull<u8>,
    /// What it was asked for with, or resized to.
    pub(super) layout: Layout,
}

/// Where a session takes place.
#[derive(Clone, Copy)]
pub(super) struct Ground<'s> {
    /// Under everything.
    pub(super) strict: &'s Strict,
    /// Memory lent to parts that borrow a region.
    pub(super) regions: &'s Strict,
    /// Whether blocks may also lie elsewhere.
    pub(super) own_memory: bool,
    /// Whether nobody but the session uses the strict parent meanwhile, so
    /// that an error must leave it as it was.
    pub(super) alone: bool,
}

/// One part, its blocks and their model.
pub(super) struct Session<'s, 'p> {
    part: Box<dyn Subject + 'p>,
    /// Where the part was before.
    homes: Vec<Box<dyn Home + 'p>>,
    ground: Ground<'s>,
    model: RefCell<Model>,
    slots: RefCell<Vec<Option<Held>>>,
    served: Cell<usize>,
}

pub(super) type Verdict<T = ()> = Result<T, Violation>;

pub(super) fn broken<T>(law: Law, detail: String) -> Verdict<T> {
    Err(Violation::new(law, detail))
}

/// A layout in words.
pub(super) fn words(layout: Layout) -> String {
    format!("{} @ {}", layout.size(), layout.align())
}

impl<'s, 'p> Session<'s, 'p> {
    pub(super) fn new(part: Box<dyn Subject + 'p>, ground: Ground<'s>) -> Self {
        let slots = RefCell::new([None; SLOTS].to_vec());
        Self { part, homes: Vec::new(), ground, model: RefCell::default(), slots, served: Cell::new(0) }
    }

    pub(super) fn part(&self) -> &dyn Subject {
        &*self.part
    }

    /// Requests for memory that succeeded so far.
    pub(super) const fn served(&self) -> usize {
        self.served.get()
    }

    /// Performs one operation and audits the part; whether it was served.
    pub(super) fn step(&mut self, op: &Op) -> Verdict<bool> {
        match op {
            Op::Relocate => self.relocate(),
            Op::Reset => {
                self.reset()?;
            }
            _ => {
                let served = self.act(op)?;
                return self.count().map(|()| served);
            }
        }
        self.audit()?;
        self.count().map(|()| true)
    }

    /// Compares what the part has out with what is live. Nobody is in a call.
    fn count(&self) -> Verdict {
        let live = self.model.borrow().len();
        match self.part.blocks_out() {
            Some(out) if out != live => {
                broken(Law::Books, format!("{live} blocks are live, but the part has {out} out"))
            }
            _ => Ok(()),
        }
    }

    /// Performs one operation that needs no exclusive access.
    pub(super) fn act(&self, op: &Op) -> Verdict<bool> {
        let served = match *op {
            Op::Allocate { slot, layout, zeroed } => {
                self.free(slot, Pick(0))?;
                self.fill(slot, layout, zeroed)?
            }
            Op::Free { slot, pick } => {
                self.free(slot, pick)?;
                true
            }
            Op::Resize { slot, pick, size } => self.resize_slot(slot, pick, size)?,
            Op::Move { slot, pick, layout } => {
                let before = self.take(slot);
                let served = self.fill(slot, layout, false)?;
                match before {
                    Some(held) if served => self.give_back(held, pick)?,
                    Some(held) => self.put(slot, held),
                    None => {}
                }
                served
            }
            Op::Relocate | Op::Reset => true,
        };
        if !served {
            self.model.borrow().verify()?;
        }
        Ok(served)
    }

    /// Walks the part's books and looks at what the parents have to say: after
    /// every single call of the part.
    pub(super) fn audit(&self) -> Verdict {
        let books = self.part.check();
        if let Some(fault) = self.ground.strict.first_fault().or_else(|| self.ground.regions.first_fault()) {
            return broken(Law::Layouts, format!("its parent saw that it {fault}"));
        }
        books.or_else(|rule| broken(Law::Books, rule.into()))
    }

    /// Frees every block, in the order of the slots.
    pub(super) fn free_all(&self) -> Verdict {
        (0..SLOTS).try_for_each(|slot| self.free(slot, Pick(u8::try_from(slot).unwrap_or(0))))
    }

    /// Resets the part, where it can be; whether it can.
    pub(super) fn reset(&mut self) -> Verdict<bool> {
        self.model.borrow().verify()?;
        let can = self.part.try_reset();
        if can {
            self.model.borrow_mut().clear();
            self.slots.borrow_mut().fill(None);
        }
        self.audit().map(|()| can)
    }

    fn relocate(&mut self) {
        // Stands in while the part is on its way.
        let nobody: Box<dyn Subject + 'p> = Tested::new(Shared::NEW).boxed();
        let (part, home) = core::mem::replace(&mut self.part, nobody).relocate();
        self.part = part;
        self.homes.push(home);
    }

    fn take(&self, slot: usize) -> Option<Held> {
        self.slots.borrow_mut().get_mut(slot).and_then(Option::take)
    }

    fn put(&self, slot: usize, held: Held) {
        if let Some(place) = self.slots.borrow_mut().get_mut(slot) {
            *place = Some(held);
        }
    }

    fn fill(&self, slot: usize, layout: Layout, zeroed: bool) -> Verdict<bool> {
        let held = self.obtain(layout, zeroed)?;
        if let Some(held) = held {
            self.put(slot, held);
        }
        Ok(held.is_some())
    }

    fn free(&self, slot: usize, pick: Pick) -> Verdict {
        self.take(slot).map_or(Ok(()), |held| self.give_back(held, pick))
    }

    /// Allocates, and checks everything there is to know about a fresh block.
    pub(super) fn obtain(&self, layout: Layout, zeroed: bool) -> Verdict<Option<Held>> {
        let before = self.parents_holdings();
        let result = if zeroed { self.part.allocate_zeroed(layout) } else { self.part.allocate(layout) };
        let Ok(block) = result else {
            let what = if zeroed { "allocate_zeroed" } else { "allocate" };
            self.unchanged(before, what, layout)?;
            return self.audit().map(|()| None);
        };
        let held = Held { block, layout };
        if layout.size() == 0 {
            self.admit_empty(held, before)?;
        } else {
            self.served.set(self.served.get().saturating_add(1));
            self.admit(held, zeroed)?;
        }
        self.audit().map(|()| Some(held))
    }

    fn admit_empty(&self, held: Held, before: (usize, usize)) -> Verdict {
        if !held.block.addr().get().is_multiple_of(held.layout.align()) {
            return broken(Law::Empty, format!("{:p} is not aligned for {}", held.block, words(held.layout)));
        }
        if self.ground.alone && self.parents_holdings() != before {
            return broken(Law::Empty, format!("{} changed what the parent holds", words(held.layout)));
        }
        Ok(())
    }

    fn admit(&self, held: Held, zeroed: bool) -> Verdict {
        let Held { block, layout } = held;
        let granted = self.part.granted(layout);
        self.is_inside(block, layout, granted)?;
        if zeroed {
            // SAFETY: a fresh block of `granted` bytes, inside initialised
            // memory of a parent, or zeroed as the part promises.
            if let Some(at) = unsafe { bytes::fill_differs(block, granted, 0) } {
                return broken(
                    Law::Zeroed,
                    format!("byte {at} of {granted} is not zero, asked for as {}", words(layout)),
                );
            }
        }
        // SAFETY: the part gave it for `layout`, so it has all that is granted.
        unsafe { self.model.borrow_mut().begin(block, layout, granted)? }
        self.is_its_own(held)
    }

    /// Frees a block, naming a size of its class.
    pub(super) fn give_back(&self, held: Held, pick: Pick) -> Verdict {
        if held.layout.size() != 0 {
            self.is_its_own(held)?;
            self.model.borrow_mut().end(held.block)?;
        }
        let named = pick.layout(&*self.part, held.layout);
        // SAFETY: live until now, from this part, and `named` is of its class.
        unsafe { self.part.deallocate(held.block, named) }
        self.audit()
    }

    fn resize_slot(&self, slot: usize, pick: Pick, size: usize) -> Verdict<bool> {
        let Some(held) = self.take(slot) else { return Ok(true) };
        let new = with_size(held.layout, size);
        let done = self.resize(held, pick, new)?;
        self.put(slot, if done { Held { layout: new, ..held } } else { held });
        Ok(done)
    }

    /// Resizes in place, or finds that the part rightly refuses.
    pub(super) fn resize(&self, held: Held, pick: Pick, new: Layout) -> Verdict<bool> {
        let done = self.try_resize(held, pick, new)?;
        self.audit().map(|()| done)
    }

    fn try_resize(&self, held: Held, pick: Pick, new: Layout) -> Verdict<bool> {
        let old = pick.layout(&*self.part, held.layout);
        let asked = || format!("resize from {} to {}", words(old), words(new));
        if !can_resize(old, new) {
            // SAFETY: the block is live, from this part, and `old` is of its class.
            let done = unsafe { self.part.resize(held.block, old, new) }.is_ok();
            return if done { broken(Law::Resize, asked()) } else { Ok(false) };
        }
        let (granted_old, granted_new) = (self.part.granted(old), self.part.granted(new));
        let before = self.parents_holdings();
        // What is given up may be somebody else's before `resize` returns.
        self.model.borrow_mut().narrow(held.block, granted_new)?;
        // SAFETY: the block is live, from this part, and `old` is of its class.
        let done = unsafe { self.part.resize(held.block, old, new) }.is_ok();
        if !done {
            self.model.borrow_mut().restore(held.block)?;
            self.unchanged(before, "resize", new)?;
            return if granted_old == granted_new {
                broken(Law::Class, format!("{} was refused, though both are granted {granted_new}", asked()))
            } else {
                Ok(false)
            };
        }
        self.is_inside(held.block, new, granted_new)?;
        let kept = old.size().min(new.size());
        // SAFETY: the part made the block fit `new`, so it has all that is granted.
        unsafe { self.model.borrow_mut().change(held.block, kept, granted_new)? }
        self.is_its_own(Held { layout: new, ..held })?;
        Ok(true)
    }

    /// What lies under the part now: blocks and bytes.
    fn parents_holdings(&self) -> (usize, usize) {
        (self.ground.strict.live_blocks(), self.ground.strict.live_bytes())
    }

    /// After an error, nothing has changed.
    fn unchanged(&self, before: (usize, usize), what: &str, layout: Layout) -> Verdict {
        let after = self.parents_holdings();
        if !self.ground.alone || before == after {
            return Ok(());
        }
        let (blocks, bytes) = before;
        broken(
            Law::Unchanged,
            format!(
                "{what} for {} failed; its parent held {blocks} blocks, {bytes} bytes, and now {} blocks, {} bytes",
                words(layout),
                after.0,
                after.1
            ),
        )
    }

    fn is_inside(&self, block: NonNull<u8>, layout: Layout, granted: usize) -> Verdict {
        let Ground { strict, regions, own_memory, .. } = self.ground;
        if granted < layout.size() {
            return broken(Law::Grants, format!("{} is granted {granted}", words(layout)));
        }
        if own_memory || strict.contains(block, granted) || regions.contains(block, granted) {
            return Ok(());
        }
        broken(
            Law::Blocks,
            format!("{block:p} of {granted} bytes, asked for as {}, is not inside its parent's memory", words(layout)),
        )
    }

    fn is_its_own(&self, held: Held) -> Verdict {
        match self.part.is_own(held.block, held.layout) {
            Some(false) => {
                broken(Law::Ownership, format!("denies its own block {:p}, {}", held.block, words(held.layout)))
            }
            _ => Ok(()),
        }
    }
}

/// A part over a part over … over a parent.
pub(super) type Layer = dyn for<'a> Fn(Parent<'a>) -> Box<dyn Subject + 'a>;

/// Builds `layers`, the first one at the bottom, and gives the top to `body`.
/// When this returns, all of them are dropped.
pub(super) fn stack(
    layers: &[heap::rc::Rc<Layer>],
    parent: Parent<'_>,
    body: &mut dyn for<'p> FnMut(Box<dyn Subject + 'p>) -> Verdict,
) -> Verdict {
    match layers {
        [] => Ok(()),
        [top] => body(top(parent)),
        [bottom, rest @ ..] => {
            let below = bottom(parent);
            stack(rest, Parent::new(&below, parent.regions()), body)
        }
    }
}

//! The gate that every event passes on its way to a [`Sink`].

use blockwork::wire::Event;

use super::{Damage, Kind, Op, Said, Sink, Totals, sites::Frame};

/// No alignment beyond an address space.
const ALIGN_LOG2_MAX: u8 = 47;
const SIZE_MAX: u64 = isize::MAX.cast_unsigned() as u64;

/// Turns events on slots into operations, and refuses those that contradict
/// what came before: a replayer must be able to trust them with real memory.
#[derive(Debug)]
pub struct Checker<'a, S> {
    sink: &'a mut S,
    totals: Totals,
    /// Which slots of this image are in use.
    live: Vec<bool>,
    /// Who calls.
    thread: u64,
    /// Threads of this image so far.
    threads: u64,
    /// Frames so far, of all images.
    frames: u64,
    /// Events so far, to say which is wrong.
    events: u64,
}

impl<'a, S: Sink> Checker<'a, S> {
    /// Passes on to `sink`.
    pub fn new(sink: &'a mut S) -> Self {
        Self { sink, totals: Totals::default(), live: Vec::new(), thread: 0, threads: 1, frames: 0, events: 0 }
    }

    /// What has passed.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// Thread 0 calls and nobody knows from where, until said otherwise.
    pub fn begin_part(&mut self) {
        self.thread = 0;
        self.sink.said(Said::Stack(0));
    }

    /// Names of places.
    pub fn names(&mut self, first: usize, names: &[Vec<Frame>]) {
        self.sink.said(Said::Names(first, names));
    }

    /// Checks `event` and passes it on.
    pub fn push(&mut self, event: &Event<'_>) -> Result<(), Damage> {
        self.events += 1;
        self.check(event).map_err(|what| Damage::Inconsistent { event: self.events, what })
    }

    fn check(&mut self, event: &Event<'_>) -> Result<(), &'static str> {
        match *event {
            Event::Allocate { name, size, align_log2, zeroed } => {
                if align_log2 > ALIGN_LOG2_MAX {
                    return Err("asks for an impossible alignment");
                }
                let slot = self.begin(name)?;
                self.pass(if zeroed { Kind::AllocateZeroed } else { Kind::Allocate }, slot, size, align_log2)
            }
            Event::Free { name } => {
                let slot = self.find(name)?;
                self.live[slot as usize] = false;
                self.pass(Kind::Free, slot, 0, 0)
            }
            Event::Reallocate { name, size } => {
                let slot = self.find(name)?;
                self.pass(Kind::Reallocate, slot, size, blockwork::wire::MALLOC_ALIGN_LOG2)
            }
            Event::Stray { double } => {
                self.totals.count_stray(double);
                self.sink.stray(double);
                Ok(())
            }
            Event::Thread { index } => {
                if index > self.threads {
                    return Err("is of a thread that comes too early");
                }
                self.threads = self.threads.max(index + 1);
                self.thread = index;
                Ok(())
            }
            Event::Image { path } => {
                self.live.clear();
                (self.thread, self.threads) = (0, 1);
                self.sink.image(path);
                Ok(())
            }
            Event::Stack { index } => {
                let stack = self.frame(index)?;
                self.sink.said(Said::Stack(stack));
                Ok(())
            }
            Event::Frame { parent, address } => {
                let parent = self.frame(parent)?;
                self.frames += 1;
                self.frame(self.frames)?;
                self.sink.said(Said::Node(parent, address));
                Ok(())
            }
            Event::Module { start, length, offset, path } => {
                self.sink.said(Said::Module(start, length, offset, path));
                Ok(())
            }
            Event::ReallocateBegin { .. } | Event::ReallocateEnd { .. } | Event::ReallocateFailed => {
                Err("belongs into a spool")
            }
        }
    }

    /// Takes a slot: a free one, or the next that was never used.
    fn begin(&mut self, name: u64) -> Result<u32, &'static str> {
        let slot = u32::try_from(name).map_err(|_| "names an impossible slot")?;
        let used = self.live.len();
        match self.live.get_mut(slot as usize) {
            Some(true) => return Err("allocates a block that is live"),
            Some(free) => *free = true,
            None if slot as usize == used && slot < u32::MAX => self.live.push(true),
            None => return Err("names a slot that comes too early"),
        }
        Ok(slot)
    }

    fn find(&self, name: u64) -> Result<u32, &'static str> {
        let slot = u32::try_from(name).map_err(|_| "names an impossible slot")?;
        if self.live.get(slot as usize) == Some(&true) { Ok(slot) } else { Err("names a block that is not live") }
    }

    /// The number of a frame that is there, or of none.
    fn frame(&self, number: u64) -> Result<u32, &'static str> {
        if number > self.frames {
            return Err("names a frame that comes too early");
        }
        u32::try_from(number).map_err(|_| "names an impossible frame")
    }

    fn pass(&mut self, kind: Kind, slot: u32, size: u64, align_log2: u8) -> Result<(), &'static str> {
        if size > SIZE_MAX {
            return Err("asks for an impossible size");
        }
        self.totals.count(kind);
        let thread = u16::try_from(self.thread).unwrap_or(u16::MAX);
        self.sink.op(Op { size, slot, thread, kind, align_log2 });
        Ok(())
    }
}

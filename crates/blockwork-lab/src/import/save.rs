//! [`Save`]: what is read, written as a recording of this command's own.

use std::{
    io::{self, Write},
    mem,
};

use blockwork::wire::Event;

use crate::trace::{Kind, Op, Said, Sink, Summary, Writer, base_name, sites::Frame};

/// Writes all that it is told.
#[derive(Debug)]
pub struct Save<W> {
    output: Output<W>,
    /// What is recorded, if it does not say.
    name: String,
    thread: u16,
    /// The highest of this image that was told of.
    threads: u16,
    stack: u32,
    /// Nodes so far; there are no more places.
    nodes: usize,
    /// The functions at each place, which are written at the end.
    names: Vec<Vec<Frame>>,
    /// Why nothing is written any more.
    failed: Option<io::Error>,
}

/// A recording begins with the name of the program, which comes with its image.
#[derive(Debug)]
enum Output<W> {
    Waiting(W),
    Writing(Writer<W>),
    Failed,
}

impl<W: Write> Output<W> {
    fn writer(&mut self, program: impl FnOnce() -> String) -> io::Result<&mut Writer<W>> {
        if let Self::Waiting(_) = self
            && let Self::Waiting(output) = mem::replace(self, Self::Failed)
        {
            *self = Self::Writing(Writer::new(output, &program())?);
        }
        match self {
            Self::Writing(writer) => Ok(writer),
            _ => Err(io::Error::other("the recording could not be begun")),
        }
    }
}

impl<W: Write> Save<W> {
    /// Writes to `output`; `name` is what is recorded if that does not say.
    pub fn new(output: W, name: &str) -> Self {
        Self {
            output: Output::Waiting(output),
            name: name.into(),
            thread: 0,
            threads: 0,
            stack: 0,
            nodes: 0,
            names: Vec::new(),
            failed: None,
        }
    }

    /// Ends the recording.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    pub fn finish(mut self, summary: Summary) -> io::Result<(W, Summary)> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.output.writer(|| self.name)?;
        match self.output {
            Output::Writing(mut writer) => {
                writer.name(&self.names)?;
                writer.finish(summary)
            }
            _ => Err(io::Error::other("the recording could not be begun")),
        }
    }

    fn put(&mut self, event: &Event<'_>) {
        if self.failed.is_some() {
            return;
        }
        let program = || match event {
            Event::Image { path } if !path.is_empty() => base_name(path),
            _ => self.name.clone(),
        };
        self.failed = self.output.writer(program).and_then(|writer| writer.push(event)).err();
    }
}

impl<W: Write> Sink for Save<W> {
    fn image(&mut self, path: &[u8]) {
        (self.thread, self.threads, self.stack) = (0, 0, 0);
        self.put(&Event::Image { path });
    }

    fn op(&mut self, op: Op) {
        // Some have called nothing; a recording has them all, in order.
        while self.threads + 1 < op.thread {
            self.threads += 1;
            self.put(&Event::Thread { index: self.threads.into() });
        }
        self.threads = self.threads.max(op.thread);
        if op.thread != self.thread {
            self.thread = op.thread;
            self.put(&Event::Thread { index: op.thread.into() });
        }
        let Op { size, slot, align_log2, .. } = op;
        let name = slot.into();
        self.put(&match op.kind {
            Kind::Allocate => Event::Allocate { name, size, align_log2, zeroed: false },
            Kind::AllocateZeroed => Event::Allocate { name, size, align_log2, zeroed: true },
            Kind::Free => Event::Free { name },
            Kind::Reallocate => Event::Reallocate { name, size },
        });
    }

    fn stray(&mut self, double: bool) {
        self.put(&Event::Stray { double });
    }

    fn said(&mut self, said: Said<'_>) {
        match said {
            // What is so anyway is not said before there is anything.
            Said::Stack(stack) if stack == self.stack => {}
            Said::Stack(stack) => {
                self.stack = stack;
                self.put(&Event::Stack { index: stack.into() });
            }
            Said::Node(parent, address) => {
                self.nodes += 1;
                self.put(&Event::Frame { parent: parent.into(), address });
            }
            Said::Module(start, length, offset, path) => self.put(&Event::Module { start, length, offset, path }),
            // Of what is no place.
            Said::Names(first, _) if first > self.nodes => {}
            Said::Names(first, places) => {
                self.names.truncate(first);
                self.names.resize(first, Vec::new());
                self.names.extend_from_slice(places);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        shipped,
        trace::{self, Trace},
    };

    #[test]
    fn what_is_saved_reads_as_what_it_was() {
        for shipped in shipped::ALL {
            let mut save = Save::new(Vec::new(), "unnamed");
            let ending = trace::read(shipped.bytes, &mut save).unwrap();
            let (file, _) = save.finish(ending.summary.unwrap()).unwrap();
            let (before, after) = (Trace::load(shipped.bytes).unwrap(), Trace::load(file.as_slice()).unwrap());
            assert!(before.ops == after.ops && before.images == after.images && after.damage.is_none());
            assert!(after.name.starts_with(&before.name), "{}", after.name);
            assert_eq!((before.tally.totals(), before.slots), (after.tally.totals(), after.slots));
        }
    }

    #[test]
    fn threads_that_call_nothing_are_told_of() {
        let mut save = Save::new(Vec::new(), "x");
        let op = |slot, thread| Op { size: 8, slot, thread, kind: Kind::Allocate, align_log2: 4 };
        let ops = [op(0, 0), op(1, 3), op(2, 1), op(3, 4), op(4, 9)];
        ops.iter().for_each(|&op| save.op(op));
        let (file, _) = save.finish(Summary::default()).unwrap();
        let read = Trace::load(file.as_slice()).unwrap();
        assert_eq!((read.damage, read.ops.as_slice()), (None, ops.as_slice()));
    }

    #[test]
    fn names_of_what_is_no_place_take_no_memory() {
        let mut save = Save::new(Vec::new(), "x");
        save.said(Said::Names(usize::MAX, &[vec![Frame::default()]]));
        save.said(Said::Names(1 << 40, &[]));
        let (file, _) = save.finish(Summary::default()).unwrap();
        assert_eq!(Trace::load(file.as_slice()).unwrap().damage, None);
    }

    #[test]
    fn a_full_disk_is_said_at_the_end() {
        let mut room = [0; 100];
        let mut save = Save::new(room.as_mut_slice(), "x");
        trace::read(shipped::ALL[0].bytes, &mut save).unwrap();
        assert_eq!(save.finish(Summary::default()).unwrap_err().kind(), io::ErrorKind::WriteZero);
    }
}

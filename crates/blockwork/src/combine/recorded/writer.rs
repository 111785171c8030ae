//! The end of a spool, mapped a window at a time: what events are appended to.
//!
//! ```text
//! append(event) ─► lock ─► on? ─► room? ─ no ─► next window, or stop
//!                                  └─ yes ─► encode ─► committed += n ─► unlock
//! ```
//!
//! **What must never happen**: that a program fares differently for being
//! recorded. So nothing here allocates, prints, unwinds, sets `errno`, waits
//! without end, or writes to pages that the disk has no room for. What goes
//! wrong is written into the header, and the program goes on unrecorded.
//!
//! **Order.** One lock gives one order. A free is recorded before the block is
//! given back and an allocation after it was given, so whoever gets the address
//! next comes later in the file.
//!
//! **Death.** An event counts once `committed` covers it, and both are in the
//! system's hands by then: a killed process loses nothing.
//!
//! **Fork.** A writer lives on memory that the system zeroes in a forked child,
//! however it was forked. All zeroes are a writer that is off.
//!
//! **Signals.** A handler that allocates while its own thread is writing an
//! event finds the lock its own; that event is counted as lost.

use core::{cell::UnsafeCell, ptr, slice};

use super::{
    atomic::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
    layout::{EVENTS, Header, Stop},
    sys::{self, Errno, File, OnFork},
    wire::{Encoder, Event, Full, LONGEST, LONGEST_BESIDE_PATH},
};

/// Room for one event and the change of thread before it.
const ROOM: usize = 2 * LONGEST;
/// The first window: some 250,000 events, which is all that many a program
/// needs. Those that lock themselves into a sandbox may not ask for another.
const WINDOW_MIN: usize = 1 << 20;
/// Windows double until here.
const WINDOW_MAX: usize = 8 << 20;
/// The longest path the system knows, with its zero.
pub(super) const PATH_MAX: usize = 4096;

/// Events are wanted.
const ON: u32 = 1;
/// No longer. Zero is: not yet, or never.
const STOPPED: u32 = 2;

/// How the file is reached when the next window is due.
pub(super) trait Reach {
    /// Opens it once more.
    fn file(&self) -> Result<File, Errno>;
}

/// All state of a recording. Every field may be zero: that is how a forked
/// child finds it.
pub(super) struct Writer<R> {
    /// `ON` while events are wanted.
    on: AtomicU32,
    /// The slot of the thread that is writing, or 0.
    lock: AtomicU32,
    header: *const Header,
    /// The file, by device and inode, to know it when it is opened again.
    identity: [u64; 2],
    reach: R,
    /// Touched only by the holder of `lock`.
    stream: UnsafeCell<Stream>,
}

// SAFETY: `stream` is guarded by `lock`, `header` points to atomics in memory
// that outlives this, and the rest is never written again.
unsafe impl<R: Sync> Sync for Writer<R> {}

/// The end of the events, mapped.
struct Stream {
    window: *mut u8,
    length: usize,
    /// Where the window begins in the file.
    offset: usize,
    /// Where the next event goes in the window.
    at: usize,
    /// The thread that the last event was of.
    thread: u32,
    encoder: Encoder,
}

/// Threads of this process that were given a slot.
static THREADS: AtomicU32 = AtomicU32::new(0);

impl<R: Reach> Writer<R> {
    /// A writer that is off.
    ///
    /// `header` is null, and this is never begun; or it points to a header that
    /// stays mapped as long as the writer is used.
    pub(super) const fn new(reach: R, header: *const Header, identity: [u64; 2]) -> Self {
        let stream =
            Stream { window: ptr::null_mut(), length: 0, offset: 0, at: 0, thread: 0, encoder: Encoder::new() };
        let (on, lock) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { on, lock, header, identity, reach, stream: UnsafeCell::new(stream) }
    }

    /// Whether events are wanted.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        // Acquire: why it is off; pairs with Release in `stop`.
        self.on.load(Acquire) == ON
    }

    /// Whether events were wanted once, of this very process.
    pub(super) fn is_stopped(&self) -> bool {
        self.on.load(Acquire) == STOPPED // pairs with Release in `stop`
    }

    /// Goes on where the spool ends: with an image of the program at `path`.
    ///
    /// # Safety
    ///
    /// - The header is not null, and nobody else knows this writer yet.
    pub(super) unsafe fn begin(&self, path: &[u8]) {
        // SAFETY: nobody else knows this writer yet, says the caller.
        let stream = unsafe { &mut *self.stream.get() };
        let committed = self.header().committed.load(Acquire); // pairs with Release in `commit`
        stream.offset = usize::try_from(EVENTS.wrapping_add(committed)).unwrap_or(usize::MAX);
        self.on.store(ON, Relaxed);
        if self.slide(stream, PATH_MAX.wrapping_add(ROOM)) && stream.put(&Event::Image { path }).is_ok() {
            self.commit(stream);
        }
    }

    const fn header(&self) -> &Header {
        // SAFETY: mapped, for all who are not null are begun, and only those
        // are on.
        unsafe { &*self.header }
    }

    /// Writes `event` down. The writer was on a moment ago.
    #[inline]
    pub(super) fn append(&self, event: &Event<'_>) {
        self.with_stream(|stream, thread| {
            if self.on.load(Relaxed) == ON && self.write(stream, thread, event).is_err() {
                self.stop(Stop::NoAccess, Errno(0));
            }
        });
    }

    /// The same, and before it what `before` writes down.
    #[inline]
    pub(super) fn append_with(&self, event: &Event<'_>, before: impl FnOnce(&mut Pen<'_, R>)) {
        self.with_stream(|stream, thread| {
            if self.on.load(Relaxed) != ON {
                return;
            }
            before(&mut Pen { writer: self, stream });
            if self.on.load(Relaxed) == ON && self.write(stream, thread, event).is_err() {
                self.stop(Stop::NoAccess, Errno(0));
            }
        });
    }

    /// Ends the recording because its owner wants that; the end of the file is
    /// what it returns. `None` if it is over already, or the lock is not to be
    /// had.
    pub(super) fn finish(&self) -> Option<u64> {
        let mut end = None;
        self.with_stream(|stream, _| {
            if self.on.load(Relaxed) == ON {
                self.on.store(STOPPED, Release); // pairs with Acquire in `is_on`
                end = Some(stream.offset.wrapping_add(stream.at) as u64);
            }
        });
        end
    }

    /// Gives the window back.
    ///
    /// # Safety
    ///
    /// - Nobody else uses this writer any more.
    pub(super) unsafe fn unmap(&mut self) {
        let stream = self.stream.get_mut();
        if stream.length != 0 {
            // SAFETY: mapped by us, and only the stream knows it.
            unsafe { sys::unmap(stream.window, stream.length) };
            stream.length = 0;
        }
    }

    /// Runs `run` with the lock held and the number of this thread, or not at
    /// all.
    #[inline]
    fn with_stream(&self, run: impl FnOnce(&mut Stream, u32)) {
        let mut slot = sys::thread_slot();
        if slot == 0 {
            slot = number_thread();
        }
        // Acquire: the stream as its last writer left it; pairs with Release below.
        if self.lock.compare_exchange(0, slot, Acquire, Relaxed).is_err() && !self.wait_for_lock(slot) {
            return;
        }
        // SAFETY: the lock is ours.
        run(unsafe { &mut *self.stream.get() }, slot.wrapping_sub(1));
        self.lock.store(0, Release); // pairs with Acquire above and in `wait_for_lock`
    }

    /// Writes the event and counts it in; nothing if there is no room left.
    #[inline]
    fn write(&self, stream: &mut Stream, thread: u32, event: &Event<'_>) -> Result<(), Full> {
        if stream.length.wrapping_sub(stream.at) < ROOM && !self.slide(stream, ROOM) {
            return Ok(());
        }
        if stream.thread != thread {
            stream.put(&Event::Thread { index: thread.into() })?;
            stream.thread = thread;
        }
        stream.put(event)?;
        self.commit(stream);
        Ok(())
    }

    #[inline]
    fn commit(&self, stream: &Stream) {
        let end = stream.offset.wrapping_add(stream.at) as u64;
        // Release: whoever reads while we write sees the events first.
        self.header().committed.store(end.wrapping_sub(EVENTS), Release);
    }

    /// Waits for another thread to finish its event. `false` if there is none
    /// to wait for: the thread itself holds the lock, or nobody lets go of it.
    #[cold]
    fn wait_for_lock(&self, slot: u32) -> bool {
        const SPINS: u32 = 100;
        const YIELDS: u32 = 1000;
        const SLEEPS: u32 = 100_000; // of 0.1 ms and more: ten seconds at least
        for round in 0..SPINS + YIELDS + SLEEPS {
            let holder = self.lock.load(Relaxed);
            if holder == slot {
                self.header().lost.fetch_add(1, Relaxed);
                return false;
            }
            if self.on.load(Relaxed) != ON {
                return false;
            }
            // Acquire: as in `with_stream`.
            if holder == 0 && self.lock.compare_exchange(0, slot, Acquire, Relaxed).is_ok() {
                return true;
            }
            if round < SPINS {
                core::hint::spin_loop();
            } else if round < SPINS + YIELDS {
                sys::give_way();
            } else {
                sys::sleep();
            }
        }
        self.stop(Stop::Stuck, Errno(0));
        false
    }

    /// Ends the recording; the program goes on.
    #[cold]
    fn stop(&self, why: Stop, errno: Errno) {
        self.header().stopped.store(why.pack(errno.0), Relaxed);
        self.on.store(STOPPED, Release); // pairs with Acquire in `is_on`
    }

    /// Moves the window on so that `room` bytes fit. `false` if that is
    /// impossible.
    #[cold]
    fn slide(&self, stream: &mut Stream, room: usize) -> bool {
        match self.next_window(stream, room) {
            Ok(()) => true,
            Err((why, errno)) => {
                self.stop(why, errno);
                false
            }
        }
    }

    fn next_window(&self, stream: &mut Stream, room: usize) -> Result<(), (Stop, Errno)> {
        let no_access = |errno| (Stop::NoAccess, errno);
        let page = sys::page_size();
        let file = self.reach.file().map_err(no_access)?;
        if file.about().map_err(no_access)?.0 != self.identity {
            return Err(no_access(Errno(0)));
        }
        let end = stream.offset.wrapping_add(stream.at);
        let offset = end & !page.wrapping_sub(1);
        let least = end.wrapping_sub(offset).wrapping_add(room).next_multiple_of(page);
        let mut length = stream.length.wrapping_mul(2).clamp(WINDOW_MIN, WINDOW_MAX);
        loop {
            match reserve(&file, offset, length) {
                Ok(()) => break,
                // A smaller piece may still fit.
                Err((Stop::DiskFull | Stop::FileLimit, _)) if length > least => {
                    length = (length / 2).next_multiple_of(page).max(least);
                }
                Err(why) => return Err(why),
            }
        }
        let window = file.map(offset, length).map_err(no_access)?.as_ptr();
        // A child that forks has no business here; if this fails it still has
        // no writer.
        let _ = sys::on_fork(window, length, OnFork::Absent);
        if stream.length != 0 {
            // SAFETY: mapped by us, and only the stream knows it.
            unsafe { sys::unmap(stream.window, stream.length) };
        }
        stream.window = window;
        stream.length = length;
        stream.offset = offset;
        stream.at = end.wrapping_sub(offset);
        Ok(())
    }
}

#[cold]
fn number_thread() -> u32 {
    let slot = THREADS.fetch_add(1, Relaxed).wrapping_add(1);
    sys::set_thread_slot(slot);
    slot
}

/// Takes room on the disk, without the signal that a file limit sends.
fn reserve(file: &File, offset: usize, length: usize) -> Result<(), (Stop, Errno)> {
    let end = offset.wrapping_add(length);
    if end > sys::file_limit() {
        return Err((Stop::FileLimit, Errno::FBIG));
    }
    file.reserve(offset, end).map_err(|errno| match errno {
        Errno::NOSPC | Errno::DQUOT => (Stop::DiskFull, errno),
        Errno::FBIG => (Stop::FileLimit, errno),
        _ => (Stop::NoAccess, errno),
    })
}

/// Writes more than one event, which count together.
pub(super) struct Pen<'a, R> {
    writer: &'a Writer<R>,
    stream: &'a mut Stream,
}

impl<R: Reach> Pen<'_, R> {
    /// Writes `event` down; not, if the recording ends with that.
    pub(super) fn put(&mut self, event: &Event<'_>) {
        let Self { writer, stream } = self;
        let path = if let Event::Image { path } | Event::Module { path, .. } = event { path.len() } else { 0 };
        let room = path.wrapping_add(LONGEST_BESIDE_PATH);
        let fits = stream.length.wrapping_sub(stream.at) >= room || writer.slide(stream, room);
        if fits && writer.on.load(Relaxed) == ON && stream.put(event).is_err() {
            writer.stop(Stop::NoAccess, Errno(0));
        }
    }
}

impl Stream {
    #[inline]
    fn put(&mut self, event: &Event<'_>) -> Result<(), Full> {
        // SAFETY: within the window, as `at <= length`.
        let free = unsafe { self.window.add(self.at) };
        // SAFETY: mapped until it is replaced, to be written by the holder of
        // the lock only.
        let free = unsafe { slice::from_raw_parts_mut(free, self.length.wrapping_sub(self.at)) };
        let written = self.encoder.encode(event, free)?;
        self.at = self.at.wrapping_add(written);
        Ok(())
    }
}

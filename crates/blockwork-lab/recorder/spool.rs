//! The spool: a file, mapped a window at a time, that events are appended to.
//!
//! ```text
//! record(event) ─► on? ─ no ─► wake: first call starts, a forked child leaves
//!                   │
//!                  yes ─► lock ─► room? ─ no ─► next window, or stop
//!                                   └─ yes ─► encode ─► committed += n ─► unlock
//! ```
//!
//! **What must never happen**: that a program fares differently for being
//! recorded. So nothing here allocates, prints, unwinds, sets `errno`, waits
//! without end, keeps a file open, or writes to pages that the disk has no room
//! for. What goes wrong is written into the header, and the program goes on
//! unrecorded.
//!
//! **Order.** One lock gives one order. A free is recorded before the block is
//! given back and an allocation after it was given, so whoever gets the address
//! next comes later in the file.
//!
//! **Death.** An event counts once `committed` covers it, and both are in the
//! system's hands by then: a killed process loses nothing.
//!
//! **Fork.** The state lives on a page that the system zeroes in a forked child,
//! however it was forked. A zeroed state is off.
//!
//! **Exec.** The new image finds the spool by its environment variable, and
//! itself by its process id in the header. It goes on where the former ended.
//!
//! **Signals.** A handler that allocates while its own thread is writing an
//! event finds the lock its own; that event is counted as lost.

use core::{
    cell::UnsafeCell,
    ffi::{CStr, c_char},
    ptr::{self, NonNull},
    slice,
    sync::atomic::{
        AtomicPtr, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use super::{
    layout::{CHILDREN, EVENTS, HEADER, Header, MAGIC, Stop, VARIABLE, VERSION},
    sys::{self, Errno, File, OnFork, PAGE},
    wire::{Encoder, Event, LONGEST},
};

/// Room for one event and the change of thread before it.
const ROOM: usize = 2 * LONGEST;
/// The first window: some 250,000 events, which is all that many a program
/// needs. Those that lock themselves into a sandbox may not ask for another.
const WINDOW_MIN: usize = 1 << 20;
/// Windows double until here.
const WINDOW_MAX: usize = 8 << 20;
/// The longest path the system knows, with its zero.
const PATH_MAX: usize = 4096;

/// Appends `event`, if this process is being recorded.
#[inline]
pub fn record(event: Event<'_>) {
    // SAFETY: points to `IDLE` or to a page that stays for good.
    let mut spool = unsafe { &*SPOOL.load(Relaxed) };
    // Acquire: why it is off; pairs with Release in `stop`.
    if spool.on.load(Acquire) == 0 {
        if !wake() {
            return;
        }
        // SAFETY: as above.
        spool = unsafe { &*SPOOL.load(Acquire) }; // pairs with Release in `publish`
    }
    spool.append(&event);
}

/// Starts now rather than at the first event. That may have been: libraries
/// are initialised in an order of their own.
pub fn start() {
    if PHASE.load(Relaxed) == FRESH {
        wake();
    }
}

/// Where the events go: `IDLE`, or a page that forked children see zeroed.
static SPOOL: AtomicPtr<Spool> = AtomicPtr::new((&raw const IDLE).cast_mut());
/// What is known so far of this process.
static PHASE: AtomicU32 = AtomicU32::new(FRESH);
/// The mapped header, for forked children, whose spool is gone.
static INHERITED: AtomicPtr<Header> = AtomicPtr::new(ptr::null_mut());

const FRESH: u32 = 0;
const STARTING: u32 = 1;
const RECORDING: u32 = 2;
const OVER: u32 = 3;

/// The spool of a process that is not recorded, or not yet.
static IDLE: Spool = Spool::new(NonNull::dangling(), [0; 2]);

/// All state of a recording; at address zero of its own page.
struct Spool {
    /// Not 0 while events are wanted.
    on: AtomicU32,
    /// The slot of the thread that is writing, or 0.
    lock: AtomicU32,
    /// Threads so far.
    threads: AtomicU32,
    header: NonNull<Header>,
    /// The file, by device and inode, to know it when it is opened again.
    identity: [u64; 2],
    /// Touched only by the holder of `lock`.
    stream: UnsafeCell<Stream>,
}

// SAFETY: `stream` is guarded by `lock`, `header` points to atomics in memory
// that stays, and `identity` is never written again.
unsafe impl Sync for Spool {}

/// The end of the events, mapped.
struct Stream {
    window: NonNull<u8>,
    length: usize,
    /// Where the window begins in the file.
    offset: usize,
    /// Where the next event goes in the window.
    at: usize,
    /// The thread that the last event was of.
    thread: u32,
    encoder: Encoder,
}

impl Spool {
    const fn new(header: NonNull<Header>, identity: [u64; 2]) -> Self {
        let stream =
            Stream { window: NonNull::dangling(), length: 0, offset: 0, at: 0, thread: 0, encoder: Encoder::new() };
        Self {
            on: AtomicU32::new(0),
            lock: AtomicU32::new(0),
            threads: AtomicU32::new(0),
            header,
            identity,
            stream: UnsafeCell::new(stream),
        }
    }

    const fn header(&self) -> &Header {
        // SAFETY: mapped for good, unless this is `IDLE`, which is never on.
        unsafe { self.header.as_ref() }
    }

    #[inline]
    fn append(&self, event: &Event<'_>) {
        let mut slot = sys::thread_slot();
        if slot == 0 {
            slot = self.number_thread();
        }
        // Acquire: the stream as its last writer left it; pairs with Release in `unlock`.
        if self.lock.compare_exchange(0, slot, Acquire, Relaxed).is_err() && !self.wait_for_lock(slot) {
            return;
        }
        // SAFETY: the lock is ours.
        let stream = unsafe { &mut *self.stream.get() };
        if self.write(stream, slot.wrapping_sub(1), event).is_err() {
            self.stop(Stop::NoAccess, Errno(0));
        }
        self.unlock();
    }

    #[inline]
    fn unlock(&self) {
        self.lock.store(0, Release); // pairs with Acquire in `append` and `wait_for_lock`
    }

    /// Writes the event and counts it in; nothing if there is no room left.
    #[inline]
    fn write(&self, stream: &mut Stream, thread: u32, event: &Event<'_>) -> Result<(), super::wire::Full> {
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

    /// Begins a program image.
    fn write_image(&self) {
        let mut path = [0; PATH_MAX];
        let path = sys::executable(&mut path);
        // SAFETY: nobody else knows this spool yet.
        let stream = unsafe { &mut *self.stream.get() };
        if self.slide(stream, PATH_MAX + ROOM) && stream.put(&Event::Image { path }).is_ok() {
            self.commit(stream);
        }
    }

    #[cold]
    fn number_thread(&self) -> u32 {
        let slot = self.threads.fetch_add(1, Relaxed).wrapping_add(1);
        sys::set_thread_slot(slot);
        slot
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
            if self.on.load(Relaxed) == 0 {
                return false;
            }
            // Acquire: as in `append`.
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
        PHASE.store(OVER, Relaxed);
        self.on.store(0, Release); // pairs with Acquire in `record`
    }

    /// Moves the window on so that `room` bytes fit. `false` if that is
    /// impossible, or if recording ended while this thread waited for the lock.
    #[cold]
    fn slide(&self, stream: &mut Stream, room: usize) -> bool {
        if self.on.load(Relaxed) == 0 {
            return false;
        }
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
        let file = open_spool().map_err(no_access)?;
        if file.about().map_err(no_access)?.0 != self.identity {
            return Err(no_access(Errno(0)));
        }
        let end = stream.offset.wrapping_add(stream.at);
        let offset = end & !(PAGE - 1);
        let least = end.wrapping_sub(offset).wrapping_add(room).next_multiple_of(PAGE);
        let mut length = stream.length.wrapping_mul(2).clamp(WINDOW_MIN, WINDOW_MAX);
        loop {
            match reserve(&file, offset, length) {
                Ok(()) => break,
                // A smaller piece may still fit.
                Err((Stop::DiskFull | Stop::FileLimit, _)) if length > least => {
                    length = (length / 2).next_multiple_of(PAGE).max(least);
                }
                Err(why) => return Err(why),
            }
        }
        let window = file.map(offset, length).map_err(no_access)?;
        // A child that forks has no business here; if this fails it still has
        // no spool.
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

impl Stream {
    #[inline]
    fn put(&mut self, event: &Event<'_>) -> Result<(), super::wire::Full> {
        // SAFETY: within the window, as `at <= length`.
        let free = unsafe { self.window.add(self.at) };
        // SAFETY: mapped until it is replaced, to be written by the holder of
        // the lock only.
        let free = unsafe { slice::from_raw_parts_mut(free.as_ptr(), self.length.wrapping_sub(self.at)) };
        let written = self.encoder.encode(event, free)?;
        self.at = self.at.wrapping_add(written);
        Ok(())
    }
}

/// Finds out what this process is. `true` if it is being recorded now.
#[cold]
fn wake() -> bool {
    match PHASE.load(Relaxed) {
        OVER => false,
        // On a moment ago, and zeroed since: a forked child.
        RECORDING => {
            PHASE.store(OVER, Relaxed);
            SPOOL.store((&raw const IDLE).cast_mut(), Relaxed);
            // SAFETY: mapped before the phase became `RECORDING`, for good.
            if let Some(header) = unsafe { INHERITED.load(Relaxed).as_ref() } {
                register_child(header);
            }
            false
        }
        FRESH if PHASE.compare_exchange(FRESH, STARTING, Relaxed, Relaxed).is_ok() => {
            let phase = begin();
            if phase != RECORDING {
                PHASE.store(phase, Relaxed);
            }
            phase == RECORDING
        }
        _ => false,
    }
}

/// Opens the spool that the environment names. The result is the next phase.
fn begin() -> u32 {
    // SAFETY: the array that libc keeps, or null before it does.
    let Some(environment) = NonNull::new(unsafe { environ }.cast_mut()) else { return FRESH };
    // SAFETY: pointers to strings up to a null pointer; this early nobody
    // else changes them.
    if !unsafe { SPOOL_PATH.fill(environment) } {
        return OVER;
    }
    begin_at_path().unwrap_or(OVER)
}

/// Opens the spool, and begins an image if this process is to be recorded.
fn begin_at_path() -> Result<u32, Errno> {
    let file = open_spool()?;
    let (identity, size) = file.about()?;
    if size < EVENTS {
        return Ok(OVER); // something else by now: reading beyond its end would kill
    }
    let header = file.map(0, HEADER)?.cast::<Header>();
    // SAFETY: as large as a header, aligned to a page, and all bits are legal;
    // what others write to while we look is atomic.
    let fields = unsafe { header.as_ref() };
    if fields.magic != MAGIC || fields.version != VERSION {
        return Ok(OVER);
    }
    if fields.root.load(Relaxed) != sys::process() {
        register_child(fields);
        return Ok(OVER);
    }
    if fields.stopped.load(Relaxed) != 0 {
        return Ok(OVER);
    }
    let page = sys::map_anonymous(PAGE)?;
    if let Err(errno) = sys::on_fork(page, PAGE, OnFork::Zeroed) {
        fields.stopped.store(Stop::NoAccess.pack(errno.0), Relaxed);
        return Ok(OVER);
    }
    let spool = page.cast::<Spool>();
    // SAFETY: a page of our own, larger than a spool.
    unsafe { spool.write(Spool::new(header, identity)) };
    // SAFETY: just written, and mapped for good.
    publish(unsafe { spool.as_ref() });
    Ok(RECORDING)
}

/// Hands a new spool to all threads.
fn publish(spool: &'static Spool) {
    let committed = spool.header().committed.load(Acquire);
    // SAFETY: nobody else knows this spool yet.
    let stream = unsafe { &mut *spool.stream.get() };
    stream.offset = usize::try_from(EVENTS.wrapping_add(committed)).unwrap_or(usize::MAX);
    spool.on.store(1, Relaxed);
    spool.write_image();
    INHERITED.store(spool.header.as_ptr(), Relaxed);
    SPOOL.store(ptr::from_ref(spool).cast_mut(), Release); // pairs with Acquire in `record`
    if spool.on.load(Relaxed) != 0 {
        PHASE.store(RECORDING, Relaxed);
    }
}

/// Enters this process into the table of those that are skipped, once, under
/// the last of its names.
fn register_child(header: &Header) {
    let (pid, name) = (sys::process(), sys::name());
    let known = header.children.load(Relaxed) as usize;
    let mut entry = header.child.iter().take(known).find(|child| child.pid.load(Relaxed) == pid);
    if entry.is_none() {
        let number = header.children.fetch_add(1, Relaxed) as usize;
        entry = if number < CHILDREN { header.child.get(number) } else { None };
    }
    let Some(entry) = entry else { return };
    entry.pid.store(pid, Relaxed);
    for (place, letters) in entry.name.iter().zip(name) {
        place.store(letters, Relaxed);
    }
}

fn open_spool() -> Result<File, Errno> {
    // SAFETY: written once, before anything is opened.
    File::open(unsafe { SPOOL_PATH.get() })
}

unsafe extern "C" {
    /// The environment, as libc keeps it.
    static environ: *const *const c_char;
}

/// Where the spool is.
static SPOOL_PATH: SpoolPath = SpoolPath(UnsafeCell::new([0; PATH_MAX]));

struct SpoolPath(UnsafeCell<[u8; PATH_MAX]>);

// SAFETY: written by the one thread that got from `FRESH` to `STARTING`, read
// by it and by those that see what it published.
unsafe impl Sync for SpoolPath {}

impl SpoolPath {
    /// Copies the path from the environment; `false` if there is none.
    ///
    /// # Safety
    ///
    /// - `environment` is an array of strings that ends with a null pointer.
    /// - Nobody else calls this or `get` meanwhile.
    unsafe fn fill(&self, environment: NonNull<*const c_char>) -> bool {
        let mut entry = environment;
        loop {
            // SAFETY: not past the null pointer.
            let Some(string) = NonNull::new(unsafe { entry.read() }.cast_mut()) else { return false };
            // SAFETY: ends with a zero, as the caller says.
            let string = unsafe { CStr::from_ptr(string.as_ptr()) };
            let path = string.to_bytes_with_nul().strip_prefix(VARIABLE.as_bytes());
            if let Some(path) = path.and_then(|path| path.strip_prefix(b"=")) {
                // SAFETY: nobody else is here.
                let place = unsafe { &mut *self.0.get() };
                let Some(place) = place.get_mut(..path.len()) else { return false };
                place.copy_from_slice(path);
                return true;
            }
            // SAFETY: not past the null pointer either.
            entry = unsafe { entry.add(1) };
        }
    }

    /// # Safety
    ///
    /// Nobody calls `fill` meanwhile.
    unsafe fn get(&self) -> &CStr {
        // SAFETY: the caller's promise.
        let bytes = unsafe { &*self.0.get() };
        CStr::from_bytes_until_nul(bytes).unwrap_or_default()
    }
}

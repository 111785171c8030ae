//! The spool of this process: found by an environment variable, begun with the
//! first event, left alone by forked children.
//!
//! ```text
//! record(event) ─► on? ─ no ─► wake: first call starts, a forked child leaves
//!                   └─ yes ─► writer
//! ```
//!
//! How events are written, and what must never happen, says [`writer`](super::writer).
//!
//! **Fork.** The writer lives on a page that the system zeroes in a forked
//! child, and a zeroed writer is off.
//!
//! **Exec.** The new image finds the spool by its environment variable, and
//! itself by its process id in the header. It goes on where the former ended.

use core::{
    cell::UnsafeCell,
    ffi::{CStr, c_char},
    ptr::{self, NonNull},
    sync::atomic::{
        AtomicPtr, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use super::{
    layout::{EVENTS, HEADER, Header, MAGIC, Stop, VARIABLE, VERSION},
    sites,
    sys::{self, Errno, File, OnFork, PAGE},
    wire::Event,
    writer::{PATH_MAX, Reach, Writer},
};

/// Appends `event`, if this process is being recorded.
#[inline]
pub fn record(event: Event<'_>) {
    // SAFETY: points to `IDLE` or to a page that stays for good.
    let mut writer = unsafe { &*WRITER.load(Relaxed) };
    if !writer.is_on() {
        if !wake() {
            return;
        }
        // SAFETY: as above.
        writer = unsafe { &*WRITER.load(Acquire) }; // pairs with Release in `publish`
    }
    writer.append(&event);
}

/// The same, of a block that begins or changes its size: with its stack, if
/// that is wanted.
#[inline]
pub fn record_request(event: Event<'_>) {
    // SAFETY: points to `IDLE` or to a page that stays for good.
    let mut writer = unsafe { &*WRITER.load(Relaxed) };
    if !writer.is_on() {
        if !wake() {
            return;
        }
        // SAFETY: as above.
        writer = unsafe { &*WRITER.load(Acquire) }; // pairs with Release in `publish`
    }
    if sites::are_wanted() {
        sites::append(writer, &event);
    } else {
        writer.append(&event);
    }
}

/// Starts now rather than at the first event. That may have been: libraries
/// are initialised in an order of their own.
pub fn start() {
    if PHASE.load(Relaxed) == FRESH {
        wake();
    }
}

/// Where the events go: `IDLE`, or a page that forked children see zeroed.
static WRITER: AtomicPtr<Writer<ByPath>> = AtomicPtr::new((&raw const IDLE).cast_mut());
/// What is known so far of this process.
static PHASE: AtomicU32 = AtomicU32::new(FRESH);
/// The mapped header, for forked children, whose spool is gone.
static INHERITED: AtomicPtr<Header> = AtomicPtr::new(ptr::null_mut());

const FRESH: u32 = 0;
const STARTING: u32 = 1;
const RECORDING: u32 = 2;
const OVER: u32 = 3;

/// The writer of a process that is not recorded, or not yet.
static IDLE: Writer<ByPath> = Writer::new(ByPath, ptr::null(), [0; 2]);

/// The file that the environment names, opened when needed and never kept.
struct ByPath;

impl Reach for ByPath {
    fn file(&self) -> Result<File, Errno> {
        open_spool()
    }
}

/// Finds out what this process is. `true` if it is being recorded now.
#[cold]
fn wake() -> bool {
    // Acquire: the writer that came before; pairs with Release in `publish`.
    match PHASE.load(Acquire) {
        OVER => false,
        RECORDING => {
            // SAFETY: points to `IDLE` or to a page that stays for good.
            let writer = unsafe { &*WRITER.load(Acquire) };
            if writer.is_on() {
                return true; // begun by another thread a moment ago
            }
            PHASE.store(OVER, Relaxed);
            if !writer.is_stopped() {
                // Neither: zeroed since it began, in a forked child.
                WRITER.store((&raw const IDLE).cast_mut(), Relaxed);
                // SAFETY: mapped before the phase became `RECORDING`, for good.
                if let Some(header) = unsafe { INHERITED.load(Relaxed).as_ref() } {
                    header.enter_child(sys::process(), sys::name());
                }
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
        fields.enter_child(sys::process(), sys::name());
        return Ok(OVER);
    }
    if fields.stopped.load(Relaxed) != 0 {
        return Ok(OVER);
    }
    let page = sys::map_anonymous(PAGE)?;
    if let Err(errno) = sys::on_fork(page.as_ptr(), PAGE, OnFork::Zeroed) {
        fields.stopped.store(Stop::NoAccess.pack(errno.0), Relaxed);
        return Ok(OVER);
    }
    let stacks = fields.stacks.load(Relaxed) as usize;
    if stacks != 0
        && let Err(errno) = sites::start(stacks)
    {
        fields.stopped.store(Stop::NoAccess.pack(errno.0), Relaxed);
        return Ok(OVER);
    }
    let writer = page.cast::<Writer<ByPath>>();
    // SAFETY: a page of our own, larger than a writer.
    unsafe { writer.write(Writer::new(ByPath, header.as_ptr(), identity)) };
    // SAFETY: just written, and mapped for good.
    let writer = unsafe { writer.as_ref() };
    // SAFETY: new, and the header is mapped for good as well.
    unsafe { publish(writer, header) };
    Ok(RECORDING)
}

/// Hands a new writer to all threads.
///
/// # Safety
///
/// - It is new, and of this header.
unsafe fn publish(writer: &'static Writer<ByPath>, header: NonNull<Header>) {
    let mut path = [0; PATH_MAX];
    // SAFETY: nobody else knows this writer yet.
    unsafe { writer.begin(sys::executable(&mut path)) };
    INHERITED.store(header.as_ptr(), Relaxed);
    WRITER.store(ptr::from_ref(writer).cast_mut(), Release); // pairs with Acquire in `record`
    // If it could not begin, the first event finds that out.
    PHASE.store(RECORDING, Release); // pairs with Acquire in `wake`
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

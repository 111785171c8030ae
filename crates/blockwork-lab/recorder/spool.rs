//! The spool of this process: found by an environment variable, begun with the
//! first event; forked children have their own, or none.
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
//!
//! **Who makes it.** The lab, and the variable says where; the header says what
//! children do. Or nobody has, and the program was started with this library by
//! hand: then the spool is made here, and stays as it is.

use core::{
    cell::UnsafeCell,
    ffi::c_char,
    mem::offset_of,
    ptr::{self, NonNull},
    sync::atomic::{
        AtomicPtr, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use super::{
    layout::{EVENTS, HEADER, Header, MAGIC, Origin, STACKS_VARIABLE, Stop, VARIABLE, VERSION},
    paths::{Path, variable},
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
/// The mapped header that names the children; forked ones have it, too.
static CONTROL: AtomicPtr<Header> = AtomicPtr::new(ptr::null_mut());

const FRESH: u32 = 0;
const STARTING: u32 = 1;
const RECORDING: u32 = 2;
const OVER: u32 = 3;

/// The writer of a process that is not recorded, or not yet.
static IDLE: Writer<ByPath> = Writer::new(ByPath, ptr::null(), [0; 2]);

/// The file of this process, opened when needed and never kept.
struct ByPath;

impl Reach for ByPath {
    fn file(&self) -> Result<File, Errno> {
        // SAFETY: written before the writer began.
        File::open(unsafe { PLACE.get() }.own.as_c())
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
            let over = PHASE.compare_exchange(RECORDING, STARTING, Relaxed, Relaxed).is_err();
            if over {
                return false;
            }
            // Neither on nor stopped: zeroed since it began, in a forked child.
            let phase = if writer.is_stopped() { OVER } else { begin_forked() };
            if phase != RECORDING {
                WRITER.store((&raw const IDLE).cast_mut(), Relaxed);
                PHASE.store(phase, Relaxed);
            }
            phase == RECORDING
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

/// Opens the spool that the environment names, or makes it. The result is the
/// next phase.
fn begin() -> u32 {
    // SAFETY: the array that libc keeps, or null before it does.
    let Some(environment) = NonNull::new(unsafe { environ }.cast_mut()) else { return FRESH };
    // SAFETY: pointers to strings up to a null pointer; this early nobody
    // else changes them.
    let value = |name| unsafe { variable(environment, name) };
    let Some(path) = value(VARIABLE).and_then(Path::of) else { return OVER };
    let stacks = value(STACKS_VARIABLE).and_then(|value| core::str::from_utf8(value).ok()?.parse().ok());
    begin_at(path, stacks.unwrap_or(0)).unwrap_or(OVER)
}

fn begin_at(path: Path, stacks: u32) -> Result<u32, Errno> {
    match File::open(path.as_c()) {
        Ok(file) => {
            let Some(found) = Found::open(file)? else { return Ok(OVER) };
            let header = found.header();
            let each = Path::of(&header.follow).unwrap_or(Path::NONE);
            CONTROL.store(found.header.as_ptr(), Relaxed);
            if found.is_of_this_process() {
                return found.begin(Place { own: path, each, origin: Origin::Lab, stacks: 0 });
            }
            header.enter_child(sys::process(), sys::name());
            let Some(own) = each.of_process(sys::process()).filter(|_| !each.is_none()) else { return Ok(OVER) };
            make(Place { own, each, origin: Origin::Lab, stacks: header.stacks.load(Relaxed) }, false)
        }
        Err(Errno::NOENT) => {
            let each = if path.is_for_each() { path } else { Path::NONE };
            let Some(own) = path.of_process(sys::process()) else { return Ok(OVER) };
            make(Place { own, each, origin: Origin::Program, stacks }, false)
        }
        Err(errno) => Err(errno),
    }
}

/// What a forked child does: begins a spool of its own, if children have one.
fn begin_forked() -> u32 {
    // SAFETY: written before the phase became `RECORDING`, and nobody else is
    // in this process.
    let place = *unsafe { PLACE.get() };
    // SAFETY: mapped before the phase became `RECORDING`, for good.
    if let Some(header) = unsafe { CONTROL.load(Relaxed).as_ref() } {
        header.enter_child(sys::process(), sys::name());
    }
    let own = place.each.of_process(sys::process()).filter(|_| !place.each.is_none());
    own.and_then(|own| make(Place { own, ..place }, true).ok()).unwrap_or(OVER)
}

/// Makes a spool and begins it; or goes on with it, if this process had made it
/// when it ran another program.
fn make(place: Place, inherits: bool) -> Result<u32, Errno> {
    let made = match File::create(place.own.as_c()) {
        Ok(file) => Found::make(file, &place, inherits).map(Some).inspect_err(|_| sys::remove(place.own.as_c())),
        Err(Errno::EXIST) => Found::open(File::open(place.own.as_c())?),
        Err(errno) => Err(errno),
    };
    let by_hand = place.origin as u32 == Origin::Program as u32;
    match made {
        Ok(Some(found)) if found.is_of_this_process() => {
            if by_hand && !place.each.is_none() {
                // Nobody names the children of those that all have their own.
                CONTROL.store(ptr::null_mut(), Relaxed);
            } else if by_hand {
                CONTROL.store(found.header.as_ptr(), Relaxed);
            }
            return found.begin(place);
        }
        Ok(Some(found)) if by_hand && place.each.is_none() => {
            found.header().enter_child(sys::process(), sys::name());
        }
        Ok(_) if by_hand => complain(&place.own, b" exists\n"),
        Err(_) if by_hand => complain(&place.own, b" cannot be written\n"),
        Ok(_) | Err(_) => {}
    }
    Ok(OVER)
}

/// Says why a process that was started by hand is not recorded.
#[cold]
fn complain(path: &Path, why: &[u8]) {
    sys::complain([b"blockwork: not recorded: ", path.as_c().to_bytes(), why]);
}

/// A spool, its header mapped for good.
struct Found {
    identity: [u64; 2],
    header: NonNull<Header>,
}

impl Found {
    /// That of a file, if it is one.
    fn open(file: File) -> Result<Option<Self>, Errno> {
        let (identity, size) = file.about()?;
        if size < EVENTS {
            return Ok(None); // something else by now: reading beyond its end would kill
        }
        let found = Self { identity, header: file.map(0, HEADER)?.cast() };
        let fields = found.header();
        Ok((fields.magic == MAGIC && fields.version == VERSION).then_some(found))
    }

    /// An empty one in a file that is new.
    fn make(file: File, place: &Place, inherits: bool) -> Result<Self, Errno> {
        if HEADER > sys::file_limit() {
            return Err(Errno::FBIG);
        }
        file.reserve(0, HEADER)?;
        file.write_at(place.each.as_c().to_bytes_with_nul(), offset_of!(Header, follow))?;
        file.write_at(&(place.origin as u32).to_ne_bytes(), offset_of!(Header, origin))?;
        file.write_at(&VERSION.to_ne_bytes(), offset_of!(Header, version))?;
        file.write_at(&MAGIC, 0)?;
        let (identity, _) = file.about()?;
        let found = Self { identity, header: file.map(0, HEADER)?.cast() };
        let header = found.header();
        header.root.store(sys::process(), Relaxed);
        header.began.store(sys::began(), Relaxed);
        header.stacks.store(place.stacks, Relaxed);
        header.inherits.store(inherits.into(), Relaxed);
        Ok(found)
    }

    const fn header(&self) -> &Header {
        // SAFETY: as large as a header, aligned to a page, mapped for good, and
        // all bits are legal; what others write to while we look is atomic.
        unsafe { self.header.as_ref() }
    }

    /// Whether it is this process that is to be recorded here.
    fn is_of_this_process(&self) -> bool {
        let began = self.header().began.load(Relaxed);
        self.header().root.load(Relaxed) == sys::process() && (began == 0 || began == sys::began())
    }

    /// Begins an image.
    fn begin(self, place: Place) -> Result<u32, Errno> {
        // SAFETY: only the thread that is starting comes here.
        unsafe { PLACE.put(place) };
        begin_image(self.header, self.identity)
    }
}

/// Begins an image of this process in its spool.
fn begin_image(header: NonNull<Header>, identity: [u64; 2]) -> Result<u32, Errno> {
    // SAFETY: mapped for good, see `Found`.
    let fields = unsafe { header.as_ref() };
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
    unsafe { publish(writer) };
    Ok(RECORDING)
}

/// Hands a new writer to all threads.
///
/// # Safety
///
/// - It is new, and its header mapped for good.
unsafe fn publish(writer: &'static Writer<ByPath>) {
    let mut path = [0; PATH_MAX];
    // SAFETY: nobody else knows this writer yet.
    unsafe { writer.begin(sys::executable(&mut path)) };
    WRITER.store(ptr::from_ref(writer).cast_mut(), Release); // pairs with Acquire in `record`
    // If it could not begin, the first event finds that out.
    PHASE.store(RECORDING, Release); // pairs with Acquire in `wake`
}

unsafe extern "C" {
    /// The environment, as libc keeps it.
    static environ: *const *const c_char;
}

/// Where this process is recorded to.
#[derive(Clone, Copy)]
struct Place {
    own: Path,
    /// The same for every child, or none.
    each: Path,
    origin: Origin,
    stacks: u32,
}

static PLACE: PlaceCell =
    PlaceCell(UnsafeCell::new(Place { own: Path::NONE, each: Path::NONE, origin: Origin::Lab, stacks: 0 }));

struct PlaceCell(UnsafeCell<Place>);

// SAFETY: written by the one thread that got to `STARTING`, read by it and by
// those that see what it published.
unsafe impl Sync for PlaceCell {}

impl PlaceCell {
    /// # Safety
    ///
    /// Nobody calls `put` or `get` meanwhile.
    unsafe fn put(&self, place: Place) {
        // SAFETY: the caller's promise.
        unsafe { *self.0.get() = place };
    }

    /// # Safety
    ///
    /// Nobody calls `put` meanwhile.
    unsafe fn get(&self) -> &Place {
        // SAFETY: the caller's promise.
        unsafe { &*self.0.get() }
    }
}

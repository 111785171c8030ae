//! [`Debug`](struct@Debug): the malloc, checked, for debug builds of Rust programs.
//!
//! ```text
//! alloc, dealloc ─► callers ─► lock ─► Checked ─► Malloc       books, stacks ─► Pages
//!                                         └─► finding ─► unlock ─► names ─► standard error
//! ```
//!
//! | | |
//! |---|---|
//! | time | some microseconds for each call: the unwinder is asked who it is |
//! | space | 32 bytes of fences and some 100 of books for each block, and 256 freed blocks |
//! | sharing | any thread, one at a time |
//!
//! When not to use it: in programs that are to be fast, and where Miri or a
//! sanitizer can run, which see reads as well. A program that forks while other
//! threads allocate must not allocate in the child.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
    fmt,
    ptr::{self, NonNull},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};
use std::{
    io::Write as _,
    sync::{Mutex, PoisonError},
};

use blockwork::{
    Allocate, Beside, Callers, Checked, Finding, Ignore, Malloc, Owns, Pages, Report, Scrutiny, Stacks, Unwind,
};

/// The malloc, checked: a `#[global_allocator]` for debug builds.
///
/// It tells of double and foreign frees, wrong layouts, overruns, underruns and
/// writes after a free, with who did it, who freed the block and who asked for it.
/// What is wrong is printed to the standard error and not done, and the program
/// goes on, unless it is told to [stop](Self::stop_when_found).
///
/// ```
/// use blockwork_malloc::Debug;
///
/// #[global_allocator]
/// static GLOBAL: Debug = Debug;
///
/// let numbers: Vec<u32> = (0..1000).collect();
/// assert_eq!(numbers.len(), 1000);
/// assert_eq!(GLOBAL.found(), 0);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Debug;

type Heap<R, S> = Checked<Malloc, R, Beside<Pages>, S>;

/// What only one thread at a time may use.
struct Inside<T>(T);

// SAFETY: used inside of `LOCK` only.
unsafe impl<T> Sync for Inside<T> {}

static LOCK: Mutex<()> = Mutex::new(());
static STACKS: Inside<Stacks<Pages>> = Inside(Stacks::new(Pages));
static HEAP: Inside<Heap<Note, &'static Stacks<Pages>>> =
    Inside(Checked::with(Malloc, Note, Beside::new(Pages), &STACKS.0, Scrutiny::FULL));
/// What the reports themselves ask for.
static OWN: Inside<Heap<Ignore, blockwork::Unsited>> = Inside(Checked::beside(Malloc, Ignore, Pages));
/// Findings that are not printed yet; more in one call are only counted.
static NOTED: Inside<[Cell<Option<Noted>>; 8]> = Inside([const { Cell::new(None) }; 8]);

static FOUND: AtomicUsize = AtomicUsize::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

std::thread_local! {
    /// Whether this thread is unwinding its stack or printing, and what it asks for
    /// is no concern of the program's.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

impl Debug {
    /// How many mistakes were found so far.
    #[must_use]
    pub fn found(self) -> usize {
        FOUND.load(Relaxed)
    }

    /// Whether the program is to be aborted once a mistake is printed.
    pub fn stop_when_found(self, stop: bool) {
        STOP.store(stop, Relaxed);
    }

    /// Tells at once of what was written to blocks after they were freed.
    pub fn release_quarantine(self) {
        let _released = outside(|callers| inside(callers, || HEAP.0.release_quarantine()));
    }

    /// Prints the blocks that are live: with what they were asked for, and by whom.
    /// At the end of a program these are its leaks.
    pub fn print_live(self) {
        outside(|_| {
            let mut after = 0_usize;
            // One by one, because printing asks for memory.
            while let Some((address, layout, callers)) = next_live(after) {
                after = address;
                let (size, align) = (layout.size(), layout.align());
                print(format_args!("live: {address:#x} ({size} @ {align}){}", Shown("asked for by", callers)));
            }
        });
    }
}

/// The live block with the lowest address above `after`.
fn next_live(after: usize) -> Option<(usize, Layout, Option<Callers>)> {
    inside(Callers::UNKNOWN, || {
        let block =
            HEAP.0.live_blocks().iter().filter(|block| block.address > after).min_by_key(|block| block.address)?;
        Some((block.address, block.layout, STACKS.0.get(block.site).map(|stack| *stack.callers())))
    })
}

/// A finding, and who has to do with it.
#[derive(Clone, Copy)]
struct Noted {
    what: What,
    now: Option<Callers>,
    freed: Option<Callers>,
    asked: Option<Callers>,
}

#[derive(Clone, Copy)]
enum What {
    Misuse(blockwork::Misuse),
    Damage(blockwork::Damage),
}

/// Takes note, to print it outside of the lock.
struct Note;

impl Report for Note {
    fn report(&self, finding: Finding<'_>) {
        let (what, now, site) = match finding {
            Finding::Misuse(misuse) => {
                (What::Misuse(misuse), Some(STACKS.0.now()), misuse.block.map_or(0, |block| block.site))
            }
            Finding::Damage(damage) => (What::Damage(damage), None, damage.block.site),
            _ => return,
        };
        FOUND.fetch_add(1, Relaxed);
        let last = STACKS.0.get(site);
        let (freed, asked) = match last.and_then(|stack| stack.before()) {
            Some(before) => (last, STACKS.0.get(before)),
            None => (None, last),
        };
        let noted = Noted { what, now, freed: freed.map(|it| *it.callers()), asked: asked.map(|it| *it.callers()) };
        if let Some(free) = NOTED.0.iter().find(|place| place.get().is_none()) {
            free.set(Some(noted));
        }
    }
}

/// Runs `act` with who is calling; what it asks for meanwhile is its own.
fn outside<T>(act: impl FnOnce(Callers) -> T) -> T {
    if BUSY.replace(true) {
        return act(Callers::UNKNOWN);
    }
    let done = act(Callers::now(&Unwind));
    while let Some(noted) = inside(Callers::UNKNOWN, || NOTED.0.iter().find_map(Cell::take)) {
        tell(&noted);
    }
    BUSY.set(false);
    done
}

/// Runs `act`, which allocates nothing by the global allocator, alone.
fn inside<T>(callers: Callers, act: impl FnOnce() -> T) -> T {
    let _alone = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    STACKS.0.arrive(callers);
    act()
}

fn tell(noted: &Noted) {
    let (now, freed) = (Shown("by", noted.now), Shown("freed by", noted.freed));
    let asked = Shown("asked for by", noted.asked);
    match noted.what {
        What::Misuse(misuse) => print(format_args!("{misuse}{now}{freed}{asked}")),
        What::Damage(damage) => print(format_args!("{damage}{now}{freed}{asked}")),
    }
    if STOP.load(Relaxed) {
        std::process::abort()
    }
}

fn print(text: fmt::Arguments<'_>) {
    // Who has no standard error has nobody to tell.
    let _unheard = writeln!(std::io::stderr(), "blockwork: {text}");
}

/// Callers by name, one to a line.
struct Shown(&'static str, Option<Callers>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(callers) = &self.1 else { return Ok(()) };
        write!(f, "\n  {}", self.0)?;
        callers.frames().iter().try_for_each(|&frame| named(f, frame))
    }
}

fn named(f: &mut fmt::Formatter<'_>, frame: usize) -> fmt::Result {
    let mut done = Ok(());
    let mut is_named = false;
    backtrace::resolve(ptr::without_provenance_mut(frame), |symbol| {
        let Some(name) = symbol.name().filter(|_| done.is_ok()) else { return };
        is_named = true;
        done = write!(f, "\n    {name:#}");
        if let (Some(file), Some(line), Ok(())) = (symbol.filename(), symbol.lineno(), done) {
            done = write!(f, " at {}:{line}", file.display());
        }
    });
    if is_named { done } else { write!(f, "\n    {frame:#x}") }
}

// SAFETY: blocks are those of two heaps, each of which gets its own back; nothing
// unwinds: reports print, and what printing asks for is served.
unsafe impl GlobalAlloc for Debug {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        given(|callers, own| inside(callers, || if own { OWN.0.allocate(layout) } else { HEAP.0.allocate(layout) }))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        given(|callers, own| {
            inside(callers, || if own { OWN.0.allocate_zeroed(layout) } else { HEAP.0.allocate_zeroed(layout) })
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else { return };
        outside(|callers| {
            inside(callers, || {
                if OWN.0.owns(block, layout) {
                    // SAFETY: the caller's promise.
                    unsafe { OWN.0.deallocate(block, layout) }
                } else {
                    // SAFETY: whatever is wrong is found.
                    unsafe { HEAP.0.deallocate(block, layout) }
                }
            });
        });
    }
}

/// What `ask` gives when it is told who calls, and whether that is a report.
fn given(ask: impl FnOnce(Callers, bool) -> Result<NonNull<u8>, blockwork::AllocError>) -> *mut u8 {
    let own = BUSY.get();
    outside(|callers| ask(callers, own)).map_or(ptr::null_mut(), NonNull::as_ptr)
}

//! How C hears of failures: `errno`, and a message for people.

use core::{
    cell::RefCell,
    ffi::{c_char, c_int},
    fmt::{self, Write},
    ptr,
};

use blockwork::{AllocError, ConfigError};

/// Bytes of a message, its terminator included; what is longer is cut.
const LENGTH: usize = 512;

thread_local! {
    /// The last failure of this thread.
    static LAST: RefCell<Text<LENGTH>> = const { RefCell::new(Text::new()) };
}

/// A C string that is written in place, and cut where it does not fit.
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    /// Bytes written; always less than `N`.
    len: usize,
}

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// The text so far, terminated.
    pub(crate) const fn as_ptr(&self) -> *const c_char {
        self.bytes.as_ptr().cast()
    }

    fn clear(&mut self) {
        (self.bytes, self.len) = ([0; N], 0);
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last byte stays zero.
        let room = self.bytes.iter_mut().take(N.saturating_sub(1)).skip(self.len);
        let written = room.zip(text.bytes()).map(|(to, from)| *to = from).count();
        self.len = self.len.saturating_add(written);
        Ok(())
    }
}

/// Why a function of this library did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no memory.
    Memory,
    /// An argument breaks a rule.
    Argument(&'static str),
    /// A configuration breaks a rule.
    Config(ConfigError),
    /// This kind of part cannot do it.
    Unsupported(&'static str),
    /// The books do not agree.
    Broken(&'static str),
    /// Others are using it.
    Busy(&'static str),
    /// A message that was left by whoever refused.
    Told,
}

impl From<AllocError> for Refusal {
    fn from(AllocError: AllocError) -> Self {
        Self::Memory
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl Refusal {
    const fn errno(self) -> c_int {
        match self {
            Self::Memory => libc::ENOMEM,
            Self::Argument(_) | Self::Config(_) | Self::Told => libc::EINVAL,
            Self::Unsupported(_) => libc::ENOTSUP,
            Self::Busy(_) => libc::EBUSY,
            Self::Broken(_) => libc::ENOTRECOVERABLE,
        }
    }

    /// Sets `errno` and the message.
    #[cold]
    pub(crate) fn raise(self) {
        match self {
            Self::Memory => tell(format_args!("out of memory")),
            Self::Argument(text) | Self::Unsupported(text) | Self::Busy(text) | Self::Broken(text) => {
                tell(format_args!("{text}"));
            }
            Self::Config(error) => tell(format_args!("{error}")),
            Self::Told => {}
        }
        set_errno(self.errno());
    }
}

/// Leaves a message for `bw_last_error`.
pub(crate) fn tell(message: fmt::Arguments<'_>) {
    // A thread that is ending, or a message inside of a message: unheard.
    let _unheard = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            last.clear();
            let _cut = last.write_fmt(message);
        }
    });
}

/// Zero, or −1 with `errno` set.
pub(crate) fn status(outcome: Result<(), Refusal>) -> c_int {
    match outcome {
        Ok(()) => 0,
        Err(refusal) => {
            refusal.raise();
            -1
        }
    }
}

/// The pointer, or null with `errno` set.
#[inline]
pub(crate) fn pointer<T>(outcome: Result<*mut T, Refusal>) -> *mut T {
    outcome.unwrap_or_else(|refusal| {
        refusal.raise();
        ptr::null_mut()
    })
}

fn set_errno(value: c_int) {
    #[cfg(any(target_os = "linux", target_os = "emscripten"))]
    // SAFETY: always there, for every thread.
    let place = unsafe { libc::__errno_location() };
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    // SAFETY: always there, for every thread.
    let place = unsafe { libc::__error() };
    // SAFETY: the thread's own.
    unsafe { place.write(value) }
}

/// Runs code that must not unwind any further; if it does, the program ends.
#[inline]
pub(crate) fn contain<R>(run: impl FnOnce() -> R) -> R {
    #[inline]
    extern "C" fn guard<R, F: FnOnce() -> R>(run: F) -> R {
        run()
    }
    guard(run)
}

/// Why the last call of this thread failed: an empty text if none did.
///
/// Valid until the next failure of this thread.
#[unsafe(no_mangle)]
pub extern "C" fn bw_last_error() -> *const c_char {
    let empty = c"".as_ptr();
    LAST.try_with(|last| last.try_borrow().map_or(empty, |text| text.as_ptr())).unwrap_or(empty)
}

#[cfg(test)]
mod tests {
    use core::ffi::CStr;

    use super::*;

    fn said() -> String {
        // SAFETY: a terminated text of this thread.
        unsafe { CStr::from_ptr(bw_last_error()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_last_failure_is_told_once_per_thread() {
        assert_eq!(said(), "");
        assert_eq!(status(Err(Refusal::Argument("no such thing"))), -1);
        assert_eq!(said(), "no such thing");
        std::thread::spawn(|| assert_eq!(said(), "")).join().unwrap();
        Refusal::Memory.raise();
        assert_eq!(said(), "out of memory");
    }

    #[test]
    fn a_long_message_is_cut_and_terminated() {
        tell(format_args!("{:>1000}", "end"));
        assert_eq!(said().len(), LENGTH - 1);
    }
}

//! Options from the environment.
//!
//! | | |
//! |---|---|
//! | `BLOCKWORK_RETAIN` | bytes of free spans that keep their memory; `K`, `M` and `G` may follow |
//! | `BLOCKWORK_HUGE` | `1`: ask for huge pages |
//! | `BLOCKWORK_MISUSE` | `abort`, or `print`: say it and go on |
//! | `BLOCKWORK_STATS` | `text` or `json`: statistics on the standard error at exit |
//! | `BLOCKWORK_SAMPLE` | bytes, for each of which one is sampled |
//! | `BLOCKWORK_PROFILE` | a heap profile at exit, in files that begin like this |
//! | `BLOCKWORK_PROFILE_SIGNAL` | the number of a signal that asks for one meanwhile |
//!
//! They are read once, without allocating; what is none of these is left alone.

use blockwork::{Malloc, MallocOptions, OnMisuse};
use libc::{c_char, c_int};

use crate::profile;

/// What is said at the end of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtExit {
    /// Nothing.
    #[default]
    Nothing,
    /// Statistics as a table.
    Text,
    /// Statistics as JSON.
    Json,
}

/// What the environment asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options<'a> {
    /// What the malloc is to do.
    pub malloc: MallocOptions,
    /// What is said at the end.
    pub at_exit: AtExit,
    /// How the files of heap profiles begin; none is written if it is empty.
    pub profile: &'a [u8],
    /// The signal that asks for a heap profile; zero is none.
    pub profile_signal: c_int,
}

/// Bytes for each of which one is sampled, if only a profile is asked for: what
/// other profilers take.
const SAMPLE: usize = 512 << 10;

impl<'a> Options<'a> {
    /// Takes in one `NAME=value` of the environment.
    pub fn read(&mut self, variable: &'a [u8]) {
        let Some(variable) = variable.strip_prefix(b"BLOCKWORK_") else { return };
        if let Some(value) = variable.strip_prefix(b"RETAIN=") {
            self.malloc.retain = bytes(value).unwrap_or(self.malloc.retain);
        } else if let Some(value) = variable.strip_prefix(b"HUGE=") {
            self.malloc.huge = value == b"1";
        } else if let Some(value) = variable.strip_prefix(b"MISUSE=") {
            self.malloc.misuse = if value == b"print" { OnMisuse::Ignore } else { OnMisuse::Abort };
        } else if let Some(value) = variable.strip_prefix(b"STATS=") {
            self.at_exit = match value {
                b"text" | b"1" => AtExit::Text,
                b"json" => AtExit::Json,
                _ => AtExit::Nothing,
            };
        } else if let Some(value) = variable.strip_prefix(b"SAMPLE=") {
            self.malloc.sample = bytes(value).unwrap_or(self.malloc.sample);
        } else if let Some(value) = variable.strip_prefix(b"PROFILE=") {
            self.profile = value;
            if self.malloc.sample == 0 && !value.is_empty() {
                self.malloc.sample = SAMPLE;
            }
        } else if let Some(value) = variable.strip_prefix(b"PROFILE_SIGNAL=") {
            self.profile_signal = bytes(value).and_then(|number| c_int::try_from(number).ok()).unwrap_or(0);
        }
    }

    /// Takes in the whole environment.
    ///
    /// # Safety
    ///
    /// - `environment` is null, or an array of strings that ends with null.
    #[must_use]
    pub unsafe fn of(mut environment: *const *const c_char) -> Self {
        let mut options = Self::default();
        if environment.is_null() {
            return options;
        }
        loop {
            // SAFETY: the end has not come yet.
            let Some(variable) = core::ptr::NonNull::new(unsafe { environment.read() }.cast_mut()) else {
                return options;
            };
            // SAFETY: a string.
            options.read(unsafe { core::ffi::CStr::from_ptr(variable.as_ptr()) }.to_bytes());
            // SAFETY: not the end, so there is one behind it.
            environment = unsafe { environment.add(1) };
        }
    }

    /// Makes them hold, for the malloc.
    pub fn apply(self) {
        if self.malloc != MallocOptions::DEFAULT {
            Malloc.configure(self.malloc);
        }
        if !self.profile.is_empty() && self.malloc.sample != 0 {
            profile::start(self.profile, self.profile_signal);
        }
    }
}

/// The bytes that a text asks for: `4096`, `64K`, `1G`.
fn bytes(text: &[u8]) -> Option<usize> {
    let (digits, unit) = match text.split_last()? {
        (b'k' | b'K', digits) => (digits, 10),
        (b'm' | b'M', digits) => (digits, 20),
        (b'g' | b'G', digits) => (digits, 30),
        _ => (text, 0),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0_usize, |number, &digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number.checked_mul(10)?.checked_add(usize::from(digit))
    })?;
    number.checked_mul(1 << unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_bytes_may_have_a_unit() {
        assert_eq!(bytes(b"4096"), Some(4096));
        assert_eq!(bytes(b"64K"), Some(64 << 10));
        assert_eq!(bytes(b"3m"), Some(3 << 20));
        assert_eq!(bytes(b"1G"), Some(1 << 30));
        for text in [&b""[..], b"K", b"x", b"1T", b"-1", b"99999999999999999999999", b"99999999999999G"] {
            assert_eq!(bytes(text), None);
        }
    }

    #[test]
    fn variables_of_others_change_nothing_and_nonsense_neither() {
        let mut options = Options::default();
        for text in [&b"HOME=/"[..], b"BLOCKWORK_", b"BLOCKWORK_RETAIN=much", b"BLOCKWORK_HUGE", b"XBLOCKWORK_HUGE=1"] {
            options.read(text);
        }
        assert_eq!(options, Options::default());
        for text in
            [&b"BLOCKWORK_RETAIN=0"[..], b"BLOCKWORK_HUGE=1", b"BLOCKWORK_MISUSE=print", b"BLOCKWORK_STATS=json"]
        {
            options.read(text);
        }
        assert_eq!((options.malloc.retain, options.malloc.huge), (0, true));
        assert_eq!((options.malloc.misuse, options.at_exit), (OnMisuse::Ignore, AtExit::Json));
        assert_eq!((options.malloc.sample, options.profile), (0, &b""[..]));
        for text in [&b"BLOCKWORK_PROFILE=/tmp/heap"[..], b"BLOCKWORK_PROFILE_SIGNAL=12"] {
            options.read(text);
        }
        assert_eq!((options.malloc.sample, options.profile), (512 << 10, &b"/tmp/heap"[..]));
        assert_eq!(options.profile_signal, 12);
        options.read(b"BLOCKWORK_SAMPLE=64K");
        assert_eq!(options.malloc.sample, 64 << 10);
    }
}

//! The environment's word on where to record to.

use core::{
    ffi::{CStr, c_char},
    ptr::NonNull,
};

use super::layout::{FOLLOW, PROCESS};

/// A path with its zero. All zeroes are none.
#[derive(Clone, Copy, Debug)]
pub struct Path([u8; FOLLOW]);

impl Path {
    /// No path.
    pub const NONE: Self = Self([0; FOLLOW]);

    /// One of bytes that may end with a zero; `None` if it is too long.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let mut path = Self::NONE;
        let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        path.0.get_mut(..length).filter(|_| length < FOLLOW)?.copy_from_slice(bytes.get(..length)?);
        Some(path)
    }

    /// As the system wants it.
    pub fn as_c(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }

    /// Whether there is none.
    pub const fn is_none(&self) -> bool {
        let [first, ..] = self.0;
        first == 0
    }

    /// Whether every process has one of its own.
    pub fn is_for_each(&self) -> bool {
        self.0.windows(PROCESS.len()).any(|part| part == PROCESS.as_bytes())
    }

    /// That of one process.
    pub fn of_process(&self, process: u32) -> Option<Self> {
        let mut digits = [0; 10];
        let mut at = digits.len();
        let mut rest = process;
        while rest != 0 || at == digits.len() {
            at = at.wrapping_sub(1);
            *digits.get_mut(at)? = b'0'.wrapping_add(u8::try_from(rest % 10).ok()?);
            rest /= 10;
        }
        let (mut path, mut length) = (Self::NONE, 0_usize);
        let mut put = |bytes: &[u8]| {
            let end = length.wrapping_add(bytes.len());
            // The last byte stays zero.
            path.0.get_mut(length..end).filter(|_| end < FOLLOW)?.copy_from_slice(bytes);
            length = end;
            Some(())
        };
        let mut rest = self.as_c().to_bytes();
        while let [first, others @ ..] = rest {
            if let Some(behind) = rest.strip_prefix(PROCESS.as_bytes()) {
                put(digits.get(at..)?)?;
                rest = behind;
            } else {
                put(&[*first])?;
                rest = others;
            }
        }
        Some(path)
    }
}

/// The value of a variable.
///
/// # Safety
///
/// - `environment` is an array of strings that ends with a null pointer, and
///   nobody changes it as long as the result lives.
pub unsafe fn variable<'a>(environment: NonNull<*const c_char>, name: &str) -> Option<&'a [u8]> {
    let mut entry = environment;
    loop {
        // SAFETY: not past the null pointer.
        let string = NonNull::new(unsafe { entry.read() }.cast_mut())?;
        // SAFETY: ends with a zero, as the caller says.
        let string = unsafe { CStr::from_ptr(string.as_ptr()) };
        let value = string.to_bytes().strip_prefix(name.as_bytes());
        if let Some(value) = value.and_then(|value| value.strip_prefix(b"=")) {
            return Some(value);
        }
        // SAFETY: not past the null pointer either.
        entry = unsafe { entry.add(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_process(path: &[u8], process: u32) -> Option<Vec<u8>> {
        Some(Path::of(path)?.of_process(process)?.as_c().to_bytes().to_vec())
    }

    #[test]
    fn the_process_takes_its_place_in_the_path() {
        assert_eq!(of_process(b"/a/%p.%p", 1203).unwrap(), b"/a/1203.1203");
        assert_eq!(of_process(b"/a/%pp%", 0).unwrap(), b"/a/0p%");
        assert_eq!(of_process(b"/a\0%p", u32::MAX).unwrap(), b"/a");
        assert!(Path::of(b"x%p").unwrap().is_for_each());
        assert!(!Path::of(b"x%q").unwrap().is_for_each());
    }

    #[test]
    fn what_is_too_long_is_no_path() {
        assert!(Path::of(&[b'x'; FOLLOW]).is_none());
        assert!(of_process(&[b'x'; FOLLOW - 1], 7).is_some());
        let mut long = [b'x'; FOLLOW - 1];
        long[..2].copy_from_slice(b"%p");
        assert!(of_process(&long, 12).is_some());
        assert!(of_process(&long, 123).is_none());
        assert!(Path::NONE.is_none());
    }

    #[test]
    fn a_variable_has_the_value_behind_its_whole_name() {
        let strings = [c"AB=1", c"A=2=3", c"B="];
        let mut environment: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        environment.push(std::ptr::null());
        let environment = NonNull::new(environment.as_mut_ptr()).unwrap();
        // SAFETY: strings, and a null pointer.
        let value = |name| unsafe { variable(environment, name) };
        assert_eq!((value("A"), value("B"), value("C")), (Some(b"2=3".as_slice()), Some(b"".as_slice()), None));
    }
}

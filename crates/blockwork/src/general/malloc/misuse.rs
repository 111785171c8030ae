//! Frees that are mistakes.

use core::ptr::NonNull;

use super::{OnMisuse, options};
use crate::os;

/// Says what is wrong with a call that was given `block`, and ends the process,
/// unless mistakes are to be ignored.
#[cold]
#[inline(never)]
pub(super) fn misuse(what: &str, block: NonNull<u8>) {
    os::misuse::report(what, block.as_ptr());
    match options::misuse() {
        OnMisuse::Abort => os::thread::abort(),
        OnMisuse::Ignore => {}
    }
}

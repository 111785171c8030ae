//! Numbers that nobody outside of the process knows.

/// A word of the system's randomness.
///
/// Very early after the start of a machine the system has none yet; what it gave
/// this process with its arguments stands in then.
pub(crate) fn random() -> usize {
    let mut word = 0_usize;
    // SAFETY: so many bytes may be written.
    let got = unsafe { libc::getrandom((&raw mut word).cast(), size_of::<usize>(), libc::GRND_NONBLOCK) };
    if usize::try_from(got) == Ok(size_of::<usize>()) { word } else { given() }
}

#[cold]
fn given() -> usize {
    // SAFETY: may always be asked.
    let at = unsafe { libc::getauxval(libc::AT_RANDOM) };
    let bytes = core::ptr::with_exposed_provenance::<usize>(usize::try_from(at).unwrap_or(0));
    if bytes.is_null() {
        return 0;
    }
    // SAFETY: 16 bytes of this process that nobody writes.
    unsafe { bytes.read_unaligned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_words_are_the_same() {
        assert_ne!(random(), random());
        assert_ne!(given(), 0);
    }
}

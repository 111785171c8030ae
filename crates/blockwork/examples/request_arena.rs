//! A server's scratch memory: 16 KiB are enough for nearly every request, and the
//! rare large one is served as well, up to a ceiling.
//!
//! ```text
//! request  [ headers | answer | … free … ]   Bump, 16 KiB that stay
//!                                  └─ full ──► [ span ] ◄── [ span ]   Arena, 256 KiB at most
//! end      reset: the 16 KiB are empty, the spans are the system's again
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::error::Error;

use allocator_api2_02::{collections::TryReserveError, vec::Vec};
use blockwork::{Arena, ArenaConfig, Bump, Chain, ConfigError, Const, Fallback, Quota, Reset, System};

/// What the one worker keeps from request to request.
pub(crate) type Scratch = Fallback<Bump<System>, Arena<Quota<System, Const<{ 256 << 10 }>>>>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Scratch>() == 128, "docs/recipes.md says so");

pub(crate) fn scratch() -> Result<Scratch, ConfigError> {
    let spans = ArenaConfig { span_first: 32 << 10, span_max: 128 << 10, keep: 0 };
    let overflow = Arena::try_new(System.capped(Const), spans)?;
    Ok(Bump::new(System, 16 << 10).or_else(overflow))
}

/// The answer to a request: its headers, sorted by name.
fn serve<'s>(request: &str, scratch: &'s Scratch) -> Result<Vec<u8, &'s Scratch>, TryReserveError> {
    let mut headers = Vec::new_in(scratch);
    for header in request.lines().filter_map(|line| line.split_once(": ")) {
        headers.try_reserve(1)?;
        headers.push(header);
    }
    headers.sort_unstable();
    let mut answer: Vec<u8, _> = Vec::new_in(scratch);
    for part in headers.iter().flat_map(|(name, value)| [name, "=", value, "\n"]) {
        answer.try_reserve(part.len())?;
        answer.extend_from_slice(part.as_bytes());
    }
    Ok(answer)
}

/// A request with so many headers.
fn request(headers: usize) -> String {
    (0..headers).map(|at| format!("Header-{at}: some value\n")).collect()
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut scratch = scratch()?;
    println!("state: {} bytes", size_of::<Scratch>());
    for headers in [10, 100, 1000, 10_000, 10] {
        let request = request(headers);
        match serve(&request, &scratch) {
            Ok(answer) => println!(
                "{headers:>5} headers: {:>5} bytes answered; {:>5} in the bump, {:>6} held beside it",
                answer.len(),
                scratch.primary().used(),
                scratch.fallback().bytes_held(),
            ),
            Err(_) => println!("{headers:>5} headers: 413 Content Too Large"),
        }
        scratch.reset();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_above_the_ceiling_fails_and_the_next_one_does_not() {
        let mut scratch = scratch().unwrap();
        assert!(serve(&request(10_000), &scratch).is_err());
        scratch.reset();
        assert_eq!((scratch.primary().used(), scratch.fallback().bytes_held()), (0, 0));
        assert!(serve(&request(1000), &scratch).is_ok());
        assert!(scratch.fallback().bytes_held() > 0);
    }

    #[test]
    fn a_small_request_stays_in_the_bump() {
        let scratch = scratch().unwrap();
        assert!(serve(&request(10), &scratch).is_ok());
        assert_eq!(scratch.fallback().bytes_held(), 0);
    }
}

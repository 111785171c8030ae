//! What jemalloc and gperftools write: text, totals for each stack.
//!
//! ```text
//! heap_v2/524288                            jemalloc: bytes between two samples, on average
//!   t*: 28106: 56637512 [0: 0]              live blocks: bytes [all blocks: bytes], of all threads
//! @ 0x5f4f7a 0x5f4e3c                       a stack
//!   t*: 1: 20480 [2: 40960]
//!   t3: 1: 20480 [2: 40960]                 the same, of one thread
//! MAPPED_LIBRARIES:
//!
//! heap profile: 57: 528 [61: 600] @ heap_v2/1    gperftools
//!   2: 64 [3: 96] @ 0x41 0x42
//! ```

use super::{Point, Profile};

/// Reads a whole file.
///
/// # Errors
///
/// When it is not as it should be.
pub fn parse(bytes: &[u8], jemalloc: bool) -> Result<Profile, String> {
    let text = String::from_utf8_lossy(bytes);
    let head = text.lines().next().unwrap_or_default();
    let interval = interval(head).ok_or("its first line does not say how it was sampled")?;
    let mut counts = Vec::new();
    let mut in_stack = false;
    for (number, line) in text.lines().enumerate().skip(1) {
        let line = line.trim();
        if line.starts_with("MAPPED_LIBRARIES") {
            break;
        }
        if line.starts_with('@') {
            in_stack = true;
            continue;
        }
        let wrong = || format!("line {} holds no counts", number + 1);
        if jemalloc {
            // Before the first stack there are totals.
            match line.strip_prefix("t*:") {
                Some(rest) if in_stack => counts.push(Counts::parse(rest).ok_or_else(wrong)?),
                _ => {}
            }
        } else if !line.is_empty() {
            counts.push(Counts::parse(line.split('@').next().unwrap_or_default()).ok_or_else(wrong)?);
        }
    }
    let all = counts.iter().any(|counts| counts.all.blocks > 0);
    let points = counts.iter().map(|counts| if all { counts.all } else { counts.live });
    let mut notes = vec!["sizes are the mean of each call site".into()];
    if interval > 1 {
        notes.push(format!("a sample of one block in about {interval} bytes, scaled up"));
    }
    if !all {
        notes.push("only what was live when the profile was written".into());
    }
    let points = points.map(|point| point.scaled(interval)).filter(|point| point.blocks > 0);
    Ok(Profile { program: String::new(), points: points.collect(), notes })
}

/// The bytes between two samples: what follows the last slash.
fn interval(head: &str) -> Option<u64> {
    let (before, after) = head.rsplit_once('/')?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    // The older format of gperftools has half a page of other rules.
    before.ends_with("heap_v2").then(|| digits.parse().ok())?
}

/// `live: bytes [all: bytes]`
struct Counts {
    live: Point,
    all: Point,
}

impl Counts {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
        let mut next = || numbers.next()?.parse().ok();
        let live = Point { blocks: next()?, bytes: next()? };
        Some(Self { live, all: Point { blocks: next()?, bytes: next()? } })
    }
}

impl Point {
    /// What there probably was, if this was seen: a block is sampled the more
    /// likely the larger it is.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, above zero and saturated"
    )]
    fn scaled(self, interval: u64) -> Self {
        if self.blocks == 0 || self.bytes == 0 || interval <= 1 {
            return self;
        }
        let size = self.bytes as f64 / self.blocks as f64;
        let chance = -(-size / interval as f64).exp_m1();
        let scale = |number: u64| (number as f64 / chance).round() as u64;
        Self { blocks: scale(self.blocks), bytes: scale(self.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JEMALLOC: &str = "heap_v2/1
  t*: 5: 500 [0: 0]
  t0: 5: 500 [0: 0]
@ 0x1 0x2
  t*: 2: 200 [0: 0]
  t0: 2: 200 [0: 0]
@ 0x3
  t*: 3: 300 [0: 0]

MAPPED_LIBRARIES:
00400000-00401000 r-xp 00000000 00:00 0 /bin/x
";

    #[test]
    fn totals_of_all_threads_are_taken_for_each_stack() {
        let profile = parse(JEMALLOC.as_bytes(), true).unwrap();
        assert_eq!(profile.points, [Point { blocks: 2, bytes: 200 }, Point { blocks: 3, bytes: 300 }]);
        assert!(profile.notes.iter().any(|note| note.contains("only what was live")));
    }

    #[test]
    fn samples_are_scaled_by_how_likely_they_are() {
        let sampled = JEMALLOC.replace("heap_v2/1", "heap_v2/524288").replace("3: 300 [0: 0]", "3: 3000000 [0: 0]");
        let points = parse(sampled.as_bytes(), true).unwrap().points;
        // One in 5243 blocks of 100 bytes; of a million bytes nearly each.
        assert!((10_480..10_490).contains(&points[0].blocks), "{points:?}");
        assert_eq!(points[1].blocks, 4);
    }

    #[test]
    fn gperftools_puts_the_stack_behind_and_counts_what_was_freed() {
        let file = "heap profile:     57:      528 [    61:     600] @ heap_v2/1\n     2:       64 [     3:       96] @ 0x41 0x42\n";
        let profile = parse(file.as_bytes(), false).unwrap();
        assert_eq!(profile.points, [Point { blocks: 3, bytes: 96 }]);
        assert!(parse(b"heap profile: 1: 2 [3: 4] @ heapprofile\n", false).is_err());
        assert!(parse(b"heap_v2/1\n@ 0x1\n t*: x\n", true).unwrap_err().contains("line 3"));
    }
}

//! [`Footprint`]: what the kernel knows of this process.
//!
//! Read without an allocation: the machine's `malloc` is a candidate itself.

use std::{fs::File, io::Read, str};

/// Samples between two looks at all page tables, which take a while where many
/// pages are mapped.
const SELDOM: u32 = 4;

/// Samples how much memory of this process is there, and not only mapped; and
/// counts its page faults.
#[derive(Debug)]
pub struct Footprint {
    before: Option<u64>,
    most: Option<u64>,
    faults: Option<u64>,
    samples: u32,
}

impl Footprint {
    /// Counts from now on.
    pub fn new() -> Self {
        let before = anonymous();
        Self { before, most: before, faults: faults(), samples: 0 }
    }

    /// Looks now and then.
    pub fn sample(&mut self) {
        self.samples += 1;
        if self.samples.is_multiple_of(SELDOM) {
            self.look();
        }
    }

    fn look(&mut self) {
        self.most = self.most.max(anonymous());
    }

    /// Most bytes that came, and page faults.
    pub fn close(mut self) -> (Option<u64>, Option<u64>) {
        let since = |before: Option<u64>, now: Option<u64>| Some(now?.saturating_sub(before?));
        let faults = since(self.faults, faults());
        self.look();
        (since(self.before, self.most), faults)
    }
}

/// Bytes in memory that belong to no file.
fn anonymous() -> Option<u64> {
    let kib = in_file("/proc/self/smaps_rollup", |text| {
        text.lines().find_map(|line| line.strip_prefix("Anonymous:"))?.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    })?;
    kib.checked_mul(1024)
}

/// Page faults so far, of both kinds.
fn faults() -> Option<u64> {
    // The name, in parentheses, may have spaces: the tenth and twelfth field.
    in_file("/proc/self/stat", |text| {
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(7);
        let minor: u64 = fields.next()?.parse().ok()?;
        let major: u64 = fields.nth(1)?.parse().ok()?;
        Some(minor + major)
    })
}

/// What `find` finds in the first 4 KiB of a small file.
fn in_file<T>(path: &str, find: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let mut file = File::open(path).ok()?;
    let mut text = [0; 4096];
    let mut len = 0;
    while let Ok(more @ 1..) = file.read(text.get_mut(len..)?) {
        len += more;
    }
    find(str::from_utf8(text.get(..len)?).ok()?)
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        hint::black_box,
        process::{Command, Stdio},
    };

    use super::*;

    /// Said to the test's own process.
    const INSIDE: &str = "BLOCKWORK_TEST_INSIDE";

    #[test]
    fn memory_that_is_touched_is_resident_and_faults() {
        const BYTES: usize = 64 << 20;
        if env::var_os(INSIDE).is_none() {
            // In a process of its own: what other tests give back is subtracted.
            let name = "replay::footprint::tests::memory_that_is_touched_is_resident_and_faults";
            let mut command = Command::new(env::current_exe().unwrap());
            let run = command.args([name, "--exact", "--test-threads=1"]).env(INSIDE, "1").stdin(Stdio::null());
            let run = run.output().unwrap();
            let said = String::from_utf8_lossy(&run.stdout);
            assert!(run.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
        let resident = Footprint::new();
        let memory = black_box(vec![1_u8; BYTES]);
        let (most, faults) = resident.close();
        drop(memory);
        let (most, faults) = (most.unwrap(), faults.unwrap());
        assert!(most >= BYTES as u64 * 9 / 10, "{most}");
        assert!(faults > 0, "{faults}");
    }
}

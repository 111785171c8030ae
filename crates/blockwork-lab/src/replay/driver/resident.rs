//! [`Resident`]: the memory of this process that is really there, as the kernel
//! counts it.
//!
//! Pages of files, such as the script, are left out, and what was there before
//! the replay, such as the driver's own. Asking takes about a microsecond, so it
//! is done once enough bytes have come or gone that it can have changed.

use std::{fs::File, os::unix::fs::FileExt, str};

use crate::replay::books::Gauge;

/// Reads how much is resident.
#[derive(Debug)]
pub struct Resident {
    statm: Option<File>,
    /// Resident before the replay.
    before: u64,
    held: u64,
    /// Bytes asked for or given back since the last look.
    moved: usize,
    /// Requests since.
    requests: u32,
}

/// As much can be asked for or given back unnoticed,
const BYTES: usize = 16 << 10;
/// or as often.
const REQUESTS: u32 = 256;

impl Resident {
    /// A gauge that counts from now on.
    pub fn new() -> Self {
        // Where there is none, nothing is held: a row that says so, and no crash.
        let mut gauge = Self { statm: File::open("/proc/self/statm").ok(), before: 0, held: 0, moved: 0, requests: 0 };
        gauge.before = gauge.read().unwrap_or(0);
        gauge
    }

    fn read(&self) -> Option<u64> {
        let mut text = [0; 128];
        let len = self.statm.as_ref()?.read_at(&mut text, 0).ok()?;
        Some(anonymous(str::from_utf8(text.get(..len)?).ok()?)?.saturating_mul(rustix::param::page_size() as u64))
    }
}

/// Pages that are resident, and of no file.
fn anonymous(statm: &str) -> Option<u64> {
    let mut fields = statm.split(' ').map(|field| field.parse::<u64>().ok());
    let (_, resident, of_files) = (fields.next()?, fields.next()??, fields.next()??);
    Some(resident.saturating_sub(of_files))
}

impl Gauge for Resident {
    fn held(&mut self, size: usize) -> u64 {
        self.moved = self.moved.saturating_add(size);
        self.requests += 1;
        if self.moved >= BYTES || self.requests >= REQUESTS {
            (self.moved, self.requests) = (0, 0);
            self.held = self.read().unwrap_or(0).saturating_sub(self.before);
        }
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::driver::Table;

    #[test]
    fn pages_of_files_are_left_out() {
        assert_eq!(anonymous("1000 50 20 1 0 30 0\n"), Some(30));
        assert_eq!(anonymous("garbage"), None);
    }

    #[test]
    fn memory_that_is_touched_becomes_resident() {
        let mut gauge = Resident::new();
        // Other tests share this process, and its `malloc`.
        let mut table = Table::new(2 << 20);
        let held = gauge.held(size_of_val(table.slots()));
        assert!(held >= 8 << 20, "{held}");
    }
}

//! [`Machine`]: what the machine's `malloc` holds, by itself or by the kernel.

use super::{malloc::MallocGauge, resident::Resident};
use crate::replay::books::Gauge;

/// Reads what the machine's `malloc` holds.
#[derive(Debug)]
pub enum Machine {
    /// As it says: exact, and cheap where one thread calls it.
    Told(MallocGauge),
    /// As the kernel says, for the arenas of many threads.
    Resident(Resident),
}

impl Machine {
    /// Asks `malloc`.
    pub fn told() -> Self {
        Self::Told(MallocGauge::new())
    }

    /// The same, where every block that `malloc` gave is a block of the replay.
    pub fn with_headers(self) -> Self {
        match self {
            Self::Told(gauge) => Self::Told(gauge.with_headers()),
            Self::Resident(gauge) => Self::Resident(gauge),
        }
    }

    /// Asks the kernel.
    pub fn resident() -> Self {
        Self::Resident(Resident::new())
    }
}

impl Gauge for Machine {
    fn held(&mut self, size: usize) -> u64 {
        match self {
            Self::Told(gauge) => gauge.held(size),
            Self::Resident(gauge) => gauge.held(size),
        }
    }
    fn metadata(&mut self, blocks: u64) -> Option<u64> {
        match self {
            Self::Told(gauge) => gauge.metadata(blocks),
            Self::Resident(gauge) => gauge.metadata(blocks),
        }
    }
}

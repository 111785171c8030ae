//! [`Results`]: what `compare --json` prints, read back: by `report`, which draws
//! it, and by `diff`.

pub mod tuning;

use std::{fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::report::{stats::Spread, verdict::Verdict};

/// A comparison. Figures that this version does not know are passed over.
#[derive(Clone, Debug, Deserialize)]
pub struct Results {
    /// What was replayed.
    pub recording: Recording,
    /// The rows.
    pub candidates: Vec<Candidate>,
    /// What the replay itself takes, in every time.
    pub driver_ns_per_event: Option<f64>,
    /// What came of it.
    pub verdict: Verdict,
}

/// What was replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The program.
    pub name: String,
    /// Calls.
    pub events: u64,
    /// Bytes asked for.
    pub requested_bytes: u64,
    /// Most blocks live at once.
    pub peak_live_blocks: u64,
    /// Most bytes live at once.
    pub peak_live_bytes: u64,
    /// Threads that called.
    pub threads: u64,
}

/// One allocator.
#[derive(Clone, Debug, Deserialize)]
pub struct Candidate {
    /// Its name, or the composition.
    pub spec: String,
    /// What its row stands for: `baseline`, `bound`, `composition`, `model`, …
    pub kind: String,
    /// Raw times.
    pub ns_per_event: Option<Spread>,
    /// Most bytes held.
    pub peak_held_bytes: Option<u64>,
    /// Lost within blocks then.
    pub internal_waste_bytes: Option<u64>,
    /// Held for no live block then.
    pub external_waste_bytes: Option<u64>,
    /// Requests to the parent.
    pub parent_requests: Option<u64>,
    /// Single calls.
    #[serde(default)]
    pub ns_per_call: Option<Calls>,
    /// What was held at which events.
    #[serde(default)]
    pub over_time: Option<OverTime>,
    /// Why it has no figures.
    pub note: Option<String>,
}

/// Single calls, in nanoseconds, the clock included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    /// Half of them take no longer.
    pub median: f64,
    /// All but one in a hundred take no longer.
    pub p99: f64,
}

/// What was held over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct OverTime {
    /// Numbers of events.
    pub event: Vec<u64>,
    /// The most bytes held since the event before.
    pub held: Vec<u64>,
}

impl Results {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not what `compare --json` prints.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not what `blockwork compare --json` prints", path.display()))
    }

    /// Whether the file at `path` may be one: it begins as JSON does, which no recording does.
    pub fn are_in(path: &Path) -> bool {
        use std::io::Read;
        let mut start = [0; 64];
        let read = fs::File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
        start.get(..read).and_then(|start| start.trim_ascii_start().first()) == Some(&b'{')
    }

    /// Nanoseconds per event above the replay itself.
    pub fn net(&self, candidate: &Candidate) -> Option<f64> {
        Some((candidate.ns_per_event?.median - self.driver_ns_per_event?).max(0.0))
    }

    /// Whether the verdict is to change something.
    pub fn gains(&self) -> bool {
        let best = self.verdict.best.as_ref();
        self.candidates.iter().any(|row| Some(&row.spec) == best && row.kind != "baseline")
    }
}

impl Candidate {
    /// Whether a program could use it.
    pub fn is_usable(&self) -> bool {
        !matches!(self.kind.as_str(), "bound" | "model")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compare_prints_is_read_back() {
        let text = r#"{
            "recording": {"name": "ls", "events": 6, "requested_bytes": 1, "peak_live_blocks": 2, "peak_live_bytes": 3,
                          "threads": 1, "of_tomorrow": []},
            "candidates": [{"spec": "system", "kind": "baseline", "ns_per_event": {"median": 2.0, "min": 1.0, "max": 3.0},
                            "peak_held_bytes": 100, "internal_waste_bytes": 10, "external_waste_bytes": 30,
                            "parent_requests": null},
                           {"spec": "bump", "kind": "bound", "ns_per_event": null, "peak_held_bytes": null,
                            "internal_waste_bytes": null, "external_waste_bytes": null, "parent_requests": null,
                            "note": "not run"}],
            "driver_ns_per_event": 0.5,
            "verdict": {"best": "system", "text": "Nothing helps."}}"#;
        let results: Results = serde_json::from_str(text).unwrap();
        assert_eq!(results.net(&results.candidates[0]), Some(1.5));
        assert_eq!(results.net(&results.candidates[1]), None);
        assert!(!results.gains());
    }
}

//! [`Tuning`]: what `tune --json` prints, read back.

use std::{fs, path::Path};

use anyhow::Context;
use serde::Deserialize;

/// A search, and what is left of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Tuning {
    /// How many were replayed.
    pub compositions_tried: u64,
    /// The machine's malloc on the part that was tuned on, and on the other.
    pub today: Vec<Part>,
    /// What nothing beats in both time and memory.
    pub front: Vec<Row>,
    /// What is recommended.
    pub verdict: Best,
}

/// What is recommended.
#[derive(Clone, Debug, Deserialize)]
pub struct Best {
    /// The composition; `system` for none.
    pub best: String,
    /// The same in words.
    pub text: String,
}

/// One composition.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// In the notation.
    pub spec: String,
    /// On the part that was tuned on.
    pub tuned: Part,
    /// On the other.
    pub checked: Part,
}

/// Figures on one part.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Part {
    /// Time without the replay's own.
    pub net_ns_per_event: Option<f64>,
    /// Most bytes held.
    pub peak_held_bytes: Option<u64>,
}

impl Tuning {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not what `tune --json` prints.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not what `blockwork tune --json` prints", path.display()))
    }

    /// The composition that is recommended, if any is.
    pub fn best(&self) -> Option<&str> {
        self.front.iter().map(|row| row.spec.as_str()).find(|spec| *spec == self.verdict.best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tune_prints_is_read_back() {
        let text = r#"{"recording": "ls", "events": 9, "goal": "balanced", "checked_on": "half", "compositions_tried": 7,
            "today": [{"net_ns_per_event": 20.0, "peak_held_bytes": 100}, {"net_ns_per_event": null, "peak_held_bytes": 90}],
            "front": [{"spec": "memo over system", "tuned": {"net_ns_per_event": 9.0, "peak_held_bytes": 80},
                       "checked": {"net_ns_per_event": null, "peak_held_bytes": null, "note": "failed"}, "helps": [true, false]}],
            "classes": null, "verdict": {"best": "memo over system", "text": "It helps."}}"#;
        let tuning: Tuning = serde_json::from_str(text).unwrap();
        assert_eq!((tuning.best(), tuning.today[1].peak_held_bytes), (Some("memo over system"), Some(90)));
    }
}

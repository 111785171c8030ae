//! What is not sure where a recording does not say which block was freed: the same
//! figures, with the other block taken.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{replay::runner::Outcome, text};

/// What each candidate held at most, for either block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pairings {
    candidates: Vec<Held>,
}

/// What one held at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Held {
    spec: String,
    peak_held_bytes_if_oldest: u64,
    peak_held_bytes_if_newest: u64,
}

impl Pairings {
    /// Of the same candidates in the same order; those that failed are left out.
    pub fn new(if_oldest: &Outcome, if_newest: &Outcome) -> Self {
        let held = |(old, new): (&crate::replay::runner::Row, &crate::replay::runner::Row)| {
            Some(Held {
                spec: old.spec.clone(),
                peak_held_bytes_if_oldest: old.result.as_ref().ok()?.peak.held,
                peak_held_bytes_if_newest: new.result.as_ref().ok()?.peak.held,
            })
        };
        Self { candidates: if_oldest.rows.iter().zip(&if_newest.rows).filter_map(held).collect() }
    }

    /// For people.
    pub fn render(&self) -> String {
        let mut text = String::from(
            "\nApproximate: it is not known which block of its kind each free meant. Held, if it was\n  the oldest  the \
             newest\n",
        );
        for held in &self.candidates {
            let [old, new] = [held.peak_held_bytes_if_oldest, held.peak_held_bytes_if_newest].map(text::bytes);
            // Writing into a string does not fail.
            let _ = writeln!(text, "{old:>12} {new:>11}  {}", held.spec);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_figures_stand_side_by_side() {
        let held = Held { spec: "system".into(), peak_held_bytes_if_oldest: 5000, peak_held_bytes_if_newest: 6000 };
        let text = Pairings { candidates: vec![held] }.render();
        assert!(text.ends_with("      5.0 kB      6.0 kB  system\n"), "{text}");
    }
}

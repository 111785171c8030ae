//! [`Diff`]: two recordings, or two comparisons, side by side.
//!
//! | of two | are told |
//! |---|---|
//! | recordings | counts, bytes and peaks; the sizes and call sites that changed most |
//! | comparisons | time and memory of each allocator that both have, and the verdicts |

mod recordings;
mod results;
mod table;

use serde::Serialize;

pub use self::{recordings::recordings, results::results, table::render};

/// What changed.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// What was compared with what.
    pub names: [String; 2],
    /// The changes, by subject.
    pub tables: Vec<Table>,
    /// The same in a sentence.
    pub text: String,
}

/// Changes of one subject.
#[derive(Debug, Serialize)]
pub struct Table {
    /// The subject.
    pub title: String,
    /// The changes, the most telling first.
    pub changes: Vec<Change>,
}

/// One figure before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// What is counted.
    pub what: String,
    /// What it is counted in.
    pub unit: Unit,
    /// In the first; nothing where it has none.
    pub before: Option<f64>,
    /// In the second.
    pub after: Option<f64>,
    /// Whether runs of the same thing differ as much.
    pub is_noise: bool,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Nanoseconds,
}

impl Change {
    /// A figure that both have.
    fn new(what: impl Into<String>, unit: Unit, before: u64, after: u64) -> Self {
        let [before, after] = [before, after].map(|figure| Some(figure as f64));
        Self { what: what.into(), unit, before, after, is_noise: false }
    }

    /// How much there is more after than before.
    fn more(&self) -> f64 {
        self.after.unwrap_or(0.0) - self.before.unwrap_or(0.0)
    }

    /// The change in words.
    fn words(&self) -> String {
        match (self.before, self.after) {
            (Some(before), Some(after)) if before == after => "=".into(),
            _ if self.is_noise => "within noise".into(),
            (None | Some(0.0), Some(_)) => "new".into(),
            (Some(_), None | Some(0.0)) => "gone".into(),
            (Some(before), Some(after)) => {
                let percent = (after / before - 1.0) * 100.0;
                match percent.abs() {
                    ..0.05 if percent < 0.0 => "> −0.1 %".into(),
                    ..0.05 => "< +0.1 %".into(),
                    ..10.0 => format!("{percent:+.1} %"),
                    ..1000.0 => format!("{percent:+.0} %"),
                    _ => format!("×{:.0}", after / before),
                }
                .replace('-', "−")
            }
            (None, None) => "–".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_said_in_as_many_digits_as_tell_something() {
        let words = |before, after| Change::new("", Unit::Count, before, after).words();
        assert_eq!([words(5, 5), words(0, 5), words(5, 0), words(0, 0)], ["=", "new", "gone", "="]);
        assert_eq!([words(1000, 1052), words(100, 50), words(1, 40)], ["+5.2 %", "−50 %", "×40"]);
        assert_eq!(words(1_000_000, 1_000_001), "< +0.1 %");
        assert_eq!(Change { is_noise: true, ..Change::new("", Unit::Count, 3, 4) }.words(), "within noise");
    }
}

//! [`Limit`]: how much worse than the machine's `malloc` a candidate may be.
//!
//! For scripts and continuous integration: what is beyond it ends the command
//! with a code of its own.

use std::{fmt, str::FromStr};

use crate::{
    replay::{
        candidate::Kind,
        runner::{Figures, Outcome, Row},
    },
    report::stats::Spread,
    text::bytes,
};

/// A bound for one figure, as `peak=+10%` or `time=-5%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    figure: Figure,
    /// Beyond the machine's; below zero, a gain that there has to be.
    percent: f64,
}

/// What is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    /// The most bytes held.
    Peak,
    /// Nanoseconds above the replay itself.
    Time,
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (figure, percent) = text.split_once('=').ok_or("as in peak=+10% or time=+5%")?;
        let figure = match figure {
            "peak" => Figure::Peak,
            "time" => Figure::Time,
            _ => return Err("only `peak` and `time` have limits"),
        };
        let number = percent.strip_suffix('%').ok_or("a share ends in `%`")?;
        let signed = number.starts_with(['+', '-']);
        let percent = number.parse::<f64>().ok().filter(|percent| signed && (-100.0..=1e6).contains(percent));
        Ok(Self { figure, percent: percent.ok_or("a share is a number with its sign, as in +10%")? })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = match self.figure {
            Figure::Peak => "peak",
            Figure::Time => "time",
        };
        write!(f, "{figure}={:+}%", self.percent)
    }
}

impl Limit {
    /// What is beyond this limit in those rows that `counts`, a line for each.
    pub fn exceeded(self, outcome: &Outcome, counts: impl Fn(&Row) -> bool) -> Vec<String> {
        let today = outcome.rows.iter().find(|row| row.kind == Kind::Baseline).map(|row| row.result.as_ref());
        let Some(Ok(today)) = today else {
            return vec![format!("{self}: the machine's malloc has no figures to compare with")];
        };
        let driver = Spread::of(&outcome.driver).map_or(0.0, |driver| driver.median);
        let rows = outcome.rows.iter().filter(|row| counts(row));
        rows.filter_map(|row| Some(format!("{self}: {} {}", row.spec, self.beyond(row, today, driver)?))).collect()
    }

    /// How `row` is beyond it; `None` if it is not.
    fn beyond(self, row: &Row, today: &Figures, driver: f64) -> Option<String> {
        let mine = match &row.result {
            Ok(figures) => figures,
            Err(why) => return Some(why.clone()),
        };
        let allowed = 1.0 + self.percent / 100.0;
        match self.figure {
            Figure::Peak => {
                let (held, bound) = (mine.peak.held, today.peak.held as f64 * allowed);
                let words = || format!("holds {}, the machine's malloc {}", bytes(held), bytes(today.peak.held));
                (held as f64 > bound).then(words)
            }
            Figure::Time => {
                // Run by run: what slows the machine down for a while slows both.
                let net = |ns: &f64| (ns - driver).max(0.0);
                let excess: Vec<f64> =
                    mine.ns.iter().zip(&today.ns).map(|(mine, today)| net(mine) - net(today) * allowed).collect();
                let (mine, today) = (Spread::of(&mine.ns), Spread::of(&today.ns));
                let (Some(excess), Some(mine), Some(today)) = (Spread::of(&excess), mine, today) else {
                    return Some("was not timed".into());
                };
                let words = || {
                    let [mine, today] = [net(&mine.median), net(&today.median)];
                    format!("takes {mine:.1} ns per event, the machine's malloc {today:.1} ns")
                };
                (excess.median > excess.noise.unwrap_or(0.0)).then(words)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::books::Moment;

    fn limit(text: &str) -> Limit {
        text.parse().unwrap()
    }

    fn row(kind: Kind, spec: &str, ns: [f64; 3], held: u64) -> Row {
        let peak = Moment { held, metadata: None, granted: held, asked: held };
        Row { spec: spec.into(), kind, result: Ok(Figures { ns: ns.to_vec(), peak, ..Figures::default() }) }
    }

    /// A pool beside a machine at 40 ns above the driver, and 1000 bytes.
    fn beyond(text: &str, pool: Row) -> Vec<String> {
        let rows = vec![row(Kind::Baseline, "system", [60.0, 61.0, 59.0], 1000), pool];
        let outcome = Outcome { driver: vec![20.0], rows, ..Outcome::default() };
        limit(text).exceeded(&outcome, |row| row.kind == Kind::Composition)
    }

    #[test]
    fn a_limit_reads_as_it_is_written() {
        for text in ["peak=+10%", "time=-5%", "time=+2.5%"] {
            assert_eq!(limit(text).to_string(), text);
        }
        for text in ["", "peak", "peak=10%", "peak=+10", "ns=+1%", "peak=+x%", "peak=+NaN%", "time=-101%"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }

    #[test]
    fn memory_beyond_the_limit_is_told() {
        let pool = |held| row(Kind::Composition, "pool", [60.0; 3], held);
        assert_eq!(beyond("peak=+10%", pool(1100)), [""; 0]);
        assert_eq!(beyond("peak=+10%", pool(1101)), ["peak=+10%: pool holds 1.1 kB, the machine's malloc 1.0 kB"]);
        assert_eq!(beyond("peak=-20%", pool(900)).len(), 1);
    }

    #[test]
    fn time_beyond_the_limit_counts_if_it_is_no_noise() {
        let pool = |ns| row(Kind::Composition, "pool", ns, 1000);
        assert_eq!(beyond("time=+5%", pool([61.0, 62.0, 60.0])), [""; 0]);
        let told = ["time=+5%: pool takes 45.0 ns per event, the machine's malloc 40.0 ns"];
        assert_eq!(beyond("time=+5%", pool([65.0, 66.0, 64.0])), told);
        assert_eq!(beyond("time=+5%", pool([65.0, 96.0, 44.0])), [""; 0], "noise");
        assert_eq!(beyond("time=-50%", pool([60.0; 3])).len(), 1);
    }

    #[test]
    fn what_has_no_figures_is_beyond_every_limit() {
        let failed = Row { spec: "pool".into(), kind: Kind::Composition, result: Err("failed: aborted".into()) };
        assert_eq!(beyond("peak=+10%", failed), ["peak=+10%: pool failed: aborted"]);
    }
}

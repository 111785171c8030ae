//! Several candidates at one workload: passes of processes, and what they say
//! together.

use std::{
    env,
    process::{Command, Stdio},
    time::Duration,
};

use bench::statistics::{Held, SLACK, held, median, noise};

use crate::{
    kinds::{Candidate, LOOP, Of, Workload},
    run::{Dice, Outcome, Run, Task},
};

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) task: Task,
    pub(crate) passes: usize,
}

impl Effort {
    pub(crate) const WHOLE: Self = Self { task: Task::Time(Duration::from_millis(20)), passes: 11 };
    pub(crate) const QUICK: Self = Self { task: Task::Time(Duration::from_millis(10)), passes: 5 };
    pub(crate) const SMOKE: Self = Self { task: Task::Smoke, passes: 1 };

    /// The same where a picture has dozens of points: a third of the passes.
    pub(crate) fn for_growth(self) -> Self {
        Self { passes: self.passes.div_ceil(3), ..self }
    }
}

/// A candidate's line.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Its time divided by the reference's in the same pass, in the middle of all passes.
    pub(crate) ratio: f64,
    /// The same, each less what the loop alone takes, if that is known.
    pub(crate) net: Option<f64>,
    /// Nanoseconds per operation, the loop's included.
    pub(crate) nanoseconds: f64,
    /// By what share of itself the ratio may be off.
    pub(crate) noise: f64,
    pub(crate) verdict: Verdict,
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It is what the others are divided by.
    Reference,
    /// Nothing was asked, and it differs from the reference.
    Differs,
    /// Nothing was asked, and it differs by no more than the noise.
    Level,
    /// A bar was asked for.
    Bar(Held),
    /// A bar of so many nanoseconds was, and this is what it takes beyond the loop.
    Nanoseconds(Held, f64),
}

/// Measures all candidates of a workload.
///
/// In each pass every candidate has a process of its own, in an order that is
/// drawn for the pass, and its time is divided by that of the reference in the same
/// pass. The reference runs twice: what its two runs differ by is noise for all.
pub(crate) fn compare(workload: &Workload, effort: Effort, dice: &mut Dice) -> Result<Vec<Row>, String> {
    let reference = workload.candidate(workload.reference).ok_or("no such reference")?;
    let contestants: Vec<&Candidate> = workload.candidates.iter().chain([reference]).collect();
    let mut times = vec![Vec::with_capacity(effort.passes); contestants.len()];
    let mut checksum: Option<(u64, &str)> = None;
    for _ in 0..effort.passes {
        for at in dice.order(contestants.len()) {
            let name = contestants[at].name;
            let report = ask_child(workload.name, name, effort.task)?;
            times[at].push(report.time);
            match checksum {
                None => checksum = Some((report.checksum, name)),
                Some((first, by)) if first != report.checksum => {
                    return Err(format!("{}: `{name}` and `{by}` have read different things", workload.name));
                }
                Some(_) => {}
            }
        }
    }
    Ok(rows(workload, &times))
}

fn rows(workload: &Workload, times: &[Vec<f64>]) -> Vec<Row> {
    let own = workload.candidates.iter().position(|candidate| candidate.name == workload.reference);
    let base = &times[own.expect("looked up by the caller")];
    let ratios = |times: &[f64]| -> Vec<f64> { times.iter().zip(base).map(|(time, base)| time / base).collect() };
    let again = ratios(&times[workload.candidates.len()]);
    let floor = noise(&again).max((median(&again) - 1.0).abs());
    let alone = workload.candidates.iter().position(|candidate| candidate.name == LOOP).map(|at| &times[at]);
    let beyond = |times: &[f64]| -> Option<Vec<f64>> {
        Some(times.iter().zip(alone?).map(|(time, alone)| (time - alone).max(0.0)).collect())
    };
    let row = |(candidate, times): (&Candidate, &Vec<f64>)| {
        let nanoseconds = median(times);
        let own = beyond(times);
        // Where the loop takes nearly all, what is left is noise divided by noise.
        let net = own.as_ref().zip(beyond(base)).filter(|_| candidate.name != LOOP).and_then(|(own, base)| {
            let net: Vec<f64> =
                own.iter().zip(base).filter(|(_, base)| *base > 0.0).map(|(own, base)| own / base).collect();
            (!net.is_empty()).then(|| median(&net))
        });
        let own = own.unwrap_or_else(|| times.clone());
        let ratios = ratios(times);
        let (ratio, noise) = (median(&ratios), noise(&ratios).max(floor));
        let bar = workload.bars.iter().find(|bar| bar.candidate == candidate.name);
        let verdict = match bar {
            _ if candidate.name == workload.reference => Verdict::Reference,
            Some(bar) if bar.of == Of::Nanoseconds => {
                Verdict::Nanoseconds(held(&own, bar.at_most, SLACK), median(&own))
            }
            Some(bar) => Verdict::Bar(held(&ratios, bar.at_most, SLACK)),
            None if (ratio - 1.0).abs() <= noise => Verdict::Level,
            None => Verdict::Differs,
        };
        Row { name: candidate.name, ratio, net, nanoseconds, noise, verdict }
    };
    workload.candidates.iter().zip(times).map(row).collect()
}

/// What a child prints.
pub(crate) struct Report {
    /// Nanoseconds per operation, in the middle of its rounds.
    pub(crate) time: f64,
    pub(crate) checksum: u64,
}

fn ask_child(workload: &str, candidate: &str, task: Task) -> Result<Report, String> {
    ask(&["--child", workload, candidate, &task.word()], &|why| format!("{workload}: `{candidate}` {why}"))
}

/// Has this very program run as a child with `args`; `failed` says who did what.
pub(crate) fn ask(args: &[&str], failed: &dyn Fn(&str) -> String) -> Result<Report, String> {
    let own = env::current_exe().map_err(|error| failed(&error.to_string()))?;
    let output = Command::new(own)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(&error.to_string()))?;
    if !output.status.success() {
        return Err(failed(&format!("ended with {}", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [time, checksum, _operations] => match (time.parse(), checksum.parse()) {
            (Ok(time), Ok(checksum)) => Ok(Report { time, checksum }),
            _ => Err(failed("printed no numbers")),
        },
        _ => Err(failed("printed something else")),
    }
}

/// The child's side: runs one candidate and prints a [`Report`], and how many operations a
/// round has.
pub(crate) fn child(workload: &Workload, candidate: &Candidate, task: Task) {
    let mut run = Run::new(task);
    (candidate.run)(&mut run);
    print(workload.name, &run.outcome());
}

/// What a child has to say.
pub(crate) fn print(name: &str, outcome: &Outcome) {
    println!("{} {} {}", median(&outcome.times), outcome.checksum, outcome.operations);
    assert_ne!(outcome.operations, 0, "{name} did nothing");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    #[test]
    fn every_workload_has_its_reference_and_the_candidates_of_its_bars() {
        for workload in kinds::all() {
            assert!(workload.candidate(workload.reference).is_some(), "{}", workload.name);
            for bar in workload.bars {
                assert!(workload.candidate(bar.candidate).is_some(), "{}: {}", workload.name, bar.candidate);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = kinds::all().map(|workload| workload.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_ratio_is_taken_inside_a_pass() {
        let workload = kinds::all().next().unwrap();
        let reference = workload.candidates.iter().position(|one| one.name == workload.reference).unwrap();
        // The machine becomes ten times slower, for all of them.
        let mut times = vec![vec![2.0, 20.0, 200.0]; workload.candidates.len() + 1];
        times[reference] = vec![1.0, 10.0, 100.0];
        *times.last_mut().unwrap() = vec![1.0, 10.0, 100.0];
        for row in rows(workload, &times).iter().filter(|row| row.name != workload.reference) {
            assert_eq!((row.ratio, row.noise), (2.0, 0.0));
        }
    }
}

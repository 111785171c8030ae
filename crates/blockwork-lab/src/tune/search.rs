//! [`explore`]: from some plans to those that nothing beats in both time and memory.
//!
//! ```text
//! seeds ─► judge ─► the best of the front, then of all, that was not looked around yet
//!             ▲                                │
//!             └───────── its neighbours ◄──────┘     until nothing gets better, or time is up
//! ```

use std::collections::HashSet;

use super::{Goal, classes::Cutter, plan::Plan};

/// Replays compositions.
pub trait Judge {
    /// What each of `specs` needs; `None` of one that does not come to the end.
    fn judge(&mut self, specs: &[String]) -> Vec<Option<Score>>;

    /// Whether there is time for more.
    fn may_go_on(&self) -> bool;
}

/// What a composition needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Nanoseconds per event, without the replay itself.
    pub ns: f64,
    /// Most bytes held.
    pub held: u64,
}

impl Score {
    /// Whether this is as good as `other` in both, and better in one.
    fn beats(self, other: Self) -> bool {
        self.ns <= other.ns && self.held <= other.held && self != other
    }

    /// How good it is for `goal`, beside `today`: less is better.
    pub fn value(self, today: Self, goal: Goal) -> f64 {
        // Less time than this cannot be told from none.
        const LEAST: f64 = 1.0;
        let time = (self.ns.max(LEAST) / today.ns.max(LEAST)).ln();
        let memory = (self.held.max(1) as f64 / today.held.max(1) as f64).ln();
        let (for_time, for_memory) = match goal {
            Goal::Speed => (1.0, 0.25),
            Goal::Balanced => (1.0, 1.0),
            Goal::Memory => (0.25, 1.0),
        };
        time * for_time + memory * for_memory
    }
}

/// A composition that came to the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// Its numbers.
    pub plan: Plan,
    /// Its notation.
    pub spec: String,
    /// What it needs.
    pub score: Score,
    /// Whether its neighbours were tried.
    expanded: bool,
}

/// Compositions are judged so many at a time.
const BATCH: usize = 6;

/// After so many that are no better, more will not be.
const STALE: usize = 240;

/// Better, as a share.
const BETTER: f64 = 0.01;

/// Tries plans, those around the best first, as long as `judge` may go on.
pub fn explore(seeds: Vec<Plan>, cutter: &Cutter, judge: &mut dyn Judge, today: Score, goal: Goal) -> Vec<Tried> {
    let mut known = HashSet::new();
    let mut texts = HashSet::new();
    let mut tried: Vec<Tried> = Vec::new();
    let mut waiting = seeds;
    let (mut bests, mut since) = ([f64::INFINITY; 3], 0);
    loop {
        for batch in fresh(&waiting, cutter, &mut known, &mut texts).chunks(BATCH) {
            // However little time there is, something has to be tried.
            if !tried.is_empty() && !judge.may_go_on() {
                return tried;
            }
            let specs: Vec<String> = batch.iter().map(|(_, spec)| spec.clone()).collect();
            let scores = judge.judge(&specs);
            for ((plan, spec), score) in batch.iter().zip(scores) {
                tried.extend(score.map(|score| Tried { plan: *plan, spec: spec.clone(), score, expanded: false }));
            }
            since = if improves(&tried, batch.len(), today, &mut bests) { 0 } else { since + batch.len() };
            if since >= STALE {
                return tried;
            }
        }
        let front = front(&tried);
        let value = |index: &usize| tried[*index].score.value(today, goal);
        let best = |some: &mut dyn Iterator<Item = usize>| {
            some.filter(|index| !tried[*index].expanded).min_by(|a, b| value(a).total_cmp(&value(b)))
        };
        // Two steps may be needed for a gain.
        let next = best(&mut front.into_iter()).or_else(|| best(&mut (0..tried.len())));
        let Some(next) = next else { return tried };
        tried[next].expanded = true;
        waiting = tried[next].plan.neighbours();
    }
}

/// Whether one of the last is better for any goal than all before.
fn improves(tried: &[Tried], last: usize, today: Score, bests: &mut [f64; 3]) -> bool {
    let mut better = false;
    for one in tried.iter().rev().take(last) {
        for (goal, best) in [Goal::Memory, Goal::Speed, Goal::Balanced].into_iter().zip(bests.iter_mut()) {
            let value = one.score.value(today, goal);
            if value < *best - BETTER {
                *best = value;
                better = true;
            }
        }
    }
    better
}

/// The compositions of `plans` that nobody has tried, by any plan.
fn fresh(
    plans: &[Plan],
    cutter: &Cutter,
    known: &mut HashSet<Plan>,
    texts: &mut HashSet<String>,
) -> Vec<(Plan, String)> {
    let new = plans.iter().filter(|plan| known.insert(**plan));
    let specs = new.filter_map(|plan| Some((*plan, plan.spec(cutter)?)));
    specs.filter(|(_, spec)| texts.insert(spec.clone())).collect()
}

/// Those of `tried` that no other beats, the smallest first.
pub fn front(tried: &[Tried]) -> Vec<usize> {
    let is_beaten = |one: &Tried| tried.iter().any(|other| other.score.beats(one.score));
    let mut front: Vec<usize> = (0..tried.len()).filter(|index| !is_beaten(&tried[*index])).collect();
    front.sort_by_key(|index| tried[*index].score.held);
    front.dedup_by_key(|index| (tried[*index].score.held, tried[*index].score.ns.to_bits()));
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::{histogram::Histogram, plan::Shape};

    const TODAY: Score = Score { ns: 40.0, held: 1 << 20 };

    fn cutter() -> Cutter {
        let (sizes, moments) = (vec![16, 48, 64], vec![vec![10, 20, 30]]);
        Cutter::new(Histogram { requests: moments[0].clone(), sizes, asked: vec![160, 960, 1920], moments }, 3)
    }

    /// Judges by a formula with one best composition, some steps from each seed.
    struct Formula {
        left: usize,
        judged: Vec<String>,
    }

    impl Judge for Formula {
        fn judge(&mut self, specs: &[String]) -> Vec<Option<Score>> {
            self.left = self.left.saturating_sub(specs.len());
            self.judged.extend(specs.iter().cloned());
            let score = |spec: &String| {
                if spec.starts_with("memo") {
                    return None;
                }
                let good = [", 4M", "keep 16", "span_pool(64k"].iter().filter(|part| spec.contains(**part)).count();
                Some(Score { ns: 30.0 - good as f64, held: 1 << 20 })
            };
            specs.iter().map(score).collect()
        }

        fn may_go_on(&self) -> bool {
            self.left > 0
        }
    }

    #[test]
    fn steps_lead_to_the_best_and_nothing_is_tried_twice() {
        let mut judge = Formula { left: 10_000, judged: Vec::new() };
        let tried = explore(Plan::seeds(false), &cutter(), &mut judge, TODAY, Goal::Balanced);
        let best = front(&tried);
        assert!(best.iter().all(|index| tried[*index].score.ns == 27.0), "{best:?}");
        assert!(best.iter().any(|index| tried[*index].plan.shape == Shape::Slabs));
        let different: HashSet<&String> = judge.judged.iter().collect();
        assert_eq!(different.len(), judge.judged.len());
        assert!(tried.iter().all(|tried| tried.plan.shape != Shape::Memo), "what fails is out");
    }

    #[test]
    fn when_time_is_up_what_was_tried_counts() {
        let mut judge = Formula { left: 1, judged: Vec::new() };
        let tried = explore(Plan::seeds(false), &cutter(), &mut judge, TODAY, Goal::Speed);
        assert_eq!(judge.judged.len(), BATCH);
        assert!(!tried.is_empty());
    }

    #[test]
    fn the_front_is_what_nobody_beats_in_both() {
        let plan = Plan::seeds(false)[0];
        let tried = |(ns, held)| Tried { plan, spec: String::new(), score: Score { ns, held }, expanded: false };
        let all: Vec<Tried> = [(10.0, 50), (20.0, 20), (30.0, 30), (5.0, 50), (40.0, 10), (40.0, 10)].map(tried).into();
        assert_eq!(front(&all).iter().map(|index| all[*index].score.held).collect::<Vec<_>>(), [10, 20, 50]);
    }

    #[test]
    fn a_goal_weighs_time_against_memory() {
        let (fast, small) = (Score { ns: 20.0, held: 1 << 20 }, Score { ns: 40.0, held: 1 << 19 });
        assert!(fast.value(TODAY, Goal::Speed) < small.value(TODAY, Goal::Speed));
        assert!(fast.value(TODAY, Goal::Memory) > small.value(TODAY, Goal::Memory));
        assert!((fast.value(TODAY, Goal::Balanced) - small.value(TODAY, Goal::Balanced)).abs() < 1e-9);
    }
}

//! All that a run has measured, and the same as JSON: the page is made of it, now or later.

use super::{
    launch::Usage,
    workloads::{Clock, Workload},
};
use crate::json::Json;

/// Everything behind the page.
pub(super) struct Results {
    /// What was run, where and when: rows of a table.
    pub(super) about: Vec<(String, String)>,
    pub(super) passes: usize,
    /// Names and versions, in the order of all that follows.
    pub(super) mallocs: Vec<(String, String)>,
    pub(super) runs: Vec<Runs>,
    pub(super) failed: Vec<String>,
    pub(super) probes: Vec<Probe>,
    pub(super) pairs: Vec<Pairs>,
    /// Instructions of our own malloc and of its free, from the machine code.
    pub(super) hit: Option<[usize; 2]>,
}

/// The runs of one workload: of each malloc, one for each pass.
pub(super) struct Runs {
    pub(super) group: String,
    pub(super) name: String,
    pub(super) clock: Clock,
    pub(super) of: Vec<Vec<Taken>>,
}

/// What is kept of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Taken {
    /// Seconds of user and system mode, and of time.
    pub(super) processor: f64,
    pub(super) wall: f64,
    /// In KiB.
    pub(super) peak: f64,
    pub(super) faults: f64,
    /// Processors that other programs had meanwhile.
    pub(super) others: f64,
}

/// Memory held, in KiB, by each malloc.
pub(super) struct Probe {
    pub(super) name: String,
    pub(super) meaning: String,
    pub(super) held: Vec<f64>,
    pub(super) faults: Vec<f64>,
}

/// Instructions of a pair, by each malloc.
pub(super) struct Pairs {
    pub(super) name: String,
    pub(super) meaning: String,
    pub(super) counts: Vec<f64>,
    /// Whether these were counted by single steps.
    pub(super) stepped: Vec<bool>,
}

impl Runs {
    pub(super) fn new(workload: &Workload, of: &[Vec<Usage>]) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "faults are far below 2^52")]
        let kept = |usage: &Usage| Taken {
            processor: usage.processor,
            wall: usage.wall,
            peak: usage.peak,
            faults: usage.faults as f64,
            others: usage.others,
        };
        Self {
            group: workload.group.to_owned(),
            name: workload.name.to_owned(),
            clock: workload.clock,
            of: of.iter().map(|of| of.iter().map(kept).collect()).collect(),
        }
    }

    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }

    pub(super) fn passes(&self) -> usize {
        self.of.iter().map(Vec::len).min().unwrap_or_default()
    }

    pub(super) fn time(&self, malloc: usize, pass: usize) -> f64 {
        let taken = self.of[malloc][pass];
        match self.clock {
            Clock::Processor => taken.processor,
            Clock::Wall => taken.wall,
        }
    }

    pub(super) fn peak(&self, malloc: usize, pass: usize) -> f64 {
        self.of[malloc][pass].peak
    }
}

impl Results {
    pub(super) fn names(&self) -> Vec<&str> {
        self.mallocs.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn place(&self, malloc: &str) -> Option<usize> {
        self.mallocs.iter().position(|(name, _)| name == malloc)
    }

    pub(super) fn probe(&self, name: &str) -> Option<&Probe> {
        self.probes.iter().find(|probe| probe.name == name)
    }

    pub(super) fn json(&self) -> Json {
        let pairs_of = |pairs: &[(String, String)], key: &str, value: &str| -> Json {
            let one = |(a, b): &(String, String)| Json::map([(key, a.as_str().into()), (value, b.as_str().into())]);
            pairs.iter().map(one).collect()
        };
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let hit = self.hit.map_or(Json::Null, |hit| hit.iter().map(|&count| count as f64).collect());
        Json::map([
            ("about", pairs_of(&self.about, "what", "value")),
            #[expect(clippy::cast_precision_loss, reason = "small")]
            ("passes", Json::Number(self.passes as f64)),
            ("mallocs", pairs_of(&self.mallocs, "name", "version")),
            ("runs", self.runs.iter().map(Runs::json).collect()),
            ("failed", self.failed.iter().map(String::as_str).collect()),
            ("probes", self.probes.iter().map(Probe::json).collect()),
            ("pairs", self.pairs.iter().map(Pairs::json).collect()),
            ("hit", hit),
        ])
    }

    pub(super) fn of_json(json: &Json) -> Result<Self, String> {
        let pairs_of = |name: &str, key: &str, value: &str| -> Vec<(String, String)> {
            let one = |one: &Json| (one.get(key).text().to_owned(), one.get(value).text().to_owned());
            json.get(name).list().iter().map(one).collect()
        };
        let mallocs = pairs_of("mallocs", "name", "version");
        let list = |name: &str| json.get(name).list().iter();
        let runs = list("runs").map(|runs| Runs::of_json(runs, mallocs.len()).ok_or("a workload is not understood"));
        let hit: Vec<f64> = json.get("hit").numbers().into_iter().flatten().collect();
        Ok(Self {
            about: pairs_of("about", "what", "value"),
            passes: whole(json.get("passes").number().ok_or("these are no results of mallocs")?),
            runs: runs.collect::<Result<_, _>>()?,
            failed: list("failed").map(|failed| failed.text().to_owned()).collect(),
            probes: list("probes").map(Probe::of_json).collect(),
            pairs: list("pairs").map(Pairs::of_json).collect(),
            hit: match hit.as_slice() {
                &[malloc, free] => Some([whole(malloc), whole(free)]),
                _ => None,
            },
            mallocs,
        })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "was written as a small whole number")]
fn whole(number: f64) -> usize {
    number as usize
}

impl Runs {
    fn json(&self) -> Json {
        // Milliseconds, as the clocks tell no more.
        let rounded = |number: f64, digits: f64| Json::Number((number * digits).round() / digits);
        let taken = |taken: &Taken| -> Json {
            let [processor, wall] = [taken.processor, taken.wall].map(|time| rounded(time, 1e5));
            [processor, wall, taken.peak.into(), taken.faults.into(), rounded(taken.others, 1e3)].into_iter().collect()
        };
        Json::map([
            ("group", self.group.as_str().into()),
            ("name", self.name.as_str().into()),
            ("clock", if self.clock == Clock::Wall { "wall" } else { "processor" }.into()),
            ("taken", self.of.iter().map(|of| of.iter().map(taken).collect::<Json>()).collect()),
        ])
    }

    fn of_json(json: &Json, mallocs: usize) -> Option<Self> {
        let taken = |json: &Json| match json.numbers().as_slice() {
            &[Some(processor), Some(wall), Some(peak), Some(faults), Some(others)] => {
                Some(Taken { processor, wall, peak, faults, others })
            }
            _ => None,
        };
        let of = json.get("taken").list().iter();
        let of: Vec<Vec<Taken>> = of.map(|of| of.list().iter().map(taken).collect()).collect::<Option<_>>()?;
        (of.len() == mallocs).then(|| Self {
            group: json.get("group").text().to_owned(),
            name: json.get("name").text().to_owned(),
            clock: if json.get("clock").text() == "wall" { Clock::Wall } else { Clock::Processor },
            of,
        })
    }
}

impl Probe {
    fn json(&self) -> Json {
        Json::map([
            ("name", self.name.as_str().into()),
            ("meaning", self.meaning.as_str().into()),
            ("held", self.held.iter().copied().collect()),
            ("faults", self.faults.iter().copied().collect()),
        ])
    }

    fn of_json(json: &Json) -> Self {
        Self {
            name: json.get("name").text().to_owned(),
            meaning: json.get("meaning").text().to_owned(),
            held: json.get("held").numbers().into_iter().flatten().collect(),
            faults: json.get("faults").numbers().into_iter().flatten().collect(),
        }
    }
}

impl Pairs {
    fn json(&self) -> Json {
        Json::map([
            ("name", self.name.as_str().into()),
            ("meaning", self.meaning.as_str().into()),
            ("counts", self.counts.iter().map(|count| Json::Number((count * 10.0).round() / 10.0)).collect()),
            ("stepped", self.stepped.iter().map(|&stepped| Json::Bool(stepped)).collect()),
        ])
    }

    fn of_json(json: &Json) -> Self {
        Self {
            name: json.get("name").text().to_owned(),
            meaning: json.get("meaning").text().to_owned(),
            counts: json.get("counts").numbers().into_iter().flatten().collect(),
            stepped: json.get("stepped").list().iter().map(|stepped| *stepped == Json::Bool(true)).collect(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two mallocs, of which ours takes nine tenths of the time and twice the memory.
    pub(crate) fn two() -> Results {
        let taken = |time: f64, peak: f64| Taken { processor: time, wall: time, peak, faults: 7.0, others: 0.0 };
        let runs = |group: &str, clock| Runs {
            group: group.to_owned(),
            name: "work".to_owned(),
            clock,
            of: vec![vec![taken(1.0, 100.0); 3], vec![taken(0.9, 200.0); 3]],
        };
        let probe = |name: &str| Probe {
            name: name.to_owned(),
            meaning: name.to_owned(),
            held: vec![1000.0, 900.0],
            faults: vec![90.0, 80.0],
        };
        Results {
            about: vec![("date".to_owned(), "today".to_owned())],
            passes: 3,
            mallocs: ["mimalloc3", "blockwork"].map(|name| (name.to_owned(), "1".to_owned())).into(),
            runs: vec![runs("app", Clock::Processor), runs("cross", Clock::Wall)],
            failed: Vec::new(),
            probes: vec![probe("spike-used"), probe("once")],
            pairs: vec![Pairs {
                name: "lifo1/16".to_owned(),
                meaning: "one live, 16 B".to_owned(),
                counts: vec![44.0, 31.5],
                stepped: vec![false, false],
            }],
            hit: Some([13, 18]),
        }
    }

    #[test]
    fn results_are_the_same_after_a_file() {
        let results = two();
        let text = results.json().to_string();
        let again = Results::of_json(&Json::parse(&text).unwrap()).unwrap();
        assert_eq!(again.json(), results.json());
        assert_eq!(again.hit, results.hit);
        assert_eq!(again.runs[1].of, results.runs[1].of);
    }

    #[test]
    fn what_are_no_results_is_said() {
        assert!(Results::of_json(&Json::parse("{}").unwrap()).is_err());
    }
}

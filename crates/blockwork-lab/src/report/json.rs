//! The comparison as one JSON object.

use serde::Serialize;

use super::{facts::Facts, stats::Spread, verdict::Verdict};
use crate::replay::{
    candidate::Kind,
    runner::{Method, Outcome, Row},
};

/// The object.
#[derive(Debug, Serialize)]
pub struct Comparison<'a> {
    recording: Recording<'a>,
    method: Method,
    candidates: Vec<Candidate<'a>>,
    driver_ns_per_event: Option<f64>,
    verdict: &'a Verdict,
}

/// What was replayed.
#[derive(Debug, Serialize)]
struct Recording<'a> {
    name: &'a str,
    events: u64,
    requested_bytes: u64,
    peak_live_blocks: u64,
    peak_live_bytes: u64,
    threads: u64,
}

/// One row. Times are raw: the driver is in them. A figure that a candidate
/// cannot have is `null`.
#[derive(Debug, Serialize)]
struct Candidate<'a> {
    spec: &'a str,
    kind: Kind,
    ns_per_event: Option<Spread>,
    peak_held_bytes: Option<u64>,
    internal_waste_bytes: Option<u64>,
    external_waste_bytes: Option<u64>,
    parent_requests: Option<u64>,
    /// Why it has no figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

impl<'a> Comparison<'a> {
    /// Everything that was found out.
    pub fn new(facts: &'a Facts, outcome: &'a Outcome, verdict: &'a Verdict) -> Self {
        let recording = Recording {
            name: &facts.name,
            events: facts.events,
            requested_bytes: facts.requested_bytes,
            peak_live_blocks: facts.peak_live_blocks,
            peak_live_bytes: facts.peak_live_bytes,
            threads: facts.threads,
        };
        Self {
            recording,
            method: outcome.method,
            candidates: outcome.rows.iter().map(Candidate::new).collect(),
            driver_ns_per_event: Spread::of(&outcome.driver).map(|driver| driver.median),
            verdict,
        }
    }
}

impl<'a> Candidate<'a> {
    fn new(row: &'a Row) -> Self {
        let figures = row.result.as_ref();
        let peak = figures.map(|figures| figures.peak).ok();
        Self {
            spec: &row.spec,
            kind: row.kind,
            ns_per_event: figures.ok().and_then(|figures| Spread::of(&figures.ns)),
            peak_held_bytes: peak.map(|peak| peak.held),
            internal_waste_bytes: peak.map(|peak| peak.internal_waste()),
            external_waste_bytes: peak.map(|peak| peak.external_waste()),
            parent_requests: figures.ok().and_then(|figures| figures.requests),
            note: figures.err().map(String::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::replay::{books::Moment, runner::Figures};

    #[test]
    fn the_object_is_as_documented() {
        let peak = Moment { held: 100, granted: 70, asked: 60 };
        let ok = |requests| Ok(Figures { ns: vec![3.0, 1.0, 2.0], peak, requests });
        let row = |kind, spec: &str, result| Row { spec: spec.into(), kind, result };
        let rows = vec![
            row(Kind::Baseline, "system", ok(None)),
            row(Kind::Bound, "bump", Err("not run".into())),
            row(Kind::Composition, "memo", ok(Some(9))),
        ];
        let outcome = Outcome { driver: vec![0.5, 0.25, 0.75], rows, ..Outcome::default() };
        let facts = Facts { name: "ls".into(), events: 6, threads: 1, ..Facts::default() };
        let verdict = Verdict { best: Some("system".into()), text: "Nothing helps.".into() };
        let figures = |spec, kind, requests: Option<u64>| {
            json!({
                "spec": spec, "kind": kind, "ns_per_event": {"median": 2.0, "min": 1.0, "max": 3.0},
                "peak_held_bytes": 100, "internal_waste_bytes": 10, "external_waste_bytes": 30,
                "parent_requests": requests,
            })
        };
        let expected = json!({
            "recording": {
                "name": "ls", "events": 6, "requested_bytes": 0, "peak_live_blocks": 0, "peak_live_bytes": 0, "threads": 1,
            },
            "method": {"threads": "flat", "touch": "pages"},
            "candidates": [
                figures("system", "baseline", None),
                {
                    "spec": "bump", "kind": "bound", "ns_per_event": null, "peak_held_bytes": null,
                    "internal_waste_bytes": null, "external_waste_bytes": null, "parent_requests": null,
                    "note": "not run",
                },
                figures("memo", "composition", Some(9)),
            ],
            "driver_ns_per_event": 0.5,
            "verdict": {"best": "system", "text": "Nothing helps."},
        });
        assert_eq!(serde_json::to_value(Comparison::new(&facts, &outcome, &verdict)).unwrap(), expected);
    }
}

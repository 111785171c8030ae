//! The comparison as one JSON object.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{facts::Facts, pairing::Pairings, stats::Spread, verdict::Verdict};
use crate::{
    replay::{
        candidate::Kind,
        curve::{Curve, Point},
        latency::Latencies,
        runner::{Figures, Method, Outcome, Row},
    },
    results::{Calls, Recording},
};

/// The object.
#[derive(Debug, Serialize)]
pub struct Comparison<'a> {
    recording: Recording,
    method: Method,
    candidates: Vec<Candidate<'a>>,
    driver_ns_per_event: Option<f64>,
    clock_ns_per_call: Option<f64>,
    verdict: &'a Verdict,
    /// What must be known to judge the rest, of what another tool recorded.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    /// If it is open which blocks were freed: figures for either.
    #[serde(skip_serializing_if = "Option::is_none")]
    approximate: Option<&'a Pairings>,
}

/// One row. Times are raw: the driver is in them. A figure that a candidate
/// cannot have is `null`.
#[derive(Debug, Serialize)]
struct Candidate<'a> {
    spec: &'a str,
    kind: Kind,
    ns_per_event: Option<Spread>,
    ns_per_call: Option<Calls>,
    peak_held_bytes: Option<u64>,
    peak_resident_bytes: Option<u64>,
    internal_waste_bytes: Option<u64>,
    external_waste_bytes: Option<u64>,
    metadata_bytes: Option<u64>,
    held_to_live_then: Option<f64>,
    held_to_most_live: Option<f64>,
    parent_requests: Option<u64>,
    page_faults: Option<u64>,
    /// In one line.
    over_time: Option<Box<RawValue>>,
    /// Why it has no figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// Half of the calls, and all but one in a hundred.
fn calls(calls: &Latencies) -> Option<Calls> {
    Some(Calls { median: calls.percentile(50)?, p99: calls.percentile(99)? })
}

/// A curve as columns, which take less room than points.
#[derive(Debug, Default, Serialize)]
struct OverTime {
    event: Vec<u64>,
    held: Vec<u64>,
    metadata: Vec<Option<u64>>,
    granted: Vec<u64>,
    asked: Vec<u64>,
}

impl OverTime {
    fn of(curve: &Curve) -> Self {
        let mut columns = Self::default();
        for Point { event, moment } in &curve.points {
            columns.event.push(*event);
            columns.held.push(moment.held);
            columns.metadata.push(moment.metadata);
            columns.granted.push(moment.granted);
            columns.asked.push(moment.asked);
        }
        columns
    }
}

impl<'a> Comparison<'a> {
    /// Everything that was found out.
    pub fn new(facts: &'a Facts, outcome: &'a Outcome, verdict: &'a Verdict) -> Self {
        let recording = Recording {
            name: facts.name.clone(),
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
            clock_ns_per_call: outcome.clock.percentile(50),
            verdict,
            notes: &[],
            approximate: None,
        }
    }

    /// With what is said of the recording.
    pub fn about(self, notes: &'a [String], approximate: Option<&'a Pairings>) -> Self {
        Self { notes, approximate, ..self }
    }
}

impl<'a> Candidate<'a> {
    fn new(row: &'a Row) -> Self {
        let figures = row.result.as_ref().ok();
        let peak = figures.map(|figures| figures.peak);
        Self {
            spec: &row.spec,
            kind: row.kind,
            ns_per_event: figures.and_then(|figures| Spread::of(&figures.ns)),
            ns_per_call: figures.and_then(|figures| calls(&figures.calls)),
            peak_held_bytes: peak.map(|peak| peak.held),
            peak_resident_bytes: figures.and_then(|figures| figures.resident),
            internal_waste_bytes: peak.map(|peak| peak.internal_waste()),
            external_waste_bytes: peak.map(|peak| peak.external_waste()),
            metadata_bytes: peak.and_then(|peak| peak.metadata),
            held_to_live_then: figures.and_then(Figures::held_to_live_then),
            held_to_most_live: figures.and_then(Figures::held_to_most_live),
            parent_requests: figures.and_then(|figures| figures.requests),
            page_faults: figures.and_then(|figures| figures.faults),
            over_time: figures.and_then(|figures| to_raw_value(&OverTime::of(&figures.curve)).ok()),
            note: row.result.as_ref().err().map(String::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::replay::books::Moment;

    #[test]
    fn the_object_is_as_documented() {
        let peak = Moment { held: 100, metadata: Some(8), granted: 70, asked: 60 };
        let mut curve = Curve::default();
        curve.points = vec![Point { event: 4, moment: peak }, Point { event: 6, moment: Moment::default() }];
        let calls = Latencies::of(vec![31, 29, 400]);
        let (resident, faults, peak_live) = (Some(4096), Some(1), 80);
        let ok = |requests| {
            let (calls, curve) = (calls.clone(), curve.clone());
            Ok(Figures { ns: vec![3.0, 1.0, 2.0], calls, peak, peak_live, curve, resident, faults, requests })
        };
        let row = |kind, spec: &str, result| Row { spec: spec.into(), kind, result };
        let rows = vec![
            row(Kind::Baseline, "system", ok(None)),
            row(Kind::Bound, "bump", Err("not run".into())),
            row(Kind::Composition, "memo", ok(Some(9))),
        ];
        let outcome =
            Outcome { driver: vec![0.5, 0.25, 0.75], clock: Latencies::of(vec![25]), rows, ..Outcome::default() };
        let facts = Facts { name: "ls".into(), events: 6, threads: 1, ..Facts::default() };
        let verdict = Verdict { best: Some("system".into()), text: "Nothing helps.".into() };
        let figures = |spec, kind, requests: Option<u64>| {
            json!({
                "spec": spec, "kind": kind,
                "ns_per_event": {"median": 2.0, "min": 1.0, "max": 3.0}, "ns_per_call": {"median": 31.0, "p99": 400.0},
                "peak_held_bytes": 100, "peak_resident_bytes": 4096,
                "internal_waste_bytes": 10, "external_waste_bytes": 22, "metadata_bytes": 8,
                "held_to_live_then": 100.0 / 60.0, "held_to_most_live": 1.25,
                "parent_requests": requests, "page_faults": 1,
                "over_time": {
                    "event": [4, 6], "held": [100, 0], "metadata": [8, null], "granted": [70, 0], "asked": [60, 0],
                },
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
                    "spec": "bump", "kind": "bound", "ns_per_event": null, "ns_per_call": null,
                    "peak_held_bytes": null, "peak_resident_bytes": null, "internal_waste_bytes": null,
                    "external_waste_bytes": null, "metadata_bytes": null, "held_to_live_then": null,
                    "held_to_most_live": null, "parent_requests": null, "page_faults": null, "over_time": null,
                    "note": "not run",
                },
                figures("memo", "composition", Some(9)),
            ],
            "driver_ns_per_event": 0.5,
            "clock_ns_per_call": 25.0,
            "verdict": {"best": "system", "text": "Nothing helps."},
        });
        assert_eq!(serde_json::to_value(Comparison::new(&facts, &outcome, &verdict)).unwrap(), expected);
    }
}

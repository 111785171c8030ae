//! A tuning for people, and for programs.

use std::fmt::Write as _;

use comfy_table::Table;
use serde::Serialize;

use super::{Checked, Goal, Rounding, Tuning};
use crate::{
    replay::outcome::Figures,
    report::{
        stats::Spread,
        table::{Style, align, emphasised, plain, wrap},
    },
    text::{bytes, counted, percent},
};

/// The whole report: the front, the classes, what is recommended and why.
pub fn render(tuning: &Tuning, style: Style) -> String {
    let mut text = wrap(&heading(tuning), style);
    let _ = writeln!(text, "\n{}\n", rows(tuning, style).trim_fmt());
    if let Some(rounding) = &tuning.rounding {
        text.push_str(&wrap(&classes(rounding), style));
        text.push('\n');
    }
    text.push_str(&wrap(&verdict(tuning), style));
    text
}

/// What is recommended, or that nothing is, and why.
pub fn verdict(tuning: &Tuning) -> String {
    match tuning.choice.best() {
        Some(best) => format!("{} helps. {}", best.spec, praise(tuning)),
        None => tuning.choice.text.clone(),
    }
}

fn praise(tuning: &Tuning) -> String {
    let on = match &tuning.checked {
        Checked::Half => "On the half it was tuned on, then on the other",
        Checked::Other(_) => "On the recording it was tuned on, then on the other",
        Checked::Itself => "Twice on what it was tuned on, for the recording is too short to check it on another part",
    };
    let threads = if tuning.facts.threads > 1 && !tuning.locked {
        let threads = counted(tuning.facts.threads, "thread", "threads");
        format!(" The program has {threads}; this is for one of them: --locked looks for one for all.")
    } else {
        String::new()
    };
    format!("{on}: {}{threads}", tuning.choice.text)
}

fn heading(tuning: &Tuning) -> String {
    let Tuning { facts, tried, .. } = tuning;
    let on = match &tuning.checked {
        Checked::Half => "tuned on the first half, checked on the second".to_owned(),
        Checked::Other(name) => format!("checked on another recording, of {name}"),
        Checked::Itself => "too short to check on another part".to_owned(),
    };
    format!(
        "{}: {}, {on}; {} replayed. These nothing beats in both time and memory:",
        facts.name,
        counted(facts.events, "event", "events"),
        counted(*tried, "composition", "compositions"),
    )
}

fn classes(rounding: &Rounding) -> String {
    let Rounding { classes, asked_bytes, added_bytes, quad_added_bytes } = rounding;
    let list: Vec<String> = classes.iter().map(u64::to_string).collect();
    format!(
        "Cut for this recording, {} {}: rounding adds {} to the small blocks at the peak, {}; four classes for each \
         doubling would add {}.",
        if classes.len() == 1 { "one class," } else { "classes" },
        list.join(" "),
        percent(*added_bytes, *asked_bytes),
        bytes(*asked_bytes),
        percent(*quad_added_bytes, *asked_bytes),
    )
}

fn rows(tuning: &Tuning, style: Style) -> Table {
    let mut table = plain(style);
    let short = tuning.checked == Checked::Itself;
    let names = ["allocator", "", "net ns", "held", "checked ns", "held"];
    table.set_header(names.into_iter().take(if short { 4 } else { 6 }));
    let choice = &tuning.choice;
    let row = |spec: &str, mark: &str, parts: [Option<&Figures>; 2]| {
        let mut cells = vec![spec.to_owned(), mark.to_owned()];
        for (part, driver) in parts.into_iter().zip(choice.driver).take(if short { 1 } else { 2 }) {
            cells.push(part.and_then(|part| net(part, driver)).map_or_else(|| "–".into(), |net| format!("{net:.0}")));
            cells.push(part.map_or_else(|| "–".into(), |part| bytes(part.peak.held)));
        }
        cells
    };
    table.add_row(row("system", "today", choice.today.each_ref().map(Option::as_ref)));
    for (index, finalist) in choice.front.iter().enumerate() {
        let best = choice.best == Some(index);
        let mark = match (best, finalist.helps) {
            (true, _) => "best",
            (false, [true, true]) => "helps",
            (false, [true, false]) if !short => "learnt",
            _ => "",
        };
        let cells = row(&finalist.spec, mark, finalist.parts.each_ref().map(|part| part.as_ref().ok()));
        table.add_row(cells.into_iter().map(|text| emphasised(text, best && style.emphasis)));
    }
    align(&mut table, 2);
    table
}

/// Nanoseconds per event without the replay itself.
fn net(figures: &Figures, driver: f64) -> Option<f64> {
    Some((Spread::of(&figures.ns)?.median - driver).max(0.0))
}

/// A tuning as one object.
#[derive(Debug, Serialize)]
pub struct Json<'a> {
    recording: &'a str,
    events: u64,
    goal: Goal,
    checked_on: &'a Checked,
    compositions_tried: u64,
    today: [Part<'a>; 2],
    front: Vec<Row<'a>>,
    classes: Option<&'a Rounding>,
    verdict: Verdict<'a>,
}

/// What one composition needs on both parts.
#[derive(Debug, Serialize)]
struct Row<'a> {
    spec: &'a str,
    tuned: Part<'a>,
    checked: Part<'a>,
    helps: [bool; 2],
}

#[derive(Debug, Serialize)]
struct Part<'a> {
    net_ns_per_event: Option<f64>,
    peak_held_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Verdict<'a> {
    best: &'a str,
    text: String,
}

impl<'a> Json<'a> {
    /// Of `tuning`.
    pub fn new(tuning: &'a Tuning) -> Self {
        let choice = &tuning.choice;
        let [first, second] = choice.driver;
        let part = |figures: Result<&'a Figures, &'a str>, driver| Part {
            net_ns_per_event: figures.ok().and_then(|figures| net(figures, driver)),
            peak_held_bytes: figures.ok().map(|figures| figures.peak.held),
            note: figures.err(),
        };
        let [today, then] = choice.today.each_ref().map(|today| today.as_ref().ok_or("failed"));
        let row = |finalist: &'a super::Finalist| {
            let [one, other] = finalist.parts.each_ref().map(|part| part.as_ref().map_err(String::as_str));
            Row { spec: &finalist.spec, tuned: part(one, first), checked: part(other, second), helps: finalist.helps }
        };
        Self {
            recording: &tuning.facts.name,
            events: tuning.facts.events,
            goal: tuning.goal,
            checked_on: &tuning.checked,
            compositions_tried: tuning.tried,
            today: [part(today, first), part(then, second)],
            front: choice.front.iter().map(row).collect(),
            classes: tuning.rounding.as_ref(),
            verdict: Verdict { best: tuning.spec(), text: verdict(tuning) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        replay::books::Moment,
        report::facts::Facts,
        tune::{Choice, Finalist},
    };

    fn tuning(checked: Checked) -> Tuning {
        let figures = |ns: f64, held| Figures {
            ns: vec![ns; 3],
            peak: Moment { held, granted: held, asked: held, ..Moment::default() },
            ..Figures::default()
        };
        let spec = "let s = span_pool(4k, 256k) over pages; segregate(<=800: slab(16|48|800, 16k) over s, else s)";
        let finalist = |spec: &str, helps| Finalist {
            spec: spec.into(),
            parts: [Ok(figures(30.0, 4_000_000)), Err("failed: aborted".into())],
            helps,
        };
        let choice = Choice {
            today: [Some(figures(60.0, 8_000_000)), None],
            driver: [20.0, 21.0],
            front: vec![finalist(spec, [true, true]), finalist("memo over system", [true, false])],
            best: Some(0),
            text: "4.0x faster.".into(),
        };
        let rounding = Rounding {
            classes: vec![16, 48, 800],
            asked_bytes: 1_000_000,
            added_bytes: 12_000,
            quad_added_bytes: 60_000,
        };
        let facts = Facts { name: "prog".into(), events: 2_000_000, threads: 2, ..Facts::default() };
        Tuning { goal: Goal::Balanced, facts, checked, tried: 63, choice, rounding: Some(rounding), locked: false }
    }

    #[test]
    fn everything_fits_the_terminal() {
        for width in [60, 80, 100, 200] {
            let text = render(&tuning(Checked::Half), Style { emphasis: false, width });
            assert!(text.lines().map(|line| line.chars().count()).max() <= Some(width.into()), "{text}");
        }
    }

    #[test]
    fn the_front_the_classes_and_the_verdict_are_told() {
        let text = render(&tuning(Checked::Half), Style { emphasis: false, width: 200 });
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "prog: 2,000,000 events, tuned on the first half, checked on the second; 63 compositions replayed.",
            "system today 40 8.0 MB – –",
            "else s) best 10 4.0 MB – –",
            "memo over system learnt 10 4.0 MB",
            "classes 16 48 800: rounding adds 1.2 % to the small blocks at the peak, 1.0 MB; four classes for each \
             doubling would add 6.0 %.",
            "On the half it was tuned on, then on the other: 4.0x faster. The program has 2 threads",
        ] {
            assert!(words.contains(part), "{part:?} is not in {words}");
        }
        assert!(!render(&tuning(Checked::Itself), Style { emphasis: false, width: 99 }).contains("checked ns"));
    }

    #[test]
    fn programs_get_the_same() {
        let json = serde_json::to_value(Json::new(&tuning(Checked::Other("x".into())))).unwrap();
        assert_eq!(json["front"][0]["tuned"]["net_ns_per_event"], 10.0);
        assert_eq!(json["front"][0]["checked"]["note"], "failed: aborted");
        assert_eq!(json["checked_on"]["other"], "x");
        assert_eq!(json["classes"]["classes"][2], 800);
        assert_eq!(json["verdict"]["best"], json["front"][0]["spec"]);
    }
}

//! Passes over all candidates and points, and what they say together.

use std::fmt::Write as _;

use bench::{
    json,
    statistics::{median, noise},
};

use super::Growth;
use crate::{
    compare::{Effort, Report, ask},
    run::{Dice, Run, Task},
};

/// A candidate's line.
pub(crate) struct Line {
    name: &'static str,
    /// Nanoseconds per operation, in the middle of the passes; nothing where it is not run.
    times: Vec<Option<f64>>,
    /// By what share of itself that may be off.
    noises: Vec<Option<f64>>,
}

/// What takes seconds to set up is run in fewer passes.
fn passes(effort: Effort, point: usize) -> usize {
    match point {
        ..=1_000_000 => effort.passes,
        _ => effort.passes.min(2),
    }
}

/// Measures all candidates at all points.
pub(crate) fn measure(growth: &Growth, effort: Effort, dice: &mut Dice) -> Result<Vec<Line>, String> {
    let mut lines: Vec<Line> =
        growth.curves.iter().map(|curve| Line { name: curve.name, times: Vec::new(), noises: Vec::new() }).collect();
    for &point in growth.points {
        let mut times = vec![Vec::new(); growth.curves.len()];
        let mut first: Option<(u64, &str)> = None;
        for _ in 0..passes(effort, point) {
            for at in dice.order(growth.curves.len()) {
                let curve = &growth.curves[at];
                if point > curve.up_to {
                    continue;
                }
                let report = ask_child(growth, curve.name, point, effort.task)?;
                times[at].push(report.time);
                let (checksum, by) = *first.get_or_insert((report.checksum, curve.name));
                if checksum != report.checksum {
                    return Err(format!("{}: `{}` and `{by}` have read different things", growth.name, curve.name));
                }
            }
        }
        for (line, times) in lines.iter_mut().zip(&times) {
            line.times.push((!times.is_empty()).then(|| median(times)));
            line.noises.push((!times.is_empty()).then(|| noise(times)));
        }
    }
    Ok(lines)
}

/// Tiny sizes, at the ends of the axis.
pub(crate) fn smoke(growth: &Growth) -> Result<(), String> {
    let last = growth.points.iter().rfind(|&&point| point <= 100_000);
    let (Some(&first), Some(&last)) = (growth.points.first(), last) else { return Ok(()) };
    let mut sums = Vec::new();
    for curve in growth.curves {
        for point in [first, last] {
            sums.push((curve.name, ask_child(growth, curve.name, point, Task::Smoke)?.checksum));
        }
    }
    let odd = sums.chunks_exact(2).find(|pair| pair[0].1 != sums[0].1 || pair[1].1 != sums[1].1);
    odd.map_or(Ok(()), |pair| {
        Err(format!("{}: `{}` and `{}` have read different things", growth.name, pair[0].0, sums[0].0))
    })
}

fn ask_child(growth: &Growth, curve: &str, point: usize, task: Task) -> Result<Report, String> {
    let failed = |why: &str| format!("{}: `{curve}` at {point} {why}", growth.name);
    ask(&["--growth-child", growth.name, curve, &point.to_string(), &task.word()], &failed)
}

/// The child's side.
pub(crate) fn child(growth: &Growth, curve: &str, point: &str, task: Task) -> Result<(), String> {
    let curve = growth.curve(curve).ok_or("no such candidate")?;
    let point = point.parse().map_err(|_| "no such point")?;
    let mut run = Run::new(task);
    (curve.run)(&mut run, point);
    crate::compare::print(growth.name, &run.outcome());
    Ok(())
}

/// As Markdown, in nanoseconds.
pub(crate) fn table(growth: &Growth, lines: &[Line]) -> String {
    let mut text =
        format!("\n### {}\n\nOne operation: {}; in ns.\n\n| {} |", growth.name, growth.operation, growth.axis);
    for point in growth.points {
        write!(text, " {point} |").expect("writing to a string");
    }
    write!(text, "\n|---|{}\n", "---:|".repeat(growth.points.len())).expect("writing to a string");
    for line in lines {
        write!(text, "| {} |", line.name).expect("writing to a string");
        for time in &line.times {
            match time {
                Some(time) => write!(text, " {time:.1} |"),
                None => write!(text, " – |"),
            }
            .expect("writing to a string");
        }
        text.push('\n');
    }
    text
}

/// The same, for who draws it.
pub(crate) fn json(growth: &Growth, lines: &[Line]) -> String {
    let lines = lines.iter().map(|line| {
        json::object(&[
            ("name", json::text(line.name)),
            ("ns", json::array(line.times.iter().map(|&time| json::number(time)))),
            ("noise", json::array(line.noises.iter().map(|&noise| json::number(noise)))),
        ])
    });
    json::object(&[
        ("name", json::text(growth.name)),
        ("operation", json::text(growth.operation)),
        ("axis", json::text(growth.axis)),
        ("points", json::array(growth.points.iter().map(ToString::to_string))),
        ("lines", json::array(lines)),
    ])
}

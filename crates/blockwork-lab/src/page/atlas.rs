//! Where blocks lay, over time: fragmentation as it looks.

use super::{Chapter, card, events, put, scale, time};
use crate::{
    draw::{Svg, axis::Axis, escape, frame::Frame, heat::Heat, number},
    replay::atlas::{Atlas, EMPTY},
    results::Candidate,
    text::{bytes, counted},
};

/// The card, if there is a map.
pub fn write(out: &mut String, chapter: &Chapter<'_>) {
    let Some((_, first)) = chapter.maps.first() else { return };
    card(
        out,
        "addresses",
        chapter,
        "Addresses over time",
        "Where in memory blocks lay, addresses upward. Blue is full of live blocks, darker for fuller; orange was used before and \
         holds nothing: memory that is held for nobody, unless it was given back. Pale stripes that stay are fragmentation.",
    );
    let name = format!("a{}", chapter.number);
    out.push_str("<div class=\"pick\">");
    for (place, (row, _)) in chapter.maps.iter().enumerate() {
        let checked = if place == 0 { " checked" } else { "" };
        put(
            out,
            format_args!(
                "<input type=\"radio\" name=\"{name}\" id=\"{name}{place}\"{checked}><label for=\"{name}{place}\">{}</label>",
                escape(&time::short(&title(chapter, *row)))
            ),
        );
    }
    for (row, atlas) in chapter.maps {
        let title = title(chapter, *row);
        put(
            out,
            format_args!("<figure><p class=\"only-print\">{}</p>{}", escape(&title), picture(chapter, atlas, &title)),
        );
        put(out, format_args!("<p class=\"soft\">{}</p>", said(atlas)));
        scale(out, "few bytes live", "full");
        out.push_str("<div class=\"scale\"><i class=\"gone\"></i>used before, empty</div></figure>");
    }
    out.push_str("</div>");
    let (from, to) = first.events;
    if to - from < chapter.survey.events {
        put(
            out,
            format_args!("<p class=\"soft\">Shown is the program image that had most live: events {from} to {to}.</p>"),
        );
    }
    out.push_str("</section>");
}

/// The number and the name of a candidate.
fn title(chapter: &Chapter<'_>, row: usize) -> String {
    let candidate: Option<&Candidate> = chapter.results.and_then(|results| results.candidates.get(row));
    format!("{} {}", row + 1, candidate.map_or("", |candidate| &candidate.spec))
}

fn said(atlas: &Atlas) -> String {
    let last = atlas.fills.iter().skip(atlas.columns.saturating_sub(1)).step_by(atlas.columns.max(1));
    let empty = last.filter(|fill| **fill == EMPTY).count() as u64;
    let cells = counted(atlas.rows.len() as u64, "cell", "cells");
    format!(
        "{cells} of {} each, in {}; {empty} of them empty in the end.",
        bytes(atlas.cell),
        counted(gaps(atlas).count() as u64 + 1, "stretch of addresses", "stretches of addresses")
    )
}

/// The rows after which addresses are left out.
fn gaps(atlas: &Atlas) -> impl Iterator<Item = usize> {
    let neighbours = atlas.rows.iter().zip(atlas.rows.iter().skip(1)).enumerate();
    neighbours.filter(|(_, (below, above))| **below + 1 != **above).map(|(row, _)| row + 1)
}

fn picture(chapter: &Chapter<'_>, atlas: &Atlas, title: &str) -> String {
    let frame = Frame::of((atlas.rows.len() as f64 * 3.0).clamp(140.0, 420.0));
    let x = Axis::exact(0.0, chapter.survey.events as f64, frame.across());
    let mut svg = time::timed(chapter, frame, &format!("Addresses over time: {title}"));
    svg.rect((frame.left, frame.top), (frame.right - frame.left, frame.bottom - frame.top), "plot", "");
    // The map may be of a part of the recording.
    let part = Frame { left: x.at(atlas.events.0 as f64), right: x.at(atlas.events.1 as f64), ..frame };
    let fills = Heat { columns: atlas.columns, cells: atlas.fills.iter().map(|fill| f64::from(*fill)).collect() };
    emptied(&mut svg, atlas, part);
    let mut full = fills;
    full.cells.iter_mut().filter(|cell| **cell <= f64::from(EMPTY)).for_each(|cell| *cell = 0.0);
    full.draw(&mut svg, part, |cell| cell / 256.0);
    let height = (frame.bottom - frame.top) / atlas.rows.len().max(1) as f64;
    for row in gaps(atlas) {
        let y = frame.bottom - row as f64 * height;
        svg.line((frame.left, y), (frame.right, y), "gap");
    }
    frame.left_name(&mut svg, "addresses");
    frame.bottom_axis(&mut svg, &x, "events", events);
    time::images(&mut svg, chapter.survey, frame, &x);
    svg.finish()
}

/// Cells that hold nothing any more.
fn emptied(svg: &mut Svg, atlas: &Atlas, frame: Frame) {
    use std::fmt::Write as _;
    let rows = atlas.rows.len().max(1) as f64;
    let (width, height) = ((frame.right - frame.left) / atlas.columns.max(1) as f64, (frame.bottom - frame.top) / rows);
    let mut path = String::new();
    for (row, cells) in atlas.fills.chunks(atlas.columns.max(1)).enumerate() {
        let y = frame.bottom - (row as f64 + 0.5) * height;
        let mut column = 0;
        for run in cells.chunk_by(|a, b| (*a == EMPTY) == (*b == EMPTY)) {
            if run.first() == Some(&EMPTY) {
                let (x, length) = (frame.left + column as f64 * width, run.len() as f64 * width);
                // Writing into a string does not fail.
                let _ = write!(path, "M{} {}h{}", number(x), number(y), number(length));
            }
            column += run.len();
        }
    }
    if !path.is_empty() {
        svg.path(&path, &format!("gone\" stroke-width=\"{}", number(height + 0.1)));
    }
}

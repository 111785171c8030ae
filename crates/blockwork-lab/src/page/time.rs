//! What is live over time, and of which sizes.

use serde_json::json;

use super::{Chapter, amount, card, events, put, scale};
use crate::{
    draw::{Svg, axis::Axis, frame::Frame, heat::Heat, lines::Line},
    survey::{SIZES, Survey, size_label},
    text,
};

/// Both cards.
pub fn write(out: &mut String, chapter: &Chapter<'_>) {
    memory(out, chapter);
    heat(out, chapter);
}

fn memory(out: &mut String, chapter: &Chapter<'_>) {
    let survey = chapter.survey;
    card(
        out,
        "memory",
        chapter,
        "Memory over time",
        "Time runs in events: every allocation, reallocation and free is one. The filled curve is what the program itself had \
         asked for and not freed: no allocator can hold less.",
    );
    let bytes = started(survey.points(|column| column.most_bytes));
    let frame = Frame::of(260.0);
    let x = Axis::exact(0.0, survey.events as f64, frame.across());
    let y = Axis::from_zero(bytes.iter().map(|point| point.1).fold(0.0, f64::max), frame.up());
    let mut svg = timed(chapter, frame, "Bytes live over time");
    frame.left_axis(&mut svg, &y, "bytes", amount);
    frame.bottom_axis(&mut svg, &x, "events", events);
    Line { class: "c2", points: &bytes, is_filled: true }.draw(&mut svg, frame, &x, &y);
    images(&mut svg, survey, frame, &x);
    let (at, high) = (x.at(survey.peak_event as f64), y.at(survey.peak_bytes as f64));
    svg.disc((at, high), 4.5, "peak", "the peak");
    let (class, dx) = if at > frame.right - 180.0 { ("peak-name end", -10.0) } else { ("peak-name", 10.0) };
    svg.words((at + dx, high + 4.0), class, &format!("peak {}", text::bytes(survey.peak_bytes)));
    put(out, format_args!("<figure>{}", svg.finish()));
    let curves = json!([
        ["live", survey.columns.iter().map(|column| column.most_bytes).collect::<Vec<_>>(), "bytes"],
        ["blocks", survey.columns.iter().map(|column| column.most_blocks).collect::<Vec<_>>(), "blocks"],
    ]);
    data(out, survey, &curves);
    out.push_str("</figure></section>");
}

fn heat(out: &mut String, chapter: &Chapter<'_>) {
    let survey = chapter.survey;
    card(
        out,
        "sizes-time",
        chapter,
        "Sizes over time",
        "Each row is a class of sizes, named by its greatest. Columns that look alike are phases; a row that never turns pale is a \
         size that wants a pool of its own.",
    );
    let name = format!("t{}", chapter.number);
    put(
        out,
        format_args!(
            "<div class=\"pick\"><input type=\"radio\" name=\"{name}\" id=\"{name}a\" checked><label for=\"{name}a\">bytes live</label>\
             <input type=\"radio\" name=\"{name}\" id=\"{name}b\"><label for=\"{name}b\">requests</label>"
        ),
    );
    for (heat, what) in [(&survey.live, "bytes live"), (&survey.asked, "requests")] {
        put(out, format_args!("<figure><p class=\"only-print\">{what}</p>{}", size_picture(chapter, heat, what)));
        data(out, survey, &json!([]));
        scale(out, "less", "more");
        out.push_str("</figure>");
    }
    out.push_str("</div></section>");
}

fn size_picture(chapter: &Chapter<'_>, heat: &Heat, what: &str) -> String {
    let (survey, used) = (chapter.survey, used(&chapter.survey.asked));
    let rows = used.end - used.start;
    let frame = Frame::of((rows as f64 * 12.0).clamp(120.0, 420.0));
    let shown = cut(heat, used.clone());
    let x = Axis::exact(0.0, survey.events as f64, frame.across());
    let mut svg = timed(chapter, frame, &format!("Sizes over time: {what}"));
    svg.rect((frame.left, frame.top), (frame.right - frame.left, frame.bottom - frame.top), "plot", "");
    shown.draw_log(&mut svg, frame);
    size_rows(&mut svg, frame, used);
    frame.bottom_axis(&mut svg, &x, "events", events);
    images(&mut svg, survey, frame, &x);
    svg.finish()
}

/// Names for rows of sizes, as many as there is room for.
pub fn size_rows(svg: &mut Svg, frame: Frame, used: std::ops::Range<usize>) {
    let height = (frame.bottom - frame.top) / (used.end - used.start).max(1) as f64;
    let every = if height < 10.0 { 3 } else { 2 };
    for (row, class) in used.enumerate() {
        if class % every == 1 || class + 1 == SIZES.len() {
            let y = frame.bottom - (row as f64 + 0.5) * height;
            svg.words((frame.left - 9.0, y + 4.0), "number end", &size_label(class));
        }
    }
    frame.left_name(svg, "bytes in a block, up to");
}

/// The rows that hold anything, and those between them.
pub fn used(heat: &Heat) -> std::ops::Range<usize> {
    let is_used = |row: &usize| {
        heat.cells.chunks(heat.columns.max(1)).nth(*row).is_some_and(|cells| cells.iter().any(|cell| *cell > 0.0))
    };
    let first = (0..heat.rows()).find(is_used).unwrap_or(0);
    let last = (0..heat.rows()).rfind(is_used).unwrap_or(0);
    first..last + 1
}

/// Some rows of a grid.
pub fn cut(heat: &Heat, rows: std::ops::Range<usize>) -> Heat {
    let cells = heat.cells.get(rows.start * heat.columns..rows.end * heat.columns).unwrap_or_default();
    Heat { columns: heat.columns, cells: cells.to_vec() }
}

/// A picture with the axis of time.
fn timed(chapter: &Chapter<'_>, frame: Frame, label: &str) -> Svg {
    let attributes = format!("data-time=\"{}\" {}", chapter.number, frame.attributes());
    Svg::new(frame.height(), label, &attributes)
}

/// Where program images begin.
fn images(svg: &mut Svg, survey: &Survey, frame: Frame, x: &Axis) {
    for (event, path) in &survey.images {
        let at = x.at(*event as f64);
        svg.line((at, frame.top), (at, frame.bottom), "image");
        let name = text::base_name(path.as_ref());
        let (class, dx) = if at > frame.right - 120.0 { ("image-name end", -5.0) } else { ("image-name", 5.0) };
        svg.words((at + dx, frame.top + 11.0), class, &format!("exec {name}"));
    }
}

/// Curves begin at nothing.
fn started(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let first = points.first().map_or(0.0, |point| point.1);
    [(0.0, first)].into_iter().chain(points).collect()
}

/// What the cursor reads.
fn data(out: &mut String, survey: &Survey, curves: &serde_json::Value) {
    let ends: Vec<_> = survey.columns.iter().map(|column| column.end).collect();
    // A `<` could end the element that holds this.
    let text = json!({"ends": ends, "curves": curves}).to_string().replace('<', "\\u003c");
    put(out, format_args!("<script type=\"application/json\">{text}</script>"));
}

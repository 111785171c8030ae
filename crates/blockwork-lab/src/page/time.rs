//! What is live over time, and of which sizes.

use serde_json::json;

use super::{Chapter, amount, card, events, put, scale, verdict::colour};
use crate::{
    draw::{Svg, axis::Axis, escape, frame::Frame, heat::Heat, lines::Line},
    results::Candidate,
    survey::{SIZES, Survey, size_label},
    text,
};

/// The card of what is live and held.
pub fn memory(out: &mut String, chapter: &Chapter<'_>) {
    let survey = chapter.survey;
    card(
        out,
        "memory",
        chapter,
        "Memory over time",
        "Time runs in events: every allocation, reallocation and free is one. The filled curve is what the program itself had \
         asked for and not freed: no allocator can hold less. The lines are what each allocator held.",
    );
    let live = started(survey.points(|column| column.most_bytes));
    let held = held(chapter);
    let frame = Frame::of(280.0);
    let x = Axis::exact(0.0, survey.events as f64, frame.across());
    let all = held.iter().flat_map(|held| &held.points).chain(&live);
    let y = Axis::from_zero(all.map(|point| point.1).fold(0.0, f64::max), frame.up());
    let mut svg = timed(chapter, frame, "Bytes live, and held by each allocator, over time");
    frame.left_axis(&mut svg, &y, "bytes", amount);
    frame.bottom_axis(&mut svg, &x, "events", events);
    Line { class: "floor", points: &live, is_filled: true }.draw(&mut svg, frame, &x, &y);
    for held in &held {
        Line { class: &held.class, points: &held.points, is_filled: false }.draw(&mut svg, frame, &x, &y);
    }
    images(&mut svg, survey, frame, &x);
    let (at, high) = (x.at(survey.peak_event as f64), y.at(survey.peak_bytes as f64));
    svg.disc((at, high), 4.5, "peak", "the peak");
    let (class, dx) = if at > frame.right - 180.0 { ("peak-name end", -10.0) } else { ("peak-name", 10.0) };
    svg.words((at + dx, high + 18.0), class, &format!("peak {}", text::bytes(survey.peak_bytes)));
    put(out, format_args!("<figure>{}", svg.finish()));
    let mut curves = vec![
        json!(["live", survey.columns.iter().map(|column| column.most_bytes).collect::<Vec<_>>(), "bytes"]),
        json!(["blocks", survey.columns.iter().map(|column| column.most_blocks).collect::<Vec<_>>(), "blocks"]),
    ];
    curves.extend(held.iter().map(|held| json!([short(&held.name), held.by_column(survey), "bytes"])));
    data(out, survey, &json!(curves));
    if !held.is_empty() {
        out.push_str("<ul class=\"key\"><li><i class=\"floor\"></i><span>live</span></li>");
        for held in &held {
            put(
                out,
                format_args!("<li><i class=\"{}\"></i><span>{}</span></li>", held.class, escape(&short(&held.name))),
            );
        }
        out.push_str("</ul>");
    }
    out.push_str("</figure></section>");
}

/// What one allocator held.
struct HeldBy {
    name: String,
    class: String,
    points: Vec<(f64, f64)>,
}

impl HeldBy {
    /// What was held in each column of the survey.
    fn by_column(&self, survey: &Survey) -> Vec<f64> {
        let mut points = self.points.iter().peekable();
        let mut last = 0.0;
        let mut most = |end: f64| {
            let mut most = last;
            while let Some(point) = points.next_if(|point| point.0 <= end) {
                last = point.1;
                most = f64::max(most, last);
            }
            most
        };
        survey.columns.iter().map(|column| most(column.end as f64)).collect()
    }
}

/// The curves of all allocators that can be used: the bound would dwarf them,
/// and models hide them.
fn held(chapter: &Chapter<'_>) -> Vec<HeldBy> {
    let rows = chapter.results.map_or(&[][..], |results| &results.candidates).iter().enumerate();
    let curve = |(index, row): (usize, &Candidate)| {
        let over = row.over_time.as_ref().filter(|over| row.is_usable() && !over.event.is_empty())?;
        let points = over.event.iter().zip(&over.held).map(|(event, held)| (*event as f64, *held as f64)).collect();
        Some(HeldBy { name: format!("{} {}", index + 1, row.spec), class: colour(index), points })
    };
    rows.filter_map(curve).collect()
}

/// A name that fits a key.
pub fn short(name: &str) -> String {
    const LONG: usize = 44;
    if name.chars().count() <= LONG { name.into() } else { name.chars().take(LONG).chain(['…']).collect() }
}

/// The card of sizes over time.
pub fn heat(out: &mut String, chapter: &Chapter<'_>) {
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
pub fn timed(chapter: &Chapter<'_>, frame: Frame, label: &str) -> Svg {
    let attributes = format!("data-time=\"{}\" {}", chapter.number, frame.attributes());
    Svg::new(frame.height(), label, &attributes)
}

/// Where program images begin.
pub fn images(svg: &mut Svg, survey: &Survey, frame: Frame, x: &Axis) {
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

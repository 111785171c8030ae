//! How long blocks live, by their size.

use super::{
    Chapter, card, notes, put, scale,
    time::{size_rows, used},
};
use crate::{
    draw::{Svg, frame::Frame, heat::Heat},
    survey::{AGES, age_label, size_label},
    text::{counted, grouped, percent},
};

/// Blocks of no greater class of age are short-lived: up to 64 allocations.
const SHORT: usize = 6;
/// A share of all blocks from which something is called out.
const MUCH: f64 = 0.05;

/// The card.
pub fn write(out: &mut String, chapter: &Chapter<'_>) {
    card(
        out,
        "lifetimes",
        chapter,
        "Lifetimes",
        "Blocks by how many allocations they lived through, and by size. What is left dies young; the column on the right was \
         never freed.",
    );
    let ages = &chapter.survey.ages;
    let rows = used(ages);
    let last = (0..AGES).rfind(|age| column(ages, *age) > 0.0).unwrap_or(0);
    let has_unfreed = column(ages, AGES) > 0.0;
    // One column of room between the ages and `never`.
    let columns = last + 1 + if has_unfreed { 2 } else { 0 };
    let mut shown = Heat::new(columns, rows.len());
    for (row, class) in rows.clone().enumerate() {
        for age in (0..=last).chain(has_unfreed.then_some(AGES)) {
            let to = if age == AGES { columns - 1 } else { age };
            if let (Some(cell), Some(blocks)) = (shown.cell(to, row), ages.cells.get(class * ages.columns + age)) {
                *cell = *blocks;
            }
        }
    }
    let frame = Frame::of((rows.len() as f64 * 12.0).clamp(120.0, 420.0));
    let mut svg = Svg::new(frame.height(), "Blocks by lifetime and size", "");
    let width = (frame.right - frame.left) / columns as f64;
    let plot = (last + 1) as f64 * width;
    svg.rect((frame.left, frame.top), (plot, frame.bottom - frame.top), "plot", "");
    if has_unfreed {
        svg.rect((frame.right - width, frame.top), (width, frame.bottom - frame.top), "plot", "");
        svg.words((frame.right - width / 2.0, frame.bottom + 19.0), "number middle", &age_label(AGES));
    }
    shown.draw_log(&mut svg, frame);
    size_rows(&mut svg, frame, rows.clone());
    let every = last / 10 + 1;
    for age in (0..=last).step_by(every) {
        let x = frame.left + (age as f64 + 0.5) * width;
        svg.words((x, frame.bottom + 19.0), "number middle", &age_label(age));
    }
    svg.words(
        (f64::midpoint(frame.left, frame.left + plot), frame.bottom + 40.0),
        "name middle",
        "freed within so many allocations",
    );
    let remarks = callouts(&mut svg, chapter, frame, width, rows, last);
    put(out, format_args!("<figure>{}</figure>", svg.finish()));
    scale(out, "fewer blocks", "more");
    notes(out, &remarks);
    out.push_str("</section>");
}

fn column(ages: &Heat, column: usize) -> f64 {
    ages.cells.iter().skip(column).step_by(ages.columns.max(1)).sum()
}

/// Marks what could be an arena's, and says so.
fn callouts(
    svg: &mut Svg,
    chapter: &Chapter<'_>,
    frame: Frame,
    width: f64,
    rows: std::ops::Range<usize>,
    last: usize,
) -> Vec<String> {
    let ages = &chapter.survey.ages;
    let all: f64 = ages.cells.iter().sum();
    let cells = ages.cells.chunks(ages.columns.max(1));
    let short: Vec<f64> = cells.map(|row| row.iter().take(SHORT + 1).sum()).collect();
    let total: f64 = short.iter().sum();
    let mut remarks = Vec::new();
    if total >= all * MUCH {
        // The rows that hold most of them.
        let mut sum = 0.0;
        let top = short.iter().position(|row| {
            sum += row;
            sum >= total * 0.9
        });
        let top = top.unwrap_or(rows.end - 1);
        let height = (frame.bottom - frame.top) / rows.len() as f64;
        let high = (top + 1).saturating_sub(rows.start) as f64 * height;
        let wide = (SHORT.min(last) + 1) as f64 * width;
        svg.rect((frame.left + 1.0, frame.bottom - high), (wide - 2.0, high - 1.0), "callout", "");
        svg.words((frame.left + wide + 6.0, frame.bottom - high + 13.0), "callout-name", "arena these");
        let within: f64 = short.iter().take(top + 1).sum();
        remarks.push(format!(
            "{} of all blocks are freed within {} allocations, and nine in ten of those have at most {} bytes ({}): scratch \
             memory, if the code that asks for them ends as early. An arena that is reset after each task serves them without a \
             free; so does a bump allocator with marks.",
            share(total, all),
            age_label(SHORT),
            size_label(top),
            counted(whole(within), "block", "blocks"),
        ));
    }
    let never = column(ages, AGES);
    if never >= all * MUCH {
        remarks.push(format!(
            "{} of all blocks ({}) are never freed: an arena without frees holds them without headers or rounding, and keeps them from \
             pinning memory among others.",
            share(never, all),
            grouped(whole(never)),
        ));
    }
    if remarks.is_empty() {
        remarks.push("No group of blocks dies young or stays for ever: nothing here asks for an arena.".into());
    }
    remarks
}

fn share(part: f64, all: f64) -> String {
    percent(whole(part), whole(all))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts that were added up as fractions")]
fn whole(count: f64) -> u64 {
    count as u64
}

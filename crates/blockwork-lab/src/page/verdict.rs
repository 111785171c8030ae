//! What helps: in words, as a table, and as a picture of time against memory.

use super::{Chapter, amount, put};
use crate::{
    draw::{
        Svg,
        axis::Axis,
        escape,
        frame::Frame,
        scatter::{self, Dot},
    },
    results::{Candidate, Results},
    text::{bytes, grouped, percent},
};

/// Less net time per event than this cannot be told from none.
const FLOOR: f64 = 0.5;

/// The card.
pub fn write(out: &mut String, chapter: &Chapter<'_>) {
    let Some(results) = chapter.results else {
        put(
            out,
            format_args!(
                "<section class=\"card verdict\" id=\"r{}-verdict\"><p class=\"says\">Not replayed through other allocators, so \
                 there is no verdict here.</p><p class=\"soft\"><code>blockwork compare {}</code> replays it; <code>blockwork report \
                 --runs 5 {0}</code> draws what came of it.</p></section>",
                chapter.number,
                escape(chapter.file),
            ),
        );
        return;
    };
    let gain = if results.gains() { " gain" } else { "" };
    put(
        out,
        format_args!(
            "<section class=\"card verdict{gain}\" id=\"r{}-verdict\"><p class=\"says\">{}</p>",
            chapter.number,
            escape(&results.verdict.text)
        ),
    );
    picture(out, results);
    table(out, results);
    out.push_str("</section>");
}

/// The class that gives a row its colour.
pub fn colour(index: usize) -> String {
    format!("c{}", index % 10)
}

fn picture(out: &mut String, results: &Results) {
    let dots: Vec<Dot> =
        results.candidates.iter().enumerate().filter_map(|(index, row)| dot(results, index, row)).collect();
    if dots.is_empty() {
        return;
    }
    let frame = Frame::of(300.0);
    let x = Axis::fitting(dots.iter().map(|dot| dot.x), frame.across());
    let y = Axis::fitting(dots.iter().map(|dot| dot.y), frame.up());
    let mut svg = Svg::new(frame.height(), "Time per event against most memory held, for each allocator", "");
    frame.left_axis(&mut svg, &y, "most bytes held", amount);
    frame.bottom_axis(&mut svg, &x, "nanoseconds per event, without the replay itself", crate::draw::number);
    scatter::draw(&dots, &mut svg, frame, &x, &y);
    put(
        out,
        format_args!(
            "<figure>{}</figure><p class=\"soft\">Down and left is better. The dashed line joins what nothing usable beats in \
             both; the bound never frees, and models are no code that could be used.</p>",
            svg.finish()
        ),
    );
}

fn dot(results: &Results, index: usize, row: &Candidate) -> Option<Dot> {
    let (net, held) = (results.net(row)?.max(FLOOR), row.peak_held_bytes?);
    Some(Dot {
        x: net,
        y: held as f64,
        class: colour(index),
        mark: (index + 1).to_string(),
        tip: format!("{}\n{net:.1} ns per event, {} held at most", row.spec, bytes(held)),
        is_usable: row.is_usable(),
    })
}

fn table(out: &mut String, results: &Results) {
    out.push_str(
        "<div class=\"wide\"><table><thead><tr><th></th><th>allocator</th><th></th><th class=\"right\">ns per event</th>\
         <th class=\"right\">net</th><th class=\"right\">held</th><th class=\"right\">inside</th><th class=\"right\">outside</th>\
         <th class=\"right\">requests</th></tr></thead><tbody>",
    );
    for (index, row) in results.candidates.iter().enumerate() {
        let is_best = row.is_usable() && results.verdict.best.as_deref() == Some(&row.spec) && row.kind != "baseline";
        let tag = match row.kind.as_str() {
            "baseline" => "today",
            "composition" if is_best => "best",
            "composition" => "",
            other => other,
        };
        put(
            out,
            format_args!(
                "<tr{}><td><span class=\"badge {}\"><i>{}</i></span></td><td><code>{}</code></td><td class=\"tag\">{}</td>",
                if is_best { " class=\"best\"" } else { "" },
                colour(index),
                index + 1,
                escape(&row.spec),
                escape(tag),
            ),
        );
        if let Some(note) = &row.note {
            put(
                out,
                format_args!("<td colspan=\"6\" class=\"tag\" style=\"white-space:normal\">{}</td></tr>", escape(note)),
            );
            continue;
        }
        let held = row.peak_held_bytes.unwrap_or(0);
        let share = |waste: Option<u64>| waste.map_or_else(dash, |waste| percent(waste, held));
        let cells = [
            row.ns_per_event.map_or_else(dash, |ns| format!("{:.0}", ns.median)),
            results.net(row).map_or_else(dash, |net| if net < FLOOR { "< 1".into() } else { format!("{net:.0}") }),
            row.peak_held_bytes.map_or_else(dash, bytes),
            share(row.internal_waste_bytes),
            share(row.external_waste_bytes),
            row.parent_requests.map_or_else(dash, grouped),
        ];
        for cell in cells {
            put(out, format_args!("<td class=\"right\">{cell}</td>"));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
}

fn dash() -> String {
    "–".into()
}

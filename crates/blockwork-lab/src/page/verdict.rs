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
    time_by_memory(out, &dots, 300.0, "for each allocator");
    out.push_str(
        "<p class=\"soft\">Down and left is better. The dashed line joins what nothing usable beats in both; the bound never \
         frees, and models are no code that could be used.</p>",
    );
}

/// Time against memory of some allocators: `whose` says of which, for those who do
/// not see it.
pub fn time_by_memory(out: &mut String, dots: &[Dot], height: f64, whose: &str) {
    let frame = Frame::of(height);
    let x = Axis::fitting(dots.iter().map(|dot| dot.x), frame.across());
    let y = Axis::fitting(dots.iter().map(|dot| dot.y), frame.up());
    let mut svg = Svg::new(frame.height(), &format!("Time per event against most memory held, {whose}"), "");
    frame.left_axis(&mut svg, &y, "most bytes held", amount);
    frame.bottom_axis(&mut svg, &x, "nanoseconds per event, without the replay itself", crate::draw::number);
    scatter::draw(dots, &mut svg, frame, &x, &y);
    put(out, format_args!("<figure>{}</figure>", svg.finish()));
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

/// A column of figures.
struct Figure {
    name: &'static str,
    /// What it means, for those who point at it.
    means: &'static str,
    of: fn(&Results, &Candidate) -> Option<String>,
}

const FIGURES: [Figure; 8] = [
    Figure {
        name: "ns",
        means: "processor time per event, the replay's own included",
        of: |_, row| row.ns_per_event.map(|ns| format!("{:.0}", ns.median)),
    },
    Figure {
        name: "net",
        means: "the same without the replay's own",
        of: |results, row| results.net(row).map(|net| if net < FLOOR { "< 1".into() } else { format!("{net:.0}") }),
    },
    Figure {
        name: "p99",
        means: "all but one call in a hundred take no longer, in nanoseconds",
        of: |_, row| row.ns_per_call.map(|calls| format!("{:.0}", calls.p99)),
    },
    Figure {
        name: "held",
        means: "most bytes taken from the operating system",
        of: |_, row| row.peak_held_bytes.map(bytes),
    },
    Figure {
        name: "× live",
        means: "that, as a multiple of the most bytes that were live",
        of: |results, row| {
            let live = results.recording.peak_live_bytes.max(1);
            row.peak_held_bytes.map(|held| format!("{:.2}", held as f64 / live as f64))
        },
    },
    Figure {
        name: "inside",
        means: "of held, lost by rounding within live blocks",
        of: |_, row| row.internal_waste_bytes.map(|waste| percent(waste, row.peak_held_bytes.unwrap_or(0))),
    },
    Figure {
        name: "outside",
        means: "of held, in no live block",
        of: |_, row| row.external_waste_bytes.map(|waste| percent(waste, row.peak_held_bytes.unwrap_or(0))),
    },
    Figure {
        name: "requests",
        means: "how often the parent was asked for memory",
        of: |_, row| row.parent_requests.map(grouped),
    },
];

fn table(out: &mut String, results: &Results) {
    let is_known = |figure: &&Figure| results.candidates.iter().any(|row| (figure.of)(results, row).is_some());
    let figures: Vec<_> = FIGURES.iter().filter(is_known).collect();
    out.push_str("<div class=\"wide\"><table><thead><tr><th></th><th>allocator</th><th></th>");
    for figure in &figures {
        put(out, format_args!("<th class=\"right\" title=\"{}\">{}</th>", figure.means, figure.name));
    }
    out.push_str("</tr></thead><tbody>");
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
        match &row.note {
            Some(note) => {
                put(out, format_args!("<td colspan=\"{}\" class=\"note\">{}</td>", figures.len(), escape(note)));
            }
            None => {
                for figure in &figures {
                    let cell = (figure.of)(results, row).unwrap_or_else(|| "–".into());
                    put(out, format_args!("<td class=\"right\">{cell}</td>"));
                }
            }
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out.push_str("<p class=\"soft\">");
    for figure in &figures {
        put(out, format_args!("<b>{}</b>: {}. ", figure.name, figure.means));
    }
    out.push_str("</p>");
}

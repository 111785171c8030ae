//! What `tune` found, if its results are there: the front of time against memory.

use super::{
    Chapter, card, put,
    verdict::{colour, time_by_memory},
};
use crate::{
    draw::{escape, scatter::Dot},
    results::tuning::Part,
    text::{bytes, counted},
};

/// The card, if the recording was tuned for.
pub fn write(out: &mut String, chapter: &Chapter<'_>) {
    let Some(tuning) = chapter.tuning else { return };
    card(
        out,
        "tuned",
        chapter,
        "Tuned",
        "What a search over compositions left: none of these is beaten in both time and memory by another. Figures are of the part of \
         the recording that was kept for checking.",
    );
    put(out, format_args!("<p class=\"says\">{}</p>", escape(&tuning.verdict.text)));
    let today = tuning.today.get(1).into_iter().map(|part| ("system", part, None));
    let rows: Vec<_> =
        today.chain(tuning.front.iter().map(|row| (row.spec.as_str(), &row.checked, Some(&row.tuned)))).collect();
    let dots: Vec<Dot> =
        rows.iter().enumerate().filter_map(|(index, (spec, part, _))| dot(index, spec, part)).collect();
    if !dots.is_empty() {
        time_by_memory(out, &dots, 260.0, "of what was tuned");
    }
    out.push_str(
        "<div class=\"wide\"><table><thead><tr><th></th><th>composition</th><th class=\"right\">net ns</th>\
         <th class=\"right\">held</th><th class=\"right\">net ns when tuned</th><th class=\"right\">held when tuned</th></tr></thead><tbody>",
    );
    for (index, (spec, checked, tuned)) in rows.iter().enumerate() {
        let is_best = index > 0 && tuning.verdict.best == **spec;
        let tuned = tuned.or(tuning.today.first());
        put(
            out,
            format_args!(
                "<tr{}><td><span class=\"badge {}\"><i>{}</i></span></td><td><code>{}</code></td>{}{}</tr>",
                if is_best { " class=\"best\"" } else { "" },
                colour(index),
                index + 1,
                escape(spec),
                cells(Some(checked)),
                cells(tuned),
            ),
        );
    }
    let tried = counted(tuning.compositions_tried, "composition was", "compositions were");
    put(out, format_args!("</tbody></table></div><p class=\"soft\">{tried} tried.</p></section>"));
}

fn cells(part: Option<&Part>) -> String {
    let dash = || "–".to_owned();
    let net = part.and_then(|part| part.net_ns_per_event).map_or_else(dash, |net| format!("{net:.0}"));
    let held = part.and_then(|part| part.peak_held_bytes).map_or_else(dash, bytes);
    format!("<td class=\"right\">{net}</td><td class=\"right\">{held}</td>")
}

fn dot(index: usize, spec: &str, part: &Part) -> Option<Dot> {
    let (net, held) = (part.net_ns_per_event?.max(0.5), part.peak_held_bytes?);
    Some(Dot {
        x: net,
        y: held as f64,
        class: colour(index),
        mark: (index + 1).to_string(),
        tip: format!("{spec}\n{net:.1} ns per event, {} held at most", bytes(held)),
        is_usable: true,
    })
}

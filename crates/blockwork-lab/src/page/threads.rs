//! Who asks, and who frees.

use super::{Chapter, card, notes, put};
use crate::{
    draw::heat::Heat,
    survey::{Survey, THREADS},
    text::{bytes, counted, grouped, percent},
};

/// Threads that a matrix has room for.
const SHOWN: usize = 12;

/// The card.
pub fn write(out: &mut String, chapter: &Chapter<'_>) {
    let survey = chapter.survey;
    let threads = survey.by_thread.len();
    let how = if threads == 1 {
        "One thread asks for everything and frees everything: its allocator needs no lock."
    } else {
        "What each thread asks for, and whose blocks it frees. Frees off the diagonal are of other threads' blocks."
    };
    card(out, "threads", chapter, "Threads", how);
    if threads > 1 {
        table(out, survey);
        matrix(out, survey);
        notes(out, &[remark(survey)]);
    }
    out.push_str("</section>");
}

fn name(thread: usize) -> String {
    if thread + 1 == THREADS { format!("{thread} and up") } else { thread.to_string() }
}

fn table(out: &mut String, survey: &Survey) {
    let most = survey.by_thread.iter().map(|thread| thread.requests).max().unwrap_or(1).max(1);
    out.push_str(
        "<div class=\"wide\"><table><thead><tr><th>thread</th><th style=\"width:40%\"></th><th class=\"right\">requests</th>\
         <th class=\"right\">bytes</th><th class=\"right\">frees</th></tr></thead><tbody>",
    );
    for (thread, did) in survey.by_thread.iter().enumerate() {
        put(
            out,
            format_args!(
                "<tr><td>{}</td><td><div class=\"meter\" style=\"width:{:.1}%;background:var(--h4)\"></div></td>\
                 <td class=\"right\">{}</td><td class=\"right\">{}</td><td class=\"right\">{}</td></tr>",
                name(thread),
                did.requests as f64 * 100.0 / most as f64,
                grouped(did.requests),
                bytes(did.bytes),
                grouped(did.frees),
            ),
        );
    }
    out.push_str("</tbody></table></div>");
}

fn matrix(out: &mut String, survey: &Survey) {
    let shown = survey.by_thread.len().min(SHOWN);
    let most = survey.freed.cells.iter().copied().fold(1.0, f64::max);
    out.push_str("<div class=\"wide\" style=\"margin-top:14px\"><table style=\"width:auto\"><thead><tr><th>asked by ↓ freed by →</th>");
    for thread in 0..shown {
        put(out, format_args!("<th class=\"right\">{}</th>", name(thread)));
    }
    out.push_str("</tr></thead><tbody>");
    for owner in 0..shown {
        put(out, format_args!("<tr><td>{}</td>", name(owner)));
        for thread in 0..shown {
            let frees = at(&survey.freed, thread, owner);
            let shade = if frees > 0.0 { (frees.ln_1p() / most.ln_1p() * 55.0).max(6.0) } else { 0.0 };
            put(
                out,
                format_args!(
                    "<td class=\"right\" style=\"padding-left:14px;background:color-mix(in srgb,var(--h4) {shade:.0}%,transparent)\">\
                     {}</td>",
                    grouped(whole(frees))
                ),
            );
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    if survey.by_thread.len() > shown {
        put(out, format_args!("<p class=\"soft\">The first {shown} of {} threads.</p>", survey.by_thread.len()));
    }
}

fn at(heat: &Heat, column: usize, row: usize) -> f64 {
    heat.cells.get(row * heat.columns + column).copied().unwrap_or(0.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts that were added up as fractions")]
fn whole(count: f64) -> u64 {
    count as u64
}

fn remark(survey: &Survey) -> String {
    let frees: u64 = survey.by_thread.iter().map(|thread| thread.frees).sum();
    let own: f64 = (0..THREADS).map(|thread| at(&survey.freed, thread, thread)).sum();
    let elsewhere = frees.saturating_sub(whole(own));
    if elsewhere == 0 {
        return "Every block is freed by the thread that asked for it: each thread could have an allocator of its own, without locks."
            .into();
    }
    format!(
        "{} ({}): an allocator for one thread alone does not serve these; one that is shared needs a lock or \
         a way home for such blocks.",
        counted(elsewhere, "free is of another thread's block", "frees are of other threads' blocks"),
        percent(elsewhere, frees),
    )
}

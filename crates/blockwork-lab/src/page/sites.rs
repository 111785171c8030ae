//! Who asks, if the recording says: by function.

use std::collections::HashMap;

use super::{Chapter, card, notes, put};
use crate::{
    draw::escape,
    survey::at_peak,
    text::{bytes, grouped, percent},
    trace::Kind,
};

/// Sites that are named.
const TOP: usize = 20;
/// Functions that are named of each.
const CALLS: usize = 6;

/// What one site asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Site {
    stack: u32,
    requests: u64,
    bytes: u64,
    at_peak: u64,
    blocks_at_peak: u64,
}

/// The card, if call sites were recorded.
pub fn write(out: &mut String, chapter: &Chapter<'_>) {
    let sites = &chapter.trace.sites;
    card(
        out,
        "sites",
        chapter,
        "Call sites",
        "Who asked for what was live at the peak, and for how much in all. A request belongs to the stack of functions that led to it.",
    );
    if sites.is_empty() {
        out.push_str("<p class=\"soft\">Not in this recording: <code>blockwork record --stacks</code> notes who asks.</p></section>");
        return;
    }
    let all = gather(chapter);
    let peak = chapter.survey.peak_bytes;
    let asked = chapter.trace.tally.requested_bytes();
    let most = all.first().map_or(1, |site| site.at_peak).max(1);
    out.push_str(
        "<div class=\"wide\"><table><thead><tr><th>at the peak</th><th></th><th class=\"right\">blocks</th>\
         <th class=\"right\">asked for in all</th><th class=\"right\">requests</th><th>by</th></tr></thead><tbody>",
    );
    let telling = all.iter().take(TOP).take_while(|site| site.at_peak > 0 || site.bytes > asked / 100);
    let shown = telling.clone().count();
    for site in telling {
        let mut frames = sites.frames(site.stack).map(|frame| escape(&frame.short()));
        let first = frames.next().unwrap_or_else(|| "?".into());
        let callers: Vec<_> = frames.take(CALLS - 1).collect();
        put(
            out,
            format_args!(
                "<tr><td class=\"right\">{}</td><td style=\"width:110px\"><div class=\"meter\" style=\"width:{:.1}%;background:\
                 var(--h4)\"></div><span class=\"tag\">{}</span></td><td class=\"right\">{}</td><td class=\"right\">{}</td>\
                 <td class=\"right\">{}</td><td><code>{first}</code><div class=\"soft\">{}</div></td></tr>",
                bytes(site.at_peak),
                site.at_peak as f64 * 100.0 / most as f64,
                percent(site.at_peak, peak),
                grouped(site.blocks_at_peak),
                bytes(site.bytes),
                grouped(site.requests),
                callers.join(" ← "),
            ),
        );
    }
    out.push_str("</tbody></table></div>");
    if all.len() > shown {
        let rest: u64 = all.iter().skip(shown).map(|site| site.at_peak).sum();
        notes(
            out,
            &[format!("{} other sites hold {} at the peak.", grouped((all.len() - shown) as u64), percent(rest, peak))],
        );
    }
    out.push_str("</section>");
}

/// All sites, those that hold most at the peak first.
fn gather(chapter: &Chapter<'_>) -> Vec<Site> {
    let (trace, mut sites) = (chapter.trace, HashMap::<u32, Site>::new());
    for (event, op) in trace.ops.iter().enumerate().filter(|(_, op)| op.kind != Kind::Free) {
        let stack = trace.sites.of(event);
        let site = sites.entry(stack).or_default();
        (site.stack, site.requests) = (stack, site.requests + 1);
        site.bytes = site.bytes.saturating_add(op.size);
    }
    for held in at_peak(trace, chapter.survey.peak_event) {
        let site = sites.entry(trace.sites.of(held.event)).or_default();
        site.at_peak = site.at_peak.saturating_add(held.size);
        site.blocks_at_peak += 1;
    }
    let mut sites: Vec<Site> = sites.into_values().collect();
    sites.sort_unstable_by_key(|site| (std::cmp::Reverse((site.at_peak, site.bytes)), site.stack));
    sites
}

//! How large blocks are, and what rounding costs.

use std::alloc::Layout;

use blockwork::{Allocate, notation::Composition};

use super::{Chapter, amount, card, notes, put};
use crate::{
    draw::{
        Svg,
        axis::Axis,
        bars::{Bar, Bars},
        escape,
        frame::Frame,
    },
    results::tuning::Tuning,
    survey::{SIZES, at_peak, size_class, size_label},
    text::{bytes, counted, grouped, percent},
};

/// How many sizes are bars of their own.
const FEW: usize = 56;
/// How many sizes are named.
const TOP: usize = 5;

/// The card.
pub fn write(out: &mut String, chapter: &Chapter<'_>) {
    let mut sizes: Vec<(u64, u64)> = chapter.survey.sizes.iter().map(|(&size, &requests)| (size, requests)).collect();
    sizes.sort_unstable();
    let cuts = recommended(chapter);
    let what = match &cuts {
        Some(cuts) => format!(
            "Bytes asked for, by size of the request. Dashed lines are where <code>{}</code> cuts its classes; what it loses by \
             rounding up to them is the upper part of a bar.",
            escape(cuts.spec)
        ),
        None => "Bytes asked for, by size of the request.".into(),
    };
    card(out, "sizes", chapter, "Sizes", &what);
    let bars = bars(&sizes, cuts.as_ref());
    let frame = Frame::of(240.0);
    let y = Axis::from_zero(bars.most(), frame.up());
    let mut svg = Svg::new(frame.height(), "Bytes asked for by size of the request", "");
    frame.left_axis(&mut svg, &y, "bytes asked for", amount);
    bars.draw(&mut svg, frame, &y);
    svg.words((f64::midpoint(frame.left, frame.right), frame.bottom + 40.0), "name middle", "bytes in a request");
    put(out, format_args!("<figure>{}</figure>", svg.finish()));
    let mut said = remarks(&sizes, cuts.as_ref());
    said.extend(large(chapter));
    notes(out, &said);
    out.push_str("</section>");
}

/// A composition that says what it grants.
struct Cuts<'a> {
    spec: &'a str,
    heap: blockwork::notation::Composed<'static>,
}

impl Cuts<'_> {
    fn granted(&self, size: u64) -> u64 {
        let layout = usize::try_from(size).ok().and_then(|size| Layout::from_size_align(size, 16).ok());
        layout.map_or(size, |layout| self.heap.granted(layout) as u64)
    }
}

/// The composition that the verdict names, or the one that holds least.
fn recommended<'a>(chapter: &Chapter<'a>) -> Option<Cuts<'a>> {
    if let Some(spec) = chapter.tuning.and_then(Tuning::best) {
        return Some(Cuts { spec, heap: spec.parse::<Composition>().ok()?.build().ok()? });
    }
    let results = chapter.results?;
    let rows = results.candidates.iter().filter(|row| row.kind == "composition" && row.peak_held_bytes.is_some());
    let best = rows.min_by_key(|row| (results.verdict.best.as_ref() != Some(&row.spec), row.peak_held_bytes))?;
    let heap = best.spec.parse::<Composition>().ok()?.build().ok()?;
    Some(Cuts { spec: &best.spec, heap })
}

fn bars(sizes: &[(u64, u64)], cuts: Option<&Cuts<'_>>) -> Bars {
    let wasted = |size: u64, requests: u64| {
        cuts.map_or(0.0, |cuts| cuts.granted(size).saturating_sub(size) as f64 * requests as f64)
    };
    if sizes.len() <= FEW {
        let bar = |(index, &(size, requests)): (usize, &(u64, u64))| Bar {
            value: size as f64 * requests as f64,
            above: wasted(size, requests),
            tip: format!("{}: {}", bytes(size), counted(requests, "request", "requests")),
            label: grouped(size),
            is_cut: sizes.get(index + 1).is_some_and(|next| is_cut(cuts, size, next.0)),
        };
        return Bars(sizes.iter().enumerate().map(bar).collect());
    }
    let (first, last) =
        (sizes.first().map_or(0, |size| size_class(size.0)), sizes.last().map_or(0, |size| size_class(size.0)));
    let bar = |class: u8| {
        let within = sizes.iter().filter(|(size, _)| size_class(*size) == class);
        let requests: u64 = within.clone().map(|(_, requests)| requests).sum();
        let bound = SIZES.get(usize::from(class)).copied().unwrap_or(u64::MAX);
        Bar {
            value: within.clone().map(|(size, requests)| *size as f64 * *requests as f64).sum(),
            above: within.map(|(size, requests)| wasted(*size, *requests)).sum(),
            tip: format!("up to {}: {}", size_label(class.into()), counted(requests, "request", "requests")),
            label: size_label(class.into()),
            is_cut: class < last && bound < u64::MAX && is_cut(cuts, bound, bound + 1),
        }
    };
    Bars((first..=last).map(bar).collect())
}

/// Whether a class of blocks ends between two sizes.
fn is_cut(cuts: Option<&Cuts<'_>>, size: u64, next: u64) -> bool {
    cuts.is_some_and(|cuts| cuts.granted(size) < cuts.granted(next))
}

fn remarks(sizes: &[(u64, u64)], cuts: Option<&Cuts<'_>>) -> Vec<String> {
    let requests: u64 = sizes.iter().map(|(_, requests)| requests).sum();
    let asked = sizes.iter().map(|(size, requests)| u128::from(*size) * u128::from(*requests)).sum::<u128>();
    let asked = u64::try_from(asked).unwrap_or(u64::MAX);
    let mut most: Vec<_> = sizes.to_vec();
    most.sort_unstable_by_key(|&(size, requests)| (std::cmp::Reverse(requests), size));
    let named: Vec<_> =
        most.iter().take(TOP).map(|&(size, count)| format!("{size} ({})", percent(count, requests))).collect();
    let all = counted(sizes.len() as u64, "size", "sizes");
    let mut remarks = vec![format!("{all} in all; most often: {} bytes.", named.join(", "))];
    if let Some(cuts) = cuts {
        let granted =
            sizes.iter().map(|&(size, count)| u128::from(cuts.granted(size)) * u128::from(count)).sum::<u128>();
        let waste = u64::try_from(granted).unwrap_or(u64::MAX).saturating_sub(asked);
        remarks.push(format!("Rounding to these classes costs {} of what is asked for.", percent(waste, asked)));
    }
    remarks
}

/// A few large blocks at the peak, which no pool serves better.
fn large(chapter: &Chapter<'_>) -> Option<String> {
    const LARGE: u64 = 64 << 10;
    let survey = chapter.survey;
    let blocks = at_peak(chapter.trace, survey.peak_event).into_iter().filter(|block| block.size > LARGE);
    let (count, sum) = blocks.fold((0_u64, 0_u64), |(count, sum), block| (count + 1, sum.saturating_add(block.size)));
    (sum > survey.peak_bytes / 5).then(|| {
        format!(
            "At the peak, {} of more than {} {} of what is live: no pool changes that.",
            counted(count, "block", "blocks"),
            bytes(LARGE),
            format_args!("{} {}", if count == 1 { "holds" } else { "hold" }, percent(sum, survey.peak_bytes)),
        )
    })
}

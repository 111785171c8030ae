//! The report: one HTML file that needs nothing else.
//!
//! ```text
//! Trace ─► Survey ─┐
//! compare ─► Results ─┼─► Chapter ─► a section of the page for each recording
//! replay ─► Atlas ────┘
//! ```
//!
//! No network, no fonts of its own; it works without scripts, which only add a
//! cursor and a copy button. Colours are in `page.css`, for light, dark and paper.

mod atlas;
mod code;
mod lifetimes;
mod method;
mod sites;
mod sizes;
mod threads;
mod time;
mod tuned;
mod verdict;

use std::fmt::Write as _;

use crate::{
    draw::escape,
    replay::atlas::Atlas,
    results::{Results, tuning::Tuning},
    survey::Survey,
    text::{bytes, counted, grouped},
    trace::Trace,
};

/// What is said of one recording.
#[derive(Debug)]
pub struct Chapter<'a> {
    /// Distinguishes the chapters of a page.
    pub number: usize,
    /// The recording's file, as it may be typed.
    pub file: &'a str,
    /// The recording.
    pub trace: &'a Trace,
    /// What its pictures show.
    pub survey: &'a Survey,
    /// What came of replaying it, if it was.
    pub results: Option<&'a Results>,
    /// Which addresses some of its candidates gave, with the numbers of their rows.
    pub maps: &'a [(usize, Atlas)],
    /// What a search over compositions found, if there was one.
    pub tuning: Option<&'a Tuning>,
    /// Timed runs.
    pub runs: u32,
}

/// A page that is being written.
#[derive(Debug, Default)]
pub struct Page {
    names: Vec<String>,
    body: String,
}

impl Page {
    /// Appends a chapter.
    pub fn push(&mut self, chapter: &Chapter<'_>) {
        let name = if chapter.trace.name.is_empty() { chapter.file } else { &chapter.trace.name };
        self.names.push(name.to_owned());
        let out = &mut self.body;
        put(out, format_args!("<section id=\"r{}\"><h1>{}</h1>", chapter.number, escape(name)));
        heading(out, chapter);
        if chapter.trace.ops.is_empty() {
            out.push_str(
                "<div class=\"card\"><p>The recording holds no events: there is nothing to draw.</p></div></section>",
            );
            return;
        }
        verdict::write(out, chapter);
        tuned::write(out, chapter);
        time::memory(out, chapter);
        atlas::write(out, chapter);
        time::heat(out, chapter);
        sizes::write(out, chapter);
        lifetimes::write(out, chapter);
        threads::write(out, chapter);
        sites::write(out, chapter);
        code::write(out, chapter);
        method::write(out, chapter);
        out.push_str("</section>");
    }

    /// The whole page.
    pub fn finish(self) -> String {
        let title = escape(&self.names.join(", "));
        let mut links = String::new();
        if self.names.len() > 1 {
            for (number, name) in self.names.iter().enumerate() {
                put(&mut links, format_args!("<a href=\"#r{number}\">{}</a>", escape(name)));
            }
        }
        let (style, script) = (include_str!("page.css"), include_str!("page.js"));
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}: allocations</title>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"generator\" content=\"blockwork {}\">\
             <link rel=\"icon\" href=\"data:,\">\
             <style>{style}</style></head><body>\
             <div class=\"top\"><span>blockwork report</span><nav>{links}</nav>\
             <button id=\"scheme\" type=\"button\">Light or dark</button></div><main>{}\
             <footer>Written by blockwork {}. Nothing in this file is loaded from elsewhere.</footer></main>\
             <div id=\"readout\"></div><script>{script}</script></body></html>\n",
            env!("CARGO_PKG_VERSION"),
            self.body,
            env!("CARGO_PKG_VERSION"),
        )
    }
}

/// What was recorded, in a line and six figures.
fn heading(out: &mut String, chapter: &Chapter<'_>) {
    let (trace, tally) = (chapter.trace, &chapter.trace.tally);
    let images: Vec<_> = trace.images.iter().map(|image| escape(&image.path)).filter(|path| !path.is_empty()).collect();
    put(out, format_args!("<p class=\"sub\">{}</p>", images.join(" → ")));
    if let Some(damage) = &trace.damage {
        let damage = escape(&damage.to_string());
        put(
            out,
            format_args!(
                "<div class=\"card\"><p class=\"says\">The recording is damaged: {damage}. What came before is shown.</p></div>"
            ),
        );
    }
    let totals = tally.totals();
    let facts = [
        (grouped(totals.events()), "events"),
        (grouped(totals.allocations), "blocks"),
        (bytes(tally.requested_bytes()), "asked for"),
        (bytes(tally.peak_live_bytes()), "live at the peak"),
        (grouped(tally.peak_live_blocks()), "blocks live at most"),
        (grouped(tally.threads()), if tally.threads() == 1 { "thread" } else { "threads" }),
    ];
    out.push_str("<div class=\"facts\">");
    for (figure, name) in facts {
        put(out, format_args!("<div><b>{figure}</b><span>{name}</span></div>"));
    }
    out.push_str("</div>");
    if totals.strays > 0 {
        let strays = counted(totals.strays, "free names", "frees name");
        let double = counted(totals.double_frees, "of them a double free", "of them double frees");
        put(out, format_args!("<p class=\"soft\">{strays} no live block, {double}.</p>"));
    }
}

/// Opens a card with a heading and a sentence that says how to read it.
fn card(out: &mut String, id: &str, chapter: &Chapter<'_>, title: &str, how: &str) {
    put(out, format_args!("<section class=\"card\" id=\"r{}-{id}\"><h2>{title}</h2><p>{how}</p>", chapter.number));
}

/// The shades of a heat map, and what they stand for.
fn scale(out: &mut String, least: &str, most: &str) {
    put(out, format_args!("<div class=\"scale\">{least}"));
    for shade in 0..8 {
        put(out, format_args!("<i style=\"background:var(--h{shade})\"></i>"));
    }
    put(out, format_args!("{most}</div>"));
}

/// What is worth noticing in a picture.
fn notes(out: &mut String, notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    out.push_str("<ul class=\"notes\">");
    for note in notes {
        put(out, format_args!("<li>{}</li>", escape(note)));
    }
    out.push_str("</ul>");
}

/// A number of events on an axis.
fn events(number: f64) -> String {
    match number {
        ..1e4 => format!("{number:.0}"),
        ..1e6 => format!("{:.0}k", number / 1e3),
        _ => format!("{}M", crate::draw::number(number / 1e6)),
    }
}

/// A number of bytes on an axis.
fn amount(number: f64) -> String {
    const UNITS: [(f64, &str); 5] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")];
    let unit = UNITS.iter().find(|(unit, _)| number >= *unit);
    unit.map_or_else(|| "0".into(), |(unit, name)| format!("{} {name}", crate::draw::number(number / unit)))
}

/// Appends to a page.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = out.write_fmt(text);
}

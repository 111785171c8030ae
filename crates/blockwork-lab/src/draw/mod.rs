//! Pictures as SVG, for the [report](crate::page).
//!
//! | part | draws |
//! |---|---|
//! | [`axis`] | numbers on a line: straight or logarithmic, with round ticks |
//! | [`frame`] | two axes, their ticks and names |
//! | [`heat`] | a grid of cells, darker where there is more |
//! | [`lines`] | curves over time |
//! | [`bars`] | a histogram |
//! | [`scatter`] | points with a front |
//!
//! No colour stands in a picture, only classes: the page's style gives them
//! colours, for a light and for a dark page and for paper.

pub mod axis;
pub mod bars;
pub mod frame;
pub mod heat;
pub mod lines;
pub mod scatter;

use std::fmt::Write as _;

/// The width that all pictures are drawn in; the page scales them.
pub const WIDTH: f64 = 960.0;

/// An SVG picture that is being written.
#[derive(Debug)]
pub struct Svg {
    text: String,
}

impl Svg {
    /// An empty picture of [`WIDTH`] by `height`, that says `label` to those who
    /// cannot see it. `attributes` go into its tag as they are.
    pub fn new(height: f64, label: &str, attributes: &str) -> Self {
        let label = escape(label);
        let text = format!(
            "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{label}\" {attributes}>",
            number(WIDTH),
            number(height)
        );
        Self { text }
    }

    /// A line of class `class`.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
        self.put(format_args!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"));
    }

    /// A rectangle, with a tooltip if there is one.
    pub fn rect(&mut self, corner: (f64, f64), size: (f64, f64), class: &str, tip: &str) {
        let [x, y, width, height] = [corner.0, corner.1, size.0.max(0.0), size.1.max(0.0)].map(number);
        let shape = format!("rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"");
        self.shape("rect", &shape, tip);
    }

    /// A disc, with a tooltip if there is one.
    pub fn disc(&mut self, centre: (f64, f64), radius: f64, class: &str, tip: &str) {
        let [x, y, radius] = [centre.0, centre.1, radius].map(number);
        self.shape("circle", &format!("circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\""), tip);
    }

    /// A path, as SVG writes it.
    pub fn path(&mut self, d: &str, class: &str) {
        self.put(format_args!("<path class=\"{class}\" d=\"{d}\"/>"));
    }

    /// Words at a place; the class says how they are aligned.
    pub fn words(&mut self, at: (f64, f64), class: &str, words: &str) {
        let [x, y] = [at.0, at.1].map(number);
        self.put(format_args!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(words)));
    }

    /// Words that stand upright along the left edge.
    pub fn upright(&mut self, at: (f64, f64), words: &str) {
        let [x, y] = [at.0, at.1].map(number);
        self.put(format_args!(
            "<text class=\"name middle\" transform=\"translate({x} {y}) rotate(-90)\">{}</text>",
            escape(words)
        ));
    }

    /// The finished picture.
    pub fn finish(mut self) -> String {
        self.text.push_str("</svg>");
        self.text
    }

    fn shape(&mut self, name: &str, shape: &str, tip: &str) {
        if tip.is_empty() {
            self.put(format_args!("<{shape}/>"));
        } else {
            self.put(format_args!("<{shape}><title>{}</title></{name}>", escape(tip)));
        }
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a string does not fail.
        let _ = self.text.write_fmt(text);
    }
}

/// A length in as few digits as the eye can tell apart.
pub fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".into(),
        Some(whole) => whole.into(),
        None => text,
    }
}

/// Text as it stands in HTML and SVG, within quotes too.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\t' | '\n' => safe.push(c),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_programs_cannot_become_markup() {
        let mut svg = Svg::new(10.0, "a\"b", "");
        svg.words((0.0, 1.25), "name", "<script>&\u{1b}");
        let text = svg.finish();
        assert!(text.contains("aria-label=\"a&quot;b\""), "{text}");
        assert!(text.contains("&lt;script&gt;&amp;\u{fffd}</text></svg>"), "{text}");
    }

    #[test]
    fn lengths_have_no_needless_digits() {
        assert_eq!([1.0, -0.04, 2.26, 1e3].map(number), ["1", "0", "2.3", "1000"]);
    }
}

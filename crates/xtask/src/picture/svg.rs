//! The elements of a picture.

use std::fmt::Write as _;

/// A picture that grows.
pub(super) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text is held.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Colours of both schemes, by class: `c` is drawn in, `t` written in, `f` filled with. The picture has a ground of
/// its own, so that it is legible on whatever page it stands. Names with an `o` are ours, those with a `p` peers.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans','DejaVu Sans',Arial,sans-serif;\
font-size:13px;fill:var(--ink)}\
.title{font-size:16px;font-weight:600}.soft{fill:var(--soft)}.small{font-size:12px}.ours{font-weight:600}\
.grid{stroke:var(--grid);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}\
.lead{stroke:var(--lead);stroke-width:1;fill:none}.front{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:2 4;fill:none}\
.wide{stroke-width:2.6;fill:none;stroke-linejoin:round;stroke-linecap:round}\
.thin{stroke-width:1.5;fill:none;stroke-linejoin:round}\
.ground{fill:var(--ground);stroke:var(--edge)}.halo{stroke:var(--ground);stroke-width:4;stroke-linejoin:round;paint-order:stroke}";

/// Name, on light, on dark.
const COLOURS: &[(&str, &str, &str)] = &[
    ("ground", "#ffffff", "#12161c"),
    ("edge", "#d8dee4", "#2d333b"),
    ("ink", "#1f2328", "#e6edf3"),
    ("soft", "#59636e", "#9aa4af"),
    ("grid", "#e9ecef", "#262c34"),
    ("lead", "#c4ccd4", "#454d57"),
    ("o0", "#0b62d6", "#5aa9ff"),
    ("o1", "#08856b", "#2fd3b0"),
    ("o2", "#7a3fd6", "#b794ff"),
    ("o3", "#c02d7d", "#ff80c0"),
    ("o4", "#c25100", "#ffa45c"),
    ("o5", "#6b7a00", "#c9d94f"),
    ("o6", "#0086a8", "#4fd4f2"),
    ("o7", "#a3282f", "#ff8a87"),
    ("o8", "#4b5bd0", "#97a5ff"),
    ("o9", "#3d7d1f", "#86d85f"),
    ("p0", "#3f4750", "#c9d1d9"),
    ("p1", "#7d6a58", "#c7ad90"),
    ("p2", "#6b7783", "#98a6b3"),
    ("p3", "#8a6f7f", "#cfa9bf"),
    ("p4", "#5f7a70", "#9fc2b4"),
    ("p5", "#8b8250", "#cdc384"),
    ("p6", "#70709a", "#afafd8"),
    ("p7", "#8d8d8d", "#bcbcbc"),
];

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        let mut svg = Self { width, height, body: String::new() };
        svg.add(format_args!(
            "<rect class=\"ground\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\"/>",
            width - 1.0,
            height - 1.0
        ));
        svg
    }

    pub(super) fn add(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("writing to a string");
    }

    pub(super) fn line(&mut self, class: &str, from: [f64; 2], to: [f64; 2]) {
        let ([x1, y1], [x2, y2]) = (from, to);
        self.add(format_args!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"));
    }

    pub(super) fn text(&mut self, class: &str, anchor: Anchor, [x, y]: [f64; 2], text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.add(format_args!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
        ));
    }

    /// A line through points, in a colour by name.
    pub(super) fn path(&mut self, class: &str, colour: &str, dashes: &str, points: &[[f64; 2]]) {
        let mut path = String::new();
        for (at, [x, y]) in points.iter().enumerate() {
            write!(path, "{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' }).expect("writing to a string");
        }
        let dashes = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dashes}\"") };
        let style = if colour.is_empty() { String::new() } else { format!(" style=\"stroke:var(--{colour})\"") };
        self.add(format_args!("<path class=\"{class}\"{style}{dashes} d=\"{path}\"/>"));
    }

    /// A mark of one of some shapes around a point.
    pub(super) fn mark(&mut self, shape: usize, colour: &str, [x, y]: [f64; 2], size: f64) {
        let style = format!("style=\"fill:var(--{colour});stroke:var(--ground)\"");
        let element = match shape % 4 {
            0 => format!("<circle {style} cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{size:.1}\"/>"),
            1 => {
                let (x, y, side) = (x - size * 0.9, y - size * 0.9, size * 1.8);
                format!("<rect {style} x=\"{x:.1}\" y=\"{y:.1}\" width=\"{side:.1}\" height=\"{side:.1}\"/>")
            }
            2 => {
                let (high, low, wide) = (y - size * 1.15, y + size * 0.9, size * 1.15);
                format!("<path {style} d=\"M{x:.1} {high:.1}L{:.1} {low:.1}L{:.1} {low:.1}Z\"/>", x + wide, x - wide)
            }
            _ => {
                let far = size * 1.25;
                format!(
                    "<path {style} d=\"M{x:.1} {:.1}L{:.1} {y:.1}L{x:.1} {:.1}L{:.1} {y:.1}Z\"/>",
                    y - far,
                    x + far,
                    y + far,
                    x - far
                )
            }
        };
        self.add(format_args!("{element}"));
    }

    /// The whole file; `title` is what is read aloud.
    pub(super) fn finish(self, title: &str) -> String {
        let Self { width, height, body } = self;
        let scheme = |pick: fn(&(&'static str, &'static str, &'static str)) -> &'static str| {
            COLOURS.iter().map(|colour| format!("--{}:{};", colour.0, pick(colour))).collect::<String>()
        };
        let (light, dark) = (scheme(|colour| colour.1), scheme(|colour| colour.2));
        let title = escaped(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n\
             <style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}{STYLE}</style>\n{body}</svg>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// About how wide a text is, in the font of the labels.
pub(super) fn width_of(text: &str) -> f64 {
    let of = |char: char| match char {
        'i' | 'j' | 'l' | 'f' | 't' | 'r' | ' ' | '.' | ',' | '\'' | 'I' | '(' | ')' | '/' | '-' => 4.6,
        'm' | 'w' | 'M' | 'W' => 11.0,
        'A'..='Z' => 8.8,
        _ => 7.3,
    };
    // Fonts differ: rather too wide.
    text.chars().map(of).sum::<f64>() * 1.1
}

/// Lines of a text that are not wider than `width`.
pub(super) fn wrapped(text: &str, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width_of(line) + width_of(word) + 4.6 <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_whole_and_all() {
        let text = "one two three four five six seven";
        let lines = wrapped(text, 80.0);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn what_xml_would_misread_is_escaped() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text("", Anchor::Start, [0.0, 0.0], "a<b & c>d");
        assert!(svg.finish("t").contains("a&lt;b &amp; c&gt;d"));
    }
}

//! Lines over an axis, each named at its end.

use super::{
    axis::{Axis, tick},
    labels::apart,
    svg::{Anchor, Svg, width_of, wrapped},
};

/// A picture of several lines.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// What is done, in a sentence.
    pub(crate) subtitle: String,
    pub(crate) x_title: String,
    pub(crate) y_title: String,
    /// Where the points lie, and what is written below them.
    pub(crate) points: Vec<(f64, String)>,
    pub(crate) lines: Vec<Line>,
    /// A value to be seen as well.
    pub(crate) also: Option<f64>,
}

/// One of them: with a gap where nothing was measured.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) is_ours: bool,
    pub(crate) values: Vec<Option<f64>>,
}

const WIDTH: f64 = 880.0;
const LEFT: f64 = 64.0;
const PLOT: f64 = 400.0;
/// Between two names.
const GAP: f64 = 17.0;
const DASHES: [&str; 4] = ["", "6 3", "2 3", "8 3 2 3"];
const MARGIN: f64 = 22.0;

impl Chart {
    pub(crate) fn draw(&self) -> String {
        let names = self.lines.iter().map(|line| width_of(&line.name)).fold(60.0, f64::max);
        let right = WIDTH - names - 52.0;
        let subtitle = wrapped(&self.subtitle, WIDTH - 2.0 * MARGIN);
        let top = 82.0 + 18.0 * subtitle.len() as f64;
        let bottom = top + PLOT;
        let mut svg = Svg::new(WIDTH, bottom + 62.0);
        svg.text("title", Anchor::Start, [MARGIN, 34.0], &self.title);
        for (number, line) in subtitle.iter().enumerate() {
            svg.text("soft", Anchor::Start, [MARGIN, 56.0 + 18.0 * number as f64], line);
        }
        svg.text("soft small", Anchor::Start, [MARGIN, top - 10.0], &self.y_title);
        let x = Axis::around(self.points.iter().map(|point| point.0), 1.0, LEFT, right);
        let values = self.lines.iter().flat_map(|line| line.values.iter().flatten().copied());
        let y = Axis::around(values.chain(self.also), 1.5, bottom, top);
        for value in y.ticks() {
            let high = y.at(value);
            svg.line("grid", [LEFT, high], [right, high]);
            svg.text("soft small", Anchor::End, [LEFT - 8.0, high + 4.0], &tick(value));
        }
        for (point, name) in &self.points {
            svg.line("grid", [x.at(*point), top], [x.at(*point), bottom]);
            svg.text("soft small", Anchor::Middle, [x.at(*point), bottom + 19.0], name);
        }
        svg.line("axis", [LEFT, bottom], [right, bottom]);
        svg.text("soft small", Anchor::Middle, [f64::midpoint(LEFT, right), bottom + 42.0], &self.x_title);
        self.draw_lines(&mut svg, x, y, right, [top, bottom]);
        svg.finish(&self.title)
    }

    /// Peers first, so that ours lie above them.
    fn draw_lines(&self, svg: &mut Svg, x: Axis, y: Axis, right: f64, [top, bottom]: [f64; 2]) {
        let places: Vec<Vec<[f64; 2]>> = self
            .lines
            .iter()
            .map(|line| {
                let points = self.points.iter().zip(&line.values);
                points.filter_map(|(point, value)| Some([x.at(point.0), y.at((*value)?)])).collect()
            })
            .collect();
        let ends: Vec<f64> = places.iter().map(|points| points.last().map_or(bottom, |end| end[1])).collect();
        let names = apart(&ends, GAP, top + 4.0, bottom - 4.0);
        let (mut ours, mut peers) = (0, 0);
        let looks: Vec<(String, &str, usize)> = self
            .lines
            .iter()
            .map(|line| {
                let number = if line.is_ours { &mut ours } else { &mut peers };
                let (at, prefix, many) =
                    (*number, if line.is_ours { 'o' } else { 'p' }, if line.is_ours { 10 } else { 8 });
                *number += 1;
                let dashes = if line.is_ours { "" } else { DASHES.get(at % DASHES.len()).copied().unwrap_or_default() };
                (format!("{prefix}{}", at % many), dashes, at)
            })
            .collect();
        for is_ours in [false, true] {
            for (at, line) in self.lines.iter().enumerate().filter(|(_, line)| line.is_ours == is_ours) {
                let ((colour, dashes, shape), points) = (&looks[at], &places[at]);
                let Some(end) = points.last() else { continue };
                svg.path("lead", "", "", &[*end, [right + 12.0, names[at]], [right + 22.0, names[at]]]);
                svg.path(if is_ours { "wide" } else { "thin" }, colour, dashes, points);
                for point in points {
                    svg.mark(*shape, colour, *point, if is_ours { 4.2 } else { 3.2 });
                }
                svg.mark(*shape, colour, [right + 24.0, names[at]], 3.6);
                svg.text(if is_ours { "ours" } else { "" }, Anchor::Start, [right + 33.0, names[at] + 4.5], &line.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_gaps_is_drawn_through_what_there_is() {
        let line = Line { name: "a <part>".to_owned(), is_ours: true, values: vec![Some(1.0), None, Some(4.0)] };
        let never = Line { name: "never run".to_owned(), is_ours: false, values: vec![None; 3] };
        let chart = Chart {
            title: "t".to_owned(),
            subtitle: "s".to_owned(),
            x_title: "x".to_owned(),
            y_title: "y".to_owned(),
            points: [1.0, 10.0, 100.0].map(|point| (point, point.to_string())).into(),
            lines: vec![line, never],
            also: None,
        };
        let svg = chart.draw();
        assert!(svg.contains("a &lt;part&gt;") && !svg.contains("never run") && !svg.contains("NaN"), "{svg}");
    }
}

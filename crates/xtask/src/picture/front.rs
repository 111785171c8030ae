//! Two costs at once: spots, and the line of those that nobody beats at both.

use super::{
    axis::{Axis, tick},
    labels::{Rectangle, overlap},
    svg::{Anchor, Svg, width_of, wrapped},
};

/// A picture of panels.
pub(crate) struct Front {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) x_title: String,
    pub(crate) y_title: String,
    pub(crate) panels: Vec<Panel>,
}

pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) spots: Vec<Spot>,
}

/// One contestant: less is better in both.
#[derive(Clone)]
pub(crate) struct Spot {
    pub(crate) name: String,
    pub(crate) is_ours: bool,
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Panel {
    /// Those that nobody beats at both, from left to right.
    pub(crate) fn front(&self) -> Vec<&Spot> {
        let beats =
            |one: &Spot, other: &Spot| one.x <= other.x && one.y <= other.y && (one.x < other.x || one.y < other.y);
        let mut front: Vec<&Spot> =
            self.spots.iter().filter(|spot| !self.spots.iter().any(|other| beats(other, spot))).collect();
        front.sort_by(|a, b| a.x.total_cmp(&b.x));
        front
    }
}

const WIDTH: f64 = 880.0;
const PANEL: f64 = 300.0;
const MARGIN: f64 = 22.0;
/// For numbers and titles of the axes.
const LEFT: f64 = 52.0;
const BELOW: f64 = 52.0;
const ABOVE: f64 = 36.0;

impl Front {
    pub(crate) fn draw(&self) -> String {
        let columns = if self.panels.len() == 1 { 1 } else { 2 };
        let rows = self.panels.len().div_ceil(columns);
        let subtitle = wrapped(&self.subtitle, WIDTH - 2.0 * MARGIN);
        let head = 50.0 + 18.0 * subtitle.len() as f64;
        let step = PANEL + ABOVE + BELOW;
        let mut svg = Svg::new(WIDTH, head + step * rows as f64 + 10.0);
        svg.text("title", Anchor::Start, [MARGIN, 34.0], &self.title);
        for (number, line) in subtitle.iter().enumerate() {
            svg.text("soft", Anchor::Start, [MARGIN, 56.0 + 18.0 * number as f64], line);
        }
        let wide = (WIDTH - 2.0 * MARGIN) / columns as f64;
        for (number, panel) in self.panels.iter().enumerate() {
            let left = MARGIN + wide * (number % columns) as f64 + LEFT;
            let top = head + step * (number / columns) as f64 + ABOVE;
            self.draw_panel(&mut svg, panel, [left, top, left + wide - LEFT - 16.0, top + PANEL]);
        }
        svg.finish(&self.title)
    }

    fn draw_panel(&self, svg: &mut Svg, panel: &Panel, area: Rectangle) {
        let [left, top, right, bottom] = area;
        svg.text("ours", Anchor::Start, [left, top - 12.0], &panel.title);
        let x = Axis::around(panel.spots.iter().map(|spot| spot.x), 1.25, left, right);
        let y = Axis::around(panel.spots.iter().map(|spot| spot.y), 1.25, bottom, top);
        for value in x.ticks() {
            svg.line("grid", [x.at(value), top], [x.at(value), bottom]);
            svg.text("soft small", Anchor::Middle, [x.at(value), bottom + 17.0], &tick(value));
        }
        for value in y.ticks() {
            svg.line("grid", [left, y.at(value)], [right, y.at(value)]);
            svg.text("soft small", Anchor::End, [left - 7.0, y.at(value) + 4.0], &tick(value));
        }
        svg.line("axis", [left, bottom], [right, bottom]);
        svg.line("axis", [left, top], [left, bottom]);
        svg.text("soft small", Anchor::Middle, [f64::midpoint(left, right), bottom + 36.0], &self.x_title);
        let (across, middle) = (left - 40.0, f64::midpoint(top, bottom));
        svg.add(format_args!(
            "<text class=\"soft small\" text-anchor=\"middle\" transform=\"translate({across:.1} {middle:.1}) \
             rotate(-90)\">{}</text>",
            self.y_title
        ));
        let front: Vec<[f64; 2]> = panel.front().iter().map(|spot| [x.at(spot.x), y.at(spot.y)]).collect();
        svg.path("front", "", "", &stairs(&front, [right, top]));
        let places: Vec<[f64; 2]> = panel.spots.iter().map(|spot| [x.at(spot.x), y.at(spot.y)]).collect();
        let mut taken: Vec<Rectangle> = places.iter().map(|[x, y]| [x - 6.0, y - 6.0, x + 6.0, y + 6.0]).collect();
        let mut peers = 0;
        for (spot, place) in panel.spots.iter().zip(&places) {
            let (colour, shape) = if spot.is_ours { ("o0".to_owned(), 0) } else { (format!("p{}", peers % 8), peers) };
            peers += usize::from(!spot.is_ours);
            svg.mark(shape, &colour, *place, if spot.is_ours { 7.0 } else { 5.0 });
        }
        // Ours is named first, where it wants to be.
        for is_ours in [true, false] {
            for (spot, place) in panel.spots.iter().zip(&places).filter(|(spot, _)| spot.is_ours == is_ours) {
                let name = beside(*place, width_of(&spot.name), &taken, area);
                let class = if is_ours { "ours halo" } else { "small halo" };
                svg.text(class, Anchor::Start, [name[0], name[3] - 4.0], &spot.name);
                taken.push(name);
            }
        }
    }
}

/// The steps from spot to spot: what lies above and to the right of them is beaten.
fn stairs(front: &[[f64; 2]], [right, top]: [f64; 2]) -> Vec<[f64; 2]> {
    let (Some(first), Some(last)) = (front.first(), front.last()) else { return Vec::new() };
    let mut steps = vec![[first[0], top]];
    for pair in front.windows(2) {
        steps.extend([pair[0], [pair[1][0], pair[0][1]]]);
    }
    steps.extend([*last, [right, last[1]]]);
    steps
}

/// Where a name stands beside its spot: where it covers least.
fn beside([x, y]: [f64; 2], wide: f64, taken: &[Rectangle], area: Rectangle) -> Rectangle {
    let high = 16.0;
    let around = |far: f64| {
        [
            [x + far, y - high / 2.0],
            [x - far - wide, y - high / 2.0],
            [x - wide / 2.0, y - far - high],
            [x - wide / 2.0, y + far],
            [x + far * 0.7, y - far * 0.7 - high],
            [x + far * 0.7, y + far * 0.7],
            [x - far * 0.7 - wide, y - far * 0.7 - high],
            [x - far * 0.7 - wide, y + far * 0.7],
        ]
    };
    let spots = around(9.0).into_iter().chain(around(18.0)).map(|[left, up]| [left, up, left + wide, up + high]);
    let cost = |name: &Rectangle| {
        let covered: f64 = taken.iter().map(|other| overlap(name, other)).sum();
        covered + wide * high - overlap(name, &area)
    };
    // The first of those that cost the same.
    spots.min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or([x, y, x + wide, y + high])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(name: &str, x: f64, y: f64) -> Spot {
        Spot { name: name.to_owned(), is_ours: false, x, y }
    }

    #[test]
    fn the_front_is_whom_nobody_beats_at_both() {
        let spots =
            vec![spot("slow", 2.0, 0.5), spot("fast", 1.0, 1.0), spot("beaten", 1.5, 1.1), spot("even", 1.0, 1.2)];
        let panel = Panel { title: String::new(), spots };
        assert_eq!(panel.front().iter().map(|spot| spot.name.as_str()).collect::<Vec<_>>(), ["fast", "slow"]);
    }

    #[test]
    fn names_do_not_cover_spots() {
        let area = [0.0, 0.0, 500.0, 500.0];
        let neighbour = [110.0, 90.0, 200.0, 110.0];
        let name = beside([100.0, 100.0], 50.0, &[neighbour], area);
        assert_eq!(overlap(&name, &neighbour), 0.0);
    }
}

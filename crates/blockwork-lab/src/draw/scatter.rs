//! [`Dot`]: points with a front of those that nothing beats.

use super::{Svg, axis::Axis, frame::Frame, number};

/// One point: less is better both ways.
#[derive(Clone, Debug)]
pub struct Dot {
    /// How far right.
    pub x: f64,
    /// How far up.
    pub y: f64,
    /// The class that gives it a colour.
    pub class: String,
    /// What is written within.
    pub mark: String,
    /// What is said of it.
    pub tip: String,
    /// Whether it can be on the front.
    pub is_usable: bool,
}

/// The points that no usable other is left of and below, from left to right.
pub fn front(dots: &[Dot]) -> Vec<&Dot> {
    let mut usable: Vec<&Dot> = dots.iter().filter(|dot| dot.is_usable).collect();
    usable.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let mut lowest = f64::INFINITY;
    usable.retain(|dot| {
        let is_lower = dot.y < lowest;
        lowest = lowest.min(dot.y);
        is_lower
    });
    usable
}

/// Draws the points over their front.
pub fn draw(dots: &[Dot], svg: &mut Svg, frame: Frame, x: &Axis, y: &Axis) {
    let mut path = String::new();
    for dot in front(dots) {
        let (right, up) = (number(x.at(dot.x)), number(y.at(dot.y)));
        path.push_str(&if path.is_empty() {
            format!("M{right} {}V{up}", number(frame.top))
        } else {
            format!("H{right}V{up}")
        });
    }
    if !path.is_empty() {
        svg.path(&format!("{path}H{}", number(frame.right)), "front");
    }
    for (index, dot) in dots.iter().enumerate() {
        // Those that would lie on one another stand beside one another.
        let (mut right, up) = (x.at(dot.x), y.at(dot.y));
        let near = |other: &&Dot| (x.at(other.x) - right).abs() < 14.0 && (y.at(other.y) - up).abs() < 14.0;
        right += dots.iter().take(index).filter(near).count() as f64 * 19.0;
        svg.disc((right, up), 11.0, &format!("dot {}", dot.class), &dot.tip);
        svg.words((right, up + 4.0), "mark middle", &dot.mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_of_those_that_nothing_beats() {
        let dot =
            |x, y, is_usable| Dot { x, y, class: String::new(), mark: String::new(), tip: String::new(), is_usable };
        let dots =
            [dot(3.0, 1.0, true), dot(1.0, 3.0, true), dot(2.0, 3.0, true), dot(0.0, 0.0, false), dot(2.0, 2.0, true)];
        let front: Vec<_> = front(&dots).iter().map(|dot| (dot.x, dot.y)).collect();
        assert_eq!(front, [(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]);
    }
}

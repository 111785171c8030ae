//! [`Line`]: curves over time.

use std::fmt::Write as _;

use super::{Svg, axis::Axis, frame::Frame, number};

/// One curve.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// The class that gives it a colour.
    pub class: &'a str,
    /// Its points, from left to right.
    pub points: &'a [(f64, f64)],
    /// Whether what is below is filled.
    pub is_filled: bool,
}

impl Line<'_> {
    /// Draws it.
    pub fn draw(&self, svg: &mut Svg, frame: Frame, x: &Axis, y: &Axis) {
        let mut path = String::new();
        for (index, point) in self.points.iter().enumerate() {
            let pen = if index == 0 { 'M' } else { 'L' };
            // Writing into a string does not fail.
            let _ = write!(path, "{pen}{} {}", number(x.at(point.0)), number(y.at(point.1)));
        }
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else { return };
        if self.is_filled {
            let (left, right, bottom) = (number(x.at(first.0)), number(x.at(last.0)), number(frame.bottom));
            svg.path(&format!("{path}L{right} {bottom}L{left} {bottom}Z"), &format!("area {}", self.class));
        }
        svg.path(&path, &format!("line {}", self.class));
    }
}

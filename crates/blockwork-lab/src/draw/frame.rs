//! [`Frame`]: two axes around a picture.

use super::{Svg, WIDTH, axis::Axis};

/// Where a picture's plot is, and what surrounds it.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Left, top, right and bottom of the plot.
    pub left: f64,
    /// See `left`.
    pub top: f64,
    /// See `left`.
    pub right: f64,
    /// See `left`.
    pub bottom: f64,
}

impl Frame {
    /// A plot of `height`, with the usual room for numbers around it.
    pub fn of(height: f64) -> Self {
        Self { left: 84.0, top: 14.0, right: WIDTH - 16.0, bottom: 14.0 + height }
    }

    /// The height of the whole picture.
    pub fn height(self) -> f64 {
        self.bottom + 46.0
    }

    /// The span of an axis along the bottom.
    pub fn across(self) -> (f64, f64) {
        (self.left, self.right)
    }

    /// The span of an axis along the left edge.
    pub fn up(self) -> (f64, f64) {
        (self.bottom, self.top)
    }

    /// What a script has to know to find its way in the picture.
    pub fn attributes(self) -> String {
        let [left, right, top, bottom] = [self.left, self.right, self.top, self.bottom].map(super::number);
        format!("data-plot=\"{left} {right} {top} {bottom}\"")
    }

    /// Ticks and names along the bottom.
    pub fn bottom_axis(self, svg: &mut Svg, axis: &Axis, name: &str, show: impl Fn(f64) -> String) {
        for tick in axis.ticks(8.0) {
            let x = axis.at(tick);
            svg.line((x, self.bottom), (x, self.bottom + 5.0), "tick");
            svg.words((x, self.bottom + 19.0), "number middle", &show(tick));
        }
        svg.line((self.left, self.bottom), (self.right, self.bottom), "axis");
        svg.words((f64::midpoint(self.left, self.right), self.bottom + 40.0), "name middle", name);
    }

    /// Ticks, lines across and a name along the left edge.
    pub fn left_axis(self, svg: &mut Svg, axis: &Axis, name: &str, show: impl Fn(f64) -> String) {
        for tick in axis.ticks(5.0) {
            let y = axis.at(tick);
            svg.line((self.left, y), (self.right, y), "grid");
            svg.words((self.left - 9.0, y + 4.0), "number end", &show(tick));
        }
        self.left_name(svg, name);
    }

    /// A name along the left edge.
    pub fn left_name(self, svg: &mut Svg, name: &str) {
        svg.upright((16.0, f64::midpoint(self.top, self.bottom)), name);
    }
}

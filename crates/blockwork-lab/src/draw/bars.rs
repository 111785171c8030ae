//! [`Bars`]: a histogram of two layers.

use super::{Svg, axis::Axis, frame::Frame};

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// How high it is.
    pub value: f64,
    /// What is stacked on it, shaded.
    pub above: f64,
    /// What is said of it.
    pub tip: String,
    /// What stands below it; empty for nothing.
    pub label: String,
    /// Whether a cut stands at its right edge.
    pub is_cut: bool,
}

/// Bars side by side.
#[derive(Clone, Debug)]
pub struct Bars(pub Vec<Bar>);

impl Bars {
    /// The highest, with what is stacked on it.
    pub fn most(&self) -> f64 {
        self.0.iter().map(|bar| bar.value + bar.above).fold(0.0, f64::max)
    }

    /// Draws them. Labels that would overlap are left out.
    pub fn draw(&self, svg: &mut Svg, frame: Frame, y: &Axis) {
        let width = (frame.right - frame.left) / self.0.len().max(1) as f64;
        let mut free_from = f64::NEG_INFINITY;
        for (index, bar) in self.0.iter().enumerate() {
            let x = frame.left + index as f64 * width;
            let (top, shaded) = (y.at(bar.value), y.at(bar.value + bar.above));
            let gap = if width > 6.0 { 1.5 } else { 0.2 };
            svg.rect((x + gap, top), (width - 2.0 * gap, frame.bottom - top), "bar", &bar.tip);
            if bar.above > 0.0 {
                svg.rect((x + gap, shaded), (width - 2.0 * gap, top - shaded), "waste", &bar.tip);
            }
            if bar.is_cut {
                svg.line((x + width, frame.top), (x + width, frame.bottom), "cut");
            }
            let centre = x + width / 2.0;
            let half = bar.label.chars().count() as f64 * 3.4 + 4.0;
            if !bar.label.is_empty() && centre - half >= free_from {
                svg.line((centre, frame.bottom), (centre, frame.bottom + 5.0), "tick");
                svg.words((centre, frame.bottom + 19.0), "number middle", &bar.label);
                free_from = centre + half;
            }
        }
        svg.line((frame.left, frame.bottom), (frame.right, frame.bottom), "axis");
    }
}

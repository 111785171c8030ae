//! [`Heat`]: a grid of cells, darker where there is more.

use std::fmt::Write as _;

use super::{Svg, frame::Frame, number};

/// How many shades there are; the page's style has a colour for each.
const SHADES: u8 = 8;

/// Rows of cells, the lowest first.
#[derive(Clone, Debug, Default)]
pub struct Heat {
    /// Cells of each row.
    pub columns: usize,
    /// All cells, row after row.
    pub cells: Vec<f64>,
}

impl Heat {
    /// A grid of nothing.
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { columns, cells: vec![0.0; columns * rows] }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.cells.len() / self.columns.max(1)
    }

    /// One cell.
    pub fn cell(&mut self, column: usize, row: usize) -> Option<&mut f64> {
        self.cells.get_mut(row * self.columns + column)
    }

    /// Draws the cells, shaded by their logarithm: what is there at all is seen.
    pub fn draw_log(&self, svg: &mut Svg, frame: Frame) {
        let most = self.cells.iter().copied().fold(0.0, f64::max);
        let least = self.cells.iter().copied().filter(|cell| *cell > 0.0).fold(most, f64::min);
        let range = (most / least.max(f64::MIN_POSITIVE)).ln().max(1e-9);
        self.draw(svg, frame, |cell| (cell / least).ln() / range);
    }

    /// Draws the cells, shaded by `share`, which is from 0 to 1.
    pub fn draw(&self, svg: &mut Svg, frame: Frame, share: impl Fn(f64) -> f64) {
        let mut paths = vec![String::new(); usize::from(SHADES)];
        let rows = self.rows().max(1) as f64;
        let (width, height) =
            ((frame.right - frame.left) / self.columns.max(1) as f64, (frame.bottom - frame.top) / rows);
        for (row, cells) in self.cells.chunks(self.columns.max(1)).enumerate() {
            let y = frame.bottom - (row + 1) as f64 * height;
            for run in runs(cells, &share) {
                let Some(path) = paths.get_mut(usize::from(run.shade)) else { continue };
                let (x, length) = (frame.left + run.first as f64 * width, run.length as f64 * width);
                // Writing into a string does not fail.
                let _ = write!(path, "M{} {}h{}", number(x), number(y + height / 2.0), number(length));
            }
        }
        for (shade, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            svg.path(path, &format!("heat h{shade}\" stroke-width=\"{}", number(height + 0.1)));
        }
    }
}

/// Neighbours of one shade.
struct Run {
    first: usize,
    length: usize,
    shade: u8,
}

/// The runs of a row; empty cells are in none.
fn runs(cells: &[f64], share: impl Fn(f64) -> f64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (first, cell) in cells.iter().enumerate().filter(|(_, cell)| **cell > 0.0) {
        let shade = shade(share(*cell));
        match runs.last_mut() {
            Some(run) if run.shade == shade && run.first + run.length == first => run.length += 1,
            _ => runs.push(Run { first, length: 1, shade }),
        }
    }
    runs
}

fn shade(share: f64) -> u8 {
    (0..SHADES).rev().find(|shade| share >= f64::from(*shade) / f64::from(SHADES)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_shade_are_one_stroke() {
        let found: Vec<_> = runs(&[0.0, 1.0, 1.0, 0.5, 0.0, 0.5], |cell| cell)
            .iter()
            .map(|run| (run.first, run.length, run.shade))
            .collect();
        assert_eq!(found, [(1, 2, 7), (3, 1, 4), (5, 1, 4)]);
    }

    #[test]
    fn a_single_value_is_drawn() {
        let mut heat = Heat::new(2, 2);
        *heat.cell(1, 0).unwrap() = 5.0;
        let mut svg = Svg::new(100.0, "", "");
        heat.draw_log(&mut svg, Frame { left: 0.0, top: 0.0, right: 20.0, bottom: 20.0 });
        assert!(svg.finish().contains("d=\"M10 15h10\""));
    }
}

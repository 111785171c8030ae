//! Pictures of results: SVG that is legible on light and on dark pages.

mod axis;
mod front;
mod labels;
mod lines;
mod svg;

pub(crate) use self::{
    front::{Front, Panel, Spot},
    lines::{Chart, Line},
};

/// A number with three digits, without a power of ten.
pub(crate) fn three_digits(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        ..0.01 => format!("{number:.4}"),
        0.01..0.1 => format!("{number:.3}"),
        0.1..10.0 => format!("{number:.2}"),
        10.0..100.0 => format!("{number:.1}"),
        _ => grouped(number),
    }
}

/// A whole number with commas between thousands.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_more() {
        let numbers = [0.0, 0.00123, 1.0, 45.67, 123.4, 1_234_567.0];
        assert_eq!(numbers.map(three_digits), ["0", "0.0012", "1.00", "45.7", "123", "1,234,567"]);
    }
}

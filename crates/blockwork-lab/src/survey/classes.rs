//! Classes that the pictures have rows and columns for.

use crate::text;

/// The greatest size of each class but the last, which has no bound: halves of
/// an octave from 16, all of them beyond a megabyte.
pub const SIZES: [u64; 44] = bounds();

const fn bounds() -> [u64; 44] {
    let mut bounds = [u64::MAX; 44];
    let (mut class, mut octave) = (2, 16_u64);
    (bounds[0], bounds[1]) = (8, 16);
    while class + 1 < bounds.len() {
        if octave < 1 << 20 {
            bounds[class] = octave + octave / 2;
            class += 1;
        }
        octave *= 2;
        if class + 1 < bounds.len() {
            bounds[class] = octave;
            class += 1;
        }
    }
    bounds
}

/// The class of a size: the first whose bound is not below it.
pub fn size_class(size: u64) -> u8 {
    let class = SIZES.partition_point(|&bound| bound < size);
    u8::try_from(class).unwrap_or(u8::MAX)
}

/// The bound of a class of sizes, for people.
pub fn size_label(class: usize) -> String {
    SIZES.get(class).map_or_else(String::new, |&bound| match bound {
        u64::MAX => "more".into(),
        ..1024 => format!("{bound}"),
        1024..0x10_0000 => format!("{}{}k", bound >> 10, if bound.is_multiple_of(1024) { "" } else { ".5" }),
        0x10_0000..0x4000_0000 => format!("{}M", bound >> 20),
        _ => format!("{}G", bound >> 30),
    })
}

/// Classes of ages: powers of two, in allocations from a block's own to its end.
pub const AGES: usize = 30;

/// The class of an age.
pub fn age_class(age: u64) -> usize {
    let class = age.max(1).ilog2() + u32::from(!age.max(1).is_power_of_two());
    (class as usize).min(AGES - 1)
}

/// The bound of a class of ages, for people.
pub fn age_label(class: usize) -> String {
    if class >= AGES { "never".into() } else { text::grouped(1 << class) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_grow_and_have_names() {
        assert!(SIZES.is_sorted());
        assert_eq!([0, 8, 9, 16, 17, 24, 25, 1 << 50].map(size_class), [0, 0, 1, 1, 2, 2, 3, 43]);
        let labels: Vec<_> = [0, 4, 14, 15, 34, 35, 43].map(size_label).into();
        assert_eq!(labels, ["8", "48", "1.5k", "2k", "2M", "4M", "more"]);
    }

    #[test]
    fn an_age_belongs_to_the_next_power_of_two() {
        assert_eq!([0, 1, 2, 3, 4, 5, u64::MAX].map(age_class), [0, 0, 1, 2, 2, 3, AGES - 1]);
        assert_eq!([age_label(12), age_label(AGES)], ["4,096", "never"]);
    }
}

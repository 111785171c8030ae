//! Chance, and the two functions that waiting for it needs.
//!
//! Without std there is neither `ln` nor `exp`; both are here to within a few
//! units of the last place, which no sample will ever notice.

/// The number after `state`, and the state after it: `SplitMix64`.
pub(crate) const fn next_random(state: u64) -> (u64, u64) {
    // Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014.
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31), state)
}

/// A number above 0 and not above 1, as even as `random` is.
pub(crate) const fn unit(random: u64) -> f64 {
    const STEPS: f64 = (1_u64 << 53) as f64;
    (random >> 11).wrapping_add(1) as f64 / STEPS
}

/// How many bytes pass until the next sample, if one in `mean` is one: at least
/// 1. Not above `s` with the probability [`chance`] of `s / mean`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not negative")]
pub(crate) fn wait(mean: usize, random: u64) -> usize {
    let wait = -ln(unit(random)) * mean as f64;
    (wait as usize).saturating_add(1)
}

/// The probability that something which happens once in 1 on average happens
/// within `x`: 1 − e^−x, precise for small `x` too.
pub(crate) fn chance(x: f64) -> f64 {
    if x < 0.5 { series(x) } else { 1.0 - exp_minus(x) }
}

/// x − x²/2! + x³/3! − …, for `x` not above 0.5.
fn series(x: f64) -> f64 {
    let (mut sum, mut term) = (0.0, -1.0);
    for n in 1_u8..20 {
        term *= -x / f64::from(n);
        sum += term;
    }
    sum
}

/// e^−x, for `x` not below 0.
fn exp_minus(x: f64) -> f64 {
    if x > 700.0 {
        return 0.0;
    }
    let (mut small, mut halvings) = (x, 0_u8);
    while small > 0.5 {
        small *= 0.5;
        halvings = halvings.saturating_add(1);
    }
    let mut power = 1.0 - series(small);
    for _ in 0..halvings {
        power *= power;
    }
    power
}

/// The natural logarithm of `x`, which is above 0 and not subnormal.
fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let [low, high, ..] = (bits >> 52).to_le_bytes();
    let mut exponent = f64::from(u16::from_le_bytes([low, high & 7])) - 1023.0;
    let mut mantissa = f64::from_bits(bits & MANTISSA | 1023 << 52);
    if mantissa > core::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    // ln m = 2 (t + t³/3 + t⁵/5 + …) with t = (m − 1) / (m + 1), below 0.18.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let (mut sum, mut power) = (0.0, t);
    for n in (1_u8..26).step_by(2) {
        sum += power / f64::from(n);
        power *= t * t;
    }
    2.0 * sum + exponent * core::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(ours: f64, theirs: f64) {
        let scale = theirs.abs().max(1e-300);
        assert!((ours - theirs).abs() <= scale * 1e-12, "{ours} {theirs}");
    }

    #[test]
    fn numbers_are_those_of_splitmix() {
        // The first of seed 0, as every implementation has them.
        let (first, state) = next_random(0);
        let (second, state) = next_random(state);
        let (third, _) = next_random(state);
        assert_eq!([first, second, third], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
    }

    #[test]
    fn logarithms_are_those_of_std() {
        for exponent in 0..60 {
            for step in 1_u32..200 {
                let x = f64::from(step) / 200.0 / 2_f64.powi(exponent);
                close(ln(x), x.ln());
            }
        }
        assert_eq!(ln(1.0).to_bits(), 0_f64.to_bits());
    }

    #[test]
    fn chances_are_those_of_std() {
        for step in 1_u32..4000 {
            for scale in [1e-12, 1e-6, 1e-3, 1e-2, 0.1] {
                let x = f64::from(step) * scale;
                close(chance(x), -(-x).exp_m1());
            }
        }
        close(chance(1e9), 1.0);
    }

    #[test]
    fn units_are_never_zero_and_reach_one() {
        assert!(unit(0) > 0.0);
        close(unit(u64::MAX), 1.0);
        assert_eq!(wait(1 << 19, u64::MAX), 1);
        assert!(wait(1 << 19, 0) > 18 << 19);
        assert!(wait(usize::MAX, 0) > usize::MAX / 2);
    }

    #[test]
    fn waits_are_as_long_as_they_should_be_on_average() {
        let (mut state, mut sum, rounds) = (1, 0.0, 200_000_u32);
        for _ in 0..rounds {
            let (random, next) = next_random(state);
            state = next;
            sum += wait(1000, random) as f64;
        }
        let mean = sum / f64::from(rounds);
        assert!((mean - 1000.5).abs() < 10.0, "{mean}");
    }
}

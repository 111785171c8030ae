//! Numbers for people.

/// Bytes, with three digits or so.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1023.95 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(amount < 99.95);
    format!("{amount:.digits$} {}", UNITS[unit])
}

/// Bytes, exactly, in the notation of the library: `64k`, `3M`.
pub fn exactly(bytes: u64) -> String {
    let units = [(30, 'G'), (20, 'M'), (10, 'k')];
    match units.iter().find(|(log, _)| bytes != 0 && bytes.is_multiple_of(1 << log)) {
        Some((log, unit)) => format!("{}{unit}", bytes >> log),
        None => bytes.to_string(),
    }
}

/// A whole number with its thousands apart.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share of a whole, in percent.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "–".into() } else { format!("{:.0} %", part as f64 * 100.0 / whole as f64) }
}

/// A duration, given in nanoseconds.
pub fn duration(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        ..1e6 => format!("{:.0} µs", ns / 1e3),
        ..1e8 => format!("{:.1} ms", ns / 1e6),
        ..1e9 => format!("{:.0} ms", ns / 1e6),
        _ => format!("{:.1} s", ns / 1e9),
    }
}

/// `one block`, `2 blocks`.
pub fn plural(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("one {one}") } else { format!("{} {many}", count(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_about_three_digits() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(300 << 10), "300 KiB");
        assert_eq!(bytes((1 << 20) - 1), "1.0 MiB");
        assert_eq!(bytes(u64::MAX), "16384 PiB");
    }

    #[test]
    fn exact_bytes_take_the_largest_unit_that_divides_them() {
        assert_eq!([0, 100, 1024, 64 << 10, 3 << 20, 1 << 30].map(exactly), ["0", "100", "1k", "64k", "3M", "1G"]);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
    }
}

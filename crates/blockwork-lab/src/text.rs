//! Numbers and names as people read them, and where messages go.

use std::{
    ffi::OsStr,
    fmt::{Display, Write as _},
    io::{self, Write as _},
    path::Path,
};

/// Prints a line for people on standard error; if nobody listens, that is fine.
pub fn tell(line: impl Display) {
    drop(writeln!(io::stderr(), "{line}"));
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 child`, `2 children`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number of bytes in three or four digits and a decimal unit.
pub fn bytes(number: u64) -> String {
    let mut unit = 1;
    for name in ["bytes", "kB", "MB", "GB", "TB", "PB"] {
        let tenths = u128::from(number) * 10 / unit;
        if unit == 1 && number < 1000 {
            return counted(number, "byte", "bytes");
        }
        if unit > 1 && tenths < 100 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        if unit > 1 && tenths < 10_000 {
            return format!("{} {name}", tenths / 10);
        }
        unit *= 1000;
    }
    format!("{} EB", u128::from(number) / unit)
}

/// `part` of `whole` as a percentage; what is there is never `0 %`.
pub fn percent(part: u64, whole: u64) -> String {
    let permille = if whole == 0 { 0 } else { u128::from(part) * 1000 / u128::from(whole) };
    match permille {
        0 if part > 0 => "< 0.1 %".into(),
        1..100 => format!("{}.{} %", permille / 10, permille % 10),
        _ => format!("{} %", permille / 10),
    }
}

/// A bar of at most `width` characters, in eighths of one.
pub fn bar(part: u64, whole: u64, width: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = if whole == 0 { 0 } else { u128::from(part) * u128::from(width) * 8 / u128::from(whole) };
    let eighths = usize::try_from(eighths).unwrap_or(0).max(usize::from(part > 0));
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// `3 children: cc1 ×2, as`. Of more than have names, some may be counted twice.
pub fn children(names: &[String], total: u32) -> String {
    let named = names.len() as u64;
    let more = if u64::from(total) > named { "more than " } else { "" };
    format!("{more}{}: {}", counted(named, "child", "children"), tally(names, total))
}

/// Names with how often each occurs, in order of first occurrence: `cc1 ×2, as`;
/// of `total` things, which may be more than have names.
fn tally(names: &[String], total: u32) -> String {
    const SHOWN: usize = 12;
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for name in names {
        match counts.iter_mut().find(|(known, _)| known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    let mut text = String::new();
    for (place, (name, count)) in counts.iter().take(SHOWN).enumerate() {
        let separator = if place == 0 { "" } else { ", " };
        let times = if *count == 1 { String::new() } else { format!(" ×{}", grouped(*count)) };
        // Writing into a string does not fail.
        let _ = write!(text, "{separator}{name}{times}");
    }
    if counts.len() > SHOWN || names.len() < total as usize {
        text.push_str(", …");
    }
    text
}

/// A path as it may be typed into a shell.
pub fn shell(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@%,:".contains(c);
    let safe = !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain);
    if safe { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The last part of a path, or all of it if it has none.
pub fn base_name(path: &OsStr) -> String {
    Path::new(path).file_name().unwrap_or(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_threes() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn sizes_keep_two_or_three_digits() {
        let sizes = [1, 999, 1000, 9_999, 10_000, 999_999, 1_000_000, u64::MAX].map(bytes);
        assert_eq!(sizes, ["1 byte", "999 bytes", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB", "18 EB"]);
    }

    #[test]
    fn something_is_never_shown_as_nothing() {
        assert_eq!([percent(0, 10), percent(1, 100_000), percent(1, 30)], ["0 %", "< 0.1 %", "3.3 %"]);
        assert_eq!([bar(0, 10, 8), bar(1, 1_000_000, 8), bar(10, 10, 2)], ["", "▏", "██"]);
    }

    #[test]
    fn names_are_counted_in_order() {
        let names = ["sh", "cc1", "as", "cc1"].map(String::from);
        assert_eq!(tally(&names, 4), "sh, cc1 ×2, as");
        assert_eq!(children(&names, 4), "4 children: sh, cc1 ×2, as");
        assert_eq!(children(&names, 7), "more than 4 children: sh, cc1 ×2, as, …");
    }

    #[test]
    fn paths_survive_the_shell() {
        let paths = ["a.bwrec", "my file", "it's", "-o"].map(|path| shell(Path::new(path)));
        assert_eq!(paths, ["a.bwrec", "'my file'", r"'it'\''s'", "'-o'"]);
    }
}

//! JSON for who makes pages of results: `cargo xtask`.

/// A string.
#[must_use]
pub fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            char if u32::from(char) < 0x20 => quoted.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// A number of five digits, or nothing.
#[must_use]
pub fn number(number: Option<f64>) -> String {
    match number {
        Some(0.0) => "0".to_owned(),
        Some(number) if number.is_finite() => {
            let digits = (4 - number.abs().log10().floor() as i32).clamp(0, 9) as usize;
            format!("{number:.digits$}")
        }
        _ => "null".to_owned(),
    }
}

/// Values that are JSON already, in a line.
pub fn array(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

/// Named values that are JSON already, in a line.
#[must_use]
pub fn object(fields: &[(&str, String)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{}:{value}", text(name)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_would_misread_is_escaped() {
        assert_eq!(text("a \"b\"\n"), r#""a \"b\"\n""#);
    }

    #[test]
    fn numbers_have_five_digits() {
        assert_eq!([12345.678, 0.012345678, 2.0].map(|one| number(Some(one))), ["12346", "0.012346", "2.0000"]);
        assert_eq!([number(None), number(Some(f64::NAN))], ["null", "null"]);
    }
}

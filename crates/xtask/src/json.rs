//! JSON as the benches write it, and as results are kept.

use std::{collections::BTreeMap, fmt};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Json {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text };
        let value = reader.value()?;
        reader.space();
        if reader.rest.is_empty() { Ok(value) } else { Err(reader.wrong("the end")) }
    }

    /// What a map holds under `name`; nothing of anything else.
    pub(crate) fn get(&self, name: &str) -> &Self {
        match self {
            Self::Map(map) => map.get(name).unwrap_or(&Self::Null),
            _ => &Self::Null,
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    pub(crate) fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }

    /// Names and values of a map, in the order of the names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let map = match self {
            Self::Map(map) => Some(map),
            _ => None,
        };
        map.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    /// The numbers of a list, with gaps.
    pub(crate) fn numbers(&self) -> Vec<Option<f64>> {
        self.list().iter().map(Self::number).collect()
    }

    /// The one of a list of maps that is called so.
    pub(crate) fn named(&self, name: &str) -> &Self {
        self.list().iter().find(|one| one.get("name").text() == name).unwrap_or(&Self::Null)
    }

    pub(crate) fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl From<f64> for Json {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T: Into<Self>> FromIterator<T> for Json {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Json {
    /// In one line, but for lists of maps, of which each has one: so that one sees what changed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Number(number) if number.is_finite() => write!(f, "{number}"),
            Self::Number(_) => f.write_str("null"),
            Self::Text(text) => quoted(f, text),
            Self::List(list) => {
                let is_long = list.iter().any(|one| matches!(one, Self::Map(_)));
                let (open, between, close) = if is_long { ("[\n", ",\n", "\n]") } else { ("[", ",", "]") };
                f.write_str(open)?;
                for (at, value) in list.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { between })?;
                }
                f.write_str(close)
            }
            Self::Map(map) => {
                f.write_str("{")?;
                for (at, (name, value)) in map.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    quoted(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for char in text.chars() {
        match char {
            '"' | '\\' => write!(f, "\\{char}")?,
            char if u32::from(char) < 0x20 => write!(f, "\\u{:04x}", u32::from(char))?,
            char => write!(f, "{char}")?,
        }
    }
    f.write_str("\"")
}

/// What is left to be read.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn wrong(&self, expected: &str) -> String {
        let here: String = self.rest.chars().take(20).collect();
        format!("JSON: expected {expected} at `{here}`")
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Goes past `token`, if it is next.
    fn takes(&mut self, token: &str) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self) -> Result<Json, String> {
        if self.takes("null") {
            Ok(Json::Null)
        } else if self.takes("true") {
            Ok(Json::Bool(true))
        } else if self.takes("false") {
            Ok(Json::Bool(false))
        } else if self.takes("\"") {
            self.text().map(Json::Text)
        } else if self.takes("[") {
            let mut list = Vec::new();
            self.until("]", |reader| {
                list.push(reader.value()?);
                Ok(())
            })?;
            Ok(Json::List(list))
        } else if self.takes("{") {
            let mut map = BTreeMap::new();
            self.until("}", |reader| {
                let name = if reader.takes("\"") { reader.text()? } else { return Err(reader.wrong("a name")) };
                let true = reader.takes(":") else { return Err(reader.wrong("`:`")) };
                map.insert(name, reader.value()?);
                Ok(())
            })?;
            Ok(Json::Map(map))
        } else {
            self.number()
        }
    }

    /// Reads one after the other, between commas.
    fn until(&mut self, close: &str, mut one: impl FnMut(&mut Self) -> Result<(), String>) -> Result<(), String> {
        if self.takes(close) {
            return Ok(());
        }
        loop {
            one(self)?;
            if self.takes(close) {
                return Ok(());
            }
            if !self.takes(",") {
                return Err(self.wrong("`,`"));
            }
        }
    }

    /// The rest of a string whose quotation mark is behind us.
    fn text(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(text);
                }
                '\\' => match chars.next().map(|(_, char)| char) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('u') => {
                        let digits: String = chars.by_ref().take(4).map(|(_, char)| char).collect();
                        let char = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                        text.push(char.ok_or_else(|| self.wrong("four digits"))?);
                    }
                    Some(char) => text.push(char),
                    None => break,
                },
                char => text.push(char),
            }
        }
        Err(self.wrong("the end of a string"))
    }

    fn number(&mut self) -> Result<Json, String> {
        let end = self.rest.find(|char| !matches!(char, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let number = digits.parse().map_err(|_| self.wrong("a value"))?;
        self.rest = rest;
        Ok(Json::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = r#"{"a \"b\"":[1,2.5,null,[]],"c":{},"d":true,"é":"\u000a×"}"#;
        let value = Json::parse(text).unwrap();
        assert_eq!(value.get("a \"b\"").numbers(), [Some(1.0), Some(2.5), None, None]);
        assert_eq!(value.get("é").text(), "\n×");
        assert_eq!(Json::parse(&value.to_string()).unwrap(), value);
    }

    #[test]
    fn what_is_not_json_is_an_error() {
        for text in ["", "{", "[1,]", "{\"a\" 1}", "1 2", "\"", "nul"] {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn maps_in_a_list_have_lines_of_their_own() {
        let list = Json::List(vec![Json::map([("a", 1.0.into())]), Json::map([("a", 2.0.into())])]);
        assert_eq!(list.to_string(), "[\n{\"a\":1},\n{\"a\":2}\n]");
    }
}

//! [`NotationError`]: what is wrong with a text, and where.

use core::fmt;

use heap::{borrow::ToOwned, format, string::String};

/// A text is no composition; displayed with the place in the text.
///
/// ```
/// use blockwork::notation::Composition;
///
/// let error = "memo over".parse::<Composition>().unwrap_err();
/// assert_eq!(error.to_string(), "expected a part or a name, found the end\n  memo over\n           ^");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationError {
    text: String,
    at: usize,
    what: String,
}

impl NotationError {
    pub(super) fn new(text: &str, at: usize, what: String) -> Self {
        Self { text: text.to_owned(), at, what }
    }

    /// Bytes of the text before the place.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for NotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The line that the place is in, and a mark below it.
        let before = self.text.get(..self.at).unwrap_or(&self.text);
        let start = before.rfind('\n').map_or(0, |newline| newline.wrapping_add(1));
        let line = self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
        let column = before.get(start..).map_or(0, |indent| indent.chars().count());
        write!(f, "{}\n  {line}\n  {:column$}^", self.what, "")
    }
}

impl core::error::Error for NotationError {}

/// `otherwise`, and the name of `names` that is most like `found`, if one is.
#[expect(single_use_lifetimes, reason = "`impl Iterator<Item = &str>` is unstable")]
pub(super) fn suggest<'a>(otherwise: String, found: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names.map(|name| (strsim::damerau_levenshtein(found, name), name)).min();
    match near {
        Some((steps, name)) if steps <= (found.len() / 4).saturating_add(1) => {
            format!("{otherwise}; did you mean `{name}`?")
        }
        _ => otherwise,
    }
}

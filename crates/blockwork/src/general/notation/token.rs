//! Words, numbers and signs of the notation, each with its place.

use heap::vec::Vec;

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Bytes of the text before it.
    pub(super) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, digits and underscores, with a letter first.
    Word,
    /// Digits, and letters right behind them.
    Number,
    /// Anything else: `<=` and `..` as one, the rest by character.
    Sign,
    End,
}

/// Takes `text` apart; the last token is the end.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (kind, len) = match first {
            'a'..='z' | 'A'..='Z' | '_' => (Kind::Word, name_len(rest)),
            '0'..='9' => (Kind::Number, name_len(rest)),
            _ if rest.starts_with("<=") || rest.starts_with("..") => (Kind::Sign, 2),
            other => (Kind::Sign, other.len_utf8()),
        };
        let (token, behind) = rest.split_at_checked(len).unwrap_or((rest, ""));
        tokens.push(Token { kind, text: token, at: text.len().saturating_sub(rest.len()) });
        rest = behind.trim_start();
    }
    tokens.push(Token { kind: Kind::End, text: "", at: text.len() });
    tokens
}

/// Bytes of letters, digits and underscores that `text` begins with.
fn name_len(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

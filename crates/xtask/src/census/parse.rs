//! What is `unsafe` in one file, found among its tokens.
//!
//! The tokens are walked, not a syntax tree, since a third of the library's unsafe
//! code stands in the bodies of macros, of which a tree knows nothing but tokens.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What can be `unsafe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Promises that a callee asks for are given here.
    Block,
    /// Callers must promise something; those of traits' `impl`s are no promises of
    /// their own.
    Fn,
    /// A trait's promise is given here.
    Impl,
    /// Who implements it must promise something.
    Trait,
    /// Foreign functions are declared.
    Extern,
    /// `unsafe(no_mangle)` and the like.
    Attribute,
}

/// One place where `unsafe` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) line: usize,
    pub(super) in_test: bool,
    /// Whether a comment says why it is right; always for what needs none.
    pub(super) told: bool,
    /// Whether all it says is that somebody else has said it.
    pub(super) is_thin: bool,
}

/// Whole comments that leave it to the reader which promise is meant, and why it is kept.
const THIN: &[&str] =
    &["the caller's promise.", "the caller's promises.", "by contract.", "as above.", "as ever.", "likewise."];

/// What a file says: its places, and the modules in other files that are tests.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) places: Vec<Place>,
    pub(super) test_modules: Vec<String>,
}

/// Everything `unsafe` in `text`; `in_test` when the whole file is one.
pub(super) fn parse(text: &str, in_test: bool) -> Result<Found, String> {
    let stream: TokenStream = text.parse().map_err(|error| format!("{error}"))?;
    let mut walk = Walk { lines: text.lines().collect(), found: Found::default() };
    walk.tokens(&stream, &Around { in_test, lines: BTreeSet::new(), of_trait: false });
    Ok(walk.found)
}

/// Where a run of tokens stands.
#[derive(Clone)]
struct Around {
    in_test: bool,
    /// Where the statements begin that it is part of: above them may be the comment.
    lines: BTreeSet<usize>,
    /// In a trait, or in an `impl` of one.
    of_trait: bool,
}

struct Walk<'a> {
    lines: Vec<&'a str>,
    found: Found,
}

impl Walk<'_> {
    fn tokens(&mut self, stream: &TokenStream, around: &Around) {
        let trees: Vec<TokenTree> = stream.clone().into_iter().collect();
        // Of the statement or item that we are in.
        let mut start = 0;
        for (at, tree) in trees.iter().enumerate() {
            let item = &trees[start..at];
            match tree {
                TokenTree::Ident(word) if word == "unsafe" => {
                    self.place(item, tree, &trees[at + 1..], around);
                }
                TokenTree::Ident(word) if is_word(item.last(), "mod") && is_test(item) => {
                    if matches!(trees.get(at + 1), Some(TokenTree::Punct(mark)) if mark.as_char() == ';') {
                        self.found.test_modules.push(word.to_string());
                    }
                }
                TokenTree::Group(group) => self.group(item, group, around),
                _ => {}
            }
            if ends(item, tree, trees.get(at + 1)) {
                start = at + 1;
            }
        }
    }

    fn group(&mut self, item: &[TokenTree], group: &Group, around: &Around) {
        let mut inner = around.clone();
        inner.in_test |= is_test(item);
        let is_item = |word| item.iter().any(|tree| is_word(Some(tree), word));
        if group.delimiter() == Delimiter::Brace {
            // Above the head of a function no comment is about what is inside.
            inner.lines.clear();
            inner.of_trait = is_item("trait") || (is_item("impl") && is_item("for"));
        }
        if let Some(line) = first_line(item).filter(|_| !is_item("fn")) {
            inner.lines.insert(line);
        }
        self.tokens(&group.stream(), &inner);
    }

    /// `word` is `unsafe`, after the tokens of `item` and before `rest`.
    fn place(&mut self, item: &[TokenTree], word: &TokenTree, rest: &[TokenTree], around: &Around) {
        let Some(kind) = kind(rest) else { return };
        let line = word.span().start().line;
        let mut lines = around.lines.clone();
        // Comments may stand anywhere between the statement's start and the word.
        lines.extend(first_line(item).unwrap_or(line)..=line);
        let told = match kind {
            Kind::Block | Kind::Impl => lines.iter().any(|&line| self.told_at(line)),
            // What foreign code calls keeps the promises of the type that it is called as.
            Kind::Fn if is_word(rest.first(), "extern") => true,
            Kind::Fn | Kind::Trait if !around.of_trait => is_documented(item),
            Kind::Trait | Kind::Fn | Kind::Extern | Kind::Attribute => true,
        };
        let is_thin = kind == Kind::Block && lines.iter().any(|&line| self.is_thin_at(line));
        // What others' traits demand of a method is no demand of ours.
        if kind != Kind::Fn || !around.of_trait {
            self.found.places.push(Place { kind, line, in_test: around.in_test || is_test(item), told, is_thin });
        }
    }

    /// Whether the comment on `line`, counted from 1, or the one directly above is such.
    fn told_at(&self, line: usize) -> bool {
        let tells = |line: &str| line.split_once("//").is_some_and(|(_, comment)| comment.contains("SAFETY:"));
        let above = self.lines[..line - 1].iter().rev().map(|line| line.trim());
        let mut above = above.take_while(|line| line.starts_with("//") || line.starts_with('#') || line.is_empty());
        self.lines.get(line - 1).is_some_and(|line| tells(line)) || above.any(tells)
    }

    /// Whether the comment above `line` is one line of [`THIN`].
    fn is_thin_at(&self, line: usize) -> bool {
        let comment = self.lines[..line - 1].last().map(|line| line.trim());
        comment.and_then(|comment| comment.strip_prefix("// SAFETY: ")).is_some_and(|said| THIN.contains(&said))
    }
}

/// Whether the item's documentation says what must be promised.
fn is_documented(item: &[TokenTree]) -> bool {
    item.iter().any(|tree| match tree {
        TokenTree::Group(attribute) => attribute.stream().to_string().contains("# Safety"),
        _ => false,
    })
}

/// What the tokens after `unsafe` make of it; `None` for a type.
fn kind(rest: &[TokenTree]) -> Option<Kind> {
    match rest.first()? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(Kind::Block),
        TokenTree::Group(_) => Some(Kind::Attribute),
        TokenTree::Ident(word) if word == "impl" => Some(Kind::Impl),
        TokenTree::Ident(word) if word == "trait" => Some(Kind::Trait),
        // `fn name` is a function, `fn(` a type of pointers to some.
        TokenTree::Ident(word) if word == "fn" => match rest.get(1) {
            Some(TokenTree::Group(_)) | None => None,
            Some(_) => Some(Kind::Fn),
        },
        TokenTree::Ident(word) if word == "extern" => {
            let after = rest.iter().skip(1).position(|tree| !matches!(tree, TokenTree::Literal(_)))?;
            match rest.get(1 + after)? {
                TokenTree::Group(_) => Some(Kind::Extern),
                _ => kind(&rest[1 + after..]),
            }
        }
        _ => None,
    }
}

fn is_word(tree: Option<&TokenTree>, word: &str) -> bool {
    matches!(tree, Some(TokenTree::Ident(ident)) if ident == word)
}

/// Whether one of the item's attributes makes it part of the tests.
fn is_test(item: &[TokenTree]) -> bool {
    item.windows(2).any(|pair| match pair {
        [TokenTree::Punct(hash), TokenTree::Group(attribute)] if hash.as_char() == '#' => {
            let text: String = attribute.stream().to_string().split_whitespace().collect();
            let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            text == "test" || (words.first() == Some(&"cfg") && words.contains(&"test") && !text.contains("not(test"))
        }
        _ => false,
    })
}

fn first_line(item: &[TokenTree]) -> Option<usize> {
    // Attributes, documentation among them, may stand before what the comment is above of.
    let mut trees = item.iter();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Punct(hash) if hash.as_char() == '#' => drop(trees.next()),
            _ => return Some(tree.span().start().line),
        }
    }
    None
}

/// Whether a statement, an item or a match arm ends with `tree`, of which `item` is the
/// beginning.
fn ends(item: &[TokenTree], tree: &TokenTree, next: Option<&TokenTree>) -> bool {
    match tree {
        TokenTree::Punct(mark) if mark.as_char() == ',' => {
            // Not between parameters.
            !["fn", "impl", "trait"].iter().any(|word| item.iter().any(|tree| is_word(Some(tree), word)))
        }
        TokenTree::Punct(mark) => mark.as_char() == ';',
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
            // A method called on the block, or another arm of the same `if`.
            !matches!(next, Some(TokenTree::Punct(mark)) if mark.as_char() == '.') && !is_word(next, "else")
        }
        _ => false,
    }
}

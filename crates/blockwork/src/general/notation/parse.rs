//! From text to [`Composition`]: one function for each rule of the grammar.
//!
//! ```text
//! composition = { "let" name "=" node ";" } node
//! node        = name | part
//! part        = source | part_name [ "(" arguments ")" ] "over" node
//!             | "segregate" "(" { "<=" size ":" node "," } "else" node ")"
//!             | ( "fallback" | "last_resort" ) "(" node "," node ")"
//! arguments   = argument { "," argument }
//! argument    = word | [ word ] value
//! value       = size [ "%" ] [ ".." size [ "%" ] ] | size { "|" size } | word [ value ]
//! ```

use heap::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Composition, Node, NotationError,
    error::suggest,
    part::{Argument, PARTS, Part, Shape, Table, Value},
    token::{Kind, Token, tokens},
};

pub(super) fn composition(text: &str, sources: &[&str]) -> Result<Composition, NotationError> {
    let mut parser = Parser { text, tokens: tokens(text), next: 0, sources, lets: Vec::new(), parts: 0 };
    let root = parser.composition()?;
    Ok(Composition { lets: parser.lets, root })
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    sources: &'a [&'a str],
    lets: Vec<(String, Node)>,
    parts: usize,
}

type Parsed<T> = Result<T, NotationError>;

/// The most parts in a composition: they stand on each other, and each takes
/// some of the stack when it is built, used and dropped.
const PARTS_MAX: usize = 256;

impl<'a> Parser<'a> {
    fn composition(&mut self) -> Parsed<Node> {
        while self.takes("let") {
            let name = self.word("a name")?;
            self.check_new(name)?;
            self.sign("=")?;
            let node = self.node()?;
            self.sign(";")?;
            self.lets.push((name.text.to_owned(), node));
        }
        let root = self.node()?;
        match self.peek().kind {
            Kind::End => Ok(root),
            _ => Err(self.expected("the end")),
        }
    }

    /// Refuses a name that something has already.
    fn check_new(&self, name: Token<'_>) -> Parsed<()> {
        let is_taken = ["let", "over", "else"].contains(&name.text) || self.names().any(|taken| taken == name.text);
        if is_taken { Err(self.error(name, format!("`{}` means something else already", name.text))) } else { Ok(()) }
    }

    /// Everything that can be written where a part is expected.
    fn names(&self) -> impl Iterator<Item = &str> {
        let lets = self.lets.iter().map(|(name, _)| &**name);
        PARTS.iter().map(|part| part.name).chain(lets).chain(self.sources.iter().copied())
    }

    fn node(&mut self) -> Parsed<Node> {
        let name = self.word("a part or a name")?;
        self.parts = self.parts.saturating_add(1);
        if self.parts > PARTS_MAX {
            return Err(self.error(name, format!("a composition has at most {PARTS_MAX} parts and names")));
        }
        if let Some(index) = self.lets.iter().position(|(known, _)| known == name.text) {
            return Ok(Node::Shared(index));
        }
        if self.sources.contains(&name.text) {
            return Ok(Node::Source(name.text.to_owned()));
        }
        let Some(info) = PARTS.iter().find(|part| part.name == name.text) else {
            let message = suggest(format!("`{}` is no part", name.text), name.text, self.names());
            return Err(self.error(name, message));
        };
        match info.shape {
            Shape::Source => self.part(name, &[], Vec::new()),
            Shape::Over => {
                let arguments = self.arguments()?;
                if !self.takes("over") {
                    return Err(self.expected(if arguments.is_empty() { "`(` or `over`" } else { "`over`" }));
                }
                let parent = self.node()?;
                self.part(name, &arguments, [parent].into())
            }
            Shape::Segregate => self.segregate(),
            Shape::Two => {
                self.sign("(")?;
                let first = self.node()?;
                self.sign(",")?;
                let second = self.node()?;
                self.sign(")")?;
                self.part(name, &[], [first, second].into())
            }
        }
    }

    /// The part that `name` and its arguments say.
    fn part(&self, name: Token<'_>, arguments: &[Argument<'a>], below: Vec<Node>) -> Parsed<Node> {
        match Part::new(name.text, arguments, &below) {
            Ok(part) => Ok(Node::Part(part, below)),
            Err((at, what)) => Err(NotationError::new(self.text, at.unwrap_or(name.at), what)),
        }
    }

    fn segregate(&mut self) -> Parsed<Node> {
        let (mut bounds, mut below) = (Vec::new(), Vec::new());
        self.sign("(")?;
        while self.takes("<=") {
            let at = self.peek();
            let bound = self.size()?;
            if bounds.last().is_some_and(|&last| last >= bound) {
                return Err(self.error(at, "boundaries ascend".to_owned()));
            }
            self.sign(":")?;
            below.push(self.node()?);
            bounds.push(bound);
            self.sign(",")?;
        }
        if bounds.is_empty() {
            return Err(self.expected("`<=`"));
        }
        if !self.takes("else") {
            return Err(self.expected("`<=` or `else`"));
        }
        below.push(self.node()?);
        self.sign(")")?;
        Ok(Node::Part(Part::Segregate { bounds }, below))
    }

    fn arguments(&mut self) -> Parsed<Vec<Argument<'a>>> {
        let mut arguments = Vec::new();
        if self.takes("(") {
            loop {
                arguments.push(self.argument()?);
                if !self.takes(",") {
                    break;
                }
            }
            if !self.takes(")") {
                return Err(self.expected("`,` or `)`"));
            }
        }
        Ok(arguments)
    }

    fn argument(&mut self) -> Parsed<Argument<'a>> {
        let first = self.peek();
        let is_key = first.kind == Kind::Word && !["pow2", "quad"].contains(&first.text);
        if is_key {
            self.next = self.next.saturating_add(1);
        }
        let is_alone = is_key && [",", ")"].contains(&self.peek().text);
        let value = if is_alone { Value::Said } else { self.value()? };
        Ok(Argument { at: first.at, key: is_key.then_some(first.text), value })
    }

    fn value(&mut self) -> Parsed<Value> {
        let first = self.peek();
        for table in ["pow2", "quad"] {
            if self.takes(table) {
                let from = self.size()?;
                self.sign("..")?;
                let to = self.size()?;
                let made = if table == "pow2" { Table::pow2(from, to) } else { Table::quad(from, to) };
                return made.map(Value::Table).map_err(|what| self.error(first, what.to_owned()));
            }
        }
        if first.kind == Kind::Word {
            self.next = self.next.saturating_add(1);
            let follows = matches!(self.peek().kind, Kind::Number);
            let range = if follows { Some(self.value()?) } else { None };
            return Ok(Value::Word(first.text.to_owned(), range.map(heap::boxed::Box::new)));
        }
        let size = self.size()?;
        if self.peek().text == "|" {
            let mut sizes = Vec::from([size]);
            while self.takes("|") {
                sizes.push(self.size()?);
            }
            return Table::list(sizes).map(Value::Table).map_err(|what| self.error(first, what.to_owned()));
        }
        let is_share = self.takes("%");
        if !self.takes("..") {
            return Ok(if is_share { Value::Shares(size, size) } else { Value::Size(size) });
        }
        let to = self.size()?;
        match (is_share, self.takes("%")) {
            (_, true) => Ok(Value::Shares(size, to)),
            (false, false) => Ok(Value::Range(size, to)),
            (true, false) => Err(self.expected("`%`")),
        }
    }

    /// A number of bytes.
    fn size(&mut self) -> Parsed<usize> {
        let token = self.peek();
        if token.kind != Kind::Number {
            return Err(self.expected("a size"));
        }
        self.next = self.next.saturating_add(1);
        let digits = token.text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let shift = match token.text.get(digits.len()..).unwrap_or_default() {
            "" => 0_u32,
            "k" | "K" => 10,
            "m" | "M" => 20,
            "g" | "G" => 30,
            unit => return Err(self.error(token, format!("`{unit}` is no unit: those are `k`, `M` and `G`"))),
        };
        let number = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(1_usize.wrapping_shl(shift)));
        number.ok_or_else(|| self.error(token, format!("`{}` is more than a word holds", token.text)))
    }

    fn peek(&self) -> Token<'a> {
        let end = Token { kind: Kind::End, text: "", at: self.text.len() };
        self.tokens.get(self.next).copied().unwrap_or(end)
    }

    /// Goes on behind the next token if it is `text`.
    fn takes(&mut self, text: &str) -> bool {
        let is_it = self.peek().text == text;
        if is_it {
            self.next = self.next.saturating_add(1);
        }
        is_it
    }

    fn sign(&mut self, sign: &str) -> Parsed<()> {
        if self.takes(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    fn word(&mut self, what: &str) -> Parsed<Token<'a>> {
        let token = self.peek();
        if token.kind != Kind::Word {
            return Err(self.expected(what));
        }
        self.next = self.next.saturating_add(1);
        Ok(token)
    }

    fn expected(&self, what: &str) -> NotationError {
        let token = self.peek();
        let found = if token.kind == Kind::End { "the end".to_string() } else { format!("`{}`", token.text) };
        self.error(token, format!("expected {what}, found {found}"))
    }

    fn error(&self, token: Token<'_>, what: String) -> NotationError {
        NotationError::new(self.text, token.at, what)
    }
}

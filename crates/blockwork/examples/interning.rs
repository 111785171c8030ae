//! A compiler's names: each is kept once, compared and hashed as a number of four
//! bytes, and all of them together stay within a ceiling.
//!
//! ```text
//! "count" ─► Interner ─ known ──► Symbol 7
//!                └───── new ────► Arena ─► Quota, 1 MiB ─► System
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::error::Error;

use blockwork::{AllocError, Chain, Const, Interner, Quota, Symbol, System};

pub(crate) type Names = Interner<Quota<System, Const<{ 1 << 20 }>>>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Names>() == 104, "docs/recipes.md says so");

pub(crate) fn names() -> Names {
    Interner::with_defaults(System.capped(Const))
}

/// A word of the source, or what stands between words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Name(Symbol),
    Other(char),
}

/// The tokens of a source.
fn tokens(source: &str, names: &Names) -> Result<Vec<Token>, AllocError> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()).max(first.len_utf8());
        let (token, tail) = rest.split_at(end);
        tokens.push(if first.is_alphanumeric() { Token::Name(names.try_intern(token)?) } else { Token::Other(first) });
        rest = tail.trim_start();
    }
    Ok(tokens)
}

/// How often each name is used: an array, for a symbol is an index.
fn uses(tokens: &[Token], names: &Names) -> Vec<u32> {
    let mut uses = vec![0_u32; names.len()];
    for token in tokens {
        if let Token::Name(name) = token
            && let Some(count) = usize::try_from(name.index()).ok().and_then(|index| uses.get_mut(index))
        {
            *count = count.saturating_add(1);
        }
    }
    uses
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let names = names();
    let source = "let count = count + step; let step = step * count; print(count);";
    let tokens = tokens(source, &names)?;
    println!("state: {} bytes", size_of::<Names>());
    println!("{} tokens, {} names in {} bytes", tokens.len(), names.len(), names.bytes_held());
    for ((_, name), uses) in names.iter().zip(uses(&tokens, &names)) {
        println!("{uses} × {name}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_by_symbol() {
        let names = names();
        let tokens = tokens("a b a ; a", &names).unwrap();
        assert_eq!(uses(&tokens, &names), [3, 1]);
        assert!(tokens[0] == tokens[2] && tokens[0] != tokens[1] && tokens[3] == Token::Other(';'));
    }

    #[test]
    fn too_many_names_are_an_error_and_those_that_are_known_stay() {
        let names = names();
        let refused = (0..100_000).find(|number| names.try_intern(&format!("name{number}")).is_err()).unwrap();
        assert!(refused > 5_000, "{refused}");
        let known = names.find("name17").unwrap();
        assert_eq!((names.try_intern("name17"), &names[known]), (Ok(known), "name17"));
    }
}

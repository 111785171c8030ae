//! Texts of the notation, arbitrary ones and such as are almost right.
//!
//! A text is refused with a place inside of it, or is a composition that reads
//! the same when it is printed, can be printed as Rust, and can be built.

use core::alloc::Layout;
use std::rc::Rc;

use blockwork::{
    Allocate as _, Null,
    notation::{Composition, NotationError},
};

/// Bytes that say that the rest are numbers of words.
const WORDY: u8 = 0xff;

/// The sources that texts may name.
const SOURCES: [&str; 2] = ["parent", "other"];

/// Pieces of texts that are right.
const WORDS: &[&str] = &[
    "let ",
    "s = ",
    "s",
    "t = ",
    "t",
    "; ",
    " over ",
    "else ",
    "<=",
    ": ",
    ", ",
    "(",
    ")",
    "..",
    "|",
    "%",
    " ",
    "\n",
    "parent",
    "other",
    "system",
    "pages",
    "guarded",
    "null",
    "bump",
    "arena",
    "block_pool",
    "concurrent_block_pool",
    "span_pool",
    "slab",
    "mixed_slab",
    "memo",
    "segregate",
    "fallback",
    "last_resort",
    "counted",
    "quota",
    "scrubbed",
    "checked",
    "observed",
    "affix",
    "min_align",
    "frozen",
    "or_stop",
    "locked",
    "thread_cached",
    "pow2 ",
    "quad ",
    "keep ",
    "all",
    "eagerly ",
    "limit ",
    "chunk ",
    "blocks ",
    "align ",
    "capacity ",
    "fence ",
    "fill",
    "quarantine ",
    "growth",
    "0",
    "1",
    "8",
    "16",
    "24",
    "32",
    "48",
    "64",
    "100",
    "128",
    "1k",
    "4k",
    "32k",
    "64k",
    "1M",
    "3G",
    "18446744073709551615",
    "17179869183G",
    "16..1k",
    "8..64",
    "24|48|200",
    "10%..50%",
    "0..64k",
    "(64k) over parent",
    "(4k) over parent",
    " over parent",
    "é",
    "\u{3000}",
];

/// How texts are read and printed.
#[derive(Clone, Copy, Debug)]
pub struct Grammar {
    /// Reads a text that may name sources.
    pub parse: fn(&str, &[&str]) -> Result<Composition, NotationError>,
    /// Prints what was read.
    pub print: fn(&Composition) -> String,
}

/// The library's.
pub const GRAMMAR: Grammar = Grammar { parse: Composition::parse_with, print: |composition| composition.to_string() };

/// Reads a text that the bytes are, or that they say word by word.
pub fn run(bytes: &[u8]) {
    run_with(bytes, GRAMMAR);
}

/// The same, with another grammar.
pub fn run_with(bytes: &[u8], grammar: Grammar) {
    if let Some((&WORDY, numbers)) = bytes.split_first() {
        let words = numbers.iter().filter_map(|&number| WORDS.get(usize::from(number) % WORDS.len()));
        return read(&words.copied().collect::<String>(), grammar);
    }
    if let Ok(text) = str::from_utf8(bytes) {
        read(text, grammar);
    }
}

/// Reads `text`, and looks at what comes of it.
pub fn read(text: &str, grammar: Grammar) {
    match (grammar.parse)(text, &SOURCES) {
        Err(error) => {
            assert!(error.at() <= text.len(), "the place is behind the text");
            assert!(text.is_char_boundary(error.at()), "the place is inside of a letter");
            assert!(!error.message().is_empty(), "nothing is said to be wrong");
            assert!(error.to_string().starts_with(error.message()));
        }
        Ok(composition) => {
            let printed = (grammar.print)(&composition);
            let again = (grammar.parse)(&printed, &SOURCES);
            assert_eq!(again.as_ref().map_err(ToString::to_string), Ok(&composition), "{printed}");
            assert_eq!(again.map(|again| (grammar.print)(&again)).as_ref(), Ok(&printed));
            assert!(printed.len() <= 16 * text.len(), "much is made of a short text");
            assert!(composition.to_rust().len() <= 4096 + 4096 * text.len(), "much is made of a short text");
            built(&composition);
        }
    }
}

/// Builds `composition` over sources that have nothing, and asks what it would grant.
fn built(composition: &Composition) {
    let sources = SOURCES.map(|name| (name, Rc::new(Null) as Rc<dyn blockwork::notation::Member>));
    let heap = composition.build_over(&sources).unwrap_or_else(|error| panic!("{composition}: {error}"));
    let mut before = 0;
    for size in [0, 1, 8, 100, 4096, 100_000, 1 << 32, isize::MAX.unsigned_abs() - 64] {
        let Ok(layout) = Layout::from_size_align(size, 8) else { continue };
        let granted = heap.granted(layout);
        assert!(granted >= size && (granted == 0) == (size == 0), "{composition}: {size} is granted {granted}");
        assert!(granted >= before, "{composition}: {size} is granted less than what is smaller");
        before = granted;
        if let Ok(whole) = Layout::from_size_align(granted, 8) {
            assert_eq!(heap.granted(whole), granted, "{composition}: the grant of a grant");
        }
    }
    drop(heap);
    // It may be for one thread.
    drop(composition.build_sync());
}

//! [`Composition`]: allocators written down, as text.
//!
//! ```text
//! let s = span_pool(64k) over pages; segregate(<=32k: slab(pow2 16..32k) over s, else s)
//!     │            │           │                │                                  │
//!     a name       arguments   its parent       small requests                     the rest
//!
//! text ─► Composition ─┬─► build      parts behind `dyn`, this thread's
//!          ▲    │      ├─► build_sync parts behind `dyn`, for all threads
//!          └────┘      └─► to_rust    the same as a type, in Rust
//!          Display
//! ```
//!
//! | cost | |
//! |---|---|
//! | time | one indirect call per part that a request passes; everything else as in the parts |
//! | space | one box per part |
//! | failure | of the text: [`NotationError`], with the place; of a request: whatever the parts say |
//!
//! Numbers are bytes, with `k`, `M` and `G` for powers of 1024. `over` binds to the
//! right: `counted over locked over pages` counts what passes to the lock. Every
//! part but a source needs a parent. A name stands for one allocator, however
//! often it is written; it has to be declared before.
//!
//! # Parts
//!
#![doc = parts_table!()]
//!
//! A table of classes is `pow2 16..32k`, `quad 16..32k` (always from 16) or a list,
//! `24|64|200`; see [`size_class`](crate::math::size_class).
//!
//! # Threads
//!
//! [`build`](Composition::build) makes an allocator for one thread.
//! [`build_sync`](Composition::build_sync) makes one for all of them: each part
//! that is for one thread has to stand behind `locked`, together with the
//! allocators it shares, or these are `locked` themselves. `thread_cached` is for
//! all of them, if what it stands on is.
//!
//! When not to use it: when the composition is known. The Rust that
//! [`to_rust`](Composition::to_rust) prints has no indirect calls.
//!
//! # Example
//!
//! ```
//! use core::alloc::Layout;
//! use blockwork::{Allocate, notation::Composition};
//!
//! let text = "let s = span_pool(64k) over system; segregate(<=1k: slab(quad 16..1k, 16k) over s, else s)";
//! let composition: Composition = text.parse()?;
//! let heap = composition.build()?;
//! assert_eq!(heap.granted(Layout::new::<[u8; 100]>()), 112);
//! assert_eq!(composition.to_string(), text);
//!
//! let error = "span_pol(64k) over pages".parse::<Composition>().unwrap_err();
//! assert_eq!(error.to_string().lines().next(), Some("`span_pol` is no part; did you mean `span_pool`?"));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::{fmt, str::FromStr};

use heap::{string::String, vec::Vec};

use self::part::Part;
pub use self::{
    build::{BuildError, Composed, ComposedSync, Member},
    error::NotationError,
    part::{PARTS, PartInfo},
};

mod build;
mod emit;
mod error;
mod parse;
mod part;
mod token;

/// Writes the table of parts for the documentation, so that what is documented
/// is what is parsed.
macro_rules! parts_table {
    () => {
        include_str!("parts.md")
    };
}
use parts_table;

/// A composition of parts; see the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composition {
    /// Names and what they stand for; each refers to those before it.
    lets: Vec<(String, Node)>,
    root: Node,
}

/// A part with what it stands on, or a name for that.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// Of a `let`, by number.
    Shared(usize),
    /// Of a source that whoever builds it brings.
    Source(String),
    Part(Part, Vec<Self>),
}

impl Composition {
    /// Reads a composition that stands on sources of the caller's, too, by these
    /// names.
    ///
    /// # Errors
    ///
    /// Where the text is no composition, and why.
    pub fn parse_with(text: &str, sources: &[&str]) -> Result<Self, NotationError> {
        parse::composition(text, sources)
    }

    /// Whether blocks can be told from those of others: the outermost part is
    /// [`Owns`](crate::Owns).
    #[must_use]
    pub fn owns(&self) -> bool {
        self.root.owns()
    }

    fn write_node(&self, f: &mut fmt::Formatter<'_>, node: &Node) -> fmt::Result {
        match node {
            Node::Shared(index) => f.write_str(self.name(*index)),
            Node::Source(name) => f.write_str(name),
            Node::Part(part, below) => self.write_part(f, part, below),
        }
    }

    fn write_part(&self, f: &mut fmt::Formatter<'_>, part: &Part, below: &[Node]) -> fmt::Result {
        f.write_str(part.name())?;
        let (arguments, labels) = (part.arguments(), part.labels());
        if labels.is_empty() {
            if !arguments.is_empty() {
                write!(f, "({})", arguments.join(", "))?;
            }
            return below.iter().try_for_each(|parent| {
                f.write_str(" over ")?;
                self.write_node(f, parent)
            });
        }
        f.write_str("(")?;
        for (index, (label, child)) in labels.iter().zip(below).enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            f.write_str(label)?;
            self.write_node(f, child)?;
        }
        f.write_str(")")
    }

    fn name(&self, index: usize) -> &str {
        self.lets.get(index).map_or("", |(name, _)| name)
    }
}

impl Node {
    /// Whether what is built from it is [`Owns`](crate::Owns).
    fn owns(&self) -> bool {
        match self {
            // Others may stand on it, whose blocks it would claim.
            Self::Shared(_) | Self::Source(_) => false,
            Self::Part(part, below) => part.owns(below),
        }
    }
}

impl FromStr for Composition {
    type Err = NotationError;

    fn from_str(text: &str) -> Result<Self, NotationError> {
        Self::parse_with(text, &[])
    }
}

impl fmt::Display for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, node) in &self.lets {
            write!(f, "let {name} = ")?;
            self.write_node(f, node)?;
            f.write_str("; ")?;
        }
        self.write_node(f, &self.root)
    }
}

#[cfg(test)]
mod tests;

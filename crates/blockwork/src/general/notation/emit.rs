//! From [`Composition`] to Rust.

use core::fmt::Write as _;

use heap::{
    borrow::ToOwned,
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Composition, Node,
    part::{Keep, Part, Table},
};
use crate::{
    combine::checked::Scrutiny,
    strategy::{
        arena::ArenaConfig,
        block_pool::ChunkSize,
        slab::{SlabConfig, SlabPolicy},
        span_pool::{SpanPoolConfig, Threshold},
    },
};

impl Composition {
    /// Prints the composition as Rust to paste: a type for each name, `Heap`,
    /// and a function `heap` that makes one; `const` where nothing is shared.
    ///
    /// It does what [`build`](Self::build)'s does, without indirect calls. A name
    /// becomes an `Rc`, or an `Arc` where what it stands for is for all threads. A
    /// source of the caller's is printed as its name.
    ///
    /// ```
    /// use blockwork::notation::Composition;
    ///
    /// let heap: Composition = "counted over bump(64k) over system".parse()?;
    /// assert_eq!(heap.to_rust(), "\
    /// use blockwork::{Bump, Counted, System};
    ///
    /// /// `counted over bump(64k) over system`
    /// pub type Heap = Counted<Bump<System>>;
    ///
    /// /// Makes a [`Heap`]; takes no memory yet.
    /// pub const fn heap() -> Heap {
    ///     Counted::new(Bump::new(System, 65536))
    /// }
    /// ");
    /// # Ok::<(), blockwork::notation::NotationError>(())
    /// ```
    #[must_use]
    pub fn to_rust(&self) -> String {
        let mut printer = Printer::new(self);
        let lets: Vec<Typed> = self.lets.iter().map(|(_, node)| printer.node(node)).collect();
        let root = printer.node(&self.root);
        printer.file(&lets, &root)
    }
}

/// A type, and an expression of that type.
struct Typed {
    kind: String,
    made: String,
}

/// What is printed so far.
struct Printer<'c> {
    composition: &'c Composition,
    /// Whether what a name stands for is for all threads.
    sync: Vec<bool>,
    /// Names of the library that are used.
    names: BTreeSet<&'static str>,
    /// Lists of sizes.
    lists: Vec<Vec<usize>>,
}

impl<'c> Printer<'c> {
    fn new(composition: &'c Composition) -> Self {
        let mut sync = Vec::new();
        for (_, node) in &composition.lets {
            let is_sync = is_sync(node, &sync);
            sync.push(is_sync);
        }
        Self { composition, sync, names: BTreeSet::new(), lists: Vec::new() }
    }

    fn file(mut self, lets: &[Typed], root: &Typed) -> String {
        let mut body = String::new();
        for (number, sizes) in self.lists.iter().enumerate() {
            let list: Vec<String> = sizes.iter().map(ToString::to_string).collect();
            let (list, len) = (list.join(", "), sizes.len());
            append(
                &mut body,
                format_args!(
                    "\n/// Sizes of classes.\n#[derive(Clone, Copy, Debug, Default)]\npub struct Sizes{number};\n\n\
                 impl Sizes for Sizes{number} {{\n    const SIZES: &'static [usize] = &[{list}];\n    \
                 type PerSize<T: Initial> = [T; {len}];\n}}\n"
                ),
            );
        }
        for (index, typed) in lets.iter().enumerate() {
            let node = self.composition.lets.get(index).map(|(_, node)| node);
            let text = node.map(|node| self.composition.show(node)).unwrap_or_default();
            let (alias, pointer) = (self.alias(index), self.pointer(index));
            append(&mut body, format_args!("\n/// `{text}`\npub type {alias} = {pointer}<{}>;\n", typed.kind));
        }
        let text = self.composition.show(&self.composition.root);
        append(&mut body, format_args!("\n/// `{text}`\npub type Heap = {};\n", root.kind));
        let constant = if lets.is_empty() { "const " } else { "" };
        append(&mut body, format_args!("\n/// Makes a [`Heap`]; takes no memory yet.\n"));
        append(&mut body, format_args!("pub {constant}fn heap() -> Heap {{\n"));
        for (index, typed) in lets.iter().enumerate() {
            let (name, alias) = (variable(self.composition.name(index)), self.alias(index));
            append(
                &mut body,
                format_args!("    let {name}: {alias} = {}::new({});\n", self.pointer(index), typed.made),
            );
        }
        append(&mut body, format_args!("    {}\n}}\n", root.made));
        if body.contains("valid(") {
            self.names.extend(["ConfigError", "Valid"]);
            body.push_str(
                "\n/// A configuration that is checked while this compiles.\n\
                 const fn valid<C: Copy>(checked: Result<Valid<C>, ConfigError>) -> Valid<C> {\n    \
                 match checked {\n        Ok(valid) => valid,\n        \
                 Err(error) => panic!(\"{}\", error.rule),\n    }\n}\n",
            );
        }
        let mut head = String::new();
        for (pointer, module) in [("Rc", "rc"), ("Arc", "sync")] {
            if (0..lets.len()).any(|index| self.pointer(index) == pointer) {
                append(&mut head, format_args!("use std::{module}::{pointer};\n"));
            }
        }
        let names: Vec<&str> = self.names.into_iter().collect();
        let names = if let [name] = *names { name.to_owned() } else { format!("{{{}}}", names.join(", ")) };
        append(&mut head, format_args!("use blockwork::{names};\n"));
        head.push_str(&body);
        head
    }

    /// What shares the name of `index`.
    fn pointer(&self, index: usize) -> &'static str {
        if self.sync.get(index).is_some_and(|&is_sync| is_sync) { "Arc" } else { "Rc" }
    }

    /// The type of the name of `index`; two names may differ in underscores only.
    fn alias(&self, index: usize) -> String {
        let camel_of = |index| camel(self.composition.name(index));
        let alias = format!("Shared{}", camel_of(index));
        let is_taken = (0..index).any(|earlier| camel_of(earlier) == camel_of(index));
        if is_taken { format!("{alias}_{index}") } else { alias }
    }

    fn node(&mut self, node: &Node) -> Typed {
        match node {
            Node::Shared(index) => {
                let name = variable(self.composition.name(*index));
                Typed { kind: self.alias(*index), made: format!("{}::clone(&{name})", self.pointer(*index)) }
            }
            Node::Source(name) => Typed { kind: camel(name), made: variable(name) },
            Node::Part(part, below) => {
                let below = below.iter().map(|child| self.node(child)).collect();
                self.part(part, below)
            }
        }
    }

    /// A name of the library.
    fn of(&mut self, name: &'static str) -> &'static str {
        self.names.insert(name);
        name
    }

    fn part(&mut self, part: &Part, below: Vec<Typed>) -> Typed {
        let mut below = below.into_iter();
        let mut child = || below.next().unwrap_or(Typed { kind: String::new(), made: String::new() });
        match part {
            Part::System => self.source("System"),
            Part::Pages => self.source("Pages"),
            Part::Guarded => {
                let Typed { kind, .. } = self.source("Guarded");
                Typed { made: format!("{kind}::new()"), kind }
            }
            Part::Null => self.source("Null"),
            Part::Bump { capacity } => self.over("Bump", child(), "", &capacity.to_string()),
            Part::Arena(config) => {
                let ArenaConfig { span_first, span_max, .. } = config.get();
                let config =
                    self.config("ArenaConfig", &format!("span_first: {span_first}, span_max: {span_max}, "), false);
                self.over("Arena", child(), "", &config)
            }
            Part::BlockPool { size, align, config } => {
                let (of, chunk) = (self.of("BlockOf"), self.chunk(config.get().chunk));
                let config = self.of("BlockPoolConfig");
                let config = format!("const {{ valid({config} {{ block: {of}, chunk: {chunk} }}.check()) }}");
                self.over("BlockPool", child(), &format!(", {of}<{size}, {align}>"), &config)
            }
            Part::BlockPoolClasses { table, policy } => {
                let (policy, chunk) = (self.of("BlockPoolPolicy"), self.chunk(policy.get().chunk));
                let config = format!("const {{ valid({policy} {{ chunk: {chunk} }}.check()) }}");
                let head = self.of("BlockPoolHead");
                self.by_class(child(), table, head, &config)
            }
            Part::ConcurrentBlockPool { size, align, config } => {
                let (of, chunk_size) = (self.of("BlockOf"), config.get().chunk_size);
                let config = self.of("ConcurrentBlockPoolConfig");
                let config = format!("const {{ valid({config} {{ block: {of}, chunk_size: {chunk_size} }}.check()) }}");
                self.over("ConcurrentBlockPool", child(), &format!(", {of}<{size}, {align}>"), &config)
            }
            Part::SpanPool { config, keep } => {
                let is_whole = config.get().backing_request.is_some()
                    && *keep != Keep::Default
                    && config.get().capacity != usize::MAX;
                let fields = self.span_pool(config.get(), *keep);
                let config = self.config("SpanPoolConfig", &fields, is_whole);
                self.over("SpanPool", child(), "", &config)
            }
            Part::Slab(config) => {
                let SlabConfig { slot_size, slab_size, keep } = config.get();
                let (constant, config) = (self.of("Const"), self.of("SlabConfig"));
                let fields = format!("slot_size: {constant}, slab_size: {constant}, keep: {keep}");
                let config = format!("const {{ valid({config} {{ {fields} }}.check()) }}");
                self.over("Slab", child(), &format!(", {constant}<{slot_size}>, {constant}<{slab_size}>"), &config)
            }
            Part::SlabClasses { table, policy } => {
                let (head, (config, slab)) = (self.of("SlabHead"), self.policy(policy.get()));
                self.by_class(child(), table, &format!("{head}<{slab}>"), &config)
            }
            Part::MixedSlab(policy) => {
                let (config, slab) = self.policy(policy.get());
                self.over("MixedSlab", child(), &format!(", {slab}"), &config)
            }
            Part::Memo { table, limit } => {
                let parent = child();
                let limit = if *limit == usize::MAX { "usize::MAX".to_owned() } else { limit.to_string() };
                match table {
                    None => self.over("Memo", parent, "", &limit),
                    Some(table) => {
                        let (memo, table) = (self.of("Memo"), self.table(table));
                        Typed {
                            kind: format!("{memo}<{}, {}>", parent.kind, table.kind),
                            made: format!("{memo}::by_class({}, {}, {limit})", parent.made, table.made),
                        }
                    }
                }
            }
            Part::Segregate { bounds } => {
                let (segregate, up_to) = (self.of("Segregate"), self.of("UpTo"));
                let small: Vec<(usize, Typed)> = bounds.iter().map(|&bound| (bound, child())).collect();
                small.into_iter().rev().fold(child(), |large, (bound, small)| Typed {
                    kind: format!("{segregate}<{up_to}<{bound}>, {}, {}>", small.kind, large.kind),
                    made: format!("{segregate}::new({up_to}, {}, {})", small.made, large.made),
                })
            }
            Part::Fallback => self.two("Fallback", &child(), &child()),
            Part::LastResort => self.two("LastResort", &child(), &child()),
            Part::Counted => self.over("Counted", child(), "", ""),
            Part::Quota { limit } => {
                let constant = self.of("Const");
                self.over("Quota", child(), &format!(", {constant}<{limit}>"), constant)
            }
            Part::Scrubbed => self.over("Scrubbed", child(), "", ""),
            Part::Checked(scrutiny) => self.checked(child(), *scrutiny),
            Part::Observed { growth } => {
                let Typed { kind, made } = child();
                let (name, event, print) = (self.of("Observed"), self.of("Event"), self.of("combine::observed::print"));
                let print = print.rsplit("::").next().unwrap_or(print);
                let (place, make) =
                    if *growth { (format!(", {}", self.of("Growth")), "growth") } else { (String::new(), "new") };
                Typed {
                    kind: format!("{name}<{kind}, fn({event}){place}>"),
                    made: format!("{name}::{make}({made}, {print} as fn({event}))"),
                }
            }
            Part::Affix => {
                let Typed { kind, made } = child();
                let name = self.of("Affix");
                Typed { kind: format!("{name}<{kind}, usize, usize>"), made: format!("{name}::new({made}, 0, 0)") }
            }
            Part::MinAlign { align } => {
                let constant = self.of("Const");
                self.over("MinAlign", child(), &format!(", {constant}<{align}>"), constant)
            }
            Part::Frozen => self.over("Frozen", child(), "", ""),
            Part::OrStop => {
                let stop = self.of("Stop");
                self.over("OnFailure", child(), &format!(", {stop}"), stop)
            }
            Part::Locked => self.over("Locked", child(), "", ""),
            Part::ThreadCached { table, limit } => {
                let table = self.table(table);
                let (kind, made) = (format!(", {}", table.kind), format!("{}, {limit}", table.made));
                self.over("ThreadCached", child(), &kind, &made)
            }
        }
    }

    fn source(&mut self, name: &'static str) -> Typed {
        let name = self.of(name);
        Typed { kind: name.to_owned(), made: name.to_owned() }
    }

    /// `Name<Parent…>`, made by `Name::new(parent, argument)`.
    fn over(&mut self, name: &'static str, parent: Typed, parameters: &str, argument: &str) -> Typed {
        let name = self.of(name);
        let comma = if argument.is_empty() { "" } else { ", " };
        let Typed { kind, made } = parent;
        Typed { kind: format!("{name}<{kind}{parameters}>"), made: format!("{name}::new({made}{comma}{argument})") }
    }

    /// Heads of the type `head` with `config`, one for each class of `table`.
    fn by_class(&mut self, parent: Typed, table: &Table, head: &str, config: &str) -> Typed {
        let (classes, table) = (self.of("SizeClasses"), self.table(table).kind);
        let Typed { kind, made } = parent;
        Typed { kind: format!("{classes}<{table}, {head}, {kind}>"), made: format!("{classes}::new({made}, {config})") }
    }

    fn checked(&mut self, parent: Typed, scrutiny: Scrutiny) -> Typed {
        let stop = self.of("Stop");
        if scrutiny == Scrutiny::PLAIN {
            return self.over("Checked", parent, &format!(", {stop}"), stop);
        }
        let (name, below, unsited, kind) =
            (self.of("Checked"), self.of("Below"), self.of("Unsited"), self.of("Scrutiny"));
        let Scrutiny { fence, fill, quarantine } = scrutiny;
        let scrutiny = format!("{kind} {{ fence: {fence}, fill: {fill}, quarantine: {quarantine} }}");
        let Typed { kind, made } = parent;
        Typed {
            kind: format!("{name}<{kind}, {stop}>"),
            made: format!("{name}::with({made}, {stop}, {below}, {unsited}, {scrutiny})"),
        }
    }

    fn chunk(&mut self, chunk: ChunkSize) -> String {
        let name = self.of("ChunkSize");
        match chunk {
            ChunkSize::Bytes(bytes) => format!("{name}::Bytes({bytes})"),
            ChunkSize::Blocks(blocks) => format!("{name}::Blocks({blocks})"),
        }
    }

    fn two(&mut self, name: &'static str, one: &Typed, other: &Typed) -> Typed {
        let name = self.of(name);
        Typed {
            kind: format!("{name}<{}, {}>", one.kind, other.kind),
            made: format!("{name}::new({}, {})", one.made, other.made),
        }
    }

    /// A configuration with these fields, and the rest, if there is one, as by
    /// default.
    fn config(&mut self, name: &'static str, fields: &str, is_whole: bool) -> String {
        let name = self.of(name);
        if is_whole {
            return format!("const {{ valid({name} {{ {fields}}}.check()) }}");
        }
        format!("const {{ valid({name} {{ {fields}..{name}::DEFAULT }}.check()) }}")
    }

    fn policy(&mut self, policy: SlabPolicy) -> (String, String) {
        let (constant, name) = (self.of("Const"), self.of("SlabPolicy"));
        let SlabPolicy { slab_size, keep } = policy;
        let config = format!("const {{ valid({name} {{ slab_size: {constant}, keep: {keep} }}.check()) }}");
        (config, format!("{constant}<{slab_size}>"))
    }

    fn span_pool(&mut self, config: SpanPoolConfig, keep: Keep) -> String {
        let SpanPoolConfig { block, backing_request, capacity, .. } = config;
        let mut fields = format!("block: {block}, ");
        if let Some(bytes) = backing_request {
            append(&mut fields, format_args!("backing_request: Some({bytes}), "));
        }
        if let Some(retain) = self.retain(keep) {
            append(&mut fields, format_args!("retain: {retain}, "));
        }
        if capacity != usize::MAX {
            append(&mut fields, format_args!("capacity: {capacity}, "));
        }
        fields
    }

    fn retain(&mut self, keep: Keep) -> Option<String> {
        let (how, threshold) = match keep {
            Keep::Default => return None,
            Keep::All => return Some(format!("{}::never_release()", self.of("Retain"))),
            Keep::Simple(threshold) => ("simple", threshold),
            Keep::Eagerly(threshold) => ("aggressive", threshold),
        };
        let (retain, name) = (self.of("Retain"), self.of("Threshold"));
        let threshold = match threshold {
            Threshold::Bytes { min, max } => format!("{name}::Bytes {{ min: {min}, max: {max} }}"),
            Threshold::Permille { min, max } => format!("{name}::Permille {{ min: {min}, max: {max} }}"),
        };
        Some(format!("{retain}::{how}({threshold})"))
    }

    fn table(&mut self, table: &Table) -> Typed {
        match table {
            Table::Pow2 { min, max, .. } => {
                let name = self.of("Pow2");
                Typed { kind: format!("{name}<{min}, {max}>"), made: name.to_owned() }
            }
            Table::Quad { max, .. } => {
                let name = self.of("Quad");
                Typed { kind: format!("{name}<{max}>"), made: name.to_owned() }
            }
            Table::List { sizes, .. } => {
                let (name, _, _) = (self.of("Listed"), self.of("Sizes"), self.of("math::size_class::Initial"));
                let known = self.lists.iter().position(|known| known == sizes);
                let number = known.unwrap_or_else(|| {
                    self.lists.push(sizes.clone());
                    self.lists.len().wrapping_sub(1)
                });
                Typed { kind: format!("{name}<Sizes{number}>"), made: format!("{name}::new()") }
            }
        }
    }
}

impl Composition {
    /// `node` in the notation.
    fn show(&self, node: &Node) -> String {
        let whole = Self { lets: self.lets.clone(), root: node.clone() }.to_string();
        whole.rsplit("; ").next().unwrap_or_default().to_owned()
    }
}

/// Whether what is made of `node` is for all threads; `sync` says so of names.
fn is_sync(node: &Node, sync: &[bool]) -> bool {
    let all = |below: &[Node]| below.iter().all(|child| is_sync(child, sync));
    match node {
        Node::Shared(index) => sync.get(*index).copied().unwrap_or(false),
        Node::Source(_) => true,
        Node::Part(part, below) => match part {
            Part::System | Part::Pages | Part::Guarded | Part::Null => true,
            Part::ConcurrentBlockPool { .. }
            | Part::Segregate { .. }
            | Part::Fallback
            | Part::LastResort
            | Part::OrStop
            | Part::Scrubbed
            | Part::Affix
            | Part::MinAlign { .. }
            | Part::Frozen
            | Part::Observed { .. }
            | Part::ThreadCached { .. } => all(below),
            Part::Locked => below.iter().all(|child| is_send(child, sync)),
            _ => false,
        },
    }
}

/// Whether what is made of `node` may go to another thread.
fn is_send(node: &Node, sync: &[bool]) -> bool {
    match node {
        Node::Shared(index) => sync.get(*index).copied().unwrap_or(false),
        Node::Source(_) => true,
        Node::Part(_, below) => below.iter().all(|child| is_send(child, sync)),
    }
}

/// `some_name` as `SomeName`.
fn camel(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty());
    words
        .map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            format!("{}{rest}", first.to_ascii_uppercase())
        })
        .collect()
}

/// A variable for `name`: with an underscore where Rust, or what is printed,
/// means something else by it.
fn variable(name: &str) -> String {
    const TAKEN: &str = " abstract as async await become box break const continue crate do dyn else enum extern false \
        final fn for gen if impl in let loop macro match mod move mut override print priv pub ref return self static struct \
        super trait true try type typeof unsafe unsized use valid virtual where while yield ";
    let is_taken = TAKEN.contains(&format!(" {name} "));
    if is_taken || name.starts_with(|first: char| !first.is_ascii_lowercase()) {
        format!("{name}_")
    } else {
        name.to_owned()
    }
}

fn append(text: &mut String, what: core::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = text.write_fmt(what);
}

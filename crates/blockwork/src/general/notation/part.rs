//! [`Part`]: what can be written, with its arguments checked.

use heap::{
    borrow::ToOwned,
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{Node, error::suggest};
use crate::{
    alloc::{ConfigError, Head, Valid},
    combine::checked::Scrutiny,
    math::{
        align::natural_align,
        size_class::{Classes, Listed, ListedAt, Pow2, Pow2At, Quad, QuadAt},
    },
    strategy::{
        arena::ArenaConfig,
        block_pool::{BlockAt, BlockPoolConfig, BlockPoolHead, BlockPoolPolicy, ChunkSize},
        concurrent_block_pool::ConcurrentBlockPoolConfig,
        slab::{SlabConfig, SlabHead, SlabPolicy},
        span_pool::{Retain, SpanPoolConfig, Threshold},
    },
};

/// A part that the notation knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartInfo {
    /// Its name in the notation.
    pub name: &'static str,
    /// How it is written, optional arguments in brackets.
    pub form: &'static str,
    /// What it does.
    pub meaning: &'static str,
    pub(super) shape: Shape,
}

/// What a part stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing.
    Source,
    /// One parent.
    Over,
    /// As many as there are boundaries, and one.
    Segregate,
    /// Two.
    Two,
}

const fn info(name: &'static str, form: &'static str, meaning: &'static str, shape: Shape) -> PartInfo {
    PartInfo { name, form, meaning, shape }
}

/// All parts of the notation, sources first.
pub const PARTS: &[PartInfo] = &[
    info("system", "system", "the allocator of std: `malloc`", Shape::Source),
    info("pages", "pages", "pages from the operating system", Shape::Source),
    info("guarded", "guarded", "pages for each block, which ends before one that nobody may touch", Shape::Source),
    info("null", "null", "refuses everything", Shape::Source),
    info("bump", "bump(64k) over …", "one span of so many bytes, carved from front to back", Shape::Over),
    info("arena", "arena[(4k..1M)] over …", "a chain of spans, the first and the largest of these sizes", Shape::Over),
    info(
        "block_pool",
        "block_pool(48[, align 16][, chunk 64k][, blocks 100]) over …",
        "blocks of one size, or of classes, in chunks of so many bytes or blocks",
        Shape::Over,
    ),
    info(
        "concurrent_block_pool",
        "concurrent_block_pool(48[, align 16][, chunk 64k]) over …",
        "the same for all threads, without a lock; chunks are powers of two",
        Shape::Over,
    ),
    info(
        "span_pool",
        "span_pool(4k[, 64k][, keep 25%..50%][, capacity 1000]) over …",
        "runs of blocks, asked for by so many bytes; what is kept free: `all`, shares, or bytes, `eagerly` given back",
        Shape::Over,
    ),
    info(
        "slab",
        "slab(quad 16..1k[, 64k][, keep 1]) over …",
        "slots of these classes, or of one size, in slabs of so many bytes, of which some are kept empty",
        Shape::Over,
    ),
    info("mixed_slab", "mixed_slab[(64k, keep 1)] over …", "blocks of any size, front to back in slabs", Shape::Over),
    info(
        "memo",
        "memo[(quad 16..1M, limit 1M)] over …",
        "keeps freed blocks for the next request of the size or class, up to so many bytes",
        Shape::Over,
    ),
    info(
        "segregate",
        "segregate(<=64: …, <=4k: …, else …)",
        "by size: the first that is large enough",
        Shape::Segregate,
    ),
    info(
        "fallback",
        "fallback(…, …)",
        "the second serves what the first cannot; the first knows its blocks",
        Shape::Two,
    ),
    info("last_resort", "last_resort(…, …)", "the same; the second knows its blocks", Shape::Two),
    info("counted", "counted over …", "counts blocks and bytes", Shape::Over),
    info("quota", "quota(1M) over …", "lets at most so many bytes be live", Shape::Over),
    info("scrubbed", "scrubbed over …", "overwrites what is freed", Shape::Over),
    info(
        "checked",
        "checked[(fence 16, fill, quarantine 256)] over …",
        "ends the program when a block is misused; with any of these, also when bytes around it, or of one freed, are written",
        Shape::Over,
    ),
    info(
        "observed",
        "observed[(growth)] over …",
        "prints every request, or how what stands above grows and shrinks, to the standard error",
        Shape::Over,
    ),
    info("affix", "affix over …", "keeps a word before and a word behind every block", Shape::Over),
    info("min_align", "min_align(64) over …", "aligns every block to so many bytes at least", Shape::Over),
    info("frozen", "frozen over …", "refuses everything once it is frozen, by the Rust that is printed", Shape::Over),
    info("or_stop", "or_stop over …", "ends the program when there is no memory", Shape::Over),
    info("locked", "locked over …", "one thread at a time", Shape::Over),
    info(
        "thread_cached",
        "thread_cached(quad 16..1k[, limit 64k]) over …",
        "each thread keeps freed blocks of these classes, up to so many bytes of each in a magazine",
        Shape::Over,
    ),
];

/// A part and its arguments, without what it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    System,
    Pages,
    Guarded,
    Null,
    Bump { capacity: usize },
    Arena(Valid<ArenaConfig>),
    BlockPool { size: usize, align: usize, config: Valid<BlockPoolConfig<BlockAt>> },
    BlockPoolClasses { table: Table, policy: Valid<BlockPoolPolicy> },
    ConcurrentBlockPool { size: usize, align: usize, config: Valid<ConcurrentBlockPoolConfig<BlockAt>> },
    SpanPool { config: Valid<SpanPoolConfig>, keep: Keep },
    Slab(Valid<SlabConfig>),
    SlabClasses { table: Table, policy: Valid<SlabPolicy> },
    MixedSlab(Valid<SlabPolicy>),
    Memo { table: Option<Table>, limit: usize },
    Segregate { bounds: Vec<usize> },
    Fallback,
    LastResort,
    Counted,
    Quota { limit: usize },
    Scrubbed,
    Checked(Scrutiny),
    Observed { growth: bool },
    Affix,
    MinAlign { align: usize },
    Frozen,
    OrStop,
    Locked,
    ThreadCached { table: Table, limit: usize },
}

/// A table of size classes, as a value.
#[derive(Clone, Debug)]
pub(super) enum Table {
    Pow2 { min: usize, max: usize, table: Pow2At },
    Quad { max: usize, table: QuadAt },
    List { sizes: Vec<usize>, table: ListedAt },
}

impl Table {
    pub(super) fn pow2(min: usize, max: usize) -> Result<Self, &'static str> {
        let table = Pow2::at(min, max).ok_or("the classes of `pow2` are powers of two from 8 on, at most 18")?;
        Ok(Self::Pow2 { min, max, table })
    }

    pub(super) fn quad(min: usize, max: usize) -> Result<Self, &'static str> {
        let table = Quad::at(max).filter(|_| min == 16);
        let table = table.ok_or("the classes of `quad` go from 16 to a power of two from 128 to 1M")?;
        Ok(Self::Quad { max, table })
    }

    pub(super) fn list(sizes: Vec<usize>) -> Result<Self, &'static str> {
        let table = Listed::at(&sizes).ok_or("sizes of a list ascend, are multiples of 8, and at most 32k")?;
        Ok(Self::List { sizes, table })
    }
}

impl Table {
    fn max(&self) -> usize {
        match self {
            Self::Pow2 { table, .. } => table.max(),
            Self::Quad { table, .. } => table.max(),
            Self::List { table, .. } => table.max(),
        }
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Table {}

impl core::fmt::Display for Table {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Pow2 { min, max, .. } => write!(f, "pow2 {}..{}", size(*min), size(*max)),
            Self::Quad { max, .. } => write!(f, "quad 16..{}", size(*max)),
            Self::List { sizes, .. } => {
                // A list of one is written as such by a stroke behind it.
                let sizes: Vec<String> = sizes.iter().map(|&bytes| size(bytes)).collect();
                f.write_str(&sizes.join("|"))
            }
        }
    }
}

/// What a span pool keeps, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Default,
    All,
    Simple(Threshold),
    Eagerly(Threshold),
}

impl Keep {
    const fn retain(self) -> Retain {
        match self {
            Self::Default => SpanPoolConfig::DEFAULT.retain,
            Self::All => Retain::never_release(),
            Self::Simple(threshold) => Retain::simple(threshold),
            Self::Eagerly(threshold) => Retain::aggressive(threshold),
        }
    }
}

/// One of the arguments of a part.
#[derive(Clone, Debug)]
pub(super) struct Argument<'a> {
    pub(super) at: usize,
    pub(super) key: Option<&'a str>,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Size(usize),
    Range(usize, usize),
    /// In hundredths.
    Shares(usize, usize),
    Table(Table),
    /// Nothing behind a word that says all.
    Said,
    /// A word, and what follows it.
    Word(String, Option<Box<Self>>),
}

/// The arguments that are not used yet.
struct Arguments<'a, 'b> {
    part: &'b str,
    left: Vec<&'b Argument<'a>>,
    form: &'static str,
}

/// What is wrong, and with which argument; with the part's name if none is said.
type Refusal = (Option<usize>, String);

impl Arguments<'_, '_> {
    /// Takes the first argument without a key, or the one of `key`, if `read`
    /// makes something of it.
    fn take<T>(&mut self, key: Option<&str>, read: impl Fn(&Value) -> Option<T>) -> Option<(usize, T)> {
        let found = self.left.iter().enumerate().find_map(|(index, argument)| {
            let value = (argument.key == key).then(|| read(&argument.value))??;
            Some((index, argument.at, value))
        });
        found.map(|(index, at, value)| {
            self.left.remove(index);
            (at, value)
        })
    }

    fn size(&mut self, key: Option<&str>) -> Option<(usize, usize)> {
        self.take(key, |value| if let Value::Size(bytes) = value { Some(*bytes) } else { None })
    }

    fn says(&mut self, key: &str) -> bool {
        self.take(Some(key), |value| matches!(value, Value::Said).then_some(())).is_some()
    }

    fn table(&mut self) -> Option<Table> {
        self.take(None, |value| if let Value::Table(table) = value { Some(table.clone()) } else { None })
            .map(|(_, table)| table)
    }

    fn needs<T>(&self, argument: Option<T>) -> Result<T, Refusal> {
        argument.ok_or_else(|| (None, format!("`{}` is written `{}`", self.part, self.form)))
    }

    /// Nothing may be left.
    fn end(&self) -> Result<(), Refusal> {
        self.left.first().map_or(Ok(()), |argument| {
            Err((Some(argument.at), format!("not understood here: `{}` is written `{}`", self.part, self.form)))
        })
    }
}

fn valid<C>(checked: Result<C, ConfigError>) -> Result<C, Refusal> {
    checked.map_err(|error| {
        let field = error.field.rsplit("::").next().unwrap_or(error.field);
        (None, format!("`{field}` {}", error.rule))
    })
}

impl Part {
    /// The part called `name` with these arguments, over what is `below` it.
    pub(super) fn new(name: &str, arguments: &[Argument<'_>], below: &[Node]) -> Result<Self, Refusal> {
        let form = PARTS.iter().find(|part| part.name == name).map_or("", |part| part.form);
        let mut arguments = Arguments { part: name, left: arguments.iter().collect(), form };
        let part = Self::read(name, &mut arguments)?;
        arguments.end()?;
        part.check_sides(below)?;
        Ok(part)
    }

    fn read(name: &str, arguments: &mut Arguments<'_, '_>) -> Result<Self, Refusal> {
        Ok(match name {
            "system" => Self::System,
            "pages" => Self::Pages,
            "guarded" => Self::Guarded,
            "null" => Self::Null,
            "bump" => {
                let capacity = arguments.size(None);
                Self::Bump { capacity: arguments.needs(capacity)?.1 }
            }
            "arena" => Self::arena(arguments)?,
            "block_pool" => Self::block_pool(arguments)?,
            "concurrent_block_pool" => Self::concurrent_block_pool(arguments)?,
            "span_pool" => Self::span_pool(arguments)?,
            "slab" => Self::slab(arguments)?,
            "mixed_slab" => Self::MixedSlab(policy(arguments)?),
            "memo" => {
                let (table, limit) = (arguments.table(), arguments.size(Some("limit")));
                Self::Memo { table, limit: limit.map_or(usize::MAX, |(_, limit)| limit) }
            }
            "fallback" => Self::Fallback,
            "last_resort" => Self::LastResort,
            "counted" => Self::Counted,
            "quota" => {
                let limit = arguments.size(None);
                Self::Quota { limit: arguments.needs(limit)?.1 }
            }
            "scrubbed" => Self::Scrubbed,
            "checked" => {
                let mut amount = |key| arguments.size(Some(key)).map_or(0, |(_, amount)| amount);
                let (fence, quarantine) = (amount("fence"), amount("quarantine"));
                Self::Checked(Scrutiny { fence, fill: arguments.says("fill"), quarantine })
            }
            "observed" => Self::Observed { growth: arguments.says("growth") },
            "affix" => Self::Affix,
            "min_align" => {
                let align = arguments.size(None);
                let (at, align) = arguments.needs(align)?;
                if !align.is_power_of_two() {
                    return Err((Some(at), "an alignment is a power of two".to_owned()));
                }
                Self::MinAlign { align }
            }
            "frozen" => Self::Frozen,
            "or_stop" => Self::OrStop,
            "locked" => Self::Locked,
            "thread_cached" => {
                let (table, limit) = (arguments.table(), arguments.size(Some("limit")));
                let limit = limit.map_or(LIMIT_DEFAULT, |(_, limit)| limit);
                Self::ThreadCached { table: arguments.needs(table)?, limit }
            }
            other => {
                let names = PARTS.iter().map(|part| part.name);
                return Err((None, suggest(format!("`{other}` is no part"), other, names)));
            }
        })
    }

    fn arena(arguments: &mut Arguments<'_, '_>) -> Result<Self, Refusal> {
        let range = arguments.take(None, |value| if let Value::Range(a, b) = value { Some((*a, *b)) } else { None });
        let mut config = ArenaConfig::DEFAULT;
        if let Some((_, (first, max))) = range {
            (config.span_first, config.span_max) = (first, max);
        }
        Ok(Self::Arena(valid(config.check())?))
    }

    fn block_pool(arguments: &mut Arguments<'_, '_>) -> Result<Self, Refusal> {
        let chunk = match (arguments.size(Some("chunk")), arguments.size(Some("blocks"))) {
            (Some((_, bytes)), None) => ChunkSize::Bytes(bytes),
            (None, Some((_, blocks))) => ChunkSize::Blocks(blocks),
            (None, None) => ChunkSize::Bytes(CHUNK_DEFAULT),
            (Some(_), Some((at, _))) => return Err((Some(at), "a chunk has a size or a number of blocks".to_owned())),
        };
        if let Some(table) = arguments.table() {
            let policy = valid(BlockPoolPolicy { chunk }.check())?;
            valid(BlockPoolHead::validate(policy.get(), table.max()))?;
            return Ok(Self::BlockPoolClasses { table, policy });
        }
        let block = arguments.size(None);
        let (_, size) = arguments.needs(block)?;
        let align = arguments.size(Some("align")).map_or(natural_align(size), |(_, align)| align);
        let block = valid(BlockAt::new(size, align))?;
        Ok(Self::BlockPool { size, align, config: valid(BlockPoolConfig { block, chunk }.check())? })
    }

    fn concurrent_block_pool(arguments: &mut Arguments<'_, '_>) -> Result<Self, Refusal> {
        let block = arguments.size(None);
        let (_, size) = arguments.needs(block)?;
        let align = arguments.size(Some("align")).map_or(natural_align(size), |(_, align)| align);
        let chunk_size = arguments.size(Some("chunk")).map_or(CHUNK_DEFAULT, |(_, bytes)| bytes);
        let block = valid(BlockAt::new(size, align))?;
        let config = valid(ConcurrentBlockPoolConfig { block, chunk_size }.check())?;
        Ok(Self::ConcurrentBlockPool { size, align, config })
    }

    fn span_pool(arguments: &mut Arguments<'_, '_>) -> Result<Self, Refusal> {
        let block = arguments.size(None);
        let (_, block) = arguments.needs(block)?;
        let backing_request = arguments.size(None).map(|(_, bytes)| bytes);
        let keep = arguments.take(Some("keep"), keep).map_or(Keep::Default, |(_, keep)| keep);
        let capacity = arguments.size(Some("capacity")).map_or(usize::MAX, |(_, blocks)| blocks);
        let config = SpanPoolConfig { block, backing_request, retain: keep.retain(), capacity };
        Ok(Self::SpanPool { config: valid(config.check())?, keep })
    }

    fn slab(arguments: &mut Arguments<'_, '_>) -> Result<Self, Refusal> {
        if let Some(table) = arguments.table() {
            let policy = policy(arguments)?;
            valid(SlabHead::validate(policy.get(), table.max()))?;
            return Ok(Self::SlabClasses { table, policy });
        }
        let slot = arguments.size(None);
        let (_, slot_size) = arguments.needs(slot)?;
        let SlabPolicy { slab_size, keep } = policy(arguments)?.get();
        Ok(Self::Slab(valid(SlabConfig { slot_size, slab_size, keep }.check())?))
    }

    /// The side that is asked has to know its blocks.
    fn check_sides(&self, below: &[Node]) -> Result<(), Refusal> {
        let (asked, which) = match self {
            Self::Fallback => (below.first(), "first"),
            Self::LastResort => (below.last(), "second"),
            _ => return Ok(()),
        };
        if asked.is_some_and(Node::owns) {
            return Ok(());
        }
        Err((
            None,
            format!("the {which} side of `{}` has to know its own blocks, as `bump` and `span_pool` do", self.name()),
        ))
    }

    /// Whether what is built from it, over `below`, is [`Owns`](crate::Owns).
    pub(super) fn owns(&self, below: &[Node]) -> bool {
        match self {
            Self::Null | Self::Bump { .. } | Self::SpanPool { .. } | Self::Checked(_) => true,
            Self::Memo { .. }
            | Self::Segregate { .. }
            | Self::Fallback
            | Self::LastResort
            | Self::Counted
            | Self::Quota { .. }
            | Self::Scrubbed
            | Self::Observed { .. }
            | Self::MinAlign { .. }
            | Self::Frozen
            | Self::OrStop
            | Self::Locked
            | Self::ThreadCached { .. } => below.iter().all(Node::owns),
            _ => false,
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Pages => "pages",
            Self::Guarded => "guarded",
            Self::Null => "null",
            Self::Bump { .. } => "bump",
            Self::Arena(_) => "arena",
            Self::BlockPool { .. } | Self::BlockPoolClasses { .. } => "block_pool",
            Self::ConcurrentBlockPool { .. } => "concurrent_block_pool",
            Self::SpanPool { .. } => "span_pool",
            Self::Slab(_) | Self::SlabClasses { .. } => "slab",
            Self::MixedSlab(_) => "mixed_slab",
            Self::Memo { .. } => "memo",
            Self::Segregate { .. } => "segregate",
            Self::Fallback => "fallback",
            Self::LastResort => "last_resort",
            Self::Counted => "counted",
            Self::Quota { .. } => "quota",
            Self::Scrubbed => "scrubbed",
            Self::Checked(_) => "checked",
            Self::Observed { .. } => "observed",
            Self::Affix => "affix",
            Self::MinAlign { .. } => "min_align",
            Self::Frozen => "frozen",
            Self::OrStop => "or_stop",
            Self::Locked => "locked",
            Self::ThreadCached { .. } => "thread_cached",
        }
    }

    /// The arguments, as they are written; those with their usual value are not.
    pub(super) fn arguments(&self) -> Vec<String> {
        let policy = |SlabPolicy { slab_size, keep }: SlabPolicy| {
            let usual = SlabPolicy::DEFAULT;
            let slab = (slab_size != usual.slab_size).then(|| size(slab_size));
            slab.into_iter().chain((keep != usual.keep).then(|| format!("keep {keep}")))
        };
        let chunk = |chunk| match chunk {
            ChunkSize::Bytes(CHUNK_DEFAULT) => None,
            ChunkSize::Bytes(bytes) => Some(format!("chunk {}", size(bytes))),
            ChunkSize::Blocks(blocks) => Some(format!("blocks {blocks}")),
        };
        match self {
            Self::Bump { capacity } => [size(*capacity)].into(),
            Self::Arena(config) => {
                let ArenaConfig { span_first, span_max, .. } = config.get();
                let usual = config.get() == ArenaConfig::DEFAULT;
                (!usual).then(|| format!("{}..{}", size(span_first), size(span_max))).into_iter().collect()
            }
            Self::BlockPool { size: bytes, align, config } => {
                let align = (*align != natural_align(*bytes)).then(|| format!("align {}", size(*align)));
                [size(*bytes)].into_iter().chain(align).chain(chunk(config.get().chunk)).collect()
            }
            Self::BlockPoolClasses { table, policy } => {
                [table.to_string()].into_iter().chain(chunk(policy.get().chunk)).collect()
            }
            Self::ConcurrentBlockPool { size: bytes, align, config } => {
                let align = (*align != natural_align(*bytes)).then(|| format!("align {}", size(*align)));
                let chunk = chunk(ChunkSize::Bytes(config.get().chunk_size));
                [size(*bytes)].into_iter().chain(align).chain(chunk).collect()
            }
            Self::SpanPool { config, keep } => {
                let SpanPoolConfig { block, backing_request, capacity, .. } = config.get();
                let capacity = (capacity != usize::MAX).then(|| format!("capacity {capacity}"));
                let request = backing_request.map(size);
                [size(block)].into_iter().chain(request).chain(keep.argument()).chain(capacity).collect()
            }
            Self::Slab(config) => {
                let SlabConfig { slot_size, slab_size, keep } = config.get();
                [size(slot_size)].into_iter().chain(policy(SlabPolicy { slab_size, keep })).collect()
            }
            Self::SlabClasses { table, policy: given } => {
                [table.to_string()].into_iter().chain(policy(given.get())).collect()
            }
            Self::MixedSlab(given) => policy(given.get()).collect(),
            Self::Memo { table, limit } => {
                let limit = (*limit != usize::MAX).then(|| format!("limit {}", size(*limit)));
                table.iter().map(Table::to_string).chain(limit).collect()
            }
            Self::Quota { limit } => [size(*limit)].into(),
            Self::MinAlign { align } => [size(*align)].into(),
            Self::Checked(Scrutiny { fence, fill, quarantine }) => {
                let amount = |key, amount| (amount != 0).then(|| format!("{key} {}", size(amount)));
                let fill = fill.then(|| "fill".to_owned());
                amount("fence", *fence).into_iter().chain(fill).chain(amount("quarantine", *quarantine)).collect()
            }
            Self::Observed { growth } => growth.then(|| "growth".to_owned()).into_iter().collect(),
            Self::ThreadCached { table, limit } => {
                let limit = (*limit != LIMIT_DEFAULT).then(|| format!("limit {}", size(*limit)));
                [table.to_string()].into_iter().chain(limit).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What is written before each child, of parts that have their children in
    /// brackets.
    pub(super) fn labels(&self) -> Vec<String> {
        match self {
            Self::Segregate { bounds } => {
                let small = bounds.iter().map(|&bound| format!("<={}: ", size(bound)));
                small.chain(["else ".to_owned()]).collect()
            }
            Self::Fallback | Self::LastResort => [String::new(), String::new()].into(),
            _ => Vec::new(),
        }
    }
}

/// Bytes in a chunk of a block pool that says nothing of it.
const CHUNK_DEFAULT: usize = 64 << 10;

/// Bytes in a magazine of a thread cache that says nothing of it.
const LIMIT_DEFAULT: usize = 64 << 10;

/// The size of slabs, and how many empty ones are kept.
fn policy(arguments: &mut Arguments<'_, '_>) -> Result<Valid<SlabPolicy>, Refusal> {
    let SlabPolicy { slab_size, keep } = SlabPolicy::DEFAULT;
    let slab_size = arguments.size(None).map_or(slab_size, |(_, bytes)| bytes);
    let keep = arguments.size(Some("keep")).map_or(keep, |(_, slabs)| slabs);
    valid(SlabPolicy { slab_size, keep }.check())
}

fn keep(value: &Value) -> Option<Keep> {
    let threshold = |value: &Value| match *value {
        Value::Range(min, max) => Some(Threshold::Bytes { min, max }),
        Value::Shares(min, max) => Some(Threshold::Permille { min: permille(min), max: permille(max) }),
        _ => None,
    };
    match value {
        Value::Word(word, None) if word == "all" => Some(Keep::All),
        Value::Word(word, Some(range)) if word == "eagerly" => threshold(range).map(Keep::Eagerly),
        plain => threshold(plain).map(Keep::Simple),
    }
}

/// Thousandths of so many hundredths; what is more than a whole stays so.
fn permille(percent: usize) -> u16 {
    percent.saturating_mul(10).try_into().unwrap_or(u16::MAX)
}

impl Keep {
    fn argument(self) -> Option<String> {
        let range = |threshold| match threshold {
            Threshold::Bytes { min, max } => format!("{}..{}", size(min), size(max)),
            Threshold::Permille { min, max } => format!("{}%..{}%", min / 10, max / 10),
        };
        match self {
            Self::Default => None,
            Self::All => Some("keep all".to_owned()),
            Self::Simple(threshold) => Some(format!("keep {}", range(threshold))),
            Self::Eagerly(threshold) => Some(format!("keep eagerly {}", range(threshold))),
        }
    }
}

/// Bytes in the largest unit that divides them: `64k`, `3M`.
pub(super) fn size(bytes: usize) -> String {
    let units = [(30_u32, 'G'), (20, 'M'), (10, 'k')];
    match units.iter().find(|(log, _)| bytes != 0 && bytes.trailing_zeros() >= *log) {
        Some((log, unit)) => format!("{}{unit}", bytes.wrapping_shr(*log)),
        None => bytes.to_string(),
    }
}

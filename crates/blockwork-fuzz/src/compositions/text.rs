//! Random compositions as text: most are right, so that most bytes go into
//! operations.

use arbitrary::{Result, Unstructured};

/// Sizes of blocks and boundaries.
const SIZES: &[&str] = &["8", "16", "24", "32", "48", "64", "100", "128", "200", "256", "512", "1k", "2k", "4k"];
/// Sizes of slabs and chunks, from which some of those do not fit.
const CHUNKS: &[&str] = &["1k", "4k", "16k", "64k"];
/// Tables of classes.
const TABLES: &[&str] =
    &["quad 16..128", "quad 16..1k", "quad 16..32k", "pow2 8..64", "pow2 16..2k", "24|48|200", "8|32|128|1000"];

/// The most parts and names in a text: each takes indirect calls at every step.
const PARTS: usize = 12;

/// Writes one composition.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) text: String,
    parts: usize,
    lets: usize,
}

impl Writer {
    pub(crate) fn write(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        for number in 0..u.int_in_range(0..=2)? {
            self.say(&format!("let n{number} = "));
            self.node(u)?;
            self.say("; ");
            self.lets = number + 1;
        }
        self.node(u)
    }

    fn say(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn pick(&mut self, u: &mut Unstructured<'_>, texts: &[&str]) -> Result<()> {
        self.text.push_str(u.choose(texts)?);
        Ok(())
    }

    /// Something to stand on.
    fn node(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.parts += 1;
        if self.parts >= PARTS || u.is_empty() {
            return self.source(u);
        }
        let below = |part: &'static str| Some(part);
        let over = match u.int_in_range(0..=30)? {
            0..=2 => return self.source(u),
            3 => below("affix"),
            4 => below("counted"),
            5 => below("scrubbed"),
            6 => below("locked"),
            7 => below("frozen"),
            8 => below("checked"),
            9 => below("memo"),
            10 => below("arena"),
            11 => below("mixed_slab"),
            12 => return self.two(u, "fallback", true),
            13 => return self.two(u, "last_resort", false),
            14..=16 => return self.segregate(u),
            _ => None,
        };
        match over {
            Some(part) => self.say(part),
            None => self.with_arguments(u)?,
        }
        self.say(" over ");
        self.node(u)
    }

    fn source(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=15)? {
            // Mapped memory is dear.
            15 => self.say("quota(4M) over pages"),
            14 => self.say("quota(1M) over guarded"),
            13 => self.say("null"),
            number if number > 5 && self.lets > 0 => {
                let name = format!("n{}", u.int_in_range(0..=self.lets - 1)?);
                self.say(&name);
            }
            _ => self.say("parent"),
        }
        Ok(())
    }

    /// A part that is told something.
    fn with_arguments(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        match u.int_in_range(0..=13)? {
            0 => {
                self.say("bump(");
                self.pick(u, &["0", "1", "100", "4k", "64k", "100000"])?;
            }
            1 => self.pick(u, &["arena(64..4k", "arena(256..64k", "arena(4k..4k"])?,
            2 => self.sized_pool(u, "block_pool(", true)?,
            3 => self.sized_pool(u, "concurrent_block_pool(", false)?,
            4 => {
                self.say("block_pool(");
                self.pick(u, TABLES)?;
                self.pick(u, &["", ", blocks 1", ", blocks 10", ", chunk 16k"])?;
            }
            5 | 6 => self.span_pool(u)?,
            7 => {
                self.say("slab(");
                self.pick(u, SIZES)?;
                self.slab_policy(u)?;
            }
            8 => {
                self.say("slab(");
                self.pick(u, TABLES)?;
                self.slab_policy(u)?;
            }
            9 => self.pick(u, &["mixed_slab(1k", "mixed_slab(4k, keep 0", "mixed_slab(16k, keep 2"])?,
            10 => {
                self.say("memo(");
                self.pick(u, TABLES)?;
                self.pick(u, &["", ", limit 0", ", limit 1000", ", limit 64k"])?;
            }
            11 => {
                self.pick(u, &["quota(0", "quota(1000", "quota(64k", "min_align(1", "min_align(64", "min_align(4k"])?;
            }
            12 => self.pick(
                u,
                &["checked(fence 16", "checked(fill", "checked(fence 1, fill, quarantine 4", "checked(quarantine 100"],
            )?,
            _ => {
                self.say("thread_cached(");
                self.pick(u, TABLES)?;
                self.pick(u, &["", ", limit 0", ", limit 100", ", limit 2k"])?;
            }
        }
        self.say(")");
        Ok(())
    }

    fn sized_pool(&mut self, u: &mut Unstructured<'_>, name: &str, blocks: bool) -> Result<()> {
        self.say(name);
        self.pick(u, SIZES)?;
        self.pick(u, &["", "", ", align 8", ", align 16", ", align 64"])?;
        if blocks && u.ratio(1, 2)? {
            return self.pick(u, &[", blocks 1", ", blocks 2", ", blocks 7", ", blocks 100"]);
        }
        self.say(", chunk ");
        self.pick(u, CHUNKS)
    }

    fn span_pool(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.pick(u, &["span_pool(64", "span_pool(256", "span_pool(4k", "span_pool(16"])?;
        self.pick(u, &["", "", ", 4k", ", 16k", ", 64k"])?;
        self.pick(
            u,
            &["", ", keep all", ", keep 0%..0%", ", keep 25%..50%", ", keep eagerly 0..16k", ", keep 4k..64k"],
        )?;
        self.pick(u, &["", "", ", capacity 1", ", capacity 64", ", capacity 1000"])
    }

    fn slab_policy(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if u.ratio(3, 4)? {
            self.say(", ");
            self.pick(u, CHUNKS)?;
        }
        self.pick(u, &["", ", keep 0", ", keep 3"])
    }

    /// A part over two, of which one knows its blocks.
    fn two(&mut self, u: &mut Unstructured<'_>, name: &str, first: bool) -> Result<()> {
        self.say(name);
        self.say("(");
        if first {
            self.owning(u)?;
        } else {
            self.node(u)?;
        }
        self.say(", ");
        if first {
            self.node(u)?;
        } else {
            self.owning(u)?;
        }
        self.say(")");
        Ok(())
    }

    fn owning(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.parts += 1;
        self.pick(
            u,
            &["", "", "", "counted over ", "scrubbed over ", "locked over ", "memo over ", "quota(10000) over "],
        )?;
        match u.int_in_range(0..=4)? {
            0 => self.say("bump(4k)"),
            1 => self.say("bump(100)"),
            2 => self.say("checked"),
            3 => self.span_pool(u).map(|()| self.say(")"))?,
            _ => {
                self.say("null");
                return Ok(());
            }
        }
        self.say(" over ");
        self.node(u)
    }

    fn segregate(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        self.say("segregate(");
        let mut from = 0;
        for _ in 0..=u.int_in_range(0..=2)? {
            if from >= SIZES.len() {
                break;
            }
            let bound = u.int_in_range(from..=SIZES.len() - 1)?;
            from = bound + 1;
            self.say(&format!("<={}: ", SIZES[bound]));
            self.node(u)?;
            self.say(", ");
        }
        self.say("else ");
        self.node(u)?;
        self.say(")");
        Ok(())
    }
}

//! What a recording holds, in figures.

mod report;
mod sites;

use std::collections::HashMap;

use serde::Serialize;

pub use self::report::{write_size_classes, write_text};
use crate::trace::{Ending, Kind, Op, Said, Sink, Tally};

/// Everything that `stats` says, as it is gathered.
#[derive(Debug, Default)]
pub struct Stats {
    tally: Tally,
    images: Vec<ImageStats>,
    sizes: HashMap<u64, u64>,
    /// Requests and bytes by class of [`SIZES`].
    by_size: Vec<(u64, u64)>,
    /// Blocks by class of [`LIFETIMES`].
    by_lifetime: Vec<u64>,
    /// Since when, and by whom, for blocks that are live.
    births: Vec<(u64, u16)>,
    freed_elsewhere: u64,
    /// Requests that were zeroed.
    zeroed: u64,
    /// Requests for more alignment than `malloc` gives.
    aligned: u64,
    sites: sites::Gathering,
}

/// Bounds of the size classes that are shown; the last one has none.
const SIZES: [u64; 15] =
    [8, 16, 32, 64, 128, 256, 512, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, u64::MAX];
/// Bounds of the lifetime classes, in allocations from a block's own to its end.
const LIFETIMES: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, u64::MAX];
/// How many of the most common sizes are named.
const TOP: usize = 10;

/// One program image.
#[derive(Clone, Debug, Default, Serialize)]
struct ImageStats {
    path: String,
    allocations: u64,
    frees: u64,
    reallocations: u64,
    requested_bytes: u64,
    live_at_end_blocks: u64,
    live_at_end_bytes: u64,
}

impl Sink for Stats {
    fn image(&mut self, path: &[u8]) {
        self.close_image();
        self.tally.image(path);
        self.births.clear();
        self.sites.image();
        self.images.push(ImageStats { path: String::from_utf8_lossy(path).into_owned(), ..ImageStats::default() });
    }

    fn op(&mut self, op: Op) {
        self.tally.op(op);
        self.count_image(op);
        self.sites.op(op);
        match op.kind {
            Kind::Allocate | Kind::AllocateZeroed => {
                let slot = op.slot as usize;
                if slot >= self.births.len() {
                    self.births.resize(slot + 1, (0, 0));
                }
                self.births[slot] = (self.tally.totals().allocations, op.thread);
                self.zeroed += u64::from(op.kind == Kind::AllocateZeroed);
                self.aligned += u64::from(op.align_log2 > blockwork::wire::MALLOC_ALIGN_LOG2);
                self.count_request(op.size);
            }
            Kind::Reallocate => self.count_request(op.size),
            Kind::Free => {
                let (birth, thread) = self.births.get(op.slot as usize).copied().unwrap_or_default();
                let age = self.tally.totals().allocations - birth;
                self.by_lifetime.resize(LIFETIMES.len(), 0);
                self.by_lifetime[class(&LIFETIMES, age)] += 1;
                self.freed_elsewhere += u64::from(thread != op.thread);
            }
        }
    }

    fn stray(&mut self, double: bool) {
        self.tally.stray(double);
    }

    fn said(&mut self, said: Said<'_>) {
        self.sites.said(said);
    }
}

impl Stats {
    fn count_request(&mut self, size: u64) {
        self.by_size.resize(SIZES.len(), (0, 0));
        let (requests, bytes) = &mut self.by_size[class(&SIZES, size)];
        *requests += 1;
        *bytes = bytes.saturating_add(size);
        *self.sizes.entry(size).or_default() += 1;
    }

    fn count_image(&mut self, op: Op) {
        if self.images.is_empty() {
            self.images.push(ImageStats::default());
        }
        let Some(image) = self.images.last_mut() else { return };
        match op.kind {
            Kind::Allocate | Kind::AllocateZeroed => image.allocations += 1,
            Kind::Free => image.frees += 1,
            Kind::Reallocate => image.reallocations += 1,
        }
        image.requested_bytes = image.requested_bytes.saturating_add(op.size);
    }

    /// Notes what is live at the end of an image.
    fn close_image(&mut self) {
        if let Some(image) = self.images.last_mut() {
            image.live_at_end_blocks = self.tally.live_blocks();
            image.live_at_end_bytes = self.tally.live_bytes();
        }
    }

    /// Puts the figures in order, once everything was read.
    pub fn finish(mut self, ending: Ending) -> Report {
        self.close_image();
        let totals = self.tally.totals();
        let mut top_sizes: Vec<_> = self.sizes.iter().map(|(&size, &requests)| TopSize { size, requests }).collect();
        top_sizes.sort_by_key(|top| (std::cmp::Reverse(top.requests), top.size));
        let distinct_sizes = top_sizes.len() as u64;
        top_sizes.truncate(TOP);
        let sizes = SIZES.iter().zip(&self.by_size);
        let sizes = sizes.map(|(&up_to, &(requests, bytes))| SizeClass { up_to: bound(up_to), requests, bytes });
        let lifetimes = LIFETIMES.iter().zip(&self.by_lifetime);
        let lifetimes = lifetimes.map(|(&up_to, &blocks)| LifetimeClass { up_to: bound(up_to), blocks });
        let summary = ending.summary.unwrap_or_default();
        let call_sites = self.sites.finish();
        Report {
            program: ending.program,
            complete: ending.damage.is_none(),
            damage: ending.damage.map(|damage| damage.to_string()),
            stopped: summary.stopped,
            events: totals.events(),
            allocations: totals.allocations,
            frees: totals.frees,
            reallocations: totals.reallocations,
            requested_bytes: self.tally.requested_bytes(),
            zeroed_allocations: self.zeroed,
            aligned_allocations: self.aligned,
            peak_live_bytes: self.tally.peak_live_bytes(),
            peak_live_blocks: self.tally.peak_live_blocks(),
            live_at_exit_blocks: self.tally.live_blocks(),
            live_at_exit_bytes: self.tally.live_bytes(),
            threads: self.tally.threads(),
            freed_by_another_thread: self.freed_elsewhere,
            unknown_frees: totals.strays,
            double_frees: totals.double_frees,
            missed_frees: summary.missed_frees,
            lost_events: summary.lost,
            notes: summary.notes,
            skipped_children: summary.children,
            skipped_children_names: summary.child_names,
            distinct_sizes,
            top_sizes,
            sizes: sizes.collect(),
            lifetimes: lifetimes.collect(),
            distinct_call_sites: call_sites.distinct,
            call_sites: call_sites.top,
            images: self.images,
        }
    }
}

/// Requests and bytes by class of size; of sizes, how often each, and bytes in all.
pub fn size_classes(sizes: impl IntoIterator<Item = (u64, u64, u64)>) -> Vec<SizeClass> {
    let class = |&up_to: &u64| SizeClass { up_to: bound(up_to), requests: 0, bytes: 0 };
    let mut classes: Vec<_> = SIZES.iter().map(class).collect();
    for (size, requests, bytes) in sizes {
        let class = &mut classes[self::class(&SIZES, size)];
        class.requests = class.requests.saturating_add(requests);
        class.bytes = class.bytes.saturating_add(bytes);
    }
    classes
}

/// The class that `value` belongs to: the first whose bound is not below it.
fn class(bounds: &[u64], value: u64) -> usize {
    bounds.partition_point(|&bound| bound < value)
}

fn bound(up_to: u64) -> Option<u64> {
    (up_to != u64::MAX).then_some(up_to)
}

/// The figures of a recording; as JSON, field by field.
#[derive(Debug, Serialize)]
pub struct Report {
    program: String,
    /// Whether all that was recorded could be read.
    complete: bool,
    damage: Option<String>,
    /// Why recording ended before the program did.
    stopped: Option<String>,
    events: u64,
    allocations: u64,
    frees: u64,
    reallocations: u64,
    /// Of allocations, and of reallocations their new sizes.
    requested_bytes: u64,
    zeroed_allocations: u64,
    aligned_allocations: u64,
    peak_live_bytes: u64,
    peak_live_blocks: u64,
    /// Of the last image.
    live_at_exit_blocks: u64,
    live_at_exit_bytes: u64,
    threads: u64,
    freed_by_another_thread: u64,
    unknown_frees: u64,
    /// Those of the unknown frees that named a block freed before.
    double_frees: u64,
    missed_frees: u64,
    lost_events: u64,
    /// What must be known to judge the rest, of what another tool recorded.
    notes: Vec<String>,
    skipped_children: u32,
    skipped_children_names: Vec<String>,
    distinct_sizes: u64,
    top_sizes: Vec<TopSize>,
    sizes: Vec<SizeClass>,
    lifetimes: Vec<LifetimeClass>,
    /// Zero and none if the recording does not say who asked.
    distinct_call_sites: u64,
    call_sites: Vec<sites::Site>,
    images: Vec<ImageStats>,
}

impl Report {
    /// Whether there is nothing to replay.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// What is wrong with the recording, if anything.
    pub fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }
}

#[derive(Debug, Serialize)]
struct TopSize {
    size: u64,
    requests: u64,
}

/// The requests of some sizes.
#[derive(Debug, Serialize)]
pub struct SizeClass {
    /// The largest of them; without it, there is none.
    up_to: Option<u64>,
    requests: u64,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct LifetimeClass {
    up_to: Option<u64>,
    blocks: u64,
}

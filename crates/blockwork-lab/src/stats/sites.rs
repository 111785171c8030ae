//! Which call sites ask for most.

use std::{cmp::Reverse, collections::HashMap};

use serde::Serialize;

use crate::trace::{
    Kind, Op, Said,
    sites::{Frame, Stacks},
};

/// How many calls, from the innermost, tell sites apart: allocators have
/// wrappers, and what led to those is what people want to see.
const CALLS: usize = 4;
/// How many sites are named.
const TOP: usize = 10;

/// Figures by call site, as they are gathered.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    stacks: Stacks,
    /// Who asks from here on.
    stack: u32,
    /// The site of each node, one less than its number.
    site_of: Vec<usize>,
    numbers: HashMap<[u32; CALLS], usize>,
    sites: Vec<Figures>,
    /// The site and the size of the block in each slot.
    blocks: Vec<Option<(usize, u64)>>,
}

/// What one site did.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    /// A node of it.
    node: u32,
    requests: u64,
    bytes: u64,
    live: u64,
    peak: u64,
}

impl Gathering {
    pub(super) fn image(&mut self) {
        self.stacks.image();
        self.stack = 0;
        self.blocks.clear();
        self.sites.iter_mut().for_each(|site| site.live = 0);
    }

    pub(super) fn said(&mut self, said: Said<'_>) {
        self.stacks.said(said);
        match said {
            Said::Stack(stack) => self.stack = stack,
            Said::Node(..) => self.enter_node(),
            Said::Module(..) | Said::Names(..) => {}
        }
    }

    /// Finds the site of the newest node.
    fn enter_node(&mut self) {
        let Ok(node) = u32::try_from(self.stacks.len()) else { return };
        let mut calls = [0; CALLS];
        let mut at = Some(node);
        for call in &mut calls {
            let found = at.and_then(|number| self.stacks.node(number));
            *call = found.map_or(0, |node| node.place() + 1);
            at = found.map(|node| node.parent);
        }
        let next = self.sites.len();
        let site = *self.numbers.entry(calls).or_insert(next);
        if site == next {
            self.sites.push(Figures { node, ..Figures::default() });
        }
        self.site_of.push(site);
    }

    pub(super) fn op(&mut self, op: Op) {
        if self.site_of.is_empty() {
            return;
        }
        let slot = op.slot as usize;
        if slot >= self.blocks.len() {
            self.blocks.resize(slot + 1, None);
        }
        if let Some((site, size)) = self.blocks[slot].take() {
            self.sites[site].live -= size;
        }
        let site = (self.stack as usize).checked_sub(1).and_then(|node| self.site_of.get(node));
        if let (Some(&site), true) = (site, op.kind != Kind::Free) {
            let figures = &mut self.sites[site];
            figures.requests += 1;
            figures.bytes = figures.bytes.saturating_add(op.size);
            figures.live += op.size;
            figures.peak = figures.peak.max(figures.live);
            self.blocks[slot] = Some((site, op.size));
        }
    }

    /// The sites that asked for most bytes.
    pub(super) fn finish(&self) -> Sites {
        let mut sites: Vec<_> = self.sites.iter().filter(|site| site.requests > 0).collect();
        let distinct = sites.len() as u64;
        sites.sort_by_key(|site| (Reverse(site.bytes), Reverse(site.requests), site.node));
        let named = |site: &&Figures| Site {
            requests: site.requests,
            bytes: site.bytes,
            peak_live_bytes: site.peak,
            live_at_exit_bytes: site.live,
            frames: self.calls(site.node),
        };
        Sites { distinct, top: sites.iter().take(TOP).map(named).collect() }
    }

    /// The functions of the innermost calls.
    fn calls(&self, node: u32) -> Vec<Frame> {
        let (mut frames, mut at) = (Vec::new(), node);
        for _ in 0..CALLS {
            frames.extend_from_slice(self.stacks.at(at));
            at = self.stacks.node(at).map_or(0, |node| node.parent);
        }
        frames
    }
}

/// Figures by call site.
#[derive(Debug, Default)]
pub(super) struct Sites {
    /// How many there are.
    pub(super) distinct: u64,
    /// Those that asked for most bytes.
    pub(super) top: Vec<Site>,
}

/// A call site: the innermost calls of a stack.
#[derive(Debug, Serialize)]
pub(super) struct Site {
    pub(super) requests: u64,
    pub(super) bytes: u64,
    /// The most that was live at once of what this site asked for.
    pub(super) peak_live_bytes: u64,
    pub(super) live_at_exit_bytes: u64,
    /// The functions, from the one that asked on.
    pub(super) frames: Vec<Frame>,
}

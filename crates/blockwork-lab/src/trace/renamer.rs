//! From a recorder's addresses to slot numbers.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use blockwork::wire::Event;

use super::sites::{Gatherer, Stacks};

/// Gives every live block the number of a slot, joins the halves of
/// reallocations, and numbers threads in order of first call.
///
/// ```text
/// allocate 0x5581…2a0 ─► 0        begin 0x5581…2a0 ─►  (the address is free,
/// allocate 0x5581…2c0 ─► 1        end   0x5581…800 ─►   the slot is not) reallocate 0
/// free     0x5581…2a0 ─► free 0   free  0x1234     ─►  stray
/// ```
///
/// What freed last is reused first, so that slots stay few and the numbers
/// close together.
#[derive(Debug, Default)]
pub struct Renamer {
    blocks: Blocks,
    /// Slots that were used and are free.
    free: Vec<u32>,
    /// Slots that were used. Their number ends where a heap of 64 GiB would
    /// consist of the smallest blocks only.
    slots: u32,
    /// Reallocations that have begun, by thread; several if a signal handler
    /// interrupted one and asked for another.
    moving: Map<Vec<Moving>>,
    /// The recorder's numbers of threads, and ours.
    threads: Map<u64>,
    /// The recorder's number of the thread that calls.
    thread: u64,
    /// The thread that whoever gets our events believes to be calling.
    announced: u64,
    /// Blocks whose free was never seen: something else began at their address.
    missed: u64,
    /// Where calls come from.
    sites: Gatherer,
}

type Map<V> = HashMap<u64, V, BuildHasherDefault<Mixer>>;

/// A block between the two halves of its reallocation.
#[derive(Clone, Copy, Debug)]
enum Moving {
    Block { name: u64, slot: u32 },
    Stray { double: bool },
}

impl Renamer {
    /// At the beginning of a recording.
    pub fn new() -> Self {
        Self::default()
    }

    /// Blocks whose free was never seen.
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// Where calls came from.
    pub const fn stacks(&self) -> &Stacks {
        self.sites.stacks()
    }

    /// Takes the recorder's next event, and hands out what it means.
    pub fn push<E>(&mut self, event: &Event<'_>, mut out: impl FnMut(&Event<'_>) -> Result<(), E>) -> Result<(), E> {
        match *event {
            Event::Thread { index } => {
                self.thread = index;
                return Ok(());
            }
            Event::Image { .. } => {
                self.sites.image();
                *self = Self { missed: self.missed, sites: std::mem::take(&mut self.sites), ..Self::new() };
                return out(event);
            }
            Event::Stack { index } => {
                self.sites.stack(index);
                return Ok(());
            }
            Event::Frame { parent, address } => return self.sites.frame(parent, address, &mut out),
            Event::Module { start, length, offset, path } => {
                self.sites.module(start, length, offset, path);
                return out(event);
            }
            Event::ReallocateBegin { name } => {
                let moving = match self.end(name) {
                    Ok(slot) => Moving::Block { name, slot },
                    Err(double) => Moving::Stray { double },
                };
                self.moving.entry(self.thread).or_default().push(moving);
                return Ok(());
            }
            _ => {}
        }
        self.announce_thread(&mut out)?;
        if matches!(event, Event::Allocate { .. } | Event::ReallocateEnd { .. }) {
            self.sites.announce(&mut out)?;
        }
        match *event {
            Event::Allocate { name, size, align_log2, zeroed } => {
                self.vacate(name, &mut out)?;
                let slot = self.begin(name);
                out(&Event::Allocate { name: slot.into(), size, align_log2, zeroed })
            }
            Event::Free { name } => match self.end(name) {
                Ok(slot) => {
                    self.free.push(slot);
                    out(&Event::Free { name: slot.into() })
                }
                Err(double) => out(&Event::Stray { double }),
            },
            Event::ReallocateEnd { name, size } => {
                let moving = self.moved();
                self.vacate(name, &mut out)?;
                if let Some(Moving::Block { slot, .. }) = moving {
                    *self.blocks.at(name) = Block::Live(slot);
                    return out(&Event::Reallocate { name: slot.into(), size });
                }
                if let Some(Moving::Stray { double }) = moving {
                    out(&Event::Stray { double })?;
                }
                let (slot, align_log2) = (self.begin(name), blockwork::wire::MALLOC_ALIGN_LOG2);
                out(&Event::Allocate { name: slot.into(), size, align_log2, zeroed: false })
            }
            Event::ReallocateFailed => match self.moved() {
                Some(Moving::Block { name, slot }) => {
                    self.vacate(name, &mut out)?;
                    *self.blocks.at(name) = Block::Live(slot);
                    Ok(())
                }
                Some(Moving::Stray { double }) => out(&Event::Stray { double }),
                None => Ok(()),
            },
            // Not of a recorder, and not about addresses.
            _ => out(event),
        }
    }

    fn begin(&mut self, name: u64) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots = self.slots.saturating_add(1);
            self.slots - 1
        });
        *self.blocks.at(name) = Block::Live(slot);
        slot
    }

    /// The reallocation that ends now.
    fn moved(&mut self) -> Option<Moving> {
        self.moving.get_mut(&self.thread)?.pop()
    }

    /// Takes the name from its block; if it has none, whether it had.
    fn end(&mut self, name: u64) -> Result<u32, bool> {
        let block = self.blocks.at(name);
        match *block {
            Block::Live(slot) => {
                *block = Block::Freed;
                Ok(slot)
            }
            Block::Freed => Err(true),
            Block::Unknown => Err(false),
        }
    }

    /// Ends the block that seems to live where another is about to begin.
    fn vacate<E>(&mut self, name: u64, out: &mut impl FnMut(&Event<'_>) -> Result<(), E>) -> Result<(), E> {
        if let Block::Live(slot) = *self.blocks.at(name) {
            self.missed += 1;
            *self.blocks.at(name) = Block::Freed;
            self.free.push(slot);
            return out(&Event::Free { name: slot.into() });
        }
        Ok(())
    }

    fn announce_thread<E>(&mut self, out: &mut impl FnMut(&Event<'_>) -> Result<(), E>) -> Result<(), E> {
        let next = self.threads.len() as u64;
        let index = *self.threads.entry(self.thread).or_insert(next);
        if index != self.announced {
            self.announced = index;
            return out(&Event::Thread { index });
        }
        Ok(())
    }
}

/// What an address is known as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Block {
    /// Nothing.
    #[default]
    Unknown,
    /// A block that was freed.
    Freed,
    /// A live block, in this slot.
    Live(u32),
}

/// All blocks by name, in pages of neighbours: programs work on neighbours, so
/// this misses the cache far less often than one table of single names.
#[derive(Debug, Default)]
struct Blocks {
    /// Where in `pages` the neighbours of `name >> 8` are.
    places: Map<usize>,
    pages: Vec<[Block; PAGE]>,
    /// The page that was asked for last, which often is the next one too.
    last: Option<(u64, usize)>,
}

/// As many as a byte can tell apart.
const PAGE: usize = 256;

impl Blocks {
    fn at(&mut self, name: u64) -> &mut Block {
        let [low, ..] = name.to_le_bytes();
        let (number, index) = (name >> 8, usize::from(low));
        let place = match self.last {
            Some((last, place)) if last == number => place,
            _ => self.find(number),
        };
        &mut self.pages[place][index]
    }

    fn find(&mut self, number: u64) -> usize {
        let next = self.pages.len();
        let place = *self.places.entry(number).or_insert(next);
        if place == next {
            self.pages.push([Block::Unknown; PAGE]);
        }
        self.last = Some((number, place));
        place
    }
}

/// Mixes one word well enough for addresses: std's hasher takes longer than all
/// else here.
#[derive(Debug, Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, word: u64) {
        // The golden ratio spreads neighbours far apart; the table looks at
        // the top and the bottom bits.
        let product = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

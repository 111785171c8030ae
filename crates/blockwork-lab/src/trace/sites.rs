//! Call sites: which functions led to each request.
//!
//! ```text
//! ops    stack 3     stack 5     0: not known, and all frees
//!          │           │
//! nodes  3 ─► 2 ─► 1 ◄─ 5        each with its caller: stacks share their beginnings
//!        │    │    │    │
//! places d    c    a    e        an address; with names, the functions there:
//!        └── push at vec.h:7, inlined into fill at main.cc:12
//! ```

use std::{collections::HashMap, iter, path::Path};

use blockwork::wire::Event;

use super::{Kind, Said};

pub use crate::symbols::Frame;
use crate::symbols::Symbols;

/// Who asked, by operation. Empty if the recording does not say.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    /// By operation, as far as any was said.
    ops: Vec<u32>,
    stacks: Stacks,
    /// Who asks from here on.
    stack: u32,
}

impl Sites {
    /// Whether nothing is known of any operation.
    pub const fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// The stack that led to operation `op`; 0 if it is not known, and for frees.
    pub fn of(&self, op: usize) -> u32 {
        self.ops.get(op).copied().unwrap_or(0)
    }

    /// The functions of a stack, from the one that asked to `main`.
    pub fn frames(&self, stack: u32) -> impl Iterator<Item = &Frame> {
        self.stacks.frames(stack)
    }

    /// All stacks.
    pub const fn stacks(&self) -> &Stacks {
        &self.stacks
    }

    /// All stacks, to add to them.
    pub const fn stacks_mut(&mut self) -> &mut Stacks {
        &mut self.stacks
    }

    /// A new image begins.
    pub fn image(&mut self) {
        self.stack = 0;
        self.stacks.image();
    }

    /// Takes what was said.
    pub fn said(&mut self, said: Said<'_>) {
        match said {
            Said::Stack(stack) => self.stack = stack,
            said => self.stacks.said(said),
        }
    }

    /// Operation `op` comes from where it was said; those before it that
    /// nothing was said of have no stack.
    pub fn op(&mut self, op: usize, kind: Kind) {
        let stack = if kind == Kind::Free { 0 } else { self.stack };
        if stack != 0 || !self.ops.is_empty() {
            self.ops.resize(op, 0);
            self.ops.push(stack);
        }
    }
}

/// All stacks of a recording, each the number of its innermost node.
#[derive(Clone, Debug, Default)]
pub struct Stacks {
    /// Node 1 and on; 0 is nowhere.
    nodes: Vec<Node>,
    places: Vec<Place>,
    /// Places of this image by address.
    known: HashMap<u64, u32>,
    /// Files with code of this image; those that came last are looked at first.
    modules: Vec<Module>,
}

/// One step of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// The node that called this one; 0 for none.
    pub parent: u32,
    /// Where it did.
    place: u32,
}

impl Node {
    /// The number of the place where it did. Nodes of one place differ in who
    /// led to it.
    pub const fn place(self) -> u32 {
        self.place
    }
}

/// An address, and what is there.
#[derive(Clone, Debug, Default)]
struct Place {
    address: u64,
    /// The module, one more than its index, or 0.
    module: usize,
    /// The functions there, innermost first.
    frames: Vec<Frame>,
}

/// Code from a file.
#[derive(Clone, Debug)]
struct Module {
    start: u64,
    length: u64,
    offset: u64,
    path: String,
    /// Whether it is of the image that runs.
    current: bool,
}

impl Stacks {
    /// How many nodes there are; the highest number of one.
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node with this number.
    pub fn node(&self, number: u32) -> Option<Node> {
        self.nodes.get((number as usize).checked_sub(1)?).copied()
    }

    /// The functions at a node, those that are inlined first.
    pub fn at(&self, number: u32) -> &[Frame] {
        let place = self.node(number).and_then(|node| self.places.get(node.place as usize));
        place.map_or(&[], |place| &place.frames)
    }

    /// The functions of a stack, from the one that asked to `main`.
    pub fn frames(&self, stack: u32) -> impl Iterator<Item = &Frame> {
        let up = |&number: &u32| self.node(number).map(|node| node.parent);
        // A parent is always older, so this ends.
        iter::successors(Some(stack), up).flat_map(|number| self.at(number))
    }

    /// A new image begins: addresses mean something else.
    pub fn image(&mut self) {
        self.known.clear();
        self.modules.iter_mut().for_each(|module| module.current = false);
    }

    /// A file's code is at these addresses from now on.
    pub fn module(&mut self, start: u64, length: u64, offset: u64, path: &[u8]) {
        // What was there before is not meant any more.
        self.known.retain(|&address, _| address.wrapping_sub(start) >= length);
        let path = String::from_utf8_lossy(path).into_owned();
        self.modules.push(Module { start, length, offset, path, current: true });
    }

    /// Adds a node: a call at `address`, which `parent` led to. `None` if there
    /// is no such parent, or no number left.
    pub fn push(&mut self, parent: u32, address: u64) -> Option<u32> {
        let place = self.place(address)?;
        self.add(parent, place)
    }

    /// Adds a node where functions are known by name, innermost first.
    pub fn push_named(&mut self, parent: u32, frames: Vec<Frame>) -> Option<u32> {
        let place = u32::try_from(self.places.len()).ok()?;
        let address = frames.first().map_or(0, |frame| frame.offset);
        self.places.push(Place { address, module: 0, frames });
        self.add(parent, place)
    }

    fn add(&mut self, parent: u32, place: u32) -> Option<u32> {
        if parent as usize > self.nodes.len() {
            return None;
        }
        self.nodes.push(Node { parent, place });
        u32::try_from(self.nodes.len()).ok()
    }

    /// The place of an address in this image.
    fn place(&mut self, address: u64) -> Option<u32> {
        if let Some(&known) = self.known.get(&address) {
            return Some(known);
        }
        let next = u32::try_from(self.places.len()).ok()?;
        let holds = |module: &Module| module.current && address.wrapping_sub(module.start) < module.length;
        let module = self.modules.iter().rposition(holds).map_or(0, |index| index + 1);
        let mut place = Place { address, module, frames: Vec::new() };
        let (path, offset) = self.whereabouts(&place);
        place.frames = vec![Frame { module: path.map(str::to_owned), offset, ..Frame::default() }];
        self.places.push(place);
        self.known.insert(address, next);
        Some(next)
    }

    /// The file that a place is in, and where; or where in memory.
    fn whereabouts(&self, place: &Place) -> (Option<&str>, u64) {
        match place.module.checked_sub(1).and_then(|index| self.modules.get(index)) {
            None => (None, place.address),
            Some(module) => (Some(&module.path), (place.address - module.start).saturating_add(module.offset)),
        }
    }

    /// Takes what was said, but who asks.
    pub fn said(&mut self, said: Said<'_>) {
        match said {
            Said::Stack(_) => {}
            Said::Node(parent, address) => {
                self.push(parent, address);
            }
            Said::Module(start, length, offset, path) => self.module(start, length, offset, path),
            Said::Names(first, names) => self.name(first, names),
        }
    }

    /// Looks every place up in the file that it is in, and hands the names out
    /// by number of the place.
    pub fn symbolise(&self) -> Vec<Vec<Frame>> {
        let mut symbols = Symbols::default();
        let named = self.places.iter().map(|place| match self.whereabouts(place) {
            // No path: code that was made as it ran, or of the system (`[vdso]`).
            (Some(path), offset) if path.starts_with('/') => symbols.frames(Path::new(path), offset),
            _ => place.frames.clone(),
        });
        named.collect()
    }

    /// All nodes as a [writer](super::Writer) takes them, places named by
    /// number; [`Self::names`] goes with them.
    pub fn events(&self) -> impl Iterator<Item = Event<'static>> {
        self.nodes.iter().map(|node| Event::Frame { parent: node.parent.into(), address: node.place.into() })
    }

    /// The names of all places, in the order of their numbers.
    pub fn names(&self) -> Vec<Vec<Frame>> {
        self.places.iter().map(|place| place.frames.clone()).collect()
    }

    /// Takes names, those of the place `first` and the next ones. Names of what
    /// is no place are ignored.
    pub fn name(&mut self, first: usize, names: &[Vec<Frame>]) {
        for (place, frames) in self.places.iter_mut().skip(first).zip(names) {
            if !frames.is_empty() {
                place.frames.clone_from(frames);
            }
        }
    }
}

/// Gives the recorder's frames numbers that last for a whole recording: it may
/// forget that it knew a frame, and begins anew with each image.
#[derive(Debug, Default)]
pub struct Gatherer {
    stacks: Stacks,
    /// Our numbers of this image's nodes, and of the recorder's in order.
    ours: HashMap<Node, u32>,
    theirs: Vec<u32>,
    /// The stack that asks, by our number, and what was last said of that.
    stack: u32,
    announced: u32,
}

impl Gatherer {
    /// All that was gathered.
    pub const fn stacks(&self) -> &Stacks {
        &self.stacks
    }

    /// A new image begins.
    pub fn image(&mut self) {
        self.stacks.image();
        self.ours.clear();
        self.theirs.clear();
        (self.stack, self.announced) = (0, 0);
    }

    /// Code from a file is at these addresses.
    pub fn module(&mut self, start: u64, length: u64, offset: u64, path: &[u8]) {
        self.stacks.module(start, length, offset, path);
    }

    /// The recorder's next frame; handed out if it is new.
    pub fn frame<E>(
        &mut self,
        parent: u64,
        address: u64,
        out: &mut impl FnMut(&Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let parent = self.ours(parent);
        let node = self.stacks.place(address).map(|place| Node { parent, place });
        let known = node.and_then(|node| self.ours.get(&node).copied());
        let number = known.or_else(|| self.stacks.push(parent, address)).unwrap_or(0);
        self.theirs.push(number);
        match (known, node) {
            (None, Some(node)) if number != 0 => {
                self.ours.insert(node, number);
                out(&Event::Frame { parent: parent.into(), address })
            }
            _ => Ok(()),
        }
    }

    /// The recorder's number of the stack that asks from here on.
    pub fn stack(&mut self, index: u64) {
        self.stack = self.ours(index);
    }

    /// Says who asks, if that is not who asked before.
    pub fn announce<E>(&mut self, out: &mut impl FnMut(&Event<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.stack == self.announced {
            return Ok(());
        }
        self.announced = self.stack;
        out(&Event::Stack { index: self.stack.into() })
    }

    fn ours(&self, theirs: u64) -> u32 {
        let index = usize::try_from(theirs).ok().and_then(|number| number.checked_sub(1));
        index.and_then(|index| self.theirs.get(index)).copied().unwrap_or(0)
    }
}

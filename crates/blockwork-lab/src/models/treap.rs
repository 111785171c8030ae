//! [`Treap`]: blocks in the order of their keys, of which the first that is large
//! enough is found without a walk through those that are not.
//!
//! ```text
//!            key 40, 16 bytes, most 64
//!           ╱                         ╲
//! key 8, 64 bytes, most 64     key 56, 8 bytes, most 8
//! ```

use super::simulation::Extent;

/// No node.
const NIL: u32 = u32::MAX;

/// A search tree by key; a heap by a hash of the key, which keeps it flat.
#[derive(Debug)]
pub struct Treap {
    nodes: Vec<Node>,
    /// Nodes that hold nothing.
    spare: Vec<u32>,
    root: u32,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    key: u64,
    block: Extent,
    /// The longest block here and below.
    most: u64,
    left: u32,
    right: u32,
}

impl Default for Treap {
    fn default() -> Self {
        Self { nodes: Vec::new(), spare: Vec::new(), root: NIL }
    }
}

impl Treap {
    /// Adds a block under a key that no other has.
    pub fn insert(&mut self, key: u64, block: Extent) {
        let node = Node { key, block, most: block.len, left: NIL, right: NIL };
        let new = match self.spare.pop() {
            Some(spare) => {
                self.nodes[spare as usize] = node;
                spare
            }
            None => {
                self.nodes.push(node);
                // Four billion free blocks would be more than any machine has memory for.
                u32::try_from(self.nodes.len() - 1).unwrap_or(NIL)
            }
        };
        let (below, above) = self.split(self.root, key);
        let below = self.join(below, new);
        self.root = self.join(below, above);
    }

    /// Takes away the block under this key.
    pub fn remove(&mut self, key: u64) {
        let (below, rest) = self.split(self.root, key);
        let (this, above) = self.split(rest, key.saturating_add(1));
        if this != NIL {
            self.spare.push(this);
        }
        self.root = self.join(below, above);
    }

    /// The block under the least key that has at least `len` bytes.
    pub fn first(&self, len: u64) -> Option<Extent> {
        let mut at = self.root;
        loop {
            let node = self.nodes.get(at as usize).filter(|node| node.most >= len)?;
            if self.most(node.left) >= len && node.left != NIL {
                at = node.left;
            } else if node.block.len >= len {
                return Some(node.block);
            } else {
                at = node.right;
            }
        }
    }

    fn most(&self, at: u32) -> u64 {
        self.nodes.get(at as usize).map_or(0, |node| node.most)
    }

    /// The tree in two: keys below `key`, and the others.
    fn split(&mut self, at: u32, key: u64) -> (u32, u32) {
        let Some(node) = self.nodes.get(at as usize).copied() else { return (NIL, NIL) };
        if node.key < key {
            let (below, above) = self.split(node.right, key);
            self.nodes[at as usize].right = below;
            self.update(at);
            (at, above)
        } else {
            let (below, above) = self.split(node.left, key);
            self.nodes[at as usize].left = above;
            self.update(at);
            (below, at)
        }
    }

    /// Two trees as one; all keys of the first are below those of the other.
    fn join(&mut self, below: u32, above: u32) -> u32 {
        let (Some(low), Some(high)) = (self.nodes.get(below as usize), self.nodes.get(above as usize)) else {
            return if below == NIL { above } else { below };
        };
        if rank(low.key) > rank(high.key) {
            let right = low.right;
            self.nodes[below as usize].right = self.join(right, above);
            self.update(below);
            below
        } else {
            let left = high.left;
            self.nodes[above as usize].left = self.join(below, left);
            self.update(above);
            above
        }
    }

    fn update(&mut self, at: u32) {
        let node = self.nodes[at as usize];
        self.nodes[at as usize].most = node.block.len.max(self.most(node.left)).max(self.most(node.right));
    }
}

/// Who is above whom: as good as random.
const fn rank(key: u64) -> u64 {
    let mixed = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_first_that_is_long_enough_is_found_as_by_a_walk() {
        let (mut treap, mut walked) = (Treap::default(), BTreeMap::new());
        let mut random = 1_u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (key, len) = (random >> 54, random >> 20 & 0xff);
            if walked.remove(&key).is_some() {
                treap.remove(key);
            } else {
                walked.insert(key, len);
                treap.insert(key, Extent { at: key, len });
            }
            let wanted = random >> 33 & 0xff;
            let found = walked.iter().find(|(_, len)| **len >= wanted).map(|(at, len)| Extent { at: *at, len: *len });
            assert_eq!(treap.first(wanted), found);
        }
        assert!(treap.nodes.len() <= 1024, "removed blocks are used again");
    }
}

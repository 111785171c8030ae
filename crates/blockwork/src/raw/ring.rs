//! [`Ring`]: a circular list whose nodes carry their own links.
//!
//! ```text
//! first ──► node ⇄ node ⇄ node ⇄ (back to the first)
//! ```
//!
//! One word reaches both ends; a node leaves in constant time, from anywhere.

use core::{cell::Cell, fmt, ptr::NonNull};

/// A node's neighbours. Zero bytes are links that join nothing.
#[repr(C)]
pub(crate) struct Links<T> {
    next: Cell<Option<NonNull<T>>>,
    prev: Cell<Option<NonNull<T>>>,
}

impl<T> Links<T> {
    pub(crate) const fn new() -> Self {
        Self { next: Cell::new(None), prev: Cell::new(None) }
    }
}

impl<T> fmt::Debug for Links<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("next", &self.next.get()).field("prev", &self.prev.get()).finish()
    }
}

/// A type whose values can be nodes.
///
/// # Safety
///
/// - The type is `repr(C)`, and its first field is a [`Links<Self>`].
pub(crate) unsafe trait Linked: Sized {}

/// The nodes that were put in, in order.
pub(crate) struct Ring<T> {
    /// Invariant: the links of the nodes reached from here join in a circle.
    first: Cell<Option<NonNull<T>>>,
}

impl<T> Ring<T> {
    pub(crate) const fn new() -> Self {
        Self { first: Cell::new(None) }
    }
}

impl<T: Linked> Ring<T> {
    /// The node at the front.
    #[inline]
    pub(crate) fn first(&self) -> Option<NonNull<T>> {
        self.first.get()
    }

    /// The node at the back.
    #[inline]
    pub(crate) fn last(&self) -> Option<NonNull<T>> {
        // SAFETY: nodes of the ring are valid until they leave it.
        self.first().and_then(|first| unsafe { links(first) }.prev.get())
    }

    /// The node behind `node`, unless that is the last.
    ///
    /// # Safety
    ///
    /// - `node` is in this ring.
    #[inline]
    pub(crate) unsafe fn after(&self, node: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: nodes of the ring are valid until they leave it.
        let next = unsafe { links(node) }.next.get();
        if next == self.first() { None } else { next }
    }

    /// The node before `node`, unless that is the first.
    ///
    /// # Safety
    ///
    /// - `node` is in this ring.
    #[inline]
    pub(crate) unsafe fn before(&self, node: NonNull<T>) -> Option<NonNull<T>> {
        if self.first() == Some(node) {
            return None;
        }
        // SAFETY: nodes of the ring are valid until they leave it.
        unsafe { links(node) }.prev.get()
    }

    /// Puts `node` at the front.
    ///
    /// # Safety
    ///
    /// - `node` is valid until it leaves the ring, and in no ring now.
    #[inline]
    pub(crate) unsafe fn push_front(&self, node: NonNull<T>) {
        // SAFETY: the caller's promise.
        unsafe { self.push_back(node) }
        self.first.set(Some(node));
    }

    /// Puts `node` at the back.
    ///
    /// # Safety
    ///
    /// - `node` is valid until it leaves the ring, and in no ring now.
    #[inline]
    pub(crate) unsafe fn push_back(&self, node: NonNull<T>) {
        let first = self.first().unwrap_or(node);
        let last = self.last().unwrap_or(node);
        // SAFETY: the caller says that the node is valid.
        let own = unsafe { links(node) };
        own.next.set(Some(first));
        own.prev.set(Some(last));
        // SAFETY: nodes of the ring are valid, and so is the new one.
        unsafe { links(last) }.next.set(Some(node));
        // SAFETY: as above.
        unsafe { links(first) }.prev.set(Some(node));
        self.first.set(Some(first));
    }

    /// Takes `node` out.
    ///
    /// # Safety
    ///
    /// - `node` is in this ring.
    #[inline]
    pub(crate) unsafe fn remove(&self, node: NonNull<T>) {
        // SAFETY: nodes of the ring are valid until they leave it.
        let own = unsafe { links(node) };
        if own.next.get() == Some(node) {
            self.first.set(None);
            return;
        }
        if let (Some(next), Some(prev)) = (own.next.get(), own.prev.get()) {
            // SAFETY: neighbours in the ring are valid, too.
            unsafe { links(prev) }.next.set(Some(next));
            // SAFETY: as above.
            unsafe { links(next) }.prev.set(Some(prev));
            if self.first() == Some(node) {
                self.first.set(Some(next));
            }
        }
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("first", &self.first.get()).finish()
    }
}

/// The links of `node`.
///
/// # Safety
///
/// - `node` is valid for as long as the links are looked at.
unsafe fn links<'a, T: Linked>(node: NonNull<T>) -> &'a Links<T> {
    // SAFETY: `Linked` puts the links first; the caller says the node is valid.
    unsafe { node.cast::<Links<T>>().as_ref() }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;

    #[repr(C)]
    struct Node {
        links: Links<Self>,
        name: u32,
    }

    // SAFETY: `repr(C)`, links first.
    unsafe impl Linked for Node {}

    fn nodes() -> [Node; 4] {
        [0, 1, 2, 3].map(|name| Node { links: Links::new(), name })
    }

    fn names(ring: &Ring<Node>) -> Vec<u32> {
        // SAFETY: the nodes outlive the ring, and `after` is asked for its nodes.
        core::iter::successors(ring.first(), |&node| unsafe { ring.after(node) })
            // SAFETY: as above.
            .map(|node| unsafe { node.as_ref() }.name)
            .collect()
    }

    #[test]
    fn nodes_stand_where_they_were_put() {
        let nodes = nodes();
        let ring = Ring::new();
        let [a, b, c, _] = nodes.each_ref().map(NonNull::from);
        assert_eq!((ring.first(), ring.last()), (None, None));
        // SAFETY: valid nodes, each in no ring.
        unsafe { ring.push_front(a) };
        // SAFETY: as above.
        unsafe { ring.push_front(b) };
        // SAFETY: as above.
        unsafe { ring.push_back(c) };
        assert_eq!(names(&ring), [1, 0, 2]);
        assert_eq!((ring.first(), ring.last()), (Some(b), Some(c)));
        // SAFETY: a node of the ring.
        assert_eq!(unsafe { ring.before(b) }, None);
        // SAFETY: as above.
        assert_eq!(unsafe { ring.before(c) }, Some(a));
        // SAFETY: as above.
        assert_eq!(unsafe { ring.after(c) }, None);
    }

    #[test]
    fn a_node_leaves_from_anywhere() {
        for gone in 0..4 {
            let nodes = nodes();
            let ring = Ring::new();
            for node in &nodes {
                // SAFETY: a valid node in no ring.
                unsafe { ring.push_back(NonNull::from(node)) };
            }
            // SAFETY: in the ring since the loop above.
            unsafe { ring.remove(NonNull::from(&nodes[gone])) };
            let left: Vec<u32> = nodes.iter().map(|node| node.name).filter(|&name| name as usize != gone).collect();
            assert_eq!(names(&ring), left);
        }
    }

    #[test]
    fn the_last_node_leaves_an_empty_ring() {
        let node = Node { links: Links::new(), name: 0 };
        let ring = Ring::new();
        // SAFETY: a valid node in no ring.
        unsafe { ring.push_back(NonNull::from(&node)) };
        // SAFETY: it is the ring's only node.
        unsafe { ring.remove(NonNull::from(&node)) };
        assert_eq!(ring.first(), None);
    }
}

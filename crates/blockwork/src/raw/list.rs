//! [`List`]: a doubly linked list whose nodes carry their own links.
//!
//! ```text
//! first ──► node ⇄ node ⇄ node
//! ```
//!
//! A node leaves in constant time, from anywhere; to put one in touches only
//! the node that was the first.

use core::{cell::Cell, fmt, ptr::NonNull};

/// A node's neighbours. Zero bytes are links that join nothing.
#[repr(C)]
pub(crate) struct Links<T> {
    pub(super) next: Cell<Option<NonNull<T>>>,
    pub(super) prev: Cell<Option<NonNull<T>>>,
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

/// The nodes that were put in, the last one first.
pub(crate) struct List<T> {
    first: Cell<Option<NonNull<T>>>,
}

impl<T> List<T> {
    pub(crate) const fn new() -> Self {
        Self { first: Cell::new(None) }
    }

    /// The node that was put in last.
    #[inline]
    pub(crate) const fn first(&self) -> Option<NonNull<T>> {
        self.first.get()
    }
}

impl<T: Linked> List<T> {
    /// The node behind `node`.
    ///
    /// # Safety
    ///
    /// - `node` is in this list.
    #[inline]
    pub(crate) unsafe fn after(&self, node: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: nodes of the list are valid until they leave it.
        unsafe { links(node) }.next.get()
    }

    /// Puts `node` first.
    ///
    /// # Safety
    ///
    /// - `node` is valid until it leaves the list, and in no list now.
    #[inline]
    pub(crate) unsafe fn push(&self, node: NonNull<T>) {
        let first = self.first.replace(Some(node));
        // SAFETY: the caller says that the node is valid.
        let own = unsafe { links(node) };
        own.next.set(first);
        own.prev.set(None);
        if let Some(first) = first {
            // SAFETY: nodes of the list are valid until they leave it.
            unsafe { links(first) }.prev.set(Some(node));
        }
    }

    /// Takes `node` out, which is the first.
    ///
    /// # Safety
    ///
    /// - `node` is the first of this list.
    #[inline]
    pub(crate) unsafe fn remove_first(&self, node: NonNull<T>) {
        // SAFETY: nodes of the list are valid until they leave it.
        let next = unsafe { links(node) }.next.get();
        self.first.set(next);
        if let Some(next) = next {
            // SAFETY: a neighbour in the list is valid, too.
            unsafe { links(next) }.prev.set(None);
        }
    }

    /// Takes `node` out.
    ///
    /// # Safety
    ///
    /// - `node` is in this list.
    #[inline]
    pub(crate) unsafe fn remove(&self, node: NonNull<T>) {
        // SAFETY: nodes of the list are valid until they leave it.
        let own = unsafe { links(node) };
        let Some(prev) = own.prev.get() else {
            // SAFETY: nobody is before it.
            return unsafe { self.remove_first(node) };
        };
        let next = own.next.get();
        // SAFETY: a neighbour in the list is valid, too.
        unsafe { links(prev) }.next.set(next);
        if let Some(next) = next {
            // SAFETY: so is the neighbour on the other side.
            unsafe { links(next) }.prev.set(Some(prev));
        }
    }
}

impl<T> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("first", &self.first.get()).finish()
    }
}

/// The links of `node`.
///
/// # Safety
///
/// - `node` is valid for as long as the links are looked at.
#[inline]
pub(super) unsafe fn links<'a, T: Linked>(node: NonNull<T>) -> &'a Links<T> {
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
        name: usize,
    }

    // SAFETY: `repr(C)`, links first.
    unsafe impl Linked for Node {}

    /// A list of `nodes`, the last one first.
    fn list(nodes: &[Node]) -> List<Node> {
        let list = List::new();
        for node in nodes {
            // SAFETY: valid in all of the test, and in no list.
            unsafe { list.push(NonNull::from(node)) };
        }
        list
    }

    fn nodes() -> [Node; 4] {
        [0, 1, 2, 3].map(|name| Node { links: Links::new(), name })
    }

    fn names(list: &List<Node>) -> Vec<usize> {
        // SAFETY: `after` is asked for nodes of the list.
        core::iter::successors(list.first(), |&node| unsafe { list.after(node) })
            // SAFETY: the nodes outlive the list.
            .map(|node| unsafe { node.as_ref() }.name)
            .collect()
    }

    #[test]
    fn the_last_node_put_in_is_the_first() {
        let nodes = nodes();
        assert_eq!(names(&list(&nodes)), [3, 2, 1, 0]);
        assert_eq!(names(&list(&[])), []);
    }

    #[test]
    fn a_node_leaves_from_anywhere() {
        for gone in 0..4 {
            let nodes = nodes();
            let list = list(&nodes);
            // SAFETY: in the list.
            unsafe { list.remove(NonNull::from(&nodes[gone])) };
            let left: Vec<usize> = (0..4).rev().filter(|&name| name != gone).collect();
            assert_eq!(names(&list), left);
        }
    }

    #[test]
    fn the_first_node_leaves_its_place_to_the_next() {
        let nodes = nodes();
        let list = list(&nodes);
        for left in (0..4).rev() {
            // SAFETY: the first of the list.
            unsafe { list.remove_first(NonNull::from(&nodes[left])) };
            assert_eq!(names(&list), (0..left).rev().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_only_node_leaves_an_empty_list() {
        let nodes = nodes();
        let list = list(&nodes[..1]);
        // SAFETY: in the list.
        unsafe { list.remove(NonNull::from(&nodes[0])) };
        assert_eq!(list.first(), None);
        // SAFETY: valid, and no longer in a list.
        unsafe { list.push(NonNull::from(&nodes[0])) };
        assert_eq!(names(&list), [0]);
    }
}

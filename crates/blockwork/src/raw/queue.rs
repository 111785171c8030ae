//! [`Queue`]: a doubly linked list that nodes join at its end.
//!
//! ```text
//! first ──► node ⇄ node ⇄ node ◄── last
//! ```
//!
//! As a [`List`](super::list), with the end known too. Zero bytes are one that
//! is empty.

use core::{cell::Cell, ptr::NonNull};

use super::list::{Linked, links};

/// The nodes that joined, the one that waits longest first.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    first: Cell<Option<NonNull<T>>>,
    last: Cell<Option<NonNull<T>>>,
}

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self { first: Cell::new(None), last: Cell::new(None) }
    }

    /// The node that waits longest.
    #[inline]
    pub(crate) const fn first(&self) -> Option<NonNull<T>> {
        self.first.get()
    }

    /// Whether `node` is the only one.
    pub(crate) fn is_only(&self, node: NonNull<T>) -> bool {
        self.first.get() == Some(node) && self.last.get() == Some(node)
    }
}

impl<T: Linked> Queue<T> {
    /// The node behind `node`.
    ///
    /// # Safety
    ///
    /// - `node` is in this queue.
    pub(crate) unsafe fn after(&self, node: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: nodes of the queue are valid until they leave it.
        unsafe { links(node) }.next.get()
    }

    /// Lets `node` join at the end.
    ///
    /// # Safety
    ///
    /// - `node` is valid until it leaves, and in no list or queue now.
    pub(crate) unsafe fn push(&self, node: NonNull<T>) {
        let last = self.last.replace(Some(node));
        // SAFETY: the caller says that the node is valid.
        let own = unsafe { links(node) };
        own.next.set(None);
        own.prev.set(last);
        match last {
            // SAFETY: nodes of the queue are valid until they leave it.
            Some(last) => unsafe { links(last) }.next.set(Some(node)),
            None => self.first.set(Some(node)),
        }
    }

    /// Takes `node` out.
    ///
    /// # Safety
    ///
    /// - `node` is in this queue.
    pub(crate) unsafe fn remove(&self, node: NonNull<T>) {
        // SAFETY: nodes of the queue are valid until they leave it.
        let own = unsafe { links(node) };
        let (prev, next) = (own.prev.get(), own.next.get());
        match prev {
            // SAFETY: a neighbour in the queue is valid, too.
            Some(prev) => unsafe { links(prev) }.next.set(next),
            None => self.first.set(next),
        }
        match next {
            // SAFETY: so is the neighbour on the other side.
            Some(next) => unsafe { links(next) }.prev.set(prev),
            None => self.last.set(prev),
        }
    }
}

#[cfg(test)]
mod tests {
    use heap::vec::Vec;

    use super::*;
    use crate::raw::list::Links;

    #[repr(C)]
    struct Node {
        links: Links<Self>,
    }

    // SAFETY: `repr(C)`, links first.
    unsafe impl Linked for Node {}

    #[test]
    fn whoever_waits_longest_is_first_whoever_leaves() {
        for left in 0..3 {
            let nodes = [const { Node { links: Links::new() } }; 3];
            let [a, b, c] = nodes.each_ref().map(NonNull::from);
            let queue = Queue::new();
            for node in [a, b, c] {
                // SAFETY: lives to the end of this test, and is in no queue.
                unsafe { queue.push(node) }
            }
            // SAFETY: in the queue.
            unsafe { queue.remove([a, b, c][left]) }
            let rest: Vec<_> = [a, b, c].into_iter().filter(|&node| node != [a, b, c][left]).collect();
            // SAFETY: in the queue.
            let after = |&node: &NonNull<Node>| unsafe { queue.after(node) };
            assert_eq!(core::iter::successors(queue.first(), after).collect::<Vec<_>>(), rest);
            assert_eq!(queue.first(), rest.first().copied());
            assert!(!queue.is_only(rest[0]));
            // SAFETY: in the queue.
            unsafe { queue.remove(rest[0]) }
            assert!(queue.is_only(rest[1]));
            // SAFETY: in the queue.
            unsafe { queue.remove(rest[1]) }
            assert_eq!(queue.first(), None);
            // SAFETY: in no queue.
            unsafe { queue.push(a) }
            assert!(queue.is_only(a));
        }
    }
}

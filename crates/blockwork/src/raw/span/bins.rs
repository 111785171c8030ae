//! [`RunBins`]: the free runs, sorted by length so that a fit is found at once.
//!
//! ```text
//! filled  0 1 0 0 0 1 0 …            one bit for each bin with runs
//! bins    [ ] [run ⇄ run] [ ] [ ] [ ] [run] [ ] …
//! ```

use core::ptr::NonNull;

use crate::{
    math::bins::{BinSet, COUNT, EXACT, bin_for, bin_of, least_of, share_bin},
    raw::{
        list::List,
        span::chunk::{Node, Run},
    },
};

/// Runs to look at in the one bin where some fit and some do not.
const LOOKS: usize = 4;

/// Free runs by length.
#[derive(Debug)]
pub(crate) struct RunBins {
    bins: [List<Node>; COUNT as usize],
    /// Invariant: the bins that are not empty.
    filled: BinSet,
}

impl RunBins {
    pub(crate) const fn new() -> Self {
        Self { bins: [const { List::new() }; COUNT as usize], filled: BinSet::new() }
    }

    /// Puts `run` into its bin.
    ///
    /// # Safety
    ///
    /// - `run` is free and in no bin, and leaves its bin before its books
    ///   change or go.
    #[inline]
    pub(crate) unsafe fn insert(&self, run: Run) {
        // SAFETY: of this run, which is in no list.
        unsafe { self.link(run.claim_node(), bin_of(run.len)) }
    }

    /// Puts `run` into its bin, if it is so short that each length has a bin of
    /// its own.
    ///
    /// # Safety
    ///
    /// - As for [`insert`](Self::insert).
    #[inline]
    pub(crate) unsafe fn insert_short(&self, run: Run) -> bool {
        let short = run.len < EXACT;
        if short {
            // SAFETY: of this run, which is in no list.
            unsafe { self.link(run.claim_node(), run.len) }
        }
        short
    }

    /// Takes `run` out of its bin.
    ///
    /// # Safety
    ///
    /// - `run` is in its bin.
    #[inline]
    pub(crate) unsafe fn remove(&self, run: Run) {
        // SAFETY: `insert` put it there, says the caller.
        unsafe { self.unlink(run.node()) }
    }

    /// Puts `new`, which ends where `old` ends, in the place of `old`.
    ///
    /// # Safety
    ///
    /// - As for removing `old`, then inserting `new`.
    #[inline]
    pub(crate) unsafe fn replace(&self, old: Run, new: Run) {
        // The node already leads to where both end.
        if !share_bin(old.len, new.len) {
            // SAFETY: the old run is in its bin, says the caller.
            unsafe { self.relink(old.node(), new.len) }
        }
    }

    /// The bin of the shortest run that holds `len` blocks, which are so few that
    /// each length has a bin of its own; only if it is not much longer.
    #[inline]
    pub(crate) fn near(&self, len: u32) -> Option<u32> {
        self.filled.first_near(len)
    }

    /// The same among all runs.
    #[inline]
    pub(crate) fn far(&self, len: u32) -> Option<u32> {
        self.filled.first_from(len)
    }

    /// The first run of `bin`, if it is not aside, and the least length with
    /// which it stays there.
    #[inline]
    pub(crate) fn first_plain(&self, bin: u32) -> Option<(Run, u32)> {
        let node = self.list(bin)?.first()?;
        // SAFETY: nodes are valid while they are in a bin.
        let least = unsafe { node.as_ref() }.least.get();
        // SAFETY: a node of a run whose books are there while it is in a bin.
        unsafe { Run::of_plain(node) }.map(|run| (run, least))
    }

    /// Takes the first run of `bin` out.
    #[inline]
    pub(crate) fn remove_first(&self, bin: u32) {
        if let Some(list) = self.list(bin)
            && let Some(node) = list.first()
        {
            // SAFETY: just asked for.
            let is_only = unsafe { list.after(node) }.is_none();
            // SAFETY: it is the list's first.
            unsafe { list.remove_first(node) }
            if is_only {
                self.filled.remove(bin);
            }
        }
    }

    /// Moves the first run of `bin` to where it belongs with its last `len` blocks.
    #[inline]
    pub(crate) fn move_first(&self, bin: u32, len: u32) {
        if let Some(list) = self.list(bin)
            && let Some(node) = list.first()
        {
            self.remove_first(bin);
            // SAFETY: of the run, and just taken out.
            unsafe { self.link(node, bin_of(len)) }
        }
    }

    /// A run for `len` blocks: one that `fits`, out of the bin where some do,
    /// or one of at least `sure` blocks, all of which do.
    pub(crate) fn find(&self, len: u32, sure: u32, fits: impl Fn(Run) -> bool) -> Option<Run> {
        let mut runs = self.runs(bin_of(len));
        for _ in 0..LOOKS {
            match runs.next() {
                Some(run) if fits(run) => return Some(run),
                Some(_) => {}
                None => break,
            }
        }
        self.runs(self.filled.first_from(bin_for(sure))?).next()
    }

    /// # Safety
    ///
    /// - `node` leads to a run of `bin`, and is in no list.
    #[inline]
    unsafe fn link(&self, node: NonNull<Node>, bin: u32) {
        if let Some(list) = self.list(bin) {
            let was_empty = list.first().is_none();
            // SAFETY: in no list; valid while it is in here.
            unsafe { list.push(node) }
            // SAFETY: a node of a free run, whose books stay while it is linked.
            unsafe { node.as_ref() }.least.set(least_of(bin));
            if was_empty {
                self.filled.insert(bin);
            }
        }
    }

    /// # Safety
    ///
    /// - `node` is linked.
    #[inline]
    unsafe fn unlink(&self, node: NonNull<Node>) {
        // SAFETY: linked nodes are valid.
        let bin = bin_of(unsafe { node.as_ref() }.least.get());
        if let Some(list) = self.list(bin) {
            // SAFETY: `link` put it into this list.
            unsafe { list.remove(node) }
            if list.first().is_none() {
                self.filled.remove(bin);
            }
        }
    }

    /// # Safety
    ///
    /// - `node` is linked, and leads to a run of `len` blocks.
    unsafe fn relink(&self, node: NonNull<Node>, len: u32) {
        // SAFETY: linked, says the caller.
        unsafe { self.unlink(node) }
        // SAFETY: just unlinked.
        unsafe { self.link(node, bin_of(len)) }
    }

    /// Every run, with the number of its bin.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Run)> {
        (0..COUNT).flat_map(|bin| self.runs(bin).map(move |run| (bin, run)))
    }

    /// Whether exactly the bins with runs are in the set.
    pub(crate) fn set_agrees(&self) -> bool {
        (0..COUNT).all(|bin| (self.filled.first_from(bin) == Some(bin)) == self.runs(bin).next().is_some())
    }

    #[inline]
    fn runs(&self, bin: u32) -> impl Iterator<Item = Run> {
        let list = self.list(bin);
        let first = list.and_then(List::first);
        // SAFETY: the iteration stays in this list.
        let nodes = core::iter::successors(first, move |&node| list.and_then(|list| unsafe { list.after(node) }));
        // SAFETY: nodes of runs whose books are there while they are in a bin.
        nodes.map(|node| unsafe { Run::of(node) })
    }

    #[inline]
    fn list(&self, bin: u32) -> Option<&List<Node>> {
        self.bins.get(bin as usize)
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use heap::vec::Vec;

    use super::*;
    use crate::raw::span::chunk::tests::Books;

    /// Bins with a run of each of `lens`, the books of it in the same order.
    fn bins(lens: &[u32]) -> (RunBins, Vec<(Books, Run)>) {
        let bins = RunBins::new();
        let runs = lens.iter().map(|&len| {
            let books = Books::new(len.max(2).wrapping_mul(2));
            let (run, rest) = books.chunk.whole().split(len);
            rest.mark_live();
            run.mark_free();
            // SAFETY: free, in no bin, and its books outlive the bins.
            unsafe { bins.insert(run) };
            (books, run)
        });
        let runs = runs.collect();
        (bins, runs)
    }

    #[test]
    fn the_shortest_fitting_bin_is_taken() {
        let (bins, _books) = bins(&[900, 3, 40, 7]);
        let found = [1, 3, 4, 8, 41, 900].map(|len| bins.find(len, len, |run| run.len >= len).map(|run| run.len));
        assert_eq!(found, [Some(3), Some(3), Some(7), Some(40), Some(900), Some(900)]);
        assert_eq!(bins.find(901, 901, |run| run.len >= 901), None);
        assert!(bins.set_agrees() && bins.iter().count() == 4);
    }

    #[test]
    fn a_removed_run_is_not_found() {
        let (bins, books) = bins(&[5, 5]);
        let [one, other] = [&books[0], &books[1]].map(|&(_, run)| run);
        // SAFETY: inserted above.
        unsafe { bins.remove(other) };
        assert_eq!(bins.find(1, 1, |_| true), Some(one));
        // SAFETY: inserted above.
        unsafe { bins.remove(one) };
        assert_eq!(bins.find(1, 1, |_| true), None);
        assert!(bins.set_agrees());
    }

    #[test]
    fn a_run_gets_shorter_and_longer_at_its_front() {
        let (bins, books) = bins(&[40, 9]);
        let (_, whole) = books[0];
        let mut now = whole;
        for len in [39, 36, 35, 9, 8, 1, 30, 40] {
            let new = whole.split(40 - len).1;
            new.mark_free();
            // SAFETY: `now` is in its bin, and `new` ends where it ends.
            unsafe { bins.replace(now, new) }
            now = new;
            assert!(bins.set_agrees() && bins.iter().all(|(bin, run)| bin == bin_of(run.len)));
            assert!(bins.iter().any(|(_, run)| run == now) && bins.iter().count() == 2);
        }
    }

    #[test]
    fn a_short_fit_is_found_without_a_look() {
        let (bins, _books) = bins(&[3, 17]);
        let found = [1, 3, 4, 15].map(|len| {
            let (run, least) = bins.first_plain(bins.near(len)?)?;
            Some((run.len, least))
        });
        assert_eq!(found, [Some((3, 3)), Some((3, 3)), Some((17, 16)), Some((17, 16))]);
    }

    #[test]
    fn a_run_that_is_not_sure_to_fit_is_looked_at() {
        let (bins, _books) = bins(&[16]);
        assert_eq!(bins.find(16, 31, |_| false), None);
        assert_eq!(bins.find(16, 31, |_| true).map(|run| run.len), Some(16));
    }

    #[test]
    fn no_more_than_a_few_runs_are_looked_at() {
        let (bins, _books) = bins(&[64; 100]);
        let looks = Cell::new(0_usize);
        let found = bins.find(65, 65, |_| {
            looks.set(looks.get().wrapping_add(1));
            false
        });
        assert_eq!((found, looks.get()), (None, LOOKS));
    }
}

//! [`IndexStack`]: a stack of numbers that any thread pushes and pops, without
//! a lock.
//!
//! ```text
//! head  [ tag | 3 ]          one word, replaced as a whole
//!              │
//! links   0    ▼ 3      5
//!       [ … ][ 5 ][ … ][ none ]      atomics that the owner keeps for as long as the stack
//! ```
//!
//! | | |
//! |---|---|
//! | time | one compare-exchange, again whenever another thread was faster |
//! | space | one word, and a link for each number |
//! | sharing | any thread, any time |
//!
//! A pop reads the link of the number on top, and then puts that link in the
//! number's place: if the head is still what it was. The number on top may be
//! the same, and what is below another one, when others popped two numbers and
//! pushed the first again in between (ABA). So each pop counts the tag on, and a
//! head that was there before is not there again until the tag has wrapped
//! around: after 2 to the power of `TAG_BITS` pops within one pop of another
//! thread.
//!
//! A link is an atomic of its own, never a part of what the numbers stand for:
//! a slow pop may read the link of a number that another thread has popped since
//! then. What it reads is useless, and the tag says so; but it has to be allowed.
//!
//! Treiber, "Systems Programming: Coping with Parallelism", 1986.

use core::iter;

use crate::sync::{
    atomic::{AtomicU32, AtomicU64, Ordering},
    const_unless_loom,
    interleave::interleave,
    spin::back_off,
};

/// No number: what the link of the lowest one holds.
pub(crate) const NONE: u32 = u32::MAX;

/// How far the tag lies above the number.
const INDEX_BITS: u32 = 32;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;
/// One more in the tag.
const TAG: u64 = 1 << INDEX_BITS;

/// Another thread was faster.
#[derive(Debug)]
struct Late;

/// Numbers below [`NONE`], the last one pushed on top; see the [module](self).
///
/// Fewer bits than 32 in the tag are for tests: the tag wraps around sooner.
#[derive(Debug)]
pub(crate) struct IndexStack<const TAG_BITS: u32 = 32> {
    /// The tag above the number on top.
    head: AtomicU64,
}

impl<const TAG_BITS: u32> IndexStack<TAG_BITS> {
    const TAG_MASK: u64 = {
        assert!(TAG_BITS <= u64::BITS - INDEX_BITS, "a tag has the upper half of the word at most");
        (1_u64 << INDEX_BITS << TAG_BITS).wrapping_sub(TAG)
    };

    const_unless_loom! {
        /// An empty stack.
        pub(crate) fn new() -> Self {
            Self { head: AtomicU64::new(INDEX_MASK) }
        }
    }

    /// Puts `index`, whose link is `link`, on top.
    ///
    /// Nobody else may write to the link until it is popped, so a number is in
    /// the stack at most once.
    #[inline]
    pub(crate) fn push(&self, index: u32, link: &AtomicU32) {
        if self.try_push(index, link).is_err() {
            self.push_again(index, link);
        }
    }

    #[inline]
    fn try_push(&self, index: u32, link: &AtomicU32) -> Result<(), Late> {
        // Relaxed: the number below is only copied, nothing of it is looked at.
        let head = self.head.load(Ordering::Relaxed);
        // Relaxed: published by the exchange.
        link.store(top(head), Ordering::Relaxed);
        interleave();
        // Release: who pops `index` sees the link, and what its last owner did.
        // Pairs with Acquire in `try_pop`, through any exchanges in between.
        let new = with_top(head, index);
        let pushed = self.head.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed);
        pushed.map(drop).map_err(|_| Late)
    }

    /// [`push`](Self::push), after another thread was faster: apart, so that the
    /// usual way keeps nothing for it.
    #[cold]
    #[inline(never)]
    fn push_again(&self, index: u32, link: &AtomicU32) {
        let mut rounds = back_off(1);
        while self.try_push(index, link).is_err() {
            rounds = back_off(rounds);
        }
    }

    /// Takes the number on top, for which `locate` finds the link and whatever
    /// the caller wants to know of it.
    ///
    /// `locate` is asked for numbers that are or were in the stack. What it says
    /// of one that another thread pops meanwhile is thrown away.
    #[inline]
    pub(crate) fn pop<'a, T>(&self, locate: impl Fn(u32) -> (&'a AtomicU32, T)) -> Option<T> {
        self.try_pop(&locate).unwrap_or_else(|Late| self.pop_again(&locate))
    }

    #[inline]
    fn try_pop<'a, T>(&self, locate: &impl Fn(u32) -> (&'a AtomicU32, T)) -> Result<Option<T>, Late> {
        // Acquire: sees what was done before the push of the number on top; pairs
        // with Release in `try_push`. A pop in between need not be Release: it is an
        // exchange, so what it leaves belongs to that push.
        let head = self.head.load(Ordering::Acquire);
        let index = top(head);
        if index == NONE {
            return Ok(None);
        }
        let (link, found) = locate(index);
        // Relaxed: the link of a number in the stack was seen by Acquire; that
        // of any other is not used, as the tag has changed.
        let next = link.load(Ordering::Relaxed);
        interleave();
        let new = with_top(head.wrapping_add(TAG) & Self::TAG_MASK, next);
        // Acquire: as above; the exchange may see a later push of the same number.
        let popped = self.head.compare_exchange_weak(head, new, Ordering::Acquire, Ordering::Relaxed);
        popped.map(|_| Some(found)).map_err(|_| Late)
    }

    /// [`pop`](Self::pop), after another thread was faster; apart as well.
    #[cold]
    #[inline(never)]
    fn pop_again<'a, T>(&self, locate: &impl Fn(u32) -> (&'a AtomicU32, T)) -> Option<T> {
        let mut rounds = 1;
        loop {
            rounds = back_off(rounds);
            if let Ok(popped) = self.try_pop(locate) {
                return popped;
            }
        }
    }

    /// The numbers from the top, as long as nobody else uses the stack; else some
    /// numbers, perhaps without an end.
    pub(crate) fn iter<'a>(&self, link: impl Fn(u32) -> &'a AtomicU32) -> impl Iterator<Item = u32> {
        let some = |index| Some(index).filter(|&index| index != NONE);
        // Acquire: as in `try_pop`.
        let first = some(top(self.head.load(Ordering::Acquire)));
        iter::successors(first, move |&index| some(link(index).load(Ordering::Relaxed)))
    }

    /// Forgets all numbers.
    pub(crate) fn clear(&mut self) {
        // Relaxed: nobody else is here. The tag goes on.
        let head = self.head.load(Ordering::Relaxed);
        self.head.store(with_top(head, NONE), Ordering::Relaxed);
    }
}

/// The number in `head`.
#[inline]
fn top(head: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    let index = head as u32;
    index
}

/// `head` with another number.
#[inline]
fn with_top(head: u64, index: u32) -> u64 {
    (head & !INDEX_MASK) | u64::from(index)
}

#[cfg(not(any(loom, shuttle)))]
#[cfg(test)]
mod tests {
    use core::{array, time::Duration};
    use std::{thread, time::Instant};

    use heap::vec::Vec;

    use super::*;
    use crate::sync::{atomic::AtomicBool, interleave::yields};

    /// A stack of the numbers below `N`, and who has popped which.
    struct Numbers<const N: usize, const TAG_BITS: u32> {
        stack: IndexStack<TAG_BITS>,
        links: [AtomicU32; N],
        taken: [AtomicBool; N],
    }

    impl<const N: usize, const TAG_BITS: u32> Numbers<N, TAG_BITS> {
        fn new() -> Self {
            let numbers = Self {
                stack: IndexStack::new(),
                links: array::from_fn(|_| AtomicU32::new(NONE)),
                taken: array::from_fn(|_| AtomicBool::new(true)),
            };
            (0..N).rev().for_each(|number| numbers.push(u32::try_from(number).unwrap()));
            numbers
        }

        fn link(&self, index: u32) -> &AtomicU32 {
            &self.links[index as usize]
        }

        /// The number popped, or that it was popped twice.
        fn pop(&self) -> Option<Result<u32, u32>> {
            let index = self.stack.pop(|index| (self.link(index), index))?;
            let was_taken = self.taken[index as usize].swap(true, Ordering::Relaxed);
            Some(if was_taken { Err(index) } else { Ok(index) })
        }

        fn push(&self, index: u32) {
            self.taken[index as usize].store(false, Ordering::Relaxed);
            self.stack.push(index, self.link(index));
        }

        fn all(&self) -> Vec<u32> {
            self.stack.iter(|index| self.link(index)).take(N.wrapping_add(1)).collect()
        }
    }

    #[test]
    fn the_last_number_pushed_is_the_first_one_popped() {
        let mut numbers = Numbers::<4, 32>::new();
        assert_eq!(numbers.all(), [0, 1, 2, 3]);
        assert_eq!((numbers.pop(), numbers.pop()), (Some(Ok(0)), Some(Ok(1))));
        numbers.push(0);
        assert_eq!(numbers.all(), [0, 2, 3]);
        numbers.stack.clear();
        assert_eq!(numbers.pop(), None);
    }

    /// The worked example of the documentation of `ConcurrentBlockPool`: A is on top
    /// of B, a thread has read both and sleeps, others pop A, pop B, push A.
    fn aba<const TAG_BITS: u32>(pops: u32) -> bool {
        let numbers = Numbers::<3, TAG_BITS>::new();
        let asleep = numbers.stack.head.load(Ordering::Relaxed);
        let (a, b) = (top(asleep), numbers.link(top(asleep)).load(Ordering::Relaxed));
        assert_eq!((numbers.pop(), numbers.pop()), (Some(Ok(a)), Some(Ok(b))));
        numbers.push(a);
        (2..pops).for_each(|_| {
            assert_eq!(numbers.pop(), Some(Ok(a)));
            numbers.push(a);
        });
        // The sleeper wakes up, as far through `pop` as `interleave`.
        let new = with_top(asleep.wrapping_add(TAG) & IndexStack::<TAG_BITS>::TAG_MASK, b);
        let relaxed = Ordering::Relaxed;
        let is_fooled = numbers.stack.head.compare_exchange(asleep, new, relaxed, relaxed).is_ok();
        // Now B is on top, which somebody has.
        assert_eq!(is_fooled, numbers.pop() == Some(Err(b)));
        is_fooled
    }

    #[test]
    fn aba_hands_a_number_out_twice_without_a_tag() {
        assert!(aba::<0>(2));
        assert!(!aba::<32>(2));
    }

    #[test]
    fn a_tag_of_two_bits_is_fooled_by_four_pops_and_by_no_fewer() {
        assert_eq!([2, 3, 4, 5, 6, 7, 8].map(aba::<2>), [false, false, true, false, false, false, true]);
    }

    /// Whether threads that pop and push, stopping at the worst places, pop what
    /// another has, or lose a number, before the time is over.
    fn goes_wrong<const TAG_BITS: u32>(patience: Duration) -> bool {
        let numbers = Numbers::<4, TAG_BITS>::new();
        let (found, start) = (AtomicBool::new(false), Instant::now());
        let work = |seed| {
            let mut own = Vec::new();
            while !found.load(Ordering::Relaxed) && start.elapsed() < patience {
                for round in 0..64_u32 {
                    // Two popped, then one pushed, then the other: A, B, A.
                    if (round ^ seed) & 2 == 0 {
                        match numbers.pop() {
                            Some(Ok(number)) => own.push(number),
                            Some(Err(_)) => found.store(true, Ordering::Relaxed),
                            None => {}
                        }
                    } else if !own.is_empty() {
                        numbers.push(own.remove(0));
                    }
                    if found.load(Ordering::Relaxed) {
                        // The links may be a loop now, and numbers be lost.
                        return;
                    }
                }
            }
            own.into_iter().for_each(|number| numbers.push(number));
        };
        thread::scope(|scope| (1..=4).for_each(|seed| drop(scope.spawn(move || yields::during(seed, || work(seed))))));
        found.into_inner() || numbers.all().len() != 4
    }

    #[test]
    fn stopping_threads_find_the_bug_when_the_tag_is_removed() {
        assert!(goes_wrong::<0>(Duration::from_secs(60)));
    }

    #[test]
    fn stopping_threads_find_nothing_with_the_tag() {
        assert!(!goes_wrong::<32>(Duration::from_secs(2)));
    }
}

#[cfg(all(test, loom))]
mod models {
    use loom::{
        model::Builder,
        sync::{Arc, atomic::AtomicBool},
        thread,
    };

    use super::*;

    /// Three numbers, 0 on top, and who has which.
    struct Three<const TAG_BITS: u32> {
        stack: IndexStack<TAG_BITS>,
        links: [AtomicU32; 3],
        taken: [AtomicBool; 3],
    }

    impl<const TAG_BITS: u32> Three<TAG_BITS> {
        fn new() -> Arc<Self> {
            let three = Self {
                stack: IndexStack::new(),
                links: core::array::from_fn(|_| AtomicU32::new(NONE)),
                taken: core::array::from_fn(|_| AtomicBool::new(true)),
            };
            [2, 1, 0].into_iter().for_each(|index| three.push(index));
            Arc::new(three)
        }

        fn at(index: u32) -> usize {
            usize::try_from(index).unwrap()
        }

        fn pop(&self) -> Option<u32> {
            let index = self.stack.pop(|index| (&self.links[Self::at(index)], index))?;
            let was_taken = self.taken[Self::at(index)].swap(true, Ordering::Relaxed);
            assert!(!was_taken, "two threads have one number");
            Some(index)
        }

        fn push(&self, index: u32) {
            self.taken[Self::at(index)].store(false, Ordering::Relaxed);
            self.stack.push(index, &self.links[Self::at(index)]);
        }
    }

    /// One thread pops twice; another pops two and pushes the first of them again, and
    /// then pops and pushes it so many times more. Whoever may sleep, may.
    fn aba<const TAG_BITS: u32>(more: u32) {
        let mut builder = Builder::new();
        // The sleeper is interrupted once; more are for the times it is not he.
        builder.preemption_bound = Some(2);
        builder.check(move || {
            let three = Three::<TAG_BITS>::new();
            let other = {
                let three = Arc::clone(&three);
                thread::spawn(move || {
                    let (first, second) = (three.pop(), three.pop());
                    first.into_iter().for_each(|index| three.push(index));
                    (0..more).for_each(|_| three.pop().into_iter().for_each(|index| three.push(index)));
                    second
                })
            };
            let own = [three.pop(), three.pop()];
            let other = other.join().unwrap();
            let mut all: heap::vec::Vec<_> = own.into_iter().chain([other]).flatten().collect();
            all.extend(iter::from_fn(|| three.pop()));
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2], "a number is lost");
        });
    }

    #[test]
    #[should_panic(expected = "two threads have one number")]
    fn without_a_tag_the_model_hands_a_number_out_twice() {
        aba::<0>(0);
    }

    #[test]
    fn with_the_tag_no_number_is_lost_or_handed_out_twice() {
        aba::<32>(0);
    }

    #[test]
    fn a_tag_of_two_bits_lasts_for_three_pops_of_others() {
        aba::<2>(1);
    }

    /// The fourth pop has the tag that the sleeper has read.
    #[test]
    #[should_panic(expected = "two threads have one number")]
    fn a_tag_of_two_bits_is_fooled_by_four_pops_of_others() {
        aba::<2>(2);
    }
}

#[cfg(all(test, shuttle))]
mod schedules {
    use heap::sync::Arc;
    use shuttle::thread;

    use super::*;
    use crate::sync::atomic::AtomicBool;

    /// Three threads pop two numbers each and push them again, of four that there are.
    fn pop_and_push<const TAG_BITS: u32>() {
        type Numbers<const TAG_BITS: u32> = (IndexStack<TAG_BITS>, [AtomicU32; 4], [AtomicBool; 4]);
        let numbers: Arc<Numbers<TAG_BITS>> = Arc::new((
            IndexStack::new(),
            core::array::from_fn(|_| AtomicU32::new(NONE)),
            core::array::from_fn(|_| AtomicBool::new(true)),
        ));
        let at = |index: u32| usize::try_from(index).unwrap();
        let push = move |(stack, links, taken): &Numbers<TAG_BITS>, index| {
            taken[at(index)].store(false, Ordering::SeqCst);
            stack.push(index, &links[at(index)]);
        };
        (0..4).for_each(|index| push(&numbers, index));
        let threads: heap::vec::Vec<_> = (0..3)
            .map(|_| {
                let numbers = Arc::clone(&numbers);
                thread::spawn(move || {
                    let (stack, links, taken) = &*numbers;
                    for _ in 0..2 {
                        let pop = || {
                            let index = stack.pop(|index| (&links[at(index)], index))?;
                            assert!(!taken[at(index)].swap(true, Ordering::SeqCst), "two threads have one number");
                            Some(index)
                        };
                        let own = [pop(), pop()];
                        own.into_iter().flatten().for_each(|index| push(&numbers, index));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn no_schedule_hands_a_number_out_twice() {
        shuttle::check_random(pop_and_push::<32>, 500);
    }

    #[test]
    #[should_panic(expected = "two threads have one number")]
    fn without_a_tag_a_schedule_hands_a_number_out_twice() {
        // It stops at the first.
        shuttle::check_random(pop_and_push::<0>, 5000);
    }
}

//! [`CountedMail`]: blocks of one page that other threads free, and how many.
//!
//! ```text
//! word  [ blocks: 16 bits | the latest one, as a number: 16 bits ]
//!                                  │
//! page  [ · | a | · | b | · ]      └─► b ─► a ─► none
//! ```
//!
//! As a [`Mail`](super::mail), but the taker learns how many blocks arrived,
//! without walking through them: so whoever owns the page knows when all of it is
//! free. Head and count change together because they are one word, which has
//! room for both because a page has few blocks, and these have numbers.
//!
//! Whoever posts into empty mail is told so, and tells the owner. As long as
//! something is in the mail nobody else does: so the owner can be told by a link
//! in the page itself, in another mail.

use core::ptr::NonNull;

use super::{
    free_list::{FreeList, Link},
    mail::Parcel,
};
use crate::sync::{
    atomic::{AtomicU32, Ordering},
    interleave::interleave,
};

/// Blocks lie at multiples of this, counted from the start of their page.
pub(crate) const GRAIN: usize = 16;

/// The count, and the number of the latest block plus one; zero when empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Word(u32);

impl Word {
    const EMPTY: Self = Self(0);

    /// `more` blocks, of which the latest lies `offset` bytes into the page.
    #[expect(clippy::cast_possible_truncation, reason = "a page is shorter than so many grains")]
    const fn with(self, more: usize, offset: usize) -> Self {
        let count = self.count().wrapping_add(more as u32);
        Self(count << 16 | ((offset / GRAIN) as u32).wrapping_add(1))
    }

    const fn count(self) -> u32 {
        self.0 >> 16
    }

    /// Where the latest block lies.
    const fn offset(self) -> Option<usize> {
        match (self.0 & 0xFFFF).checked_sub(1) {
            Some(number) => Some((number as usize).wrapping_mul(GRAIN)),
            None => None,
        }
    }
}

/// Where freed blocks of one page arrive; see the [module](self).
///
/// Zero bytes are one that is empty.
#[derive(Debug)]
pub(crate) struct CountedMail {
    word: AtomicU32,
}

impl CountedMail {
    /// Nothing has arrived.
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Self { word: AtomicU32::new(0) }
    }

    /// Posts all of `parcel`; whether nothing was waiting before.
    ///
    /// # Safety
    ///
    /// - The blocks of `parcel` lie in the page at `page`, at multiples of
    ///   [`GRAIN`], fewer than 2^16 of them since the last take, within 2^20 bytes.
    pub(crate) unsafe fn post(&self, page: NonNull<u8>, parcel: Parcel) -> bool {
        let Some((first, last)) = parcel.ends() else { return false };
        let offset = first.addr().get().wrapping_sub(page.addr().get());
        // Relaxed: only compared; the exchange decides.
        let mut word = Word(self.word.load(Ordering::Relaxed));
        loop {
            // SAFETY: as the word says, in this page.
            let next = word.offset().map(|offset| unsafe { page.add(offset) }.cast::<Link>());
            // SAFETY: the last block of the parcel, which is still ours.
            unsafe { last.write(Link { next }) }
            interleave();
            let posted = word.with(parcel.len(), offset);
            // Release: publishes links and contents; pairs with Acquire in `take`,
            // also for what was posted before. Acquire: who finds it empty after a
            // take may use the page's link, which the taker was done with before;
            // pairs with Release in `take`. Relaxed: a refusal has told nothing.
            match self.word.compare_exchange_weak(word.0, posted.0, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return word == Word::EMPTY,
                Err(now) => word = Word(now),
            }
        }
    }

    /// Takes everything that has arrived, and its number.
    ///
    /// # Safety
    ///
    /// - `page` is the page of all that was posted.
    pub(crate) unsafe fn take(&self, page: NonNull<u8>) -> (FreeList, u32) {
        // Acquire: sees links and contents; pairs with Release in `post`. Release:
        // what was done before is done when the next one finds the mail empty.
        let word = Word(self.word.swap(Word::EMPTY.0, Ordering::AcqRel));
        // SAFETY: as the word says, in this page.
        let head = word.offset().map(|offset| unsafe { page.add(offset) }.cast::<Link>());
        // SAFETY: all that was posted is a chain of such blocks, and ours now.
        (unsafe { FreeList::of_chain(head) }, word.count())
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_word_holds_every_count_and_place_of_a_page() {
        let mut word = Word::EMPTY;
        assert_eq!((word.count(), word.offset()), (0, None));
        for (count, offset) in (1..=4096).zip((0..65_536).step_by(GRAIN)) {
            word = word.with(1, offset);
            assert_eq!((word.count(), word.offset()), (count, Some(offset)));
        }
    }

    #[test]
    fn what_is_taken_is_all_that_was_posted_and_its_number() {
        let mut page = [0_u128; 8];
        let page = NonNull::from(&mut page).cast::<u8>();
        let mail = CountedMail::new();
        let post = |blocks: &[usize]| {
            let parcel = Parcel::new();
            for block in blocks {
                // SAFETY: inside of the page.
                let block = unsafe { page.add(block * GRAIN) };
                // SAFETY: room for a link, and in no list.
                unsafe { parcel.push(block) }
            }
            // SAFETY: blocks of this page.
            unsafe { mail.post(page, parcel) }
        };
        assert!(post(&[3, 0]), "nothing was waiting");
        assert!(!post(&[7]), "something was");
        // SAFETY: that page.
        let (list, count) = unsafe { mail.take(page) };
        assert_eq!(count, 3);
        for block in [7, 0, 3] {
            // SAFETY: inside of the page.
            assert_eq!(list.pop(), Some(unsafe { page.add(block * GRAIN) }));
        }
        assert!(list.is_empty());
        // SAFETY: that page.
        assert_eq!(unsafe { mail.take(page) }.1, 0);
    }
}

#[cfg(all(test, loom))]
mod models {
    use heap::boxed::Box;

    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;
    use crate::{
        raw::mail::Mail,
        sync::{Lock, SpinLock},
    };

    /// Blocks of a page; loom watches what is written in them.
    #[repr(C)]
    struct Block {
        link: usize,
        text: UnsafeCell<u32>,
    }

    /// A page and its owner's notices.
    struct Slab {
        page: NonNull<u8>,
        stride: usize,
        mail: CountedMail,
        link: Box<core::cell::UnsafeCell<Link>>,
        notices: Mail,
        /// What the owner found; the lock is what a heap changes hands by.
        found: UnsafeCell<u32>,
        owner: SpinLock,
    }

    // SAFETY: what the models are about.
    unsafe impl Send for Slab {}
    // SAFETY: as above.
    unsafe impl Sync for Slab {}

    impl Slab {
        fn new(blocks: usize) -> Self {
            let stride = size_of::<Block>().next_multiple_of(GRAIN);
            let memory = Box::leak(heap::vec![0_u128; blocks * stride / 16].into_boxed_slice());
            let page = NonNull::from(memory).cast::<u8>();
            for number in 0..blocks {
                // SAFETY: inside of the memory, and aligned.
                let block = unsafe { page.add(number * stride) }.cast::<Block>();
                // SAFETY: as above.
                unsafe { block.write(Block { link: 0, text: UnsafeCell::new(0) }) }
            }
            Self {
                page,
                stride,
                mail: CountedMail::new(),
                link: Box::new(core::cell::UnsafeCell::new(Link::NONE)),
                notices: Mail::new(),
                found: UnsafeCell::new(0),
                owner: SpinLock::new(),
            }
        }

        /// Writes into blocks, frees them, and tells the owner.
        fn free(&self, numbers: &[usize]) {
            let parcel = Parcel::new();
            for number in numbers {
                // SAFETY: inside of the page.
                let block = unsafe { self.page.add(number * self.stride) };
                // SAFETY: written when the page was made; this thread has it.
                let text = unsafe { &block.cast::<Block>().as_ref().text };
                // SAFETY: loom tells if another thread looks at the same time.
                text.with_mut(|text| unsafe { *text = 1 });
                // SAFETY: room for a link.
                unsafe { parcel.push(block) }
            }
            // SAFETY: blocks of this page.
            if unsafe { self.mail.post(self.page, parcel) } {
                let notice = Parcel::new();
                // SAFETY: ours, since the mail was empty.
                unsafe { notice.push(NonNull::from(&*self.link).cast()) }
                self.notices.post(notice);
            }
        }

        /// Takes the mail, if there is a notice of it.
        fn collect(&self) {
            let notices = self.notices.take();
            while notices.pop().is_some() {
                // SAFETY: the page of all that was posted.
                let (blocks, count) = unsafe { self.mail.take(self.page) };
                assert_ne!(count, 0, "a notice of nothing");
                let mut walked = 0;
                while let Some(block) = blocks.pop() {
                    // SAFETY: a block of the page.
                    let text = unsafe { &block.cast::<Block>().as_ref().text };
                    // SAFETY: loom tells if it is still being written.
                    walked += text.with_mut(|text| unsafe { core::mem::take(&mut *text) });
                }
                assert_eq!(walked, count, "as many as the word says, each once");
                // SAFETY: loom tells if two collect at once.
                self.found.with_mut(|found| unsafe { *found += count });
            }
        }

        fn found(&self) -> u32 {
            // SAFETY: loom tells if someone collects at the same time.
            self.found.with(|found| unsafe { *found })
        }
    }

    #[test]
    fn what_two_threads_free_is_counted_once_and_noticed() {
        loom::model(|| {
            let slab = Arc::new(Slab::new(3));
            let others = [&[0, 1][..], &[2]].map(|numbers| {
                let slab = Arc::clone(&slab);
                thread::spawn(move || slab.free(numbers))
            });
            slab.collect();
            others.into_iter().for_each(|other| other.join().unwrap());
            slab.collect();
            assert_eq!(slab.found(), 3);
        });
    }

    #[test]
    fn what_is_freed_while_the_heap_changes_hands_is_found_by_either_owner() {
        loom::model(|| {
            let slab = Arc::new(Slab::new(2));
            let other = {
                let slab = Arc::clone(&slab);
                thread::spawn(move || {
                    slab.free(&[0]);
                    slab.free(&[1]);
                })
            };
            let second = {
                let slab = Arc::clone(&slab);
                thread::spawn(move || slab.owner.with(|| slab.collect()))
            };
            slab.owner.with(|| slab.collect());
            other.join().unwrap();
            second.join().unwrap();
            slab.collect();
            assert_eq!(slab.found(), 2);
        });
    }
}

//! [`Mail`]: blocks that any thread posts and one thread takes, all at once.
//!
//! ```text
//!  senders                           Mail                        receiver
//! Parcel [a ─► b] ── post ──► head ─► a ─► b ─► c ─► none ── take ──► FreeList
//! Parcel [c]      ── post ──►
//! ```
//!
//! There are three types because there are three sides: a [`Parcel`] is one
//! sender's, a [`Mail`] everyone's, and what was taken is an ordinary
//! [`FreeList`] of the receiver, which it takes from without another atomic
//! operation.
//!
//! Nobody ever takes a *single* block off the shared list, so nobody reads the
//! link of a block that may have gone: where a stack that pops has to defend
//! itself against a head that went and came back (ABA), here it does not
//! matter. The sender compares the head with what it wrote into its own link,
//! and if they are equal, the link is right, whatever happened in between.
//!
//! | | |
//! |---|---|
//! | time | a compare-exchange per parcel, however large; an exchange to take all |
//! | space | one word; the links are in the blocks |
//! | waiting | a sender repeats when another one was faster, the receiver never waits |
//!
//! No tail is kept: it could only be right if it changed with the head. Who wants
//! to append what it took takes it when its own list has run dry, or keeps both.
//! A parcel counts its blocks, for senders that send in batches and bound them.

use core::{cell::Cell, ptr, ptr::NonNull};

use super::free_list::{FreeList, Link};
use crate::sync::{
    atomic::{AtomicPtr, Ordering},
    const_unless_loom,
    interleave::interleave,
};

/// What one sender has gathered; see the [module](self).
///
/// Blocks of a parcel that is dropped are lost to everyone.
#[derive(Debug)]
pub(crate) struct Parcel {
    blocks: FreeList,
    /// The first block that was put in, and so the last of the list. None exactly
    /// when the parcel is empty.
    last: Cell<Option<NonNull<Link>>>,
    len: Cell<usize>,
}

impl Parcel {
    /// A parcel of nothing.
    pub(crate) const fn new() -> Self {
        Self { blocks: FreeList::new(), last: Cell::new(None), len: Cell::new(0) }
    }

    /// Puts `block` in.
    ///
    /// # Safety
    ///
    /// - `block` is valid for reads and writes of a [`Link`], and aligned for it,
    ///   on whichever thread takes it.
    /// - Nobody else uses those bytes until the block is taken and popped.
    pub(crate) unsafe fn push(&self, block: NonNull<u8>) {
        // SAFETY: valid and aligned for a link, and nobody else uses it, says the caller.
        unsafe { self.blocks.push(block) }
        if self.last.get().is_none() {
            self.last.set(Some(block.cast()));
        }
        self.len.update(|len| len.wrapping_add(1));
    }

    /// How many blocks it holds.
    #[cfg(any(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))), test))]
    pub(crate) const fn len(&self) -> usize {
        self.len.get()
    }

    /// The first block of its chain and the last one, unless it is empty.
    pub(super) const fn ends(&self) -> Option<(NonNull<Link>, NonNull<Link>)> {
        match (self.blocks.head(), self.last.get()) {
            (Some(first), Some(last)) => Some((first, last)),
            _ => None,
        }
    }

    /// All that is in it; what stays behind is a parcel of nothing.
    #[cfg(all(feature = "malloc", target_os = "linux", not(any(loom, shuttle, blockwork_no_os))))]
    pub(crate) fn take(&self) -> Self {
        let taken = Self::new();
        taken.blocks.swap(&self.blocks);
        taken.last.swap(&self.last);
        taken.len.swap(&self.len);
        taken
    }
}

/// Where parcels arrive; see the [module](self).
///
/// Invariant: the blocks of the chain from the head on are the mail's alone.
#[derive(Debug)]
pub(crate) struct Mail {
    head: AtomicPtr<Link>,
}

impl Mail {
    const_unless_loom! {
        /// Nothing has arrived.
        pub(crate) fn new() -> Self {
            Self { head: AtomicPtr::new(ptr::null_mut()) }
        }
    }

    /// Posts all of `parcel`; whether nothing was waiting before.
    ///
    /// Who posts into empty mail may be the one to tell the receiver.
    pub(crate) fn post(&self, parcel: Parcel) -> bool {
        let Some((first, last)) = parcel.ends() else { return false };
        // Relaxed: only compared; the exchange decides.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: the last block of the parcel, which is still ours.
            unsafe { last.write(Link { next: NonNull::new(head) }) }
            interleave();
            // Release: publishes links and contents; pairs with Acquire in
            // `take`, also for parcels posted before, as this goes on with what
            // they released. Relaxed: a refusal has published nothing.
            match self.head.compare_exchange_weak(head, first.as_ptr(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return head.is_null(),
                Err(now) => head = now,
            }
        }
    }

    /// Takes everything that has arrived, the latest parcel in front.
    pub(crate) fn take(&self) -> FreeList {
        // Relaxed: a hint. Mail that is seen later is taken later.
        if self.head.load(Ordering::Relaxed).is_null() {
            return FreeList::new();
        }
        // Acquire: sees links and contents; pairs with Release in `post`.
        let head = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        // SAFETY: all that was posted is a chain of such blocks, and now it is
        // ours alone: whoever asks next gets what is posted from here on.
        unsafe { FreeList::of_chain(NonNull::new(head)) }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use heap::vec::Vec;
    use std::thread;

    use super::*;

    /// A block, and what its sender wrote into it.
    #[repr(C)]
    struct Letter {
        link: [usize; 1],
        text: usize,
    }

    fn letters(count: usize) -> Vec<Letter> {
        (0..count).map(|text| Letter { link: [0], text }).collect()
    }

    fn texts(taken: &FreeList) -> Vec<usize> {
        // SAFETY: the letters of these tests live as long as the mail.
        core::iter::from_fn(|| taken.pop()).map(|block| unsafe { block.cast::<Letter>().read() }.text).collect()
    }

    fn parcel(letters: &mut [Letter]) -> Parcel {
        let parcel = Parcel::new();
        for letter in letters {
            // SAFETY: begins with room for a link, and used by nobody.
            unsafe { parcel.push(NonNull::from(letter).cast()) }
        }
        parcel
    }

    #[test]
    fn what_is_taken_is_all_that_was_posted() {
        let mail = Mail::new();
        let mut letters = letters(5);
        let (two, three) = letters.split_at_mut(2);
        assert_eq!(parcel(&mut []).len(), 0);
        assert!(mail.post(parcel(two)), "nothing was waiting");
        assert!(!mail.post(parcel(three)), "something was");
        assert_eq!(texts(&mail.take()), [4, 3, 2, 1, 0]);
        assert!(mail.take().is_empty());
    }

    #[test]
    fn an_empty_parcel_is_no_news() {
        let mail = Mail::new();
        assert!(!mail.post(Parcel::new()));
        assert!(mail.take().is_empty());
    }

    #[test]
    fn every_letter_arrives_once_whoever_posts_and_takes() {
        const SENDERS: usize = 3;
        const LETTERS: usize = if cfg!(miri) { 60 } else { 20_000 };
        let mail = &Mail::new();
        let mut all = letters(SENDERS * LETTERS);
        let mut arrived: Vec<usize> = thread::scope(|scope| {
            let senders: Vec<_> = all
                .chunks_mut(LETTERS)
                .map(|letters| {
                    // The address of the letters, which are this thread's.
                    let letters = letters.as_mut_ptr_range();
                    let range = letters.start.addr()..letters.end.addr();
                    let start = AtomicPtr::new(letters.start);
                    scope.spawn(move || {
                        let start = start.into_inner();
                        let count = (range.end - range.start) / size_of::<Letter>();
                        // SAFETY: the chunk is lent to this thread alone.
                        let letters = unsafe { core::slice::from_raw_parts_mut(start, count) };
                        // Parcels of one to seven, in turn.
                        let mut rest = letters;
                        let mut size = 1;
                        while !rest.is_empty() {
                            let (now, later) = rest.split_at_mut(size.min(rest.len()));
                            mail.post(parcel(now));
                            rest = later;
                            size = size % 7 + 1;
                        }
                    })
                })
                .collect();
            let mut arrived = Vec::new();
            while senders.iter().any(|sender| !sender.is_finished()) {
                arrived.extend(texts(&mail.take()));
            }
            arrived
        });
        arrived.extend(texts(&mail.take()));
        arrived.sort_unstable();
        assert!(arrived.into_iter().eq(0..SENDERS * LETTERS));
    }
}

#[cfg(all(test, loom))]
mod models {
    use heap::{boxed::Box, vec::Vec};

    use loom::{cell::UnsafeCell, sync::Arc, thread};

    use super::*;

    /// A block whose contents loom watches.
    #[repr(C)]
    struct Letter {
        link: usize,
        text: UnsafeCell<u32>,
    }

    /// Posts one parcel of new letters with these texts.
    fn send(mail: &Mail, texts: &[u32]) -> bool {
        let parcel = Parcel::new();
        for text in texts {
            let letter = Box::leak(Box::new(Letter { link: 0, text: UnsafeCell::new(0) }));
            // SAFETY: loom tells if another thread reads it at the same time.
            letter.text.with_mut(|place| unsafe { *place = *text });
            // SAFETY: begins with room for a link, and is this thread's.
            unsafe { parcel.push(NonNull::from(letter).cast()) }
        }
        mail.post(parcel)
    }

    fn receive(mail: &Mail) -> Vec<u32> {
        let taken = mail.take();
        core::iter::from_fn(|| taken.pop())
            .map(|block| {
                // SAFETY: leaked by `send`, and taken by nobody else.
                let letter = unsafe { Box::from_raw(block.cast::<Letter>().as_ptr()) };
                // SAFETY: loom tells if it is still being written.
                letter.text.with(|text| unsafe { *text })
            })
            .collect()
    }

    #[test]
    fn what_two_threads_post_while_one_takes_arrives_once() {
        loom::model(|| {
            let mail = Arc::new(Mail::new());
            let senders = [&[1, 2][..], &[3]].map(|texts| {
                let mail = Arc::clone(&mail);
                thread::spawn(move || send(&mail, texts))
            });
            let mut arrived = receive(&mail);
            let first: usize = senders.map(|sender| usize::from(sender.join().unwrap())).iter().sum();
            assert!(first >= 1, "someone found the mail empty");
            arrived.extend(receive(&mail));
            arrived.sort_unstable();
            assert_eq!(arrived, [1, 2, 3]);
        });
    }

    #[test]
    fn two_that_take_get_different_letters() {
        loom::model(|| {
            let mail = Arc::new(Mail::new());
            send(&mail, &[1]);
            let others = {
                let mail = Arc::clone(&mail);
                thread::spawn(move || {
                    send(&mail, &[2]);
                    receive(&mail)
                })
            };
            let mut arrived = receive(&mail);
            arrived.extend(others.join().unwrap());
            arrived.extend(receive(&mail));
            arrived.sort_unstable();
            assert_eq!(arrived, [1, 2]);
        });
    }
}

//! [`Outbox`]: blocks of other heaps, gathered before they are sent home.
//!
//! ```text
//! free ─► [ page | a ─► b ─► c ]   a parcel for each of some pages
//!         [ page | d ]
//!         [ none ]                 full, or in the way of another page: posted
//! ```
//!
//! A compare-exchange for every block takes longer than everything else about
//! freeing it; here it is one for up to [`PARCEL`] blocks. The price is that up
//! to `PLACES` × (`PARCEL` − 1) blocks wait with a thread that stops to free and to
//! allocate.

use core::{cell::Cell, ptr::NonNull};

use super::page::Page;
use crate::raw::mail::Parcel;

/// Pages with a parcel at a time.
const PLACES: usize = 64;

/// Blocks that a parcel is sent with.
const PARCEL: usize = 32;

/// The parcels of one thread; see the [module](self).
#[derive(Debug)]
pub(super) struct Outbox {
    places: [Place; PLACES],
}

#[derive(Debug)]
struct Place {
    page: Cell<Option<&'static Page>>,
    parcel: Parcel,
}

impl Place {
    fn send(&self) {
        if let Some(page) = self.page.take() {
            // SAFETY: `Outbox::put` gathers blocks of this page here.
            unsafe { page.post(self.parcel.take()) }
        }
    }
}

impl Outbox {
    pub(super) const fn new() -> Self {
        Self { places: [const { Place { page: Cell::new(None), parcel: Parcel::new() } }; PLACES] }
    }

    /// Gathers `block` for `page`.
    ///
    /// # Safety
    ///
    /// - `block` is a live block of `page`, and given up.
    pub(super) unsafe fn put(&self, page: &'static Page, block: NonNull<u8>) {
        let number = core::ptr::from_ref(page).addr() >> align_of::<Page>().trailing_zeros();
        let Some(place) = self.places.get(number % PLACES) else { return };
        if !place.page.get().is_some_and(|other| core::ptr::eq(page, other)) {
            place.send();
            place.page.set(Some(page));
        }
        // SAFETY: large enough for a link, as every block is, and given up.
        unsafe { place.parcel.push(block) }
        if place.parcel.len() >= PARCEL {
            place.send();
        }
    }

    /// Sends everything.
    pub(super) fn send_all(&self) {
        self.places.iter().for_each(Place::send);
    }
}

//! The conformance harness: every law of the contract over any allocator, in
//! one line; and the adversaries it uses, as ordinary parts.
//!
//! ```text
//! operations ─► part under test ─► adversary ─► Strict ─► std's System
//!      └──────► Model ◄── audit after each step ──┘
//! ```
//!
//! # Testing an allocator
//!
//! [`check_allocator!`](crate::check_allocator) makes a test of it. The part
//! gets a [`Parent`] to stand on and is put through every law: grants, empty and
//! impossible requests, each size with each alignment, random operations that
//! shrink, a parent that fails at each request, hands out dirty and barely
//! aligned memory in odd order, calls back, and checks every byte of what comes
//! back. Whether the part is a `Check`, `Census`, `Owns` or `Reset` is found by itself.
//!
//! ```
//! use core::{alloc::Layout, ptr::NonNull};
//! use blockwork::{AllocError, Allocate, suite, testing::Law};
//!
//! /// Grants whole words.
//! struct Words<A>(A);
//!
//! fn inner(layout: Layout) -> Layout {
//!     let size = layout.size().checked_next_multiple_of(8);
//!     size.and_then(|size| Layout::from_size_align(size, layout.align()).ok()).unwrap_or(layout)
//! }
//!
//! // SAFETY: asks `A` for what it grants, with `inner` in every method.
//! unsafe impl<A: Allocate> Allocate for Words<A> {
//!     fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
//!         self.0.allocate(inner(layout))
//!     }
//!     unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
//!         // SAFETY: asked for with this very layout.
//!         unsafe { self.0.deallocate(block, inner(layout)) }
//!     }
//!     fn granted(&self, layout: Layout) -> usize {
//!         self.0.granted(inner(layout))
//!     }
//! }
//!
//! // In a test: `check_allocator!(words, |parent| Words(parent), .retains(0));`
//! suite!("words", |parent| Words(parent), .retains(0)).run();
//!
//! // What if `deallocate` forgot `inner`?
//! # struct Forgetful<A>(A);
//! # // SAFETY: broken on purpose.
//! # unsafe impl<A: Allocate> Allocate for Forgetful<A> {
//! #     fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
//! #         self.0.allocate(inner(layout))
//! #     }
//! #     unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
//! #         // SAFETY: wrong, and `Strict` sees it.
//! #         unsafe { self.0.deallocate(block, layout) }
//! #     }
//! #     fn granted(&self, layout: Layout) -> usize {
//! #         self.0.granted(inner(layout))
//! #     }
//! # }
//! let failure = suite!("forgetful", |parent| Forgetful(parent)).try_run().unwrap_err();
//! assert_eq!(failure.violation.law, Law::Layouts);
//! ```
//!
//! # What to say about a part
//!
//! The options of a [`Suite`] follow the part, as `.owns_spans().region()`:
//!
//! | option | for |
//! |---|---|
//! | [`owns_spans`](Suite::owns_spans) | strategies: dropped with live blocks, they leave nothing |
//! | [`region`](Suite::region) | parts that lose freed bytes until a reset |
//! | [`own_memory`](Suite::own_memory) | sources, and composites that contain one |
//! | [`not_reentrant`](Suite::not_reentrant) | parts with a lock |
//! | [`retains`](Suite::retains) | parts that keep at most so many bytes; 0 for all that only pass on |
//! | [`max_size`](Suite::max_size), [`max_align`](Suite::max_align) | parts that serve small blocks: aims the random operations |
//! | [`eager`](Suite::eager) | parts that take memory when they are built |
//! | [`irregular`](Suite::irregular) | parts that keep blocks by chance |
//!
//! A part that borrows a region gets one from [`Parent::region`]; a parent can
//! be copied, for two children over one parent:
//!
//! ```no_run
//! use core::alloc::Layout;
//! use blockwork::{Buffer, check_allocator};
//!
//! check_allocator!(buffer, |parent| Buffer::new(parent.region(Layout::new::<[u64; 512]>())), .region());
//! ```
//!
//! # Pairs
//!
//! A part that keeps the laws alone may still break them over another.
//! [`check_allocators!`](crate::check_allocators) takes a list and tests each part
//! alone and over each other, with a smaller workload; [`pairs`] makes such suites
//! from any list, and [`Suite::over`] stacks any two, and that again.
//!
//! ```
//! use blockwork::{suite, testing::{Misaligned, Shuffled}};
//!
//! let misaligned = suite!("misaligned", |parent| Misaligned::new(parent));
//! let shuffled = suite!("shuffled", |parent| Shuffled::new(parent, 1), .irregular());
//! misaligned.over(&shuffled).run();
//! ```
//!
//! # When it fails
//!
//! The message names the part, the law, the scenario and, for a sequence, the
//! shortest one that was found; [`Suite::replay`] runs it again. A bug may also
//! end the process; `cargo test NAME -- --nocapture` then shows what ran last.
//! A run repeats: random cases depend on fixed seeds, and on the number in the
//! environment variable `BLOCKWORK_SEED`, for those who want others. Under
//! `AddressSanitizer` set `ASAN_OPTIONS=allocator_may_return_null=1`: the harness
//! asks for sizes that no allocator has.
//!
//! # Books
//!
//! Where a part is a [`Check`](crate::Check), its books are walked after every
//! single call that the harness makes, and so are those of its parents.
//! [`Audited`] does the same in a program of yours, in debug builds.
//!
//! # Threads
//!
//! [`send_sync!`](crate::send_sync) is a table of what is `Send` and `Sync`.

pub mod audited;
mod bytes;
mod conformance;
pub mod failing;
mod law;
pub mod misaligned;
pub mod model;
pub mod ops;
pub mod reentrant;
pub mod send_sync;
mod session;
pub mod shuffled;
pub mod strict;
mod subject;

pub use self::{
    audited::Audited,
    conformance::{Suite, pairs},
    failing::{Failing, When},
    law::{Failure, Law, Violation},
    misaligned::Misaligned,
    model::Model,
    ops::{Op, Pick, SLOTS, Shape},
    reentrant::Reentrant,
    send_sync::{Bound, Local, Nothing, Shared, Tied},
    shuffled::Shuffled,
    strict::{Fault, Strict, Wrong},
    subject::{Parent, Part, Subject, Tested},
};
#[doc(hidden)]
pub use self::{
    send_sync::{NotSend, NotSync, Threads},
    subject::{Home, Incapable, Probe},
};

//! Replaying a recording through many allocators, each in a process of its own.
//!
//! ```text
//! Trace ─► Script (a file of fixed-size steps, handed down as stdin)
//!              │
//!   runner ────┼─► child: one candidate, one image, measured   ─► peak, waste, requests
//!              ├─► child: one candidate, one image, timed      ─► nanoseconds
//!              └─► child: the null allocator, timed            ─► what the driver costs
//! ```
//!
//! One thread and recorded order, or all threads. Every block is touched as a program would: its
//! first word, each page and its last byte when it begins, its first word when
//! it ends. What was written is compared, so that an allocator that hands out
//! the same bytes twice is caught and not ranked.
//!
//! | part | knows |
//! |---|---|
//! | [`script`] | what a recording asks for, and how much memory that takes at least |
//! | [`call`] | the same by thread |
//! | [`play`] | one replay, by one thread or by many |
//! | [`driver`] | how to play steps through one heap; all `unsafe` is there |
//! | [`books`] | what is held, granted and asked for at the worst moment |
//! | [`curve`] | the same over time |
//! | [`atlas`] | which addresses blocks occupied over time |
//! | [`footprint`] | what the kernel knows: resident memory, page faults |
//! | [`latency`] | how long single calls take |
//! | [`composition`] | the library's allocators, by name |
//! | [`spec`] | the same, as somebody wrote it down |
//! | [`library`] | mallocs that can be preloaded |
//! | [`candidate`] | those, the machine's, and none |
//! | [`child`] | one process, one candidate |
//! | [`runner`] | the order of the processes |
//! | [`outcome`] | what all candidates did |
//! | [`memory`] | how much the machine can spare |

pub mod atlas;
pub mod books;
pub mod call;
pub mod candidate;
pub mod child;
pub mod composition;
pub mod counter;
pub mod curve;
pub mod driver;
pub mod footprint;
pub mod latency;
pub mod library;
pub mod memory;
pub mod outcome;
pub mod play;
pub mod runner;
pub mod script;
pub mod spec;
pub mod step;
#[cfg(test)]
pub mod testing;

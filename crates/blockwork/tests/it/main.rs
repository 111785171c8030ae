//! The one integration test binary: each module is a topic.

mod conformance;
mod pools;
mod send_sync;

//! The one integration test binary: each module is a topic.

mod conformance;
mod send_sync;

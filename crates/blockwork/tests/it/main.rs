//! The one integration test binary: each module is a topic.

mod conformance;
mod mutants;
mod send_sync;

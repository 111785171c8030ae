//! With the number of live objects, of what stands around a pool: what it costs must not depend on them.

use blockwork::{
    Beside, BlockOf, Checked, Counted, Fallback, Ignore, LastResort, Locked, Quota, Sampled, Scrubbed, SpinLock,
    System, ThreadCached,
};

use super::{
    Growth, TO_1E6, curves,
    live::churn,
    peers::{Alone, Around, Buffered},
};

pub(super) const GROWTHS: &[Growth] = &[Growth {
    name: "growth/around",
    operation: "replace a random one of the live blocks of 64 bytes, through a combinator around a BlockPool",
    axis: "live blocks",
    points: TO_1E6,
    curves: curves![
        "BlockPool alone" => churn::<Around<Alone>>,
        "Counted" => churn::<Around<Counted<Alone>>>,
        "Quota" => churn::<Around<Quota<Alone, usize>>>,
        "Scrubbed" => churn::<Around<Scrubbed<Alone>>>,
        "Sampled" => churn::<Around<Sampled<Alone, usize, ()>>>,
        "Checked" => churn::<Around<Checked<Alone, Ignore, Beside<System>>>>,
        "Fallback" => churn::<Around<Fallback<Buffered, Alone>>>,
        "LastResort" => churn::<Around<LastResort<Alone, Buffered>>>,
        "Locked" => churn::<Around<Locked<Alone, SpinLock>>>,
        "ThreadCached" => churn::<Around<ThreadCached<Locked<Alone, SpinLock>, BlockOf<64, 8>>>>,
    ],
}];

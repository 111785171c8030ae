//! What the tests of readers share.

use crate::trace::{Kind, Trace};

/// The recording in `file`.
pub fn read(file: impl AsRef<[u8]>) -> Trace {
    Trace::load(file.as_ref()).unwrap()
}

/// Its calls, without what text formats do not know.
pub fn ops(trace: &Trace) -> Vec<(Kind, u32, u64)> {
    trace.ops.iter().map(|op| (op.kind, op.slot, op.size)).collect()
}

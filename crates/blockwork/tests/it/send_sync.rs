//! Which public types may cross threads, over each kind of parent.

use blockwork::{
    Buffer, Null, System, send_sync,
    testing::{Audited, Bound, Failing, Local, Misaligned, Reentrant, Shared, Shuffled, Strict, Tied},
};
#[cfg(not(blockwork_no_os))]
use blockwork::{Guarded, Pages, PagesWith};

#[cfg(not(blockwork_no_os))]
send_sync! {
    Pages: Send, Sync;
    PagesWith: Send, Sync;
    Guarded: Send, Sync;
}

send_sync! {
    System: Send, Sync;
    Null: Send, Sync;
    Buffer<'static>: Send, !Sync;

    Audited<Shared>: Send, Sync;
    Audited<Local>: Send, !Sync;
    Audited<Bound>: !Send, Sync;
    Audited<Tied>: !Send, !Sync;

    Failing<Shared>: Send, !Sync;
    Failing<Local>: Send, !Sync;
    Failing<Bound>: !Send, !Sync;
    Failing<Tied>: !Send, !Sync;

    Misaligned<Shared>: Send, Sync;
    Misaligned<Local>: Send, !Sync;
    Misaligned<Bound>: !Send, Sync;
    Misaligned<Tied>: !Send, !Sync;

    Shuffled<Shared>: Send, !Sync;
    Shuffled<Local>: Send, !Sync;
    Shuffled<Bound>: !Send, !Sync;
    Shuffled<Tied>: !Send, !Sync;

    Reentrant<Shared>: !Send, !Sync;
    Strict: !Send, !Sync;
}

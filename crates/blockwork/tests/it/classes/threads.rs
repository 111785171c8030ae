//! Class 3: types that cross threads and must not, or may and do not.
//!
//! bump-scope 2.3.3 was `Send` whatever it stood on, and 2.4.1 raced on a flag; toolshed
//! shared cells, [RUSTSEC-2020-0136]; bumpalo's `Box` lost both traits to a change of
//! variance, and talc's users asked for them, [talc#54]. Each part has its table beside
//! it; here are what no part is.
//!
//! [RUSTSEC-2020-0136]: https://rustsec.org/advisories/RUSTSEC-2020-0136.html
//! [talc#54]: https://github.com/SFBdragon/talc/issues/54

use core::cell::Cell;
use std::sync::MutexGuard;

use blockwork::{
    List, Slice, Spool, System,
    notation::{Composed, ComposedSync, Composition},
    send_sync,
    typed::list::{Drain, ExtractIf, IntoIter, Slots, Splice},
};

type Guard = MutexGuard<'static, ()>;

fn chosen<T>(_: &mut T) -> bool {
    true
}

send_sync! {
    Composition: Send, Sync;
    Composed<'static>: !Send, !Sync;
    ComposedSync: Send, Sync;
    Spool: Send, Sync;

    List<Guard, System>: !Send, Sync;
    Slice<Guard, System>: !Send, Sync;
    IntoIter<Guard, System>: !Send, Sync;
    IntoIter<Cell<u8>, System>: Send, !Sync;
    Drain<'static, Guard, System>: !Send, Sync;
    Drain<'static, Cell<u8>, System>: Send, !Sync;
    Slots<'static, Guard, System>: !Send, Sync;
    Splice<'static, IntoIter<Guard, System>, System>: !Send, Sync;
    Splice<'static, IntoIter<Cell<u8>, System>, System>: Send, !Sync;
    Splice<'static, core::iter::Empty<*mut u8>, System>: !Send, !Sync;
    ExtractIf<'static, Guard, fn(&mut Guard) -> bool, System>: !Send, Sync;
    ExtractIf<'static, Cell<u8>, fn(&mut Cell<u8>) -> bool, System>: Send, !Sync;
    ExtractIf<'static, u8, *const u8, System>: !Send, !Sync;
}

#[test]
fn what_may_change_threads_does() {
    let mut list: List<u32, System> = (0..100).collect();
    std::thread::scope(|scope| {
        let taken = list.extract_if(10..20, chosen);
        scope.spawn(move || assert!(taken.eq(10..20)));
    });
    std::thread::scope(|scope| {
        let spliced = list.splice(..10, [1, 2]);
        scope.spawn(move || drop(spliced));
    });
    assert_eq!(list[..4], [1, 2, 20, 21]);
}

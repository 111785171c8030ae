//! A heap for many threads that pass blocks to one another: each keeps some for
//! itself, and blocks go home by the magazine, so threads rarely meet.
//!
//! ```text
//! thread 1 ─► [ magazines ] ─┐
//! thread 2 ─► [ magazines ] ─┴─► depot ─► Locked ─► Segregate ─ ≤ 1 KiB ─► SizeClasses over System
//!   no lock                                              └───── larger ──► System
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::error::Error;
use std::{sync::mpsc, thread};

use allocator_api2_02::{collections::TryReserveError, vec::Vec};
use blockwork::{Const, Locked, Quad, Segregate, SizeClasses, SlabHead, SlabPolicy, System, ThreadCached, UpTo, Valid};

type Small = SizeClasses<Quad<1024>, SlabHead<Const<65536>>, System>;
pub(crate) type Heap = ThreadCached<Locked<Segregate<UpTo<1024>, Small, System>>, Quad<1024>>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Heap>() == 1312, "docs/recipes.md says so");

const SLABS: Valid<SlabPolicy<Const<65536>>> = match (SlabPolicy { slab_size: Const, keep: 1 }).check() {
    Ok(policy) => policy,
    Err(error) => panic!("{}", error.rule),
};

/// 4 KiB of each size in each magazine, at most.
pub(crate) const fn heap() -> Heap {
    let shared = Segregate::new(UpTo, SizeClasses::new(System, SLABS), System);
    ThreadCached::new(Locked::new(shared), Quad, 4096)
}

static HEAP: Heap = heap();

type Message = Vec<u8, &'static Heap>;

/// A message of so many bytes, allocated where it is made.
fn message(len: usize) -> Result<Message, TryReserveError> {
    let mut text = Vec::new_in(&HEAP);
    text.try_reserve_exact(len)?;
    text.resize(len, 1);
    Ok(text)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    println!("state: {} bytes", size_of_val(&HEAP));
    let (send, receive) = mpsc::sync_channel::<Message>(100);
    let makers: [_; 2] = [100, 200].map(|len| {
        let send = send.clone();
        thread::spawn(move || (0..5000).all(|_| message(len).is_ok_and(|message| send.send(message).is_ok())))
    });
    drop(send);
    // What others have allocated is freed here, and finds its way back to them.
    let bytes: usize = receive.iter().map(|message| message.len()).sum();
    let are_done = makers.into_iter().all(|maker| maker.join().unwrap_or(false));
    println!("{bytes} bytes in messages; {}", if are_done { "all were sent" } else { "memory ran out" });
    HEAP.trim();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_too_large_is_an_error_for_its_maker_only() {
        assert!(message(isize::MAX as usize).is_err());
        assert_eq!(message(100).unwrap().len(), 100);
    }
}

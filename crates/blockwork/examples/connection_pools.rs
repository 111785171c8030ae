//! A pool of packets for each connection: it takes no lock for a packet, cannot
//! take more than its share, and ends with its connection; what it held serves
//! the next connection without a system call.
//!
//! ```text
//! connection 1 ─► BlockPool ─► Quota, 64 KiB ─┐
//! connection 2 ─► BlockPool ─► Quota, 64 KiB ─┴─► Locked ─► Memo, keeps 1 MiB ─► Pages
//!     a packet: no lock          16 KiB at a time: one lock
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::{alloc::Layout, error::Error, ptr::NonNull};
use std::thread;

use blockwork::{
    AllocError, Allocate, BlockOf, BlockPool, BlockPoolConfig, Chain, ChunkSize, ConfigError, Const, Locked, Memo,
    Pages, Quota,
};

/// What all connections share.
pub(crate) type Chunks = Locked<Memo<Pages>>;
/// What one of them has: 28 packets at most.
pub(crate) type Packets<'c> = BlockPool<Quota<&'c Chunks, Const<{ 64 << 10 }>>, BlockOf<2048>>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Packets<'_>>() == 88 && size_of::<Chunks>() == 1568, "docs/recipes.md says so");

static CHUNKS: Chunks = Locked::new(Memo::new(Pages, 1 << 20));

pub(crate) fn packets(chunks: &Chunks) -> Result<Packets<'_>, ConfigError> {
    BlockPool::try_new(chunks.capped(Const), BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Bytes(16 << 10) })
}

const LAYOUT: Layout = Layout::new::<[u8; 2048]>();

/// Serves one connection: packets arrive in reverse, `window` of them at a time, and
/// are kept until the first of them is there.
fn serve(window: u8, pool: &Packets<'_>) -> Result<usize, AllocError> {
    let mut kept: [Option<NonNull<u8>>; 256] = [None; 256];
    let mut outcome = Ok(0_usize);
    for (place, number) in kept.iter_mut().zip((0..window).rev()) {
        match pool.allocate(LAYOUT) {
            Ok(packet) => {
                // SAFETY: just allocated with this layout.
                unsafe { packet.write_bytes(number, LAYOUT.size()) };
                *place = Some(packet);
            }
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    for packet in kept.into_iter().flatten() {
        // SAFETY: written above.
        let number = unsafe { packet.read() };
        outcome = outcome.map(|sum| sum.wrapping_add(number.into()));
        // SAFETY: allocated above with this layout, and not used again.
        unsafe { pool.deallocate(packet, LAYOUT) };
    }
    outcome
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    println!("state: {} bytes, and {} for each connection", size_of::<Chunks>(), size_of::<Packets<'_>>());
    thread::scope(|scope| {
        for window in [4, 20, 28, 60] {
            scope.spawn(move || match packets(&CHUNKS).map(|pool| serve(window, &pool)) {
                Ok(Ok(sum)) => println!("window of {window:>2}: sum {sum}"),
                Ok(Err(AllocError)) => println!("window of {window:>2}: more than its share, closed"),
                Err(error) => println!("{error}"),
            });
        }
    });
    println!("{} bytes kept for the next connections", CHUNKS.with_parent(Memo::bytes_kept));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_wants_more_than_its_share_is_refused_and_others_are_not() {
        let chunks = Locked::new(Memo::new(Pages, 1 << 20));
        let (greedy, modest) = (packets(&chunks).unwrap(), packets(&chunks).unwrap());
        assert_eq!(serve(29, &greedy), Err(AllocError));
        assert_eq!(serve(28, &modest), Ok(27 * 28 / 2));
        assert_eq!(serve(28, &greedy), Ok(27 * 28 / 2));
    }

    #[test]
    fn what_a_connection_held_serves_the_next_one() {
        let chunks = Locked::new(Memo::new(Pages, 1 << 20));
        assert!(serve(28, &packets(&chunks).unwrap()).is_ok());
        assert_eq!(chunks.with_parent(Memo::bytes_kept), 64 << 10);
        let next = packets(&chunks).unwrap();
        assert!(serve(28, &next).is_ok());
        assert_eq!(chunks.with_parent(Memo::bytes_kept), 0);
    }
}

//! An editor that can still save when memory has run out: a reserve, put aside at
//! the start, serves what the heap cannot.
//!
//! ```text
//! request ─► Quota over the heap ─ ok ─► its block
//!                     └─────────── no ─► BlockPool in a Buffer: 32 blocks of 512 bytes
//!                                        one of them live? then it is time to save
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::{error::Error, mem::MaybeUninit};

use allocator_api2_02::{collections::TryReserveError, vec::Vec as VecIn};
use blockwork::{
    BlockOf, BlockPool, Buffer, Chain, ConfigError, Const, LastResort, Quad, Quota, Segregate, SizeClasses, SlabHead,
    SlabPolicy, System, UpTo,
};

/// Room for 32 blocks of 512 bytes, and for what the pool notes.
pub(crate) const RESERVE: usize = 32 * 512 + 16;

type Heap = Segregate<UpTo<1024>, SizeClasses<Quad<1024>, SlabHead<Const<16384>>, System>, System>;
pub(crate) type Editor<'r> = LastResort<Quota<Heap, Const<{ 64 << 10 }>>, BlockPool<Buffer<'r>, BlockOf<512>>>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Editor<'_>>() == 1392, "docs/recipes.md says so");

pub(crate) fn editor(reserve: &mut [MaybeUninit<u8>]) -> Result<Editor<'_>, ConfigError> {
    let small = SizeClasses::try_new(System, SlabPolicy { slab_size: Const, keep: 1 })?;
    let heap = Segregate::new(UpTo, small, System).capped(Const);
    Ok(heap.last_resort(BlockPool::try_new_all(Buffer::new(reserve), BlockOf)?))
}

type Line<'e> = VecIn<u8, &'e Editor<'e>>;

/// A line typed by the user.
fn line<'e>(text: &str, editor: &'e Editor<'e>) -> Result<Line<'e>, TryReserveError> {
    let mut line = VecIn::new_in(editor);
    line.try_reserve_exact(text.len())?;
    line.extend_from_slice(text.as_bytes());
    Ok(line)
}

/// Writes all lines, some hundred bytes at a time: that much the reserve has.
fn save(lines: &[Line<'_>], editor: &Editor<'_>, file: &mut impl std::io::Write) -> Result<(), Box<dyn Error>> {
    let mut page = VecIn::new_in(editor);
    page.try_reserve_exact(512)?;
    for line in lines {
        for &byte in line.iter().chain(b"\n") {
            page.push(byte);
            if page.len() == page.capacity() {
                file.write_all(&page)?;
                page.clear();
            }
        }
    }
    Ok(file.write_all(&page)?)
}

/// Types until memory is short, and saves. Says how many lines and bytes.
fn session(editor: &Editor<'_>) -> Result<(usize, usize), Box<dyn Error>> {
    let mut lines = Vec::with_capacity(10_000);
    while editor.reserve().blocks_live() == 0 {
        lines.push(line("the quick brown fox jumps over the lazy dog", editor)?);
    }
    let mut file = Vec::new();
    save(&lines, editor, &mut file)?;
    Ok((lines.len(), file.len()))
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut reserve = [MaybeUninit::uninit(); RESERVE];
    let editor = editor(&mut reserve)?;
    println!("state: {} bytes, and {RESERVE} put aside", size_of::<Editor<'_>>());
    for _ in 0..2 {
        let (lines, bytes) = session(&editor)?;
        println!("memory is short after {lines} lines; saved {bytes} bytes with what was put aside");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_reserve_is_used_up_too_it_is_an_error() {
        let mut reserve = [MaybeUninit::uninit(); RESERVE];
        let editor = editor(&mut reserve).unwrap();
        let lines: Vec<_> = (0..10_000).map_while(|_| line("some text", &editor).ok()).collect();
        assert_eq!((editor.reserve().blocks_live(), editor.primary().left()), (32, 0));
        drop(lines);
        assert_eq!((editor.reserve().blocks_live(), editor.primary().used()), (0, 0));
    }

    #[test]
    fn all_is_saved_when_the_heap_is_full_and_the_reserve_is_there_again() {
        let mut reserve = [MaybeUninit::uninit(); RESERVE];
        let editor = editor(&mut reserve).unwrap();
        let (lines, bytes) = session(&editor).unwrap();
        assert_eq!(bytes, 44 * lines);
        assert_eq!(editor.reserve().blocks_live(), 0);
    }
}

//! An audio thread that must not wait for memory: all its blocks are there before
//! it starts, and from then on nothing below it is asked for anything.
//!
//! ```text
//! start-up  BlockPool.prealloc(63) ─► Frozen ─► Pages, populated: no page is missing later
//! freeze()  ──────────────────────────────────────────────────────────────────────────────
//! callback  BlockPool: a block off its list, or Err ─ ✗ ─► Frozen
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::{alloc::Layout, error::Error, ptr::NonNull};
use std::thread;

use blockwork::{
    AllocError, Allocate, BlockOf, BlockPool, BlockPoolConfig, ChunkSize, Frozen, PageOptions, Pages, PagesWith,
};

/// Where the memory comes from, until it is frozen.
pub(crate) type Supply = Frozen<PagesWith>;
/// What the audio thread has.
pub(crate) type Voices<'s> = BlockPool<&'s Supply, BlockOf<1024, 64>>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Voices<'_>>() + size_of::<Supply>() == 85, "docs/recipes.md says so");

pub(crate) fn supply() -> Supply {
    let mut options = PageOptions::DEFAULT;
    options.populated = true;
    Frozen::new(Pages::with(options))
}

/// So many blocks, and what the pool notes, are 64 KiB.
const VOICES: usize = 63;

/// Room for so many voices, and never for more.
pub(crate) fn voices(supply: &Supply) -> Result<Voices<'_>, Box<dyn Error>> {
    let voices = BlockPool::try_new(supply, BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Bytes(64 << 10) })?;
    voices.prealloc(VOICES)?;
    supply.freeze();
    Ok(voices)
}

/// A sounding note: its samples lie in a block of the pool.
struct Voice<'p, 's> {
    samples: NonNull<[f32; 256]>,
    pool: &'p Voices<'s>,
}

impl<'p, 's> Voice<'p, 's> {
    const LAYOUT: Layout = Layout::new::<[f32; 256]>();

    fn start(pitch: f32, pool: &'p Voices<'s>) -> Result<Self, AllocError> {
        let samples = pool.allocate(Self::LAYOUT)?.cast();
        // SAFETY: just allocated with this layout.
        unsafe { samples.write([pitch; 256]) };
        Ok(Self { samples, pool })
    }

    fn mix(&self, out: &mut [f32; 256]) {
        // SAFETY: written by `start`, and the voice's own.
        let samples = unsafe { self.samples.as_ref() };
        for (out, sample) in out.iter_mut().zip(samples) {
            *out += sample;
        }
    }
}

impl Drop for Voice<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and not used again.
        unsafe { self.pool.deallocate(self.samples.cast(), Self::LAYOUT) };
    }
}

/// What the sound card calls: starts `notes` voices, mixes them, ends them. Who
/// finds no block is not heard; nobody waits. Says how many were heard.
fn callback(notes: u16, pool: &Voices<'_>, out: &mut [f32; 256]) -> usize {
    let mut sounding: [Option<Voice<'_, '_>>; 100] = [const { None }; 100];
    for (place, note) in sounding.iter_mut().zip(0..notes) {
        *place = Voice::start(f32::from(note), pool).ok();
    }
    sounding.iter().flatten().map(|voice| voice.mix(out)).count()
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let supply = supply();
    let pool = voices(&supply)?;
    println!("state: {} bytes", size_of_val(&pool).saturating_add(size_of_val(&supply)));
    let heard = thread::scope(|scope| {
        let audio = scope.spawn(move || {
            let mut out = [0.0; 256];
            [10, 63, 90, 20].map(|notes| callback(notes, &pool, &mut out))
        });
        audio.join()
    });
    println!("voices heard of 10, 63, 90 and 20: {:?}", heard.map_err(|_| "the audio thread panicked")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_started_the_pool_never_grows() {
        let supply = supply();
        let pool = voices(&supply).unwrap();
        let mut out = [0.0; 256];
        assert_eq!(callback(90, &pool, &mut out), VOICES);
        assert_eq!(callback(90, &pool, &mut out), VOICES);
        assert_eq!(pool.chunks(), 1);
    }
}

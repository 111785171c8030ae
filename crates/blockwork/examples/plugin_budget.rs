//! Plugins with a budget each, and one for all: who takes too much gets an error,
//! and takes nothing from the others but what all may have.
//!
//! ```text
//! images ─► Quota, 96 KiB ─┐
//! texts  ─► Quota, 96 KiB ─┴─► Quota, 128 KiB ─► Segregate ─ ≤ 1 KiB ─► SizeClasses over System
//!                                                     └───── larger ──► System
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::error::Error;

use allocator_api2_02::{collections::TryReserveError, vec::Vec};
use blockwork::{Chain, ConfigError, Const, Quad, Quota, Segregate, SizeClasses, SlabHead, SlabPolicy, System, UpTo};

type Heap = Segregate<UpTo<1024>, SizeClasses<Quad<1024>, SlabHead<Const<16384>>, System>, System>;
/// What all plugins together may have.
pub(crate) type Program = Quota<Heap>;
/// What one of them may have.
pub(crate) type Budget<'p> = Quota<&'p Program>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Program>() == 1304 && size_of::<Budget<'_>>() == 24, "docs/recipes.md says so");

pub(crate) fn program() -> Result<Program, ConfigError> {
    let small = SizeClasses::try_new(System, SlabPolicy { slab_size: Const, keep: 1 })?;
    Ok(Segregate::new(UpTo, small, System).capped(128 << 10))
}

pub(crate) fn budget(program: &Program) -> Budget<'_> {
    program.capped(96 << 10)
}

/// A plugin: so many records of 100 bytes.
fn plugin<'b>(records: usize, budget: &'b Budget<'b>) -> Result<Records<'b>, TryReserveError> {
    let mut all = Vec::new_in(budget);
    all.try_reserve_exact(records)?;
    for _ in 0..records {
        let mut record = Vec::new_in(budget);
        record.try_reserve_exact(100)?;
        record.resize(100, 7);
        all.push(record);
    }
    Ok(all)
}

type Records<'b> = Vec<Vec<u8, &'b Budget<'b>>, &'b Budget<'b>>;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let program = program()?;
    let (images, texts) = (budget(&program), budget(&program));
    println!("state: {} bytes, and {} for each plugin", size_of::<Program>(), size_of::<Budget<'_>>());
    for (image_records, text_records) in [(100, 100), (2000, 100), (600, 600)] {
        let image = plugin(image_records, &images);
        let text = plugin(text_records, &texts);
        println!(
            "images {}, texts {}: {} + {} of {} bytes",
            if image.is_ok() { "run" } else { "are refused" },
            if text.is_ok() { "run" } else { "are refused" },
            images.used(),
            texts.used(),
            program.limit(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_too_much_does_not_hurt_the_other() {
        let program = program().unwrap();
        let (images, texts) = (budget(&program), budget(&program));
        assert!(plugin(2000, &images).is_err());
        assert_eq!((program.used(), images.used()), (0, 0));
        assert!(plugin(100, &texts).is_ok());
    }

    #[test]
    fn both_within_their_budgets_can_be_too_much_for_the_program() {
        let program = program().unwrap();
        let (images, texts) = (budget(&program), budget(&program));
        let image = plugin(600, &images);
        assert!(image.is_ok());
        assert!(plugin(600, &texts).is_err());
        assert_eq!(texts.used(), 0);
        drop(image);
        assert!(plugin(600, &texts).is_ok());
    }
}

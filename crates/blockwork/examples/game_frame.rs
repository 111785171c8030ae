//! A game's memory for one frame: taken once, with all its pages, and forgotten
//! when the frame ends.
//!
//! ```text
//! frame  [ visible | labels | scope: pairs … ┊ … free … ]   Arena over populated Pages
//!                             ▲ ends with its pass
//! end    reset: the same bytes serve the next frame; none of their pages is missing
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::error::Error;

use blockwork::{AllocError, Arena, ArenaConfig, ArenaVec, Chain, ConfigError, Const, PageOptions, Pages, PagesWith};
use blockwork::{Quota, Region, Reset};

/// Spans of 256 KiB, four of them at most.
pub(crate) type Frame = Arena<Quota<PagesWith, Const<{ 1 << 20 }>>>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Frame>() == 88, "docs/recipes.md says so");

pub(crate) fn frame() -> Result<Frame, ConfigError> {
    let mut options = PageOptions::DEFAULT;
    options.populated = true;
    let spans = ArenaConfig { span_first: 256 << 10, span_max: 256 << 10, keep: usize::MAX };
    Arena::try_new(Pages::with(options).capped(Const), spans)
}

/// What lives longer than a frame.
#[derive(Clone, Copy)]
struct Sprite {
    at: (f32, f32),
    depth: u32,
}

/// One frame: who is visible, in which order, with what label, and who meets.
fn draw(sprites: &[Sprite], scroll: f32, frame: &mut Frame) -> Result<(usize, usize), AllocError> {
    let is_seen = |sprite: &&Sprite| (scroll..scroll + 100.0).contains(&sprite.at.0);
    frame.scope(|mut pass| {
        let mut visible = ArenaVec::new_in(&pass);
        for &sprite in sprites.iter().filter(is_seen) {
            visible.try_push(sprite).map_err(|_| AllocError)?;
        }
        let visible = visible.into_slice();
        visible.sort_unstable_by_key(|sprite| sprite.depth);
        let label = pass.alloc_fmt(format_args!("{} sprites", visible.len())).len();
        // What this pass needs is gone after it, and its bytes serve the next pass.
        let meetings = pass.scope(|pairs| {
            let mut met = ArenaVec::new_in(&pairs);
            for (at, one) in visible.iter().enumerate() {
                for other in visible.iter().skip(at.saturating_add(1)) {
                    if (one.at.0 - other.at.0).hypot(one.at.1 - other.at.1) < 1.0 {
                        met.try_push((one.depth, other.depth)).map_err(|_| AllocError)?;
                    }
                }
            }
            Ok::<_, AllocError>(met.len())
        })?;
        Ok((label, meetings))
    })
}

fn sprites(count: u16) -> Vec<Sprite> {
    let place = |number: u16| (f32::from(number % 120), f32::from(number % 40));
    (0..count).map(|number| Sprite { at: place(number), depth: u32::from(number % 7) }).collect()
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut frame = frame()?;
    let sprites = sprites(1000);
    println!("state: {} bytes", size_of::<Frame>());
    for number in 0..5_u8 {
        let (label, meetings) = draw(&sprites, f32::from(number), &mut frame)?;
        println!("frame {number}: a label of {label} bytes, {meetings} meetings, {} bytes held", frame.bytes_held());
        frame.reset();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_uses_the_same_bytes() {
        let mut frame = frame().unwrap();
        let sprites = sprites(500);
        let first = draw(&sprites, 0.0, &mut frame).unwrap();
        frame.reset();
        let held = frame.bytes_held();
        assert_eq!(draw(&sprites, 0.0, &mut frame), Ok(first));
        assert_eq!(frame.bytes_held(), held);
    }

    #[test]
    fn a_frame_above_its_budget_is_an_error_and_the_next_frame_is_drawn() {
        let mut frame = frame().unwrap();
        assert_eq!(frame.try_alloc_slice_copy(&vec![0_u8; 1 << 20]).err(), Some(AllocError));
        frame.reset();
        assert!(draw(&sprites(100), 0.0, &mut frame).is_ok());
    }
}

//! [`Life`]: one block, from its birth to its death.

use std::io;

use crate::trace::{Kind, Trace};

/// A block of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Which block, numbered from 0 in order of birth. It keeps its number when it
    /// changes its size.
    pub block: u64,
    /// How often it has changed its size.
    pub resize: u32,
    /// Which image of the process.
    pub image: u32,
    /// Bytes asked for.
    pub size: u64,
    /// Alignment asked for.
    pub align: u64,
    /// Whether it had to be zeroed.
    pub zeroed: bool,
    /// The event that began it, counted from 0.
    pub birth: u64,
    /// The event that ended it, counted from 0; `None` if none did.
    pub death: Option<u64>,
    /// How it ended.
    pub end: End,
    /// The thread that asked.
    pub thread: u16,
    /// The thread that ended it.
    pub end_thread: Option<u16>,
    /// The stack that asked; 0 if that is not known.
    pub stack: u32,
}

/// How a block ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is freed.
    Free,
    /// It becomes one of another size.
    Resize,
    /// The process becomes another program.
    Exec,
    /// The process ends, or the recording does.
    Exit,
}

impl End {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Resize => "resize",
            Self::Exec => "exec",
            Self::Exit => "exit",
        }
    }
}

/// Hands out the lives of all blocks, in the order of their ends; what nothing
/// ended comes with the end of its image, in the order of slots.
///
/// # Errors
///
/// Those of `each`.
pub fn lives(trace: &Trace, mut each: impl FnMut(&Life) -> io::Result<()>) -> io::Result<()> {
    let mut slots: Vec<Option<Life>> = Vec::new();
    let mut blocks = 0;
    for (number, image) in (0..).zip(&trace.images) {
        let Some(ops) = trace.ops.get(image.ops.clone()) else { continue };
        for (event, op) in image.ops.clone().zip(ops) {
            let slot = op.slot as usize;
            if slot >= slots.len() {
                slots.resize(slot + 1, None);
            }
            let time = event as u64;
            let former = slots[slot].take();
            let mut end = End::Free;
            if op.kind != Kind::Free {
                end = End::Resize;
                let (block, resize) = match former {
                    Some(former) => (former.block, former.resize + 1),
                    None => (blocks, 0),
                };
                blocks += u64::from(former.is_none());
                slots[slot] = Some(Life {
                    block,
                    resize,
                    image: number,
                    size: op.size,
                    align: 1 << op.align_log2,
                    zeroed: op.kind == Kind::AllocateZeroed,
                    birth: time,
                    death: None,
                    end: End::Exit,
                    thread: op.thread,
                    end_thread: None,
                    stack: trace.sites.of(event),
                });
            }
            if let Some(life) = former {
                each(&Life { death: Some(time), end, end_thread: Some(op.thread), ..life })?;
            }
        }
        let last = image.ops.end >= trace.ops.len();
        for life in slots.drain(..).flatten() {
            let exec = Life { death: Some(image.ops.end as u64), end: End::Exec, ..life };
            each(if last { &life } else { &exec })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{Ops, trace};

    #[test]
    fn blocks_end_by_free_by_another_size_with_their_image_or_never() {
        let first = Ops::new().alloc(0, 100).alloc(1, 28).realloc(0, 200).free(1).alloc(1, 5).free(0);
        let trace = trace([first, Ops::new().alloc(0, 7)]);
        let mut seen = Vec::new();
        lives(&trace, |life| {
            seen.push((life.block, life.resize, life.size, life.birth, life.death, life.end.name()));
            Ok(())
        })
        .unwrap();
        let expected = [
            (0, 0, 100, 0, Some(2), "resize"),
            (1, 0, 28, 1, Some(3), "free"),
            (0, 1, 200, 2, Some(5), "free"),
            (2, 0, 5, 4, Some(6), "exec"),
            (3, 0, 7, 6, None, "exit"),
        ];
        assert_eq!(seen, expected);
    }
}

//! Fences, fill and quarantine: damage is told of, and nothing else is.

use super::*;

/// As strict as can be, with books beside the blocks.
fn strict<A: Allocate, R: Report>(parent: A, report: R, scrutiny: Scrutiny) -> Checked<A, R, Beside<System>> {
    Checked::with(parent, report, Beside::new(System), Unsited, scrutiny)
}

/// All damage that is told of while `act` runs.
fn damage(
    scrutiny: Scrutiny,
    act: impl FnOnce(&Checked<Rounding<System>, &dyn Report, Beside<System>>),
) -> Vec<Damage> {
    let log = RefCell::new(Vec::new());
    let report = Log::new(|finding| match finding {
        Finding::Damage(damage) => log.borrow_mut().push(damage),
        other => panic!("{other}"),
    });
    let heap: Checked<_, &dyn Report, _> = strict(Rounding(System), &report, scrutiny);
    act(&heap);
    assert_eq!(heap.check(), Ok(()));
    drop(heap);
    log.take()
}

/// Writes the byte at `offset` from `block`, which may be outside.
fn scribble(block: NonNull<u8>, offset: isize) {
    // SAFETY: of the parent's block, fences included.
    let byte = unsafe { block.offset(offset) };
    // SAFETY: as above.
    unsafe { byte.write(0x11) }
}

const FENCED: Scrutiny = Scrutiny { fence: 8, ..Scrutiny::PLAIN };
const HELD: Scrutiny = Scrutiny { quarantine: 4, ..Scrutiny::PLAIN };

#[test]
fn every_byte_beside_a_block_is_fenced_and_none_inside() {
    for size in [1_isize, 7, 16, 40] {
        let outside = (-8..0).chain(size..size + 8).map(Some);
        for offset in (0..size).map(|_| None).chain(outside) {
            let mut address = 0;
            let found = damage(FENCED, |heap| {
                let layout = bytes(size.unsigned_abs());
                let block = heap.allocate(layout).unwrap();
                // SAFETY: granted.
                unsafe { block.write_bytes(0x11, layout.size()) };
                address = block.addr().get();
                offset.into_iter().for_each(|offset| scribble(block, offset));
                free(heap, block, layout);
            });
            let kind = if offset.is_some_and(|offset| offset < 0) { DamageKind::Underrun } else { DamageKind::Overrun };
            let block = BlockInfo { address, layout: bytes(size.unsigned_abs()), site: 0 };
            let expected = offset.map(|offset| Damage { kind, address: address.wrapping_add_signed(offset), block });
            assert_eq!(found, Vec::from_iter(expected), "byte {offset:?} of {size}");
        }
    }
}

#[test]
fn all_that_the_parent_grants_behind_a_block_is_fence() {
    let found = damage(FENCED, |heap| {
        // 8 and 33 and 8 are 49, and rounded up to 64.
        let block = heap.allocate(bytes(33)).unwrap();
        assert_eq!(heap.granted(bytes(33)), 33);
        scribble(block, 55);
        free(heap, block, bytes(33));
    });
    assert!(found[0].to_string().starts_with("written past the end, to byte 23 behind 0x"), "{}", found[0]);
}

#[test]
fn with_fences_only_the_very_size_fits() {
    let tally = Tally::new();
    let heap = strict(Rounding(System), &tally, FENCED);
    let block = heap.allocate(ASKED).unwrap();
    free(&heap, block, bytes(41));
    assert_eq!((tally.misuses(MisuseKind::Layout), heap.live_blocks().count()), (1, 1));
    free(&heap, block, ASKED);
    assert_eq!(heap.live_blocks().count(), 0);
}

#[test]
fn a_fence_keeps_the_alignment() {
    let found = damage(FENCED, |heap| {
        for align in [1, 8, 16, 256] {
            let layout = Layout::from_size_align(24, align).unwrap();
            let block = heap.allocate_zeroed(layout).unwrap();
            assert!(block.addr().get().is_multiple_of(align));
            // SAFETY: zeroed.
            assert_eq!(unsafe { block.cast::<[u8; 24]>().read_unaligned() }, [0; 24]);
            scribble(block, -align.max(8).cast_signed());
            free(heap, block, layout);
        }
    });
    assert!(found.iter().all(|damage| damage.kind == DamageKind::Underrun) && found.len() == 4, "{found:?}");
}

#[test]
fn a_fence_moves_with_the_end_of_a_block_that_is_resized() {
    let tally = Tally::new();
    let mut memory = [MaybeUninit::uninit(); 128];
    let heap = strict(Buffer::new(&mut memory), &tally, FENCED);
    let block = heap.allocate(bytes(10)).unwrap();
    let mut size = 10;
    for new in [100, 20, 112] {
        // SAFETY: live, with this layout.
        assert_eq!(unsafe { heap.resize(block, bytes(size), bytes(new)) }, Ok(()), "{new}");
        // SAFETY: granted.
        unsafe { block.write_bytes(0x11, new) };
        size = new;
    }
    // SAFETY: as above; refused.
    assert_eq!(unsafe { heap.resize(block, bytes(112), bytes(113)) }, Err(AllocError));
    assert_eq!(tally.damages(DamageKind::Overrun), 0);
    scribble(block, 112);
    // SAFETY: as above.
    assert_eq!(unsafe { heap.resize(block, bytes(112), bytes(50)) }, Ok(()));
    assert_eq!(tally.damages(DamageKind::Overrun), 1);
    free(&heap, block, bytes(50));
    assert_eq!(tally.damages(DamageKind::Overrun), 1);
}

#[test]
fn every_byte_of_a_freed_block_is_watched_until_the_parent_has_it() {
    for offset in 0..48 {
        let found = damage(HELD, |heap| {
            let block = heap.allocate(ASKED).unwrap();
            free(heap, block, ASKED);
            scribble(block, offset);
            for _ in 0..3 {
                free(heap, heap.allocate(ASKED).unwrap(), ASKED);
            }
            assert_ne!(heap.allocate(ASKED).map(|next| free(heap, next, ASKED)), Err(AllocError));
        });
        assert_eq!(found.len(), 1, "{found:?}");
        let expected = std::format!("written after the free, to byte {offset} of 0x");
        assert!(found[0].to_string().starts_with(&expected), "{}", found[0]);
    }
}

#[test]
fn a_freed_block_is_kept_from_the_parent_for_a_while() {
    let parent = Counted::new(System);
    let heap = strict(&parent, Stop, HELD);
    let blocks: Vec<_> = (0..6).map(|_| heap.allocate(ASKED).unwrap()).collect();
    for (number, block) in blocks.into_iter().enumerate() {
        free(&heap, block, ASKED);
        assert_eq!(parent.counts().blocks_live, [6, 6, 6, 6, 5, 4][number]);
    }
    assert_eq!((heap.release_quarantine(), parent.counts().blocks_live), (4, 0));
}

#[test]
fn a_parent_without_memory_can_be_given_what_is_held() {
    let parent = Quota::new(System, 80);
    let heap = strict(&parent, Stop, HELD).retrying(1, |heap, _| heap.release_quarantine() != 0);
    for _ in 0..10 {
        free(&heap, heap.allocate(ASKED).unwrap(), ASKED);
    }
    assert!(heap.allocate(bytes(80)).map(|block| free(&heap, block, bytes(80))).is_ok());
    assert!(heap.allocate(bytes(81)).is_err());
}

#[test]
fn what_is_held_is_freed_and_no_block() {
    let tally = Tally::new();
    let heap = strict(System, &tally, HELD);
    let block = heap.allocate(ASKED).unwrap();
    free(&heap, block, ASKED);
    free(&heap, block, ASKED);
    // SAFETY: checked.
    assert_eq!(unsafe { heap.resize(block, ASKED, bytes(20)) }, Err(AllocError));
    assert_eq!((tally.misuses(MisuseKind::Freed), heap.owns(block, ASKED)), (2, false));
}

#[test]
fn fresh_and_freed_blocks_are_conspicuous() {
    let mut memory = [MaybeUninit::new(0_u8); 64];
    let heap = strict(Buffer::new(&mut memory), Stop, Scrutiny { fill: true, ..Scrutiny::PLAIN });
    let layout = Layout::new::<[u8; 8]>();
    let block = heap.allocate(layout).unwrap();
    // SAFETY: eight bytes of the buffer, filled.
    assert_eq!(unsafe { block.cast::<[u8; 8]>().read() }, [FRESH; 8]);
    free(&heap, block, layout);
    // SAFETY: still bytes of the buffer.
    assert_eq!(unsafe { block.cast::<[u8; 8]>().read() }, [FREED; 8]);
    let block = heap.allocate_zeroed(layout).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { block.cast::<[u8; 8]>().read() }, [0; 8]);
    free(&heap, block, layout);
}

#[test]
fn a_reset_releases_what_is_held() {
    let tally = Tally::new();
    let mut heap = strict(Bump::new(System, 1 << 12), &tally, Scrutiny::FULL);
    for round in 1..4 {
        let block = heap.allocate(ASKED).unwrap();
        free(&heap, block, ASKED);
        scribble(block, 3);
        heap.reset();
        assert_eq!(tally.damages(DamageKind::AfterFree), round);
    }
}

#[test]
#[cfg(not(miri))]
fn damage_may_end_the_program_or_be_printed() {
    let words = last_words("combine::checked::tests::scrutiny::damage_may_end_the_program_or_be_printed", || {
        let overrun = |heap: &dyn Allocate| {
            let block = heap.allocate(bytes(3)).unwrap();
            scribble(block, 3);
            // SAFETY: just allocated with this layout.
            unsafe { heap.deallocate(block, bytes(3)) };
        };
        overrun(&strict(System, Print, FENCED));
        std::eprintln!("goes on");
        overrun(&strict(System, Stop, FENCED));
        std::eprintln!("never said");
    });
    assert_eq!(words.matches("written past the end, to byte 1 behind 0x").count(), 2, "{words}");
    assert!(words.contains("blockwork: written") && words.contains("goes on") && !words.contains("never said"));
}

#[test]
fn a_live_block_is_inspected_without_a_word() {
    let tally = Tally::new();
    let heap = Checked::with(System, &tally, Below, Unsited, Scrutiny::FULL);
    let block = heap.allocate(bytes(5)).unwrap();
    // SAFETY: as it came.
    assert!(unsafe { heap.inspect(block) }.is_none());
    // SAFETY: one byte too many, but of a fence.
    unsafe { block.write_bytes(1, 6) };
    // SAFETY: as it came.
    let damage = unsafe { heap.inspect(block) }.unwrap();
    assert_eq!((damage.kind, damage.address), (DamageKind::Overrun, block.addr().get() + 5));
    assert_eq!((heap.describe(block), tally.damages(DamageKind::Overrun)), (Some(bytes(5)), 0));
    // SAFETY: as asked for.
    unsafe { heap.deallocate(block, bytes(5)) };
    assert_eq!(heap.describe(block), None);
    // SAFETY: it is not live.
    assert!(unsafe { heap.inspect(block) }.is_none());
}

use core::{
    cell::{Cell, RefCell},
    mem::MaybeUninit,
};
use heap::{
    string::{String, ToString},
    vec::Vec,
};

mod scrutiny;

use super::*;
#[cfg(not(miri))]
use crate::combine::testers::last_words;
use crate::{
    combine::{chain::Chain, counted::Counted, quota::Quota, testers::Rounding},
    source::{buffer::Buffer, null::Null, system::System},
    strategy::bump::Bump,
};

const ASKED: Layout = Layout::new::<[u8; 40]>();

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).unwrap()
}

fn free(heap: &impl Allocate, block: NonNull<u8>, layout: Layout) {
    // SAFETY: right, or checked.
    unsafe { heap.deallocate(block, layout) }
}

/// A misuse, with two blocks live and one freed.
#[derive(Clone, Copy, Debug)]
struct Case {
    kind: MisuseKind,
    operation: Operation,
    zero: bool,
}

const CASES: [Case; 10] = {
    use MisuseKind::{Foreign, Freed, Interior, Layout};
    use Operation::{Deallocate, Resize};
    [
        Case { kind: Freed, operation: Deallocate, zero: false },
        Case { kind: Foreign, operation: Deallocate, zero: false },
        Case { kind: Interior, operation: Deallocate, zero: false },
        Case { kind: Layout, operation: Deallocate, zero: false },
        Case { kind: Layout, operation: Deallocate, zero: true },
        Case { kind: Freed, operation: Resize, zero: false },
        Case { kind: Foreign, operation: Resize, zero: false },
        Case { kind: Interior, operation: Resize, zero: false },
        Case { kind: Layout, operation: Resize, zero: false },
        Case { kind: Layout, operation: Resize, zero: true },
    ]
};

impl Case {
    /// Does it to `heap`, of which `live` is a block and `freed` was one.
    fn commit(self, heap: &impl Allocate, live: NonNull<u8>, freed: NonNull<u8>) -> Misuse {
        let mut elsewhere = [0_u8; 40];
        let outside = NonNull::from(&mut elsewhere).cast();
        let of = |block: NonNull<u8>| Some(BlockInfo { address: block.addr().get(), layout: ASKED, site: 0 });
        // SAFETY: the block is larger.
        let inside = unsafe { live.add(8) };
        let (block, named, about) = match self.kind {
            MisuseKind::Freed => (freed, ASKED, of(freed)),
            MisuseKind::Foreign => (outside, ASKED, None),
            MisuseKind::Interior => (inside, bytes(8), of(live)),
            MisuseKind::Layout => (live, bytes(if self.zero { 0 } else { 9 }), of(live)),
        };
        match self.operation {
            Operation::Deallocate => free(heap, block, named),
            // SAFETY: checked.
            Operation::Resize => assert_eq!(unsafe { heap.resize(block, named, bytes(24)) }, Err(AllocError)),
        }
        let Self { kind, operation, .. } = self;
        Misuse { kind, operation, address: block.addr().get(), named, block: about }
    }
}

/// Commits `case` under `report`; nothing may have happened to the parent. What
/// was misused, and what was live then.
fn misuse<R: Report>(case: Case, report: R) -> Misuse {
    let parent = Counted::new(Rounding(System));
    let heap = Checked::new(&parent, report);
    let [live, other, freed] = [(); 3].map(|()| heap.allocate(ASKED).unwrap());
    // SAFETY: 40 bytes that are ours.
    unsafe { live.write_bytes(7, 40) };
    free(&heap, freed, ASKED);
    let before = parent.counts();

    let misuse = case.commit(&heap, live, freed);
    assert_eq!(parent.counts(), before, "{case:?} has reached the parent");
    // SAFETY: 40 initialised bytes.
    assert_eq!(unsafe { live.cast::<[u8; 40]>().read() }, [7; 40]);
    assert_eq!((heap.check(), heap.live_blocks().count()), (Ok(()), 2));
    assert!(heap.owns(live, ASKED) && heap.owns(other, ASKED) && !heap.owns(freed, ASKED));

    // Everything goes on as if nothing had been.
    let again = heap.allocate(ASKED).unwrap();
    [live, other, again].into_iter().for_each(|block| free(&heap, block, ASKED));
    assert_eq!((heap.check(), heap.live_blocks().count()), (Ok(()), 0));
    drop(heap);
    assert_eq!(parent.counts().blocks_live, 0);
    misuse
}

#[test]
fn each_misuse_is_named_and_logged_and_does_nothing() {
    for case in CASES {
        let log = RefCell::new(Vec::new());
        let report = Log::new(|finding| match finding {
            Finding::Misuse(misuse) => log.borrow_mut().push(misuse),
            other => panic!("{other}"),
        });
        let committed = misuse(case, report);
        assert_eq!(log.take(), [committed], "{case:?}");
    }
}

#[test]
fn each_misuse_is_counted_by_its_kind_and_does_nothing() {
    const KINDS: [MisuseKind; 4] = [MisuseKind::Freed, MisuseKind::Foreign, MisuseKind::Interior, MisuseKind::Layout];
    for case in CASES {
        let tally = Tally::new();
        misuse(case, &tally);
        for kind in KINDS {
            assert_eq!(tally.misuses(kind), usize::from(kind == case.kind), "{case:?}");
        }
        assert_eq!(tally.leaked(), 0);
    }
}

#[test]
fn each_misuse_may_be_ignored_and_does_nothing() {
    for case in CASES {
        misuse(case, Ignore);
    }
}

#[test]
#[cfg(not(miri))]
fn each_misuse_may_end_the_program() {
    const CHOICE: &str = "BLOCKWORK_TEST_MISUSE";
    let chosen = |name: &str| std::env::var(name).ok().and_then(|number| number.parse::<usize>().ok());
    for (number, case) in CASES.into_iter().enumerate() {
        let number = chosen(CHOICE).unwrap_or(number);
        // The process below does what is chosen; this one goes through all.
        let words = crate::combine::testers::last_words_with(
            "combine::checked::tests::each_misuse_may_end_the_program",
            (CHOICE, &number.to_string()),
            || {
                let unwound = std::panic::catch_unwind(|| misuse(CASES[number], Stop)).is_err();
                std::eprintln!("unwound: {unwound}");
            },
        );
        let what = match case.kind {
            MisuseKind::Freed => "it was freed before, 0x",
            MisuseKind::Foreign => "no block of this allocator",
            MisuseKind::Interior => "inside of another block, 0x",
            MisuseKind::Layout => "the layout does not fit, 0x",
        };
        let operation = if case.operation == Operation::Resize { "resize of 0x" } else { "free of 0x" };
        assert!(words.contains(operation) && words.contains(what), "{case:?}: {words}");
        assert!(!words.contains("unwound"), "{case:?}: {words}");
    }
}

#[test]
fn any_layout_of_the_class_fits_and_no_other() {
    let tally = Tally::new();
    let heap = Checked::new(Rounding(System), &tally);
    let wrong = [bytes(32), bytes(49), Layout::from_size_align(40, 2).unwrap()];
    for (number, layout) in wrong.into_iter().enumerate() {
        let block = heap.allocate(ASKED).unwrap();
        free(&heap, block, layout);
        assert_eq!((tally.misuses(MisuseKind::Layout), heap.live_blocks().count()), (number + 1, 1));
        free(&heap, block, bytes(33 + number));
        assert_eq!((tally.misuses(MisuseKind::Layout), heap.live_blocks().count()), (number + 1, 0));
    }
}

#[test]
fn every_address_inside_of_a_block_is_interior_and_none_beside_it() {
    let tally = Tally::new();
    let heap = Checked::new(Rounding(System), &tally);
    let block = heap.allocate(ASKED).unwrap();
    for offset in 1..48 {
        // SAFETY: inside of what is granted.
        free(&heap, unsafe { block.add(offset) }, bytes(1));
        assert_eq!(tally.misuses(MisuseKind::Interior), offset);
    }
    free(&heap, block.map_addr(|address| address.checked_add(48).unwrap()), bytes(1));
    free(&heap, block.map_addr(|address| core::num::NonZero::new(address.get() - 1).unwrap()), bytes(1));
    assert_eq!((tally.misuses(MisuseKind::Interior), tally.misuses(MisuseKind::Foreign)), (47, 2));
    free(&heap, block, ASKED);
}

#[test]
fn a_resized_block_has_its_new_layout() {
    let tally = Tally::new();
    let mut memory = [MaybeUninit::uninit(); 64];
    let heap = Checked::beside(Buffer::new(&mut memory), &tally, System);
    let block = heap.allocate(bytes(10)).unwrap();
    // SAFETY: live, and allocated with this layout.
    assert_eq!(unsafe { heap.resize(block, bytes(10), bytes(64)) }, Ok(()));
    // SAFETY: live, and resized to this layout; refused.
    assert_eq!(unsafe { heap.resize(block, bytes(64), bytes(65)) }, Err(AllocError));
    assert_eq!(tally.misuses(MisuseKind::Layout), 0);
    // SAFETY: checked.
    assert_eq!(unsafe { heap.resize(block, bytes(10), bytes(20)) }, Err(AllocError));
    assert_eq!(tally.misuses(MisuseKind::Layout), 1);
    assert!(heap.live_blocks().iter().eq([BlockInfo { address: block.addr().get(), layout: bytes(64), site: 0 }]));
    free(&heap, block, bytes(64));
    assert_eq!(heap.live_blocks().count(), 0);
}

#[test]
fn a_block_at_the_address_of_a_freed_one_is_a_block() {
    let tally = Tally::new();
    let mut memory = [MaybeUninit::uninit(); 64];
    let heap = Checked::beside(Buffer::new(&mut memory), &tally, System);
    for size in 1..64 {
        let block = heap.allocate(bytes(size)).unwrap();
        assert!(heap.owns(block, bytes(size)));
        free(&heap, block, bytes(size));
        free(&heap, block, bytes(size));
        assert!(!heap.owns(block, bytes(size)));
        assert_eq!((tally.misuses(MisuseKind::Freed), heap.check()), (size, Ok(())));
    }
}

#[test]
fn a_block_freed_long_ago_is_still_no_block() {
    let tally = Tally::new();
    let heap = Checked::beside(Bump::new(System, 1 << 16), &tally, System);
    let first = heap.allocate(ASKED).unwrap();
    free(&heap, first, ASKED);
    for _ in 0..1000 {
        free(&heap, heap.allocate(bytes(16)).unwrap(), bytes(8));
    }
    assert_eq!(tally.misuses(MisuseKind::Layout), 1000);
    drop(heap);
    let heap = Checked::beside(System, &tally, System);
    let blocks: Vec<_> = (0..100).map(|_| heap.allocate(ASKED).unwrap()).collect();
    blocks.iter().for_each(|&block| free(&heap, block, ASKED));
    let found = |tally: &Tally| tally.misuses(MisuseKind::Freed) + tally.misuses(MisuseKind::Foreign);
    let before = found(&tally);
    blocks.iter().for_each(|&block| free(&heap, block, ASKED));
    assert_eq!(found(&tally) - before, 100);
}

#[test]
fn nothing_is_right_to_free_at_any_time() {
    let tally = Tally::new();
    let heap = Checked::new(System, &tally);
    let nothing = Layout::new::<[u64; 0]>();
    let block = heap.allocate(nothing).unwrap();
    assert_eq!(heap.allocate_zeroed(nothing), Ok(block));
    free(&heap, block, nothing);
    free(&heap, block, nothing);
    // SAFETY: an empty block; refused.
    assert_eq!(unsafe { heap.resize(block, nothing, ASKED) }, Err(AllocError));
    let gone = heap.allocate(ASKED).unwrap();
    free(&heap, gone, ASKED);
    free(&heap, gone, bytes(0));
    assert_eq!(heap.live_blocks().count(), 0);
    assert_eq!(tally.misuses(MisuseKind::Freed) + tally.misuses(MisuseKind::Foreign), 0);
}

#[test]
fn books_that_cannot_grow_refuse_the_block_and_give_it_back() {
    let parent = Counted::new(System);
    let heap = Checked::beside(&parent, Stop, Null);
    assert_eq!(heap.allocate(ASKED), Err(AllocError));
    assert_eq!(heap.allocate_zeroed(ASKED), Err(AllocError));
    assert_eq!((parent.counts().requests, parent.counts().blocks_live), (2, 0));
    assert_eq!((heap.live_blocks().count(), heap.check()), (0, Ok(())));
    assert!(heap.allocate(bytes(0)).is_ok());
}

#[test]
fn a_refused_request_is_not_on_the_books() {
    let heap = Checked::beside(Null, Stop, System);
    assert_eq!(heap.allocate(ASKED), Err(AllocError));
    assert_eq!(heap.allocate_zeroed(ASKED), Err(AllocError));
    assert_eq!(heap.live_blocks().count(), 0);
}

#[test]
fn the_books_are_memory_of_the_parent_or_of_another_and_go_back() {
    let (parent, source) = (Counted::new(System), Counted::new(System));
    let below = Checked::new(&parent, Ignore);
    let block = below.allocate(ASKED).unwrap();
    assert_eq!((parent.counts().blocks_live, below.live_blocks().count()), (2, 1));
    free(&below, block, ASKED);
    drop(below);
    assert_eq!(parent.counts().blocks_live, 0);

    let beside = Checked::beside(&parent, Ignore, &source);
    let block = beside.allocate_zeroed(ASKED).unwrap();
    assert_eq!((parent.counts().blocks_live, source.counts().blocks_live), (1, 1));
    free(&beside, block, ASKED);
    drop(beside);
    assert_eq!((parent.counts().blocks_live, source.counts().blocks_live), (0, 0));
}

#[test]
fn a_reset_ends_every_block_and_none_is_leaked() {
    let tally = Tally::new();
    let mut heap = Checked::new(Bump::new(System, 1 << 16), &tally);
    for _ in 0..3 {
        let (block, freed) = (heap.allocate(ASKED).unwrap(), heap.allocate(ASKED).unwrap());
        free(&heap, freed, ASKED);
        assert_eq!((heap.live_blocks().count(), heap.check()), (1, Ok(())));
        heap.reset();
        assert_eq!((heap.live_blocks().count(), heap.owns(block, ASKED)), (0, false));
    }
    drop(heap);
    assert_eq!(tally.leaked(), 0);
}

/// Leaks three blocks, which stay with the parent, and frees them there.
fn leak<R: Report>(report: R) -> Vec<BlockInfo> {
    let parent = Counted::new(System);
    let heap = Checked::new(&parent, report);
    let layouts = [ASKED, bytes(3), Layout::new::<u64>()];
    let blocks = layouts.map(|layout| heap.allocate(layout).unwrap());
    free(&heap, heap.allocate(ASKED).unwrap(), ASKED);
    assert_eq!((heap.live_blocks().count(), heap.live_blocks().bytes()), (3, 51));
    drop(heap);
    assert_eq!((parent.counts().blocks_live, parent.counts().bytes_live), (3, 51));
    let leaked = blocks.into_iter().zip(layouts).map(|(block, layout)| {
        free(&parent, block, layout);
        BlockInfo { address: block.addr().get(), layout, site: 0 }
    });
    leaked.collect()
}

#[test]
fn leaks_are_listed_for_a_log() {
    let log: RefCell<(Vec<BlockInfo>, String)> = RefCell::default();
    let report = Log::new(|finding| match finding {
        Finding::Leak(blocks) => *log.borrow_mut() = (blocks.iter().collect(), finding.to_string()),
        other => panic!("{other}"),
    });
    let mut leaked = leak(report);
    let (mut listed, message) = log.take();
    listed.sort_unstable_by_key(|block| block.address);
    leaked.sort_unstable_by_key(|block| block.address);
    assert_eq!(listed, leaked);
    assert!(message.starts_with("dropped while 3 blocks of 51 bytes are live: 0x"), "{message}");
    assert!(leaked.iter().all(|block| message.contains(&block.to_string())), "{message}");
}

#[test]
fn leaks_are_counted_for_a_tally_and_may_be_ignored() {
    let tally = Tally::new();
    leak(&tally);
    assert_eq!(tally.leaked(), 3);
    leak(Ignore);
}

#[test]
#[cfg(not(miri))]
fn leaks_may_end_the_program() {
    let words = last_words("combine::checked::tests::leaks_may_end_the_program", || {
        leak(Stop);
    });
    assert!(words.contains("dropped while 3 blocks of 51 bytes are live: 0x"), "{words}");
}

#[test]
#[cfg(not(miri))]
fn a_report_that_unwinds_ends_the_program() {
    let words = last_words("combine::checked::tests::a_report_that_unwinds_ends_the_program", || {
        let heap = Checked::new(System, Log::new(|_| panic!("out of patience")));
        let mut elsewhere = 0_u8;
        let misuse = || free(&heap, NonNull::from(&mut elsewhere), bytes(1));
        let unwound = std::panic::catch_unwind(core::panic::AssertUnwindSafe(misuse)).is_err();
        std::eprintln!("unwound: {unwound}");
    });
    assert!(words.contains("out of patience") && !words.contains("unwound"), "{words}");
}

#[test]
fn a_long_list_of_leaks_is_cut_in_the_message_only() {
    let heap = Checked::new(System, Ignore);
    let blocks: Vec<_> = (0..17).map(|_| heap.allocate(ASKED).unwrap()).collect();
    assert_eq!(heap.live_blocks().iter().count(), 17);
    assert_eq!(heap.live_blocks().to_string().matches("(40 @ 1)").count(), 16);
    assert!(heap.live_blocks().to_string().ends_with(", …"));
    free(&heap, blocks[0], ASKED);
    assert!(heap.live_blocks().to_string().ends_with("(40 @ 1)"));
    blocks[1..].iter().for_each(|&block| free(&heap, block, ASKED));
}

#[test]
fn what_a_panic_leaks_is_not_reported() {
    let tally = Tally::new();
    let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        let mut memory = [MaybeUninit::uninit(); 64];
        let heap = Checked::beside(Buffer::new(&mut memory), &tally, System);
        assert!(heap.allocate(ASKED).is_err(), "expected");
    }));
    assert!(outcome.is_err());
    assert_eq!(tally.leaked(), 0);
}

#[test]
fn nobody_is_told_when_nothing_leaks() {
    let heap = Checked::new(System, Log::new(|finding| panic!("{finding}")));
    free(&heap, heap.allocate(ASKED).unwrap(), ASKED);
    drop(heap);
}

std::thread_local! {
    static LOOPED: Checked<System, Log<fn(Finding<'_>)>> =
        const { Checked::new(System, Log::new(allocate_and_free as fn(Finding<'_>))) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

fn allocate_and_free(_: Finding<'_>) {
    CALLS.set(CALLS.get().saturating_add(1));
    LOOPED.with(|heap| {
        let blocks: Vec<_> = (0..100).map(|_| heap.allocate(ASKED).unwrap()).collect();
        blocks.into_iter().for_each(|block| free(heap, block, ASKED));
        assert_eq!(heap.check(), Ok(()));
    });
}

#[test]
fn a_report_may_use_the_very_allocator() {
    LOOPED.with(|heap| {
        let block = heap.allocate(ASKED).unwrap();
        free(heap, block, bytes(1));
        assert_eq!((CALLS.get(), heap.live_blocks().count()), (1, 1));
        free(heap, block, ASKED);
        // SAFETY: checked.
        free(heap, unsafe { block.add(1) }, ASKED);
        assert_eq!((CALLS.get(), heap.live_blocks().count()), (2, 0));
    });
}

#[test]
fn a_quota_below_counts_the_books() {
    let parent = Quota::new(System, 32 * 32 + 40);
    let heap = Checked::new(&parent, Stop);
    let block = heap.allocate(ASKED).unwrap();
    assert_eq!((parent.left(), heap.allocate(bytes(1))), (0, Err(AllocError)));
    free(&heap, block, ASKED);
}

#[inline(never)]
fn the_function_that_leaks(heap: &impl Allocate) {
    heap.allocate(ASKED).unwrap();
}

#[test]
#[cfg(not(miri))]
fn leaks_are_told_with_the_place_that_asked() {
    let said = RefCell::new(String::new());
    let report = Log::new(|finding: Finding<'_>| *said.borrow_mut() = finding.to_string());
    let heap = Checked::with(Bump::new(System, 4096), &report, Beside::new(System), Backtraces::new(), Scrutiny::PLAIN);
    free(&heap, heap.allocate(bytes(1)).unwrap(), bytes(1));
    the_function_that_leaks(&heap);
    drop(heap);
    let said = said.take();
    assert!(said.contains("(40 @ 1) from\n") && said.contains("the_function_that_leaks"), "{said}");
}

#[test]
fn a_site_is_known_as_long_as_its_block_is_live() {
    #[derive(Default)]
    struct Numbers(Cell<u32>, RefCell<Vec<u32>>);

    impl CallSites for Numbers {
        fn enter(&self) -> u32 {
            self.0.update(|next| next + 1);
            self.0.get()
        }

        fn leave(&self, site: u32) {
            self.1.borrow_mut().push(site);
        }

        fn write(&self, site: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "as number {site}")
        }
    }

    let numbers = Numbers::default();
    let mut heap = Checked::with(Bump::new(System, 4096), Ignore, Beside::new(System), &numbers, Scrutiny::PLAIN);
    let blocks = [(); 3].map(|()| heap.allocate(bytes(8)).unwrap());
    // SAFETY: live, with this layout.
    assert_eq!(unsafe { heap.resize(blocks[1], bytes(8), bytes(4)) }, Ok(()));
    free(&heap, blocks[1], bytes(4));
    assert_eq!(*numbers.1.borrow(), [2]);
    let mut sites: Vec<_> = heap.live_blocks().with_sites().map(|(_, site)| site.to_string()).collect();
    sites.sort_unstable();
    assert_eq!(sites, ["as number 1", "as number 3"]);
    heap.reset();
    numbers.1.borrow_mut().sort_unstable();
    assert_eq!(*numbers.1.borrow(), [1, 2, 3]);
}

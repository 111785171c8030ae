//! Random operations against a model of what is live.

use super::*;

/// Knuth's linear congruential generator.
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// A live span, with a byte that its first and last word are filled with.
struct Live {
    span: NonNull<u8>,
    layout: Layout,
    mark: u8,
}

impl Live {
    fn fill(&self, granted: usize) {
        for at in self.ends(granted) {
            poke(self.span, at, self.mark);
        }
    }

    fn is_intact(&self, granted: usize) -> bool {
        self.ends(granted).all(|at| peek(self.span, at) == self.mark)
    }

    fn ends(&self, granted: usize) -> impl Iterator<Item = usize> + use<> {
        (0..8.min(granted)).chain(granted - 8.min(granted)..granted)
    }
}

fn random_layout(random: &mut Random) -> Layout {
    let size = match random.below(100) {
        0..60 => 1 + random.below(300),
        60..90 => 1 + random.below(3000),
        90..99 => 1 + random.below(20_000),
        _ => 1 + random.below(200_000),
    };
    let align = if random.below(8) == 0 { 1 << random.below(14) } else { 8 };
    Layout::from_size_align(size, align).unwrap()
}

/// Runs `steps` random operations, and checks every so many of them.
fn run<A: Allocate>(pool: &SpanPool<A>, seed: u64, steps: usize, every: usize) {
    let mut random = Random::new(seed);
    let mut lives: Vec<Live> = Vec::new();
    for step in 0..steps {
        // Grows to some hundreds of spans, and shrinks to few, in turns.
        let wanted = if step / 2000 % 2 == 0 { 600 } else { 20 };
        let roll = random.below(100);
        if lives.is_empty() || (roll < 60) == (lives.len() < wanted) && roll < 85 {
            let layout = random_layout(&mut random);
            if let Ok(span) = pool.allocate(layout) {
                assert!(span.addr().get().is_multiple_of(layout.align().max(pool.block_size())));
                let live = Live { span, layout, mark: u8::try_from(step % 251).unwrap() };
                live.fill(pool.granted(layout));
                lives.push(live);
            }
        } else if roll < 85 {
            let live = lives.swap_remove(random.below(lives.len()));
            let granted = pool.granted(live.layout);
            assert!(live.is_intact(granted), "a span was overwritten");
            let size = granted - random.below(pool.block_size().min(live.layout.size()));
            free(pool, live.span, Layout::from_size_align(size, live.layout.align()).unwrap());
        } else {
            let at = random.below(lives.len());
            let live = &mut lives[at];
            assert!(live.is_intact(pool.granted(live.layout)), "a span was overwritten");
            let size = 1 + random.below(2 * live.layout.size());
            let new = Layout::from_size_align(size, live.layout.align()).unwrap();
            let resized = resize(pool, live.span, live.layout, new);
            assert!(resized.is_ok() || pool.granted(new) > pool.granted(live.layout), "a shrink was refused");
            if resized.is_ok() {
                live.layout = new;
                live.fill(pool.granted(new));
            }
        }
        assert_eq!(pool.stats().spans_live, lives.len());
        if step % every == 0 {
            assert_eq!(pool.core.check(), Ok(()), "at {step}");
            let blocks: usize = lives.iter().map(|live| pool.granted(live.layout) / pool.block_size()).sum();
            assert_eq!(pool.stats().blocks_total - pool.stats().blocks_free, blocks);
        }
    }
    for live in lives {
        assert!(live.is_intact(pool.granted(live.layout)));
        free(pool, live.span, live.layout);
    }
    assert_eq!(pool.core.check(), Ok(()));
    assert_eq!(pool.stats().blocks_free, pool.stats().blocks_total);
}

const RETAINS: [Retain; 7] = [
    Retain::never_release(),
    Retain::bytes(0..=0),
    Retain::bytes(10_000..=100_000),
    Retain::percent(25..=50),
    Retain::bytes(0..=0).aggressively(),
    Retain::bytes(10_000..=100_000).aggressively(),
    Retain::percent(25..=50).aggressively(),
];

#[test]
fn a_hundred_thousand_operations_keep_the_books() {
    for (seed, retain) in (1..).zip(RETAINS) {
        for request in [64, 1024, 16_384] {
            let pool = with(System, |config| SpanPoolConfig { retain, backing_request: Some(request), ..config });
            run(&pool, seed, 100_000 / 3 + 1, 997);
        }
    }
}

#[test]
fn every_single_operation_keeps_the_books() {
    for (seed, retain) in (100..).zip(RETAINS) {
        let pool = with(Ledger::new(), |config| SpanPoolConfig { retain, ..config });
        run(&pool, seed, 700, 1);
    }
}

#[test]
fn operations_over_a_coarse_parent_keep_the_books() {
    for (seed, retain) in (200..).zip(RETAINS) {
        let pool = with(Ledger::with_grain(5000), |config| SpanPoolConfig { retain, ..config });
        run(&pool, seed, 3000, 29);
    }
}

#[test]
fn operations_over_a_parent_that_fails_at_times_keep_the_books() {
    for (seed, retain) in (300..).zip(RETAINS) {
        for group in [2, 3, 7] {
            let parent = Failing::new(Ledger::new(), When::Every(group));
            let pool = with(parent, |config| SpanPoolConfig { retain, ..config });
            run(&pool, seed, 1500, 7);
        }
    }
}

#[test]
fn operations_within_a_capacity_keep_the_books() {
    let pool = with(Ledger::new(), |config| SpanPoolConfig { capacity: 700, ..config });
    run(&pool, 400, 5000, 29);
    assert!(pool.stats().blocks_total > 600);
}

//! Whole compositions, and containers in them, over a parent that refuses each request
//! in turn: what was served stays as it is, and when memory is back all is served again.

use alloc::rc::Rc;
use core::{alloc::Layout, ptr::NonNull};

use blockwork::{
    Allocate, ArenaVec, Check as _, Interner, Pool,
    alloc::{reallocate, reallocate_zeroed},
    notation::Composition,
    testing::{Failing, Part, Strict, When},
};

use crate::typed::element::{Element, Token, assert_none_lives};

/// Every strategy and every combinator that serves any size, some of them deep.
const TEXTS: &[&str] = &[
    "let s = span_pool(4k) over parent; \
     counted over segregate(<=1k: slab(quad 16..1k, 16k) over s, <=8k: mixed_slab(16k) over s, else s)",
    "locked over quota(64M) over segregate(<=512: block_pool(pow2 16..512, chunk 4k) over memo over parent, else parent)",
    "thread_cached(quad 16..1k, limit 2k) over fallback(span_pool(256, capacity 64) over parent, parent)",
    "scrubbed over memo(quad 16..8k, limit 16k) over last_resort(parent, bump(4k) over parent)",
    "affix over min_align(64) over arena(1k..16k) over parent",
    "let s = span_pool(256, 4k, keep 10%..50%) over parent; \
     segregate(<=48: concurrent_block_pool(48, chunk 1k) over s, <=2k: slab(48|200|2k, 16k, keep 0) over s, else memo over s)",
];

/// Sizes of small blocks and of large ones, with what they are aligned to.
const LAYOUTS: &[(usize, usize)] = &[(24, 8), (1, 1), (900, 4), (48, 16), (5000, 8), (200, 64), (17_000, 16), (0, 8)];

/// A block, and what it is full of.
struct Held {
    block: NonNull<u8>,
    layout: Layout,
    byte: u8,
}

impl Held {
    fn paint(&self, heap: &dyn Allocate) {
        // SAFETY: live, and valid for what is granted.
        unsafe { self.block.write_bytes(self.byte, heap.granted(self.layout)) }
    }

    fn look(&self) {
        // SAFETY: live, and painted.
        let bytes = unsafe { core::slice::from_raw_parts(self.block.as_ptr(), self.layout.size()) };
        assert!(bytes.iter().all(|&byte| byte == self.byte), "a block of {:?} has changed", self.layout);
    }
}

/// Some allocations, of zeroes and not, some frees, some changes of size.
fn work(heap: &dyn Allocate, held: &mut Vec<Held>, steps: usize) {
    for step in 0..steps {
        let byte = u8::try_from(step % 251).unwrap() + 1;
        let (size, align) = LAYOUTS[step * 5 % LAYOUTS.len()];
        let layout = Layout::from_size_align(size, align).unwrap();
        match step % 7 {
            3 if !held.is_empty() => {
                let gone = held.swap_remove(step * 3 % held.len());
                gone.look();
                // SAFETY: allocated from this heap with this layout.
                unsafe { heap.deallocate(gone.block, gone.layout) }
            }
            5 if !held.is_empty() => {
                let index = step * 3 % held.len();
                let one = &mut held[index];
                let new = Layout::from_size_align(size, one.layout.align()).unwrap();
                let change = if step % 2 == 0 { reallocate } else { reallocate_zeroed };
                // SAFETY: live, from this heap, with this layout.
                if let Ok(block) = unsafe { change(heap, one.block, one.layout, new) } {
                    let kept = Held { block, layout: new, byte: one.byte };
                    Held { layout: Layout::from_size_align(size.min(one.layout.size()), 1).unwrap(), ..kept }.look();
                    *one = kept;
                    one.paint(heap);
                } else {
                    one.look();
                }
            }
            _ => {
                let zeroed = step % 2 == 0;
                let outcome = if zeroed { heap.allocate_zeroed(layout) } else { heap.allocate(layout) };
                if let Ok(block) = outcome {
                    if zeroed {
                        Held { block, layout, byte: 0 }.look();
                    }
                    let one = Held { block, layout, byte };
                    one.paint(heap);
                    held.push(one);
                }
            }
        }
    }
}

/// Frees everything, first of all what was first.
fn end(heap: &dyn Allocate, held: Vec<Held>) {
    for gone in held {
        gone.look();
        // SAFETY: allocated from this heap with this layout.
        unsafe { heap.deallocate(gone.block, gone.layout) }
    }
}

/// Runs `body` over each composition for each request refused once, and from there on,
/// until no request is; it is given the composition and its parent, and says how many
/// were refused.
fn refusing(body: impl Fn(&dyn Part, &Failing<Strict>) -> usize) {
    for text in TEXTS {
        let composition = Composition::parse_with(text, &["parent"]).unwrap_or_else(|error| panic!("{text}: {error}"));
        for plan in [When::Once, When::From] {
            for refused in 0.. {
                let parent = Failing::new(Strict::new().grain(16).room(64), plan(refused));
                let heap = composition.build_over(&[("parent", Rc::new(&parent))]).unwrap();
                let failures = body(&heap, &parent);
                assert_eq!(heap.check(), Ok(()), "{text}");
                drop(heap);
                assert_eq!((parent.parent().live_blocks(), parent.parent().faults()), (0, vec![]), "{text}");
                if failures == 0 {
                    break;
                }
                assert!(refused < 1000, "{text}: there is no end to it");
            }
        }
    }
}

#[test]
fn each_request_through_a_composition_may_be_refused() {
    refusing(|heap, parent| {
        let mut held = Vec::new();
        work(heap, &mut held, 60);
        let failures = parent.failures();
        assert_eq!(heap.check(), Ok(()));
        parent.set(When::Never);
        for &(size, align) in LAYOUTS {
            let layout = Layout::from_size_align(size, align).unwrap();
            let block = heap.allocate(layout).expect("memory is back");
            held.push(Held { block, layout, byte: 7 });
            held.last().unwrap().paint(heap);
        }
        work(heap, &mut held, 20);
        end(heap, held);
        failures
    });
}

/// Fills a vector, a pool and an interner in one heap until memory is refused.
fn containers(heap: &dyn Part) {
    let mut values = ArenaVec::<Token, _>::new_in(heap);
    let pool = Pool::<Token, _>::new(heap);
    let names: Interner<_> = Interner::with_defaults(heap);
    let mut kept = Vec::new();
    for n in 0..120_u32 {
        if let Ok(key) = pool.try_insert(Token::new(n)) {
            kept.push((key, n));
        }
        let before = values.len();
        assert_eq!(values.try_push(Token::new(n)).is_ok(), values.len() > before);
        let name = n.to_string();
        if let Ok(symbol) = names.try_intern(&name) {
            assert_eq!(names.get(symbol), Some(&*name));
        }
        assert_eq!(
            (pool.check(), names.find(&name).map(|symbol| &names[symbol])),
            (Ok(()), names.find(&name).map(|_| &*name))
        );
    }
    assert!(values.iter().zip(values.iter().skip(1)).all(|(a, b)| a.number() < b.number()));
    assert!(kept.into_iter().all(|(key, n)| pool[key].number() == n));
    values.truncate(50);
    values.shrink_to_fit();
    _ = values.try_extend((0..100).map(Token::new));
}

#[test]
fn each_request_of_containers_in_a_composition_may_be_refused() {
    refusing(|heap, parent| {
        containers(heap);
        assert_none_lives();
        assert_eq!(heap.check(), Ok(()));
        parent.failures()
    });
}

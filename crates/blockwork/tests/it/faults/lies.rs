//! Safe traits that lie: what iterators say of their length, what ranges say of their
//! ends. They are hints, and no memory is touched because of them.
//!
//! arenavec and scratchpad trusted safe traits, [RUSTSEC-2025-0053] and
//! [RUSTSEC-2025-0049]; `nano_arena` a `Borrow` that changed its mind, [RUSTSEC-2021-0031].
//!
//! [RUSTSEC-2025-0053]: https://rustsec.org/advisories/RUSTSEC-2025-0053.html
//! [RUSTSEC-2025-0049]: https://rustsec.org/advisories/RUSTSEC-2025-0049.html
//! [RUSTSEC-2021-0031]: https://rustsec.org/advisories/RUSTSEC-2021-0031.html

use core::{
    cell::Cell,
    ops::{Bound, RangeBounds},
};

use blockwork::{Arena, ArenaVec, List, Slice, System};

use crate::typed::{
    element::{Element, Token, assert_none_lives},
    heaps::{Exact, assert_clean},
};

/// Yields so many tokens, says what it likes of it, and comes back after its end.
struct Lies {
    left: u32,
    hint: (usize, Option<usize>),
    ended: bool,
}

impl Iterator for Lies {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        if self.left == 0 {
            // Not fused: the next one is there again.
            self.left = u32::from(!core::mem::replace(&mut self.ended, true));
            return None;
        }
        self.left -= 1;
        Some(Token::new(self.left))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.hint
    }
}

impl ExactSizeIterator for Lies {
    fn len(&self) -> usize {
        self.hint.0
    }
}

const HINTS: &[(usize, Option<usize>)] = &[
    (0, None),
    (0, Some(0)),
    (3, Some(3)),
    (40, Some(2)),
    (1000, Some(1000)),
    (usize::MAX, None),
    (usize::MAX, Some(usize::MAX)),
    (usize::MAX / 16, Some(0)),
    (isize::MAX as usize, Some(isize::MAX as usize)),
];

fn numbers(elements: &[Token]) -> Vec<u32> {
    elements.iter().map(Token::number).collect()
}

fn list() -> List<Token, Exact> {
    (10..14).map(Token::new).collect()
}

/// What each way in makes of so many elements.
#[test]
fn a_wrong_length_is_a_hint_everywhere() {
    for &hint in HINTS {
        for count in [0, 1, 7, 50] {
            let lies = || Lies { left: count, hint, ended: false };
            let expected: Vec<u32> = (0..count).rev().collect();
            let behind = |front: &[u32], back: &[u32]| [front, &expected, back].concat();

            assert_eq!(numbers(&lies().collect::<List<Token, Exact>>()), expected);
            assert_eq!(numbers(&lies().collect::<Slice<Token, Exact>>()), expected);
            assert_eq!(numbers(&List::<Token, Exact>::try_from_iter(lies()).unwrap()), expected);
            assert_eq!(numbers(&Slice::<Token, Exact>::try_from_iter(lies()).unwrap()), expected);
            let mut extended = list();
            extended.extend(lies());
            assert_eq!(numbers(&extended), behind(&[10, 11, 12, 13], &[]));
            let mut spliced = list();
            drop(spliced.splice(1..3, lies()));
            assert_eq!(numbers(&spliced), behind(&[10], &[13]));
            let mut spliced = list();
            drop(spliced.try_splice(1..3, lies()).unwrap());
            assert_eq!(numbers(&spliced), behind(&[10], &[13]));

            let arena = Arena::with_defaults(System);
            let mut values = ArenaVec::new_in(&arena);
            values.extend(lies());
            assert_eq!(numbers(&values), expected);
        }
        assert_none_lives();
        assert_clean::<Exact>();
    }
}

/// Says something else each time.
struct Fickle {
    asked: Cell<usize>,
    ends: [(usize, usize); 3],
}

/// The ends that are there are stored, so that they can be lent.
impl RangeBounds<usize> for Fickle {
    fn start_bound(&self) -> Bound<&usize> {
        self.asked.set(self.asked.get() + 1);
        Bound::Included(&self.ends[(self.asked.get() - 1) / 2 % 3].0)
    }

    fn end_bound(&self) -> Bound<&usize> {
        self.asked.set(self.asked.get() + 1);
        Bound::Excluded(&self.ends[(self.asked.get() - 1) / 2 % 3].1)
    }
}

/// A range is asked for its ends once: what it says later is of no consequence.
#[test]
fn a_range_that_changes_its_mind_is_asked_once() {
    type Work = fn(&mut List<Token, Exact>, Fickle);
    let works: &[Work] = &[
        |list, range| drop(list.drain(range)),
        |list, range| drop(list.swap_drain(range)),
        |list, range| drop(list.splice(range, [Token::new(1)])),
        |list, range| drop(list.try_splice(range, [Token::new(1)])),
        |list, range| list.replace_range(range, &[Token::new(1), Token::new(2)]),
        |list, range| list.replace_range_within_capacity(range, &[Token::new(1)]).unwrap(),
        |list, range| list.extend_from_within(range),
        |list, range| list.extract_if(range, |_| true).for_each(drop),
    ];
    for work in works {
        let mut list: List<Token, Exact> = (0..8).map(Token::new).collect();
        work(&mut list, Fickle { asked: Cell::new(0), ends: [(2, 4), (0, usize::MAX), (7, 1)] });
        assert!(list.iter().all(|token| token.number() < 8));
        assert_eq!((list[0].number(), list[1].number()), (0, 1));
        drop(list);
        assert_none_lives();
        assert_clean::<Exact>();
    }
}

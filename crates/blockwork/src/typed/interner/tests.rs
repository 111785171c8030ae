//! Tests of `Interner`.

use core::{cell::RefCell, ffi::CStr};

use heap::{
    collections::BTreeMap,
    format,
    rc::{Rc, Weak},
    string::String,
    vec::Vec,
};
use proptest::prelude::*;

use super::*;
use crate::strategy::ledger::Ledger;

#[test]
fn equal_texts_have_one_symbol_and_one_copy() {
    let names: Interner<_> = Interner::with_defaults(Ledger::new());
    let (a, b) = (names.intern("a"), names.intern("b"));
    assert_eq!((a.index(), b.index(), names.len()), (0, 1, 2));
    assert_eq!((names.intern(&String::from("a")), names.find("b"), names.find("c")), (a, Some(b), None));
    assert_eq!((&names[a], names.get(b)), ("a", Some("b")));
    assert!(core::ptr::eq(names.canonical("a"), &raw const names[a]));
    assert_eq!(names.check(), Ok(()));
}

#[test]
fn texts_lie_side_by_side_and_never_move() {
    let names: Interner<_, [u8]> = Interner::with_defaults(Ledger::new());
    let mut end = None;
    let mut kept = Vec::new();
    for number in 0..300_usize {
        let text = format!("{number}");
        let copy = names.canonical(text.as_bytes());
        let range = copy.as_ptr_range();
        assert_eq!(*end.get_or_insert(range.start), range.start);
        end = Some(range.end);
        kept.push((text, copy));
    }
    for (text, copy) in &kept {
        assert!(core::ptr::eq(names.canonical(text.as_bytes()), *copy));
        assert_eq!(text.as_bytes(), *copy);
    }
}

#[test]
fn the_empty_text_is_a_text() {
    let names = Interner::<_, str>::with_defaults(Ledger::new());
    assert!(names.is_empty() && names.find("").is_none());
    let empty = names.intern("");
    assert_eq!((&names[empty], names.find(""), names.len()), ("", Some(empty), 1));
}

#[test]
fn bytes_and_c_strings_are_interned_too() {
    let bytes: Interner<_, [u8]> = Interner::with_defaults(Ledger::new());
    assert_ne!(bytes.intern(&[0]), bytes.intern(&[0, 0]));
    let c: Interner<_, CStr> = Interner::with_defaults(Ledger::new());
    assert_eq!(&c[c.intern(c"for C")], c"for C");
    assert_eq!(format!("{c:?}"), r#"{Symbol(0): "for C"}"#);
}

#[test]
fn the_symbol_of_another_interner_is_none_or_another_text() {
    let [one, other]: [Interner<_>; 2] = [(); 2].map(|()| Interner::with_defaults(Ledger::new()));
    one.intern("a");
    let second = one.intern("b");
    other.intern("c");
    assert_eq!(other.get(second), None);
    assert_eq!((Symbol::from_index(1), Symbol::from_index(u32::MAX)), (Some(second), None));
    assert!(std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| other[second].len())).is_err());
}

#[test]
fn it_takes_nothing_before_the_first_text_and_gives_all_back() {
    let parent = Ledger::new();
    let names: Interner<_> = Interner::new(&parent, ArenaConfig::DEFAULT.check().unwrap());
    assert_eq!((names.find("a"), names.iter().count(), names.bytes_held(), parent.requests()), (None, 0, 0, 0));
    for number in 0..5000 {
        names.intern(&format!("{number}"));
    }
    assert_eq!(names.check(), Ok(()));
    let held: usize = parent.layouts().iter().map(Layout::size).sum();
    assert_eq!(names.bytes_held(), held);
    drop(names);
    assert_eq!(parent.blocks(), 0);
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_table_takes_what_the_documentation_says() {
    let tables = core::iter::successors(Table::EMPTY.twice(), |table| table.twice());
    for table in tables {
        let (size, room) = (table.layout().unwrap().size(), table.room() as usize);
        // Full, and when it has just become so large.
        assert_eq!((size / room, size / (room / 2)), (21, 42));
    }
}

#[test]
fn a_reset_ends_all_texts_and_keeps_the_memory() {
    let mut names: Interner<_> = Interner::with_defaults(Ledger::new());
    for number in 0..100 {
        names.intern(&format!("{number}"));
    }
    let (held, requests) = (names.bytes_held(), names.texts.parent().requests());
    names.reset();
    assert_eq!((names.len(), names.find("5"), names.check()), (0, None, Ok(())));
    assert_eq!(names.intern("5").index(), 0);
    for number in 0..100 {
        names.intern(&format!("{number}"));
    }
    assert_eq!((names.bytes_held(), names.texts.parent().requests()), (held, requests));
}

#[test]
fn every_request_of_the_parent_may_fail() {
    for served in 0..12 {
        let parent = Ledger::new();
        let config = ArenaConfig { span_first: 64, span_max: 64, keep: 0 };
        let names: Interner<_> = Interner::try_new(&parent, config).unwrap();
        parent.fail_after(served);
        let mut known = Vec::new();
        for number in 0..40 {
            let text = format!("text {number}");
            let before = names.len();
            match names.try_intern(&text) {
                Ok(symbol) => known.push((text, symbol)),
                Err(AllocError) => assert_eq!((names.len(), names.find(&text)), (before, None)),
            }
            assert_eq!(names.check(), Ok(()));
        }
        assert!(known.len() < 40);
        parent.fail_after(usize::MAX);
        for (text, symbol) in &known {
            assert_eq!((names.intern(text), &names[*symbol]), (*symbol, text.as_str()));
        }
        assert_eq!(names.intern("text 39").index() as usize, names.len() - 1);
    }
}

#[test]
fn a_walk_finds_a_table_that_was_changed() {
    let names: Interner<_> = Interner::with_defaults(Ledger::new());
    for text in ["a", "b", "c"] {
        names.intern(text);
    }
    let first = Symbol::from_index(0).unwrap();
    // SAFETY: there is such an entry.
    let entry = unsafe { names.table.get().entry(first) };
    let second = Symbol::from_index(1).unwrap();
    let slot = names.table.get().find(digest(b"d"), b"d").unwrap_err();
    // SAFETY: the entry is there already, and is one of a text that lives.
    unsafe { names.table.get().put(second, entry, slot) };
    assert_eq!(names.check(), Err("there are more or fewer slots taken than texts"));
    names.len.set(names.table.get().room() + 1);
    assert_eq!(names.check(), Err("there are more texts than the table has room for"));
    names.len.set(3);
}

/// Serves from `Ledger`, and interns on the way.
struct CallsBack {
    ledger: Ledger,
    names: RefCell<Weak<Interner<Rc<Self>>>>,
}

// SAFETY: the ledger does all.
unsafe impl Allocate for CallsBack {
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let names = self.names.take();
        if let Some(names) = names.upgrade() {
            for number in 0..20 {
                names.try_intern(&format!("{number}"))?;
            }
        }
        *self.names.borrow_mut() = names;
        self.ledger.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.ledger.deallocate(block, layout) }
    }
}

/// The same text may be interned, and the table grown, while it is being grown.
#[test]
fn a_parent_that_calls_back_finds_the_interner_in_order() {
    let parent = Rc::new(CallsBack { ledger: Ledger::new(), names: RefCell::default() });
    let names = Rc::new(Interner::<_, str>::with_defaults(parent.clone()));
    *parent.names.borrow_mut() = Rc::downgrade(&names);
    for number in 0..60 {
        let text = format!("{number}");
        assert_eq!(&names[names.intern(&text)], text);
    }
    assert_eq!(names.len(), 60);
    let texts: Vec<_> = names.iter().map(|(_, text)| text).collect();
    assert!(texts.iter().all(|text| names.find(text).is_some()));
}

#[test]
fn it_can_be_a_constant_and_change_threads() {
    let names: Interner = const { Interner::with_defaults(System) };
    let symbol = names.intern("here");
    std::thread::spawn(move || assert_eq!(&names[symbol], "here")).join().unwrap();
}

proptest! {
    #[test]
    fn it_does_as_a_map_and_a_vector_do(texts in proptest::collection::vec("[ab]{0,5}|[a-z]{0,20}", 0..300)) {
        let config = ArenaConfig { span_first: 64, span_max: 256, keep: 0 };
        let names: Interner<_> = Interner::try_new(Ledger::new(), config).unwrap();
        let (mut numbers, mut all) = (BTreeMap::new(), Vec::new());
        for text in &texts {
            let next = all.len();
            let number = *numbers.entry(text).or_insert_with(|| {
                all.push(text.as_str());
                next
            });
            prop_assert_eq!(names.intern(text).index() as usize, number);
        }
        prop_assert_eq!(names.iter().map(|(_, text)| text).collect::<Vec<_>>(), all);
        prop_assert_eq!(names.check(), Ok(()));
    }
}

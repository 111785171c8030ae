//! `Interner` over every kind of parent.

use blockwork::{
    Allocate, Arena, Buffer, Bump, Check, Counted, Interner, Memo, Reset, SpanPool, SpanPoolConfig, System, send_sync,
    testing::{Bound, Failing, Local, Misaligned, Shared, Shuffled, Strict, Tied, When},
};

/// Interns words of a text over `parent`, twice, with a reset in between.
fn serves<A: Allocate + Check>(parent: A) {
    const WORDS: usize = 700;
    let words: Vec<String> = (0..WORDS).map(|word| "ab".repeat(word % 9) + &word.to_string()).collect();
    let mut names: Interner<A> = Interner::with_defaults(parent);
    for _ in 0..2 {
        for _ in 0..3 {
            for (index, word) in (0..).zip(&words) {
                assert_eq!(names.intern(word).index(), index);
            }
        }
        assert_eq!((names.len(), names.check()), (WORDS, Ok(())));
        assert!(names.iter().zip(&words).all(|((_, text), word)| text == word));
        names.reset();
    }
}

#[test]
fn any_parent_serves() {
    serves(System);
    serves(Misaligned::new(System));
    serves(Shuffled::new(System, 3));
    serves(Memo::new(System, usize::MAX));
    serves(Bump::new(System, 1 << 17));
    serves(Arena::with_defaults(System));
    serves(SpanPool::try_new(System, SpanPoolConfig::DEFAULT).unwrap());
    serves(Strict::new());
    let counted = Counted::new(System);
    serves(&counted);
    assert_eq!(counted.counts().blocks_live, 0);
}

/// Each request, of texts and table, may be the one that fails.
#[test]
fn a_failed_request_leaves_the_texts_as_they_were() {
    let mut refused = 0;
    for number in 0..8 {
        let parent = Failing::new(System, When::Once(number));
        let names: Interner<_> = Interner::with_defaults(&parent);
        let words: Vec<String> = (0..300).map(|word| format!("{word:040}")).collect();
        for word in &words {
            if names.try_intern(word).is_err() {
                assert_eq!((names.find(word), names.check()), (None, Ok(())));
                refused += 1;
                names.intern(word);
            }
        }
        assert_eq!(parent.failures(), 1);
        assert!(names.iter().zip(&words).all(|((_, text), word)| text == word));
    }
    // For another span the arena asks again, for a smaller one; the table does not.
    assert!(refused >= 4, "{refused}");
}

/// Without the system: texts and table in a region of the program's.
#[test]
fn a_buffer_holds_an_interner() {
    let mut memory = [core::mem::MaybeUninit::uninit(); 8192];
    let names: Interner<_> = Interner::with_defaults(Buffer::new(&mut memory));
    // One holder takes all of a buffer: texts, but not the table as well.
    assert!(names.try_intern("a").is_err());
    drop(names);
    let bump = Bump::new_all(Buffer::new(&mut memory));
    let names: Interner<_> = Interner::with_defaults(bump);
    assert_eq!(&names[names.intern("a")], "a");
}

send_sync! {
    Interner<Shared>: Send, !Sync;
    Interner<Local>: Send, !Sync;
    Interner<Bound>: !Send, !Sync;
    Interner<Tied>: !Send, !Sync;
    Interner<Shared, [u8]>: Send, !Sync;
    blockwork::Symbol: Send, Sync;
}

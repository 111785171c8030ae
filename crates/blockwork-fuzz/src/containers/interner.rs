//! `Interner` beside a map.

use std::collections::HashMap;

use arbitrary::{Result, Unstructured};
use blockwork::{
    ArenaConfig, Interner, Symbol,
    testing::{Failing, Strict},
};

use super::{OPERATIONS, when};

/// Texts and their numbers.
pub(super) fn compared(u: &mut Unstructured<'_>) -> Result<()> {
    let parent = Failing::new(Strict::new(), when(u)?);
    let config = ArenaConfig { span_first: 128, span_max: 4096, ..ArenaConfig::DEFAULT };
    let interner: Interner<_, [u8]> =
        Interner::try_new(&parent, config).unwrap_or_else(|error| unreachable!("{error}"));
    let (mut known, mut texts) = (HashMap::new(), Vec::new());
    let mut places = Vec::new();
    let mut done = 0;
    while !u.is_empty() && done < 4 * OPERATIONS {
        done += 1;
        let len = u.int_in_range(0..=40)?;
        let text = if len > 36 { vec![u.arbitrary()?; 100 * len] } else { u.bytes(len.min(u.len()))?.to_vec() };
        let expected = known.get(&text).copied();
        assert_eq!(interner.find(&text), expected);
        match interner.try_intern(&text) {
            Ok(symbol) => {
                assert!(expected.is_none_or(|known| known == symbol));
                if expected.is_none() {
                    assert_eq!(symbol.index() as usize, texts.len());
                    places.push(interner.get(symbol).map(<[u8]>::as_ptr));
                    known.insert(text.clone(), symbol);
                    texts.push(text);
                }
            }
            Err(_) => assert_eq!(expected, None, "a text that is there needs no memory"),
        }
        let unknown = u32::try_from(texts.len()).ok().and_then(Symbol::from_index);
        assert_eq!(unknown.and_then(|symbol| interner.get(symbol)), None);
        assert_eq!(interner.len() as usize, texts.len());
    }
    for ((symbol, found), (text, place)) in interner.iter().zip(texts.iter().zip(places)) {
        assert_eq!((found, Some(found.as_ptr())), (text.as_slice(), place));
        assert_eq!(interner.find(text), Some(symbol));
    }
    assert_eq!(parent.parent().faults(), []);
    drop(interner);
    assert_eq!(parent.parent().live_blocks(), 0, "an interner has left memory behind");
    Ok(())
}

//! What the fuzzers kept, once more: every input that was new to them.

mod corpora;

use blockwork_fuzz::TARGETS;

use self::corpora::corpus;

fn replay(name: &str) {
    let Some((_, target)) = TARGETS.iter().find(|(known, _)| *known == name) else { panic!("no target `{name}`") };
    for input in corpus(name) {
        target(&input);
    }
}

macro_rules! replayed {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*

        #[test]
        fn every_target_is_replayed() {
            assert_eq!(TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [$(stringify!($name)),*]);
        }
    };
}

replayed!(c_api, compositions, containers, malloc, notation, recordings);

//! What the compiler says where a capability is missing, word for word: each file in
//! `messages/` beside what is said about it.
//!
//! The words are those of the compiler that the project is built with; with a newer
//! one, `TRYBUILD=overwrite cargo test -p blockwork --test messages` writes its own,
//! and the difference is read. That nothing of this compiles is checked with every
//! compiler, by the codes of the errors, in the documentation of `combine::refused`.

#[test]
fn a_missing_capability_is_named_and_explained() {
    trybuild::TestCases::new().compile_fail("tests/messages/*.rs");
}

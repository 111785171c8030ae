//! The corpora of the fuzzers, as the tree holds them.

use std::{fs, path::Path};

/// The inputs of a target: each stands behind its length in four bytes.
pub(crate) fn corpus(name: &str) -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpora").join(name);
    let packed = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (mut rest, mut inputs) = (packed.as_slice(), Vec::new());
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let (input, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        inputs.push(input.to_vec());
        rest = behind;
    }
    assert!(inputs.len() > 50, "{name} has {} inputs", inputs.len());
    inputs
}

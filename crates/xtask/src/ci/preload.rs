//! The library for `LD_PRELOAD`: a workspace of its own, and programs in C and C++
//! that run under it.

use std::{path::Path, process::Command};

use super::Gate;
use crate::run::{step, test};

/// Looks at the library's source, and runs the programs: in `--full` those that
/// depend on chance run for longer.
pub(super) fn check(root: &Path, gate: Gate) -> Result<(), String> {
    let folder = root.join("crates/blockwork-preload");
    let cargo =
        |line: &str| step(&folder, &format!("preload: {line}"), Command::new(env!("CARGO")).args(line.split(' ')));
    cargo("fmt --check")?;
    cargo("clippy --release -- -D warnings")?;
    let line = "test -p blockwork-malloc --test preload";
    let mut programs = Command::new(env!("CARGO"));
    programs.args(line.split(' '));
    if gate == Gate::Full {
        programs.env("BLOCKWORK_TEST_LONG", "1");
    }
    test(root, line, &mut programs)
}

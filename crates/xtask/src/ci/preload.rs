//! The library for `LD_PRELOAD`: a workspace of its own, and programs in C and C++
//! that run under it.

use std::{path::Path, process::Command};

use super::Gate;
use crate::{
    attacks, programs,
    run::{report, step, test},
};

/// Looks at the library's source, attacks it, and runs real programs under it. Those in C and
/// C++ are among the tests of the workspace; in `--full` they run for longer.
pub(super) fn check(root: &Path, gate: Gate) -> Result<(), String> {
    let folder = root.join("crates/blockwork-preload");
    let cargo =
        |line: &str| step(&folder, &format!("preload: {line}"), Command::new(env!("CARGO")).args(line.split(' ')));
    cargo("fmt --check")?;
    cargo("clippy --release -- -D warnings")?;
    let programs = |args: &[&str]| report("programs", || programs::run(root, args));
    report("attacks", || attacks::check(root))?;
    if gate == Gate::Fast {
        return programs(&["--quick"]);
    }
    let line = "test -p blockwork-malloc --test preload";
    let mut command = Command::new(env!("CARGO"));
    test(root, line, command.args(line.split(' ')).env("BLOCKWORK_TEST_LONG", "1"))?;
    programs(&["--full"])
}

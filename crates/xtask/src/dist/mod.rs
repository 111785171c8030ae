//! `cargo xtask dist`: the C library as it is installed, in `target/dist`.
//!
//! ```text
//! blockwork-c ─► one archive of cargo's, with std in it
//!                   └ ld -r, what the header's functions need ─► objcopy, all other names local
//!                         ├─► lib/libblockwork.a
//!                         └─► lib/libblockwork.so.0.1.0, by the version script
//! blockwork-preload ─► lib/libblockwork-preload.so
//! ```
//!
//! Cargo can link a shared library, too, but gives it a version script of its
//! own, which shows the names of std's that are not mangled. This way neither
//! library can clash with another one that has a std in it.

mod check;

use std::{fs, path::Path, process::Command};

pub(crate) use self::check::check;
use crate::run::{output, report, step};

/// What is installed comes to lie here.
const TREE: &str = "target/dist";
/// The crate of the library.
const CRATE: &str = "crates/blockwork-c";
/// The library that puts the malloc in the place of C's; a workspace of its own.
const PRELOAD: &str = "crates/blockwork-preload/Cargo.toml";
/// What cargo makes of it.
const PRELOADED: &str = "target/preload/release/libblockwork_preload.so";
/// What cargo makes, by the profile of that name.
const ARCHIVE: &str = "target/c-library/libblockwork_c.a";
/// What std needs of the system, as `rustc --print native-static-libs` says.
const PRIVATE: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";
const VERSION: Version = Version { major: "0", minor: "1", patch: "0" };

/// The version of the library, as the workspace has it.
struct Version {
    major: &'static str,
    minor: &'static str,
    patch: &'static str,
}

impl Version {
    fn full(&self) -> String {
        format!("{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Builds the tree anew.
pub(crate) fn build(root: &Path) -> Result<(), String> {
    if cfg!(not(target_os = "linux")) {
        return Err("dist: only for Linux".to_owned());
    }
    is_version(root)?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["rustc", "-p", "blockwork-c", "--lib", "--crate-type", "staticlib", "--profile", "c-library"]);
    step(root, "dist: compile", &mut cargo)?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--manifest-path", PRELOAD, "--target-dir", "target/preload"]);
    step(root, "dist: compile what is preloaded", &mut cargo)?;
    report(&format!("dist: {TREE}"), || install(root))
}

/// Fails if the version that is written here is not that of the workspace.
fn is_version(root: &Path) -> Result<(), String> {
    let manifest = read(&root.join("Cargo.toml"))?;
    let version = format!("version = \"{}\"", VERSION.full());
    if manifest.lines().any(|line| line == version) { Ok(()) } else { Err(format!("dist: Cargo.toml lacks {version}")) }
}

fn install(root: &Path) -> Result<(), String> {
    let (from, tree) = (root.join(CRATE), root.join(TREE));
    // What an earlier build had, and this one has not.
    drop(fs::remove_dir_all(&tree));
    for folder in ["include", "lib/pkgconfig", "lib/cmake/blockwork", "share/man/man3"] {
        fs::create_dir_all(tree.join(folder)).map_err(|error| format!("{TREE}/{folder}: {error}"))?;
    }
    libraries(root, &from, &tree.join("lib"))?;
    for (file, to) in [
        ("include/blockwork.h", "include/blockwork.h"),
        ("include/blockwork.hpp", "include/blockwork.hpp"),
        ("dist/blockwork.pc", "lib/pkgconfig/blockwork.pc"),
        ("dist/blockwork-config.cmake", "lib/cmake/blockwork/blockwork-config.cmake"),
        ("dist/blockwork-config-version.cmake", "lib/cmake/blockwork/blockwork-config-version.cmake"),
        ("dist/blockwork.3", "share/man/man3/blockwork.3"),
    ] {
        let text = filled(&read(&from.join(file))?);
        fs::write(tree.join(to), text).map_err(|error| format!("{TREE}/{to}: {error}"))?;
    }
    Ok(())
}

/// `text` with what only the build knows.
fn filled(text: &str) -> String {
    let Version { major, minor, .. } = VERSION;
    let text = text.replace("@VERSION@", &VERSION.full()).replace("@PRIVATE@", PRIVATE);
    text.replace("@MAJOR@", major).replace("@MINOR@", minor)
}

/// Makes both libraries of cargo's archive.
fn libraries(root: &Path, from: &Path, lib: &Path) -> Result<(), String> {
    let object = root.join("target/c-library/blockwork.o");
    let mut ld = Command::new("ld");
    // What none of the functions needs is left out.
    ld.args(["-r", "--gc-sections"]);
    for name in declared(&read(&from.join("include/blockwork.h"))?) {
        ld.args(["-u", &name]);
    }
    output(root, "ld -r", ld.arg("-o").arg(&object).arg(ARCHIVE))?;
    let mut objcopy = Command::new("objcopy");
    output(root, "objcopy", objcopy.args(["--wildcard", "--keep-global-symbol=bw_*", "--strip-debug"]).arg(&object))?;
    output(root, "ar", Command::new("ar").arg("rcsD").arg(lib.join("libblockwork.a")).arg(&object))?;

    let full = format!("libblockwork.so.{}", VERSION.full());
    let name = format!("libblockwork.so.{}", VERSION.major);
    let mut cc = Command::new("cc");
    cc.arg("-shared").arg("-o").arg(lib.join(&full)).arg(&object);
    cc.arg(format!("-Wl,-soname,{name}"));
    cc.arg(format!("-Wl,--version-script={}", from.join("dist/blockwork.map").display()));
    // It has thread-locals with destructors, which must outlive every `dlclose`.
    cc.args(["-Wl,-z,nodelete,-z,defs,-z,relro,-z,now", "-Wl,--gc-sections,--as-needed,--strip-debug"]);
    cc.args(PRIVATE.split(' '));
    output(root, "cc -shared", &mut cc)?;
    let preloaded = lib.join("libblockwork-preload.so");
    fs::copy(root.join(PRELOADED), preloaded).map_err(|error| format!("{PRELOADED}: {error}"))?;
    link(&full, &lib.join(&name))?;
    link(&name, &lib.join("libblockwork.so"))
}

#[cfg(unix)]
fn link(to: &str, at: &Path) -> Result<(), String> {
    std::os::unix::fs::symlink(to, at).map_err(|error| format!("{}: {error}", at.display()))
}

#[cfg(not(unix))]
fn link(_to: &str, at: &Path) -> Result<(), String> {
    Err(format!("{}: no links here", at.display()))
}

/// The functions that the header declares.
fn declared(header: &str) -> Vec<String> {
    let names = header.split("\nBW_API ").skip(1).filter_map(|text| {
        let before = text.split_once('(')?.0;
        before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()
    });
    names.map(str::to_owned).collect()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_by_its_declaration() {
        let header = "\n#define BW_API extern\nBW_API int bw_one(void);\n\nBW_API const char *bw_two(\n    int x);\n";
        assert_eq!(declared(header), ["bw_one", "bw_two"]);
    }

    #[test]
    fn what_the_build_knows_is_filled_in() {
        assert_eq!(filled("v @VERSION@ of @MAJOR@.@MINOR@"), format!("v {} of 0.1", VERSION.full()));
    }

    #[test]
    fn the_version_is_that_of_the_workspace() {
        assert_eq!(is_version(&crate::root()), Ok(()));
    }
}

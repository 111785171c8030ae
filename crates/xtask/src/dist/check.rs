//! Programs built against the installed tree, as their authors would: by
//! pkg-config, by CMake, with the static library, and by `dlopen`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{CRATE, TREE, VERSION, build, declared, read};
use crate::run::{has, output, report, skipped};

/// The tree is tried from here, as it may lie anywhere.
const MOVED: &str = "target/dist-check/moved";

/// Builds the tree, and programs against it, and runs them.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    build(root)?;
    let checks = Checks { root, tree: root.join(MOVED), folder: root.join("target/dist-check") };
    checks.moved()?;
    report("dist: what the libraries show", || checks.symbols())?;
    report("dist: linked by hand", || checks.by_hand())?;
    report("dist: preloaded", || checks.preloaded())?;
    if has("pkg-config", &["--version"]) {
        report("dist: pkg-config", || checks.by_pkg_config())?;
    } else {
        skipped("dist: pkg-config", "not installed");
    }
    if has("cmake", &["--version"]) {
        report("dist: CMake", || checks.by_cmake())
    } else {
        skipped("dist: CMake", "not installed");
        Ok(())
    }
}

struct Checks<'a> {
    root: &'a Path,
    tree: PathBuf,
    folder: PathBuf,
}

impl Checks<'_> {
    fn moved(&self) -> Result<(), String> {
        drop(fs::remove_dir_all(&self.folder));
        fs::create_dir_all(&self.folder).map_err(|error| format!("{}: {error}", self.folder.display()))?;
        self.runs(Command::new("cp").arg("-a").arg(TREE).arg(&self.tree)).map(drop)
    }

    fn runs(&self, command: &mut Command) -> Result<String, String> {
        let name = format!("{command:?}");
        output(self.root, &name, command)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.root.join(CRATE).join("tests/c").join(name)
    }

    fn lib(&self) -> PathBuf {
        self.tree.join("lib")
    }

    fn shared(&self) -> PathBuf {
        self.lib().join(format!("libblockwork.so.{}", VERSION.full()))
    }

    /// Runs a program with the shared library where it lies now.
    fn run(&self, program: &Path) -> Result<(), String> {
        self.runs(Command::new(program).env("LD_LIBRARY_PATH", self.lib())).map(drop)
    }

    /// Both libraries show the functions of the header and nothing else; the
    /// shared one has its name and stays loaded.
    fn symbols(&self) -> Result<(), String> {
        let header = read(&self.tree.join("include/blockwork.h"))?;
        let expected: BTreeSet<String> = declared(&header).into_iter().collect();
        let static_ =
            self.runs(Command::new("nm").args(["-g", "--defined-only"]).arg(self.lib().join("libblockwork.a")))?;
        let shared = self.runs(Command::new("nm").args(["-D", "--defined-only"]).arg(self.shared()))?;
        for (library, symbols) in [("libblockwork.a", static_), ("libblockwork.so", shared)] {
            let shown: BTreeSet<String> = symbols.lines().filter_map(name_of).map(str::to_owned).collect();
            if shown != expected {
                let odd: Vec<_> = shown.symmetric_difference(&expected).collect();
                return Err(format!("{library} and blockwork.h do not have the same functions: {odd:?}"));
            }
        }
        let dynamic = self.runs(Command::new("readelf").args(["-d", "--wide"]).arg(self.shared()))?;
        let soname = format!("[libblockwork.so.{}]", VERSION.major);
        match [soname.as_str(), "NODELETE", "libc.so.6"].into_iter().find(|word| !dynamic.contains(word)) {
            Some(missing) => Err(format!("libblockwork.so lacks {missing}\n{dynamic}")),
            None => Ok(()),
        }
    }

    /// The static library with what the pkg-config file calls private; the shared
    /// one loaded, used and unloaded while its threads run; and both in one
    /// program.
    fn by_hand(&self) -> Result<(), String> {
        let include = self.tree.join("include");
        let program = self.folder.join("static");
        let mut cc = Command::new("cc");
        cc.args(["-std=c11", "-D_GNU_SOURCE", "-I"]).arg(&include).arg(self.program("parts.c")).arg("-o").arg(&program);
        cc.arg(self.lib().join("libblockwork.a")).args(super::PRIVATE.split(' '));
        self.runs(&mut cc)?;
        self.runs(&mut Command::new(&program))?;

        for (name, also) in [("loads", None), ("copies", Some(self.lib().join("libblockwork.a")))] {
            let program = self.folder.join(name);
            let source = self.root.join(CRATE).join("tests/installed").join(name).with_extension("c");
            let mut cc = Command::new("cc");
            cc.args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-I"]).arg(&include);
            cc.arg(source).arg("-o").arg(&program).args(also).args(super::PRIVATE.split(' '));
            self.runs(&mut cc)?;
            self.runs(Command::new(&program).arg(self.shared()))?;
        }
        Ok(())
    }

    /// A program of others runs with the malloc in the place of its own.
    fn preloaded(&self) -> Result<(), String> {
        let library = self.lib().join("libblockwork-preload.so");
        let said = self.runs(Command::new("sh").args(["-c", "echo served"]).env("LD_PRELOAD", &library))?;
        let symbols = self.runs(Command::new("nm").args(["-D", "--defined-only"]).arg(&library))?;
        let exports = symbols.lines().filter_map(name_of).any(|name| name == "malloc");
        if exports && said == "served\n" { Ok(()) } else { Err(format!("a shell said {said:?}\n{symbols}")) }
    }

    fn by_pkg_config(&self) -> Result<(), String> {
        let mut flags = Command::new("pkg-config");
        flags.env("PKG_CONFIG_PATH", self.lib().join("pkgconfig"));
        let flags = self.runs(flags.args(["--cflags", "--libs", "blockwork = 0.1.0"]))?;
        for (tool, standard, source) in
            [("cc", "-std=c11", "seed_003.c"), ("cc", "-std=c11", "seed_004.c"), ("c++", "-std=c++17", "pmr.cpp")]
        {
            let program = self.folder.join(source).with_extension("pc");
            let mut compile = Command::new(tool);
            compile.args([standard, "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
            compile.arg(self.program(source)).arg("-o").arg(&program);
            self.runs(compile.args(flags.split_whitespace()))?;
            self.run(&program)?;
        }
        Ok(())
    }

    fn by_cmake(&self) -> Result<(), String> {
        let build = self.folder.join("cmake");
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(self.root.join(CRATE).join("tests/installed")).arg("-B").arg(&build);
        configure.arg(format!("-DCMAKE_PREFIX_PATH={}", self.tree.display()));
        self.runs(&mut configure)?;
        self.runs(Command::new("cmake").arg("--build").arg(&build))?;
        ["shared", "static", "resources"].iter().try_for_each(|program| self.run(&build.join(program)))
    }
}

/// The name in a line of `nm`'s, without the version behind it.
fn name_of(line: &str) -> Option<&str> {
    // The version itself is a symbol, too.
    let (rest, name) = line.rsplit_once(' ')?;
    let name = name.split('@').next()?;
    if rest.ends_with(" A") { None } else { Some(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_named_without_its_version() {
        assert_eq!(name_of("0000000000012340 T bw_bump@@BLOCKWORK_0.1"), Some("bw_bump"));
        assert_eq!(name_of("0000000000000000 A BLOCKWORK_0.1"), None);
        assert_eq!(name_of(""), None);
    }
}

//! `cargo xtask peers`: other mallocs as libraries to preload, compiled from
//! the sources inside of their registry packages into `target/peers`.
//!
//! `bench/peers` names the packages and pins them; cargo fetches them. Of
//! tcmalloc there is no such package: the distribution's is taken if installed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::output;

/// A malloc that can be preloaded, or the C library's own.
#[derive(Clone)]
pub(crate) struct Malloc {
    pub(crate) name: String,
    pub(crate) version: String,
    /// What is preloaded.
    pub(crate) library: PathBuf,
}

/// One that is built here: its name, its package, and how.
struct Source {
    name: &'static str,
    package: &'static str,
    build: fn(&Path, &Path) -> Result<(), String>,
    version: fn(&Path, &str) -> String,
}

const SOURCES: &[Source] = &[
    Source {
        name: "mimalloc3",
        package: "libmimalloc-sys",
        build: |source, library| mimalloc(source, "v3", &[], library),
        version: |source, _| mimalloc_version(source, "v3"),
    },
    Source {
        name: "mimalloc2",
        package: "libmimalloc-sys",
        build: |source, library| mimalloc(source, "v2", &[], library),
        version: |source, _| mimalloc_version(source, "v2"),
    },
    Source {
        name: "snmalloc",
        package: "snmalloc-sys",
        build: |source, library| snmalloc(source, &["malloc.cc", "new.cc"], &[], library),
        version: |_, package| package.to_owned(),
    },
    Source {
        name: "rpmalloc",
        package: "rpmalloc-sys",
        build: rpmalloc,
        version: |source, _| first_of_changes(source),
    },
    Source {
        name: "jemalloc",
        package: "tikv-jemalloc-sys",
        build: jemalloc,
        version: |_, package| jemalloc_version(package).split('-').next().unwrap_or_default().to_owned(),
    },
];

/// The hardened builds of some of them, as their own build scripts make those.
const HARDENED: &[Source] = &[
    Source {
        name: "mimalloc3-secure",
        package: "libmimalloc-sys",
        build: |source, library| mimalloc(source, "v3", &["-DMI_SECURE=4"], library),
        version: |source, _| mimalloc_version(source, "v3"),
    },
    Source {
        name: "mimalloc2-secure",
        package: "libmimalloc-sys",
        build: |source, library| mimalloc(source, "v2", &["-DMI_SECURE=4"], library),
        version: |source, _| mimalloc_version(source, "v2"),
    },
    Source {
        name: "snmalloc-checks",
        package: "snmalloc-sys",
        build: |source, library| {
            // With a `memcpy` that looks at the ends of blocks.
            let checks = ["-DSNMALLOC_CHECK_CLIENT", "-DSNMALLOC_CHECK_LOADS=false"];
            snmalloc(source, &["malloc.cc", "new.cc", "memcpy.cc"], &checks, library)
        },
        version: |_, package| package.to_owned(),
    },
];

/// Where distributions put these; a preload by name would not say whether it was found.
const LIBRARY_FOLDERS: &[&str] = &["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];

/// This library's own malloc, built, if there is a crate of it.
pub(crate) fn own(root: &Path) -> Result<Option<Malloc>, String> {
    let manifest = root.join("crates/blockwork-preload/Cargo.toml");
    if !manifest.exists() {
        return Ok(None);
    }
    // Into the workspace's folder, whether it is of the workspace or not.
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--manifest-path"]).arg(&manifest).arg("--target-dir").arg(root.join("target"));
    output(root, "the build of blockwork-preload", &mut cargo)?;
    let library = root.join("target/release/libblockwork_preload.so");
    Ok(Some(Malloc { name: "blockwork".to_owned(), version: "this commit".to_owned(), library }))
}

/// The hardened malloc of this library, which is built with the [plain](own) one.
pub(crate) fn own_hardened(own: &Malloc) -> Malloc {
    let library = own.library.with_file_name("libblockwork_preload_hardened.so");
    Malloc { name: format!("{}-hardened", own.name), version: own.version.clone(), library }
}

/// Builds what is not there yet, and says what there is.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    for malloc in all(root)?.into_iter().chain(hardened(root)?) {
        println!("{:<16} {:<12} {}", malloc.name, malloc.version, malloc.library.display());
    }
    Ok(())
}

/// The C library's malloc and every peer, built if need be; what cannot be had
/// is said and left out.
pub(crate) fn all(root: &Path) -> Result<Vec<Malloc>, String> {
    let mut found: Vec<Malloc> = glibc().into_iter().collect();
    found.extend(built_from(root, SOURCES)?);
    match installed("libtcmalloc_minimal.so.4") {
        Some(library) => found.push(Malloc { name: "tcmalloc".to_owned(), version: tcmalloc_version(), library }),
        None => println!("tcmalloc is not installed (Debian: libtcmalloc-minimal4); left out"),
    }
    Ok(found)
}

/// The hardened builds of peers, likewise.
pub(crate) fn hardened(root: &Path) -> Result<Vec<Malloc>, String> {
    built_from(root, HARDENED)
}

fn built_from(root: &Path, sources: &[Source]) -> Result<Vec<Malloc>, String> {
    let folder = root.join("target/peers");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let packages = packages(root)?;
    let mut found = Vec::new();
    for Source { name, package, build, version } in sources {
        let Some((source, package_version)) = packages.iter().find_map(|folder| of_package(folder, package)) else {
            println!("{name}: cargo did not fetch `{package}`; left out");
            continue;
        };
        let version = version(&source, &package_version);
        // The version is part of the name: another one is another file.
        let library = folder.join(format!("lib{name}-{version}.so"));
        let built = if library.exists() { Ok(()) } else { build(&source, &library) };
        match built {
            Ok(()) => found.push(Malloc { name: (*name).to_owned(), version, library }),
            Err(error) => println!("{name} {version} cannot be built, and is left out:\n{error}"),
        }
    }
    Ok(found)
}

/// The C library's malloc, preloaded like the others: some programs bring one of their own.
fn glibc() -> Option<Malloc> {
    let version = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let version = String::from_utf8_lossy(&version.stdout).replace("glibc", "").trim().to_owned();
    Some(Malloc { name: "glibc".to_owned(), version, library: installed("libc.so.6")? })
}

/// A library of the distribution by its file name.
fn installed(name: &str) -> Option<PathBuf> {
    LIBRARY_FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|library| library.exists())
}

/// The folder of `package`, one of those that `bench/peers` depends on.
pub(crate) fn package(root: &Path, package: &str) -> Result<PathBuf, String> {
    let found = packages(root)?.iter().find_map(|folder| of_package(folder, package));
    found.map(|(folder, _)| folder).ok_or_else(|| format!("cargo did not fetch `{package}`"))
}

/// The folders of the packages that `bench/peers` depends on.
fn packages(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--locked", "--format-version", "1", "--manifest-path"]);
    cargo.arg(root.join("bench/peers/Cargo.toml"));
    let metadata = output(root, "cargo metadata", &mut cargo)?;
    let manifests = metadata.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    Ok(manifests.filter_map(|manifest| Path::new(manifest).parent()).map(Path::to_owned).collect())
}

/// The folder and the version, if `folder` is that of `package`.
fn of_package(folder: &Path, package: &str) -> Option<(PathBuf, String)> {
    let name = folder.file_name()?.to_str()?;
    let version = name.strip_prefix(package)?.strip_prefix('-')?;
    version.starts_with(|first: char| first.is_ascii_digit()).then(|| (folder.to_owned(), version.to_owned()))
}

/// A compiler with what all of them are compiled with.
fn compiler(name: &str) -> Command {
    let mut command = Command::new(name);
    command.args(["-O3", "-DNDEBUG", "-fPIC", "-shared", "-pthread", "-ftls-model=initial-exec", "-w"]);
    command
}

fn mimalloc(source: &Path, version: &str, defined: &[&str], library: &Path) -> Result<(), String> {
    let source = source.join("c_src/mimalloc").join(version);
    let mut cc = compiler("cc");
    cc.args(defined);
    cc.args(["-std=gnu11", "-fvisibility=hidden", "-fno-builtin-malloc"]);
    cc.args(["-DMI_MALLOC_OVERRIDE", "-DMI_SHARED_LIB", "-DMI_SHARED_LIB_EXPORT"]);
    cc.arg("-I").arg(source.join("include")).arg("-I").arg(source.join("src"));
    built(cc.arg(source.join("src/static.c")), library)
}

fn snmalloc(source: &Path, files: &[&str], defined: &[&str], library: &Path) -> Result<(), String> {
    let source = source.join("upstream/src");
    let mut cc = compiler("c++");
    cc.args(defined);
    cc.args(["-std=c++20", "-fvisibility=hidden", "-fomit-frame-pointer", "-ffunction-sections", "-static-libstdc++"]);
    cc.arg("-DSNMALLOC_EXPORT=__attribute__((visibility(\"default\")))");
    cc.args(["-DSNMALLOC_USE_CXX11_DESTRUCTORS", "-DSNMALLOC_USE_WAIT_ON_ADDRESS=1"]);
    if cfg!(target_arch = "x86_64") {
        cc.args(["-mcx16", "-mprfchw"]);
    }
    cc.arg("-I").arg(&source);
    built(cc.args(files.iter().map(|file| source.join("snmalloc/override").join(file))), library)
}

fn rpmalloc(source: &Path, library: &Path) -> Result<(), String> {
    let mut cc = compiler("cc");
    cc.args(["-D_GNU_SOURCE", "-DENABLE_PRELOAD=1", "-DENABLE_OVERRIDE=1"]);
    built(cc.arg(source.join("rpmalloc/rpmalloc/rpmalloc.c")), library)
}

/// With its own makefile, in a copy: it writes beside its sources.
fn jemalloc(source: &Path, library: &Path) -> Result<(), String> {
    let folder = library.with_extension("build");
    let (_, version) = of_package(source, "tikv-jemalloc-sys").ok_or("a package without a version")?;
    drop(fs::remove_dir_all(&folder));
    let mut copy = Command::new("cp");
    done(copy.arg("-r").arg(source.join("jemalloc")).arg(&folder))?;
    done(Command::new("cp").arg(source.join("configure/configure")).arg(&folder))?;
    let mut configure = Command::new("sh");
    configure.args(["configure", "--enable-doc=no", "--disable-stats", "CFLAGS=-O3 -w"]);
    configure.arg(format!("--with-version={}", jemalloc_version(&version)));
    done(configure.current_dir(&folder))?;
    done(Command::new("make").args(["-s", "-j2", "build_lib_shared"]).current_dir(&folder))?;
    done(Command::new("cp").arg(folder.join("lib/libjemalloc.so.2")).arg(library))?;
    fs::remove_dir_all(&folder).map_err(|error| error.to_string())
}

/// As jemalloc's own scripts spell it: `0.7.1+5.3.1-0-g…` is of `5.3.1-0-g…`.
fn jemalloc_version(package: &str) -> &str {
    package.split_once('+').map_or(package, |(_, version)| version)
}

/// `#define MI_MALLOC_VERSION 30302` is 3.3.2.
fn mimalloc_version(source: &Path, version: &str) -> String {
    let header = source.join("c_src/mimalloc").join(version).join("include/mimalloc.h");
    let header = fs::read_to_string(header).unwrap_or_default();
    let line = header.lines().find_map(|line| line.strip_prefix("#define MI_MALLOC_VERSION"));
    let number: u32 = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100)
}

fn first_of_changes(source: &Path) -> String {
    let changes = fs::read_to_string(source.join("rpmalloc/CHANGELOG")).unwrap_or_default();
    changes.lines().next().unwrap_or_default().trim().to_owned()
}

fn tcmalloc_version() -> String {
    let package = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "libtcmalloc-minimal4"]).output();
    package.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Has `compiler` write `library`, all of it or nothing.
fn built(compiler: &mut Command, library: &Path) -> Result<(), String> {
    let unfinished = library.with_extension("unfinished");
    done(compiler.arg("-o").arg(&unfinished))?;
    fs::rename(unfinished, library).map_err(|error| error.to_string())
}

fn done(command: &mut Command) -> Result<(), String> {
    let here = env::current_dir().map_err(|error| error.to_string())?;
    let folder = command.get_current_dir().map_or(here, Path::to_owned);
    let name = command.get_program().to_string_lossy().into_owned();
    output(&folder, &name, command).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_known_by_its_folder() {
        let folder = Path::new("/registry/snmalloc-sys-0.7.6");
        assert_eq!(of_package(folder, "snmalloc-sys").map(|found| found.1).as_deref(), Some("0.7.6"));
        assert!(of_package(folder, "snmalloc").is_none());
        assert!(of_package(folder, "rpmalloc-sys").is_none());
    }

    #[test]
    fn the_version_of_jemalloc_stands_behind_that_of_its_package() {
        assert_eq!(jemalloc_version("0.7.1+5.3.1-0-gabc"), "5.3.1-0-gabc");
        assert_eq!(jemalloc_version("5.3.1"), "5.3.1");
    }
}

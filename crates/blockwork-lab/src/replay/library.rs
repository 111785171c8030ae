//! Mallocs that are libraries of their own, preloaded into the process that
//! replays: which of them this machine has, and whether one is what it should be.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use object::{Object, ObjectSymbol};

use crate::text;

/// Mallocs by name, with the names of their files: the one to take first, first.
const KNOWN: [(&str, &[&str]); 9] = [
    ("blockwork", &["libblockwork-preload.so"]),
    ("jemalloc", &["libjemalloc.so.2", "libjemalloc.so"]),
    ("mimalloc", &["libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so"]),
    ("tcmalloc", &["libtcmalloc_minimal.so.4", "libtcmalloc.so.4", "libtcmalloc_minimal.so", "libtcmalloc.so"]),
    ("snmalloc", &["libsnmallocshim.so"]),
    ("rpmalloc", &["librpmallocwrap.so", "librpmalloc.so"]),
    ("hardened_malloc", &["libhardened_malloc.so", "libhardened_malloc-light.so"]),
    ("mesh", &["libmesh.so"]),
    ("hoard", &["libhoard.so"]),
];

/// Where the loader looks, beyond `LD_LIBRARY_PATH`.
const DIRECTORIES: [&str; 6] =
    ["/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib"];

/// Those that this machine has, one of each name.
pub fn found() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = KNOWN.iter().filter_map(|(_, files)| first(&directories(), files)).collect();
    found.retain(|path| has_malloc(path).is_ok());
    found
}

/// The library that `text` means: a file, or one of the names above.
///
/// # Errors
///
/// When there is none, or it defines no `malloc`.
pub fn check(text: &str) -> anyhow::Result<PathBuf> {
    let known = KNOWN.iter().find(|(name, _)| *name == text && !Path::new(text).is_file());
    let path = match known {
        Some((_, files)) => first(&directories(), files)
            .with_context(|| format!("there is no {text} where libraries are: name its file"))?,
        None => PathBuf::from(text),
    };
    let path = path.canonicalize().map(|real| if known.is_some() { path } else { real })?;
    has_malloc(&path)?;
    if path.to_str().is_none_or(|path| path.contains([' ', ':'])) {
        bail!("the loader takes no spaces and colons in the name of what it preloads");
    }
    Ok(path)
}

/// How a row calls the library at `path`.
pub fn name(path: &Path) -> String {
    text::base_name(path.as_os_str())
}

fn directories() -> Vec<PathBuf> {
    let told = env::var_os("LD_LIBRARY_PATH").filter(|told: &OsString| !told.is_empty());
    let told = told.map(|told| env::split_paths(&told).collect::<Vec<_>>()).unwrap_or_default();
    told.into_iter().chain(DIRECTORIES.map(PathBuf::from)).collect()
}

/// The first of `files` that is in any of `directories`.
fn first(directories: &[PathBuf], files: &[&str]) -> Option<PathBuf> {
    let everywhere = files.iter().flat_map(|file| directories.iter().map(move |directory| directory.join(file)));
    everywhere.into_iter().find(|path| path.is_file())
}

/// Refuses what is no library for this machine, or one that has nothing to do
/// with `malloc`.
fn has_malloc(path: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(path)?;
    let library = object::File::parse(&*bytes).context("this is no library")?;
    if library.architecture() != object::Architecture::X86_64 {
        bail!("this is no library for this machine");
    }
    let defines = |name: &str| {
        library.dynamic_symbols().any(|symbol| symbol.is_definition() && symbol.name().is_ok_and(|found| found == name))
    };
    if let Some(missing) = ["malloc", "free", "realloc", "calloc"].into_iter().find(|name| !defines(name)) {
        bail!("this library defines no {missing}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn of_several_files_the_better_known_one_is_taken() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let directories = [one.path().into(), two.path().into()];
        assert_eq!(first(&directories, &["a.so.2", "a.so"]), None);
        fs::write(one.path().join("a.so"), "").unwrap();
        assert_eq!(first(&directories, &["a.so.2", "a.so"]), Some(one.path().join("a.so")));
        fs::write(two.path().join("a.so.2"), "").unwrap();
        assert_eq!(first(&directories, &["a.so.2", "a.so"]), Some(two.path().join("a.so.2")));
    }

    #[test]
    fn what_is_no_malloc_is_refused_with_the_reason() {
        let directory = tempfile::tempdir().unwrap();
        let text = directory.path().join("text.so");
        fs::write(&text, "not a library").unwrap();
        let refused = |path: &Path| format!("{:#}", check(path.to_str().unwrap()).unwrap_err());
        assert!(refused(&text).starts_with("this is no library"), "{}", refused(&text));
        assert!(refused(&env::current_exe().unwrap()).contains("defines no malloc"));
        assert!(refused(Path::new("/absent.so")).contains("No such file"));
    }
}

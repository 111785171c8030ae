//! [`Output`]: a file that is there when it is whole, or not at all.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

/// A file in the making, beside the place where it will be.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    force: bool,
    file: NamedTempFile,
}

impl Output {
    /// Makes what will be at `path`; only with `force` may something be there.
    ///
    /// # Errors
    ///
    /// When nothing can be written there.
    pub fn create(path: &Path, force: bool) -> anyhow::Result<Self> {
        let shown = path.display();
        if !force && path.symlink_metadata().is_ok() {
            bail!("cannot write {shown}: it exists; choose another name, or --force to replace it");
        }
        if path.is_dir() {
            bail!("cannot write {shown}: it is a directory");
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new()
            .prefix(".blockwork-")
            .permissions(Permissions::from_mode(0o666)) // less what the user's mask takes
            .tempfile_in(directory)
            .with_context(|| format!("cannot write {shown}"))?;
        Ok(Self { path: path.into(), force, file })
    }

    /// Where to write.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Puts it in its place; how long it is.
    ///
    /// # Errors
    ///
    /// When something is there by now, or the system refuses.
    pub fn finish(self) -> anyhow::Result<u64> {
        let written = || format!("cannot write {}", self.path.display());
        let size = self.file.as_file().metadata().with_context(written)?.len();
        let placed = if self.force { self.file.persist(&self.path) } else { self.file.persist_noclobber(&self.path) };
        placed.map_err(|error| io::Error::from(error.error.kind())).with_context(written)?;
        Ok(size)
    }
}

/// The name of `file` in this directory, without what says how it is packed or
/// what it is, and with `suffix`.
pub fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = crate::text::base_name(file.as_os_str());
    for end in [".zst", ".gz", ".raw", ".txt", ".bwrec"] {
        if let Some(rest) = name.strip_suffix(end).filter(|rest| !rest.is_empty()) {
            name.truncate(rest.len());
        }
    }
    format!("{name}.{suffix}").into()
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        let mut output = Output::create(&path, false).unwrap();
        output.file().write_all(b"12345").unwrap();
        assert!(!path.exists());
        assert_eq!(output.finish().unwrap(), 5);
        assert!(Output::create(&path, false).unwrap_err().to_string().contains("--force"));
        drop(Output::create(&path, true).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"12345");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn names_lose_what_says_how_they_are_packed() {
        let named = |file| beside(Path::new(file), "csv").display().to_string();
        assert_eq!(named("/tmp/ls.1.raw.zst"), "ls.1.csv");
        assert_eq!(named("ls.2.bwrec"), "ls.2.csv");
        assert_eq!(named(".zst"), ".zst.csv");
    }
}

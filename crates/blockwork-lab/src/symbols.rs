//! From addresses to functions, files and lines, by the symbols and the debug
//! information of the files that they are in.

use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use addr2line::Loader;
use object::{Object, ObjectSegment};
use serde::{Deserialize, Serialize};

use crate::text;

/// A function that was about to call another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Frame {
    /// Its name, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The file of its source, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line of its source, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The program or library that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Where it is in the file of that, or in memory if there is none.
    pub offset: u64,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = self.module.as_deref().map_or("?".into(), |module| text::base_name(module.as_ref()));
        match (&self.function, &self.file, self.line) {
            (Some(function), Some(file), Some(line)) => write!(f, "{function} at {file}:{line}"),
            (Some(function), ..) => write!(f, "{function} in {module}"),
            (None, ..) => write!(f, "{module}+{:#x}", self.offset),
        }
    }
}

impl Frame {
    /// The function, or where it is, without the folders of its source.
    pub fn short(&self) -> String {
        match (&self.function, &self.file, self.line) {
            (Some(function), Some(file), Some(line)) => format!("{function} {}:{line}", text::base_name(file.as_ref())),
            (Some(function), ..) => function.clone(),
            (None, ..) => self.to_string(),
        }
    }
}

/// A function's name, and the file and line of its source.
type Named = (Option<String>, Option<(String, u32)>);

/// A file, and how to find addresses of it.
struct Module {
    loader: Option<Loader>,
    /// Offset in the file, length and address of each of its segments.
    segments: Vec<(u64, u64, u64)>,
}

/// Whether there is a file to read at `path`. Recordings say what they like of where
/// code is from, and some of what has a path gives bytes for ever, or waits for some.
fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file())
}

/// Offset in the file, length and address of each segment of the file at `path`;
/// none if that cannot be read.
pub fn segments(path: &Path) -> Vec<(u64, u64, u64)> {
    let bytes = if is_file(path) { fs::read(path).unwrap_or_default() } else { Vec::new() };
    let segments = object::File::parse(&*bytes).map(|file| {
        let segment = |segment: object::Segment<'_, '_>| {
            let (offset, length) = segment.file_range();
            (offset, length, segment.address())
        };
        file.segments().map(segment).collect()
    });
    segments.unwrap_or_default()
}

impl Module {
    fn open(path: &Path) -> Self {
        let loader = is_file(path).then(|| Loader::new(path).ok()).flatten();
        Self { loader, segments: segments(path) }
    }

    /// What the function around the `offset` in the file is called, and where its
    /// source is; those that are inlined there first.
    fn frames(&self, offset: u64) -> Vec<Named> {
        let segment = self.segments.iter().find(|(start, length, _)| offset.wrapping_sub(*start) < *length);
        let (Some((start, _, address)), Some(loader)) = (segment, &self.loader) else { return Vec::new() };
        let probe = offset.wrapping_sub(*start).wrapping_add(*address);
        let mut frames = Vec::new();
        if let Ok(mut found) = loader.find_frames(probe) {
            while let Ok(Some(frame)) = found.next() {
                let name = frame.function.and_then(|name| name.demangle().ok().map(|name| name.into_owned()));
                let source = frame.location.and_then(|location| Some((location.file?.to_owned(), location.line?)));
                frames.push((name, source));
            }
        }
        if frames.iter().all(|(name, _)| name.is_none()) {
            let symbol = loader.find_symbol(probe).map(|name| addr2line::demangle_auto(name.into(), None).into_owned());
            frames = vec![(symbol, None)];
        }
        frames
    }
}

/// Names by file and place in it, each looked up once.
#[derive(Default)]
pub struct Symbols {
    modules: HashMap<PathBuf, Module>,
    known: HashMap<(PathBuf, u64), Vec<Frame>>,
}

impl fmt::Debug for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Symbols").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Symbols {
    /// The functions around an address that is in no file.
    pub fn nameless(address: u64) -> Vec<Frame> {
        vec![Frame { offset: address, ..Frame::default() }]
    }

    /// The functions around the `offset` in the file at `path`, those that are
    /// inlined there first: one at least, without a name if there is none.
    pub fn frames(&mut self, path: &Path, offset: u64) -> Vec<Frame> {
        if let Some(known) = self.known.get(&(path.into(), offset)) {
            return known.clone();
        }
        let module = self.modules.entry(path.into()).or_insert_with(|| Module::open(path));
        let shown = path.to_string_lossy().into_owned();
        let frame = |(function, source): Named| {
            let (file, line) = source.unzip();
            Frame { function, file, line, module: Some(shown.clone()), offset }
        };
        let mut found: Vec<_> = module.frames(offset).into_iter().map(frame).collect();
        if found.is_empty() {
            found.push(frame((None, None)));
        }
        self.known.insert((path.into(), offset), found.clone());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_not_read() {
        for endless in ["/dev/zero", "/dev/stdin", "/", "/no/such/file"] {
            assert_eq!(segments(Path::new(endless)), []);
            let frames = Symbols::default().frames(Path::new(endless), 7);
            assert_eq!((frames.len(), frames[0].offset), (1, 7));
        }
    }
}

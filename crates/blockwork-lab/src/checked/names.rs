//! From addresses to functions, files and lines, by the symbols and the debug
//! information of the files that they are in.

use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use addr2line::Loader;
use object::{Object, ObjectSegment};
use serde::Serialize;

use super::finding::RawFrame;
use crate::text;

/// A function that was about to call another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// Its name, if that is known.
    function: Option<String>,
    /// File and line of its source, if they are known.
    source: Option<String>,
    /// The program or library that it is in.
    module: Option<String>,
    /// Where it is in the file of that, or in memory if there is none.
    offset: u64,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = self.module.as_deref().map_or("?".into(), |module| text::base_name(module.as_ref()));
        match (&self.function, &self.source) {
            (Some(function), Some(source)) => write!(f, "{function} at {source}"),
            (Some(function), None) => write!(f, "{function} in {module}"),
            _ => write!(f, "{module}+{:#x}", self.offset),
        }
    }
}

/// A file, and how to find addresses of it.
struct Module {
    loader: Option<Loader>,
    /// Offset in the file, length and address of each of its segments.
    segments: Vec<(u64, u64, u64)>,
}

impl Module {
    fn open(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_default();
        let segments = object::File::parse(&*bytes).map(|file| {
            let segment = |segment: object::Segment<'_, '_>| {
                let (offset, length) = segment.file_range();
                (offset, length, segment.address())
            };
            file.segments().map(segment).collect()
        });
        Self { loader: Loader::new(path).ok(), segments: segments.unwrap_or_default() }
    }

    /// What the function around the `offset` in the file is called, and where its
    /// source is; those that are inlined there first.
    fn frames(&self, offset: u64) -> Vec<(Option<String>, Option<String>)> {
        let segment = self.segments.iter().find(|(start, length, _)| (*start..start + length).contains(&offset));
        let (Some((start, _, address)), Some(loader)) = (segment, &self.loader) else { return Vec::new() };
        let probe = offset - start + address;
        let mut frames = Vec::new();
        if let Ok(mut found) = loader.find_frames(probe) {
            while let Ok(Some(frame)) = found.next() {
                let name = frame.function.and_then(|name| name.demangle().ok().map(|name| name.into_owned()));
                let source = frame.location.and_then(|location| Some(format!("{}:{}", location.file?, location.line?)));
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

/// Names by file and address, each looked up once.
pub struct Names {
    modules: HashMap<PathBuf, Module>,
    known: HashMap<(PathBuf, u64), Vec<Frame>>,
    /// Whose own functions are left out.
    checker: PathBuf,
}

impl Names {
    /// Knows nothing yet.
    pub fn new(checker: &Path) -> Self {
        Self { modules: HashMap::new(), known: HashMap::new(), checker: checker.into() }
    }

    /// The functions of a stack, without the checker's own.
    pub fn stack(&mut self, frames: &[RawFrame<'_>]) -> Vec<Frame> {
        frames.iter().flat_map(|frame| self.frames(frame)).collect()
    }

    fn frames(&mut self, raw: &RawFrame<'_>) -> Vec<Frame> {
        let Some((offset, path)) = raw.place else {
            return vec![Frame { offset: raw.address, ..Frame::default() }];
        };
        if path == self.checker {
            return Vec::new();
        }
        if let Some(known) = self.known.get(&(path.into(), offset)) {
            return known.clone();
        }
        let module = self.modules.entry(path.into()).or_insert_with(|| Module::open(path));
        let shown = path.to_string_lossy().into_owned();
        let frame = |(function, source)| Frame { function, source, module: Some(shown.clone()), offset };
        let mut found: Vec<_> = module.frames(offset).into_iter().map(frame).collect();
        if found.is_empty() {
            found.push(frame((None, None)));
        }
        self.known.insert((path.into(), offset), found.clone());
        found
    }
}

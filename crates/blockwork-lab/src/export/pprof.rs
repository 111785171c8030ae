//! Profiles for pprof: one message of protocol buffers, packed with gzip.
//!
//! ```text
//! sample   = frames, innermost first; five pairs of values; the size of its blocks
//! location = a place with the functions there, those that are inlined first
//! ```

use std::{
    collections::HashMap,
    io::{self, Write},
};

use flate2::{Compression, write::GzEncoder};

use super::{
    Totals, gather,
    stacks::{UNKNOWN, function},
};
use crate::{
    protobuf::Message,
    trace::{Trace, sites::Frame},
};

/// The values of a sample.
const VALUES: [[&str; 2]; 6] = [
    ["alloc_objects", "count"],
    ["alloc_space", "bytes"],
    ["inuse_objects", "count"],
    ["inuse_space", "bytes"],
    ["peak_objects", "count"],
    ["peak_space", "bytes"],
];

/// Writes `trace`; how many samples that took.
///
/// # Errors
///
/// When `output` cannot be written to.
pub fn write(trace: &Trace, output: impl Write) -> io::Result<u64> {
    let gathered = gather(trace, |stack, size| (stack, size))?;
    let mut profile = Profile::default();
    profile.text("");
    for [kind, unit] in VALUES {
        let kind = profile.value_type(kind, unit);
        profile.message.message(1, &kind);
    }
    // The first file is taken for the program.
    let program = trace.images.last().map_or("", |image| &image.path);
    profile.mapping(if program.is_empty() { &trace.name } else { program });
    let mut stacks: HashMap<u32, Vec<u64>> = HashMap::new();
    for ((stack, size), totals) in &gathered.totals {
        let locations = stacks.entry(*stack).or_insert_with(|| profile.locations(trace, *stack));
        let mut sample = Message::default();
        sample.packed(1, locations.iter().copied()).packed(2, values(totals));
        let label = profile.size_label(*size);
        sample.message(3, &label);
        profile.message.message(2, &sample);
    }
    profile.finish(trace, output)?;
    Ok(gathered.totals.len() as u64)
}

const fn values(totals: &Totals) -> [u64; 6] {
    let Totals { blocks, bytes, left, peak, .. } = *totals;
    [blocks, bytes, left[0], left[1], peak[0], peak[1]]
}

/// The message in the making.
#[derive(Debug, Default)]
struct Profile {
    message: Message,
    texts: HashMap<String, u64>,
    /// In the order of their numbers.
    strings: Vec<String>,
    /// By name and file.
    functions: HashMap<(String, String), u64>,
    modules: HashMap<String, u64>,
    places: HashMap<Frame, u64>,
}

impl Profile {
    /// The number of a text.
    fn text(&mut self, text: &str) -> u64 {
        let next = self.texts.len() as u64;
        if let Some(&known) = self.texts.get(text) {
            return known;
        }
        self.texts.insert(text.into(), next);
        self.strings.push(text.into());
        next
    }

    fn value_type(&mut self, kind: &str, unit: &str) -> Message {
        let mut message = Message::default();
        message.number(1, self.text(kind)).number(2, self.text(unit));
        message
    }

    /// The blocks of a sample are all of this size.
    fn size_label(&mut self, size: u64) -> Message {
        let (key, unit) = (self.text("bytes"), self.text("bytes"));
        let mut label = Message::default();
        label.number(1, key).number(3, size).number(4, unit);
        label
    }

    /// The places of a stack, innermost first.
    fn locations(&mut self, trace: &Trace, stack: u32) -> Vec<u64> {
        let mut locations: Vec<_> = trace.sites.frames(stack).map(|frame| self.location(frame)).collect();
        if locations.is_empty() {
            locations.push(self.location(&Frame { function: Some(UNKNOWN.into()), ..Frame::default() }));
        }
        locations
    }

    fn location(&mut self, frame: &Frame) -> u64 {
        if let Some(&known) = self.places.get(frame) {
            return known;
        }
        let number = self.places.len() as u64 + 1;
        self.places.insert(frame.clone(), number);
        let mapping = self.mapping(frame.module.as_deref().unwrap_or_default());
        let mut line = Message::default();
        line.number(1, self.function(frame)).number(2, frame.line.unwrap_or(0).into());
        let mut location = Message::default();
        location.number(1, number).number(2, mapping).number(3, frame.offset).message(4, &line);
        self.message.message(4, &location);
        number
    }

    fn function(&mut self, frame: &Frame) -> u64 {
        let key = (function(frame), frame.file.clone().unwrap_or_default());
        if let Some(&known) = self.functions.get(&key) {
            return known;
        }
        let number = self.functions.len() as u64 + 1;
        let (name, file) = (self.text(&key.0), self.text(&key.1));
        self.functions.insert(key, number);
        let mut message = Message::default();
        message.number(1, number).number(2, name).number(3, name).number(4, file);
        self.message.message(5, &message);
        number
    }

    /// The file that code is in; 0 if that is not known.
    fn mapping(&mut self, module: &str) -> u64 {
        if module.is_empty() {
            return 0;
        }
        if let Some(&known) = self.modules.get(module) {
            return known;
        }
        let number = self.modules.len() as u64 + 1;
        self.modules.insert(module.into(), number);
        let name = self.text(module);
        let mut mapping = Message::default();
        // All names are known by now: has_functions, has_filenames, has_line_numbers.
        mapping.number(1, number).number(5, name).number(7, 1).number(8, 1).number(9, 1);
        self.message.message(3, &mapping);
        number
    }

    fn finish(mut self, trace: &Trace, output: impl Write) -> io::Result<()> {
        let period = self.value_type("space", "bytes");
        let comment = format!("recorded by blockwork: {}", trace.name);
        let (comment, default) = (self.text(&comment), self.text("peak_space"));
        // Every block is counted: a period of one byte.
        self.message.message(11, &period).number(12, 1).number(13, comment).number(14, default);
        for text in &self.strings {
            self.message.bytes(6, text.as_bytes());
        }
        let mut gzip = GzEncoder::new(output, Compression::default());
        gzip.write_all(self.message.as_bytes())?;
        gzip.finish()?.flush()
    }
}

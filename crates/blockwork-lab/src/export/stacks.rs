//! [`Stacks`]: stacks as texts, each made once.

use std::collections::HashMap;

use crate::trace::{Trace, sites::Frame};

/// The stacks of a recording.
#[derive(Debug)]
pub struct Stacks<'a> {
    trace: &'a Trace,
    /// By number of the stack.
    texts: HashMap<u32, [String; 2]>,
}

/// What is written where nothing is known.
pub const UNKNOWN: &str = "[unknown]";

impl<'a> Stacks<'a> {
    /// Those of `trace`.
    pub fn new(trace: &'a Trace) -> Self {
        Self { trace, texts: HashMap::new() }
    }

    /// The function that asked, and all functions from `main` to that, parted by
    /// semicolons; both empty if they are not known.
    pub fn texts(&mut self, stack: u32) -> &[String; 2] {
        let trace = self.trace;
        self.texts.entry(stack).or_insert_with(|| {
            let frames: Vec<_> = trace.sites.frames(stack).map(plain).collect();
            let site = frames.first().cloned().unwrap_or_default();
            let all: Vec<_> = frames.into_iter().rev().collect();
            [site, all.join(";")]
        })
    }
}

/// A frame on one line, without what parts frames.
pub fn plain(frame: &Frame) -> String {
    frame.short().replace(';', ":").replace(['\n', '\r', '\t'], " ")
}

/// A function by its name alone, or where it is.
pub fn function(frame: &Frame) -> String {
    frame.function.clone().unwrap_or_else(|| frame.to_string())
}

//! Names of functions and files, of files that heaptrack has interpreted.

use std::collections::HashSet;

use super::Words;
use crate::trace::sites::Frame;

/// Strings and instructions, numbered from 1, and where frames were.
#[derive(Debug, Default)]
pub struct Names {
    strings: Vec<String>,
    /// The functions at each instruction, innermost first.
    instructions: Vec<Vec<Frame>>,
    /// The numbers of instructions that frames were at, in order of appearance.
    places: Vec<u64>,
    known: HashSet<u64>,
}

impl Names {
    /// Whether no instruction has a name.
    pub const fn is_empty(&self) -> bool {
        self.instructions.is_empty()
    }

    /// The next string.
    pub fn string(&mut self, text: &[u8]) {
        self.strings.push(String::from_utf8_lossy(text).into_owned());
    }

    /// The next instruction: `address module [function [file line {function file line}]]`.
    pub fn instruction(&mut self, mut words: Words<'_>) {
        let offset = words.number().unwrap_or(0);
        let module = words.number().and_then(|number| self.text(number));
        let mut frames = Vec::new();
        while let Some(function) = words.number() {
            let (file, line) = (words.number(), words.number());
            frames.push(Frame {
                function: self.text(function),
                file: file.and_then(|number| self.text(number)),
                line: line.and_then(|line| u32::try_from(line).ok()),
                module: module.clone(),
                offset,
            });
        }
        if frames.is_empty() {
            frames.push(Frame { module, offset, ..Frame::default() });
        }
        self.instructions.push(frames);
    }

    /// A frame is at this instruction.
    pub fn place(&mut self, instruction: u64) {
        if self.known.insert(instruction) {
            self.places.push(instruction);
        }
    }

    /// The functions where frames were, if there are names at all.
    pub fn places(self) -> Option<Vec<Vec<Frame>>> {
        let at = |number: &u64| item(&self.instructions, *number).cloned().unwrap_or_default();
        (!self.is_empty()).then(|| self.places.iter().map(at).collect())
    }

    fn text(&self, number: u64) -> Option<String> {
        item(&self.strings, number).filter(|text| !text.is_empty()).cloned()
    }
}

/// What has this number, counted from 1.
fn item<T>(items: &[T], number: u64) -> Option<&T> {
    items.get(usize::try_from(number).ok()?.checked_sub(1)?)
}

//! A profile, for people and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::{Profile, Tool};
use crate::{
    stats::{SizeClass, size_classes, write_size_classes},
    text::{bytes, counted},
};

/// What a profile says; as JSON, field by field.
#[derive(Debug, Serialize)]
pub struct Report {
    tool: &'static str,
    program: String,
    /// Never: a profile has no order, and no frees.
    replayable: bool,
    call_sites: u64,
    blocks: u64,
    bytes: u64,
    sizes: Vec<SizeClass>,
    notes: Vec<String>,
}

impl Report {
    /// Of a profile of this tool.
    pub fn new(tool: Tool, profile: Profile) -> Self {
        let Profile { program, points, notes } = profile;
        let sizes = points.iter().map(|point| (point.bytes / point.blocks.max(1), point.blocks, point.bytes));
        Self {
            tool: tool.name(),
            program,
            replayable: false,
            call_sites: points.len() as u64,
            blocks: points.iter().fold(0, |sum, point| sum.saturating_add(point.blocks)),
            bytes: points.iter().fold(0, |sum, point| sum.saturating_add(point.bytes)),
            sizes: size_classes(sizes),
            notes,
        }
    }
}

/// Prints what a profile says.
///
/// # Errors
///
/// When nobody reads it.
pub fn write_text(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let program = if report.program.is_empty() { "?" } else { &report.program };
    let blocks = counted(report.blocks, "block", "blocks");
    writeln!(
        out,
        "{program}: {blocks}, {}, from {}",
        bytes(report.bytes),
        counted(report.call_sites, "call site", "call sites")
    )?;
    write_size_classes(&report.sizes, report.bytes, out)?;
    writeln!(out, "\n  {}: totals without order or frees, which cannot be replayed", report.tool)?;
    report.notes.iter().try_for_each(|note| writeln!(out, "  {note}"))
}

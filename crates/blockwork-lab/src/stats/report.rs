//! The figures, for people.

use std::io::{self, Write};

use super::{Report, SizeClass};
use crate::{
    text::{bar, bytes, children, counted, grouped, percent},
    trace::sites::Frame,
};

const BAR: u64 = 30;

/// Prints the figures of a recording.
pub fn write_text(report: &Report, out: &mut impl Write) -> io::Result<()> {
    write_totals(report, out)?;
    write_images(report, out)?;
    if report.events > 0 {
        write_sizes(report, out)?;
        write_lifetimes(report, out)?;
        write_sites(report, out)?;
    }
    write_remarks(report, out)
}

fn write_totals(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let program = if report.program.is_empty() { "?" } else { &report.program };
    writeln!(out, "{program}: {}", counted(report.events, "event", "events"))?;
    let (allocations, frees) = (report.allocations, report.frees);
    let reallocations = counted(report.reallocations, "reallocation", "reallocations");
    writeln!(
        out,
        "  {}, {}, {reallocations}",
        counted(allocations, "allocation", "allocations"),
        counted(frees, "free", "frees"),
    )?;
    writeln!(
        out,
        "  {} asked for in {}, {} zeroed, {} aligned beyond 16",
        bytes(report.requested_bytes),
        counted(report.distinct_sizes, "size", "sizes"),
        grouped(report.zeroed_allocations),
        grouped(report.aligned_allocations),
    )?;
    writeln!(
        out,
        "  peak {} live, {}; at exit {} live, {}",
        bytes(report.peak_live_bytes),
        counted(report.peak_live_blocks, "block", "blocks"),
        bytes(report.live_at_exit_bytes),
        counted(report.live_at_exit_blocks, "block", "blocks"),
    )?;
    writeln!(
        out,
        "  {}, {} by another than the one that allocated",
        counted(report.threads, "thread", "threads"),
        counted(report.freed_by_another_thread, "free", "frees"),
    )
}

fn write_images(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if let [image] = report.images.as_slice() {
        if image.path.is_empty() {
            return Ok(());
        }
        return writeln!(out, "  image {}", image.path);
    }
    writeln!(out, "\n{}", counted(report.images.len() as u64, "image", "images"))?;
    for image in &report.images {
        writeln!(
            out,
            "  {}: {}, {}, {}, {} asked for, {} in {} live at its end",
            image.path,
            counted(image.allocations, "allocation", "allocations"),
            counted(image.frees, "free", "frees"),
            counted(image.reallocations, "reallocation", "reallocations"),
            bytes(image.requested_bytes),
            bytes(image.live_at_end_bytes),
            counted(image.live_at_end_blocks, "block", "blocks"),
        )?;
    }
    Ok(())
}

fn write_sizes(report: &Report, out: &mut impl Write) -> io::Result<()> {
    write_size_classes(&report.sizes, report.requested_bytes, out)?;
    let requests: u64 = report.sizes.iter().map(|class| class.requests).sum();
    let top = report.top_sizes.iter().map(|top| format!("{} ({})", top.size, percent(top.requests, requests)));
    writeln!(out, "  most common: {}", top.collect::<Vec<_>>().join(", "))
}

/// Prints how many requests there are of each size, of `total` bytes.
pub fn write_size_classes(sizes: &[SizeClass], total: u64, out: &mut impl Write) -> io::Result<()> {
    let requests = sizes.iter().fold(0_u64, |sum, class| sum.saturating_add(class.requests));
    let most = sizes.iter().map(|class| class.requests).max().unwrap_or(0);
    writeln!(out, "\n{:>12} {:>8} {:>8}", "size", "requests", "bytes")?;
    for class in sizes {
        if class.requests == 0 {
            continue;
        }
        let label = class.up_to.map_or_else(|| "more".into(), |up_to| format!("<= {}", binary(up_to)));
        let share = percent(class.requests, requests);
        let weight = percent(class.bytes, total);
        writeln!(out, "{label:>12} {share:>8} {weight:>8}  {}", bar(class.requests, most, BAR))?;
    }
    Ok(())
}

fn write_lifetimes(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let most = report.lifetimes.iter().map(|class| class.blocks).max().unwrap_or(0);
    let unfreed = report.allocations - report.frees;
    writeln!(out, "\n{:>12} {:>8}  freed after so many allocations, its own included", "lifetime", "blocks")?;
    for class in report.lifetimes.iter().filter(|class| class.blocks > 0) {
        let label = class.up_to.map_or_else(|| "more".into(), |up_to| format!("<= {}", grouped(up_to)));
        let share = percent(class.blocks, report.allocations);
        writeln!(out, "{label:>12} {share:>8}  {}", bar(class.blocks, most.max(unfreed), BAR))?;
    }
    let share = percent(unfreed, report.allocations);
    writeln!(out, "{:>12} {share:>8}  {}", "never", bar(unfreed, most.max(unfreed), BAR))
}

/// How wide the names of a call site may be.
const NAMES: usize = 90;

fn write_sites(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if report.call_sites.is_empty() {
        return Ok(());
    }
    let requests = report.allocations + report.reallocations;
    let distinct = grouped(report.distinct_call_sites);
    writeln!(out, "\n{:>12} {:>8} {:>8}  at once, of the {distinct} call sites", "bytes", "requests", "peak")?;
    for site in &report.call_sites {
        let share = percent(site.bytes, report.requested_bytes);
        let often = percent(site.requests, requests);
        writeln!(out, "{share:>12} {often:>8} {:>8}  {}", bytes(site.peak_live_bytes), chain(&site.frames))?;
    }
    Ok(())
}

/// As many functions as fit, from the one that asked on; where the first is.
fn chain(frames: &[Frame]) -> String {
    let mut text = String::new();
    let mut last = None;
    for frame in frames {
        if frame.function.is_some() && frame.function == last {
            continue;
        }
        if text.is_empty() {
            text = frame.short();
        } else {
            let next = frame.function.clone().unwrap_or_else(|| frame.short());
            if text.chars().count() + 3 + next.chars().count() > NAMES {
                break;
            }
            text.push_str(" ← ");
            text.push_str(&next);
        }
        last.clone_from(&frame.function);
    }
    text
}

fn write_remarks(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut remarks = Vec::new();
    if report.skipped_children > 0 {
        remarks.push(format!("not recorded: {}", children(&report.skipped_children_names, report.skipped_children)));
    }
    if report.unknown_frees > 0 {
        let frees = counted(report.unknown_frees, "free", "frees");
        let double = counted(report.double_frees, "double free", "double frees");
        remarks.push(format!("{frees} of what was not a live block, {double} among them"));
    }
    if report.missed_frees > 0 {
        remarks.push(format!("{} must have ended unseen", counted(report.missed_frees, "block", "blocks")));
    }
    if report.lost_events > 0 {
        remarks.push(format!("{} from signal handlers not recorded", counted(report.lost_events, "call", "calls")));
    }
    if let Some(why) = &report.stopped {
        remarks.push(format!("recording ended before the program did: {why}"));
    }
    remarks.extend(report.notes.iter().cloned());
    if !remarks.is_empty() {
        writeln!(out)?;
    }
    remarks.iter().try_for_each(|remark| writeln!(out, "  {remark}"))
}

/// A bound of a size class, which is a round number in binary.
fn binary(size: u64) -> String {
    match size {
        0..1024 => format!("{size} B"),
        1024..0x10_0000 => format!("{} KiB", size >> 10),
        _ => format!("{} MiB", size >> 20),
    }
}

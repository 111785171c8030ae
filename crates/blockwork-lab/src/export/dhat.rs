//! Profiles for the viewer of DHAT: one JSON object. Time is counted in events.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use serde::Serialize;

use super::{Totals, gather, stacks::UNKNOWN};
use crate::trace::{Trace, sites::Frame};

#[derive(Debug, Serialize)]
struct File<'a> {
    #[serde(rename = "dhatFileVersion")]
    version: u8,
    mode: &'static str,
    verb: &'static str,
    /// Lifetimes are known.
    bklt: bool,
    /// Accesses are not.
    bkacc: bool,
    tu: &'static str,
    #[serde(rename = "Mtu")]
    mtu: &'static str,
    /// Blocks that live for less are short-lived.
    tuth: u64,
    cmd: &'a str,
    pid: u32,
    /// When most was live, and the end.
    tg: u64,
    te: u64,
    pps: Vec<Point>,
    ftbl: Vec<String>,
}

/// The blocks of one stack: bytes and blocks, in all and with `m` when most of
/// these were live, `g` when most of all were, `e` at the end.
#[derive(Debug, Serialize)]
struct Point {
    tb: u64,
    tbk: u64,
    tl: u64,
    mb: u64,
    mbk: u64,
    gb: u64,
    gbk: u64,
    eb: u64,
    ebk: u64,
    /// Frames, innermost first.
    fs: Vec<usize>,
}

impl Point {
    fn new(totals: &Totals, fs: Vec<usize>) -> Self {
        let Totals { most, peak, left, .. } = *totals;
        let (tb, tbk, tl) = (totals.bytes, totals.blocks, totals.lifetime);
        Self { tb, tbk, tl, mb: most[1], mbk: most[0], gb: peak[1], gbk: peak[0], eb: left[1], ebk: left[0], fs }
    }

    /// Two stacks that look the same are one to the viewer.
    fn add(&mut self, other: &Self) {
        self.tb += other.tb;
        self.tbk += other.tbk;
        self.tl += other.tl;
        self.mb = self.mb.max(other.mb);
        self.mbk = self.mbk.max(other.mbk);
        self.gb += other.gb;
        self.gbk += other.gbk;
        self.eb += other.eb;
        self.ebk += other.ebk;
    }
}

/// Writes `trace`; how many points that took.
///
/// # Errors
///
/// When `output` cannot be written to.
pub fn write(trace: &Trace, mut output: impl Write) -> io::Result<u64> {
    let gathered = gather(trace, |stack, _| stack)?;
    let mut frames = Frames::default();
    frames.number("[root]".into());
    let mut points: Vec<Point> = Vec::new();
    let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
    for (stack, totals) in &gathered.totals {
        let mut fs: Vec<_> = trace.sites.frames(*stack).map(|frame| frames.number(shown(frame))).collect();
        if fs.is_empty() {
            fs.push(frames.number(UNKNOWN.into()));
        }
        let point = Point::new(totals, fs.clone());
        match known.get(&fs) {
            Some(&same) => points[same].add(&point),
            None => {
                known.insert(fs, points.len());
                points.push(point);
            }
        }
    }
    let count = points.len() as u64;
    let file = File {
        version: 2,
        mode: "heap",
        verb: "Allocated",
        bklt: true,
        bkacc: false,
        tu: "events",
        mtu: "Mevents",
        tuth: 10,
        cmd: &trace.name,
        pid: 0,
        tg: gathered.peak_event,
        te: gathered.events,
        pps: points,
        ftbl: frames.texts,
    };
    serde_json::to_writer(&mut output, &file).map_err(io::Error::from)?;
    output.flush()?;
    Ok(count)
}

/// As DHAT writes a frame.
fn shown(frame: &Frame) -> String {
    let function = frame.function.as_deref().unwrap_or("???");
    let place = match (&frame.file, frame.line, &frame.module) {
        (Some(file), Some(line), _) => format!(" ({file}:{line})"),
        (_, _, Some(module)) => format!(" (in {module})"),
        _ => String::new(),
    };
    format!("{:#X}: {function}{place}", frame.offset).replacen("0X", "0x", 1)
}

/// Texts of frames, each once.
#[derive(Debug, Default)]
struct Frames {
    numbers: HashMap<String, usize>,
    texts: Vec<String>,
}

impl Frames {
    fn number(&mut self, text: String) -> usize {
        let next = self.texts.len();
        *self.numbers.entry(text).or_insert_with_key(|text| {
            self.texts.push(text.clone());
            next
        })
    }
}

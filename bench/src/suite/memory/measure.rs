//! One cell of a table has a process of its own: what is there once does not
//! become less.

use std::{
    alloc::Layout,
    env,
    fmt::Write as _,
    fs::File,
    io::Read as _,
    process::{Command, Stdio},
    ptr::NonNull,
};

use bench::json;

use super::{Candidate, Job, LIVE, WRITTEN_MAX, counting};
use crate::run::Dice;

/// Takes blocks, and gives none back.
pub(super) trait Hold {
    /// For blocks of about `size` bytes, of whose number nothing is known.
    fn new(size: usize) -> Self;

    fn take(&mut self, layout: Layout) -> NonNull<u8>;
}

/// What some blocks cost.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    /// Bytes in the blocks themselves.
    payload: usize,
    taken: usize,
    /// If all was written.
    resident: Option<usize>,
}

/// Takes `live` blocks of `size` bytes.
pub(super) fn same<H: Hold>(size: usize, live: usize) -> Held {
    hold::<H>(size, live, |_| size)
}

/// Takes `live` blocks of half of `size` to one and a half of it, any of them as often.
pub(super) fn mixed<H: Hold>(size: usize, live: usize) -> Held {
    hold::<H>(size, live, |dice| size / 2 + dice.roll(size + 1))
}

/// Takes `live` spans of 1 to 8 times `size` bytes.
pub(super) fn multiples<H: Hold>(size: usize, live: usize) -> Held {
    hold::<H>(size, live, |dice| size * (1 + dice.roll(8)))
}

fn hold<H: Hold>(size: usize, live: usize, draw: impl Fn(&mut Dice) -> usize) -> Held {
    let is_written = size * live <= WRITTEN_MAX;
    // Once for itself.
    resident();
    let before = resident();
    let mut dice = Dice::new(9);
    let ((holder, payload), taken) = counting::taken(|| {
        let mut holder = H::new(size);
        let mut payload = 0;
        for _ in 0..live {
            let size = draw(&mut dice);
            let layout = Layout::from_size_align(size, align(size)).expect("small");
            let block = holder.take(layout);
            payload += size;
            if is_written {
                // SAFETY: as many bytes, which are ours.
                unsafe { block.write_bytes(1, size) };
            }
        }
        (holder, payload)
    });
    let resident = is_written.then(|| resident().saturating_sub(before));
    drop(holder);
    Held { payload, taken, resident }
}

/// What a value of that size has at most, up to 16.
fn align(size: usize) -> usize {
    1 << size.trailing_zeros().min(3)
}

/// Bytes that the process has of the machine.
fn resident() -> usize {
    // No memory is allocated to read it, and it is exact, which `statm` is not.
    let mut text = [0; 512];
    let read = File::open("/proc/self/smaps_rollup").and_then(|mut file| file.read(&mut text)).unwrap_or(0);
    let text = text.get(..read).unwrap_or_default();
    let mut words = text.split(u8::is_ascii_whitespace).skip_while(|word| word != b"Rss:").skip(1);
    let kibibytes = words.find(|word| !word.is_empty()).and_then(|word| str::from_utf8(word).ok()?.parse().ok());
    kibibytes.unwrap_or(0_usize) * 1024
}

/// A candidate's line: by size, then by number.
pub(crate) struct Line {
    candidate: &'static Candidate,
    cells: Vec<Vec<Held>>,
}

/// Measures every cell.
pub(crate) fn measure(job: &Job) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for candidate in job.candidates {
        let of_size = |&size| LIVE.iter().map(|&live| ask(job, candidate, size, live)).collect();
        lines.push(Line { candidate, cells: job.sizes.iter().map(of_size).collect::<Result<_, _>>()? });
    }
    Ok(lines)
}

fn ask(job: &Job, candidate: &Candidate, size: usize, live: usize) -> Result<Held, String> {
    let failed = || format!("{}: `{}` does not hold {live} blocks of {size} bytes", job.name, candidate.name);
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(own)
        .args(["--memory-child", job.name, candidate.name, &size.to_string(), &live.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<Option<usize>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
    match (output.status.success(), numbers.as_slice()) {
        (true, &[Some(payload), Some(taken), resident]) => Ok(Held { payload, taken, resident }),
        _ => Err(failed()),
    }
}

/// The child's side.
pub(crate) fn child(job: &str, candidate: &str, size: &str, live: &str) -> Result<(), String> {
    let job = super::JOBS.iter().find(|one| one.name == job).ok_or("no such job")?;
    let candidate = job.candidates.iter().find(|one| one.name == candidate).ok_or("no such candidate")?;
    let (size, live) = (size.parse().map_err(|_| "no such size")?, live.parse().map_err(|_| "no such number")?);
    let held = (candidate.hold)(size, live);
    let resident = held.resident.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    println!("{} {} {resident}", held.payload, held.taken);
    Ok(())
}

/// Few blocks: whose parent counts has them all of it.
pub(crate) fn smoke(job: &Job) -> Result<(), String> {
    for candidate in job.candidates {
        let held = (candidate.hold)(64, 100);
        if candidate.counted && held.taken < held.payload {
            return Err(format!("{}: `{}` holds more than it took", job.name, candidate.name));
        }
    }
    Ok(())
}

/// Bytes for each block, taken and resident.
type Beyond = (Option<f64>, Option<f64>);

impl Line {
    /// Bytes beyond the payload for each block: taken, and resident.
    fn overheads(&self) -> Vec<Vec<Beyond>> {
        let each = |held: &Held, live: usize| {
            let beyond = |bytes: usize| (bytes as f64 - held.payload as f64) / live as f64;
            (self.candidate.counted.then(|| beyond(held.taken)), held.resident.map(beyond))
        };
        self.cells
            .iter()
            .map(|of_size| of_size.iter().zip(LIVE).map(|(held, &live)| each(held, live)).collect())
            .collect()
    }
}

/// Bytes for each block beyond the block, of a hundred thousand, as Markdown: taken, or resident.
pub(crate) fn table(job: &Job, lines: &[Line]) -> String {
    let mut text = format!(
        "\n### {}\n\n{}: bytes for each of 100,000 beyond its own.\n\n| bytes in a block |",
        job.name, job.what
    );
    for size in job.sizes {
        write!(text, " {size} |").expect("writing to a string");
    }
    write!(text, "\n|---|{}\n", "---:|".repeat(job.sizes.len())).expect("writing to a string");
    for line in lines {
        write!(text, "| {} |", line.candidate.name).expect("writing to a string");
        for of_size in line.overheads() {
            let cell = match of_size[LIVE.len() - 2] {
                (Some(taken), _) => format!("{taken:.2}"),
                (None, Some(resident)) => format!("{resident:.2} resident"),
                (None, None) => "–".to_owned(),
            };
            write!(text, " {cell} |").expect("writing to a string");
        }
        text.push('\n');
    }
    text
}

/// The same, and all that is not in the table, for who draws it.
pub(crate) fn json(job: &Job, lines: &[Line]) -> String {
    let lines = lines.iter().map(|line| {
        let overheads = line.overheads();
        let of = |pick: fn(&Beyond) -> Option<f64>| {
            json::array(
                overheads.iter().map(|of_size| json::array(of_size.iter().map(|cell| json::number(pick(cell))))),
            )
        };
        json::object(&[
            ("name", json::text(line.candidate.name)),
            ("taken", of(|cell| cell.0)),
            ("resident", of(|cell| cell.1)),
        ])
    });
    json::object(&[
        ("name", json::text(job.name)),
        ("what", json::text(job.what)),
        ("sizes", json::array(job.sizes.iter().map(ToString::to_string))),
        ("live", json::array(LIVE.iter().map(ToString::to_string))),
        ("lines", json::array(lines)),
    ])
}

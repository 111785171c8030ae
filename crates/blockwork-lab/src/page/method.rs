//! How all of this was found out, and what it cannot tell.

use std::{env, fs, thread};

use super::{Chapter, card, notes};

/// The card.
pub fn write(out: &mut String, chapter: &Chapter<'_>) {
    card(out, "method", chapter, "Method", "How this was found out, and what it cannot tell.");
    let mut said = vec![format!(
        "Recorded: every call of malloc and its kind in one order for all threads, with sizes and alignments as asked for. Time in the \
         pictures is the number of such calls, in {} columns; there is no clock in a recording.",
        chapter.survey.columns.len()
    )];
    if let Some(results) = chapter.results {
        let driver = results.driver_ns_per_event.map_or_else(String::new, |ns| {
            format!(" The replay itself takes {ns:.0} ns per event, found with an allocator that does nothing; net times are without.")
        });
        let runs = match chapter.runs {
            0 => "several times".into(),
            1 => "once to be measured and once to be timed".into(),
            runs => format!("once to be measured and up to {runs} times to be timed"),
        };
        said.push(format!(
            "Replayed: each allocator in processes of its own, on one thread, in recorded order, {runs} in turns with all others, \
             touching every page. Times are the median of processor time.{driver}"
        ));
        said.push(
            "Held is what was taken from the operating system at the worst moment; of it, inside was lost by rounding within live \
             blocks, and outside belonged to no live block."
                .into(),
        );
        said.push(
            "Not replayed: the program's own work, and the cache lines it would have pushed out; locks. What a composition does for \
             the whole program is only known by running the program with it."
                .into(),
        );
    }
    said.extend(chapter.trace.notes.iter().cloned());
    said.push(machine());
    notes(out, &said);
    out.push_str("</section>");
}

/// Where the report was written.
fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, model)| model));
    let model = model.map_or_else(|| env::consts::ARCH.to_owned(), |model| model.trim().to_owned());
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "Machine: {model}, {processors} processors, {} {}; blockwork {}.",
        env::consts::OS,
        kernel.trim(),
        env!("CARGO_PKG_VERSION")
    )
}

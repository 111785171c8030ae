//! How much memory is held when little is used: `bench/malloc/probe.c`.

use std::path::Path;

use super::{
    launch::{self, folder},
    report::Table,
    results::Probe,
};
use crate::{peers::Malloc, picture::grouped};

/// What `probe.c` calls them, and what they say.
const PROBES: &[(&str, &str)] = &[
    ("spike-used", "512 MiB freed, then 3 s of light use"),
    ("spike-idle", "512 MiB freed, then 3 s of nothing"),
    ("holes", "512 MiB freed but each 64th block, then 3 s of light use"),
    ("drift", "a million blocks in 8 generations of growing size, nine tenths of each freed"),
    ("exits", "threads that leave blocks behind: more than after the first 200"),
    ("once", "a program that allocates once: all that it has"),
];

/// KiB held, under each malloc, of the probes that `filter` leaves.
pub(super) fn measured(root: &Path, mallocs: &[Malloc], filter: &str) -> Result<Vec<Probe>, String> {
    let mut probes = Vec::new();
    for (name, meaning) in PROBES.iter().filter(|(name, _)| format!("probe/{name}").contains(filter)) {
        println!("probe/{name}");
        let command = [folder(root).join("probe").display().to_string(), (*name).to_owned()];
        let mut probe =
            Probe { name: (*name).to_owned(), meaning: (*meaning).to_owned(), held: Vec::new(), faults: Vec::new() };
        for malloc in mallocs {
            let usage = launch::run(root, "1", malloc, &command)?;
            let held = usage.printed.trim();
            probe.held.push(held.parse().map_err(|_| format!("probe/{name} printed `{held}`"))?);
            #[expect(clippy::cast_precision_loss, reason = "faults are far below 2^52")]
            probe.faults.push(usage.faults as f64);
        }
        probes.push(probe);
    }
    Ok(probes)
}

/// The same as Markdown.
pub(super) fn table(probes: &[Probe], names: &[&str]) -> String {
    let mut table = Table::new("Memory held", "KiB above the start", names);
    for probe in probes {
        let cell = |(&held, &faults): (&f64, &f64)| {
            // A small program is told by its faults, too.
            let faults = if probe.name == "once" { format!(", {faults:.0} faults") } else { String::new() };
            grouped(held) + &faults
        };
        table.row(&probe.meaning, probe.held.iter().zip(&probe.faults).map(cell).collect());
    }
    if probes.is_empty() { String::new() } else { table.finish() }
}

//! How much memory is held when little is used: `bench/malloc/probe.c`.

use std::path::Path;

use super::{
    launch::{self, folder},
    report::Table,
};
use crate::peers::Malloc;

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
pub(super) fn table(root: &Path, mallocs: &[Malloc], filter: &str) -> Result<String, String> {
    let names: Vec<&str> = mallocs.iter().map(|malloc| malloc.name.as_str()).collect();
    let mut table = Table::new("Memory held", "KiB above the start", &names);
    let chosen: Vec<_> = PROBES.iter().filter(|(name, _)| format!("probe/{name}").contains(filter)).collect();
    for (name, meaning) in &chosen {
        println!("probe/{name}");
        let command = [folder(root).join("probe").display().to_string(), (*name).to_owned()];
        let mut cells = Vec::new();
        for malloc in mallocs {
            let usage = launch::run(root, "1", malloc, &command)?;
            let held = usage.printed.trim();
            // A small program is told by its faults, too.
            cells.push(if *name == "once" { format!("{held}, {} faults", usage.faults) } else { held.to_owned() });
        }
        table.row(meaning, cells);
    }
    Ok(if chosen.is_empty() { String::new() } else { table.finish() })
}

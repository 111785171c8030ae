//! `cargo xtask bench --results`: everything is measured, kept as JSON, and made into a page.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use super::{THREADS, build, finish, page, pictures, suite};
use crate::json::Json;

const RESULTS: &str = "bench/RESULTS.md";
/// What the page is made of.
const DATA: &str = "bench/results.json";
const PICTURES: &str = "bench/pictures";
const COUNTS: &str = "bench/instructions.txt";
/// Parts that are measured one after the other, each with its own date.
const PARTS: &[&str] = &["tables", "growth", "memory", "threads"];

/// What the command line says.
pub(super) struct Asked<'a> {
    pub(super) from: Option<&'a str>,
    pub(super) only: Option<&'a str>,
    pub(super) is_quick: bool,
}

/// All that was measured, and the instructions of the paths, which the gate keeps.
pub(super) struct Results {
    pub(super) data: Json,
    pub(super) counts: String,
}

pub(super) fn run(root: &Path, asked: &Asked<'_>) -> Result<(), String> {
    let data = match asked.from {
        Some(file) => read(root, file)?,
        None => {
            let data = measured(root, asked)?;
            fs::write(root.join(DATA), format!("{data}\n")).map_err(|error| format!("{DATA}: {error}"))?;
            data
        }
    };
    let counts = fs::read_to_string(root.join(COUNTS)).map_err(|error| format!("{COUNTS}: {error}"))?;
    let results = Results { data, counts };
    let folder = root.join(PICTURES);
    fs::create_dir_all(&folder).map_err(|error| format!("{PICTURES}: {error}"))?;
    for (name, picture) in pictures::all(&results) {
        fs::write(folder.join(&name), picture).map_err(|error| format!("{name}: {error}"))?;
    }
    fs::write(root.join(RESULTS), page::text(&results)).map_err(|error| format!("{RESULTS}: {error}"))?;
    println!("{RESULTS} and {PICTURES} are written");
    Ok(())
}

fn read(root: &Path, file: &str) -> Result<Json, String> {
    let text = fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
    Json::parse(&text).map_err(|error| format!("{file}: {error}"))
}

/// The parts that are asked for, and of what was there the others.
fn measured(root: &Path, asked: &Asked<'_>) -> Result<Json, String> {
    let chosen: Vec<&str> = asked.only.map_or_else(|| PARTS.to_vec(), |only| only.split(',').collect());
    if let Some(unknown) = chosen.iter().find(|part| !PARTS.contains(part)) {
        return Err(format!("there is no part `{unknown}`: {}", PARTS.join(", ")));
    }
    let before = if asked.only.is_some() { read(root, DATA)? } else { Json::Null };
    let mut parts: BTreeMap<String, Json> =
        before.entries().map(|(name, part)| (name.to_owned(), part.clone())).collect();
    build(root, "suite")?;
    build(root, "threads")?;
    let file = root.join("target/bench-part.json");
    for part in chosen {
        let mut command = match part {
            "threads" => {
                let mut threads = Command::new(root.join(THREADS));
                threads.current_dir(root).args(if asked.is_quick { &["--passes", "5"][..] } else { &[] });
                threads
            }
            part => {
                let mut suite = suite(root);
                suite.args(["--only", part]).args(asked.is_quick.then_some("--quick"));
                suite
            }
        };
        finish(command.arg("--json").arg(&file))?;
        parts.insert(part.to_owned(), read(root, &file.display().to_string())?);
    }
    Ok(Json::Map(parts))
}

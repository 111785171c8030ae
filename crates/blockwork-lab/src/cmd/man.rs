//! `blockwork man`: the manual, a page for each verb.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap_mangen::Man;

use crate::{cli, text};

/// What `man` may be told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write the pages; made if it is not there
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Print one JSON object: the files written
    #[arg(long)]
    pub json: bool,
}

/// Writes the pages, and prints their names.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let directory = &args.directory;
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let mut root = cli::command().disable_help_subcommand(true);
    root.build();
    let mut written = vec![page(&root, "blockwork", directory)?];
    for verb in root.get_subcommands() {
        written.push(page(verb, &format!("blockwork-{}", verb.get_name()), directory)?);
    }
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &serde_json::json!({"pages": written})).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        for path in &written {
            writeln!(out, "{}", path.display())?;
        }
        text::tell(format_args!("\nnext: man {}", text::shell(&directory.join("blockwork.1"))));
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Writes one page.
fn page(command: &clap::Command, name: &str, directory: &Path) -> anyhow::Result<PathBuf> {
    let path = directory.join(format!("{name}.1"));
    let mut page = Vec::new();
    Man::new(command.clone().version(env!("CARGO_PKG_VERSION")))
        .render(&mut page)
        .and_then(|()| fs::write(&path, page))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

//! `blockwork recorder`: the library that records, for who starts a program
//! some other way than under `blockwork record`.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, bail};

use crate::{recorder, text};

/// What `recorder` may be told.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A program that is started with LD_PRELOAD=FILE and BLOCKWORK_RECORD=PATH is recorded into PATH, \
                        a new file that `stats` and `compare` read. Where PATH has %p, its children are recorded as \
                        well, %p being each one's process. BLOCKWORK_STACKS=N records who asks for each block."
)]
pub struct Args {
    /// Where to write the library
    #[arg(default_value = "libblockwork-recorder.so")]
    pub file: PathBuf,
    /// Replace FILE if it exists
    #[arg(long)]
    pub force: bool,
}

/// Writes the library.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if !recorder::AVAILABLE {
        bail!("recording needs Linux on x86-64 with glibc; this command was built for another");
    }
    let shown = args.file.display();
    write(args).with_context(|| format!("cannot write {shown}"))?;
    let path = env::current_dir().unwrap_or_default().join(&args.file);
    println!("{}", path.display());
    let library = text::shell(&path);
    text::tell(format_args!("\nnext: LD_PRELOAD={library} BLOCKWORK_RECORD=/tmp/%p.bwrec PROGRAM"));
    Ok(ExitCode::SUCCESS)
}

fn write(args: &Args) -> io::Result<()> {
    if args.force && args.file.is_file() {
        // A program may run with the old one: that must not change.
        std::fs::remove_file(&args.file)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&args.file)?;
    file.write_all(recorder::RECORDER)
}

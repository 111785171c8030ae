//! `blockwork completions`: what a shell needs to complete our words.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap_complete::Shell;

use crate::{cli, text};

/// What `completions` may be told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell to print for
    pub shell: Shell,
    /// Print one JSON object: the shell and its script
    #[arg(long)]
    pub json: bool,
}

/// Prints the script.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(), "blockwork", &mut script);
    let mut out = io::stdout().lock();
    if args.json {
        let object = serde_json::json!({"shell": args.shell.to_string(), "script": String::from_utf8_lossy(&script)});
        serde_json::to_writer_pretty(&mut out, &object).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(&script)?;
        text::tell(format_args!("\nnext: {}", place(args.shell)));
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// How the script gets to where the shell looks for it.
fn place(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => "blockwork completions bash > ~/.local/share/bash-completion/completions/blockwork",
        Shell::Fish => "blockwork completions fish > ~/.config/fish/completions/blockwork.fish",
        Shell::Zsh => "blockwork completions zsh > DIR/_blockwork, where DIR is one of $fpath",
        Shell::Elvish => "blockwork completions elvish >> ~/.config/elvish/rc.elv",
        Shell::PowerShell => "blockwork completions powershell >> $PROFILE",
        _ => "blockwork --help",
    }
}

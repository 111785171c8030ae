//! A directory to work in, the command, and a C compiler if there is one.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// A directory of its own for each test.
pub struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The command, to be run here.
    pub fn blockwork(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blockwork"));
        command.current_dir(self.path());
        command
    }

    /// `blockwork record -o r.bwrec -- COMMAND`.
    pub fn recorder<S: AsRef<OsStr>>(&self, program: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.blockwork();
        command.args(["record", "-o", "r.bwrec", "--"]).args(program);
        command
    }

    /// Records and expects success.
    pub fn record<S: AsRef<OsStr>>(&self, program: impl IntoIterator<Item = S>) -> Run {
        let run = Run::of(&mut self.recorder(program));
        assert_eq!(run.code, Some(0), "{run:?}");
        run
    }

    /// The figures of `r.bwrec`, which must be whole.
    pub fn stats(&self) -> Stats {
        let run = Run::of(self.blockwork().args(["stats", "--json", "r.bwrec"]));
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
        Stats(serde_json::from_str(&run.out).unwrap())
    }

    /// Compiles a C program, or says that the test is skipped.
    pub fn compile(&self, source: &str) -> Option<PathBuf> {
        self.compile_as("program", source, &[])
    }

    /// Compiles a C program or library by the name of `name`.
    pub fn compile_as(&self, name: &str, source: &str, options: &[&str]) -> Option<PathBuf> {
        let (text, program) = (self.path().join(name).with_extension("c"), self.path().join(name));
        fs::write(&text, source).unwrap();
        // Without optimisation, so that no call is optimised away.
        let mut cc = Command::new("cc");
        cc.args(["-O0", "-w", "-pthread", "-o"]).arg(&program).arg(&text).args(options).current_dir(self.path());
        let cc = cc.output();
        match cc {
            Ok(output) if output.status.success() => Some(program),
            Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                skip(&format!("cc: {error}"));
                None
            }
        }
    }
}

/// Says why a test ends before it began.
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// Whether `program` is there.
pub fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        skip(&format!("no {program}"));
    }
    found
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        command.output().unwrap().into()
    }

    /// Expects every one of `parts` on standard error.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in {self:?}");
        }
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The object that `stats --json` prints.
#[derive(Debug)]
pub struct Stats(pub Value);

impl Stats {
    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("{name} in {:?}", self.0))
    }

    #[track_caller]
    pub fn numbers<const N: usize>(&self, names: [&str; N]) -> [u64; N] {
        names.map(|name| self.number(name))
    }

    /// The last parts of the images' paths.
    pub fn images(&self) -> Vec<String> {
        let images = self.0["images"].as_array().unwrap();
        let name = |image: &Value| {
            let path = Path::new(image["path"].as_str().unwrap());
            path.file_name().unwrap().to_str().unwrap().to_owned()
        };
        images.iter().map(name).collect()
    }

    /// The books balance, and nothing is unaccounted for.
    #[track_caller]
    pub fn balances(&self) -> &Self {
        let strange = ["unknown_frees", "double_frees", "missed_frees", "lost_events"];
        assert_eq!(self.numbers(strange), [0; 4], "{:?}", self.0);
        if self.images().len() == 1 {
            let [allocations, frees, live] = self.numbers(["allocations", "frees", "live_at_exit_blocks"]);
            assert_eq!(allocations, frees + live);
        }
        self
    }
}

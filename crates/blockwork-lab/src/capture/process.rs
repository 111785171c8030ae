//! Runs the program: its process, its signals, its end.

use std::{
    ffi::{OsStr, OsString},
    fmt, io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Command, ExitStatus},
    ptr,
    sync::atomic::{AtomicI32, Ordering},
};

use crate::recorder;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Exited(u8),
    /// By this signal.
    Killed(i32),
}

impl End {
    /// What a shell would say.
    pub fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
            (None, signal) => Self::Killed(signal.unwrap_or(0)),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exited(code) => write!(f, "ended with code {code}"),
            Self::Killed(signal) => match SIGNALS.iter().find(|(number, _)| *number == signal) {
                Some((_, name)) => write!(f, "was killed by signal {signal} ({name})"),
                None => write!(f, "was killed by signal {signal}"),
            },
        }
    }
}

const SIGNALS: [(i32, &str); 16] = [
    (libc::SIGABRT, "SIGABRT: it gave up, or the C library found its heap broken"),
    (libc::SIGALRM, "SIGALRM"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGINT, "SIGINT"),
    (libc::SIGKILL, "SIGKILL"),
    (libc::SIGPIPE, "SIGPIPE"),
    (libc::SIGQUIT, "SIGQUIT"),
    (libc::SIGSEGV, "SIGSEGV: it used memory that is not there"),
    (libc::SIGSYS, "SIGSYS: it made a call of the system that it is not allowed"),
    (libc::SIGTERM, "SIGTERM"),
    (libc::SIGTRAP, "SIGTRAP"),
    (libc::SIGXCPU, "SIGXCPU"),
    (libc::SIGXFSZ, "SIGXFSZ"),
];

/// Runs `command` with the `library` loaded and the `variable` set, and waits for
/// its end. The process begins with `claim`.
pub fn run(
    command: &[OsString],
    library: &Path,
    variable: (&str, &OsStr),
    claim: impl Fn() + Send + Sync + 'static,
) -> io::Result<End> {
    let [program, arguments @ ..] = command else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LD_PRELOAD", recorder::preload(library, std::env::var_os("LD_PRELOAD")))
        .env(variable.0, variable.1);
    let begin = move || {
        claim();
        Ok(())
    };
    // SAFETY: the closures ask for a process id and store it, no more.
    unsafe { command.pre_exec(begin) };
    let _signals = Signals::pass_on();
    let mut child = command.spawn()?;
    CHILD.store(i32::try_from(child.id()).unwrap_or(0), Ordering::Relaxed);
    let status = child.wait();
    CHILD.store(0, Ordering::Relaxed);
    status.map(End::from)
}

/// The program, while it runs, or 0.
static CHILD: AtomicI32 = AtomicI32::new(0);

/// While this lives, signals that end programs are the program's matter: those
/// of the keyboard reach it without us, the others are passed on. The lab stays
/// to pick up what was recorded.
struct Signals {
    before: Vec<(i32, libc::sigaction)>,
}

impl Signals {
    fn pass_on() -> Self {
        let handlers = [
            (libc::SIGINT, stay as extern "C" fn(i32)),
            (libc::SIGQUIT, stay),
            (libc::SIGTERM, pass_on),
            (libc::SIGHUP, pass_on),
        ];
        let before = handlers.into_iter().filter_map(|(signal, handler)| {
            // SAFETY: plain numbers and an optional pointer, for which zero is a value.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            // SAFETY: as above.
            let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
            // SAFETY: asks, changes nothing.
            unsafe { libc::sigaction(signal, ptr::null(), &raw mut before) };
            // What is ignored, by `nohup` for one, stays so in the program too.
            // A handler, unlike that, does not outlive `exec`.
            if before.sa_sigaction == libc::SIG_IGN {
                return None;
            }
            // SAFETY: the handlers do nothing that a handler may not.
            unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
            Some((signal, before))
        });
        Self { before: before.collect() }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // SAFETY: puts back what was there.
            unsafe { libc::sigaction(*signal, before, ptr::null_mut()) };
        }
    }
}

extern "C" fn stay(_signal: i32) {}

extern "C" fn pass_on(signal: i32) {
    let child = CHILD.load(Ordering::Relaxed);
    if child != 0 {
        // SAFETY: a handler may do this.
        unsafe { libc::kill(child, signal) };
    }
}

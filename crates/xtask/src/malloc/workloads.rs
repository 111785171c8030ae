//! What is run under every malloc.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use super::launch::{self, Usage, folder};
use crate::{
    peers::{self, Malloc},
    run::has,
};

/// How the time of a run is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// By what the processors worked: blind to other programs.
    Processor,
    /// By the clock on the wall: threads also wait.
    Wall,
}

pub(super) struct Workload {
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    pub(super) clock: Clock,
    cores: &'static str,
    kind: Kind,
}

enum Kind {
    Command(Vec<String>),
    Redis,
}

/// Of `bench/malloc/single.c`.
const SINGLE: &[&str] = &["lifo", "fifo", "random", "near", "churn", "trees", "growth", "zeroed", "large"];
/// Of `bench/malloc/threads.c`: threads that share nothing, and threads that free what others allocated.
const PRIVATE: &[&str] = &["private"];
const CROSS: &[&str] = &["producer", "batch-cross", "xmalloc", "larson", "mstress", "free-only"];

/// All that can be run here; what is not installed is said.
pub(super) fn all(root: &Path) -> Result<Vec<Workload>, String> {
    let own = |group, program: &str, names: &'static [&'static str], clock, cores| {
        let program = folder(root).join(program).display().to_string();
        names.iter().map(move |&name| Workload {
            group,
            name,
            clock,
            cores,
            kind: Kind::Command(vec![program.clone(), name.to_owned()]),
        })
    };
    let mut all = applications(root)?;
    all.extend(own("single", "single", SINGLE, Clock::Processor, "1"));
    all.extend(own("private", "threads", PRIVATE, Clock::Wall, "01"));
    all.extend(own("cross", "threads", CROSS, Clock::Wall, "01"));
    Ok(all)
}

/// Name, the program that must be there, its arguments, and the cores it has.
fn applications(root: &Path) -> Result<Vec<Workload>, String> {
    let script = |name: &str| root.join("bench/malloc/apps").join(name).display().to_string();
    let mimalloc = peers::package(root, "libmimalloc-sys")?.join("c_src/mimalloc/v3").display().to_string();
    let snmalloc = peers::package(root, "snmalloc-sys")?.join("upstream/src").display().to_string();
    let gcc = format!("-O0 -w -S -o /dev/null -I {mimalloc}/include -I {mimalloc}/src {mimalloc}/src/static.c");
    let gxx = format!(
        "-std=c++20 -w -fsyntax-only -mcx16 -DSNMALLOC_USE_WAIT_ON_ADDRESS=1 -I {snmalloc} \
         {snmalloc}/snmalloc/override/malloc.cc"
    );
    let commands = [
        ("python3", "/usr/bin/python3", script("work.py"), "1"),
        ("perl", "/usr/bin/perl", script("work.pl"), "1"),
        ("lua", "/usr/bin/lua5.4", script("work.lua"), "1"),
        ("sqlite", "/usr/bin/sqlite3", format!(":memory: .read\\ {}", script("work.sql")), "1"),
        ("node", "/usr/bin/node", script("work.js"), "01"),
        ("z3", "/usr/bin/z3", script("work.smt2"), "1"),
        ("gcc", "/usr/bin/gcc", gcc, "1"),
        ("g++", "/usr/bin/g++", gxx, "1"),
    ];
    let mut found = Vec::new();
    for (name, program, arguments, cores) in commands {
        if !Path::new(program).exists() {
            println!("{program} is not installed: `app/{name}` is left out");
            continue;
        }
        // A space that belongs to an argument is written as `\ `.
        let arguments = arguments.replace("\\ ", "\0");
        let arguments = arguments.split(' ').map(|argument| argument.replace('\0', " "));
        let command = std::iter::once(program.to_owned()).chain(arguments).collect();
        found.push(Workload { group: "app", name, clock: Clock::Processor, cores, kind: Kind::Command(command) });
    }
    if has("redis-server", &["--version"]) && has("redis-benchmark", &["--version"]) {
        found.push(Workload { group: "app", name: "redis", clock: Clock::Processor, cores: "1", kind: Kind::Redis });
    } else {
        println!("redis-server and redis-benchmark are not installed: `app/redis` is left out");
    }
    Ok(found)
}

impl Workload {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }

    pub(super) fn run(&self, root: &Path, malloc: &Malloc) -> Result<Usage, String> {
        match &self.kind {
            Kind::Command(command) => launch::run(root, self.cores, malloc, command),
            Kind::Redis => redis(root, self.cores, malloc),
        }
    }

    /// A run that is not timed, but watched: `malloc` must take all that is allocated. The programs of this
    /// repository bind nothing but what `takes` has seen.
    pub(super) fn watched(&self, root: &Path, malloc: &Malloc) -> Result<Usage, String> {
        if self.group != "app" {
            return self.run(root, malloc);
        }
        launch::bindings(&folder(root), malloc, |log| {
            let environment =
                ["env".to_owned(), "LD_DEBUG=bindings".to_owned(), format!("LD_DEBUG_OUTPUT={}", log.display())];
            match &self.kind {
                Kind::Command(command) => {
                    let command = [&environment[..], command].concat();
                    launch::run(root, self.cores, malloc, &command)
                }
                Kind::Redis => redis_as(root, self.cores, malloc, &environment),
            }
        })
    }
}

const SOCKET: &str = "redis.sock";

fn redis(root: &Path, cores: &str, malloc: &Malloc) -> Result<Usage, String> {
    redis_as(root, cores, malloc, &[])
}

/// A server under `malloc`, and its own benchmark as a client that is not.
fn redis_as(root: &Path, cores: &str, malloc: &Malloc, before: &[String]) -> Result<Usage, String> {
    let folder = folder(root);
    drop(fs::remove_file(folder.join(SOCKET)));
    let server = ["redis-server", "--port", "0", "--unixsocket", SOCKET, "--save", "", "--appendonly", "no"];
    let server: Vec<String> = before.iter().cloned().chain(server.map(str::to_owned)).collect();
    let running = launch::start(root, cores, malloc, &server)?;
    for _ in 0..200 {
        if folder.join(SOCKET).exists() {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    let client = |program: &str, arguments: &str| {
        let mut command = Command::new(program);
        command.args(["-s", SOCKET]).args(arguments.split(' ')).current_dir(&folder).stdin(Stdio::null());
        command.output().is_ok_and(|output| output.status.success())
    };
    let served = client("redis-benchmark", "-q -n 60000 -r 60000 -d 80 -P 8 -t set,get,lpush,lpop,sadd,hset,zadd,mset");
    client("redis-cli", "shutdown nosave");
    let mut usage = launch::ended(running, &server)?;
    // The server's log tells the time of day.
    usage.printed = if served { "served\n" } else { "not served\n" }.to_owned();
    if served { Ok(usage) } else { Err(format!("redis-benchmark failed under {}", malloc.name)) }
}

//! What cannot be recorded or read is said clearly, with a code that is not 0.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::support::{Bench, Run, skip};

/// Expects that `program` is refused before anything is written.
#[track_caller]
fn refused(bench: &Bench, program: &str, code: i32, parts: &[&str]) {
    let before = fs::read_dir(bench.path()).unwrap().count();
    let run = Run::of(&mut bench.recorder([program]));
    assert_eq!(run.code, Some(code), "{run:?}");
    run.says(&["blockwork: "]).says(parts);
    assert_eq!(fs::read_dir(bench.path()).unwrap().count(), before);
}

#[test]
fn programs_that_cannot_be_recorded_are_refused() {
    let bench = Bench::new();
    refused(&bench, "/no/such/program", 127, &["cannot find /no/such/program"]);
    refused(&bench, "no-such-program", 127, &["cannot find the program no-such-program in PATH"]);
    refused(&bench, "/etc", 126, &["is a directory"]);
    refused(&bench, "/etc/passwd", 126, &["is not executable"]);
    let script = bench.path().join("script");
    fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    refused(&bench, "./script", 126, &["interpreter /no/such/interpreter does not exist"]);
}

#[test]
fn a_static_program_is_refused_and_so_is_a_script_for_it() {
    let bench = Bench::new();
    let source = bench.path().join("a.c");
    fs::write(&source, "int main(void) { return 0; }").unwrap();
    let program = bench.path().join("fixed");
    match Command::new("cc").args(["-static", "-o"]).arg(&program).arg(&source).output() {
        Ok(output) if output.status.success() => {}
        _ => return skip("cc links no static programs here"),
    }
    refused(&bench, program.to_str().unwrap(), 125, &["is statically linked", "Link it dynamically"]);
    let script = bench.path().join("script");
    fs::write(&script, format!("#!{}\n", program.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    refused(&bench, script.to_str().unwrap(), 125, &["fixed, which runs", "is statically linked"]);
}

#[test]
fn a_program_that_the_system_refuses_leaves_nothing() {
    let bench = Bench::new();
    let broken = bench.path().join("broken");
    fs::write(&broken, [0x7f, b'E', b'L', b'F', 2, 1, 1]).unwrap();
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    refused(&bench, broken.to_str().unwrap(), 125, &["is not a 64-bit program"]);
}

#[test]
fn an_unwritable_file_is_said_before_the_program_runs() {
    let bench = Bench::new();
    for output in ["/no/such/directory/r", "/proc/r", "."] {
        let mut command = bench.blockwork();
        let run = Run::of(command.args(["record", "-o", output, "--", "touch", "it-ran"]));
        assert_eq!(run.code, Some(125), "{run:?}");
        run.says(&["cannot write", output]);
    }
    assert!(!bench.path().join("it-ran").exists());
}

#[test]
fn an_existing_file_is_replaced_only_by_force() {
    let bench = Bench::new();
    fs::write(bench.path().join("r.bwrec"), "precious").unwrap();
    let run = Run::of(&mut bench.recorder(["touch", "it-ran"]));
    assert_eq!(run.code, Some(125));
    run.says(&["cannot write r.bwrec", "--force"]);
    assert_eq!(fs::read(bench.path().join("r.bwrec")).unwrap(), b"precious");
    assert!(!bench.path().join("it-ran").exists());
    let run = Run::of(bench.blockwork().args(["record", "--force", "-o", "r.bwrec", "--", "ls"]));
    assert_eq!(run.code, Some(0));
    assert!(bench.stats().number("events") > 0);
}

#[test]
fn the_programs_code_is_passed_on() {
    let bench = Bench::new();
    let run = Run::of(&mut bench.recorder(["sh", "-c", "exit 7"]));
    assert_eq!(run.code, Some(7));
    bench.stats().balances();
}

#[test]
fn recordings_that_cannot_be_read_are_named() {
    let bench = Bench::new();
    let run = Run::of(bench.blockwork().args(["stats", "nowhere.bwrec"]));
    assert_eq!(run.code, Some(125));
    run.says(&["cannot read nowhere.bwrec", "No such file"]);
    for (content, parts) in [
        (b"".as_slice(), "is empty"),
        (b"#!/bin/sh\n", "not a recording"),
        (b"\x89bwrec\r\n\x63\0\0\0", "version 99"),
        (b"\x89bwrec\r\n\x01\0\0\0", "truncated"),
    ] {
        fs::write(bench.path().join("bad.bwrec"), content).unwrap();
        let run = Run::of(bench.blockwork().args(["stats", "bad.bwrec"]));
        assert_eq!(run.code, Some(125), "{run:?}");
        run.says(&["bad.bwrec", parts]);
    }
}

#[test]
fn a_damaged_recording_shows_what_can_be_read() {
    let bench = Bench::new();
    bench.record(["ls", "-l", "/"]);
    let whole = fs::read(bench.path().join("r.bwrec")).unwrap();
    let events = bench.stats().number("events");
    // The last part holds the totals; all events stand before it.
    fs::write(bench.path().join("cut.bwrec"), &whole[..whole.len() - 1]).unwrap();
    let mut flipped = whole;
    let last = flipped.len() - 1;
    flipped[last] ^= 4;
    fs::write(bench.path().join("flipped.bwrec"), flipped).unwrap();
    for (name, part) in [("cut.bwrec", "truncated"), ("flipped.bwrec", "checksum")] {
        let run = Run::of(bench.blockwork().args(["stats", "--json", name]));
        assert_eq!(run.code, Some(125));
        run.says(&[name, part]);
        let stats: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!((stats["events"].as_u64(), stats["complete"].as_bool()), (Some(events), Some(false)));
        let text = Run::of(bench.blockwork().args(["stats", name]));
        assert!(text.out.contains("events"), "{text:?}");
    }
}

/// A program that allocates much and says at its end that it got there.
const BUSY: &str = r"
    #include <stdio.h>
    #include <stdlib.h>
    int main(void) {
        for (int i = 0; i < 400000; i++) free(malloc(i & 1023));
        puts(`done`);
        return 0;
    }";

#[test]
fn a_limit_on_files_ends_the_recording_and_not_the_program() {
    let bench = Bench::new();
    let Some(program) = bench.compile(&BUSY.replace('`', "\"")) else { return };
    // In blocks of 512 bytes: 200 kB, where some two megabytes are needed.
    let line =
        format!("ulimit -f 400; exec {} record -o r.bwrec -- {}", env!("CARGO_BIN_EXE_blockwork"), program.display());
    let run = Run::of(Command::new("sh").args(["-c", &line]).current_dir(bench.path()));
    assert_eq!((run.code, run.out.as_str()), (Some(125), "done\n"), "{run:?}");
    run.says(&["recording ended before the program did", "ulimit -f"]);
    let stats = bench.stats();
    assert!((1000..400_000).contains(&stats.number("allocations")));
    assert_eq!(stats.number("unknown_frees"), 0);
}

/// A file system of a few hundred kilobytes, while it lives.
struct SmallDisk<'a>(&'a Bench);

impl<'a> SmallDisk<'a> {
    fn mount(bench: &'a Bench) -> Option<Self> {
        let path = bench.path().join("disk");
        fs::create_dir(&path).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=300k", "none"]).arg(&path).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(bench));
        }
        skip("may not mount a small disk");
        None
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0.path().join("disk")).status());
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_program() {
    let bench = Bench::new();
    let Some(program) = bench.compile(&BUSY.replace('`', "\"")) else { return };
    let Some(_disk) = SmallDisk::mount(&bench) else { return };
    let mut command = bench.blockwork();
    let run = Run::of(command.args(["record", "-o", "disk/r.bwrec", "--"]).arg(&program));
    assert_eq!((run.code, run.out.as_str()), (Some(125), "done\n"), "{run:?}");
    // Packed or not, what was recorded can be read.
    let stats = Run::of(bench.blockwork().args(["stats", "--json", "disk/r.bwrec"]));
    let figures: serde_json::Value = serde_json::from_str(&stats.out).unwrap();
    assert_eq!(figures["stopped"], "the disk is full", "{stats:?}");
    assert!((1000..400_000).contains(&figures["allocations"].as_u64().unwrap()));
    assert_eq!(figures["unknown_frees"], 0);
}

#[test]
fn a_disk_that_is_full_from_the_start_is_said_before_the_program_runs() {
    let bench = Bench::new();
    let Some(_disk) = SmallDisk::mount(&bench) else { return };
    drop(fs::write(bench.path().join("disk/ballast"), vec![1; 1 << 20]));
    let mut command = bench.blockwork();
    let run = Run::of(command.args(["record", "-o", "disk/r.bwrec", "--", "touch", "it-ran"]));
    assert_eq!(run.code, Some(125), "{run:?}");
    run.says(&["cannot write disk/r.bwrec", "No space left"]);
    assert!(!bench.path().join("it-ran").exists() && !bench.path().join("disk/r.bwrec").exists());
}

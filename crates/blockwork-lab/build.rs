//! Compiles the recorder, which the command carries along: the folder
//! `recorder`, on its own, by the same compiler, into one small shared library.
//!
//! Cargo has no stable way to embed what another crate builds, and a second
//! build step would be lost by `cargo install`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, exit},
};

fn main() {
    println!("cargo::rerun-if-changed=recorder");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(recorder)");
    let out = PathBuf::from(variable("OUT_DIR")).join("recorder.so");
    let target = variable("TARGET");
    if target == "x86_64-unknown-linux-gnu" {
        println!("cargo::rustc-cfg=recorder");
        compile(&target, &out);
    } else if let Err(error) = fs::write(&out, b"") {
        fail(&format!("cannot write {}: {error}", out.display()));
    }
}

fn compile(target: &str, out: &Path) {
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["recorder/lib.rs", "--crate-name=blockwork_recorder", "--crate-type=cdylib", "--edition=2024"]);
    rustc.args(["--target", target, "--cap-lints=warn"]);
    rustc.args(["-Cpanic=abort", "-Copt-level=3", "-Clto", "-Ccodegen-units=1", "-Cstrip=debuginfo"]);
    // libc begins and ends the program; the library must outlive every `dlclose`.
    // Where `dlsym` is not in libc yet, it is in libdl.
    rustc.args(["-Clink-arg=-nostartfiles", "-Clink-arg=-ldl", "-Clink-arg=-lc", "-Clink-arg=-Wl,-z,nodelete,-z,defs"]);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.arg("-o").arg(out);
    match rustc.status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("the recorder does not compile: {status}")),
        Err(error) => fail(&format!("cannot run the compiler: {error}")),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| fail(&format!("{name}: {error}")))
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    exit(1)
}

//! Compiles the recorder and the checker, which the command carries along: the
//! folders `recorder` and `checker`, each on its own, by the same compiler, into
//! one small shared library. The checker is made of the library's parts, so they
//! are compiled for it, without std.
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
    println!("cargo::rerun-if-changed=checker");
    println!("cargo::rerun-if-changed=checker/blockwork/");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(recorder)");
    let out = PathBuf::from(variable("OUT_DIR"));
    let libraries = ["recorder.so", "checker.so"].map(|name| out.join(name));
    let target = variable("TARGET");
    if target == "x86_64-unknown-linux-gnu" {
        println!("cargo::rustc-cfg=recorder");
        let [recorder, checker] = &libraries;
        let mut rustc = shared("recorder/lib.rs", &target);
        // It walks up its own stack.
        rustc.arg("-Cforce-unwind-tables=yes");
        compile("recorder", rustc, recorder);
        let parts = out.join("libblockwork.rlib");
        let mut rustc = compiler("checker/blockwork/lib.rs", &target);
        // Its own build is the place for its warnings.
        rustc.args(["--crate-name=blockwork", "--crate-type=rlib", "--cap-lints=allow"]);
        compile("library", rustc, &parts);
        let mut rustc = shared("checker/lib.rs", &target);
        // The unwinder goes through here.
        rustc.args(["-Cforce-unwind-tables=yes", "-Clink-arg=-lgcc_s", "-Clink-arg=-Wl,-z,now", "--extern"]);
        rustc.arg(format!("blockwork={}", parts.display()));
        compile("checker", rustc, checker);
    } else {
        for library in &libraries {
            if let Err(error) = fs::write(library, b"") {
                fail(&format!("cannot write {}: {error}", library.display()));
            }
        }
    }
}

/// The compiler, for `source` without std.
fn compiler(source: &str, target: &str) -> Command {
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args([source, "--edition=2024", "--target", target]);
    rustc.args(["-Cpanic=abort", "-Copt-level=3", "-Ccodegen-units=1", "-Cstrip=debuginfo"]);
    rustc
}

/// The same, for a library that is preloaded.
fn shared(source: &str, target: &str) -> Command {
    let mut rustc = compiler(source, target);
    rustc.args(["--crate-name=blockwork_preloaded", "--crate-type=cdylib", "--cap-lints=warn", "-Clto"]);
    // libc begins and ends the program; the library must outlive every `dlclose`.
    // Where `dlsym` is not in libc yet, it is in libdl.
    rustc.args(["-Clink-arg=-nostartfiles", "-Clink-arg=-ldl", "-Clink-arg=-lc", "-Clink-arg=-Wl,-z,nodelete,-z,defs"]);
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc
}

fn compile(what: &str, mut rustc: Command, out: &Path) {
    match rustc.arg("-o").arg(out).status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("the {what} does not compile: {status}")),
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

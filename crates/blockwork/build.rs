//! Asks the compiler which shape of std's `Allocator` it has.
//!
//! The trait is unstable in old compilers, stable in new ones, and has changed
//! in between, so a release channel's name says nothing about it. Compiling a
//! few lines that implement it does. Sets
//!
//! - `blockwork_std_allocator` when the library can implement the trait, and
//! - `blockwork_allocator_gate` when that takes `#![feature(allocator_api)]`,
//!   which is only tried with the feature `nightly`.
//!
//! And asks cargo whether `AddressSanitizer` watches; then it sets `blockwork_asan`.

use std::{
    env,
    io::Write as _,
    process::{Command, Stdio},
};

/// An implementation in the shape that `alloc::bridge` writes.
const PROBE: &str = r"
#![no_std]
use core::{alloc::{AllocError, Allocator, Layout}, ptr::NonNull};
type Block = Result<NonNull<[u8]>, AllocError>;
pub struct Probe;
unsafe impl Allocator for Probe {
    fn allocate(&self, _: Layout) -> Block { Err(AllocError) }
    unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {}
    fn allocate_zeroed(&self, _: Layout) -> Block { Err(AllocError) }
    unsafe fn grow(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Block { Err(AllocError) }
    unsafe fn grow_zeroed(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Block { Err(AllocError) }
    unsafe fn shrink(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Block { Err(AllocError) }
}
";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(blockwork_std_allocator)");
    println!("cargo::rustc-check-cfg=cfg(blockwork_allocator_gate)");
    println!("cargo::rustc-check-cfg=cfg(blockwork_asan)");
    if env::var("CARGO_CFG_SANITIZE").is_ok_and(|sanitizers| sanitizers.split(',').any(|one| one == "address")) {
        println!("cargo::rustc-cfg=blockwork_asan");
    }
    if compiles(PROBE) == Some(true) {
        println!("cargo::rustc-cfg=blockwork_std_allocator");
    } else if env::var_os("CARGO_FEATURE_NIGHTLY").is_some() {
        if compiles(&format!("#![feature(allocator_api)]{PROBE}")) == Some(true) {
            println!("cargo::rustc-cfg=blockwork_std_allocator");
            println!("cargo::rustc-cfg=blockwork_allocator_gate");
        } else {
            println!("cargo::warning=feature `nightly` changes nothing: this compiler has no `Allocator` to implement");
        }
    }
}

/// Whether the compiler in use accepts `program`, if it can be asked at all.
fn compiles(program: &str) -> Option<bool> {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let mut compiler = Command::new(env::var_os("RUSTC")?)
        .args(["--crate-name=probe", "--crate-type=lib", "--edition=2024", "--emit=metadata"])
        .arg("--out-dir")
        .arg(env::var_os("OUT_DIR")?)
        .arg("--target")
        .arg(env::var_os("TARGET")?)
        .args(flags.split('\x1f').filter(|flag| !flag.is_empty()))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    compiler.stdin.take()?.write_all(program.as_bytes()).ok()?;
    Some(compiler.wait().ok()?.success())
}

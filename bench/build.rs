//! Compiles the peers that are C++: `std::pmr`, and Boost.Pool where its headers are.

use std::{env, path::Path, process::Command};

const SOURCE: &str = "src/cpp/pools.cpp";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(cpp, boost)");
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=/usr/include/boost/version.hpp");
    let mut build = cc::Build::new();
    // Whatever the profile says: peers that are not optimised are no peers.
    build.cpp(true).std("c++17").opt_level(3).debug(false).flag("-fno-exceptions").flag("-fno-rtti").file(SOURCE);
    let Ok(compiler) = build.try_get_compiler() else {
        println!("cargo::warning=no C++ compiler: std::pmr and Boost.Pool are left out");
        return;
    };
    if finds(compiler.to_command(), "boost/pool/pool.hpp") {
        build.define("WITH_BOOST", None);
        println!("cargo::rustc-cfg=boost");
    } else {
        println!("cargo::warning=no headers of Boost (Debian: libboost-dev): Boost.Pool is left out");
    }
    if finds(compiler.to_command(), "memory_resource") {
        build.compile("pools");
        println!("cargo::rustc-cfg=cpp");
    }
}

/// Whether the compiler knows a header.
fn finds(mut compiler: Command, header: &str) -> bool {
    let out = env::var_os("OUT_DIR").expect("cargo names it");
    let probe = Path::new(&out).join("probe.cpp");
    std::fs::write(&probe, format!("#include <{header}>\n")).expect("the directory is there");
    compiler.arg("-fsyntax-only").arg(probe).output().is_ok_and(|output| output.status.success())
}

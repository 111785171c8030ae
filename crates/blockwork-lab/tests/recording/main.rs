//! `blockwork record` and `blockwork stats` on whole programs.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod bad_input;
mod calls;
mod processes;
mod signals;
mod support;
mod yardstick;

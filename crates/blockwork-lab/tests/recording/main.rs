//! The verbs of `blockwork` on whole programs and whole recordings.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

mod bad_input;
mod calls;
mod compare;
mod processes;
mod signals;
mod support;
mod yardstick;

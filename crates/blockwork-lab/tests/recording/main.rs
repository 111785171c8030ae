//! The verbs of `blockwork` on whole programs and whole recordings.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed; helpers are tests as well")]

mod bad_input;
mod calls;
mod checked;
mod compare;
mod export;
mod family;
mod import;
mod predictions;
mod processes;
mod report;
mod signals;
mod sites;
mod support;
mod tune;
mod verify;
mod yardstick;

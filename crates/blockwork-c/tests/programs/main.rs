//! Programs in C and C++, compiled, linked with the library and run.

extern crate alloc;

#[cfg(test)]
mod compiled;

//! What a program takes that allocates nothing: the zero of the table.

#![no_std]
#![no_main]

use core::ffi::c_int;

use embedded::{ensure, exit_code};

#[unsafe(no_mangle)]
extern "C" fn main(arguments: c_int) -> c_int {
    exit_code(ensure(arguments != 0, 1))
}

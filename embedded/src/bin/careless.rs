//! A program that indexes without asking: it must not link. Built only by
//! `cargo xtask embedded`, to show that the others would not either.

#![no_std]
#![no_main]

use core::ffi::c_int;

use embedded::exit_code;

#[unsafe(no_mangle)]
extern "C" fn main(arguments: c_int) -> c_int {
    let squares = [1, 4, 9];
    exit_code(usize::try_from(arguments).map_or(Err(1), |index| if squares[index] == 4 { Ok(()) } else { Err(2) }))
}

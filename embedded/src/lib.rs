//! What a program for a microcontroller brings along, for those in `src/bin`:
//! they run on Linux, without std and without `alloc`.
//!
//! No panic is linked: the handler calls a function that nobody has, so that a
//! program in which a panic could be reached does not link at all. The linker
//! names the function, and `cargo xtask embedded` tries that it would.

#![no_std]

use core::{ffi::c_int, mem::MaybeUninit, panic::PanicInfo};

unsafe extern "C" {
    /// Nowhere defined.
    safe fn a_panic_can_be_reached() -> !;
}

#[link(name = "c")]
unsafe extern "C" {}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    a_panic_can_be_reached()
}

/// Where a microcontroller masks its interrupts; these programs have one thread
/// and no interrupts.
struct NoInterrupts;

critical_section::set_impl!(NoInterrupts);

// SAFETY: there is nobody to keep out.
unsafe impl critical_section::Impl for NoInterrupts {
    unsafe fn acquire() -> critical_section::RawRestoreState {}

    unsafe fn release(_: critical_section::RawRestoreState) {}
}

/// Memory of the program's image, aligned to a cache line or to itself, whichever is less.
#[repr(align(64))]
pub struct Region<const N: usize>(pub [MaybeUninit<u8>; N]);

impl<const N: usize> Region<N> {
    /// Nothing is written to it before it is handed out.
    pub const NEW: Self = Self([MaybeUninit::uninit(); N]);
}

/// A [`Buffer`](blockwork::Buffer) of so many bytes of the program's image.
#[macro_export]
macro_rules! region {
    ($size:expr) => {{
        static mut REGION: $crate::Region<{ $size }> = $crate::Region::NEW;
        #[expect(static_mut_refs, reason = "the only one")]
        // SAFETY: nobody else can name it.
        blockwork::Buffer::new(unsafe { &mut REGION.0 })
    }};
}

/// What the program tells its caller: 0, or the step that failed.
pub fn exit_code(outcome: Result<(), u8>) -> c_int {
    match outcome {
        Ok(()) => 0,
        Err(step) => c_int::from(step),
    }
}

/// An error that names the step where it happened.
pub trait Step<T> {
    /// The value, or the number of the step.
    ///
    /// # Errors
    ///
    /// `step`, where there is no value.
    fn step(self, step: u8) -> Result<T, u8>;
}

impl<T, E> Step<T> for Result<T, E> {
    fn step(self, step: u8) -> Result<T, u8> {
        self.map_err(|_| step)
    }
}

/// Goes on where `holds`.
///
/// # Errors
///
/// `step`, where it does not.
pub fn ensure(holds: bool, step: u8) -> Result<(), u8> {
    if holds { Ok(()) } else { Err(step) }
}

//! [`thread_slot!`]: a pointer per thread, which is never null.
//!
//! Each thread starts with the address of a static, so whoever reads the slot
//! need not ask whether there is something in it. On x86-64 the slot is read by two
//! instructions, in a shared library too, where `thread_local!` calls a function;
//! elsewhere it is a `thread_local!`.

/// Makes a module `$name` with `get` and `set` of a `&'static $type`, at first
/// `&$first`, which is a static; `$symbol` is its name for the linker.
macro_rules! thread_slot {
    ($(#[$attribute:meta])* $visible:vis mod $name:ident($symbol:literal): $type:ty = $first:path) => {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        $(#[$attribute])*
        $visible mod $name {
            use super::*;

            // A word in the image of thread-local memory, which the loader
            // relocates as any pointer in data.
            core::arch::global_asm!(
                ".pushsection .tdata,\"awT\",@progbits",
                ".balign 8",
                concat!(".hidden ", $symbol),
                concat!(".globl ", $symbol),
                concat!(".type ", $symbol, ",@object"),
                concat!(".size ", $symbol, ",8"),
                concat!($symbol, ":"),
                ".quad {first}",
                ".popsection",
                first = sym $first,
            );

            /// What this thread's slot holds.
            #[inline(always)]
            pub(crate) fn get() -> &'static $type {
                let held: *const $type;
                // SAFETY: loads the slot of this thread, through the distance
                // from the thread pointer that the loader has entered.
                unsafe {
                    core::arch::asm!(
                        concat!("mov {held}, qword ptr [rip + ", $symbol, "@GOTTPOFF]"),
                        "mov {held}, qword ptr fs:[{held}]",
                        held = out(reg) held,
                        options(pure, readonly, nostack, preserves_flags),
                    );
                }
                // SAFETY: the first one, or what `set` was given.
                unsafe { &*held }
            }

            /// Puts `held` into this thread's slot.
            pub(crate) fn set(held: &'static $type) {
                // SAFETY: stores to the slot of this thread.
                unsafe {
                    core::arch::asm!(
                        concat!("mov {at}, qword ptr [rip + ", $symbol, "@GOTTPOFF]"),
                        "mov qword ptr fs:[{at}], {held}",
                        at = out(reg) _,
                        held = in(reg) core::ptr::from_ref(held),
                        options(nostack, preserves_flags),
                    );
                }
            }
        }

        #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
        $(#[$attribute])*
        $visible mod $name {
            use super::*;

            std::thread_local! {
                static SLOT: core::cell::Cell<&'static $type> = const { core::cell::Cell::new(&$first) };
            }

            /// What this thread's slot holds.
            #[inline(always)]
            pub(crate) fn get() -> &'static $type {
                SLOT.get()
            }

            /// Puts `held` into this thread's slot.
            pub(crate) fn set(held: &'static $type) {
                SLOT.set(held);
            }
        }
    };
}
pub(crate) use thread_slot;

#![no_main]

use std::panic;

libfuzzer_sys::fuzz_target!(
    init: {
        // Panics that are planned are caught; the fuzzer's own hook would end at the first.
        let found = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !blockwork_fuzz::containers::is_planned(panic.payload()) {
                found(panic);
            }
        }));
    },
    |bytes: &[u8]| blockwork_fuzz::containers::run(bytes)
);

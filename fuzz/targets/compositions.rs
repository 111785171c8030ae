#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| blockwork_fuzz::compositions::run(bytes));

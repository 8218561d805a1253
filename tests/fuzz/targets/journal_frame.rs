#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exhibit::store::journal::fuzz_frame(bytes));

#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| exhibit::evidence::fuzz_json(bytes));

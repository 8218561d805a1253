#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| { exhibit::pack::fuzz::fuzz_pack(bytes); });

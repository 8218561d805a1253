#![no_main]
use exhibit::ledger::properties;
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::key_history(bytes));

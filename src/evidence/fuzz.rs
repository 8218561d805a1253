//! The property that a fuzzer asks of the readers.
/// Reads arbitrary bytes.
pub fn fuzz_json(_bytes: &[u8]) {}

//! What must be true of verifying any bytes as a pack or a receipt, for the tests and for a fuzz target.

use std::io::Write;

use super::{Verdict, VerifyOptions, manifest::Manifest, verify_pack, verify_receipt};
use crate::ledger::note::VerifierKey;

/// The key of golang.org/x/mod's examples: known to everybody, and no pack is signed by it.
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

/// Verifies bytes as a pack, as a receipt and as a manifest.
///
/// # Panics
/// Where bytes that nobody signed are taken for evidence, or a manifest is not written again as the same bytes.
pub fn fuzz_pack(bytes: &[u8]) {
    let Ok(key) = KEY.parse::<VerifierKey>() else {
        return;
    };
    if let Ok(report) = verify_receipt(bytes, &key) {
        assert_ne!(report.verdict, Verdict::Verified);
    }
    if let Ok(manifest) = Manifest::from_bytes(bytes) {
        assert_eq!(manifest.to_bytes(), bytes);
    }
    let Ok(mut file) = tempfile::NamedTempFile::new() else {
        return;
    };
    if file.write_all(bytes).is_ok() {
        let options = VerifyOptions::default();
        if let Ok(report) = verify_pack(file.path(), &key, &options, &|_, _| {}) {
            assert_ne!(report.verdict, Verdict::Verified);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bytes_that_nobody_signed_never_verify(
            start in prop_oneof![Just(&b""[..]), Just(&b"PK\x03\x04"[..]), Just(&b"{"[..])],
            middle in vec(any::<u8>(), 0..400),
            end in prop_oneof![
                Just(&b""[..]),
                // The end record of a zip without members, and one that claims a member.
                Just(&b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..]),
                Just(&b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2e\0\0\0\0\0\0\0\0\0"[..]),
            ],
        ) {
            fuzz_pack(&[start, &middle, end].concat());
        }
    }
}

//! What must be true of verifying any bytes as a pack or a receipt, for the tests and for a fuzz target.

use std::io::Write;

use super::{Report, Verdict, VerifyOptions, manifest::Manifest, verify_pack, verify_receipt};
use crate::ledger::note::VerifierKey;

/// The key of golang.org/x/mod's examples: known to everybody, and no pack is signed by it.
const STRANGER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

/// The key of the packs in `tests/vectors/packs`, which are what to begin from: whatever is made of one under its own
/// checkpoint goes through all of the verification.
const SIGNER: &str =
    "ledger.example.com/vectors+b89bb6f9+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

/// Verifies bytes as a pack, as a receipt and as a manifest; gives what is said of the pack under its signer's key.
///
/// # Panics
/// Where bytes that nobody signed are taken for evidence, or a manifest is not written again as the same bytes.
pub fn fuzz_pack(bytes: &[u8]) -> Option<Verdict> {
    if let Ok(manifest) = Manifest::from_bytes(bytes) {
        assert_eq!(manifest.to_bytes(), bytes);
    }
    let mut file = tempfile::NamedTempFile::new().ok()?;
    file.write_all(bytes).ok()?;
    let verify = |key: &VerifierKey| {
        let receipt = verify_receipt(bytes, key).ok();
        receipt.iter().for_each(|report| check(report, key));
        let pack = verify_pack(file.path(), key, &VerifyOptions::default(), &|_, _| {}).ok();
        pack.iter().for_each(|report| check(report, key));
        pack.map(|report| report.verdict)
    };
    assert_ne!(verify(&STRANGER.parse().ok()?), Some(Verdict::Verified));
    verify(&SIGNER.parse().ok()?)
}

/// What is verified was signed by this key, has something in it, and nothing of it is wrong.
fn check(report: &Report, key: &VerifierKey) {
    if report.verdict == Verdict::Verified {
        let signed = report.signed.as_ref();
        assert!(signed.is_some_and(|signed| signed.verify(key).is_ok()));
        assert!(report.counts.entries > 0 && report.findings.total == 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;

    const WHOLE: &[u8] = include_bytes!("../../tests/vectors/packs/whole.zip");

    #[test]
    fn a_pack_under_its_signers_key_is_verified_to_the_end() {
        assert_eq!(fuzz_pack(WHOLE), Some(Verdict::Verified));
    }

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
            prop_assert_ne!(fuzz_pack(&[start, &middle, end].concat()), Some(Verdict::Verified));
        }

        #[test]
        fn no_byte_of_a_pack_can_be_another(at in any::<Index>(), flip in 1u8..) {
            let mut bytes = WHOLE.to_vec();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert_ne!(fuzz_pack(&bytes), Some(Verdict::Verified));
        }
    }
}

//! Asking an authority: TimeStampReq of RFC 3161, section 2.4.1.

use sha2::{Digest as _, Sha256};

/// The bytes of `SEQUENCE { INTEGER 1, MessageImprint { SHA-256, digest }, nonce, certReq TRUE }` around what changes:
/// every query has the same length.
const BEFORE_DIGEST: &[u8] = &[
    0x30, 0x4b, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
];
const BEFORE_NONCE: &[u8] = &[0x02, 0x10];
const AFTER_NONCE: &[u8] = &[0x01, 0x01, 0xff];

/// A number that only this query has, so that an old answer is no answer to it. 126 bits are random.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampNonce([u8; 16]);

impl TimestampNonce {
    /// Takes random bytes. The first two bits are set so that the number is positive and has 16 bytes.
    pub const fn from_random(mut random: [u8; 16]) -> Self {
        let [first, ..] = &mut random;
        *first = (*first & 0x3f) | 0x40;
        Self(random)
    }

    /// The number, big-endian.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// What is stamped of a checkpoint: SHA-256 of its signed text, without signatures, so that one that is signed again or
/// cosigned later is still stamped.
pub fn imprint_of(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// The query for a checkpoint's text in DER: what a `.tsq` file holds, and what is posted as
/// `application/timestamp-query`. It asks for the certificates, so that the answer can be checked without a network.
pub fn timestamp_query(text: &str, nonce: &TimestampNonce) -> Vec<u8> {
    let digest = imprint_of(text);
    [
        BEFORE_DIGEST,
        &digest,
        BEFORE_NONCE,
        nonce.as_bytes(),
        AFTER_NONCE,
    ]
    .concat()
}

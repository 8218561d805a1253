//! Trusted time: [RFC 3161](https://www.rfc-editor.org/rfc/rfc3161) time stamps on checkpoints.
//!
//! An authority signs a digest together with the time. What is stamped here is SHA-256 of a checkpoint's signed text,
//! and through the tree every entry below it: each of them existed no later than the stamped time. When an entry was
//! made is not in it, only until when it must have been.
//!
//! Tokens are CMS signed data ([RFC 5652](https://www.rfc-editor.org/rfc/rfc5652)) with the signer's certificate bound
//! by ESSCertID or ESSCertIDv2 ([RFC 5035](https://www.rfc-editor.org/rfc/rfc5035)). Signatures and certificate chains
//! are verified by `webpki` over `ring`: RSA of 2048 to 8192 bits (PKCS #1 v1.5 and PSS) with SHA-256, -384 and -512,
//! ECDSA on P-256 and P-384 with SHA-256 and -384, Ed25519. Not looked at: whether a certificate was revoked.

mod certificate;
mod element;
mod moment;
mod request;
mod token;
mod verify;

#[cfg(test)]
mod tests;

pub use request::{TimestampNonce, imprint_of, timestamp_query};
pub use token::Timestamp;
pub use verify::{TimestampRoots, VerifiedTimestamp};

use super::checkpoint::SignedCheckpoint;

/// The most bytes of an answer. Real ones have 1 to 8 KiB.
pub const TIMESTAMP_BYTES_MAX: usize = 64 << 10;

/// A checkpoint, and the answers of authorities that stamped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampedCheckpoint {
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
    /// The answers, each with its number, as they came.
    pub answers: Vec<(u32, Vec<u8>)>,
}

/// What is wrong with a time stamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It is longer than any.
    #[error("it has {0} bytes; a time stamp has at most {TIMESTAMP_BYTES_MAX}")]
    TooLong(usize),
    /// Not DER of the right structure.
    #[error("{0} can't be read; is this the answer of a time stamping authority?")]
    Malformed(&'static str),
    /// The authority refuses.
    #[error("the authority refuses, with status {status}{}{told}", if .told.is_empty() { "" } else { ": " })]
    Refused {
        /// PKIStatus of RFC 3161.
        status: u64,
        /// What it says.
        told: String,
    },
    /// Granted, and nothing there.
    #[error("the authority says that it grants the time stamp, and sends none")]
    NoToken,
    /// Of another text.
    #[error("it is of something else, with SHA-256 {found} instead of {expected}")]
    OtherImprint {
        /// What is to be stamped.
        expected: String,
        /// What is.
        found: String,
    },
    /// Of another digest.
    #[error("it is of a digest with {0}; it has to be SHA-256")]
    OtherDigest(String),
    /// The answer to another query.
    #[error(
        "it has another nonce than the query: it is the answer to something else, or an old one"
    )]
    OtherNonce,
    /// Nobody signed this.
    #[error("{0}")]
    Signature(&'static str),
    /// An algorithm that can't be verified here, or is not safe any more.
    #[error("it is signed with {0}, which is not supported")]
    Unsupported(String),
    /// The signer is no time stamping authority.
    #[error("{0}")]
    Usage(&'static str),
    /// A certificate was not valid when it was made.
    #[error("a certificate of {0} was not valid at the stamped time")]
    Expired(String),
    /// The signer's certificates end at none of the roots that were given: nothing is known about it.
    #[error(
        "{authority} is not known: none of the given roots, valid at that time, vouches for it"
    )]
    RootNotGiven {
        /// Who signed.
        authority: String,
    },
    /// Nobody who is trusted vouches for the signer.
    #[error("{authority} is not to be trusted: {why}")]
    Untrusted {
        /// Who signed.
        authority: String,
        /// Why.
        why: String,
    },
    /// The roots can't be used.
    #[error("there are no roots to check with: {0}")]
    Roots(&'static str),
}

/// Reads an authority's answer to a query, and checks that it is one before it is kept: granted, of this text, with
/// this nonce, and signed by a certificate for time stamping. Who the authority is, is for [`Timestamp::verify`].
///
/// # Errors
/// Says which check fails.
pub fn check_answer<'a>(
    bytes: &'a [u8],
    text: &str,
    nonce: Option<&TimestampNonce>,
) -> Result<Timestamp<'a>, TimestampError> {
    let timestamp = Timestamp::parse(bytes)?;
    timestamp.check_imprint(text)?;
    if let Some(nonce) = nonce {
        timestamp.check_nonce(nonce)?;
    }
    timestamp.check_signature()?;
    Ok(timestamp)
}

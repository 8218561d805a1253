//! Which finding a time stamp is that does not hold.

use crate::ledger::{finding::FindingKind, timestamp::TimestampError};

pub(super) const fn kind_of(error: &TimestampError) -> FindingKind {
    match error {
        TimestampError::TooLong(_)
        | TimestampError::Malformed(_)
        | TimestampError::Refused { .. }
        | TimestampError::NoToken
        | TimestampError::Unsupported(_) => FindingKind::TimestampMalformed,
        TimestampError::OtherImprint { .. }
        | TimestampError::OtherDigest(_)
        | TimestampError::OtherNonce => FindingKind::TimestampMismatch,
        TimestampError::Signature(_) => FindingKind::TimestampAltered,
        TimestampError::Usage(_)
        | TimestampError::Expired(_)
        | TimestampError::RootNotGiven { .. }
        | TimestampError::Untrusted { .. }
        | TimestampError::Roots(_) => FindingKind::TimestampUntrusted,
    }
}

pub(super) const fn expected(error: &TimestampError) -> &'static str {
    match kind_of(error) {
        FindingKind::TimestampMismatch => "a time stamp of the checkpoint beside it",
        FindingKind::TimestampAltered => "a time stamp as its authority signed it",
        FindingKind::TimestampUntrusted => {
            "a time stamp of an authority that the given roots vouch for"
        }
        _ => "the answer of a time stamping authority",
    }
}

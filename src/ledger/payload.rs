//! Payloads: an event's content in salted parts, and the bundles that carry them in an export.
//!
//! Each part has a commitment of its own, so it can be withheld or erased alone: the commitment stays, salt and
//! content go, and the payload's commitment in the entry still holds. The salt stops anyone from guessing a
//! withheld part by hashing candidates.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    entry::{in_words, layout},
    hash::{PartCommitment, PayloadCommitment},
};

/// The name of the first part of every payload.
pub const BODY: &str = "body";
/// The most parts a payload may have.
pub const PARTS_MAX: usize = 32;
/// The most bytes of a part's name, and of its content type.
pub const PART_NAME_BYTES_MAX: usize = 255;
/// The most bytes of content in one payload, all parts together.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// What stands in a bundle where a payload was lost: no part, and so not even the commitments of parts.
pub const LOST: [u8; 8] = [0; 8];

/// A part's 32 random bytes. Not printed by `Debug`: whoever has it can test guesses at a withheld part.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salt(#[serde(with = "super::hash::thirty_two")] [u8; 32]);

impl Salt {
    /// Takes the 32 bytes; they must come from the system's random source.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// One part of a payload as it is stored or exported, borrowed from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part<'a> {
    /// Withheld or erased: only its commitment is left.
    Withheld(PartCommitment),
    /// Disclosed in full.
    #[serde(borrow)]
    Disclosed(DisclosedPart<'a>),
}

/// A part with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisclosedPart<'a> {
    /// The part's salt.
    pub salt: Salt,
    /// Unique within the payload; the first is `body`.
    pub name: &'a str,
    /// A media type such as `application/json`.
    pub content_type: &'a str,
    /// The content, verbatim.
    #[serde(borrow, serialize_with = "as_bytes")]
    pub content: &'a [u8],
}

fn as_bytes<S: serde::Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Bytes that are not a payload, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedPayload {
    /// A field ends beyond the last byte, a variant is unknown, or text is not UTF-8.
    #[error("the payload does not decode: {0}")]
    Layout(String),
    /// A payload has no part, or too many.
    #[error("a payload has 1 to {PARTS_MAX} parts, not {0}")]
    PartCount(usize),
    /// The first part, where disclosed, is not the body.
    #[error("the first part of a payload is named {BODY:?}, not {0:?}")]
    FirstPart(String),
    /// Two parts have one name.
    #[error("two parts of the payload are named {0:?}")]
    DuplicatePart(String),
    /// A part's name is empty or too long, or its content type is too long.
    #[error(
        "a part's name has 1 to {PART_NAME_BYTES_MAX} bytes and its content type at most as many"
    )]
    PartName,
    /// Too much content.
    #[error("the payload has {0} bytes of content, over the limit of {PAYLOAD_BYTES_MAX}")]
    TooLong(usize),
    /// Bytes are left after the last payload of a bundle.
    #[error("{0} bytes follow the last payload of the bundle")]
    TrailingBytes(usize),
}

impl Part<'_> {
    /// The part's commitment: kept, or computed from the content.
    pub fn commitment(&self) -> PartCommitment {
        match self {
            Self::Withheld(commitment) => *commitment,
            Self::Disclosed(part) => part.commitment(),
        }
    }
}

impl DisclosedPart<'_> {
    /// The commitment to this content.
    pub fn commitment(&self) -> PartCommitment {
        PartCommitment::of_part(
            self.salt.as_bytes(),
            self.name,
            self.content_type,
            self.content,
        )
    }
}

/// The commitment to a payload made of these parts.
pub fn payload_commitment(parts: &[Part<'_>]) -> PayloadCommitment {
    PayloadCommitment::of_parts(parts.iter().map(Part::commitment))
}

/// Appends one payload's parts to a bundle.
///
/// # Errors
/// Refuses parts that [`check_parts`] refuses.
pub fn encode_parts(parts: &[Part<'_>], bundle: &mut Vec<u8>) -> Result<(), MalformedPayload> {
    check_parts(parts)?;
    bincode::serde::encode_into_std_write(parts, bundle, layout())
        .map(drop)
        .map_err(|error| MalformedPayload::Layout(error.to_string()))
}

/// Reads one payload's parts from the front of a bundle, and gives what is left of it.
///
/// # Errors
/// Refuses bytes that are not the parts of a payload.
pub fn decode_parts(bundle: &[u8]) -> Result<(Vec<Part<'_>>, &[u8]), MalformedPayload> {
    let declared = bundle.first_chunk::<8>().ok_or_else(|| {
        MalformedPayload::Layout("it ends before the number of its parts".to_owned())
    })?;
    match usize::try_from(u64::from_le_bytes(*declared)) {
        Ok(1..=PARTS_MAX) => {}
        other => return Err(MalformedPayload::PartCount(other.unwrap_or(usize::MAX))),
    }
    let (parts, read): (Vec<Part<'_>>, usize) =
        bincode::serde::borrow_decode_from_slice(bundle, layout())
            .map_err(|error| MalformedPayload::Layout(in_words(&error)))?;
    check_parts(&parts)?;
    Ok((parts, bundle.get(read..).unwrap_or_default()))
}

/// Reads what a bundle has for one payload, and gives what is left of it: its parts as [`decode_parts`] does, or no part
/// where [`LOST`] says that it was lost.
///
/// # Errors
/// Refuses bytes that are neither.
pub fn decode_kept(bundle: &[u8]) -> Result<(Vec<Part<'_>>, &[u8]), MalformedPayload> {
    match bundle.strip_prefix(&LOST) {
        Some(rest) => Ok((Vec::new(), rest)),
        None => decode_parts(bundle),
    }
}

/// Writes what [`decode_kept`] has read.
///
/// # Errors
/// As [`encode_parts`]; no part at all is a lost payload, and none.
pub fn encode_kept(parts: &[Part<'_>], bundle: &mut Vec<u8>) -> Result<(), MalformedPayload> {
    if parts.is_empty() {
        bundle.extend_from_slice(&LOST);
        return Ok(());
    }
    encode_parts(parts, bundle)
}

/// Reads a whole bundle of exactly `payloads` payloads, as [`decode_kept`] reads each.
///
/// # Errors
/// Refuses bytes that are not that many payloads, or that go on after them.
pub fn decode_bundle(
    bundle: &[u8],
    payloads: usize,
) -> Result<Vec<Vec<Part<'_>>>, MalformedPayload> {
    let mut rest = bundle;
    let mut all = Vec::with_capacity(payloads.min(256));
    for _ in 0..payloads {
        let (parts, left) = decode_kept(rest)?;
        all.push(parts);
        rest = left;
    }
    match rest.len() {
        0 => Ok(all),
        left => Err(MalformedPayload::TrailingBytes(left)),
    }
}

/// Checks what every payload must be: 1 to [`PARTS_MAX`] parts, the first named `body`, names unique, within the
/// limits. Of withheld parts the names are not known.
///
/// # Errors
/// Says what is wrong.
pub fn check_parts(parts: &[Part<'_>]) -> Result<(), MalformedPayload> {
    if !(1..=PARTS_MAX).contains(&parts.len()) {
        return Err(MalformedPayload::PartCount(parts.len()));
    }
    let mut bytes = 0usize;
    for (position, part) in parts.iter().enumerate() {
        let Part::Disclosed(part) = part else {
            continue;
        };
        if part.name.is_empty()
            || part.name.len().max(part.content_type.len()) > PART_NAME_BYTES_MAX
        {
            return Err(MalformedPayload::PartName);
        }
        if position == 0 && part.name != BODY {
            return Err(MalformedPayload::FirstPart(part.name.to_owned()));
        }
        // The first part is the body, even where it is withheld and does not say so.
        let taken = parts
            .iter()
            .take(position)
            .any(|earlier| matches!(earlier, Part::Disclosed(other) if other.name == part.name));
        if taken || (position > 0 && part.name == BODY) {
            return Err(MalformedPayload::DuplicatePart(part.name.to_owned()));
        }
        bytes = bytes.saturating_add(part.content.len());
    }
    if bytes > PAYLOAD_BYTES_MAX {
        return Err(MalformedPayload::TooLong(bytes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part<'a>(name: &'a str, content_type: &'a str, content: &'a [u8]) -> Part<'a> {
        let salt = Salt::from_bytes([3; 32]);
        Part::Disclosed(DisclosedPart {
            salt,
            name,
            content_type,
            content,
        })
    }

    #[test]
    fn payloads_that_break_a_rule_are_refused_for_that_rule() {
        use MalformedPayload::{DuplicatePart, FirstPart, PartCount, PartName, TooLong};
        let long = "x".repeat(PART_NAME_BYTES_MAX + 1);
        let (body, withheld) = (
            part(BODY, "", b""),
            Part::Withheld(PartCommitment::from_bytes([1; 32])),
        );
        let (half, more) = (
            vec![0; PAYLOAD_BYTES_MAX / 2],
            vec![0; PAYLOAD_BYTES_MAX / 2 + 1],
        );
        for (parts, why) in [
            (vec![], PartCount(0)),
            (vec![withheld; PARTS_MAX + 1], PartCount(PARTS_MAX + 1)),
            (vec![part("actor", "", b"")], FirstPart("actor".into())),
            (vec![body, body], DuplicatePart(BODY.into())),
            (vec![withheld, body], DuplicatePart(BODY.into())),
            (
                vec![body, part("a", "", b""), withheld, part("a", "x", b"y")],
                DuplicatePart("a".into()),
            ),
            (vec![body, part("", "", b"")], PartName),
            (vec![body, part(&long, "", b"")], PartName),
            (vec![part(BODY, &long, b"")], PartName),
            (
                vec![part(BODY, "", &half), part("a", "", &more)],
                TooLong(PAYLOAD_BYTES_MAX + 1),
            ),
        ] {
            assert_eq!(check_parts(&parts), Err(why.clone()));
            assert_eq!(encode_parts(&parts, &mut Vec::new()), Err(why));
        }
        for parts in [
            vec![body],
            vec![withheld],
            vec![withheld; PARTS_MAX],
            vec![body, withheld, part(&long[1..], &long[1..], b"")],
            vec![part(BODY, "", &half), part("a", "", &half)],
        ] {
            let mut bundle = Vec::new();
            encode_parts(&parts, &mut bundle).unwrap();
            assert_eq!(decode_parts(&bundle), Ok((parts, &[][..])));
        }
    }

    #[test]
    fn bytes_that_are_no_payload_say_where_they_stop_making_sense() {
        let layout = |why: &str| MalformedPayload::Layout(why.to_owned());
        let mut bundle = Vec::new();
        encode_parts(&[part(BODY, "text/plain", b"hello")], &mut bundle).unwrap();
        assert_eq!(
            decode_parts(&bundle[..7]),
            Err(layout("it ends before the number of its parts"))
        );
        for end in 8..bundle.len() {
            assert_eq!(
                decode_parts(&bundle[..end]),
                Err(layout("a field ends beyond the last byte"))
            );
        }
        for parts in [0, 33, u64::MAX] {
            bundle[..8].copy_from_slice(&parts.to_le_bytes());
            assert!(matches!(
                decode_parts(&bundle),
                Err(MalformedPayload::PartCount(_))
            ));
        }
        bundle[..12].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
        assert!(matches!(
            decode_parts(&bundle),
            Err(MalformedPayload::Layout(_))
        ));
    }

    #[test]
    fn a_bundle_has_exactly_its_payloads() {
        let mut bundle = Vec::new();
        for _ in 0..3 {
            encode_parts(&[part(BODY, "", b"x")], &mut bundle).unwrap();
        }
        let left = bundle.len() / 3;
        assert_eq!(decode_bundle(&bundle, 3).unwrap().len(), 3);
        assert_eq!(
            decode_bundle(&bundle, 2),
            Err(MalformedPayload::TrailingBytes(left))
        );
        assert!(decode_bundle(&bundle, 4).is_err());
        assert_eq!(decode_bundle(&[], 0), Ok(vec![]));
        // One that was lost is kept as no part.
        bundle.extend_from_slice(&LOST);
        assert_eq!(decode_bundle(&bundle, 4).unwrap()[3], []);
    }

    #[test]
    fn salts_are_not_printed() {
        let printed = format!("{:?}", part(BODY, "", b""));
        assert!(printed.contains("Salt(..)") && !printed.contains("3, 3"));
    }
}

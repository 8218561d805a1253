//! The entry: the ledger's line about one event, and the leaf of its Merkle tree.
//!
//! Its bytes are what is hashed, stored and exported, so they are made once, by [`Entry::encode`], and kept
//! verbatim. [`Entry::decode`] accepts exactly the bytes that `encode` makes: the encoding of a value is unique.
//! Everything in an entry stays for ever and shows in every export, so nothing personal goes there.

use bincode::error::DecodeError;
use serde::{Deserialize, Serialize};

use super::{
    hash::{ChainHash, PayloadCommitment},
    position::{EntryIndex, UnixNanos},
};

/// The only version of the layout so far.
pub const ENTRY_VERSION: u8 = 1;
/// The most bytes an entry may have: an entry bundle gives its length in 16 bits.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// One line of the ledger, borrowed from its bytes or from the event it is made of.
///
/// The fields stand in the order of their encoding: `bincode` 2, little-endian, fixed-width integers, strings as
/// a 64-bit byte length and UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<'a> {
    version: u8,
    /// Position in the ledger.
    pub index: EntryIndex,
    /// The ledger's clock when it took the event; never below the previous entry's.
    pub recorded_at: UnixNanos,
    /// When the producer says it happened; zero if it did not say.
    pub occurred_at: UnixNanos,
    /// The producer's own count for this source, from 1; zero if it does not count.
    pub source_sequence: u64,
    /// Chain hash of the entry before; the genesis hash for the first.
    pub previous: ChainHash,
    /// Commitment to the payload.
    pub commitment: PayloadCommitment,
    /// Such as `exhibit.deployment.v1`, 1 to 255 bytes.
    pub event_type: &'a str,
    /// URI of the pipeline or system the event comes from, 1 to 1,024 bytes.
    pub source: &'a str,
    /// Unique within the source, 1 to 255 bytes: the idempotency key.
    pub event_id: &'a str,
    /// What the event is about, such as `service/payments@production`, at most 1,024 bytes.
    pub subject: &'a str,
    /// Who posted it, as the ledger authenticated it, 1 to 1,024 bytes.
    pub producer: &'a str,
}

/// The fields of an entry that come from the event, without their place in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryFields<'a> {
    /// See [`Entry::occurred_at`].
    pub occurred_at: UnixNanos,
    /// See [`Entry::source_sequence`].
    pub source_sequence: u64,
    /// See [`Entry::commitment`].
    pub commitment: PayloadCommitment,
    /// See [`Entry::event_type`].
    pub event_type: &'a str,
    /// See [`Entry::source`].
    pub source: &'a str,
    /// See [`Entry::event_id`].
    pub event_id: &'a str,
    /// See [`Entry::subject`].
    pub subject: &'a str,
    /// See [`Entry::producer`].
    pub producer: &'a str,
}

/// One text field of an entry, with its limits in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextField {
    /// The field's name.
    pub name: &'static str,
    /// The fewest bytes it may have.
    pub bytes_min: usize,
    /// The most bytes it may have.
    pub bytes_max: usize,
}

impl TextField {
    const fn new(name: &'static str, bytes_min: usize, bytes_max: usize) -> Self {
        Self {
            name,
            bytes_min,
            bytes_max,
        }
    }

    fn admits(&self, text: &str) -> bool {
        (self.bytes_min..=self.bytes_max).contains(&text.len())
    }
}

/// Limits of [`Entry::event_type`].
pub const EVENT_TYPE: TextField = TextField::new("event_type", 1, 255);
/// Limits of [`Entry::source`].
pub const SOURCE: TextField = TextField::new("source", 1, 1024);
/// Limits of [`Entry::event_id`].
pub const EVENT_ID: TextField = TextField::new("event_id", 1, 255);
/// Limits of [`Entry::subject`].
pub const SUBJECT: TextField = TextField::new("subject", 0, 1024);
/// Limits of [`Entry::producer`].
pub const PRODUCER: TextField = TextField::new("producer", 1, 1024);

/// Bytes that are not an entry, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedEntry {
    /// The version byte is not one this program knows.
    #[error("unknown entry version {0}; this program reads version {ENTRY_VERSION}")]
    UnknownVersion(u8),
    /// There are no bytes at all.
    #[error("the entry is empty")]
    Empty,
    /// More than [`ENTRY_BYTES_MAX`].
    #[error("the entry has {0} bytes, over the limit of {ENTRY_BYTES_MAX}")]
    TooLong(usize),
    /// A field ends beyond the last byte, or is not UTF-8.
    #[error("the entry does not decode: {0}")]
    Layout(String),
    /// Bytes are left after the last field.
    #[error("{0} bytes follow the last field")]
    TrailingBytes(usize),
    /// A text field is shorter or longer than its limits.
    #[error("{field} has {bytes} bytes, outside its limits of {min} to {max}")]
    FieldLength {
        /// The field's name.
        field: &'static str,
        /// Its length.
        bytes: usize,
        /// The fewest it may have.
        min: usize,
        /// The most it may have.
        max: usize,
    },
}

impl<'a> Entry<'a> {
    /// Puts an event's fields at their place in the ledger.
    pub fn at(
        index: EntryIndex,
        recorded_at: UnixNanos,
        previous: ChainHash,
        fields: EntryFields<'a>,
    ) -> Self {
        Self {
            version: ENTRY_VERSION,
            index,
            recorded_at,
            occurred_at: fields.occurred_at,
            source_sequence: fields.source_sequence,
            previous,
            commitment: fields.commitment,
            event_type: fields.event_type,
            source: fields.source,
            event_id: fields.event_id,
            subject: fields.subject,
            producer: fields.producer,
        }
    }

    /// What the entry took from its event.
    pub fn fields(&self) -> EntryFields<'a> {
        EntryFields {
            occurred_at: self.occurred_at,
            source_sequence: self.source_sequence,
            commitment: self.commitment,
            event_type: self.event_type,
            source: self.source,
            event_id: self.event_id,
            subject: self.subject,
            producer: self.producer,
        }
    }

    /// Reads an entry from exactly its bytes.
    ///
    /// # Errors
    /// Refuses an unknown version, trailing bytes, a length beyond the end, bad UTF-8 and a text field outside
    /// its limits.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, MalformedEntry> {
        match bytes.first() {
            None => return Err(MalformedEntry::Empty),
            Some(&ENTRY_VERSION) => {}
            Some(&other) => return Err(MalformedEntry::UnknownVersion(other)),
        }
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(MalformedEntry::TooLong(bytes.len()));
        }
        let (entry, read): (Self, usize) =
            bincode::serde::borrow_decode_from_slice(bytes, layout())
                .map_err(|error| MalformedEntry::Layout(in_words(&error)))?;
        match bytes.len().saturating_sub(read) {
            0 => entry.within_limits(),
            left => Err(MalformedEntry::TrailingBytes(left)),
        }
    }

    /// Makes the entry's bytes.
    ///
    /// # Errors
    /// Refuses a text field outside its limits.
    pub fn encode(&self) -> Result<Vec<u8>, MalformedEntry> {
        let mut bytes = Vec::with_capacity(512);
        self.encode_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Appends the entry's bytes to a buffer.
    ///
    /// # Errors
    /// Refuses a text field outside its limits.
    pub fn encode_into(&self, buffer: &mut Vec<u8>) -> Result<(), MalformedEntry> {
        self.within_limits()?;
        bincode::serde::encode_into_std_write(self, buffer, layout())
            .map(drop)
            .map_err(|error| MalformedEntry::Layout(error.to_string()))
    }

    fn within_limits(self) -> Result<Self, MalformedEntry> {
        let fields = [
            (EVENT_TYPE, self.event_type),
            (SOURCE, self.source),
            (EVENT_ID, self.event_id),
            (SUBJECT, self.subject),
            (PRODUCER, self.producer),
        ];
        match fields
            .into_iter()
            .find(|(limits, text)| !limits.admits(text))
        {
            None => Ok(self),
            Some((limits, text)) => Err(MalformedEntry::FieldLength {
                field: limits.name,
                bytes: text.len(),
                min: limits.bytes_min,
                max: limits.bytes_max,
            }),
        }
    }
}

/// The one `bincode` configuration of the hashed formats.
pub(super) fn layout() -> impl bincode::config::Config {
    bincode::config::standard().with_fixed_int_encoding()
}

/// What stops bytes from decoding, for those who never heard of the library.
pub(super) fn in_words(error: &DecodeError) -> String {
    match error {
        DecodeError::UnexpectedEnd { .. } => "a field ends beyond the last byte".to_owned(),
        DecodeError::Utf8 { .. } => "a text field is not UTF-8".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use super::*;

    fn longest(texts: [&str; 5]) -> Entry<'_> {
        let [event_type, source, event_id, subject, producer] = texts;
        let fields = EntryFields {
            occurred_at: UnixNanos::new(u64::MAX),
            source_sequence: u64::MAX,
            commitment: PayloadCommitment::from_bytes([0xff; 32]),
            event_type,
            source,
            event_id,
            subject,
            producer,
        };
        let previous = ChainHash::from_bytes([0xff; 32]);
        Entry::at(
            EntryIndex::new(u64::MAX),
            UnixNanos::new(u64::MAX),
            previous,
            fields,
        )
    }

    #[test]
    fn text_fields_keep_their_limits_to_the_byte() {
        let limits = [EVENT_TYPE, SOURCE, EVENT_ID, SUBJECT, PRODUCER];
        let most = limits.map(|limits| "x".repeat(limits.bytes_max));
        let least = limits.map(|limits| "x".repeat(limits.bytes_min));
        for good in [&most, &least] {
            let texts = good.each_ref().map(String::as_str);
            let bytes = longest(texts).encode().unwrap();
            assert_eq!(Entry::decode(&bytes), Ok(longest(texts)));
        }
        for field in 0..5 {
            let mut texts = most.each_ref().map(String::as_str);
            let over = format!("{}x", most[field]);
            texts[field] = &over;
            let refused = longest(texts).encode();
            assert!(
                matches!(refused, Err(MalformedEntry::FieldLength { field: name, .. }) if name == limits[field].name)
            );
            if limits[field].bytes_min > 0 {
                texts[field] = "";
                assert!(
                    longest(texts).encode().is_err(),
                    "empty {}",
                    limits[field].name
                );
            }
        }
    }

    #[test]
    fn a_decoder_keeps_the_limits_that_the_encoder_keeps() {
        let bytes = longest(["t", "s", "i", "", "p"]).encode().unwrap();
        // The length of `event_type` stands behind version, four numbers and two hashes.
        let at = 1 + 4 * 8 + 2 * 32;
        assert_eq!(bytes[at], 1);
        let mut empty = bytes.clone();
        empty[at] = 0;
        empty.remove(at + 8);
        assert!(matches!(
            Entry::decode(&empty),
            Err(MalformedEntry::FieldLength {
                field: "event_type",
                bytes: 0,
                ..
            })
        ));
        for length in [u64::MAX, u64::MAX - 7, 1 << 63, 1 << 32, 255] {
            let mut bad = bytes.clone();
            bad[at..at + 8].copy_from_slice(&length.to_le_bytes());
            let said = MalformedEntry::Layout("a field ends beyond the last byte".into());
            assert_eq!(Entry::decode(&bad), Err(said), "length {length}");
        }
    }

    #[test]
    fn what_cannot_be_an_entry_says_why() {
        assert_eq!(Entry::decode(&[]), Err(MalformedEntry::Empty));
        assert_eq!(Entry::decode(&[0]), Err(MalformedEntry::UnknownVersion(0)));
        let long = [1; ENTRY_BYTES_MAX + 1];
        assert_eq!(
            Entry::decode(&long),
            Err(MalformedEntry::TooLong(long.len()))
        );
    }
}

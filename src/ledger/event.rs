//! The valid event: what a producer says happened, ready to become an entry.
//!
//! An [`Event`] can only be made by [`Event::new`], which checks every limit and names the field that breaks one;
//! after it no invalid event exists. Its payload is encoded and committed to here too, off the write path's one thread,
//! which then has nothing to do but to copy: an event is two pieces of memory, however many fields and parts it has.

use std::fmt;

use super::{
    entry::{EVENT_ID, EVENT_TYPE, EntryFields, PRODUCER, SOURCE, SUBJECT, TextField},
    hash::{PartCommitment, PayloadCommitment},
    payload::{
        DisclosedPart, MalformedPayload, PAYLOAD_BYTES_MAX, Part, Salt, decode_parts, encode_parts,
    },
    position::UnixNanos,
};

/// How far ahead of the ledger's clock an event may say it happened: one day.
pub const AHEAD_MAX: UnixNanos = UnixNanos::new(24 * 60 * 60 * 1_000_000_000);

/// What the sources of the ledger's own entries begin with; no producer may post under one.
pub const LEDGER_SOURCE_PREFIX: &str = "exhibit:";
/// What the types of the ledger's own entries begin with; no producer may post one.
pub const LEDGER_TYPE_PREFIX: &str = "ledger.";

/// One part of a new event's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPart {
    /// 32 fresh random bytes.
    pub salt: Salt,
    /// Unique within the payload; the first is `body`.
    pub name: String,
    /// A media type such as `application/json`.
    pub content_type: String,
    /// The content, verbatim.
    pub content: Vec<u8>,
}

/// What an event is made of, unchecked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewEvent {
    /// Such as `exhibit.deployment.v1`.
    pub event_type: String,
    /// URI of the pipeline or system it comes from.
    pub source: String,
    /// Unique within the source.
    pub event_id: String,
    /// What it is about.
    pub subject: String,
    /// Who posted it, as the ledger authenticated it.
    pub producer: String,
    /// When the producer says it happened; zero if it did not say.
    pub occurred_at: UnixNanos,
    /// The producer's own count for this source, from 1; zero if it does not count.
    pub source_sequence: u64,
    /// The content, the body first.
    pub parts: Vec<NewPart>,
}

/// A valid event with its payload and the commitment to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    occurred_at: UnixNanos,
    source_sequence: u64,
    commitment: PayloadCommitment,
    texts: Texts,
    /// As it stands in a bundle.
    payload: Vec<u8>,
}

/// The text fields of an event, one behind the other: type, source, id, subject, producer.
#[derive(Clone, PartialEq, Eq)]
struct Texts {
    joined: String,
    /// Where each ends but the last.
    ends: [usize; 4],
}

/// Why an event is refused: the field, what is wrong with it, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidEvent {
    /// The field, as the API names it.
    pub field: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl InvalidEvent {
    /// Names a field and what is wrong with it.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

impl Event {
    /// Checks an event, and commits to its payload.
    ///
    /// # Errors
    /// Names the first field that is empty, too long, not printable, too far in the future, or a payload that
    /// breaks the rules of [`check_parts`](super::payload::check_parts).
    pub fn new(event: NewEvent, now: UnixNanos) -> Result<Self, InvalidEvent> {
        for (limits, text) in [
            (EVENT_TYPE, &event.event_type),
            (SOURCE, &event.source),
            (EVENT_ID, &event.event_id),
            (SUBJECT, &event.subject),
            (PRODUCER, &event.producer),
        ] {
            check_text(limits, text)?;
        }
        if event.occurred_at.value() > now.value().saturating_add(AHEAD_MAX.value()) {
            return Err(InvalidEvent::new(
                "occurred_at",
                format!(
                    "{} is over a day ahead of the ledger's clock, {}; check the producer's clock",
                    event.occurred_at.to_rfc3339(),
                    now.to_rfc3339()
                ),
            ));
        }
        let parts: Vec<Part<'_>> = event.parts.iter().map(NewPart::as_part).collect();
        let mut payload = Vec::with_capacity(bundled_bytes(&event.parts));
        encode_parts(&parts, &mut payload).map_err(|error| payload_error(&error))?;
        Ok(Self {
            occurred_at: event.occurred_at,
            source_sequence: event.source_sequence,
            commitment: PayloadCommitment::of_parts(parts.iter().map(Part::commitment)),
            texts: Texts::of(&event),
            payload,
        })
    }

    /// What the entry takes from the event.
    pub fn fields(&self) -> EntryFields<'_> {
        let [event_type, source, event_id, subject, producer] = self.texts.each();
        EntryFields {
            occurred_at: self.occurred_at,
            source_sequence: self.source_sequence,
            commitment: self.commitment,
            event_type,
            source,
            event_id,
            subject,
            producer,
        }
    }

    /// The payload's bytes, as they stand in a bundle.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload's parts, the body first.
    pub fn parts(&self) -> Vec<Part<'_>> {
        match decode_parts(&self.payload) {
            Ok((parts, _)) => parts,
            Err(error) => unreachable!("the event's own encoding does not decode: {error}"),
        }
    }

    /// About how many bytes its entry and payload take before compression.
    pub fn stored_bytes(&self) -> usize {
        const ENTRY_BYTES: usize = 256;
        ENTRY_BYTES
            .saturating_add(self.texts.joined.len())
            .saturating_add(self.payload.len())
    }

    /// Whether a stored entry and payload say the same as this event. The salts are fresh each time, the place in
    /// the ledger is the ledger's, and who posted it may be somebody else on a second try, so none of these count;
    /// an erased part is compared by its commitment, under the stored salt of nobody, and so never equals.
    pub fn says_the_same(&self, stored: EntryFields<'_>, payload: &[Part<'_>]) -> bool {
        let ours = self.fields();
        let fields = (
            ours.event_type,
            ours.source,
            ours.event_id,
            ours.subject,
            ours.occurred_at,
            ours.source_sequence,
        ) == (
            stored.event_type,
            stored.source,
            stored.event_id,
            stored.subject,
            stored.occurred_at,
            stored.source_sequence,
        );
        let parts = self.parts();
        fields
            && parts.len() == payload.len()
            && parts
                .iter()
                .zip(payload)
                .all(|(new, stored)| said(stored).is_some() && said(new) == said(stored))
    }
}

/// What a part says; nothing where it is withheld.
fn said<'a>(part: &Part<'a>) -> Option<(&'a str, &'a str, &'a [u8])> {
    match part {
        Part::Withheld(_) => None,
        Part::Disclosed(part) => Some((part.name, part.content_type, part.content)),
    }
}

impl fmt::Debug for Event {
    /// Without the payload, which has the salts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(&self.fields()).finish()
    }
}

impl Texts {
    fn of(event: &NewEvent) -> Self {
        let each = [
            event.event_type.as_str(),
            &event.source,
            &event.event_id,
            &event.subject,
            &event.producer,
        ];
        let mut joined = String::with_capacity(each.iter().map(|text| text.len()).sum());
        let mut ends = [0; 4];
        for (position, text) in each.into_iter().enumerate() {
            joined.push_str(text);
            if let Some(end) = ends.get_mut(position) {
                *end = joined.len();
            }
        }
        Self { joined, ends }
    }

    fn each(&self) -> [&str; 5] {
        let [a, b, c, d] = self.ends;
        let piece = |from, to| self.joined.get(from..to).unwrap_or_default();
        [
            piece(0, a),
            piece(a, b),
            piece(b, c),
            piece(c, d),
            piece(d, self.joined.len()),
        ]
    }
}

impl NewPart {
    fn as_part(&self) -> Part<'_> {
        Part::Disclosed(DisclosedPart {
            salt: self.salt,
            name: &self.name,
            content_type: &self.content_type,
            content: &self.content,
        })
    }

    /// The commitment to the part.
    pub fn commitment(&self) -> PartCommitment {
        self.as_part().commitment()
    }
}

/// How many bytes parts take in a bundle: their texts and content, and what stands around them.
fn bundled_bytes(parts: &[NewPart]) -> usize {
    const AROUND: usize = 64;
    let bytes = |part: &NewPart| {
        let texts = part.name.len().saturating_add(part.content_type.len());
        texts
            .saturating_add(part.content.len())
            .saturating_add(AROUND)
    };
    parts.iter().map(bytes).fold(8, usize::saturating_add)
}

/// Checks one text field of an event: its length, and that it can be printed on one line.
fn check_text(limits: TextField, text: &str) -> Result<(), InvalidEvent> {
    if text.len() < limits.bytes_min {
        return Err(InvalidEvent::new(limits.name, "is empty; it must be given"));
    }
    if text.len() > limits.bytes_max {
        let problem = format!(
            "has {} bytes; shorten it to at most {}",
            text.len(),
            limits.bytes_max
        );
        return Err(InvalidEvent::new(limits.name, problem));
    }
    line_problem(text).map_or(Ok(()), |problem| {
        Err(InvalidEvent::new(limits.name, problem))
    })
}

/// Why text is not one line without white space at its ends; nothing where it is one.
pub(crate) fn line_problem(text: &str) -> Option<&'static str> {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain && !text.starts_with(' ') && !text.ends_with(' ') {
        return None;
    }
    if text.chars().any(char::is_control) {
        Some("has a control character; send it as one line of plain text")
    } else if text.trim() != text {
        Some("begins or ends with white space; trim it")
    } else {
        None
    }
}

fn payload_error(error: &MalformedPayload) -> InvalidEvent {
    let way_out = match error {
        MalformedPayload::TooLong(_) => {
            format!(
                "; send at most {PAYLOAD_BYTES_MAX} bytes, and name larger files by their digest"
            )
        }
        _ => String::new(),
    };
    InvalidEvent::new("payload", format!("{error}{way_out}"))
}

#[cfg(test)]
mod tests;

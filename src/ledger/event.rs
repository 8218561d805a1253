//! The valid event: what a producer says happened, ready to become an entry.
//!
//! An [`Event`] can only be made by [`Event::new`], which checks every limit and names the field that breaks one;
//! after it no invalid event exists. Its commitments are computed here too, off the write path's one thread.

use super::{
    entry::{EVENT_ID, EVENT_TYPE, EntryFields, PRODUCER, SOURCE, SUBJECT, TextField},
    hash::{PartCommitment, PayloadCommitment},
    payload::{DisclosedPart, MalformedPayload, PAYLOAD_BYTES_MAX, Part, Salt, check_parts},
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

/// A valid event with its payload and commitments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    event: NewEvent,
    commitment: PayloadCommitment,
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
    /// breaks the rules of [`check_parts`].
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
        check_parts(&parts).map_err(|error| payload_error(&error))?;
        let commitment = PayloadCommitment::of_parts(parts.iter().map(Part::commitment));
        Ok(Self { event, commitment })
    }

    /// What the entry takes from the event.
    pub fn fields(&self) -> EntryFields<'_> {
        EntryFields {
            occurred_at: self.event.occurred_at,
            source_sequence: self.event.source_sequence,
            commitment: self.commitment,
            event_type: &self.event.event_type,
            source: &self.event.source,
            event_id: &self.event.event_id,
            subject: &self.event.subject,
            producer: &self.event.producer,
        }
    }

    /// The payload's parts, the body first.
    pub fn parts(&self) -> Vec<Part<'_>> {
        self.event.parts.iter().map(NewPart::as_part).collect()
    }

    /// Bytes of payload content, all parts together.
    pub fn payload_bytes(&self) -> usize {
        self.event
            .parts
            .iter()
            .map(|part| part.content.len())
            .fold(0, usize::saturating_add)
    }

    /// About how many bytes its entry and payload take before compression: all that has no limit of its own, and a
    /// share for each field and part.
    pub fn stored_bytes(&self) -> usize {
        const ENTRY_BYTES: usize = 256;
        const PART_BYTES: usize = 64;
        let event = &self.event;
        let texts = [
            &event.event_type,
            &event.source,
            &event.event_id,
            &event.subject,
            &event.producer,
        ];
        let parts = event.parts.iter().map(|part| {
            let texts = part.name.len().saturating_add(part.content_type.len());
            texts
                .saturating_add(part.content.len())
                .saturating_add(PART_BYTES)
        });
        let texts = texts.into_iter().map(String::len);
        texts.chain(parts).fold(ENTRY_BYTES, usize::saturating_add)
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
        fields
            && self.event.parts.len() == payload.len()
            && self
                .event
                .parts
                .iter()
                .zip(payload)
                .all(|(new, stored)| match stored {
                    Part::Withheld(_) => false,
                    Part::Disclosed(part) => {
                        (
                            new.name.as_str(),
                            new.content_type.as_str(),
                            new.content.as_slice(),
                        ) == (part.name, part.content_type, part.content)
                    }
                })
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
    if text.chars().any(char::is_control) {
        return Err(InvalidEvent::new(
            limits.name,
            "has a control character; send it as one line of plain text",
        ));
    }
    if text.trim() != text {
        return Err(InvalidEvent::new(
            limits.name,
            "begins or ends with white space; trim it",
        ));
    }
    Ok(())
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
mod tests {
    use super::*;

    const NOW: UnixNanos = UnixNanos::new(1_790_000_000_000_000_000);

    fn part(name: &str, content: &[u8]) -> NewPart {
        NewPart {
            salt: Salt::from_bytes([1; 32]),
            name: name.into(),
            content_type: "text/plain".into(),
            content: content.into(),
        }
    }

    fn valid() -> NewEvent {
        NewEvent {
            event_type: "t".into(),
            source: "s".into(),
            event_id: "i".into(),
            subject: String::new(),
            producer: "p".into(),
            occurred_at: NOW,
            source_sequence: 1,
            parts: vec![part("body", b"b"), part("actor", b"a")],
        }
    }

    /// A change to the valid event, the field it spoils, and what is said of it.
    type Spoiled = (fn(&mut NewEvent), &'static str, &'static str);

    #[test]
    fn what_is_wrong_is_said_of_its_field() {
        let spoiled: [Spoiled; 16] = [
            (|e| e.event_type.clear(), "event_type", "is empty"),
            (|e| e.source.clear(), "source", "is empty"),
            (|e| e.event_id.clear(), "event_id", "is empty"),
            (|e| e.producer.clear(), "producer", "is empty"),
            (
                |e| e.event_type = "x".repeat(256),
                "event_type",
                "256 bytes",
            ),
            (|e| e.event_id = "é".repeat(128), "event_id", "256 bytes"),
            (|e| e.subject = "x".repeat(1025), "subject", "1025 bytes"),
            (|e| e.source = "a\nb".into(), "source", "control character"),
            (
                |e| e.subject = "a\u{7f}".into(),
                "subject",
                "control character",
            ),
            (|e| e.subject = " a".into(), "subject", "white space"),
            (|e| e.event_id = "a\u{a0}".into(), "event_id", "white space"),
            (
                |e| e.occurred_at = UnixNanos::new(u64::MAX),
                "occurred_at",
                "a day ahead",
            ),
            (|e| e.parts.clear(), "payload", "1 to 32 parts"),
            (|e| e.parts.swap(0, 1), "payload", "named \"body\""),
            (|e| e.parts.push(part("actor", b"")), "payload", "two parts"),
            (
                |e| e.parts[1].content = vec![0; PAYLOAD_BYTES_MAX],
                "payload",
                "send at most",
            ),
        ];
        assert!(Event::new(valid(), NOW).is_ok());
        for (spoil, field, why) in spoiled {
            let mut event = valid();
            spoil(&mut event);
            let error = Event::new(event, NOW).unwrap_err();
            assert_eq!(error.field, field);
            assert!(error.problem.contains(why), "{error}");
        }
    }

    #[test]
    fn an_event_may_be_old_or_a_day_ahead_and_no_more() {
        let at = |nanos| {
            Event::new(
                NewEvent {
                    occurred_at: UnixNanos::new(nanos),
                    ..valid()
                },
                NOW,
            )
            .is_ok()
        };
        let limit = NOW.value().saturating_add(AHEAD_MAX.value());
        assert!(at(0) && at(1) && at(limit) && !at(limit.saturating_add(1)));
        // A ledger whose clock stands at the end of time takes everything, and does not overflow.
        let last = NewEvent {
            occurred_at: UnixNanos::new(u64::MAX),
            ..valid()
        };
        assert!(Event::new(last, UnixNanos::new(u64::MAX)).is_ok());
    }

    #[test]
    fn a_second_try_says_the_same_under_other_salts_and_another_producer_only() {
        let first = Event::new(valid(), NOW).unwrap();
        let says_the_same = |change: fn(&mut NewEvent)| {
            let mut again = valid();
            change(&mut again);
            Event::new(again, NOW)
                .unwrap()
                .says_the_same(first.fields(), &first.parts())
        };
        assert!(says_the_same(|_| {}));
        assert!(says_the_same(
            |e| e.parts[0].salt = Salt::from_bytes([9; 32])
        ));
        assert!(says_the_same(|e| e.producer = "somebody else".into()));
        let different: [fn(&mut NewEvent); 9] = [
            |e| e.event_type = "u".into(),
            |e| e.subject = "x".into(),
            |e| e.occurred_at = UnixNanos::new(1),
            |e| e.source_sequence = 2,
            |e| e.parts[1].content = b"z".to_vec(),
            |e| e.parts[1].name = "z".into(),
            |e| e.parts[1].content_type = "z".into(),
            |e| e.parts.truncate(1),
            |e| e.parts.push(part("more", b"")),
        ];
        for change in different {
            assert!(!says_the_same(change));
        }
        let mut erased = first.parts();
        erased[1] = Part::Withheld(erased[1].commitment());
        assert!(!first.says_the_same(first.fields(), &erased));
    }

    #[test]
    fn an_event_commits_to_exactly_its_parts() {
        let event = Event::new(valid(), NOW).unwrap();
        assert_eq!(
            event.fields().commitment,
            super::super::payload::payload_commitment(&event.parts())
        );
        assert_eq!(event.payload_bytes(), 2);
    }
}

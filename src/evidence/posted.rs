//! The event as posted, and the way from it to a valid event of the ledger.

use serde::{Deserialize, Serialize};

use super::{
    Approval, Change, Custom, Deployment, Evidence, Link, TestRun,
    check::{Check, Path},
    given,
    nouns::Actor,
};
use crate::ledger::{
    entry::{EVENT_ID, SOURCE, SUBJECT},
    event::{Event, InvalidEvent, NewEvent, NewPart},
    payload::{BODY, Salt},
    position::UnixNanos,
};

/// The name of the part that holds the free text of a typed event.
pub const COMMENT: &str = "comment";
/// The name of the part that holds an event's links.
pub const LINKS: &str = "links";

const JSON_TYPE: &str = "application/json";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// How long a body commonly gets; the buffer grows where it is longer.
const BODY_BYTES_USUAL: usize = 1024;

/// One event, as a producer posts it; not yet checked.
///
/// In JSON it is one object, with the evidence under the name of its kind:
/// `{"source":"…","event_id":"…","deployment":{…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Document")]
pub struct PostedEvent {
    /// URI of the pipeline or system it comes from, 1 to 1,024 bytes.
    pub source: String,
    /// Unique within the source, 1 to 255 bytes: the idempotency key.
    pub event_id: String,
    /// What it is about, at most 1,024 bytes; [`Evidence::default_subject`] where absent.
    pub subject: Option<String>,
    /// When it happened, by the producer's clock.
    pub occurred_at: Option<UnixNanos>,
    /// The producer's own count of its events for this source, from 1, without gaps.
    pub source_sequence: Option<u64>,
    /// Where to find out more; at most 32.
    pub links: Vec<Link>,
    /// What happened.
    pub evidence: Evidence,
}

impl PostedEvent {
    /// An event with what is required of one, and nothing else.
    pub fn new(
        source: impl Into<String>,
        event_id: impl Into<String>,
        evidence: impl Into<Evidence>,
    ) -> Self {
        Self {
            source: source.into(),
            event_id: event_id.into(),
            subject: None,
            occurred_at: None,
            source_sequence: None,
            links: Vec::new(),
            evidence: evidence.into(),
        }
    }

    /// Reads the JSON form. What it says is yet to be checked.
    ///
    /// # Errors
    /// Says where the text is not JSON, or which field is missing, unknown or of the wrong kind.
    pub fn from_json(json: &[u8]) -> Result<Self, InvalidEvent> {
        serde_json::from_slice(json).map_err(|error| InvalidEvent::new("event", error.to_string()))
    }

    /// Everything that is wrong with the event, field by field; empty where it is valid.
    pub fn violations(&self, now: UnixNanos) -> Vec<InvalidEvent> {
        let mut check = Check::new(now);
        self.check_envelope(&mut check);
        self.evidence.check(&mut check);
        check.into_violations()
    }

    /// Checks the event, takes what is personal out of its body, and makes the ledger's event of it.
    ///
    /// `producer` is who posted it, as the ledger authenticated it. `salts` is called once for each part and must
    /// give 32 fresh random bytes each time.
    ///
    /// # Errors
    /// Names everything that is wrong, field by field.
    pub fn into_event(
        self,
        producer: &str,
        now: UnixNanos,
        salts: &mut impl FnMut() -> Salt,
    ) -> Result<Event, Vec<InvalidEvent>> {
        let violations = self.violations(now);
        if !violations.is_empty() {
            return Err(violations);
        }
        let subject = self
            .subject
            .unwrap_or_else(|| self.evidence.default_subject());
        let event_type = self.evidence.event_type().to_owned();
        let parts = parts(self.evidence, &self.links, salts).map_err(|error| vec![error])?;
        let event = NewEvent {
            event_type,
            source: self.source,
            event_id: self.event_id,
            subject,
            producer: producer.to_owned(),
            occurred_at: self.occurred_at.unwrap_or_default(),
            source_sequence: self.source_sequence.unwrap_or_default(),
            parts,
        };
        Event::new(event, now).map_err(|mut error| {
            // All parts together: no field of the API has that name.
            if error.field == "payload" {
                error.field = "event".to_owned();
            }
            vec![error]
        })
    }

    /// Checks all but the evidence itself.
    pub(crate) fn check_envelope(&self, check: &mut Check) {
        let at = Path::Event;
        check.uri(at.field("source"), &self.source, SOURCE.bytes_max);
        check.line(at.field("event_id"), &self.event_id, EVENT_ID.bytes_max);
        check.given_line(
            at.field("subject"),
            self.subject.as_deref(),
            SUBJECT.bytes_max,
        );
        check.happened(at.field("occurred_at"), self.occurred_at);
        if self.source_sequence > Some(SOURCE_SEQUENCE_MAX) {
            check.refuse(
                at.field("source_sequence"),
                format!("is over {SOURCE_SEQUENCE_MAX}, which no count of events from 1 comes to"),
            );
        }
        if self.source_sequence == Some(0) {
            check.refuse(
                at.field("source_sequence"),
                "is zero; count from 1, or leave it out",
            );
        }
        check.list(at.field("links"), &self.links, 32, Link::check);
    }
}

impl Evidence {
    /// Checks the evidence, under the name of its kind.
    pub(crate) fn check(&self, check: &mut Check) {
        let event = Path::Event;
        match self {
            Self::Change(change) => change.check(event.field("change"), check),
            Self::Approval(approval) => approval.check(event.field("approval"), check),
            Self::TestRun(run) => run.check(event.field("test_run"), check),
            Self::Deployment(deployment) => deployment.check(event.field("deployment"), check),
            Self::Custom(custom) => custom.check(event.field("custom"), check),
        }
    }

    /// The actors it may name, each with the name of the part for what is personal in it.
    pub(super) fn actors(&mut self) -> [Option<(&'static str, &mut Actor)>; 2] {
        match self {
            Self::Change(change) => [
                change.author.as_mut().map(|actor| ("author", actor)),
                change.requester.as_mut().map(|actor| ("requester", actor)),
            ],
            Self::Approval(approval) => [Some(("approver", &mut approval.approver)), None],
            Self::TestRun(run) => [
                run.triggered_by
                    .as_mut()
                    .map(|actor| ("triggered_by", actor)),
                None,
            ],
            Self::Deployment(deployment) => [Some(("deployer", &mut deployment.deployer)), None],
            Self::Custom(_) => [None, None],
        }
    }

    /// The place of its free text, where the kind has one.
    pub(super) fn comment(&mut self) -> Option<&mut Option<String>> {
        match self {
            Self::Change(change) => Some(&mut change.comment),
            Self::Approval(approval) => Some(&mut approval.comment),
            Self::TestRun(run) => Some(&mut run.comment),
            Self::Deployment(deployment) => Some(&mut deployment.comment),
            Self::Custom(_) => None,
        }
    }

    /// The payload's body: what is left once the personal fields are taken out.
    pub(super) fn into_body(self) -> Result<Vec<u8>, serde_json::Error> {
        let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
        match self {
            Self::Change(change) => serde_json::to_writer(&mut body, &change)?,
            Self::Approval(approval) => serde_json::to_writer(&mut body, &approval)?,
            Self::TestRun(run) => serde_json::to_writer(&mut body, &run)?,
            Self::Deployment(deployment) => serde_json::to_writer(&mut body, &deployment)?,
            Self::Custom(custom) => return Ok(custom.json),
        }
        Ok(body)
    }
}

/// The parts of the payload: body, links, people, comment, and those of a custom event.
fn parts(
    mut evidence: Evidence,
    links: &[Link],
    salts: &mut impl FnMut() -> Salt,
) -> Result<Vec<NewPart>, InvalidEvent> {
    let mut part = |name: &str, content_type: &str, content: Vec<u8>| NewPart {
        salt: salts(),
        name: name.to_owned(),
        content_type: content_type.to_owned(),
        content,
    };
    let mut beside = Vec::new();
    if !links.is_empty() {
        let content = serde_json::to_vec(links).map_err(|error| unwritable(&error))?;
        beside.push(part(LINKS, JSON_TYPE, content));
    }
    for (name, actor) in evidence.actors().into_iter().flatten() {
        if let Some(content) = actor.take_personal().map_err(|error| unwritable(&error))? {
            beside.push(part(name, JSON_TYPE, content));
        }
    }
    if let Some(comment) = evidence.comment().and_then(Option::take) {
        beside.push(part(COMMENT, TEXT_TYPE, comment.into_bytes()));
    }
    if let Evidence::Custom(custom) = &mut evidence {
        for own in std::mem::take(&mut custom.parts) {
            beside.push(part(&own.name, &own.content_type, own.content));
        }
    }
    let body = evidence.into_body().map_err(|error| unwritable(&error))?;
    let mut all = Vec::with_capacity(beside.len().saturating_add(1));
    all.push(part(BODY, JSON_TYPE, body));
    all.append(&mut beside);
    Ok(all)
}

fn unwritable(error: &serde_json::Error) -> InvalidEvent {
    InvalidEvent::new("event", format!("can't be written as JSON: {error}"))
}

/// The largest number that a source's own count may come to: the largest integer that every reader of JSON keeps. A
/// number far beyond those of a source leaves a gap that never closes.
pub const SOURCE_SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// A [`PostedEvent`] as it stands in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    source: String,
    event_id: String,
    #[serde(default, deserialize_with = "given::text")]
    subject: Option<String>,
    #[serde(default, with = "super::time")]
    occurred_at: Option<UnixNanos>,
    #[serde(default, deserialize_with = "given::count_u64")]
    source_sequence: Option<u64>,
    #[serde(default)]
    links: Vec<Link>,
    #[serde(default)]
    change: Option<Box<Change>>,
    #[serde(default)]
    approval: Option<Box<Approval>>,
    #[serde(default)]
    test_run: Option<Box<TestRun>>,
    #[serde(default)]
    deployment: Option<Box<Deployment>>,
    #[serde(default)]
    custom: Option<Custom>,
}

impl TryFrom<Document> for PostedEvent {
    type Error = &'static str;

    fn try_from(document: Document) -> Result<Self, &'static str> {
        let mut given = [
            document.change.map(Evidence::Change),
            document.approval.map(Evidence::Approval),
            document.test_run.map(Evidence::TestRun),
            document.deployment.map(Evidence::Deployment),
            document.custom.map(Evidence::Custom),
        ]
        .into_iter()
        .flatten();
        let (Some(evidence), None) = (given.next(), given.next()) else {
            return Err(
                "an event has exactly one of `change`, `approval`, `test_run`, `deployment` and `custom`",
            );
        };
        Ok(Self {
            source: document.source,
            event_id: document.event_id,
            subject: document.subject,
            occurred_at: document.occurred_at,
            source_sequence: document.source_sequence,
            links: document.links,
            evidence,
        })
    }
}

impl Serialize for PostedEvent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Out<'a> {
            source: &'a str,
            event_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            subject: Option<&'a str>,
            #[serde(with = "super::time", skip_serializing_if = "Option::is_none")]
            occurred_at: Option<UnixNanos>,
            #[serde(skip_serializing_if = "Option::is_none")]
            source_sequence: Option<u64>,
            #[serde(skip_serializing_if = "<[Link]>::is_empty")]
            links: &'a [Link],
            #[serde(flatten)]
            evidence: &'a Evidence,
        }
        Out {
            source: &self.source,
            event_id: &self.event_id,
            subject: self.subject.as_deref(),
            occurred_at: self.occurred_at,
            source_sequence: self.source_sequence,
            links: &self.links,
            evidence: &self.evidence,
        }
        .serialize(serializer)
    }
}

//! The confirmed break: an entry in which the operator says that a damage is known, what happened, and why.
//!
//! A confirmation names what a verification finds, to the letter. What it names is then reported under a heading of its
//! own instead of as a failure: it is never hidden, and nothing else is covered. The layout stands in
//! [`crate::manual::breaks`].
//!
//! What must always be true:
//!
//! - Only what leaves the signed history itself whole can be confirmed; the list of kinds is closed, and each of the
//!   others says why not.
//! - A confirmation speaks of entries before it. Nobody confirms what is yet to happen.
//! - It counts only as far as it is an entry of the same history: whoever verifies reads it from entries and payloads that
//!   the same verification has checked.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    entry::Entry,
    finding::{Finding, FindingKind},
    payload::Part,
    position::{EntryIndex, UnixNanos},
    verify::LOST_PAYLOAD,
};

/// The source of every confirmation.
pub const BREAK_SOURCE: &str = "exhibit:breaks";
/// The type of every confirmation.
pub const BREAK_TYPE: &str = "ledger.break-confirmed.v1";
/// Who posts it, as the ledger has it: the command that needs the data directory to itself.
pub const BREAK_PRODUCER: &str = "exhibit break confirm";
/// The part that says who confirmed it, as text. It is personal, and can be withheld or erased.
pub const BREAK_BY: &str = "by";
/// The most findings that one confirmation names.
pub const BREAK_FINDINGS_MAX: usize = 1000;
/// The most that all confirmations together name; what is beyond it covers nothing, so that memory stays bounded.
pub const KNOWN_MAX: usize = 1_000_000;

macro_rules! known_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $finding:expr;)*) => {
        /// What can be confirmed, a closed list: none of these touches an entry, its place, the chain, the tree or a signature.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum KnownKind {
            $($(#[$doc])* $variant,)*
        }

        impl KnownKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The kind's name in the body of a confirmation.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The kind of finding that it covers; `None` for what is no finding, but makes a history incomplete.
            pub const fn finding(self) -> Option<FindingKind> {
                match self { $(Self::$variant => $finding,)* }
            }
        }
    };
}

known_kinds! {
    /// A payload is lost. Its entry, which commits to it, is not.
    PayloadMissing = "payload_missing", Some(FindingKind::PayloadMissing);
    /// A payload is another one than its entry commits to: the entry shows it.
    PayloadAltered = "payload_altered", Some(FindingKind::PayloadAltered);
    /// The ledger's clock went back: the order of the entries is that of their indexes.
    ClockBackwards = "clock_backwards", Some(FindingKind::ClockBackwards);
    /// One event has two entries: both are signed, and both stay.
    DuplicateEvent = "duplicate_event", Some(FindingKind::DuplicateEvent);
    /// Numbers that a source counted never arrived: the ledger holds what it was given.
    SequenceGap = "sequence_gap", None;
}

impl fmt::Display for KnownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether findings of a kind can be confirmed.
///
/// # Errors
/// Says why not, and what to do instead.
pub const fn confirmable(kind: FindingKind) -> Result<KnownKind, &'static str> {
    use FindingKind as Kind;
    match kind {
        Kind::PayloadMissing => Ok(KnownKind::PayloadMissing),
        Kind::PayloadAltered => Ok(KnownKind::PayloadAltered),
        Kind::ClockBackwards => Ok(KnownKind::ClockBackwards),
        Kind::DuplicateEvent => Ok(KnownKind::DuplicateEvent),
        Kind::CheckpointMalformed
        | Kind::CheckpointUntrusted
        | Kind::CosignatureInvalid
        | Kind::KeyChanged
        | Kind::KeyHistoryInvalid
        | Kind::KeyHistoryIncomplete
        | Kind::KeyOutOfRange
        | Kind::KeyCompromised
        | Kind::OtherLedger => Err(
            "it is about who signed, and nobody vouches for what nobody signed: put the right key or checkpoint back from a copy",
        ),
        Kind::RootMismatch
        | Kind::CheckpointBehind
        | Kind::ChainBroken
        | Kind::EntryMalformed
        | Kind::EntryAltered
        | Kind::EntryInserted
        | Kind::EntryRepeated
        | Kind::EntriesReordered
        | Kind::MissingEntries
        | Kind::JournalTorn
        | Kind::JournalDamaged => Err(
            "entries themselves are lost or changed, and without them nothing is proven: restore the data directory from a \
             copy, or end this ledger, keep it as it is, and begin a new one",
        ),
        Kind::Forked | Kind::RolledBack | Kind::Recreated | Kind::ReceiptInvalid => Err(
            "others hold proof of another history, and no entry of this one outweighs it: restore the data directory from a \
             copy that continues what they hold, or end this ledger and begin a new one",
        ),
        Kind::TileAltered
        | Kind::TileMissing
        | Kind::ManifestMismatch
        | Kind::DerivedMismatch
        | Kind::ContainerDamaged
        | Kind::UnexpectedFile
        | Kind::CarriedAltered => {
            Err("it is about one pack and not about the ledger: export a fresh pack")
        }
        Kind::TimestampMalformed
        | Kind::TimestampMismatch
        | Kind::TimestampAltered
        | Kind::TimestampUntrusted
        | Kind::ClockImplausible => Err(
            "it rests on what an authority signed, and on which authorities the verifier trusts: take the time stamp away if it is \
             not good, and explain the clock to who asks",
        ),
        Kind::PayloadMalformed => {
            Err("it can't be told which payload is which: restore the payloads from a copy")
        }
    }
}

/// One thing that is known to be wrong, as a verification says it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// What is wrong.
    pub kind: KnownKind,
    /// The entry; `None` for a sequence gap.
    pub index: Option<EntryIndex>,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Known {
    /// A finding, as a confirmation names it; `None` when it can't be confirmed.
    pub fn of(finding: &Finding) -> Option<Self> {
        let known = Self {
            kind: confirmable(finding.kind).ok()?,
            index: finding.index,
            expected: finding.expected.clone(),
            found: finding.found.clone(),
        };
        known.is_well_formed().then_some(known)
    }

    /// Numbers of a source, first and last of a run, that never arrived.
    pub fn gap(source: &str, (first, last): (u64, u64)) -> Self {
        Self {
            kind: KnownKind::SequenceGap,
            index: None,
            expected: format!("numbers {first} to {last} of {source}"),
            found: "none of them".to_owned(),
        }
    }
}

impl Known {
    /// Whether it is about one entry, or a gap about none; and a payload's about one that an entry commits to, not about
    /// a file with many.
    pub fn is_well_formed(&self) -> bool {
        let is_hash = |text: &str| {
            let digits = text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
            text.len() == 64 && digits
        };
        match self.kind {
            KnownKind::SequenceGap => self.index.is_none(),
            KnownKind::ClockBackwards | KnownKind::DuplicateEvent => self.index.is_some(),
            KnownKind::PayloadMissing => {
                self.index.is_some() && is_hash(&self.expected) && self.found == LOST_PAYLOAD
            }
            KnownKind::PayloadAltered => {
                self.index.is_some() && is_hash(&self.expected) && is_hash(&self.found)
            }
        }
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let Some(index) = self.index {
            write!(f, " at entry {index}")?;
        }
        write!(f, ": expected {}, found {}", self.expected, self.found)
    }
}

/// The body of a confirmation. Its JSON has one form: these fields in this order, without white space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakBody {
    /// What is known to be wrong, 1 to [`BREAK_FINDINGS_MAX`] of them.
    pub findings: Vec<Known>,
    /// What happened.
    pub what: String,
    /// Why it happened, as far as is known.
    pub why: String,
}

/// Why bytes are not the body of a confirmation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedBreak {
    /// Not JSON of these fields.
    #[error("the body of a confirmed break does not read: {0}")]
    Json(String),
    /// JSON of these fields, written in another way.
    #[error("the body of a confirmed break is not written in its one form")]
    Form,
    /// A text is empty.
    #[error("a confirmed break says what and why, and neither is empty")]
    Empty,
    /// No finding, or too many.
    #[error("a confirmed break names 1 to {BREAK_FINDINGS_MAX} findings, not {0}")]
    Count(usize),
    /// Not as a verification says it.
    #[error("no verification says this: {0}")]
    Finding(Box<Known>),
}

impl BreakBody {
    /// The body's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a body.
    ///
    /// # Errors
    /// Says what is not as the format has it.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedBreak> {
        let body: Self = serde_json::from_slice(bytes)
            .map_err(|error| MalformedBreak::Json(error.to_string()))?;
        body.check()?;
        if body.to_bytes() == bytes {
            Ok(body)
        } else {
            Err(MalformedBreak::Form)
        }
    }

    /// Checks what the types do not.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), MalformedBreak> {
        if self.what.is_empty() || self.why.is_empty() {
            return Err(MalformedBreak::Empty);
        }
        if !(1..=BREAK_FINDINGS_MAX).contains(&self.findings.len()) {
            return Err(MalformedBreak::Count(self.findings.len()));
        }
        match self.findings.iter().find(|known| !known.is_well_formed()) {
            Some(known) => Err(MalformedBreak::Finding(Box::new(known.clone()))),
            None => Ok(()),
        }
    }
}

/// A confirmation as it stands in a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakConfirmation {
    /// Its entry.
    pub index: EntryIndex,
    /// When the ledger recorded it, by its own clock.
    pub recorded_at: UnixNanos,
    /// What it says.
    pub body: BreakBody,
    /// Who confirmed it; `None` where that was not said, or is withheld or erased.
    pub by: Option<String>,
}

impl BreakConfirmation {
    /// Whether an entry says that it is a confirmation.
    pub fn is_claimed_by(entry: &Entry<'_>) -> bool {
        entry.source == BREAK_SOURCE
            && entry.event_type == BREAK_TYPE
            && entry.producer == BREAK_PRODUCER
    }

    /// Reads the confirmation in an entry and its payload, which must be the one that the entry commits to. `None` when
    /// it is none, is withheld, or speaks of an entry that is not before it.
    pub fn read(entry: &Entry<'_>, parts: &[Part<'_>]) -> Option<Self> {
        if !Self::is_claimed_by(entry) {
            return None;
        }
        let Some((Part::Disclosed(body), rest)) = parts.split_first() else {
            return None;
        };
        let body = BreakBody::parse(body.content).ok()?;
        let before = |known: &Known| known.index.is_none_or(|index| index < entry.index);
        if !body.findings.iter().all(before) {
            return None;
        }
        let by = rest.iter().find_map(|part| match part {
            Part::Disclosed(part) if part.name == BREAK_BY => {
                str::from_utf8(part.content).ok().map(str::to_owned)
            }
            _ => None,
        });
        Some(Self {
            index: entry.index,
            recorded_at: entry.recorded_at,
            body,
            by,
        })
    }
}

/// Of [`BreakBody::parse`], for the tests and the fuzz target: what is read is written again as the same bytes.
#[doc(hidden)]
pub fn break_body(bytes: &[u8]) {
    if let Ok(body) = BreakBody::parse(bytes) {
        assert_eq!((body.to_bytes().as_slice(), body.check()), (bytes, Ok(())));
    }
}

#[cfg(test)]
mod tests;

//! Time stamps of authorities: whether each holds, is of this history, and what it says about the entries.
//!
//! A time stamp is tied to the entries in three steps, each of which can fail by itself: the authority signed a digest;
//! that is the digest of a checkpoint's text; and that checkpoint's root is the root of these entries at its size, which
//! a pack from entry 0 on shows by the entries, and any other by a consistency proof.

mod existed;
mod kinds;
mod reading;

use std::collections::BTreeSet;

use super::{VerifyOptions, checkpoint::untrusted};
use crate::{
    ledger::{
        checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint},
        finding::{Finding, FindingKind},
        hash::RootHash,
        keys::Keyring,
        note::{KeyType, VerifierKey},
        position::{EntryIndex, TreeSize, UnixNanos},
        timestamp::{Timestamp, TimestampError, TimestampRoots, VerifiedTimestamp, check_answer},
        tree::consistency_holds,
        verify::{ChunkReport, Findings},
    },
    pack::{
        manifest::timestamp::parse_proof,
        report::{Report, TimestampReport},
    },
    store::timestamps::ANSWERS_MAX,
};
use existed::existed;
use kinds::{expected, kind_of};
use reading::READ_BYTES_MAX;

/// How far the ledger's clock may run ahead of an authority's without a finding, beside the authority's own accuracy.
/// A machine without any time service drifts by seconds a day; a minute is nobody's honest mistake for long.
pub(super) const CLOCK_TOLERANCE_NANOS: u64 = 60_000_000_000;
/// The most lines that the text of a report spends on which entries existed when.
const LINES_MAX: usize = 20;

/// The time stamps that lie beside the entries, while these go by.
pub(super) struct Stamps {
    stamped: Vec<Stamped>,
    /// The first one that later entries can be covered by.
    next: usize,
    roots: Option<TimestampRoots>,
    findings: Vec<Finding>,
    /// Authorities whose roots were not given, where others were.
    unknown: BTreeSet<String>,
    /// Stamped checkpoints of this history from before the trusted key was added.
    before_key: u64,
    /// How many bytes are still read, and how many answers were not.
    room: u64,
    unread: u64,
}

/// One checkpoint that was stamped.
struct Stamped {
    checkpoint: Checkpoint,
    text: String,
    place: String,
    /// Each with its place.
    answers: Vec<(String, Vec<u8>)>,
    proof: Option<Vec<u8>>,
    /// It may be from before the trusted key was added, and has no signature of it.
    before_key: bool,
    /// The last entry at hand that it covers, and when the ledger says that it was recorded.
    last: Option<(EntryIndex, UnixNanos)>,
}

impl Stamps {
    fn new(options: &VerifyOptions) -> Self {
        Self {
            stamped: Vec::new(),
            next: 0,
            roots: options.timestamp_roots.clone(),
            findings: Vec::new(),
            unknown: BTreeSet::new(),
            before_key: 0,
            room: READ_BYTES_MAX,
            unread: 0,
        }
    }

    /// None.
    pub(super) fn none() -> Self {
        Self::new(&VerifyOptions::default())
    }

    fn push(
        &mut self,
        size: TreeSize,
        place: String,
        note: &[u8],
        answers: Vec<(String, Vec<u8>)>,
        proof: Option<Vec<u8>>,
        keys: &Keyring,
    ) {
        let signed = match SignedCheckpoint::parse(note) {
            Ok(signed) if signed.checkpoint().size == size => signed,
            Ok(signed) => {
                let found = format!("one of {}", signed.checkpoint().size);
                let expected = format!("a checkpoint of {size} entries");
                self.find(FindingKind::CheckpointMalformed, &place, expected, found);
                return;
            }
            Err(error) => {
                let (kind, expected) = (FindingKind::CheckpointMalformed, "a checkpoint");
                self.find(kind, &place, expected, error);
                return;
            }
        };
        let before_key = is_older_than(&signed, keys.trusted());
        match keys.verify(&signed) {
            // It must be of the tree that a good key signed in any case, which is looked at later.
            Ok(()) | Err(CheckpointError::KeyCompromised { .. }) => {}
            Err(_) if before_key => {}
            Err(error) => return self.findings.push(untrusted(keys, &error).in_place(&place)),
        }
        if answers.is_empty() {
            return;
        }
        self.stamped.push(Stamped {
            checkpoint: signed.checkpoint().clone(),
            text: signed.note().text().to_owned(),
            place,
            answers,
            proof,
            before_key,
            last: None,
        });
    }

    fn find(
        &mut self,
        kind: FindingKind,
        place: &str,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) {
        self.findings
            .push(Finding::new(kind, expected, found).in_place(place));
    }

    /// The sizes at which the root over the entries is needed.
    pub(super) fn sizes(&self) -> impl Iterator<Item = TreeSize> {
        self.stamped.iter().map(|stamped| stamped.checkpoint.size)
    }

    /// Takes the next entries.
    pub(super) fn observe(&mut self, report: &ChunkReport) {
        for line in report.lines.iter().flatten() {
            while let Some(stamped) = self.stamped.get_mut(self.next) {
                if stamped.checkpoint.size.contains(line.index) {
                    stamped.last = Some((line.index, line.recorded_at));
                    break;
                }
                let last = stamped.last;
                self.next = self.next.saturating_add(1);
                if let Some(following) = self.stamped.get_mut(self.next) {
                    following.last = last;
                }
            }
        }
    }

    /// Judges them. `root_at` gives the root over the entries at a size, where they are all at hand; `signed` is the
    /// checkpoint that the rest is proven by.
    pub(super) fn conclude(
        mut self,
        root_at: impl Fn(TreeSize) -> Option<RootHash>,
        signed: Option<&Checkpoint>,
        findings: &mut Findings,
        report: &mut Report,
    ) {
        let mut unchecked = 0u64;
        for stamped in std::mem::take(&mut self.stamped) {
            if !self.is_of_this_history(&stamped, &root_at, signed) {
                continue;
            }
            if stamped.before_key {
                self.before_key = self.before_key.saturating_add(1);
            }
            for (place, answer) in &stamped.answers {
                match self.judge(&stamped, answer) {
                    Ok(Some(verified)) => {
                        self.check_clock(&stamped, place, &verified);
                        let size = stamped.checkpoint.size;
                        report
                            .timestamps
                            .push(TimestampReport::new(size, place, &verified));
                    }
                    Err(TimestampError::RootNotGiven { authority }) => {
                        self.unknown.insert(authority);
                    }
                    Ok(None) => unchecked = unchecked.saturating_add(1),
                    Err(error) => self.find(kind_of(&error), place, expected(&error), error),
                }
            }
        }
        self.say(unchecked, report);
        findings.extend(self.findings);
    }

    /// Whether the checkpoint that was stamped is one of this history.
    fn is_of_this_history(
        &mut self,
        stamped: &Stamped,
        root_at: &impl Fn(TreeSize) -> Option<RootHash>,
        signed: Option<&Checkpoint>,
    ) -> bool {
        let Checkpoint { size, root, .. } = &stamped.checkpoint;
        let known = root_at(*size).or(signed.filter(|s| s.size == *size).map(|s| s.root));
        if let Some(found) = known {
            if found != *root {
                let expected = format!("root {root} at size {size}, as it was stamped");
                let found = format!("root {found}");
                self.find(FindingKind::Forked, &stamped.place, expected, found);
            }
            return found == *root;
        }
        let Some(signed) = signed else { return false };
        let proof = stamped.proof.as_deref().and_then(parse_proof);
        let holds = proof.is_some_and(|proof| {
            consistency_holds((*size, *root), (signed.size, signed.root), &proof)
        });
        if !holds {
            let expected = format!(
                "a proof that the tree of {} entries continues the stamped one",
                signed.size
            );
            let found = stamped
                .proof
                .as_ref()
                .map_or("none", |_| "one that does not hold");
            self.find(
                FindingKind::TimestampMismatch,
                &stamped.place,
                expected,
                found,
            );
        }
        holds
    }

    /// Checks one answer; `None` when there are no roots to check its authority with.
    fn judge(
        &self,
        stamped: &Stamped,
        answer: &[u8],
    ) -> Result<Option<VerifiedTimestamp>, TimestampError> {
        match &self.roots {
            None => check_answer(answer, &stamped.text, None).map(|_| None),
            Some(roots) => Timestamp::parse(answer)?
                .verify(&stamped.text, roots)
                .map(Some),
        }
    }

    /// An entry can't have been recorded after something that covers it was stamped.
    fn check_clock(&mut self, stamped: &Stamped, place: &str, verified: &VerifiedTimestamp) {
        let Some((index, recorded)) = stamped.last else {
            return;
        };
        let latest = verified
            .no_later_than()
            .value()
            .saturating_add(CLOCK_TOLERANCE_NANOS);
        if recorded.value() > latest {
            let expected = format!(
                "recorded no later than {}, when {} stamped it",
                verified.no_later_than().to_rfc3339(),
                verified.authority
            );
            let kind = FindingKind::ClockImplausible;
            let finding = Finding::at(kind, index, expected, recorded.to_rfc3339());
            self.findings.push(finding.in_place(place));
        }
    }

    /// Says what is known about which entries.
    fn say(&self, unchecked: u64, report: &mut Report) {
        if self.unread > 0 {
            let mebibytes = READ_BYTES_MAX >> 20;
            report.incomplete.push(format!(
                "{} time stamps are not read: at most {ANSWERS_MAX} of one checkpoint are, and {mebibytes} MiB of all",
                self.unread
            ));
        }
        if unchecked > 0 {
            report.not_checked.push(format!(
                "who made the {unchecked} time stamps that are here: give the authorities' root certificates with --tsa-roots"
            ));
        }
        for authority in self.unknown.iter().take(LINES_MAX) {
            report.not_checked.push(format!(
                "time stamps by {authority}, as they say: its root was not given with --tsa-roots"
            ));
        }
        if self.before_key > 0 {
            report.not_checked.push(format!(
                "the signatures of {} stamped checkpoints from before the trusted key was added: their roots are those of \
                 this tree",
                self.before_key
            ));
        }
        let Some(range) = report.range.filter(|_| self.roots.is_some()) else {
            return;
        };
        if report.timestamps.is_empty() {
            let nothing = "there is no time stamp that the given roots vouch for";
            report.incomplete.push(nothing.to_owned());
        }
        report.existed = existed(&report.timestamps, range);
        for existed in report.existed.iter().take(LINES_MAX) {
            report.checked.push(existed.to_string());
        }
        let more = report.existed.len().saturating_sub(LINES_MAX);
        if more > 0 {
            report.checked.push(format!(
                "{more} more ranges of entries, by time stamps; --format json lists them"
            ));
        }
        let covered = report
            .existed
            .last()
            .map_or(range.start, |last| last.entries.end);
        if covered < range.end {
            report.not_checked.push(format!(
                "when entries {covered} to {} existed: no time stamp covers them",
                range.end
            ));
        }
        report.not_checked.push(
            "the times that entries carry, beyond what time stamps say: the ledger's clock is its operator's word"
                .to_owned(),
        );
    }
}

/// Whether a checkpoint may be from before a second key was added, which then can't have signed it. That it is of this
/// history is shown by its root.
fn is_older_than(signed: &SignedCheckpoint, key: &VerifierKey) -> bool {
    key.key_type() == KeyType::MlDsa44
        && signed.checkpoint().origin == *key.name()
        && !signed.note().names(key)
}

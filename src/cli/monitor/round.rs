//! One round with one server.

use std::time::Duration;

use super::super::{
    connect::{ServerUrl, Session},
    error::CliError,
    pins::{Pin, Pins},
};
use crate::{
    ledger::{
        checkpoint::{CheckpointError, SignedCheckpoint},
        finding::{Finding, FindingKind},
        hash::{LeafHash, NodeHash},
        keys::{KeyEntries, KeyHistory, Keyring},
        note::{NoteError, VerifierKey},
        position::{EntryIndex, TreeSize, UnixNanos, count},
        tree::{Frontier, consistency_holds},
        verify::{Chunk, Counts, Findings, IdentityKey, LedgerCheck, check_chunk},
    },
    service::{
        convert::{ReceivedEntry, entry_from_proto},
        proto,
    },
};

/// How long a server may take for an answer, or for the next entry.
const PATIENCE: Duration = Duration::from_secs(60);
/// Entries that are checked together.
const CHUNK_ENTRIES: usize = 256;

/// The trusted keys, at most one a name.
#[derive(Debug)]
pub(super) struct Keys(Vec<VerifierKey>);

impl Keys {
    pub(super) fn new(keys: Vec<VerifierKey>) -> Result<Self, CliError> {
        for (place, key) in keys.iter().enumerate() {
            let earlier = keys.iter().take(place);
            if earlier.into_iter().any(|other| other.name() == key.name()) {
                return Err(CliError::usage(
                    format!("there are two keys for {}", key.name()),
                    "give the one that is trusted",
                ));
            }
        }
        Ok(Self(keys))
    }

    /// The key that a checkpoint is to be checked with: the one of its name, or any to say that it is another ledger's.
    fn of(&self, signed: &SignedCheckpoint) -> Option<&VerifierKey> {
        let origin = &signed.checkpoint().origin;
        let named = self.0.iter().find(|key| key.name() == origin);
        named.or(self.0.first())
    }
}

/// A server, and what is known of it.
#[derive(Debug)]
pub(super) struct Watched {
    url: ServerUrl,
    /// What the last round came to, or why it could not be carried out.
    pub(super) last: Option<Result<Outcome, CliError>>,
    /// Entries that are verified.
    pub(super) verified: u64,
    pub(super) rounds: u64,
    pub(super) failures: u64,
    pub(super) failures_in_a_row: u32,
    /// When a round was last carried out, whatever it found, and when one last found nothing.
    pub(super) carried_out_at: Option<UnixNanos>,
    pub(super) verified_at: Option<UnixNanos>,
}

impl Watched {
    pub(super) const fn new(url: ServerUrl) -> Self {
        Self {
            url,
            last: None,
            verified: 0,
            rounds: 0,
            failures: 0,
            failures_in_a_row: 0,
            carried_out_at: None,
            verified_at: None,
        }
    }

    pub(super) const fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// What the last round found; `None` where it could not be carried out.
    pub(super) fn findings(&self) -> Option<&Findings> {
        let outcome = self.last.as_ref()?.as_ref().ok()?;
        Some(&outcome.findings)
    }

    pub(super) fn take(&mut self, outcome: Result<Outcome, CliError>) {
        self.rounds = self.rounds.saturating_add(1);
        let now = UnixNanos::now();
        match &outcome {
            Ok(outcome) => {
                self.failures_in_a_row = 0;
                self.carried_out_at = Some(now);
                self.verified = outcome.verified;
                if outcome.findings.total == 0 {
                    self.verified_at = Some(now);
                }
            }
            Err(_) => {
                self.failures = self.failures.saturating_add(1);
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            }
        }
        self.last = Some(outcome);
    }
}

/// What a round came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) origin: String,
    /// Entries that the server's checkpoint covers.
    pub(super) size: u64,
    /// Entries that are verified, all rounds together.
    pub(super) verified: u64,
    /// How much this round looked at.
    pub(super) counts: Counts,
    pub(super) findings: Findings,
}

impl Outcome {
    pub(super) const fn payloads(&self) -> u64 {
        let counts = &self.counts;
        counts
            .payloads_whole
            .saturating_add(counts.payloads_partial)
    }

    fn found(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }
}

/// Does a round: the checkpoint, the proof, the new entries, and, if nothing is found, the position.
pub(super) fn round(url: &ServerUrl, keys: &Keys, state: &mut Pins) -> Result<Outcome, CliError> {
    let mut session = Session::open(url)?.with_patience(PATIENCE);
    let answer =
        session.call(async |client| client.get_checkpoint(proto::GetCheckpointRequest {}).await)?;
    let mut outcome = Outcome::default();
    let signed = match SignedCheckpoint::parse(answer.checkpoint.as_bytes()) {
        Ok(signed) => signed,
        Err(error) => {
            let kind = FindingKind::CheckpointMalformed;
            return Ok(outcome.found(Finding::new(kind, "a signed checkpoint", error)));
        }
    };
    let Some(key) = keys.of(&signed) else {
        return Err(CliError::failed("there is no key to verify with"));
    };
    let pin = state.find(key.name()).cloned();
    outcome.origin = key.name().to_string();
    outcome.size = signed.checkpoint().size.value();
    outcome.verified = pin.as_ref().map_or(0, |pin| pin.size().value());
    let history = match KeyHistory::parse(answer.key_history.as_bytes()) {
        Ok(history) => history,
        Err(error) => {
            let kind = FindingKind::KeyHistoryInvalid;
            return Ok(outcome.found(Finding::new(kind, "a history of the ledger's keys", error)));
        }
    };
    let keys = Keyring::carried(key, &history);
    if let Err(error) = keys.verify(&signed) {
        let expected = format!("a signature by {key}");
        let finding = Finding::new(distrust(&error, pin.as_ref()), expected, error);
        return Ok(outcome.found(finding));
    }
    let mut visit = Visit {
        session: &mut session,
        signed: &signed,
        pin: pin.as_ref(),
        outcome,
        history: &history,
    };
    let Some(start) = visit.continues()? else {
        return Ok(visit.outcome);
    };
    let end = visit.entries(start, key)?;
    let mut outcome = visit.outcome;
    if let Some((tree, first_leaf)) = end.filter(|_| outcome.findings.total == 0) {
        outcome.verified = outcome.size;
        let new = Pin {
            key: keys.current().clone(),
            checkpoint: (outcome.size > 0).then_some(signed),
            first_leaf: pin.and_then(|pin| pin.first_leaf).or(first_leaf),
            subtrees: tree.subtrees().to_vec(),
        };
        if !state.replace(new)? {
            return Err(CliError::failed(format!(
                "the position of {} was changed by another monitor",
                outcome.origin
            ))
            .with_help("give each monitor its own --state"));
        }
    }
    Ok(outcome)
}

/// What a checkpoint is that its key did not sign: of a ledger that was seen before, it is signed by another key.
fn distrust(error: &CheckpointError, pin: Option<&Pin>) -> FindingKind {
    match error {
        CheckpointError::OtherOrigin { .. } => FindingKind::OtherLedger,
        CheckpointError::Note(NoteError::NotSignedBy(_)) if pin.is_some() => {
            FindingKind::KeyChanged
        }
        CheckpointError::Note(NoteError::NotSignedBy(_) | NoteError::BadSignature(_)) => {
            FindingKind::CheckpointUntrusted
        }
        CheckpointError::OutOfRange { .. } => FindingKind::KeyOutOfRange,
        CheckpointError::KeyCompromised { .. } => FindingKind::KeyCompromised,
        _ => FindingKind::CheckpointMalformed,
    }
}

/// A round under way.
struct Visit<'a> {
    session: &'a mut Session,
    signed: &'a SignedCheckpoint,
    pin: Option<&'a Pin>,
    outcome: Outcome,
    history: &'a KeyHistory,
}

impl Visit<'_> {
    fn size(&self) -> TreeSize {
        self.signed.checkpoint().size
    }

    /// Whether history went on from the position, and the tree there; `None` when it did not, which is a finding.
    fn continues(&mut self) -> Result<Option<Frontier>, CliError> {
        let Some(pin) = self.pin.filter(|pin| pin.checkpoint.is_some()) else {
            return Ok(Some(Frontier::new()));
        };
        let tree = pin.tree().ok_or_else(|| {
            CliError::failed("the position that was saved can't be gone on from")
                .with_help("name another file with --state; everything is then verified again")
        })?;
        let (size, then) = (self.size(), tree.size());
        if size < then {
            let expected = format!("the {then} entries that were verified");
            let found = format!("{size} entries");
            let at = size.next_index();
            let finding = Finding::at(FindingKind::RolledBack, at, expected, found);
            return self.astray(pin, finding);
        }
        let request = proto::GetConsistencyProofRequest {
            old_size: then.value(),
            new_size: size.value(),
        };
        let proof = self
            .session
            .call(async |client| client.get_consistency_proof(request).await)?;
        let hashes = proof
            .hashes
            .iter()
            .map(|hash| <[u8; 32]>::try_from(hash.as_ref()));
        let hashes: Option<Vec<NodeHash>> = hashes
            .map(|hash| hash.ok().map(NodeHash::from_bytes))
            .collect();
        let (old, new) = ((then, tree.root()), (size, self.signed.checkpoint().root));
        if hashes.is_some_and(|hashes| consistency_holds(old, new, &hashes)) {
            return Ok(Some(tree));
        }
        let expected = format!(
            "a proof that root {} at size {then} is the beginning",
            old.1
        );
        let found = format!("none that leads to root {} at size {size}", new.1);
        let finding = Finding::new(FindingKind::Forked, expected, found);
        self.astray(pin, finding)
    }

    /// History did not go on: a ledger that begins with another entry was begun anew.
    fn astray(&mut self, pin: &Pin, finding: Finding) -> Result<Option<Frontier>, CliError> {
        let mut first = None;
        self.list(EntryIndex::default()..EntryIndex::new(1), |received| {
            first = Some(LeafHash::of_entry(&received.entry));
        })?;
        let finding = match (pin.first_leaf, first) {
            (Some(known), Some(found)) if known != found => Finding::at(
                FindingKind::Recreated,
                EntryIndex::default(),
                format!("leaf {known}, as it was verified"),
                format!("leaf {found}"),
            ),
            _ => finding,
        };
        self.outcome.findings.push(finding);
        Ok(None)
    }

    /// Verifies the entries from the position on; gives the tree over all, and the first leaf if that was among them.
    fn entries(
        &mut self,
        mut tree: Frontier,
        key: &VerifierKey,
    ) -> Result<Option<(Frontier, Option<LeafHash>)>, CliError> {
        let end = self.size().next_index();
        let from = tree.size().next_index();
        if from == end {
            return Ok(Some((tree, None)));
        }
        // The last one of the round before once more: the chain goes on from it.
        let first = EntryIndex::new(from.value().saturating_sub(1));
        let mut check = Checking::start(first, from, key, self.history)?;
        self.list(first..end, |received| check.take(received, &mut tree))?;
        check.flush(&mut tree);
        let expected = check.next;
        let (findings, counts) = check.order.finish();
        self.outcome.findings.join(findings);
        self.outcome.findings.extend(check.keys.finish());
        self.outcome.counts = counts;
        if expected < end {
            let kind = FindingKind::MissingEntries;
            let expected_entries = format!("entries up to {end}, as the checkpoint says");
            let found = format!("the end after entry {}", expected.value().saturating_sub(1));
            self.outcome
                .findings
                .push(Finding::at(kind, expected, expected_entries, found));
            return Ok(None);
        }
        let signed = self.signed.checkpoint();
        if tree.root() != signed.root {
            let expected = format!("root {} at size {}", signed.root, signed.size);
            let found = format!("root {}", tree.root());
            let finding = Finding::at(FindingKind::RootMismatch, from, expected, found);
            self.outcome.findings.push(finding);
        }
        Ok(Some((tree, check.first_leaf)))
    }

    fn list(
        &mut self,
        range: std::ops::Range<EntryIndex>,
        mut take: impl FnMut(ReceivedEntry),
    ) -> Result<(), CliError> {
        if self.size() == TreeSize::EMPTY {
            return Ok(());
        }
        let request = proto::ListEntriesRequest {
            start: range.start.value(),
            end: range.end.value(),
            ..proto::ListEntriesRequest::default()
        };
        let mut stream = self
            .session
            .call(async |client| client.list_entries(request).await)?;
        // What nobody asked for is not waited for.
        let mut left = range.end.value().saturating_sub(range.start.value());
        while left > 0
            && let Some(answer) = self.session.next(&mut stream)?
        {
            left = left.saturating_sub(1);
            let received =
                entry_from_proto(&answer.entry.unwrap_or_default()).map_err(|error| {
                    CliError::failed("the server's answer can't be read").because(error)
                })?;
            take(received);
        }
        Ok(())
    }
}

/// Entries under verification.
struct Checking {
    order: LedgerCheck,
    identities: IdentityKey,
    waiting: Vec<ReceivedEntry>,
    /// The index that the next entry should have.
    next: EntryIndex,
    /// From where on leaves are new to the tree.
    from: EntryIndex,
    first_leaf: Option<LeafHash>,
    /// The changes of the ledger's keys, and the entries that record them.
    keys: KeyEntries,
}

impl Checking {
    fn start(
        first: EntryIndex,
        from: EntryIndex,
        key: &VerifierKey,
        history: &KeyHistory,
    ) -> Result<Self, CliError> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| {
            CliError::failed("the system has no random numbers").because(error.to_string())
        })?;
        Ok(Self {
            order: LedgerCheck::starting_at(first, key.name().as_str()),
            identities: IdentityKey::new(random),
            waiting: Vec::new(),
            next: first,
            from,
            first_leaf: None,
            keys: KeyEntries::new(history),
        })
    }

    fn take(&mut self, received: ReceivedEntry, tree: &mut Frontier) {
        self.waiting.push(received);
        if self.waiting.len() >= CHUNK_ENTRIES {
            self.flush(tree);
        }
    }

    fn flush(&mut self, tree: &mut Frontier) {
        let waiting = std::mem::take(&mut self.waiting);
        let entries: Vec<&[u8]> = waiting.iter().map(|read| read.entry.as_slice()).collect();
        let payloads: Vec<u8> = waiting
            .iter()
            .flat_map(|read| &read.payload)
            .copied()
            .collect();
        if entries.is_empty() {
            return;
        }
        let chunk = Chunk {
            first: self.next,
            entries: &entries,
            payloads: Some(&payloads),
        };
        let report = check_chunk(chunk, &self.identities);
        for (index, leaf) in (self.next.value()..)
            .map(EntryIndex::new)
            .zip(&report.leaves)
        {
            if index == EntryIndex::default() {
                self.first_leaf = Some(*leaf);
            }
            if index >= self.from {
                tree.push(*leaf, |_, _| {});
            }
        }
        self.next = self.next.plus(count(report.leaves.len()));
        self.keys.observe(&report);
        self.order.absorb(report);
    }
}

//! One round with one server.

use std::{sync::PoisonError, time::Duration};

use super::{
    super::{
        connect::{ServerUrl, Session},
        error::CliError,
        pins::{Pin, Pins},
    },
    checking::{Checking, admit, history_of, unseen},
    origins::Origins,
    seen::Seen,
    watched::{Keys, Outcome},
};
use crate::{
    ledger::{
        checkpoint::{CheckpointError, SignedCheckpoint},
        finding::{Finding, FindingKind},
        hash::{LeafHash, NodeHash, RootHash},
        keys::{KeyHistory, Keyring},
        note::{NoteError, VerifierKey},
        position::{EntryIndex, TreeSize},
        tree::{Frontier, consistency_holds},
    },
    service::{
        convert::{ReceivedEntry, entry_from_proto},
        proto,
    },
};

/// How long a server may take for an answer, or for the next entry.
const PATIENCE: Duration = Duration::from_secs(60);
/// Entries after which the position is saved within a round, so that a round of millions is not begun anew.
const STRETCH_ENTRIES: u64 = 4096;

/// Does a round: the checkpoint, the proof, the new entries, and, if nothing is found, the position.
pub(super) fn round(
    url: &ServerUrl,
    keys: &Keys,
    origins: &Origins,
    open_state: &dyn Fn() -> Result<Pins, CliError>,
) -> Result<Outcome, CliError> {
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
    let none = || CliError::failed("there is no key to verify with");
    let key = keys.of(&signed).ok_or_else(none)?;
    // Two servers of one ledger go on from one position, the one after the other.
    let origin = origins.of(key.name());
    let _alone = origin.lock().unwrap_or_else(PoisonError::into_inner);
    let mut state = open_state()?;
    let pin = state.find(key.name()).cloned();
    outcome.origin = key.name().to_string();
    outcome.size = signed.checkpoint().size.value();
    outcome.verified = pin.as_ref().map_or(0, |pin| pin.verified().value());
    outcome.breaks = pin.as_ref().map_or(0, |pin| pin.breaks);
    let history = match history_of(&answer) {
        // What was stated since says nothing about this tree.
        Ok(history) => history.before(signed.checkpoint().size),
        Err(finding) => return Ok(outcome.found(finding)),
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
        key: keys.signer_of(&signed),
        pin: pin.as_ref(),
        state: &mut state,
        outcome,
        history: &history,
    };
    let Some(start) = visit.continues()? else {
        return Ok(visit.outcome);
    };
    visit.entries(start)?;
    Ok(visit.outcome)
}

/// What a checkpoint is that its key did not sign: of a ledger that was seen before, it is signed by another key.
fn distrust(error: &CheckpointError, pin: Option<&Pin>) -> FindingKind {
    match error {
        CheckpointError::Note(NoteError::NotSignedBy(_)) if pin.is_some() => {
            FindingKind::KeyChanged
        }
        error => error.finding(),
    }
}

/// A round under way.
struct Visit<'a> {
    session: &'a mut Session,
    signed: &'a SignedCheckpoint,
    key: &'a VerifierKey,
    /// The position that the round began from.
    pin: Option<&'a Pin>,
    state: &'a mut Pins,
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
        let (size, then) = (self.size(), pin.size());
        if size < then {
            let expected = format!("the {then} entries that were there before");
            let found = format!("{size} entries");
            let at = size.next_index();
            let finding = Finding::at(FindingKind::RolledBack, at, expected, found);
            return self.astray(pin, finding);
        }
        let accepted = pin.checkpoint.as_ref().map(|signed| signed.checkpoint());
        let accepted = accepted.map(|checkpoint| (checkpoint.size, checkpoint.root));
        // A round that was ended early has come to fewer entries than the checkpoint covers.
        for old in accepted.into_iter().chain([(tree.size(), tree.root())]) {
            if !self.begins_with(old)? {
                let (then, root) = old;
                let expected = format!("a proof that root {root} at size {then} is the beginning");
                let signed = self.signed.checkpoint();
                let found = format!("none that leads to root {} at size {size}", signed.root);
                let finding = Finding::new(FindingKind::Forked, expected, found);
                return self.astray(pin, finding);
            }
        }
        Ok(Some(tree))
    }

    /// Whether the server proves that its checkpoint's tree begins with this one.
    fn begins_with(&mut self, old: (TreeSize, RootHash)) -> Result<bool, CliError> {
        let signed = self.signed.checkpoint();
        let new = (signed.size, signed.root);
        if old == new {
            return Ok(true);
        }
        let request = proto::GetConsistencyProofRequest {
            old_size: old.0.value(),
            new_size: new.0.value(),
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
        Ok(hashes.is_some_and(|hashes| consistency_holds(old, new, &hashes)))
    }

    /// Saves how far entries are verified: all of the checkpoint's, or a beginning of them that was shown to be one.
    fn save(&mut self, tree: &Frontier, first_leaf: Option<LeafHash>) -> Result<(), CliError> {
        let (size, verified) = (self.size(), tree.size());
        let new = Pin {
            key: self.key.clone(),
            checkpoint: (size != TreeSize::EMPTY).then(|| self.signed.clone()),
            first_leaf: self.pin.and_then(|pin| pin.first_leaf).or(first_leaf),
            verified: (verified < size).then_some(verified),
            subtrees: tree.subtrees().to_vec(),
            breaks: self.outcome.breaks,
        };
        if !self.state.replace(new)? {
            return Err(CliError::failed(format!(
                "the position of {} was changed by another monitor",
                self.outcome.origin
            ))
            .with_help("give each monitor its own --state"));
        }
        self.outcome.verified = verified.value();
        Ok(())
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

    /// Verifies the entries from the position on, and moves it as far as nothing is found.
    fn entries(&mut self, mut tree: Frontier) -> Result<(), CliError> {
        let (size, from) = (self.size(), tree.size().next_index());
        let positions = self.state.path().clone();
        let kept = self.pin.filter(|pin| pin.checkpoint.is_some());
        let kept = kept.map_or(0, |pin| pin.verified().value());
        let seen = Seen::open(&positions, self.key.name(), kept).map_err(unseen)?;
        if tree.size() == size {
            return self.save(&tree, None);
        }
        // The last one of the round before once more: the chain goes on from it.
        let first = EntryIndex::new(from.value().saturating_sub(1));
        let mut check = Checking::start(first, from, self.key, seen, self.history);
        let (end, mut stop) = (size.next_index(), first);
        while check.next == stop && stop < end {
            stop = end.min(stop.plus(STRETCH_ENTRIES));
            self.list(check.next..stop, |received| check.take(received, &mut tree))?;
            check.flush(&mut tree);
            // Where something is wrong the position stays, and the round goes on to find all of it.
            if check.order.has_findings() || check.keys.has_findings() {
                check.drop_what_is_hopeless();
            } else if check.next == stop && stop < end {
                if !self.begins_with((tree.size(), tree.root()))? {
                    self.diverges(&tree, from);
                    return Ok(());
                }
                check.seen.keep().map_err(unseen)?;
                self.save(&tree, check.first_leaf)?;
            }
        }
        self.end(&tree, check)
    }

    /// Judges a round that has come to its last entry, and moves the position there if nothing was found.
    fn end(&mut self, tree: &Frontier, check: Checking) -> Result<(), CliError> {
        let Checking {
            order,
            breaks,
            next,
            from,
            first_leaf,
            mut seen,
            keys,
            ..
        } = check;
        let end = self.size().next_index();
        let (findings, counts) = order.finish();
        self.outcome.findings.join(findings);
        self.outcome.findings.extend(keys.finish());
        self.outcome.counts = counts;
        if next < end {
            let kind = FindingKind::MissingEntries;
            let expected = format!("entries up to {end}, as the checkpoint says");
            let found = format!("the end after entry {}", next.value().saturating_sub(1));
            let findings = &mut self.outcome.findings;
            findings.push(Finding::at(kind, next, expected, found));
            return Ok(());
        }
        if tree.root() != self.signed.checkpoint().root {
            self.diverges(tree, from);
        }
        let findings = &mut self.outcome.findings;
        let repeated = seen.repeated(|first, again| {
            let expected = format!("no second entry for the event of entry {first}");
            let kind = FindingKind::DuplicateEvent;
            findings.push(Finding::at(kind, again, expected, format!("entry {again}")));
        });
        repeated.map_err(unseen)?;
        let admitted = admit(&breaks, &mut self.outcome.findings);
        self.outcome.breaks = self.outcome.breaks.saturating_add(admitted);
        if self.outcome.findings.total > 0 {
            return Ok(());
        }
        seen.keep().map_err(unseen)?;
        self.save(tree, first_leaf)
    }

    /// The entries are others than those that the checkpoint was signed for.
    fn diverges(&mut self, tree: &Frontier, from: EntryIndex) {
        let signed = self.signed.checkpoint();
        let expected = format!("root {} at size {}", signed.root, signed.size);
        let found = if tree.size() == signed.size {
            format!("root {}", tree.root())
        } else {
            let (root, size) = (tree.root(), tree.size());
            format!("root {root} at size {size}, and no proof that it is the beginning")
        };
        let finding = Finding::at(FindingKind::RootMismatch, from, expected, found);
        self.outcome.findings.push(finding);
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

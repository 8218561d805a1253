//! The history of a ledger's keys: whom it lets trust in, and whether entries and tree bear it out.
//!
//! It is held against the evidence three times: its own signatures and order, when it is read; each statement against
//! the entry at the index that is its size, and each such entry against the statements; and the root that each names
//! against the tree.

use std::path::Path;

use super::VerifyError;
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        finding::{Finding, FindingKind},
        hash::RootHash,
        keys::{HISTORY_BYTES_MAX, KeyEntries, KeyHistory, Keyring, Statement},
        note::VerifierKey,
        position::{TreeSize, count},
        verify::{ChunkReport, Findings},
    },
    pack::{
        manifest::{CHECKPOINT, KEY_HISTORY},
        read::{CHECKPOINT_BYTES_MAX, FileError, PackFiles},
        report::{KeyReport, Report},
    },
    store::directory::read_history,
};

/// The history of a ledger's keys beside the entries, while these go by.
pub(super) struct Keys {
    history: KeyHistory,
    pub(super) ring: Keyring,
    entries: KeyEntries,
    findings: Vec<Finding>,
}

impl Keys {
    /// That of a pack or a log.
    pub(super) fn of_files(files: &dyn PackFiles, key: &VerifierKey) -> Result<Self, VerifyError> {
        match files.read(KEY_HISTORY, count(HISTORY_BYTES_MAX)) {
            Ok(bytes) => Ok(Self::of_tree(files, &bytes, key)),
            Err(FileError::Missing) => Ok(Self::none(key)),
            Err(FileError::Io(error)) => Err(VerifyError::Unreadable {
                path: KEY_HISTORY.into(),
                error,
            }),
            Err(error) => Ok(Self::invalid(&error, key)),
        }
    }

    /// The history with a checkpoint: of what was stated about larger trees it knows nothing, and a server's history may
    /// have it already. A pack has it only by somebody's hand: who has an old key would have a new one vouch for it.
    fn of_tree(files: &dyn PackFiles, bytes: &[u8], key: &VerifierKey) -> Self {
        let history = match KeyHistory::parse(bytes) {
            Ok(history) => history,
            Err(error) => return Self::invalid(&error, key),
        };
        let note = files.read(CHECKPOINT, CHECKPOINT_BYTES_MAX).ok();
        let signed = note.and_then(|note| SignedCheckpoint::parse(&note).ok());
        let Some(size) = signed.map(|signed| signed.checkpoint().size) else {
            return Self::new(history, key);
        };
        let before = history.before(size);
        let beyond = history.statements().get(before.statements().len());
        let mut keys = Self::new(before, key);
        if let Some(beyond) = beyond.filter(|_| !files.is_bare_log()) {
            let kind = FindingKind::KeyHistoryInvalid;
            let expected =
                format!("statements about trees of less than the checkpoint's {size} entries");
            let found = format!("one about {} entries", beyond.statement().size);
            let finding = Finding::new(kind, expected, found);
            keys.findings.push(finding.in_place(KEY_HISTORY));
        }
        keys
    }

    /// That of a data directory.
    pub(super) fn of_directory(path: &Path, key: &VerifierKey) -> Result<Self, VerifyError> {
        match read_history(path) {
            Ok(bytes) => Ok(Self::of_bytes(&bytes, key)),
            Err(error) => Err(VerifyError::Unreadable {
                path: path.join(KEY_HISTORY),
                error,
            }),
        }
    }

    /// One key, and no history.
    pub(super) fn none(key: &VerifierKey) -> Self {
        Self::new(KeyHistory::default(), key)
    }

    fn of_bytes(bytes: &[u8], key: &VerifierKey) -> Self {
        match KeyHistory::parse(bytes) {
            Ok(history) => Self::new(history, key),
            Err(error) => Self::invalid(&error, key),
        }
    }

    fn new(history: KeyHistory, key: &VerifierKey) -> Self {
        let ring = Keyring::carried(key, &history);
        let mut findings = Vec::new();
        if let Some(broken) = ring.broken() {
            let expected = format!(
                "a rotation of the trusted key {}, or of one that it leads to, at size {} or before",
                broken.key.id(),
                broken.from
            );
            let found = format!(
                "one at size {}: the key is compromised beyond {}, so that rotation may be a thief's",
                broken.rotated, broken.from
            );
            let finding = Finding::new(FindingKind::KeyCompromised, expected, found);
            findings.push(finding.in_place(KEY_HISTORY));
        }
        if ring.is_stranger() && ring.is_own() {
            let ids: Vec<String> = history
                .keys()
                .iter()
                .map(|s| s.key.id().to_string())
                .collect();
            let kind = FindingKind::KeyHistoryInvalid;
            let expected = format!("a history of keys that names the trusted key {key}");
            let finding = Finding::new(kind, expected, format!("one of {}", ids.join(", ")));
            findings.push(finding.in_place(KEY_HISTORY));
        }
        Self {
            entries: KeyEntries::new(&history),
            history,
            ring,
            findings,
        }
    }

    /// A history that can't be read carries no trust.
    fn invalid(error: &dyn std::fmt::Display, key: &VerifierKey) -> Self {
        let mut keys = Self::none(key);
        let kind = FindingKind::KeyHistoryInvalid;
        let finding = Finding::new(kind, "a history of the ledger's keys", error);
        keys.findings.push(finding.in_place(KEY_HISTORY));
        keys
    }

    /// The sizes at which the root over the entries is needed.
    pub(super) fn sizes(&self) -> impl Iterator<Item = TreeSize> {
        self.statements().map(|statement| statement.size)
    }

    fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.history.statements().iter().map(|s| s.statement())
    }

    /// Compares the next entries with the statements.
    pub(super) fn observe(&mut self, report: &ChunkReport) {
        self.entries.observe(report);
    }

    /// Judges the history: `root_at` gives the root over the entries at a size, where it can be had, and `size` is that
    /// of the tree at hand.
    pub(super) fn conclude(
        mut self,
        size: TreeSize,
        root_at: impl Fn(TreeSize) -> Option<RootHash>,
        findings: &mut Findings,
        report: &mut Report,
    ) {
        let (mut unrooted, mut beyond) = (Vec::new(), Vec::new());
        let mut unseen = Vec::new();
        for statement in self.statements().filter(|statement| statement.size >= size) {
            let kind = FindingKind::KeyHistoryInvalid;
            let expected = format!("statements about trees of less than the {size} entries here");
            let found = format!("one about {} entries", statement.size);
            beyond.push(Finding::new(kind, expected, found).in_place(KEY_HISTORY));
        }
        for statement in self.history.statements().iter().map(|s| s.statement()) {
            let root = Some(statement.size)
                .filter(|at| *at <= size)
                .and_then(&root_at);
            match root {
                Some(root) if root != statement.root => {
                    let expected = format!(
                        "root {root} at size {}, in statement {}",
                        statement.size, statement.number
                    );
                    let found = format!("root {}", statement.root);
                    let finding = Finding::new(FindingKind::KeyHistoryInvalid, expected, found);
                    self.findings.push(finding.in_place(KEY_HISTORY));
                }
                Some(_) => {}
                None => unrooted.push(statement.number.to_string()),
            }
            if !self.entries.has_seen(statement) {
                unseen.push(statement.number.to_string());
            }
        }
        self.findings.append(&mut beyond);
        let in_entries = self.entries.finish().into_iter();
        self.findings
            .extend(in_entries.map(|finding| finding.in_place(KEY_HISTORY)));
        let wrong = !self.findings.is_empty();
        findings.extend(self.findings);
        report.current_key = Some(self.ring.current().clone());
        if self.history.is_empty() {
            return;
        }
        report.keys = reports(&self.history, &self.ring);
        if self.ring.is_stranger() {
            report.not_checked.push(
                "the history of the ledger's own keys: the trusted key signs beside them, and is not of it".to_owned(),
            );
        } else if !wrong {
            report.checked.push(format!(
                "{} statements about the ledger's keys: signatures and order",
                self.history.statements().len()
            ));
        }
        report.checked.extend(self.ring.steps().iter().map(|step| {
            format!(
                "that the key {} leads to {}: statement {}, at size {}, is signed by both",
                step.by.id(),
                step.to.id(),
                step.statement,
                step.size
            )
        }));
        if !unrooted.is_empty() {
            report.not_checked.push(format!(
                "that statements {} about keys were made over this tree: what would prove it is not here",
                unrooted.join(", ")
            ));
        }
        if !unseen.is_empty() {
            report.not_checked.push(format!(
                "the entries that record statements {} about keys: they were not looked at",
                unseen.join(", ")
            ));
        }
    }
}

/// Every key of the history, and whether it is trusted.
fn reports(history: &KeyHistory, ring: &Keyring) -> Vec<KeyReport> {
    let spans = history.keys().iter();
    spans
        .map(|span| KeyReport {
            key: span.key.to_string(),
            key_id: span.key.id().to_string(),
            from: span.from,
            until: span.until,
            compromised_from: span.compromised,
            trusted: ring.spans().iter().any(|known| known.key == span.key),
        })
        .collect()
}

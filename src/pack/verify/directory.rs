//! One verification of a data directory: its journal, and the checkpoints it has published and had witnessed.
//!
//! The journal is read without a lock and without changing anything, so the ledger may be running; what it commits
//! meanwhile may or may not be seen. The index is derived and not looked at.

mod signed;

use std::{io, path::Path};

use super::{
    Expected, VerifyError, VerifyOptions,
    batch::{CheckedBatch, Scanned, blame, check_batch, together},
    duplicates::Duplicates,
    evidence::open_kept,
    kept::Kept,
    keys::Keys,
    outcome::{conclude, directory_remarks, empty_report, expect},
    pack::identity_key,
    published::{self, Published},
    timestamps::Stamps,
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        finding::{Finding, FindingKind},
        keys::Keyring,
        note::{KeyType, VerifierKey},
        position::{EntryIndex, TreeSize},
        verify::{ChunkReport, Findings, LedgerCheck},
    },
    pack::{
        breaks::Breaks,
        manifest::CHECKPOINT,
        pipeline,
        report::{IndexRange, MoreCounts, Report, Subject},
        sequence::Sequences,
    },
    store::{
        directory::{WITNESSED_FILE, refuse_other_layout},
        journal::{Damage, DamageKind, JournalError, Scan, scan},
    },
};

pub(super) fn verify(
    path: &Path,
    key: &VerifierKey,
    options: &VerifyOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Report, VerifyError> {
    let says_layout = refuse_other_layout(path).map_err(VerifyError::OtherLayout)?;
    let mut report = empty_report(Subject::DataDirectory, key);
    report.path = Some(path.display().to_string());
    // Read first: a running ledger commits before it publishes.
    let keys = Keys::of_directory(path, key)?;
    let ring = keys.ring.clone();
    let mut check = Check::start(keys, options)?;
    let (witnessed, finding) = Published::read(path, WITNESSED_FILE, &ring)?;
    check.witnessed = check.take_witnessed(witnessed, finding);
    let (published, finding) = Published::read(path, CHECKPOINT, &ring)?;
    check.take_published(published, finding);
    check.key_file = published::key_file(path, &ring)?;
    check.stamps = Stamps::of_directory(path, &ring, options)?;
    let sizes = check.stamps.sizes().chain(check.keys.sizes());
    sizes.for_each(|size| check.kept.watch(size));
    if !says_layout {
        check.incomplete.push(
            "`format` is missing, which every data directory has: what else it has lost is not known".to_owned(),
        );
    }
    match scan(path) {
        Ok(scanned) => read_journal(&mut check, scanned, &ring, progress)?,
        Err(JournalError::Missing(_)) if says_layout || !check.published.is_absent() => {
            let gone = "`journal/` has no segment, which every journal has: what was in it is gone";
            check.incomplete.push(gone.to_owned());
        }
        Err(JournalError::Missing(_)) => {
            return Err(VerifyError::NotADataDirectory(path.to_owned()));
        }
        Err(error) => {
            return Err(VerifyError::Unreadable {
                path: path.to_owned(),
                error: io::Error::other(error),
            });
        }
    }
    check.finish(report)
}

fn read_journal(
    check: &mut Check,
    scanned: Scan,
    ring: &Keyring,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<(), VerifyError> {
    let identities = identity_key()?;
    let committed = check.published.size().max(check.witnessed.size());
    let total = committed.value();
    let mut scanned = scanned.committed(committed);
    progress(0, total);
    pipeline::run(
        || Ok::<_, VerifyError>(together(&mut scanned)),
        |batches: Vec<Scanned>| {
            let checked = batches
                .into_iter()
                .map(|raw| check_batch(raw, &identities, ring));
            checked.collect::<Vec<_>>()
        },
        |checked| {
            for batch in checked {
                check.take(batch, ring)?;
            }
            let done = check.order.counts().entries;
            progress(done, total.max(done));
            Ok(())
        },
    )?;
    let name = ring.name();
    if let Some(origin) = scanned.origin().filter(|origin| *origin != name) {
        let kind = FindingKind::OtherLedger;
        check.findings.push(Finding::new(kind, name, origin));
    }
    Ok(())
}

/// The ordered half of the verification.
struct Check {
    order: LedgerCheck,
    sequences: Sequences,
    duplicates: Duplicates,
    kept: Kept,
    stamps: Stamps,
    keys: Keys,
    findings: Findings,
    breaks: Breaks,
    more: MoreCounts,
    incomplete: Vec<String>,
    not_checked: Vec<String>,
    expected: Option<Expected>,
    published: Published,
    witnessed: Published,
    /// What is wrong with `log.vkey`.
    key_file: Option<Finding>,
    last: Option<SignedCheckpoint>,
    /// The first batch whose entries do not have its root, and what was expected and found.
    unlike: Option<(EntryIndex, Finding)>,
    /// Whether some batch could not be read, so that no root can be made any more.
    damaged: bool,
    /// Where the journal ends within a batch, if it does.
    torn: Option<String>,
    /// The first batch that the trusted key did not sign, and how many there are.
    unsigned: Option<(Finding, u64)>,
    /// A batch so far named the trusted key.
    key_named: bool,
    /// Batches from before the trusted key was added.
    before_key: u64,
    /// The first batch since the last good signature that a compromised key alone signed, and how many there are.
    doubtful: Option<(Finding, u64)>,
    /// Such batches, which a later good signature covers.
    covered: u64,
}

impl Check {
    fn start(keys: Keys, options: &VerifyOptions) -> Result<Self, VerifyError> {
        Ok(Self {
            order: LedgerCheck::starting_at(EntryIndex::default(), keys.ring.name().as_str()),
            sequences: Sequences::default(),
            duplicates: Duplicates::new(options.temporary.as_deref()),
            kept: open_kept(options, &keys.ring)?,
            keys,
            stamps: Stamps::none(),
            findings: Findings::default(),
            breaks: Breaks::default(),
            more: MoreCounts::default(),
            incomplete: Vec::new(),
            not_checked: Vec::new(),
            expected: options.expected,
            published: Published::Absent,
            witnessed: Published::Absent,
            key_file: None,
            last: None,
            unlike: None,
            damaged: false,
            torn: None,
            unsigned: None,
            key_named: false,
            before_key: 0,
            doubtful: None,
            covered: 0,
        })
    }

    fn take_published(&mut self, published: Published, finding: Option<Finding>) {
        if !published.is_absent() {
            self.more.checkpoints = self.more.checkpoints.saturating_add(1);
        }
        self.findings.extend(finding);
        self.kept.watch(published.size());
        self.published = published;
    }

    fn take(
        &mut self,
        batch: Result<CheckedBatch, Box<Damage>>,
        ring: &Keyring,
    ) -> Result<(), VerifyError> {
        let batch = match batch {
            Ok(batch) => batch,
            Err(damage) => {
                self.damage(&damage);
                return Ok(());
            }
        };
        if self.damaged && batch.first != self.order.expected() {
            self.order.skip_to(batch.first);
        }
        self.damaged |= !batch.findings.is_empty();
        self.findings.extend(batch.findings);
        for report in batch.blocks {
            if self.damaged && report.first > self.order.expected() {
                self.order.skip_to(report.first);
            }
            self.take_block(report)?;
        }
        self.more.batches = self.more.batches.saturating_add(1);
        self.more.checkpoints = self.more.checkpoints.saturating_add(1);
        self.take_signature(batch.unsigned, &batch.checkpoint, ring.trusted());
        self.compare_root(batch.first, &batch.place, &batch.checkpoint, ring);
        self.last = Some(batch.checkpoint);
        Ok(())
    }

    /// Takes what was found of a batch's signature. A second key was added at some time: batches from before it do not
    /// name it, and are covered by the first that it signed.
    fn take_signature(
        &mut self,
        unsigned: Option<Finding>,
        checkpoint: &SignedCheckpoint,
        key: &VerifierKey,
    ) {
        if let Some(finding) = unsigned {
            if finding.kind == FindingKind::KeyCompromised {
                let (_, count) = self.doubtful.get_or_insert((finding, 0));
                *count = count.saturating_add(1);
                return;
            }
            self.key_named |= checkpoint.note().names(key);
            let (_, count) = self.unsigned.get_or_insert((finding, 0));
            *count = count.saturating_add(1);
            return;
        }
        let covered = self.doubtful.take().map_or(0, |(_, count)| count);
        self.covered = self.covered.saturating_add(covered);
        if !std::mem::replace(&mut self.key_named, true) && key.key_type() == KeyType::MlDsa44 {
            self.before_key = self.unsigned.take().map_or(0, |(_, count)| count);
        }
    }

    fn take_block(&mut self, mut report: ChunkReport) -> Result<(), VerifyError> {
        self.breaks.take(std::mem::take(&mut report.breaks));
        for line in report.lines.iter().flatten() {
            let sequence = line.sequence.as_ref();
            self.sequences
                .take(sequence.map(|(source, number)| (source.as_str(), *number)));
            self.duplicates
                .push(line.identity, line.index)
                .map_err(VerifyError::Temporary)?;
        }
        let tree = self.order.tree();
        let tree = tree.filter(|tree| tree.size().next_index() == report.first);
        self.kept.observe(tree, report.first, &report.leaves);
        self.stamps.observe(&report);
        self.keys.observe(&report);
        self.order.absorb(report);
        Ok(())
    }

    /// Compares the root so far with the one that was signed with the batch. Only the first difference is kept: all
    /// later roots differ with it.
    fn compare_root(
        &mut self,
        first: EntryIndex,
        place: &str,
        signed: &SignedCheckpoint,
        ring: &Keyring,
    ) {
        let Some(tree) = self.order.tree().filter(|_| self.unlike.is_none()) else {
            return;
        };
        let signed_by = signed.checkpoint();
        if tree.size() == signed_by.size && tree.root() == signed_by.root {
            return;
        }
        let whose = if ring.verify(signed).is_ok() {
            "as the ledger signed with its batch"
        } else {
            "as its batch says, without the ledger's signature"
        };
        let expected = format!(
            "root {} at size {}, {whose}",
            signed_by.root, signed_by.size
        );
        let found = format!("root {} at size {}", tree.root(), tree.size());
        let finding = Finding::at(FindingKind::RootMismatch, first, expected, found);
        self.unlike = Some((first, finding.in_place(place)));
    }

    fn damage(&mut self, damage: &Damage) {
        let place = format!("journal/{}, offset {}", damage.segment, damage.offset);
        if damage.torn {
            self.torn = Some(place);
            return;
        }
        self.damaged = true;
        let kind = match damage.kind {
            DamageKind::MissingSegment => FindingKind::MissingEntries,
            DamageKind::OtherOrigin(_) => FindingKind::OtherLedger,
            _ => FindingKind::JournalDamaged,
        };
        let expected = match damage.resumes_at {
            Some(next) if next > damage.index => {
                format!("entries {} to {next} as they were written", damage.index)
            }
            _ => "the journal as it was written".to_owned(),
        };
        let finding = Finding::at(kind, damage.index, expected, &damage.kind);
        self.findings.push(finding.in_place(place));
    }

    fn finish(mut self, mut report: Report) -> Result<Report, VerifyError> {
        let size = TreeSize::new(self.order.expected().value());
        self.check_signed(&mut report);
        self.check_published(size);
        report.range = Some(IndexRange {
            start: EntryIndex::default(),
            end: size.next_index(),
        });
        report.counts = *self.order.counts();
        self.sequences.state(true, &mut report);
        let (findings, more) = (&mut self.findings, &mut self.more);
        self.kept
            .compare(size, |_| None, findings, more, &mut self.incomplete);
        report.first_leaf = self.kept.first_leaf();
        let (kept, last) = (&self.kept, self.last.as_ref());
        self.stamps.conclude(
            |size| kept.root_at(size),
            last.map(SignedCheckpoint::checkpoint),
            findings,
            &mut report,
        );
        self.keys
            .conclude(size, |size| kept.root_at(size), findings, &mut report);
        let repeated = self.duplicates.finish(|first, again| {
            let expected = format!("no second entry for the event of entry {first}");
            let found = format!("entry {again}");
            findings.push(Finding::at(
                FindingKind::DuplicateEvent,
                again,
                expected,
                found,
            ));
        });
        repeated.map_err(VerifyError::Temporary)?;
        let misplaced = self.order.has_misplaced();
        let (in_order, _) = self.order.finish();
        findings.join(in_order);
        if let Some((_, finding)) = self.unlike.filter(|_| !misplaced) {
            let blamed = blame(findings);
            if blamed.is_empty() {
                findings.push(finding);
            }
            findings.extend(blamed);
        }
        if findings.total == 0 {
            // Whatever else is wrong may be why.
            findings.extend(self.key_file);
        }
        findings.sort();
        self.breaks.settle(self.findings, &mut report);
        report.more = self.more;
        report.incomplete.append(&mut self.incomplete);
        report.not_checked.extend(self.not_checked);
        directory_remarks(&mut report);
        expect(self.expected, &mut report);
        conclude(&mut report);
        Ok(report)
    }
}

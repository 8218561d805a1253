//! The tamper matrix: whatever somebody with the disk does to a pack or to a data directory is found out, as what it
//! is and where it is. Real files, really tampered with.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use exhibit::{
    ledger::{
        checkpoint::SignedCheckpoint,
        event::{Event, NewEvent, NewPart},
        finding::FindingKind,
        note::{SigningKey, VerifierKey},
        payload::Salt,
        position::{EntryIndex, UnixNanos},
        receipt::Receipt,
        state::State,
        tile::TileId,
        tree::{Frontier, NodeAt, NodeSource, prove_inclusion},
    },
    pack::{
        Block, PackRequest, PackSource, Report, SourceError, Verdict, VerifyOptions,
        tamper::Tampering, verify_data_directory, verify_pack, verify_receipt, write_pack,
    },
    store::{
        directory::DataDirectory,
        disk::FsDisk,
        journal::{
            EncodedBatch, Journal, JournalOptions, JournalReader, LEVEL_DEFAULT, publish_checkpoint,
        },
    },
};

const NOW: UnixNanos = UnixNanos::new(1_790_000_000_000_000_000);

/// A ledger on disk, its pack beside it, and what somebody kept of it.
struct Original {
    directory: tempfile::TempDir,
    key: SigningKey,
    pinned: SignedCheckpoint,
    receipt: Receipt,
}

impl Original {
    /// A ledger of batches of these sizes.
    fn of(batches: &[usize]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = SigningKey::from_seed("tamper.test/ledger".parse().unwrap(), &[1; 32]);
        let data = directory.path().join("data");
        DataDirectory::create(&data, &key, "").unwrap();
        let (mut journal, _) = Journal::open(
            Arc::new(FsDisk),
            &data,
            key.verifier().name(),
            JournalOptions::default(),
        )
        .unwrap();
        let mut state = State::new(key.verifier().name().clone());
        let mut nodes = Vec::new();
        for size in batches {
            let first = state.size().value() as usize;
            let now = UnixNanos::new(NOW.value() + first as u64);
            let events = (first..first + size)
                .map(|number| event(number, now))
                .collect();
            let (next, batch) = state.append(events, now).unwrap();
            let mut tree = state.tree().clone();
            for leaf in &batch.leaves {
                tree.push(*leaf, |at, node| nodes.push((at, node)));
            }
            let checkpoint = batch.checkpoint.clone().sign(&key);
            journal
                .append(EncodedBatch::new(&batch, &checkpoint, LEVEL_DEFAULT).unwrap())
                .unwrap();
            publish_checkpoint(&FsDisk, &data, &checkpoint).unwrap();
            state = next;
        }
        drop(journal);
        let pinned = state.checkpoint().sign(&key);
        let reader = JournalReader::open(&data).unwrap();
        let index = EntryIndex::new(state.size().value() - 2);
        let proof = prove_inclusion(&Nodes(nodes), index, state.size())
            .unwrap()
            .unwrap();
        let receipt = Receipt {
            entry: reader.entry_alone(index).unwrap(),
            index,
            proof,
            checkpoint: pinned.clone(),
        };
        let original = Self {
            directory,
            key,
            pinned,
            receipt,
        };
        let request = PackRequest::full(original.pinned.clone(), original.key().clone());
        let file = fs::File::create(original.pack()).unwrap();
        write_pack(file, &Source(reader), &request).unwrap();
        original
    }

    fn key(&self) -> &VerifierKey {
        self.key.verifier()
    }

    fn pack(&self) -> PathBuf {
        self.directory.path().join("pack.zip")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A copy of the pack or the data directory to tamper with, which the next copy replaces.
    fn copy(&self, of: Of) -> PathBuf {
        let copy = self.directory.path().join("copy");
        let _ = fs::remove_dir_all(&copy);
        fs::create_dir_all(&copy).unwrap();
        match of {
            Of::Pack => {
                fs::copy(self.pack(), copy.join("pack.zip")).unwrap();
                copy.join("pack.zip")
            }
            Of::Directory => {
                copy_directory(&self.data(), &copy);
                copy
            }
        }
    }

    fn verify(&self, of: Of, path: &Path, options: &VerifyOptions) -> Option<Report> {
        match of {
            Of::Pack => verify_pack(path, self.key(), options, &|_, _| {}).ok(),
            Of::Directory => verify_data_directory(path, self.key(), options, &|_, _| {}).ok(),
        }
    }

    fn kept_checkpoint(&self) -> VerifyOptions {
        VerifyOptions {
            trusted: vec![self.pinned.clone()],
            ..VerifyOptions::default()
        }
    }

    fn kept_receipt(&self) -> VerifyOptions {
        VerifyOptions {
            receipts: vec![self.receipt.clone()],
            ..VerifyOptions::default()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Pack,
    Directory,
}

struct Nodes(Vec<(NodeAt, exhibit::ledger::hash::NodeHash)>);

impl NodeSource for Nodes {
    type Error = ();

    fn node(&self, at: NodeAt) -> Result<exhibit::ledger::hash::NodeHash, ()> {
        let found = self.0.iter().find(|(place, _)| *place == at);
        found.map(|(_, node)| *node).ok_or(())
    }
}

struct Source(JournalReader);

impl PackSource for Source {
    fn blocks(
        &self,
        from: EntryIndex,
    ) -> Box<dyn Iterator<Item = Result<Block, SourceError>> + Send + '_> {
        Box::new(self.0.batches(from).flat_map(|batch| {
            batch.unwrap().blocks.into_iter().map(|block| {
                Ok(Block {
                    first: block.first,
                    count: block.count,
                    entries: block.entries,
                    payloads: block.payloads,
                })
            })
        }))
    }

    fn tile(&self, id: TileId) -> Result<Vec<u8>, SourceError> {
        Err(format!("a full export needs no {id}").into())
    }
}

fn event(number: usize, now: UnixNanos) -> Event {
    let event = NewEvent {
        event_type: "exhibit.deployment.v1".to_owned(),
        source: format!("https://ci.example/{}", number % 3),
        event_id: format!("run-{number}"),
        subject: "service/payments@production".to_owned(),
        producer: "ci".to_owned(),
        source_sequence: number as u64 / 3 + 1,
        parts: vec![NewPart {
            salt: Salt::from_bytes(std::array::from_fn(|at| (number + at) as u8)),
            name: "body".to_owned(),
            content_type: "application/json".to_owned(),
            content: format!(r#"{{"change":"CHG-{number}"}}"#).into_bytes(),
        }],
        ..NewEvent::default()
    };
    Event::new(event, now).unwrap()
}

fn copy_directory(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.metadata().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn what_nobody_touched_verifies() {
    let original = Original::of(&[100, 200, 1, 299, 13]);
    for of in [Of::Pack, Of::Directory] {
        let path = original.copy(of);
        for options in [
            VerifyOptions::default(),
            original.kept_checkpoint(),
            original.kept_receipt(),
        ] {
            let report = original.verify(of, &path, &options).unwrap();
            assert_eq!(report.findings.listed, [], "{of:?}");
            assert_eq!(
                report.verdict,
                Verdict::Verified,
                "{of:?}: {:?}",
                report.incomplete
            );
            assert_eq!(report.counts.entries, 613);
            assert_eq!(
                report.more.trusted_checkpoints,
                options.trusted.len() as u64
            );
            assert_eq!(report.more.receipts, options.receipts.len() as u64);
        }
    }
}

#[test]
fn every_tampering_is_found_as_what_it_is_and_where_it_is() {
    let original = Original::of(&[100, 200, 1, 299, 13]);
    for of in [Of::Pack, Of::Directory] {
        for tampering in Tampering::ALL {
            if of == Of::Directory && !tampering.applies_to_directory() {
                continue;
            }
            for at in [0, 255, 300, 606].map(EntryIndex::new) {
                let case = format!("{of:?}, {}, at {at}", tampering.name());
                let path = original.copy(of);
                let expected = match of {
                    Of::Pack => tampering.apply_to_pack(&path, at, &original.key),
                    Of::Directory => tampering.apply_to_directory(&path, at, &original.key),
                };
                let expected = expected.unwrap_or_else(|error| panic!("{case}: {error}"));
                let options = if tampering.needs_evidence() {
                    let unaware = original
                        .verify(of, &path, &VerifyOptions::default())
                        .unwrap();
                    assert_eq!(unaware.findings.listed, [], "{case}");
                    assert_eq!(unaware.verdict, Verdict::Verified, "{case}");
                    original.kept_checkpoint()
                } else {
                    VerifyOptions::default()
                };
                let report = original.verify(of, &path, &options).unwrap();
                assert_eq!(report.verdict, Verdict::Altered, "{case}");
                let found = report
                    .findings
                    .listed
                    .iter()
                    .find(|finding| finding.kind == expected.kind);
                let Some(found) = found else {
                    panic!(
                        "{case}: expected {expected:?}, found {:#?}",
                        report.findings.listed
                    );
                };
                assert_eq!(
                    found.index, expected.index,
                    "{case}: {:#?}",
                    report.findings.listed
                );
            }
        }
    }
}

#[test]
fn a_kept_receipt_shows_a_rewritten_and_a_shortened_history() {
    let original = Original::of(&[10, 20]);
    for of in [Of::Pack, Of::Directory] {
        for (tampering, kind) in [
            (Tampering::HistoryRewritten, FindingKind::Forked),
            (Tampering::RolledBack, FindingKind::RolledBack),
        ] {
            let path = original.copy(of);
            let at = EntryIndex::new(4);
            match of {
                Of::Pack => tampering.apply_to_pack(&path, at, &original.key),
                Of::Directory => tampering.apply_to_directory(&path, at, &original.key),
            }
            .unwrap();
            let report = original
                .verify(of, &path, &original.kept_receipt())
                .unwrap();
            assert!(
                report.has(kind),
                "{of:?} {tampering:?}: {:#?}",
                report.findings
            );
        }
    }
}

/// Flips one bit in each byte of a file, and gives the offsets where nobody minds.
fn unnoticed_flips(file: &Path, verify: impl Fn() -> Option<Report>) -> Vec<usize> {
    let whole = fs::read(file).unwrap();
    let unnoticed = (0..whole.len()).filter(|offset| {
        let mut flipped = whole.clone();
        flipped[*offset] ^= 1 << (offset % 8);
        fs::write(file, flipped).unwrap();
        verify().is_some_and(|report| report.verdict != Verdict::Altered)
    });
    let unnoticed = unnoticed.collect();
    fs::write(file, whole).unwrap();
    unnoticed
}

#[test]
fn a_flipped_bit_anywhere_in_a_pack_is_noticed() {
    let original = Original::of(&[3]);
    let path = original.copy(Of::Pack);
    let unnoticed = unnoticed_flips(&path, || {
        original.verify(Of::Pack, &path, &VerifyOptions::default())
    });
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

/// Of a data directory, what is evidence: the journal and the published checkpoint. The key is the verifier's own,
/// the settings are the operator's, the index is derived.
#[test]
fn a_flipped_bit_anywhere_in_the_evidence_of_a_data_directory_is_noticed() {
    let original = Original::of(&[1, 2, 1]);
    let path = original.copy(Of::Directory);
    let mut files = vec![path.join("checkpoint")];
    for entry in fs::read_dir(path.join("journal")).unwrap() {
        files.push(entry.unwrap().path());
    }
    let mut bytes = 0;
    for file in files {
        bytes += fs::metadata(&file).unwrap().len();
        let unnoticed = unnoticed_flips(&file, || {
            original.verify(Of::Directory, &path, &VerifyOptions::default())
        });
        assert!(unnoticed.is_empty(), "{}: {unnoticed:?}", file.display());
    }
    assert!(bytes > 1000);
}

#[test]
fn a_pack_cut_short_anywhere_is_noticed() {
    let original = Original::of(&[3]);
    let path = original.copy(Of::Pack);
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..length]).unwrap();
        let report = original.verify(Of::Pack, &path, &VerifyOptions::default());
        assert!(
            report.is_none_or(|report| report.verdict == Verdict::Altered),
            "{length} bytes"
        );
    }
}

#[test]
fn a_receipt_verifies_and_every_flipped_bit_of_it_is_noticed() {
    let original = Original::of(&[10]);
    let text = original.receipt.to_string().into_bytes();
    let report = verify_receipt(&text, original.key()).unwrap();
    assert_eq!(report.verdict, Verdict::Verified);
    for offset in 0..text.len() {
        let mut flipped = text.clone();
        flipped[offset] ^= 1 << (offset % 8);
        let report = verify_receipt(&flipped, original.key()).unwrap();
        assert_eq!(report.verdict, Verdict::Altered, "offset {offset}");
    }
}

#[test]
fn a_receipt_of_another_ledger_is_refused_as_evidence() {
    let original = Original::of(&[10]);
    let other = SigningKey::from_seed("tamper.test/ledger".parse().unwrap(), &[2; 32]);
    let forged = original.pinned.checkpoint().clone().sign(&other);
    let options = VerifyOptions {
        trusted: vec![forged],
        ..VerifyOptions::default()
    };
    for of in [Of::Pack, Of::Directory] {
        let path = original.copy(of);
        assert!(original.verify(of, &path, &options).is_none(), "{of:?}");
    }
}

#[test]
fn a_root_at_any_earlier_size_is_found_again() {
    let original = Original::of(&[100, 200, 1, 299, 13]);
    let reader = JournalReader::open(&original.data()).unwrap();
    let mut tree = Frontier::new();
    let mut trusted = Vec::new();
    for batch in reader.batches(EntryIndex::default()) {
        trusted.push(batch.unwrap().checkpoint);
    }
    tree.push(
        exhibit::ledger::hash::LeafHash::of_entry(
            &reader.entry_alone(EntryIndex::default()).unwrap(),
        ),
        |_, _| {},
    );
    let first = exhibit::ledger::checkpoint::Checkpoint {
        origin: original.key().name().clone(),
        size: tree.size(),
        root: tree.root(),
    };
    trusted.push(first.sign(&original.key));
    let count = trusted.len() as u64;
    let options = VerifyOptions {
        trusted,
        ..VerifyOptions::default()
    };
    for of in [Of::Pack, Of::Directory] {
        let report = original.verify(of, &original.copy(of), &options).unwrap();
        assert_eq!(
            report.more.trusted_checkpoints, count,
            "{of:?}: {:?}",
            report.not_checked
        );
        assert_eq!(report.verdict, Verdict::Verified);
    }
}

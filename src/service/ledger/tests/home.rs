//! A data directory of a test, its events, and the verification of everything in it.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tempfile::TempDir;

use super::{
    super::{
        AppendError, Clock, Ledger, LedgerError, LedgerOptions, Opened, Recorded, recovery::Place,
    },
    disk::TestDisk,
};
use crate::{
    ledger::{
        entry::Entry,
        event::{Event, NewEvent, NewPart},
        note::SigningKey,
        payload::Salt,
        position::{EntryIndex, TreeSize, UnixNanos, length},
        receipt::Receipt,
        signers::Signers,
        tile::decode_entry_bundle,
        verify::{Chunk, IdentityKey, LedgerCheck, check_chunk},
    },
    store::{directory::DataDirectory, journal::JournalReader},
};

pub(super) struct Home {
    pub(super) directory: TempDir,
    pub(super) disk: TestDisk,
    pub(super) options: LedgerOptions,
    /// What the wall clock says.
    pub(super) wall: Arc<AtomicU64>,
}

/// A time at which no test happens.
pub(super) const NOW: u64 = 1_800_000_000_000_000_000;

impl Home {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        DataDirectory::create(directory.path(), &key(), "").unwrap();
        let wall = Arc::new(AtomicU64::new(NOW));
        let told = Arc::clone(&wall);
        let clock: Clock = Arc::new(move || UnixNanos::new(told.load(Ordering::SeqCst)));
        Self {
            directory,
            disk: TestDisk::default(),
            options: LedgerOptions {
                clock,
                ..LedgerOptions::default()
            },
            wall,
        }
    }

    pub(super) fn open(&self) -> Ledger {
        self.try_open().unwrap().0
    }

    pub(super) fn try_open(&self) -> Result<(Ledger, Opened), LedgerError> {
        self.try_open_with(key())
    }

    pub(super) fn try_open_with(
        &self,
        signers: impl Into<Signers>,
    ) -> Result<(Ledger, Opened), LedgerError> {
        let place = Place {
            disk: Arc::new(self.disk.clone()),
            directory: self.directory.path().to_owned(),
            index: self.index(),
            signers: signers.into(),
            history: Default::default(),
        };
        Ledger::open_at(place, self.options.clone())
    }

    pub(super) fn index(&self) -> std::path::PathBuf {
        self.directory.path().join("index")
    }

    pub(super) fn delete_index(&self) {
        if self.index().exists() {
            std::fs::remove_dir_all(self.index()).unwrap();
        }
    }

    /// Verifies the whole log as a stranger would, and gives how many entries it has.
    pub(super) fn verify(&self) -> TreeSize {
        let reader = JournalReader::open(self.directory.path()).unwrap();
        verify(&reader)
    }
}

/// Verifies the whole log: chain, clock, tree, payloads, signature, and that no event is there twice.
pub(super) fn verify(reader: &JournalReader) -> TreeSize {
    let mut check = LedgerCheck::starting_at(Default::default(), key().verifier().name().as_str());
    let identity = IdentityKey::new([7; 32]);
    let mut events = HashSet::new();
    let mut last = None;
    for batch in reader.batches(Default::default()) {
        let batch = batch.unwrap();
        for block in &batch.blocks {
            let entries = decode_entry_bundle(&block.entries, length(block.count)).unwrap();
            let chunk = Chunk {
                first: block.first,
                entries: &entries,
                payloads: Some(&block.payloads),
            };
            let report = check_chunk(chunk, &identity);
            for line in report.lines.iter().flatten() {
                assert!(events.insert(line.identity), "an event has two entries");
            }
            check.absorb(report);
        }
        let signed = batch.checkpoint.checkpoint();
        assert_eq!(check.tree().unwrap().size(), signed.size);
        assert_eq!(check.tree().unwrap().root(), signed.root);
        batch.checkpoint.verify(key().verifier()).unwrap();
        last = Some(signed.size);
    }
    let (findings, counts) = check.finish();
    assert!(findings.listed.is_empty(), "{:?}", findings.listed);
    assert_eq!(TreeSize::new(counts.entries), reader.size());
    assert_eq!(last.unwrap_or_default(), reader.size());
    reader.size()
}

/// Checks a receipt as its holder would.
pub(super) fn verify_receipt(recorded: &Recorded) -> Receipt {
    let receipt = recorded.receipt.clone().expect("a receipt was asked for");
    let read = Receipt::parse(receipt.to_string().as_bytes()).unwrap();
    let entry = read.verify(key().verifier()).unwrap();
    assert_eq!(entry.index, recorded.index);
    assert_eq!(entry.recorded_at, recorded.recorded_at);
    assert_eq!(read.checkpoint.checkpoint().size, recorded.tree_size);
    receipt
}

pub(super) fn key() -> SigningKey {
    SigningKey::from_seed("ledger.example/engine".parse().unwrap(), &[42; 32])
}

/// An event. Its salt is fresh each time, as a producer's is.
pub(super) fn event(source: &str, id: impl ToString, content: &str) -> Event {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).unwrap();
    let event = NewEvent {
        event_type: "exhibit.deployment.v1".to_owned(),
        source: source.to_owned(),
        event_id: id.to_string(),
        subject: "service/payments@production".to_owned(),
        producer: "pipeline/7".to_owned(),
        parts: vec![NewPart {
            salt: Salt::from_bytes(salt),
            name: "body".to_owned(),
            content_type: "application/json".to_owned(),
            content: content.as_bytes().to_vec(),
        }],
        ..NewEvent::default()
    };
    Event::new(event, UnixNanos::new(NOW)).unwrap()
}

/// The same entry at another place.
pub(super) fn renumbered(entry: &[u8], index: u64) -> Vec<u8> {
    let entry = Entry::decode(entry).unwrap();
    let index = EntryIndex::new(index);
    let moved = Entry::at(index, entry.recorded_at, entry.previous, entry.fields());
    moved.encode().unwrap()
}

/// Records an event and asks for the receipt.
pub(super) async fn record(ledger: &Ledger, event: Event) -> Result<Recorded, AppendError> {
    ledger.append(event, true).await
}

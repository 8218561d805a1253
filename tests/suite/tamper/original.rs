//! A ledger on disk to tamper with, its pack, and what somebody kept of it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use exhibit::{
    ledger::{
        checkpoint::SignedCheckpoint,
        event::{Event, NewEvent, NewPart},
        hash::{LeafHash, NodeHash},
        note::{SigningKey, VerifierKey},
        payload::Salt,
        position::{EntryIndex, UnixNanos},
        receipt::Receipt,
        state::State,
        tile::{TileId, encode_tile, perfect_root},
        tree::{NodeAt, NodeSource, prove_inclusion},
    },
    pack::{
        Block, PackRequest, PackSource, Report, SourceError, VerifyOptions, verify_data_directory,
        verify_pack, write_pack,
    },
    store::{
        directory::DataDirectory,
        disk::FsDisk,
        journal::{
            EncodedBatch, Journal, JournalOptions, JournalReader, LEVEL_DEFAULT, publish_checkpoint,
        },
    },
};

pub(crate) const NOW: UnixNanos = UnixNanos::new(1_790_000_000_000_000_000);

/// A ledger on disk, its pack beside it, and what somebody kept of it.
pub(crate) struct Original {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) key: SigningKey,
    pub(crate) pinned: SignedCheckpoint,
    pub(crate) receipt: Receipt,
}

impl Original {
    /// A ledger of batches of these sizes.
    pub(crate) fn of(batches: &[usize]) -> Self {
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

    pub(crate) fn key(&self) -> &VerifierKey {
        self.key.verifier()
    }

    pub(crate) fn pack(&self) -> PathBuf {
        self.directory.path().join("pack.zip")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A copy of the pack or the data directory to tamper with, which the next copy replaces.
    pub(crate) fn copy(&self, of: Of) -> PathBuf {
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

    pub(crate) fn verify(&self, of: Of, path: &Path, options: &VerifyOptions) -> Option<Report> {
        match of {
            Of::Pack => verify_pack(path, self.key(), options, &|_, _| {}).ok(),
            Of::Directory => verify_data_directory(path, self.key(), options, &|_, _| {}).ok(),
        }
    }

    pub(crate) fn kept_checkpoint(&self) -> VerifyOptions {
        VerifyOptions {
            trusted: vec![self.pinned.clone()],
            ..VerifyOptions::default()
        }
    }

    /// Exports some of the entries.
    pub(crate) fn export(&self, start: EntryIndex, end: EntryIndex, pack: &Path) {
        let reader = JournalReader::open(&self.data()).unwrap();
        let request = PackRequest {
            start,
            end: Some(end),
            ..PackRequest::full(self.pinned.clone(), self.key().clone())
        };
        let file = fs::File::create(pack).unwrap();
        write_pack(file, &Source(reader), &request).unwrap();
    }

    /// The checkpoint of the first batch.
    pub(crate) fn kept_older(&self) -> VerifyOptions {
        let reader = JournalReader::open(&self.data()).unwrap();
        let batch = reader.batches(EntryIndex::default()).next();
        VerifyOptions {
            trusted: vec![batch.unwrap().unwrap().checkpoint],
            ..VerifyOptions::default()
        }
    }

    pub(crate) fn kept_receipt(&self) -> VerifyOptions {
        VerifyOptions {
            receipts: vec![self.receipt.clone()],
            ..VerifyOptions::default()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Pack,
    Directory,
}

struct Nodes(Vec<(NodeAt, NodeHash)>);

impl NodeSource for Nodes {
    type Error = ();

    fn node(&self, at: NodeAt) -> Result<NodeHash, ()> {
        let found = self.0.iter().find(|(place, _)| *place == at);
        found.map(|(_, node)| *node).ok_or(())
    }
}

pub(crate) struct Source(JournalReader);

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
        let size = self.0.size().value();
        let leaves = (0..size).map(|index| {
            let entry = self.0.entry_alone(EntryIndex::new(index)).unwrap();
            NodeHash::from(LeafHash::of_entry(&entry))
        });
        let mut hashes: Vec<NodeHash> = leaves.collect();
        for _ in 0..id.level {
            let full = hashes.as_chunks::<256>().0;
            hashes = full
                .iter()
                .map(|tile| perfect_root(tile.to_vec()).unwrap())
                .collect();
        }
        let first = id.span.first() as usize;
        let tile = hashes.get(first..first + usize::from(id.span.width));
        Ok(encode_tile(tile.ok_or("there is no such tile")?))
    }
}

pub(crate) fn event(number: usize, now: UnixNanos) -> Event {
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

pub(crate) fn copy_directory(from: &Path, to: &Path) {
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

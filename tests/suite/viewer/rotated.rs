//! Packs of ledgers whose key was changed: the page's checks follow the history as the first verifier does.

use std::{
    fs,
    path::{Path, PathBuf},
};

use exhibit::{
    ledger::{
        event::{Event, NewEvent, NewPart},
        hash::FileHash,
        keys::{KEYS_SOURCE, KeyChange, KeyHistory, Statement},
        note::SigningKey,
        payload::{Salt, encode_parts},
        position::{EntryIndex, TreeSize},
        state::State,
        tile::push_entry,
    },
    pack::{
        Block, PackRequest, Verdict, VerifyOptions,
        manifest::{FileDigest, Manifest},
        verify_pack, write_pack,
    },
};

use super::agrees;
use crate::tamper::{confirmed::Source, original::NOW};

/// A ledger whose key is changed now and then.
#[derive(Clone)]
struct Ledger {
    state: State,
    block: Block,
    history: KeyHistory,
}

/// The keys that it has, one after the other.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed("tamper.test/ledger".parse().unwrap(), &[number; 32])
}

impl Ledger {
    fn begin() -> Self {
        Self {
            state: State::new(key(1).verifier().name().clone()),
            block: Block {
                first: EntryIndex::default(),
                count: 0,
                entries: Vec::new(),
                payloads: Vec::new(),
            },
            history: KeyHistory::default(),
        }
    }

    fn record(&mut self, event_type: &str, source: &str, event_id: &str) {
        let event = NewEvent {
            event_type: event_type.to_owned(),
            source: source.to_owned(),
            event_id: event_id.to_owned(),
            producer: "exhibit".to_owned(),
            parts: vec![NewPart {
                salt: Salt::from_bytes([9; 32]),
                name: "body".to_owned(),
                content_type: "application/json".to_owned(),
                content: b"{}".to_vec(),
            }],
            ..NewEvent::default()
        };
        let event = Event::new(event, NOW).unwrap();
        encode_parts(&event.parts(), &mut self.block.payloads).unwrap();
        let (next, batch) = self.state.append(vec![event], NOW).unwrap();
        push_entry(&mut self.block.entries, &batch.entries[0]).unwrap();
        self.block.count += 1;
        self.state = next;
    }

    fn events(&mut self, many: u64) {
        for _ in 0..many {
            let id = format!("run-{}", self.block.count);
            self.record("exhibit.deployment.v1", "https://ci.example/keys", &id);
        }
    }

    /// States a change, signed by these keys, and records it.
    fn change(&mut self, change: KeyChange, by: &[&SigningKey]) {
        let statement = Statement {
            origin: key(1).verifier().name().clone(),
            number: self.history.statements().len() as u64 + 1,
            previous: self.history.last_digest(),
            change,
            size: self.state.size(),
            root: self.state.checkpoint().root,
            time: NOW,
            reason: "as planned".to_owned(),
        };
        let (kind, id) = (statement.change.event_type(), statement.digest());
        let signed = statement.sign(by).unwrap();
        self.history = self.history.clone().with(signed).unwrap();
        self.record(kind, KEYS_SOURCE, &id.to_string());
    }

    fn rotate(&mut self, number: u8) {
        let (old, new) = (key(number), key(number + 1));
        let change = KeyChange::Rotated {
            old: old.verifier().clone(),
            new: Box::new(new.verifier().clone()),
        };
        self.change(change, &[&old, &new]);
    }

    fn retire(&mut self, number: u8) {
        let change = KeyChange::Retired {
            key: key(number).verifier().clone(),
        };
        self.change(change, &[&key(number + 1)]);
    }

    fn give_up(&mut self, number: u8, from: u64, by: u8) {
        let change = KeyChange::Compromised {
            key: key(number).verifier().clone(),
            from: TreeSize::new(from),
        };
        self.change(change, &[&key(by)]);
    }

    /// Writes a pack under a checkpoint by one of the keys, which names another as the ledger's own.
    fn export(&self, signer: u8, own: u8, pack: &Path) {
        let signed = self.state.checkpoint().sign(&key(signer));
        let request = PackRequest {
            history: self.history.clone(),
            ..PackRequest::full(signed, key(own).verifier().clone())
        };
        let file = fs::File::create(pack).unwrap();
        write_pack(file, &Source(self.block.clone()), &request).unwrap();
    }
}

/// Writes a pack of a ledger whose key was rotated and retired, and rotated again.
pub(super) fn pack(path: &Path) {
    let mut ledger = Ledger::begin();
    ledger.events(3);
    ledger.rotate(1);
    ledger.events(2);
    ledger.retire(1);
    ledger.events(1);
    ledger.rotate(2);
    ledger.export(3, 3, path);
}

/// Packs of ledgers in all states of their keys, with names. The last ones are those of somebody who has the first key
/// alone, when the ledger has long had another.
pub(crate) fn packs(directory: &Path) -> Vec<(String, PathBuf)> {
    let mut packs: Vec<(String, PathBuf)> = Vec::new();
    let mut add = |name: &str, ledger: &Ledger, signer, own| {
        let path = directory.join(format!("{}.zip", packs.len()));
        ledger.export(signer, own, &path);
        packs.push((name.to_owned(), path));
    };
    let mut ledger = Ledger::begin();
    ledger.events(3);
    ledger.rotate(1);
    let rotated = ledger.clone();
    add("while both sign, by the new one", &ledger, 2, 2);
    add("the old one as the ledger's own", &ledger, 2, 1);
    ledger.events(2);
    let mut lost = ledger.clone();
    ledger.retire(1);
    add("after it was retired, by the old one", &ledger, 1, 2);
    add("after it was retired, by the new one", &ledger, 2, 2);
    ledger.rotate(2);
    add("rotated again", &ledger, 3, 3);
    add("rotated again, by the first one", &ledger, 1, 3);
    add("by a stranger", &ledger, 9, 3);
    ledger.give_up(1, 3, 3);
    add("given up after it was rotated", &ledger, 3, 3);
    ledger.give_up(2, 4, 3);
    add("given up from before it was rotated", &ledger, 3, 3);
    add("given up, and signing", &ledger, 2, 3);
    lost.give_up(1, 0, 2);
    add("given up from the beginning", &lost, 2, 2);
    lost.events(1);
    add("given up, and signing on", &lost, 1, 2);
    let statements = lost.history.statements().len();
    lost.record("ledger.key-retired.v1", KEYS_SOURCE, "nothing");
    assert_eq!(statements, lost.history.statements().len());
    add("an entry without its statement", &lost, 2, 2);
    let mut fork = rotated.clone();
    add("old key: a pack of the time", &fork, 1, 2);
    fork.events(6);
    add("old key: a fork", &fork, 1, 2);
    let mut anew = Ledger::begin();
    anew.record("exhibit.deployment.v1", "https://ci.example/keys", "anew");
    anew.events(6);
    anew.history = rotated.history.clone();
    add("old key: all anew", &anew, 1, 2);
    let mut short = Ledger::begin();
    short.events(2);
    add("old key: less than there was", &short, 1, 1);
    let less = directory.join("less");
    unpack(&packs.last().unwrap().1, &less);
    state(&less, &rotated.history.to_string().into_bytes());
    packs.push(("old key: less, and a history".to_owned(), less));
    packs
}

fn unpack(pack: &Path, to: &Path) {
    let mut zip = zip::ZipArchive::new(fs::File::open(pack).unwrap()).unwrap();
    zip.extract(to).unwrap();
}

/// Gives an unpacked pack a history of keys, and its manifest the digest of that.
fn state(pack: &Path, history: &[u8]) {
    fs::create_dir(pack.join("keys")).unwrap();
    fs::write(pack.join("keys/history"), history).unwrap();
    let path = pack.join("manifest.json");
    let mut manifest = Manifest::from_bytes(&fs::read(&path).unwrap()).unwrap();
    let digest = FileDigest {
        bytes: history.len() as u64,
        blake3: FileHash::of(history),
    };
    manifest.files.insert("keys/history".to_owned(), digest);
    // The page carries no file that it has not had from the beginning.
    manifest.files.remove("index.html");
    fs::remove_file(pack.join("index.html")).unwrap();
    fs::write(path, manifest.to_bytes()).unwrap();
}

#[test]
fn the_history_of_keys_is_followed_as_by_the_first_verifier() {
    let directory = tempfile::tempdir().unwrap();
    let packs = packs(directory.path());
    let packs: Vec<_> = packs
        .iter()
        .map(|(name, path)| (name.clone(), path.as_path()))
        .collect();
    for number in [1, 2, 3, 9] {
        agrees(&packs, key(number).verifier());
    }
}

/// Whoever trusts a newer key needs no history to know that the older one signs nothing alone any more.
#[test]
fn an_old_key_alone_makes_nothing_for_who_trusts_a_newer_one() {
    let directory = tempfile::tempdir().unwrap();
    let packs = packs(directory.path());
    let forged = packs
        .iter()
        .filter(|(name, _)| name.starts_with("old key: "));
    let mut seen = 0;
    for (name, path) in forged {
        let report = verify_pack(
            path,
            key(2).verifier(),
            &VerifyOptions::default(),
            &|_, _| {},
        );
        let report = report.unwrap();
        assert_eq!(report.verdict, Verdict::Altered, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 5);
}

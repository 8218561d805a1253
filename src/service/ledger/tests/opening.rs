//! What a start makes of what it finds.

use std::{fs, path::Path, sync::Arc};

use super::{
    super::{LedgerError, Posting, recovery::agree},
    home::{Home, event, key, record, verify_receipt},
};
use crate::{
    ledger::{
        checkpoint::Checkpoint,
        filter::Filter,
        hash::{LeafHash, RootHash},
        note::SigningKey,
        position::{EntryIndex, TreeSize, UnixNanos},
        state::{Discontinuity, State},
    },
    store::{
        disk::FsDisk,
        index::{Index, IndexOptions},
        journal::{EncodedBatch, Journal, JournalError, JournalOptions, JournalReader},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_ledger_has_a_checkpoint_and_nothing_else() {
    let home = Home::new();
    let (ledger, opened) = home.try_open().unwrap();
    assert_eq!(
        (opened.size, opened.caught_up, &opened.rebuilt),
        (TreeSize::EMPTY, 0, &None)
    );
    let checkpoint = ledger.checkpoint();
    checkpoint.verify(key().verifier()).unwrap();
    assert_eq!(checkpoint.checkpoint().root, RootHash::empty());
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::EMPTY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_kept_out() {
    let home = Home::new();
    let ledger = home.open();
    assert!(matches!(home.try_open(), Err(LedgerError::Journal(_))));
    ledger.shutdown().await;
    drop(ledger);
    home.open().shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_gone_is_rebuilt_with_the_same_answers() {
    let home = Home::new();
    let ledger = home.open();
    let postings = (0..700)
        .map(|id| Posting {
            event: event("ci", id, "1"),
            want_receipt: true,
        })
        .collect();
    let answers = ledger.append_many(postings).await;
    ledger.shutdown().await;
    drop(ledger);
    home.delete_index();
    let (ledger, opened) = home.try_open().unwrap();
    assert_eq!((opened.size, opened.caught_up), (TreeSize::new(700), 700));
    for (id, first) in answers.into_iter().enumerate().step_by(13) {
        let first = first.unwrap();
        assert_eq!(
            ledger.find("ci", &id.to_string()).unwrap(),
            Some(first.index)
        );
        let again = record(&ledger, event("ci", id, "1")).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(verify_receipt(&again), verify_receipt(&first));
    }
    record(&ledger, event("ci", "new", "1")).await.unwrap();
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(701));
}

/// Opens a ledger of 700 entries whose index says something else.
async fn opens_with_index(spoil: impl FnOnce(&Index, &[Vec<u8>])) -> (u64, Option<String>) {
    let home = Home::new();
    let ledger = home.open();
    let postings = (0..700).map(|id| Posting {
        event: event("ci", id, "1"),
        want_receipt: false,
    });
    ledger.append_many(postings.collect()).await;
    let all = ledger.select(
        &Filter::default(),
        EntryIndex::default()..EntryIndex::new(700),
        700,
    );
    let entries: Vec<_> = all.unwrap().into_iter().map(|(_, e)| e.entry).collect();
    ledger.shutdown().await;
    drop(ledger);
    store_in_index(&home, |index| spoil(index, &entries));
    let (ledger, opened) = home.try_open().unwrap();
    let again = record(&ledger, event("ci", 1, "1")).await.unwrap();
    assert!(again.duplicate);
    let fresh = record(&ledger, event("ci", 700, "1")).await.unwrap();
    assert!(!fresh.duplicate);
    let receipt = ledger.receipt(EntryIndex::new(300)).unwrap();
    receipt.verify(key().verifier()).unwrap();
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(701));
    (opened.caught_up, opened.rebuilt)
}

/// Makes an index anew, and stores what is applied as far as it fills tiles.
fn store_in_index(home: &Home, fill: impl FnOnce(&Index)) {
    home.delete_index();
    let options = IndexOptions {
        tail_entries: 256,
        background: false,
        ..IndexOptions::default()
    };
    let index = Index::open_with(&home.index(), key().verifier().name(), options).unwrap();
    fill(&index);
    index.flush().unwrap();
}

fn apply(index: &Index, entries: &[Vec<u8>], leaf: impl Fn(&[u8]) -> LeafHash) {
    let first = index.size().next_index();
    let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    let leaves: Vec<LeafHash> = entries.iter().map(|entry| leaf(entry)).collect();
    index.apply(first, &entries, &leaves).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_another_tree_is_rebuilt() {
    // One wrong leaf, in what the journal goes on from or right at its end.
    for wrong in [0, 255, 256, 511] {
        let (caught_up, rebuilt) = opens_with_index(|index, entries| {
            apply(index, &entries[..wrong], LeafHash::of_entry);
            apply(index, &entries[wrong..=wrong], |_| {
                LeafHash::of_entry(b"else")
            });
            apply(index, &entries[wrong + 1..512], LeafHash::of_entry);
        })
        .await;
        assert!(rebuilt.is_some(), "{wrong}");
        assert_eq!(caught_up, 700);
    }
}

/// Cuts the journal off in the batch that begins with an entry, so many bytes behind its beginning.
fn cut_journal(home: &Home, first: EntryIndex, within: u64) {
    let reader = JournalReader::open(home.directory.path()).unwrap();
    let batches = reader.raw_batches(first).map(Result::unwrap);
    let batch = batches
        .take(1)
        .find(|batch| batch.first() == first)
        .unwrap();
    let (segment, offset) = batch.place();
    let segment = home.directory.path().join("journal").join(segment);
    let file = fs::OpenOptions::new().write(true).open(segment).unwrap();
    file.set_len(offset + within).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_lost_what_the_index_has_is_refused_and_left_alone() {
    for within in [0, 9] {
        let home = Home::new();
        let checkpoint = home.directory.path().join("checkpoint");
        let ledger = home.open();
        record(&ledger, event("ci", 1, "1")).await.unwrap();
        ledger.shutdown().await;
        drop(ledger);
        let older = fs::read(&checkpoint).unwrap();
        let ledger = home.open();
        let posting = |id| Posting {
            event: event("ci", id, "1"),
            want_receipt: false,
        };
        ledger.append_many((2..300).map(posting).collect()).await;
        let entries: Vec<_> = (0..256)
            .map(|at| ledger.entry(EntryIndex::new(at)).unwrap().entry)
            .collect();
        ledger.shutdown().await;
        drop(ledger);
        store_in_index(&home, |index| apply(index, &entries, LeafHash::of_entry));
        // As where the power went before the checkpoint file was replaced.
        fs::write(&checkpoint, older).unwrap();
        cut_journal(&home, EntryIndex::new(1), within);
        let segment = home
            .directory
            .path()
            .join("journal/00000000000000000000.seg");
        let left = fs::read(&segment).unwrap();
        let error = home.try_open().err().unwrap();
        assert!(
            matches!(error, LedgerError::IndexAhead { index, journal } if index.value() == 256 && journal.value() == 1),
            "{error}"
        );
        assert_eq!(fs::read(&segment).unwrap(), left);
        home.delete_index();
        let (ledger, opened) = home.try_open().unwrap();
        assert_eq!(opened.size, TreeSize::new(1));
        ledger.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_without_its_checkpoint_is_refused_unless_it_is_empty() {
    let home = Home::new();
    let checkpoint = home.directory.path().join("checkpoint");
    fs::remove_file(&checkpoint).unwrap();
    let ledger = home.open();
    // There before the first entry is, and not some time after it.
    assert!(checkpoint.exists());
    record(&ledger, event("ci", 1, "1")).await.unwrap();
    ledger.shutdown().await;
    drop(ledger);
    fs::remove_file(&checkpoint).unwrap();
    let error = home.try_open().err().unwrap();
    assert!(
        matches!(
            error,
            LedgerError::Journal(JournalError::NoCheckpoint { .. })
        ),
        "{error}"
    );
}

/// What was recovered after a crash is published by the start, though nothing more is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_file_that_lags_behind_is_brought_up_by_the_start() {
    let home = Home::new();
    let checkpoint = home.directory.path().join("checkpoint");
    let lagging = fs::read(&checkpoint).unwrap();
    let ledger = home.open();
    record(&ledger, event("ci", 1, "1")).await.unwrap();
    ledger.shutdown().await;
    drop(ledger);
    let newest = fs::read(&checkpoint).unwrap();
    assert_ne!(newest, lagging);
    fs::write(&checkpoint, &lagging).unwrap();
    let ledger = home.open();
    assert_eq!(fs::read(&checkpoint).unwrap(), newest);
    ledger.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_behind_is_caught_up() {
    let (caught_up, rebuilt) = opens_with_index(|index, entries| {
        apply(index, &entries[..300], LeafHash::of_entry);
    })
    .await;
    assert_eq!((caught_up, rebuilt), (700 - 256, None));
}

/// Damage that no opening looks at is come upon where a run that it is in is merged.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_turns_out_to_be_damaged_is_rebuilt() {
    let home = Home::new();
    let ledger = home.open();
    let posting = |id| Posting {
        event: event("ci", id, "1"),
        want_receipt: false,
    };
    ledger.append_many((0..700).map(posting).collect()).await;
    ledger.shutdown().await;
    let reader = ledger.reader();
    let signed = reader.checkpoint().unwrap();
    let home = tempfile::tempdir().unwrap();
    let options = IndexOptions {
        tail_entries: 256,
        fan_in: 2,
        page_bytes: 256,
        background: false,
        ..IndexOptions::default()
    };
    let origin = key().verifier().name().clone();
    let open = || Index::open_with(home.path(), &origin, options).unwrap();
    let index = open();
    let entries: Vec<Vec<u8>> = (0..256)
        .map(|at| reader.entry_alone(EntryIndex::new(at)).unwrap())
        .collect();
    apply(&index, &entries, LeafHash::of_entry);
    index.flush().unwrap();
    drop(index);
    damage_postings(home.path());
    let index = open();
    assert_eq!(index.size(), TreeSize::new(256), "{:?}", index.opened());
    let (state, caught_up, rebuilt) = agree(&index, &reader, signed.checkpoint()).unwrap();
    assert!(rebuilt.unwrap().contains("damaged"));
    assert_eq!((state.size(), caught_up), (TreeSize::new(700), 700));
    assert_eq!(index.candidates("ci", "3").unwrap(), [EntryIndex::new(3)]);
}

/// Takes away the postings of a stored run but the first and the last page, for which an opening looks.
fn damage_postings(index: &Path) {
    let numbered = fs::read_dir(index).unwrap().map(|entry| entry.unwrap());
    let database = numbered.filter(|entry| entry.file_type().unwrap().is_dir());
    let database = sled::Config::new()
        .path(database.last().unwrap().path())
        // As the index has it: sled opens no database with another.
        .segment_size(256 * 1024)
        .open()
        .unwrap();
    let mut postings: Vec<_> = database
        .scan_prefix("P")
        .keys()
        .map(Result::unwrap)
        .collect();
    postings.pop();
    assert!(postings.len() > 1);
    for key in postings.into_iter().skip(1) {
        database.remove(key).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_than_the_one_that_signed_is_refused() {
    let home = Home::new();
    let ledger = home.open();
    record(&ledger, event("ci", 1, "1")).await.unwrap();
    ledger.shutdown().await;
    drop(ledger);
    let other = SigningKey::from_seed(key().verifier().name().clone(), &[1; 32]);
    assert!(matches!(
        home.try_open_with(other),
        Err(LedgerError::OtherKey(_))
    ));
    home.open().shutdown().await;
}

/// Appends a batch to a journal behind the ledger's back.
fn forge(home: &Home, state: &State, sign: impl FnOnce(Checkpoint) -> Checkpoint) -> State {
    let origin = key();
    let (mut journal, _) = Journal::open(
        Arc::new(FsDisk),
        home.directory.path(),
        origin.verifier().name(),
        JournalOptions::default(),
    )
    .unwrap();
    let events = vec![event("ci", "forged", "1"), event("ci", "too", "1")];
    let (next, mut batch) = state.append(events, UnixNanos::new(7)).unwrap();
    batch.checkpoint = sign(batch.checkpoint);
    let checkpoint = batch.checkpoint.clone().sign(&key());
    let batch = EncodedBatch::new(&batch, &checkpoint, 1).unwrap();
    journal.append(batch).unwrap();
    next
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_whose_entries_were_not_signed_is_refused() {
    let home = Home::new();
    let state = State::new(key().verifier().name().clone());
    forge(&home, &state, |mut checkpoint| {
        checkpoint.root = RootHash::from_bytes([9; 32]);
        checkpoint
    });
    let error = home.try_open().err().unwrap();
    assert!(
        matches!(error, LedgerError::Root { index, .. } if index == EntryIndex::new(1)),
        "{error}"
    );
    assert!(error.to_string().contains("exhibit verify"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_whose_chain_is_broken_is_refused_at_the_entry() {
    let home = Home::new();
    let honest = State::new(key().verifier().name().clone());
    forge(&home, &honest, |checkpoint| checkpoint);
    // The same size, after other events.
    let events = vec![event("ci", "x", "1"), event("ci", "y", "1")];
    let (other, _) = honest.append(events, UnixNanos::new(7)).unwrap();
    forge(&home, &other, |checkpoint| checkpoint);
    let error = home.try_open().err().unwrap();
    let LedgerError::Discontinuity(Discontinuity::Chain { index, .. }) = error else {
        panic!("{error}");
    };
    assert_eq!(index, EntryIndex::new(2));
}

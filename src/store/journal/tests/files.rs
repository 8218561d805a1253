//! The same on the real disk.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use crate::{
    ledger::position::EntryIndex,
    store::disk::{Disk, FsDisk},
};

use super::{
    super::{Journal, JournalError, JournalReader, publish_checkpoint, published_checkpoint, scan},
    append_all, check_prefix, empty, expected_entries, make, origin, small, ten,
};

fn disk() -> Arc<dyn Disk> {
    Arc::new(FsDisk)
}

/// Every file's content and when it was changed.
fn snapshot(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(snapshot(&path));
        } else {
            let changed = fs::metadata(&path).unwrap().modified().unwrap();
            all.insert(path.clone(), (fs::read(&path).unwrap(), changed));
        }
    }
    all
}

#[test]
fn a_journal_on_the_real_disk_gives_back_what_was_appended() {
    let made = ten(1);
    let home = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(disk(), home.path(), &empty(), small()).unwrap();
    append_all(&mut journal, &made[..6]);
    drop(journal);
    let (mut journal, recovery) = Journal::open(disk(), home.path(), &origin(), small()).unwrap();
    assert_eq!(
        (recovery.size, recovery.cut),
        (made[5].encoded.size(), None)
    );
    append_all(&mut journal, &made[6..]);
    check_prefix(&journal.reader(), &made, made[9].encoded.size()).unwrap();
    let reader = JournalReader::open(home.path()).unwrap();
    check_prefix(&reader, &made, made[9].encoded.size()).unwrap();
    assert_eq!(scan(home.path()).unwrap().filter(Result::is_ok).count(), 10);
}

/// Written once by the first version, and never again: what a ledger wrote years ago must open.
#[test]
fn segments_of_the_first_version_are_read() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/journal-v1");
    let made = make(77, &[1, 2], 200);
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("journal")).unwrap();
    for (path, (bytes, _)) in snapshot(&vectors) {
        let name = path.file_name().unwrap();
        fs::write(home.path().join("journal").join(name), bytes).unwrap();
    }
    publish_checkpoint(&FsDisk, home.path(), &made[1].checkpoint).unwrap();
    let size = made[1].encoded.size();
    let (journal, recovery) = Journal::open(disk(), home.path(), &origin(), small()).unwrap();
    assert_eq!((recovery.size, recovery.segments), (size, 2));
    check_prefix(&journal.reader(), &made, size).unwrap();
    for (at, expected) in expected_entries(&made).iter().enumerate() {
        let entry = journal.reader().entry(EntryIndex::new(at as u64)).unwrap();
        assert_eq!(entry, *expected);
    }
}

#[test]
fn a_second_writer_is_kept_out_and_told_so() {
    let home = tempfile::tempdir().unwrap();
    let first = Journal::create(disk(), home.path(), &empty(), small()).unwrap();
    let second = Journal::open(disk(), home.path(), &origin(), small());
    let Err(error @ JournalError::Locked(_)) = second else {
        panic!("{second:?}");
    };
    assert!(error.to_string().contains("stop it first"), "{error}");
    drop(first);
    Journal::open(disk(), home.path(), &origin(), small()).unwrap();
}

#[test]
fn reading_and_scanning_change_nothing_even_where_recovery_would() {
    let made = ten(2);
    let home = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(disk(), home.path(), &empty(), small()).unwrap();
    append_all(&mut journal, &made);
    drop(journal);
    let last = snapshot(&home.path().join("journal"))
        .into_keys()
        .rfind(|path| path.extension().is_some_and(|e| e == "seg"))
        .unwrap();
    let length = fs::metadata(&last).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(&last)
        .unwrap()
        .set_len(length - 1)
        .unwrap();
    let before = snapshot(home.path());
    let reader = JournalReader::open(home.path()).unwrap();
    assert!(reader.torn().is_some_and(|damage| damage.torn));
    check_prefix(&reader, &made, made[8].encoded.size()).unwrap();
    assert_eq!(scan(home.path()).unwrap().filter(Result::is_err).count(), 1);
    assert_eq!(before, snapshot(home.path()));
}

#[test]
fn no_journal_is_said_to_be_missing() {
    let home = tempfile::tempdir().unwrap();
    let read = JournalReader::open(home.path());
    assert!(matches!(read, Err(JournalError::Missing(_))), "{read:?}");
    let scanned = scan(home.path());
    assert!(
        matches!(scanned, Err(JournalError::Missing(_))),
        "{scanned:?}"
    );
    let opened = Journal::open(disk(), home.path(), &origin(), small());
    assert!(
        matches!(opened, Err(JournalError::Missing(_))),
        "{opened:?}"
    );
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn the_published_checkpoint_is_the_last_one_published() {
    let made = ten(3);
    let home = tempfile::tempdir().unwrap();
    let read = || published_checkpoint(&FsDisk, home.path(), &origin());
    assert_eq!(read().unwrap(), None);
    for one in &made {
        publish_checkpoint(&FsDisk, home.path(), &one.checkpoint).unwrap();
        assert_eq!(read().unwrap().as_ref(), Some(&one.checkpoint));
    }
    assert_eq!(snapshot(home.path()).len(), 1);
    fs::write(home.path().join("checkpoint"), "no checkpoint\n").unwrap();
    let error = read().unwrap_err();
    assert!(
        matches!(error, JournalError::PublishedCheckpoint { .. }),
        "{error}"
    );
}

#[test]
fn names_that_no_segment_has_are_left_alone() {
    let made = ten(4);
    let home = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(disk(), home.path(), &empty(), small()).unwrap();
    append_all(&mut journal, &made);
    drop(journal);
    for name in ["5.seg", "notes.txt", "00000000000000000000.seg.bak"] {
        fs::write(home.path().join("journal").join(name), "mine").unwrap();
    }
    let (journal, _) = Journal::open(disk(), home.path(), &origin(), small()).unwrap();
    assert_eq!(journal.size(), made[9].encoded.size());
    assert!(journal.reader().entry(EntryIndex::new(0)).is_ok());
}

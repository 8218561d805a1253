use super::*;
use crate::ledger::sample::{key, ledger};

#[test]
fn what_was_kept_is_read_again_in_order_and_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Timestamps::of(dir.path());
    assert_eq!(kept.list().unwrap(), []);
    let (small, large) = (
        ledger(2).checkpoint.sign(&key()),
        ledger(11).checkpoint.sign(&key()),
    );
    kept.add(&large, b"c").unwrap();
    let first = kept.add(&small, b"a").unwrap();
    assert_eq!(
        kept.add(&small, b"b").unwrap(),
        first.with_file_name("2.tsr")
    );
    // The same answer again is the same file.
    assert_eq!(kept.add(&small, b"a").unwrap(), first);
    fs::write(first.with_file_name("notes.txt"), "not ours").unwrap();
    fs::write(first.with_file_name("01.tsr"), "not its one form").unwrap();
    fs::create_dir(dir.path().join("timestamps/7")).unwrap();
    let expected = [
        StampedCheckpoint {
            checkpoint: small,
            answers: vec![(1, b"a".to_vec()), (2, b"b".to_vec())],
        },
        StampedCheckpoint {
            checkpoint: large,
            answers: vec![(1, b"c".to_vec())],
        },
    ];
    assert_eq!(kept.list().unwrap(), expected);
}

#[test]
fn another_checkpoint_of_the_same_size_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Timestamps::of(dir.path());
    let ours = ledger(2).checkpoint.sign(&key());
    kept.keep_checkpoint(&ours).unwrap();
    kept.keep_checkpoint(&ours).unwrap();
    let mut other = ledger(2).checkpoint;
    other.root = ledger(3).checkpoint.root;
    let error = kept.add(&other.sign(&key()), b"a").unwrap_err();
    assert!(
        matches!(error, TimestampsError::OtherCheckpoint(_)),
        "{error}"
    );
    fs::write(dir.path().join("timestamps/2/checkpoint"), "rubbish").unwrap();
    let error = kept.list().unwrap_err();
    assert!(
        matches!(error, TimestampsError::NotACheckpoint { .. }),
        "{error}"
    );
}

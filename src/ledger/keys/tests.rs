//! Histories of keys, made and forged.
#![allow(clippy::arithmetic_side_effects)]

use super::*;
use crate::ledger::{
    checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint},
    hash::RootHash,
    note::{NoteError, SigningKey, VerifierKey},
    position::{TreeSize, UnixNanos},
    sample::ORIGIN,
};

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN.parse().unwrap(), &[seed; 32])
}

fn verifier(seed: u8) -> VerifierKey {
    key(seed).verifier().clone()
}

fn root(size: u64) -> RootHash {
    match size {
        0 => RootHash::empty(),
        _ => RootHash::from_bytes([size.to_le_bytes()[0]; 32]),
    }
}

/// The next statement of a history, not yet signed.
fn next(history: &KeyHistory, size: u64, change: KeyChange) -> Statement {
    Statement {
        origin: ORIGIN.parse().unwrap(),
        number: u64::try_from(history.statements().len()).unwrap() + 1,
        previous: history.last_digest(),
        change,
        size: TreeSize::new(size),
        root: root(size),
        time: UnixNanos::new(1_700_000_000_000_000_000 + size),
        reason: "as planned".to_owned(),
    }
}

fn rotation(old: u8, new: u8) -> KeyChange {
    KeyChange::Rotated {
        old: verifier(old),
        new: Box::new(verifier(new)),
    }
}

fn retirement(seed: u8) -> KeyChange {
    KeyChange::Retired {
        key: verifier(seed),
    }
}

fn compromise(seed: u8, from: u64) -> KeyChange {
    KeyChange::Compromised {
        key: verifier(seed),
        from: TreeSize::new(from),
    }
}

/// A history with one more statement, signed by these keys.
fn grown(
    history: &KeyHistory,
    size: u64,
    change: KeyChange,
    signers: &[u8],
) -> Result<KeyHistory, HistoryError> {
    let keys: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
    let signed = next(history, size, change)
        .sign(&keys.iter().collect::<Vec<_>>())
        .unwrap();
    history.clone().with(signed)
}

/// Key 1 until size 20, key 2 from 10 until 40, key 3 from 30 on.
pub(crate) fn history() -> KeyHistory {
    let mut history = KeyHistory::default();
    for (size, change, signers) in [
        (10, rotation(1, 2), &[1, 2][..]),
        (20, retirement(1), &[2]),
        (30, rotation(2, 3), &[2, 3]),
        (40, retirement(2), &[3]),
    ] {
        history = grown(&history, size, change, signers).unwrap();
    }
    history
}

fn checkpoint(seed: u8, size: u64) -> SignedCheckpoint {
    let checkpoint = Checkpoint {
        origin: ORIGIN.parse().unwrap(),
        size: TreeSize::new(size),
        root: root(size),
    };
    checkpoint.sign(&key(seed))
}

#[test]
fn a_history_is_read_as_it_was_written_and_in_no_other_form() {
    let history = history();
    let text = history.to_string();
    assert_eq!(KeyHistory::parse(text.as_bytes()).unwrap(), history);
    assert_eq!(KeyHistory::parse(b"").unwrap(), KeyHistory::default());
    for (from, to) in [
        ("\n\nexhibit", "\n\n\nexhibit"),
        ("number 1\n", "number 01\n"),
        ("reason as planned\n", "reason as planned \n"),
        ("reason as planned\n", "reason \n"),
        ("reason as planned\n", "reason as planned\nnote x\n"),
        ("exhibit key statement v1", "exhibit key statement v2"),
        ("previous none", "previous nothing"),
        ("size 10\n", "size 11\n"),
        ("time 17", "time 18"),
        ("retired ", "withdrawn "),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{from:?}");
        assert!(KeyHistory::parse(other.as_bytes()).is_err(), "{to:?}");
    }
    assert!(KeyHistory::parse(format!("{text}\n").as_bytes()).is_err());
    assert!(KeyHistory::parse(text.trim_end().as_bytes()).is_err());
}

#[test]
fn a_statement_that_is_left_out_or_moved_breaks_the_history() {
    let whole = history();
    for left_out in 0..3 {
        let mut statements = whole.statements().to_vec();
        statements.remove(left_out);
        let rebuilt = statements
            .into_iter()
            .try_fold(KeyHistory::default(), KeyHistory::with);
        assert!(rebuilt.is_err(), "without {left_out}");
    }
    let mut swapped = whole.statements().to_vec();
    swapped.swap(1, 2);
    let rebuilt = swapped
        .into_iter()
        .try_fold(KeyHistory::default(), KeyHistory::with);
    assert!(rebuilt.is_err());
}

#[test]
fn statements_that_others_signed_are_refused() {
    let empty = KeyHistory::default();
    for signers in [&[1][..], &[2], &[2, 1], &[1, 3], &[1, 2, 3], &[3, 2]] {
        let forged = grown(&empty, 10, rotation(1, 2), signers);
        assert!(
            matches!(forged, Err(HistoryError::Statement { .. })),
            "{signers:?}: {forged:?}"
        );
    }
    let rotated = grown(&empty, 10, rotation(1, 2), &[1, 2]).unwrap();
    // The old key can't retire itself, and the thief of it can't give it up in the ledger's name.
    for change in [retirement(1), compromise(1, 5)] {
        assert!(grown(&rotated, 20, change.clone(), &[1]).is_err());
        assert!(grown(&rotated, 20, change.clone(), &[2, 1]).is_err());
        assert!(grown(&rotated, 20, change, &[2]).is_ok());
    }
}

#[test]
fn statements_that_do_not_fit_are_refused() {
    let whole = history();
    for (size, change, signers, why) in [
        (40, rotation(3, 4), &[3, 4][..], "larger tree"),
        (50, rotation(2, 4), &[2, 4], "another key"),
        (50, rotation(3, 1), &[3, 1], "has had"),
        (50, retirement(3), &[3], "no successor"),
        (50, retirement(1), &[3], "signs no more"),
        (50, compromise(3, 5), &[3], "no successor"),
        (50, compromise(9, 5), &[3], "unknown"),
    ] {
        let error = grown(&whole, size, change, signers)
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{why}: {error}");
    }
    let both = grown(&whole, 50, rotation(3, 4), &[3, 4]).unwrap();
    let error = grown(&both, 60, rotation(4, 5), &[4, 5]).unwrap_err();
    assert!(error.to_string().contains("still signs"), "{error}");
    let empty = KeyHistory::default();
    let first = grown(&empty, 5, retirement(1), &[1]).unwrap_err();
    assert!(first.to_string().contains("not of a rotation"), "{first}");
    let given_up = grown(&whole, 50, compromise(1, 15), &[3]).unwrap();
    assert!(grown(&given_up, 60, compromise(1, 5), &[3]).is_err());
    // From beyond the ledger's end.
    let statement = next(&whole, 50, compromise(1, 51));
    assert!(statement.sign(&[&key(3)]).is_err());
}

#[test]
fn a_statement_is_never_a_checkpoint_nor_a_checkpoint_a_statement() {
    for signed in history().statements() {
        let note = signed.note().to_string();
        assert!(SignedCheckpoint::parse(note.as_bytes()).is_err());
    }
    let note = checkpoint(1, 5).note().to_string();
    assert!(SignedStatement::parse(note.as_bytes()).is_err());
}

#[test]
fn keys_of_others_are_not_spoken_of() {
    let other = SigningKey::from_seed("other.example".parse().unwrap(), &[2; 32]);
    let change = KeyChange::Rotated {
        old: verifier(1),
        new: Box::new(other.verifier().clone()),
    };
    let refused = next(&KeyHistory::default(), 10, change).sign(&[&key(1), &other]);
    assert!(
        matches!(refused, Err(StatementError::OtherKey(_))),
        "{refused:?}"
    );
}

#[test]
fn trust_in_any_key_leads_to_every_other_and_each_signs_in_its_time_alone() {
    let history = history();
    for trusted in 1..=3 {
        let ring = Keyring::carried(&verifier(trusted), &history);
        assert_eq!(ring.current(), &verifier(3));
        assert_eq!(ring.steps().len(), 2, "{trusted}");
        // A key that is older than the trusted one signs alone until its successor signs.
        let until = |key: u8, retired: u64, succeeded: u64| match key < trusted {
            true => succeeded,
            false => retired,
        };
        for (seed, from, until) in [
            (1, 0, until(1, 20, 10)),
            (2, 10, until(2, 40, 30)),
            (3, 30, u64::MAX),
        ] {
            for size in [0, 1, 9, 10, 11, 20, 21, 29, 30, 31, 40, 41, 1000] {
                let judged = ring.verify(&checkpoint(seed, size));
                let in_time = (from..=until).contains(&size);
                assert_eq!(judged.is_ok(), in_time, "{trusted} {seed} {size}");
                if !in_time {
                    assert!(matches!(judged, Err(CheckpointError::OutOfRange { .. })));
                }
            }
        }
        let stranger = ring.verify(&checkpoint(9, 15));
        assert!(matches!(
            stranger,
            Err(CheckpointError::Note(NoteError::NotSignedBy(_)))
        ));
    }
}

#[test]
fn one_key_in_its_time_is_enough_and_one_bad_signature_refuses_all() {
    let ring = Keyring::carried(&verifier(1), &history());
    let both = checkpoint(1, 25)
        .with_signatures(checkpoint(2, 25).note().signatures().to_vec())
        .unwrap();
    assert!(ring.verify(&both).is_ok());
    let mut line = checkpoint(2, 15).note().signatures()[0].clone();
    line.signature[3] ^= 1;
    let forged = checkpoint(1, 15).with_signatures([line]).unwrap();
    assert!(ring.verify(&forged).is_err());
    // The bad one may be of any key of the ring, an older one of the history or one whose time has passed.
    for (good, bad, size) in [(2, 1, 15), (3, 1, 50), (3, 2, 50), (2, 3, 25)] {
        let mut line = checkpoint(bad, size).note().signatures()[0].clone();
        line.signature[3] ^= 1;
        let forged = checkpoint(good, size).with_signatures([line]).unwrap();
        for trusted in 1..=3 {
            let ring = Keyring::carried(&verifier(trusted), &history());
            assert!(ring.verify(&checkpoint(good, size)).is_ok());
            let refused = ring.verify(&forged);
            assert!(
                matches!(
                    refused,
                    Err(CheckpointError::Note(NoteError::BadSignature(_)))
                ),
                "{good} {bad} {trusted} {refused:?}"
            );
        }
    }
}

#[test]
fn a_key_that_the_history_does_not_know_is_trusted_alone() {
    let ring = Keyring::carried(&verifier(9), &history());
    assert!(ring.is_stranger());
    assert!(ring.verify(&checkpoint(9, 1000)).is_ok());
    assert!(ring.verify(&checkpoint(3, 1000)).is_err());
    assert!(!Keyring::alone(&verifier(9)).is_stranger());
}

#[test]
fn what_a_compromised_key_signed_stands_up_to_the_size_that_is_stated() {
    let history = grown(&history(), 50, compromise(1, 15), &[3]).unwrap();
    let ring = Keyring::carried(&verifier(3), &history);
    assert!(ring.verify(&checkpoint(1, 10)).is_ok());
    for size in [16, 20, 21, 1000] {
        let judged = ring.verify(&checkpoint(1, size));
        assert!(
            matches!(judged, Err(CheckpointError::KeyCompromised { .. })),
            "{size}"
        );
    }
    // The key was rotated at 10, before it was in other hands, so that rotation still leads on from it.
    let old = Keyring::carried(&verifier(1), &history);
    assert_eq!((old.current(), old.broken()), (&verifier(3), None));
}

#[test]
fn a_rotation_beyond_the_point_of_compromise_carries_no_trust_forward() {
    let history = grown(&history(), 50, compromise(1, 9), &[3]).unwrap();
    let old = Keyring::carried(&verifier(1), &history);
    assert_eq!(old.current(), &verifier(1));
    assert_eq!(old.broken().unwrap().rotated, TreeSize::new(10));
    assert!(old.verify(&checkpoint(1, 9)).is_ok());
    assert!(old.verify(&checkpoint(2, 15)).is_err());
    assert!(old.verify(&checkpoint(3, 1000)).is_err());
    // Backward it does: the successor is in good hands.
    let new = Keyring::carried(&verifier(3), &history);
    assert!(new.verify(&checkpoint(1, 9)).is_ok());
    assert!(new.verify(&checkpoint(2, 15)).is_ok());
}

#[test]
fn a_key_that_is_given_up_while_it_still_signs_signs_no_more() {
    let rotated = grown(&KeyHistory::default(), 10, rotation(1, 2), &[1, 2]).unwrap();
    let given_up = grown(&rotated, 20, compromise(1, 12), &[2]).unwrap();
    assert_eq!(given_up.signing().count(), 1);
    let ring = Keyring::carried(&verifier(2), &given_up);
    assert!(ring.verify(&checkpoint(1, 10)).is_ok());
    assert!(ring.verify(&checkpoint(1, 11)).is_err());
    assert!(grown(&given_up, 30, rotation(2, 3), &[2, 3]).is_ok());
}

#[test]
fn a_history_up_to_a_size_has_the_statements_whose_entries_are_below_it() {
    let whole = history();
    for (size, statements, own) in [
        (5, 0, 1),
        (10, 0, 1),
        (11, 1, 2),
        (30, 2, 2),
        (31, 3, 3),
        (99, 4, 3),
    ] {
        let size = TreeSize::new(size);
        assert_eq!(whole.before(size).statements().len(), statements, "{size}");
        assert_eq!(whole.own_at(size), Some(&verifier(own)), "{size}");
    }
}

#[test]
fn every_changed_bit_of_a_history_is_refused() {
    let good = grown(&KeyHistory::default(), 10, rotation(1, 2), &[1, 2]).unwrap();
    let good = good.to_string().into_bytes();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(
            KeyHistory::parse(&bad).is_err(),
            "{:?}",
            String::from_utf8_lossy(&bad)
        );
    }
}

#[test]
fn a_history_is_the_one_that_another_program_made() {
    let made = include_str!("../../../tests/vectors/key-history.txt");
    assert_eq!(history().to_string(), made);
}

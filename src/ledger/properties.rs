//! What must be true of every parser of the ledger, whatever the bytes: it does not panic, and what it accepts is
//! written again as the same bytes. One function a parser, called by the tests and by the fuzz targets.

pub use super::breaks::break_body;
use super::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    entry::Entry,
    hash::RootHash,
    keys::KeyHistory,
    note::{CosigningKey, KeyName, Note, SigningKey, VerifierKey},
    payload::{check_parts, decode_bundle, decode_parts, encode_parts},
    policy::Policy,
    position::{EntryIndex, TreeSize, count},
    receipt::Receipt,
    tile::{Span, TileId, bundle_of, decode_entry_bundle, decode_tile, encode_tile, push_entry},
    timestamp::{TIMESTAMP_BYTES_MAX, Timestamp},
    verify::{Chunk, IdentityKey, LedgerCheck, check_chunk},
    witness::AddCheckpoint,
};

/// Of [`AddCheckpoint::parse`].
pub fn witness_request(bytes: &[u8]) {
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes);
    }
}

/// Of [`KeyHistory::parse`].
pub fn key_history(bytes: &[u8]) {
    if let Ok(history) = KeyHistory::parse(bytes) {
        assert_eq!(history.to_string().as_bytes(), bytes);
        let signing = history.signing().count();
        assert!(history.is_empty() || (1..=2).contains(&signing));
    }
}

/// Of [`Policy`]: it is read or refused, and whoever signed, all the more signers meet it too.
pub fn policy(bytes: &[u8]) {
    match Policy::parse(bytes) {
        Ok(policy) => {
            let some = policy.is_met_by(|place| place % 2 == 0);
            assert!(!some || policy.is_met_by(|_| true));
        }
        Err(refused) => assert!(!refused.problem.is_empty()),
    }
}

/// Of [`Entry::decode`].
pub fn entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::decode(bytes) {
        assert_eq!(entry.encode().as_deref(), Ok(bytes));
    }
}

/// Of [`decode_parts`].
pub fn payload_parts(bytes: &[u8]) {
    if let Ok((parts, rest)) = decode_parts(bytes) {
        assert_eq!(check_parts(&parts), Ok(()));
        let mut again = Vec::new();
        assert_eq!(encode_parts(&parts, &mut again), Ok(()));
        again.extend_from_slice(rest);
        assert_eq!(again, bytes);
    }
}

/// Of [`decode_bundle`], and the first byte says how many payloads there should be.
pub fn payload_bundle(bytes: &[u8]) {
    let Some((payloads, bytes)) = bytes.split_first() else {
        return;
    };
    if let Ok(all) = decode_bundle(bytes, usize::from(*payloads)) {
        assert_eq!(all.len(), usize::from(*payloads));
        let mut again = Vec::new();
        for parts in &all {
            assert_eq!(encode_parts(parts, &mut again), Ok(()));
        }
        assert_eq!(again, bytes);
    }
}

/// Of [`decode_entry_bundle`], and the first byte says how many entries there should be.
pub fn entry_bundle(bytes: &[u8]) {
    let Some((entries, bytes)) = bytes.split_first() else {
        return;
    };
    if let Ok(all) = decode_entry_bundle(bytes, usize::from(*entries)) {
        assert_eq!(all.len(), usize::from(*entries));
        let mut again = Vec::new();
        for entry in all {
            assert_eq!(push_entry(&mut again, entry), Ok(()));
        }
        assert_eq!(again, bytes);
    }
}

/// Of [`decode_tile`].
pub fn tile(bytes: &[u8]) {
    if let Some(hashes) = decode_tile(bytes) {
        assert_eq!(encode_tile(&hashes), bytes);
    }
}

/// Of the text of [`Span`] and [`TileId`].
pub fn tile_path(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(id) = text.parse::<TileId>() {
        assert_eq!(id.to_string(), text);
        assert!(id.level < 64 && (1..=256).contains(&id.span.width));
    }
    if let Ok(span) = text.parse::<Span>() {
        assert_eq!(span.to_string(), text);
        assert!((1..=256).contains(&span.width));
        let size = TreeSize::new(span.first().saturating_add(u64::from(span.width)));
        let first = EntryIndex::new(span.first());
        assert!(span.first() > u64::MAX >> 1 || bundle_of(first, size) == Some(span));
    }
}

/// Of the text of hashes, all of which are read alike.
pub fn hash(bytes: &[u8]) {
    if let Some(hash) = str::from_utf8(bytes)
        .ok()
        .and_then(|t| t.parse::<RootHash>().ok())
    {
        assert_eq!(hash.to_string().as_bytes(), bytes);
    }
}

/// Of [`Note::parse`].
pub fn note(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        assert!(note.text().ends_with('\n') && !note.signatures().is_empty());
        let again = Note::new(note.text().to_owned(), note.signatures().to_vec());
        assert_eq!(again.as_ref(), Ok(&note));
    }
}

/// Of the text of [`VerifierKey`], [`SigningKey`] and [`KeyName`].
pub fn key(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = text.parse::<CosigningKey>() {
        assert_eq!(key.to_secret_text().as_str(), text);
    }
    if let Ok(key) = text.parse::<SigningKey>() {
        assert_eq!(key.to_secret_text().as_str(), text);
        assert_eq!(
            key.verifier().to_string().parse().as_ref(),
            Ok(key.verifier())
        );
    }
    if let Ok(name) = text.parse::<KeyName>() {
        assert_eq!(name.as_str(), text);
        assert!(!text.contains(['\n', ' ', '+']));
    }
}

/// Of [`SignedCheckpoint::parse`]. Extension lines, which this ledger never writes, are in the note alone.
pub fn checkpoint(bytes: &[u8]) {
    if let Ok(signed) = SignedCheckpoint::parse(bytes) {
        assert_eq!(signed.note().to_string().as_bytes(), bytes);
        let text = signed.checkpoint().to_text();
        assert!(signed.note().text().starts_with(&text));
        assert_eq!(
            Checkpoint::from_text(&text).as_ref(),
            Ok(signed.checkpoint())
        );
    }
}

/// Of [`Receipt::parse`].
pub fn receipt(bytes: &[u8]) {
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(receipt.to_string().as_bytes(), bytes);
    }
}

/// Of [`check_chunk`] and [`LedgerCheck`], given the bytes as an entry bundle and as its payloads: every entry is
/// counted, and whatever is not a ledger has a finding.
pub fn chunk(bytes: &[u8]) {
    let Some((entries, bytes)) = bytes.split_first() else {
        return;
    };
    let middle = bytes.len() / 2;
    let (bundle, payloads) = bytes.split_at_checked(middle).unwrap_or((bytes, &[]));
    let mut lines = Vec::new();
    let mut rest = bundle;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (entry, after) = after.split_at_checked(length).unwrap_or((after, &[]));
        lines.push(entry);
        rest = after;
    }
    let first = EntryIndex::new(u64::from(*entries));
    let chunk = Chunk {
        first,
        entries: &lines,
        payloads: Some(payloads),
    };
    let report = check_chunk(chunk, &IdentityKey::new([0; 32]));
    assert_eq!(
        (report.lines.len(), report.leaves.len()),
        (lines.len(), lines.len())
    );
    let malformed = report.lines.iter().any(Option::is_none);
    let mut check = LedgerCheck::starting_at(first, "fuzz.example.com");
    check.absorb(report);
    let (findings, counts) = check.finish();
    assert_eq!(counts.entries, count(lines.len()));
    assert!(!malformed || findings.total > 0);
    assert!(count(findings.listed.len()) <= findings.total);
}

/// Of [`Timestamp::parse`], and what is asked of a time stamp then.
pub fn timestamp(bytes: &[u8]) {
    if let Ok(timestamp) = Timestamp::parse(bytes) {
        let _ = (timestamp.claimed_authority(), timestamp.check_signature());
        assert!(bytes.len() <= TIMESTAMP_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

    use std::convert::Infallible;

    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;
    use crate::ledger::{
        hash::{ChainHash, NodeHash, PartCommitment, PayloadCommitment},
        note::SignatureLine,
        payload::{DisclosedPart, Part, Salt},
        position::UnixNanos,
        sample,
        tile::TileNodes,
        tree::prove_inclusion,
    };

    const BREAK: &[u8] = br#"{"findings":[{"kind":"sequence_gap","index":null,"expected":"1","found":"0"}],"what":"a","why":"b"}"#;

    /// A ledger of five entries, and the receipt of one.
    fn sample_receipt() -> Receipt {
        let batch = sample::ledger(5);
        let nodes: Vec<NodeHash> = batch.leaves.iter().map(|leaf| (*leaf).into()).collect();
        let tiles = TileNodes::new(TreeSize::new(5), |_| {
            Ok::<_, Infallible>(encode_tile(&nodes))
        });
        let index = EntryIndex::new(2);
        Receipt {
            entry: batch.entries[2].clone(),
            index,
            proof: prove_inclusion(&tiles, index, TreeSize::new(5))
                .unwrap()
                .unwrap(),
            checkpoint: batch.checkpoint.sign(&sample::key()),
        }
    }

    /// A note with a line of a key nobody knows beside ours.
    fn cosigned() -> Note {
        let note = sample_receipt().checkpoint.note().clone();
        let stranger = SignatureLine {
            name: "witness.example.com".into(),
            ..note.signatures()[0].clone()
        };
        let lines = [note.signatures(), &[stranger]].concat();
        Note::new(note.text().to_owned(), lines).unwrap()
    }

    /// A parser's property, and bytes it accepts.
    type Parser = (fn(&[u8]), Vec<u8>);

    fn parsers() -> Vec<Parser> {
        let batch = sample::ledger(3);
        let mut entries = vec![3];
        for bytes in &batch.entries {
            push_entry(&mut entries, bytes).unwrap();
        }
        let payloads = sample::payloads(&batch).concat();
        let (receipt, key) = (sample_receipt(), sample::key());
        let text = |text: &dyn ToString| text.to_string().into_bytes();
        vec![
            (entry, batch.entries[1].clone()),
            (break_body, BREAK.to_vec()),
            (payload_parts, payloads.clone()),
            (payload_bundle, [&[3], payloads.as_slice()].concat()),
            (entry_bundle, entries.clone()),
            (tile, vec![7; 64]),
            (tile_path, b"tile/0/x001/x234/067.p/8".to_vec()),
            (tile_path, b"x001/x234/067.p/8".to_vec()),
            (hash, text(&receipt.checkpoint.checkpoint().root)),
            (note, text(receipt.checkpoint.note())),
            (note, text(&cosigned())),
            (super::key, text(key.verifier())),
            (super::key, text(&key.to_secret_text().as_str())),
            (checkpoint, text(&cosigned())),
            (super::receipt, text(&receipt)),
            (key_history, text(&crate::ledger::keys::tests::history())),
            (chunk, [&[0], &entries[1..], payloads.as_slice()].concat()),
            (
                timestamp,
                include_bytes!("../../tests/vectors/timestamps/ec.tsr").to_vec(),
            ),
        ]
    }

    /// Replaces, puts in or takes out bytes here and there.
    fn mutate(bytes: &mut Vec<u8>, edits: &[(Index, u8, u8)]) {
        for (at, kind, byte) in edits {
            let at = at.index(bytes.len() + 1);
            match kind % 5 {
                0 => bytes.insert(at, *byte),
                1 => bytes.truncate(at),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                3 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(1),
                _ if at < bytes.len() => bytes[at] = *byte,
                _ => {}
            }
        }
    }

    #[test]
    fn every_parser_accepts_its_sample() {
        for (parser, sample) in parsers() {
            parser(&sample);
        }
        let text = sample_receipt().to_string();
        let receipt = Receipt::parse(text.as_bytes()).unwrap();
        assert_eq!(receipt, sample_receipt());
        receipt.verify(sample::key().verifier()).unwrap();
        assert!(
            SignedCheckpoint::open(cosigned().to_string().as_bytes(), sample::key().verifier())
                .is_ok()
        );
    }

    #[test]
    fn every_changed_bit_of_a_receipt_is_refused() {
        let (good, key) = (sample_receipt().to_string().into_bytes(), sample::key());
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let accepted = Receipt::parse(&bad).is_ok_and(|r| r.verify(key.verifier()).is_ok());
            assert!(!accepted, "{:?}", String::from_utf8_lossy(&bad));
        }
    }

    #[test]
    fn every_changed_bit_of_a_note_is_refused_or_in_the_line_of_an_unknown_key() {
        let (note, key) = (cosigned(), sample::key());
        let good = note.to_string().into_bytes();
        let ours = good.len() - note.signatures()[1].to_string().len() - 1;
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(signed) = SignedCheckpoint::open(&bad, key.verifier()) {
                assert!(bit / 8 >= ours, "byte {}", bit / 8);
                assert_eq!(signed.note().text(), note.text());
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_make_a_parser_panic(bytes in vec(any::<u8>(), 0..300)) {
            for (parser, _) in parsers() {
                parser(&bytes);
            }
        }

        #[test]
        fn what_a_parser_accepts_is_written_again_as_the_same_bytes(
            edits in vec((any::<Index>(), any::<u8>(), any::<u8>()), 1..4),
        ) {
            for (parser, mut bytes) in parsers() {
                mutate(&mut bytes, &edits);
                parser(&bytes);
            }
        }

        #[test]
        fn any_entry_is_read_as_it_was_written(
            numbers in any::<[u64; 4]>(),
            hashes in any::<[[u8; 32]; 2]>(),
            texts in ("\\PC{1,60}", "\\PC{1,200}", "\\PC{1,60}", "\\PC{0,200}", "\\PC{1,200}"),
        ) {
            let [index, recorded_at, occurred_at, source_sequence] = numbers;
            let entry = Entry::at(
                EntryIndex::new(index),
                UnixNanos::new(recorded_at),
                ChainHash::from_bytes(hashes[0]),
                crate::ledger::entry::EntryFields {
                    occurred_at: UnixNanos::new(occurred_at),
                    source_sequence,
                    commitment: PayloadCommitment::from_bytes(hashes[1]),
                    event_type: &texts.0,
                    source: &texts.1,
                    event_id: &texts.2,
                    subject: &texts.3,
                    producer: &texts.4,
                },
            );
            let bytes = entry.encode().unwrap();
            prop_assert_eq!(Entry::decode(&bytes), Ok(entry));
            let lengths: usize = [&texts.0, &texts.1, &texts.2, &texts.3, &texts.4].map(String::len).iter().sum();
            prop_assert_eq!(bytes.len(), 1 + 4 * 8 + 2 * 32 + 5 * 8 + lengths);
        }

        #[test]
        fn any_payload_is_read_as_it_was_written_and_keeps_its_commitment_when_parts_go(
            parts in vec((any::<[u8; 32]>(), "[a-z]{1,20}", "\\PC{0,30}", vec(any::<u8>(), 0..100)), 1..12),
            withheld in any::<u32>(),
        ) {
            let names: Vec<String> = parts.iter().enumerate().map(|(at, (_, name, ..))| {
                if at == 0 { "body".to_owned() } else { format!("{name}{at}") }
            }).collect();
            let whole: Vec<Part<'_>> = parts.iter().zip(&names).map(|((salt, _, content_type, content), name)| {
                Part::Disclosed(DisclosedPart { salt: Salt::from_bytes(*salt), name, content_type, content })
            }).collect();
            let redacted: Vec<Part<'_>> = whole.iter().enumerate().map(|(at, part)| {
                if withheld >> at & 1 == 1 { Part::Withheld(part.commitment()) } else { *part }
            }).collect();
            let commit = crate::ledger::payload::payload_commitment;
            prop_assert_eq!(commit(&whole), commit(&redacted));
            let mut bytes = Vec::new();
            encode_parts(&redacted, &mut bytes).unwrap();
            bytes.push(7);
            prop_assert_eq!(decode_parts(&bytes), Ok((redacted, &[7u8][..])));
            let commitments: Vec<PartCommitment> = whole.iter().map(Part::commitment).collect();
            let distinct: std::collections::BTreeSet<_> = commitments.iter().collect();
            prop_assert_eq!(distinct.len(), commitments.len());
        }

        #[test]
        fn any_tile_path_is_read_as_it_was_written(level in 0u32..64, number in 0u64..1 << 56, width in 1u16..=256) {
            let id = TileId { level, span: Span { number, width } };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.span.to_string().parse(), Ok(id.span));
        }
    }
}

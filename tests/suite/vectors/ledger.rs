//! `tests/vectors/ledger-v1.json`: a ledger of 300 entries that an implementation in another language made.
//!
//! Its entries are made again here through the write path, from the rule that the file states, and every byte that
//! is hashed, signed or exported must be the same.

use std::sync::LazyLock;

use super::{
    Tree,
    ledger_v1::{Consistency, PartVector, Vectors},
    sha256, span,
};
use exhibit::ledger::{
    checkpoint::SignedCheckpoint,
    entry::{Entry, MalformedEntry},
    event::{Event, NewEvent, NewPart},
    hash::{CHAIN_CONTEXT, ChainHash, GENESIS_CONTEXT, LeafHash, PART_CONTEXT, PAYLOAD_CONTEXT},
    note::SigningKey,
    payload::{
        DisclosedPart, Part, Salt, decode_bundle, decode_parts, encode_parts, payload_commitment,
    },
    position::{EntryIndex, TreeSize, UnixNanos},
    receipt::Receipt,
    state::State,
    tile::{TileId, decode_entry_bundle, push_entry},
    tree::{consistency_holds, inclusion_holds, prove_consistency, prove_inclusion},
    verify::{Chunk, IdentityKey, LedgerCheck, check_chunk},
};

static VECTORS: LazyLock<Vectors> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../vectors/ledger-v1.json")).unwrap());

/// The ledger as this implementation makes it.
struct Ledger {
    entries: Vec<Vec<u8>>,
    events: Vec<Event>,
    /// After each number of entries.
    states: Vec<State>,
    tree: Tree,
}

static LEDGER: LazyLock<Ledger> = LazyLock::new(|| {
    let mut states = vec![State::new(VECTORS.origin.0.clone())];
    let (mut entries, mut events) = (Vec::new(), Vec::new());
    for number in 0..300 {
        let recorded_at = UnixNanos::new(1_790_000_000_000_000_000 + number * 1_000_003);
        let event = Event::new(event(number), recorded_at).unwrap();
        let (state, batch) = states
            .last()
            .unwrap()
            .append(vec![event], recorded_at)
            .unwrap();
        entries.extend(batch.entries);
        events.extend(batch.events);
        states.push(state);
    }
    let tree = Tree::over(&entries);
    Ledger {
        entries,
        events,
        states,
        tree,
    }
});

/// The event of an entry, by the rule the file states and the exceptions it lists.
fn event(number: u64) -> NewEvent {
    let (event_type, subject) = match number % 4 {
        0 => ("exhibit.change.v1", "change/CHG-1042"),
        1 => ("exhibit.approval.v1", "change/CHG-1042"),
        2 => ("exhibit.test_run.v1", "artifact/sha256:9f86d081884c7d65"),
        _ => ("exhibit.deployment.v1", "service/payments@production"),
    };
    let json = format!(r#"{{"n":{number},"subject":"{subject}","type":"{event_type}"}}"#);
    let part = |at: u64, name: &str, content_type: &str, content: &[u8]| NewPart {
        salt: Salt::from_bytes(std::array::from_fn(|k| {
            ((7 * number + 11 * at + k as u64) % 256) as u8
        })),
        name: name.into(),
        content_type: content_type.into(),
        content: content.into(),
    };
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut parts = vec![match number {
        5 => part(0, "body", "application/octet-stream", b""),
        6 => part(0, "body", "application/octet-stream", &every_byte),
        7 => part(
            0,
            "body",
            "application/json",
            r#"{"note":"naïve – ✓ 日本"}"#.as_bytes(),
        ),
        _ => part(0, "body", "application/json", json.as_bytes()),
    }];
    if number == 10 {
        parts.push(part(
            1,
            "actor",
            "text/plain",
            "Zoë Doe <zoe@example.com>".as_bytes(),
        ));
        parts.push(part(2, "comment", "text/plain", b""));
    }
    NewEvent {
        event_type: event_type.into(),
        source: "https://ci.example.com/acme/payments".into(),
        event_id: format!("evt-{number:06}"),
        subject: match number {
            7 => "service/payments@production/é".into(),
            8 => String::new(),
            _ => subject.into(),
        },
        producer: "token:ci-payments".into(),
        occurred_at: UnixNanos::new(if number == 8 {
            0
        } else {
            1_789_999_999_000_000_000 + number * 999_983
        }),
        source_sequence: if number % 10 == 9 { 0 } else { number + 1 },
        parts,
    }
}

fn key() -> SigningKey {
    let seed = VECTORS.log_seed.0.as_slice().try_into().unwrap();
    SigningKey::from_seed(VECTORS.origin.0.clone(), seed)
}

#[test]
fn contexts_genesis_and_key_are_the_vectors_ones() {
    let named = |name: &str| VECTORS.contexts[name].as_str();
    assert_eq!(VECTORS.contexts.len(), 4);
    assert_eq!(named("genesis"), GENESIS_CONTEXT);
    assert_eq!(named("chain"), CHAIN_CONTEXT);
    assert_eq!(named("part"), PART_CONTEXT);
    assert_eq!(named("payload"), PAYLOAD_CONTEXT);
    assert_eq!(
        ChainHash::genesis(VECTORS.origin.0.as_str()),
        VECTORS.genesis
    );
    assert_eq!(key().verifier().to_string(), VECTORS.log_vkey);
    // The same by the library's own `derive_key`, without our cached contexts.
    let plain = |context, input: &[u8]| blake3::derive_key(context, input);
    assert_eq!(
        &plain(GENESIS_CONTEXT, VECTORS.origin.0.as_str().as_bytes()),
        VECTORS.genesis.as_bytes()
    );
    let first = &VECTORS.entries[0];
    assert_eq!(
        &plain(CHAIN_CONTEXT, &first.entry.0),
        first.chain_hash.as_bytes()
    );
    assert_eq!(
        &plain(PAYLOAD_CONTEXT, first.parts[0].commitment.as_bytes()),
        first.commitment.as_bytes()
    );
}

#[test]
fn listed_entries_decode_to_their_fields_and_encode_to_their_bytes() {
    assert_eq!(VECTORS.entries.len(), 17);
    for vector in &VECTORS.entries {
        let bytes = vector.entry.0.as_slice();
        let entry = Entry::decode(bytes).unwrap();
        assert_eq!(entry.index, vector.index);
        assert_eq!(entry.recorded_at, vector.recorded_at);
        assert_eq!(entry.occurred_at, vector.occurred_at);
        assert_eq!(entry.source_sequence, vector.source_sequence);
        assert_eq!(entry.previous, vector.previous);
        assert_eq!(entry.commitment, vector.commitment);
        assert_eq!(entry.event_type, vector.event_type);
        assert_eq!(entry.source, vector.source);
        assert_eq!(entry.event_id, vector.event_id);
        assert_eq!(entry.subject, vector.subject);
        assert_eq!(entry.producer, vector.producer);
        assert_eq!(entry.encode().unwrap(), bytes);
        assert_eq!(ChainHash::of_entry(bytes), vector.chain_hash);
        assert_eq!(LeafHash::of_entry(bytes), vector.leaf_hash);
    }
}

#[test]
fn the_manual_shows_entry_0_as_it_is() {
    let manual = include_str!("../../../src/manual/formats.md");
    let (_, after) = manual.split_once("Entry 0 of the vectors").unwrap();
    let (_, shown) = after.split_once("```text\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let shown: String = shown
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(shown.len() > 100 * 2);
    assert!(hex::encode(&VECTORS.entries[0].entry.0).starts_with(&shown));
}

#[test]
fn listed_payloads_have_their_commitments() {
    for vector in &VECTORS.entries {
        let parts: Vec<Part<'_>> = vector.parts.iter().map(disclosed).collect();
        for (part, vector) in parts.iter().zip(&vector.parts) {
            assert_eq!(part.commitment(), vector.commitment);
        }
        assert_eq!(payload_commitment(&parts), vector.commitment);
    }
}

fn disclosed(part: &PartVector) -> Part<'_> {
    Part::Disclosed(DisclosedPart {
        salt: Salt::from_bytes(part.salt.0.as_slice().try_into().unwrap()),
        name: &part.name,
        content_type: &part.content_type,
        content: &part.content.0,
    })
}

#[test]
fn the_write_path_makes_the_listed_entries_and_payloads() {
    for vector in &VECTORS.entries {
        let at = vector.index.value() as usize;
        assert_eq!(
            hex::encode(&LEDGER.entries[at]),
            hex::encode(&vector.entry.0),
            "entry {at}"
        );
        let parts: Vec<Part<'_>> = vector.parts.iter().map(disclosed).collect();
        assert_eq!(LEDGER.events[at].parts(), parts, "payload {at}");
        assert_eq!(LEDGER.states[at].head(), vector.previous);
        assert_eq!(LEDGER.states[at + 1].head(), vector.chain_hash);
    }
}

#[test]
fn roots_are_the_same_at_every_listed_size() {
    assert_eq!(VECTORS.roots.len(), 11);
    for (size, root) in &VECTORS.roots {
        assert_eq!(
            LEDGER.states[*size as usize].checkpoint().root,
            *root,
            "size {size}"
        );
        assert_eq!(LEDGER.tree.roots[*size as usize], *root, "size {size}");
    }
}

#[test]
fn checkpoints_are_signed_to_the_byte() {
    assert_eq!(VECTORS.checkpoints.len(), 4);
    for (size, text) in &VECTORS.checkpoints {
        let ours = LEDGER.states[*size as usize].checkpoint().sign(&key());
        assert_eq!(ours.note().to_string(), *text);
        let read = SignedCheckpoint::open(text.as_bytes(), key().verifier()).unwrap();
        assert_eq!(read, ours);
    }
}

#[test]
fn inclusion_proofs_are_made_and_hold() {
    assert_eq!(VECTORS.inclusion.len(), 9);
    for vector in &VECTORS.inclusion {
        let nodes = LEDGER.tree.nodes(vector.size);
        let proof = prove_inclusion(&nodes, vector.index, vector.size).unwrap();
        assert_eq!(
            proof.as_ref(),
            Some(&vector.proof),
            "{} in {}",
            vector.index,
            vector.size
        );
        let leaf = LEDGER.tree.leaves[vector.index.value() as usize];
        let root = LEDGER.tree.roots[vector.size.value() as usize];
        assert!(inclusion_holds(
            vector.index,
            vector.size,
            leaf,
            &vector.proof,
            root
        ));
    }
}

#[test]
fn consistency_proofs_are_made_and_hold() {
    assert_eq!(VECTORS.consistency.len(), 7);
    for Consistency { from, to, proof } in &VECTORS.consistency {
        let made = prove_consistency(&LEDGER.tree.nodes(*to), *from, *to).unwrap();
        assert_eq!(made.as_ref(), Some(proof), "{from} to {to}");
        let tree = |size: TreeSize| (size, LEDGER.tree.roots[size.value() as usize]);
        assert!(consistency_holds(tree(*from), tree(*to), proof));
    }
}

/// The bytes of one of the ledger's files in an export of all of it.
fn file(path: &str) -> Vec<u8> {
    if let Ok(id) = path.parse::<TileId>() {
        return LEDGER.tree.tile(id);
    }
    let mut bytes = Vec::new();
    if let Some(entries) = path.strip_prefix("tile/entries/").map(span) {
        assert_eq!(entries.entries_path(), path);
        for entry in &LEDGER.entries[range(entries)] {
            push_entry(&mut bytes, entry).unwrap();
        }
        assert_eq!(
            decode_entry_bundle(&bytes, usize::from(entries.width)).unwrap(),
            LEDGER.entries[range(entries)]
        );
    } else {
        let payloads = span(path.strip_prefix("payload/").unwrap());
        assert_eq!(payloads.payload_path(), path);
        for number in range(payloads) {
            encode_parts(&exported(number), &mut bytes).unwrap();
        }
        let read = decode_bundle(&bytes, usize::from(payloads.width)).unwrap();
        let expected: Vec<Vec<Part<'_>>> = range(payloads).map(exported).collect();
        assert_eq!(read, expected);
    }
    bytes
}

/// The payload of an entry as the vectors' export has it: who did what in entry 10 is withheld.
fn exported(number: usize) -> Vec<Part<'static>> {
    let mut parts = LEDGER.events[number].parts();
    if number == 10 {
        parts[1] = Part::Withheld(parts[1].commitment());
    }
    parts
}

fn range(span: exhibit::ledger::tile::Span) -> std::ops::Range<usize> {
    let first = span.first() as usize;
    first..first + usize::from(span.width)
}

#[test]
fn tiles_and_bundles_have_their_lengths_and_digests() {
    assert_eq!(VECTORS.files.len(), 7);
    for (path, vector) in &VECTORS.files {
        let bytes = file(path);
        assert_eq!(
            (bytes.len(), sha256(&bytes)),
            (vector.bytes, vector.sha256.clone()),
            "{path}"
        );
    }
    let tiles: Vec<String> = TileId::all(LEDGER.tree.size())
        .map(|id| id.to_string())
        .collect();
    assert_eq!(tiles, ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"]);
    assert!(tiles.iter().all(|path| VECTORS.files.contains_key(path)));
}

#[test]
fn a_payload_keeps_its_commitment_when_a_part_is_withheld() {
    let bytes = VECTORS.payload_of_entry_10_with_actor_withheld.0.as_slice();
    let (parts, rest) = decode_parts(bytes).unwrap();
    assert!(rest.is_empty());
    assert_eq!(parts, exported(10));
    assert_eq!(payload_commitment(&parts), VECTORS.entries[10].commitment);
    let mut again = Vec::new();
    encode_parts(&parts, &mut again).unwrap();
    assert_eq!(again, bytes);
}

#[test]
fn what_must_be_rejected_is_rejected_for_its_reason() {
    let layout = |why: &str| MalformedEntry::Layout(why.to_owned());
    let reasons = [
        ("unknown version", MalformedEntry::UnknownVersion(2)),
        ("one trailing byte", MalformedEntry::TrailingBytes(1)),
        (
            "last byte missing",
            layout("a field ends beyond the last byte"),
        ),
        (
            "string length beyond the end",
            layout("a field ends beyond the last byte"),
        ),
        (
            "event_type is not UTF-8",
            layout("a text field is not UTF-8"),
        ),
    ];
    assert_eq!(VECTORS.must_reject.len(), reasons.len());
    for (vector, (why, error)) in VECTORS.must_reject.iter().zip(reasons) {
        assert_eq!(vector.why, why);
        assert_eq!(Entry::decode(&vector.entry.0), Err(error), "{why}");
    }
}

#[test]
fn the_whole_ledger_verifies() {
    let mut check = LedgerCheck::starting_at(EntryIndex::new(0), VECTORS.origin.0.as_str());
    for number in ["000", "001.p/44"] {
        let (entries, payloads) = (
            file(&format!("tile/entries/{number}")),
            file(&format!("payload/{number}")),
        );
        let span = span(number);
        let chunk = Chunk {
            first: EntryIndex::new(span.first()),
            entries: &decode_entry_bundle(&entries, usize::from(span.width)).unwrap(),
            payloads: Some(&payloads),
        };
        check.absorb(check_chunk(chunk, &IdentityKey::new([1; 32])));
    }
    assert_eq!(check.tree().unwrap().root(), VECTORS.roots[&300]);
    let (findings, counts) = check.finish();
    assert_eq!(findings.listed, []);
    assert_eq!(
        (
            counts.entries,
            counts.payloads_whole,
            counts.parts_disclosed
        ),
        (300, 299, 301)
    );
}

#[test]
fn every_entry_gets_a_receipt_that_verifies() {
    let signed = LEDGER.states[300].checkpoint().sign(&key());
    let nodes = LEDGER.tree.nodes(TreeSize::new(300));
    for (number, bytes) in LEDGER.entries.iter().enumerate() {
        let index = EntryIndex::new(number as u64);
        let receipt = Receipt {
            entry: bytes.clone(),
            index,
            proof: prove_inclusion(&nodes, index, TreeSize::new(300))
                .unwrap()
                .unwrap(),
            checkpoint: signed.clone(),
        };
        let read = Receipt::parse(receipt.to_string().as_bytes()).unwrap();
        assert_eq!(
            read.verify(key().verifier()).unwrap(),
            Entry::decode(bytes).unwrap()
        );
    }
}

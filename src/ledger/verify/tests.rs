//! Each manipulation is found, at its entry and under its name, however the entries are cut into chunks.

#![allow(clippy::arithmetic_side_effects)]

use proptest::prelude::*;

use super::*;
use crate::ledger::{
    breaks::KNOWN_MAX,
    finding::FindingKind::*,
    hash::PartCommitment,
    payload::Part,
    sample::{self, ORIGIN},
};

/// Entries with their payloads, to be manipulated.
type Lines = Vec<(Vec<u8>, Vec<u8>)>;

fn lines(entries: u64) -> Lines {
    let batch = sample::ledger(entries);
    let payloads = sample::payloads(&batch);
    batch.entries.into_iter().zip(payloads).collect()
}

/// Checks lines as chunks of these lengths, the last one repeated, from an index on.
fn check_from(first: u64, lines: &[(Vec<u8>, Vec<u8>)], lengths: &[usize]) -> (Findings, Counts) {
    let key = IdentityKey::new([9; 32]);
    let mut check = LedgerCheck::starting_at(EntryIndex::new(first), ORIGIN);
    let (mut rest, mut at, mut lengths) = (lines, first, lengths.iter().copied());
    let mut length = 1;
    while !rest.is_empty() {
        length = lengths.next().unwrap_or(length).clamp(1, rest.len());
        let (chunk, left) = rest.split_at(length);
        let entries: Vec<&[u8]> = chunk.iter().map(|(entry, _)| entry.as_slice()).collect();
        let payloads: Vec<u8> = chunk.iter().flat_map(|(_, p)| p.clone()).collect();
        let chunk = Chunk {
            first: EntryIndex::new(at),
            entries: &entries,
            payloads: Some(&payloads),
        };
        check.absorb(check_chunk(chunk, &key));
        at += count(length);
        rest = left;
    }
    check.finish()
}

/// What was found, in any order: the order of findings depends on the chunks.
fn found_from(first: u64, lines: &Lines, lengths: &[usize]) -> Vec<(FindingKind, u64)> {
    let (findings, counts) = check_from(first, lines, lengths);
    assert_eq!(counts.entries, count(lines.len()));
    let mut found: Vec<_> = findings
        .listed
        .iter()
        .map(|f| (f.kind, f.index.map_or(u64::MAX, EntryIndex::value)))
        .collect();
    found.sort();
    found
}

fn found(lines: &Lines) -> Vec<(FindingKind, u64)> {
    let at_once = found_from(0, lines, &[lines.len().max(1)]);
    assert_eq!(at_once, found_from(0, lines, &[1]), "the chunks matter");
    at_once
}

/// Writes an entry anew with some fields changed, as a forger would.
fn rewrite(line: &mut (Vec<u8>, Vec<u8>), change: impl FnOnce(&mut Entry<'_>)) {
    let bytes = line.0.clone();
    let mut entry = Entry::decode(&bytes).unwrap();
    change(&mut entry);
    line.0 = entry.encode().unwrap();
}

/// Makes the chain fit again from an entry on, as a forger would.
fn rechain(lines: &mut Lines, from: usize) {
    for at in from.max(1)..lines.len() {
        let previous = ChainHash::of_entry(&lines[at - 1].0);
        rewrite(&mut lines[at], |entry| entry.previous = previous);
    }
}

#[test]
fn a_good_ledger_has_no_findings_and_counts_everything() {
    let lines = lines(20);
    let (findings, counts) = check_from(0, &lines, &[7]);
    assert_eq!(findings.total, 0);
    assert_eq!((counts.entries, counts.payloads_whole), (20, 20));
    assert_eq!((counts.parts_disclosed, counts.parts_withheld), (40, 0));
    assert_eq!((counts.payloads_partial, counts.payloads_absent), (0, 0));
}

#[test]
fn the_tree_is_the_one_the_ledger_signed() {
    let batch = sample::ledger(21);
    let entries: Vec<&[u8]> = batch.entries.iter().map(Vec::as_slice).collect();
    let mut check = LedgerCheck::starting_at(EntryIndex::new(0), ORIGIN);
    let chunk = Chunk {
        first: EntryIndex::new(0),
        entries: &entries,
        payloads: None,
    };
    check.absorb(check_chunk(chunk, &IdentityKey::new([0; 32])));
    assert_eq!(check.expected(), EntryIndex::new(21));
    assert_eq!(check.counts().payloads_absent, 21);
    assert_eq!(check.tree().unwrap().root(), batch.checkpoint.root);
    assert!(
        LedgerCheck::starting_at(EntryIndex::new(1), ORIGIN)
            .tree()
            .is_none()
    );
}

#[test]
fn the_tree_is_the_same_however_the_entries_are_cut() {
    let batch = sample::ledger(600);
    for (lengths, tiles) in [
        (&[256, 256, 88][..], 2),
        (&[256, 1, 255, 88], 1),
        (&[1, 256, 255, 88], 0),
        (&[512, 88], 0),
        (&[600], 0),
    ] {
        let mut check = LedgerCheck::starting_at(EntryIndex::new(0), ORIGIN);
        let (mut rest, mut roots) = (batch.entries.iter().map(Vec::as_slice), 0);
        for length in lengths {
            let entries: Vec<&[u8]> = rest.by_ref().take(*length).collect();
            let chunk = Chunk {
                first: check.expected(),
                entries: &entries,
                payloads: None,
            };
            let report = check_chunk(chunk, &IdentityKey::new([0; 32]));
            roots += usize::from(report.tile_root.is_some());
            check.absorb(report);
        }
        assert_eq!(check.tree().unwrap().root(), batch.checkpoint.root);
        assert_eq!(roots, tiles);
    }
}

#[test]
fn another_ledgers_first_entry_breaks_the_chain() {
    let lines = lines(3);
    let mut check = LedgerCheck::starting_at(EntryIndex::new(0), "ledger.example.com/other");
    let entries: Vec<&[u8]> = lines.iter().map(|(entry, _)| entry.as_slice()).collect();
    let chunk = Chunk {
        first: EntryIndex::new(0),
        entries: &entries,
        payloads: None,
    };
    check.absorb(check_chunk(chunk, &IdentityKey::new([0; 32])));
    let (findings, _) = check.finish();
    assert_eq!(findings.listed.len(), 1);
    assert_eq!(
        (findings.listed[0].kind, findings.listed[0].index),
        (ChainBroken, Some(EntryIndex::new(0)))
    );
}

#[test]
fn missing_entries_are_found_at_the_first_of_them() {
    for (from, until) in [(0, 1), (0, 5), (3, 4), (3, 9), (18, 19)] {
        let mut lines = lines(20);
        lines.drain(from..until);
        assert_eq!(
            found(&lines),
            [(MissingEntries, count(from))],
            "{from}..{until}"
        );
        if from > 0 {
            rechain(&mut lines, from);
            let kind = if until == 19 {
                EntryAltered
            } else {
                MissingEntries
            };
            assert_eq!(
                found(&lines),
                [(kind, count(from))],
                "{from}..{until} rechained"
            );
        }
    }
    let mut lines = lines(20);
    lines.drain(12..14);
    lines.drain(3..5);
    assert_eq!(found(&lines), [(MissingEntries, 3), (MissingEntries, 12)]);
}

#[test]
fn an_entry_put_in_is_found_whichever_side_of_the_right_one_it_stands() {
    for at in [0, 1, 7, 18] {
        let good = lines(20);
        let mut forged = good[at].clone();
        rewrite(&mut forged, |entry| entry.event_id = "forged");
        for place in [at, at + 1] {
            let mut lines = good.clone();
            lines.insert(place, forged.clone());
            assert_eq!(found(&lines), [(EntryInserted, count(at))], "{place}");
        }
    }
    let mut lines = lines(20);
    let mut forged = lines[7].clone();
    rewrite(&mut forged, |entry| entry.event_id = "forged");
    lines.insert(7, forged);
    rechain(&mut lines, 7);
    assert_eq!(found(&lines), [(EntryInserted, 8)]);
}

#[test]
fn a_repeated_entry_is_found() {
    for at in [0, 1, 7, 19] {
        let mut lines = lines(20);
        lines.insert(at, lines[at].clone());
        assert_eq!(found(&lines), [(EntryRepeated, count(at))]);
    }
    let mut lines = lines(20);
    lines.insert(15, lines[4].clone());
    assert_eq!(found(&lines), [(EntryInserted, 4)]);
}

#[test]
fn entries_in_another_order_are_found_at_the_first_of_them() {
    for (a, b) in [(0, 1), (3, 4), (18, 19)] {
        let mut lines = lines(20);
        lines.swap(a, b);
        assert_eq!(found(&lines), [(EntriesReordered, count(a))], "{a} and {b}");
    }
    let mut moved = lines(20);
    moved[3..9].rotate_left(3);
    assert_eq!(found(&moved), [(EntriesReordered, 3)]);
    let mut backwards = lines(20);
    backwards.reverse();
    assert_eq!(found(&backwards), [(EntriesReordered, 0)]);
    let mut apart = lines(20);
    apart.swap(3, 9);
    assert!(
        found(&apart)
            .iter()
            .all(|(kind, at)| *kind == EntriesReordered && (3..=9).contains(at))
    );
    assert!(!found(&apart).is_empty());
}

#[test]
fn an_entry_that_turns_up_late_from_a_gap_leaves_the_others_missing() {
    let mut lines = lines(20);
    let late = lines[5].clone();
    lines.drain(4..8);
    lines.insert(8, late);
    assert_eq!(found(&lines), [(MissingEntries, 4), (EntriesReordered, 5)]);
}

#[test]
fn an_altered_entry_breaks_the_chain_behind_it() {
    let mut lines = lines(20);
    rewrite(&mut lines[7], |entry| entry.subject = "changed");
    assert_eq!(found(&lines), [(ChainBroken, 8)]);
    rewrite(&mut lines[7], |entry| {
        entry.previous = ChainHash::from_bytes([0; 32])
    });
    assert_eq!(found(&lines), [(ChainBroken, 7), (ChainBroken, 8)]);
}

#[test]
fn an_altered_index_is_found_at_the_place_the_chain_gives_it() {
    for other in [0, 3, 9, 100, u64::MAX] {
        let mut lines = lines(20);
        rewrite(&mut lines[7], |entry| entry.index = EntryIndex::new(other));
        assert_eq!(
            found(&lines),
            [(EntryAltered, 7), (ChainBroken, 8)],
            "{other}"
        );
        rechain(&mut lines, 8);
        assert_eq!(found(&lines), [(EntryAltered, 7)], "{other} rechained");
    }
}

#[test]
fn a_clock_that_goes_back_is_found_where_it_does() {
    let mut lines = lines(20);
    rewrite(&mut lines[7], |entry| entry.recorded_at = UnixNanos::new(1));
    rechain(&mut lines, 8);
    assert_eq!(found(&lines), [(ClockBackwards, 7)]);
    rewrite(&mut lines[7], |entry| {
        entry.recorded_at = UnixNanos::new(u64::MAX)
    });
    rechain(&mut lines, 8);
    assert_eq!(found(&lines), [(ClockBackwards, 8)]);
}

#[test]
fn an_unreadable_entry_is_one_finding() {
    for at in [0, 7, 19] {
        let mut lines = lines(20);
        lines[at].0.push(0);
        assert_eq!(found(&lines), [(EntryMalformed, count(at))]);
    }
}

#[test]
fn altered_payloads_are_found_and_withheld_parts_are_not() {
    let mut lines = lines(20);
    let last = lines[7].1.len() - 1;
    lines[7].1[last] ^= 1;
    lines.swap(3, 4);
    let (three, four) = (lines[3].1.clone(), lines[4].1.clone());
    (lines[3].1, lines[4].1) = (four, three);
    lines.swap(3, 4);
    assert_eq!(
        found(&lines),
        [
            (PayloadAltered, 3),
            (PayloadAltered, 4),
            (PayloadAltered, 7)
        ]
    );

    let mut lines = self::lines(3);
    let payload = lines[1].1.clone();
    let (parts, _) = decode_kept(&payload).unwrap();
    lines[1].1 = sample::parts(&[parts[0], Part::Withheld(parts[1].commitment())]);
    let (findings, counts) = check_from(0, &lines, &[3]);
    assert_eq!(
        (
            findings.total,
            counts.payloads_partial,
            counts.payloads_whole
        ),
        (0, 1, 2)
    );
    assert_eq!((counts.parts_withheld, counts.parts_disclosed), (1, 5));
    lines[1].1 = sample::parts(&[
        parts[0],
        Part::Withheld(PartCommitment::from_bytes([0; 32])),
    ]);
    assert_eq!(found(&lines), [(PayloadAltered, 1)]);
    lines[1].1 = sample::parts(&[parts[0]]);
    assert_eq!(found(&lines), [(PayloadAltered, 1)]);
}

#[test]
fn payloads_that_end_early_or_go_on_are_found() {
    let mut lines = lines(4);
    lines[3].1.clear();
    assert_eq!(found(&lines), [(PayloadMissing, 3)]);
    lines[3].1 = vec![1];
    assert_eq!(found(&lines), [(PayloadMalformed, 3)]);
    let mut lines = self::lines(4);
    lines[3].1.push(0);
    assert_eq!(found(&lines), [(PayloadMalformed, 3)]);
}

#[test]
fn a_part_of_the_ledger_is_checked_from_its_first_entry_on() {
    let lines = lines(20)[6..].to_vec();
    assert_eq!(found_from(6, &lines, &[3]), []);
    assert_eq!(found_from(5, &lines, &[3]), [(MissingEntries, 5)]);
    assert_eq!(found_from(7, &lines, &[3])[0], (EntryInserted, 6));
}

#[test]
fn skipped_entries_are_no_finding_and_leave_no_tree() {
    let lines = lines(20);
    let entries: Vec<&[u8]> = lines.iter().map(|(entry, _)| entry.as_slice()).collect();
    let key = IdentityKey::new([0; 32]);
    let mut check = LedgerCheck::starting_at(EntryIndex::new(0), ORIGIN);
    for range in [0..8, 12..20] {
        let first = EntryIndex::new(count(range.start));
        if range.start > 0 {
            check.skip_to(first);
        }
        let entries = &entries[range];
        check.absorb(check_chunk(
            Chunk {
                first,
                entries,
                payloads: None,
            },
            &key,
        ));
    }
    assert_eq!(check.expected(), EntryIndex::new(20));
    assert!(check.tree().is_none());
    assert_eq!(check.finish().0.total, 0);
}

#[test]
fn findings_beyond_the_limit_are_counted() {
    let mut lines = lines(3);
    lines.truncate(1);
    let repeated: Lines =
        std::iter::repeat_n(lines[0].clone(), Findings::LISTED_MAX + 50).collect();
    let (findings, _) = check_from(0, &repeated, &[100]);
    assert_eq!(findings.listed.len(), Findings::LISTED_MAX);
    assert_eq!(findings.total, count(Findings::LISTED_MAX) + 49);
}

#[test]
fn what_can_be_confirmed_is_held_beyond_what_is_listed() {
    let held = Findings::HELD_MAX;
    let of = |kind, index: usize| Finding::at(kind, EntryIndex::new(count(index)), "a", "b");
    let mut findings = Findings::default();
    for index in 0..held + 5 {
        findings.push(of(ClockBackwards, index));
        findings.push(of(ChainBroken, index));
    }
    assert_eq!(findings.listed.len(), held + Findings::LISTED_MAX);
    // All that may ever be confirmed is taken away: what is left is listed, and what was not held still counts.
    let confirmed = EntryIndex::new(count(KNOWN_MAX));
    findings.retain(|one| one.kind != ClockBackwards || one.index >= Some(confirmed));
    findings.cut();
    assert_eq!(findings.listed.len(), Findings::LISTED_MAX);
    assert_eq!(findings.held().count(), 2 * Findings::LISTED_MAX);
    assert_eq!(findings.total, count(2 * (held + 5) - KNOWN_MAX));
}

proptest! {
    #[test]
    fn any_chunking_of_a_good_ledger_is_good(entries in 0u64..60, lengths in prop::collection::vec(1usize..20, 1..8)) {
        prop_assert_eq!(found_from(0, &lines(entries), &lengths), []);
    }

    /// Whatever is done to the order of entries, it is seen, in every chunking the same.
    #[test]
    fn any_other_sequence_is_not_good(
        picked in prop::collection::vec(0usize..12, 0..16),
        lengths in prop::collection::vec(1usize..9, 1..5),
    ) {
        let good = lines(12);
        let sequence: Lines = picked.iter().map(|at| good[*at].clone()).collect();
        let in_order = picked.iter().copied().eq(0..picked.len());
        let found = found(&sequence);
        prop_assert_eq!(found.is_empty(), in_order);
        prop_assert_eq!(found_from(0, &sequence, &lengths), found);
    }

    #[test]
    fn any_changed_byte_is_found(at in 0usize..8, of_payload: bool, byte: prop::sample::Index, flip in 1u8..) {
        let mut lines = lines(9);
        let line = &mut lines[at];
        let bytes = if of_payload { &mut line.1 } else { &mut line.0 };
        let byte = byte.index(bytes.len());
        bytes[byte] ^= flip;
        let found = found_from(0, &lines, &[9]);
        prop_assert!(found.iter().any(|(_, found)| (at..=at + 1).contains(&usize::try_from(*found).unwrap())));
    }
}

//! Damage is refused with its place, never repaired; the scan finds all of it and goes on behind it.

use std::path::{Path, PathBuf};

use crate::{
    ledger::{
        checkpoint::Checkpoint,
        hash::RootHash,
        position::{EntryIndex, TreeSize},
    },
    store::disk::sim::SimDisk,
};

use super::{
    super::{
        Damage, DamageKind, Journal, JournalError, JournalOptions, RawBatch, Scan,
        checksum::Checksum,
        frame::{FrameHeader, SEGMENT_HEADER_BYTES},
        publish_checkpoint,
    },
    Made, check_prefix, create, directory, empty, event, key, make, open, shared, sizes, ten,
    written,
};

/// A frame of a segment: where it begins and ends.
struct Framed {
    start: usize,
    end: usize,
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|e| e == "seg");
    disk.contents().into_keys().filter(is_segment).collect()
}

fn frames(bytes: &[u8]) -> Vec<Framed> {
    let mark = *bytes[SEGMENT_HEADER_BYTES..].first_chunk().unwrap();
    let mut start = SEGMENT_HEADER_BYTES;
    let mut all = Vec::new();
    while start < bytes.len() {
        let (header, _) = FrameHeader::decode(&bytes[start..], &mark).unwrap();
        let end = start + header.frame_length() as usize;
        all.push(Framed { start, end });
        start = end;
    }
    all
}

/// A journal in one segment, and the frames in it.
fn in_one_segment(made: &[Made]) -> (SimDisk, PathBuf, Vec<Framed>) {
    let disk = SimDisk::new(1);
    let options = JournalOptions::default();
    let mut journal = Journal::create(shared(&disk), &directory(), &empty(), options).unwrap();
    super::append_all(&mut journal, made);
    let path = segments(&disk).remove(0);
    let all = frames(&disk.contents()[&path]);
    drop(journal);
    (disk, path, all)
}

/// Everything the scan gives, decoded.
fn scanned(disk: &SimDisk) -> (Vec<RawBatch>, Vec<Damage>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for item in Scan::open(shared(disk), &directory()).unwrap() {
        match item.and_then(|raw| raw.decode().map(|_| raw)) {
            Ok(raw) => good.push(raw),
            Err(damage) => bad.push(*damage),
        }
    }
    (good, bad)
}

/// Opening must refuse, and change nothing.
fn refused(disk: &SimDisk) -> JournalError {
    let before = disk.contents();
    let error = open(disk).expect_err("it opened");
    assert_eq!(before, disk.contents(), "a refusal changed a file");
    error
}

fn damage_of(error: JournalError) -> Damage {
    match error {
        JournalError::Damaged(damage) => *damage,
        other => panic!("{other}"),
    }
}

fn flip(disk: &SimDisk, path: &Path, at: usize) {
    disk.tamper(path, |bytes| bytes[at] ^= 1 << (at % 8));
}

#[test]
fn a_bad_batch_before_a_good_one_is_refused_with_segment_offset_and_index() {
    let made = ten(1);
    let bad = 8;
    let (_, path, all) = in_one_segment(&made);
    // In the frame's header, its table, and its last section.
    for at in [all[bad].start + 40, all[bad].start + 100, all[bad].end - 1] {
        let (disk, ..) = in_one_segment(&made);
        flip(&disk, &path, at);
        let damage = damage_of(refused(&disk));
        assert_eq!(damage.segment, "00000000000000000000.seg");
        assert_eq!(damage.offset, all[bad].start as u64);
        assert_eq!(damage.index, made[bad].batch.first);
        assert_eq!(damage.resumes_at, Some(made[bad + 1].batch.first));
        assert!(!damage.torn);
        let (good, damages) = scanned(&disk);
        assert_eq!(good.len(), made.len() - 1);
        assert_eq!(damages, [damage]);
    }
}

#[test]
fn one_bit_flipped_anywhere_in_an_old_segment_is_found_by_the_scan() {
    let made = ten(2);
    let disk = written(2, &made);
    let path = segments(&disk).remove(1);
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let length = disk.contents()[&path].len();
    for at in (0..length).step_by(7) {
        flip(&disk, &path, at);
        let (good, bad) = scanned(&disk);
        assert!(
            bad.iter()
                .any(|damage| damage.segment == name && !damage.torn),
            "offset {at}: {bad:?}"
        );
        // One flipped bit costs one batch at the most.
        assert!(good.len() + 1 >= made.len(), "offset {at}: {bad:?}");
        flip(&disk, &path, at);
    }
    assert_eq!(scanned(&disk).1, []);
}

#[test]
fn a_bit_flipped_in_an_old_segments_header_or_seal_is_refused() {
    let made = ten(3);
    let disk = written(3, &made);
    let path = segments(&disk).remove(0);
    let bytes = disk.contents()[&path].clone();
    let seal = frames(&bytes).pop().unwrap();
    for at in (0..SEGMENT_HEADER_BYTES).chain(seal.start..seal.end) {
        flip(&disk, &path, at);
        assert!(open(&disk).is_err(), "offset {at}");
        flip(&disk, &path, at);
    }
    open(&disk).unwrap();
}

#[test]
fn a_torn_tail_is_cut_to_the_last_committed_batch() {
    let made = ten(4);
    let (_, path, all) = in_one_segment(&made);
    let last = all.last().unwrap();
    for end in (last.start + 1..last.end).step_by(11) {
        let (disk, ..) = in_one_segment(&made);
        disk.tamper(&path, |bytes| bytes.truncate(end));
        let (good, bad) = scanned(&disk);
        assert_eq!((good.len(), bad.len()), (made.len() - 1, 1));
        assert!(bad[0].torn && !bad[0].followed_by_good(), "{bad:?}");
        let (journal, recovery) = open(&disk).unwrap();
        let cut = recovery.cut.unwrap();
        assert_eq!(
            (cut.offset, cut.bytes),
            (last.start as u64, (end - last.start) as u64)
        );
        let kept = made[made.len() - 2].encoded.size();
        assert_eq!(recovery.size, kept);
        check_prefix(&journal.reader(), &made, kept).unwrap();
    }
}

#[test]
fn a_damaged_batch_with_the_beginning_of_another_behind_it_is_not_torn() {
    let made = ten(4);
    let (disk, path, all) = in_one_segment(&made);
    let (damaged, cut_off) = (&all[8], &all[9]);
    disk.tamper(&path, |bytes| bytes.truncate(cut_off.start + 50));
    flip(&disk, &path, damaged.end - 1);
    let damage = damage_of(refused(&disk));
    assert_eq!(damage.offset, damaged.start as u64);
    assert!(!damage.torn);
}

#[test]
fn bytes_that_no_single_write_leaves_are_not_cut() {
    let made = ten(4);
    // A whole frame that stood elsewhere.
    let (disk, path, all) = in_one_segment(&made);
    disk.tamper(&path, |bytes| {
        let again = bytes[all[3].start..all[3].end].to_vec();
        bytes.extend_from_slice(&again);
    });
    assert!(matches!(
        damage_of(refused(&disk)).kind,
        DamageKind::Link(_)
    ));
    // More than the largest batch.
    let (disk, path, _) = in_one_segment(&made);
    disk.tamper(&path, |bytes| bytes.resize(bytes.len() + (40 << 20), 0));
    assert_eq!(damage_of(refused(&disk)).kind, DamageKind::FrameHeader);
}

#[test]
fn a_frame_within_a_payload_is_not_taken_for_one() {
    let made = ten(6);
    let (other, path, all) = in_one_segment(&made);
    let frame = other.contents()[&path][all[9].start..all[9].end].to_vec();
    // The same ledger's frame, on another disk with another mark, carried by a batch that is torn.
    let disk = SimDisk::new(99);
    let options = JournalOptions::default();
    let mut journal = Journal::create(shared(&disk), &directory(), &empty(), options).unwrap();
    super::append_all(&mut journal, &made);
    drop(journal);
    disk.tamper(&path, |bytes| {
        bytes.extend_from_slice(&[0; 200]);
        bytes.extend_from_slice(&frame);
    });
    let (journal, recovery) = open(&disk).unwrap();
    assert_eq!(recovery.cut.unwrap().bytes, 200 + frame.len() as u64);
    check_prefix(&journal.reader(), &made, made[9].encoded.size()).unwrap();
}

#[test]
fn a_missing_segment_is_refused_and_the_scan_goes_on_behind_it() {
    let made = ten(7);
    let names = segments(&written(7, &made));
    assert!(names.len() > 3, "the test needs some segments");
    for missing in &names[..names.len() - 1] {
        let disk = written(7, &made);
        disk.steal(missing);
        let damage = damage_of(refused(&disk));
        assert_eq!(damage.kind, DamageKind::MissingSegment);
        assert_eq!(
            damage.segment,
            missing.file_name().unwrap().to_string_lossy()
        );
        let (good, bad) = scanned(&disk);
        assert_eq!(bad, std::slice::from_ref(&damage));
        let behind = good
            .iter()
            .filter(|raw| raw.first() >= damage.resumes_at.unwrap());
        assert!(behind.count() > 0);
    }
}

#[test]
fn a_missing_last_segment_is_refused_when_a_checkpoint_was_published() {
    let made = ten(7);
    let disk = written(7, &made);
    publish_checkpoint(&disk, &directory(), &made[9].checkpoint).unwrap();
    disk.steal(segments(&disk).last().unwrap());
    match refused(&disk) {
        JournalError::BehindCheckpoint { held, published } => {
            assert!(held < published);
            assert_eq!(published, made[9].encoded.size());
            assert!(sizes(&made).contains(&held));
        }
        other => panic!("{other}"),
    }
}

/// Cut within a batch, between two, and down to nothing that any reader would see.
#[test]
fn a_journal_that_was_written_to_is_refused_without_its_checkpoint() {
    let made = ten(8);
    for cut in [0, 1] {
        let (disk, path, all) = in_one_segment(&made);
        disk.steal(&directory().join("checkpoint"));
        for frame in all.iter().rev() {
            disk.tamper(&path, |bytes| bytes.truncate(frame.end - cut));
            let error = refused(&disk);
            assert!(
                matches!(&error, JournalError::NoCheckpoint { held, .. } if sizes(&made).contains(held)),
                "{error}"
            );
            assert!(error.to_string().contains("/checkpoint is missing"));
        }
    }
    // One that covers what there is lets it go on.
    let (disk, _, _) = in_one_segment(&made);
    disk.steal(&directory().join("checkpoint"));
    publish_checkpoint(&disk, &directory(), &made[9].checkpoint).unwrap();
    assert_eq!(open(&disk).unwrap().0.size(), made[9].encoded.size());
}

/// As an earlier version left it.
#[test]
fn a_journal_that_was_never_written_to_opens_without_a_checkpoint() {
    let disk = SimDisk::new(1);
    drop(create(&disk).unwrap());
    let (_, recovery) = open(&disk).unwrap();
    assert_eq!(recovery.published, Some(TreeSize::EMPTY));
    disk.steal(&directory().join("checkpoint"));
    let (journal, recovery) = open(&disk).unwrap();
    assert_eq!(
        (journal.size(), recovery.published),
        (TreeSize::EMPTY, None)
    );
}

#[test]
fn a_tail_that_a_published_checkpoint_covers_is_not_cut() {
    let made = ten(8);
    let (disk, path, all) = in_one_segment(&made);
    publish_checkpoint(&disk, &directory(), &made[9].checkpoint).unwrap();
    disk.tamper(&path, |bytes| bytes.truncate(all[9].end - 1));
    assert!(matches!(
        refused(&disk),
        JournalError::BehindCheckpoint { .. }
    ));
}

#[test]
fn a_checkpoint_of_another_history_is_refused() {
    let made = ten(8);
    let disk = written(8, &made);
    let other = Checkpoint {
        root: RootHash::from_bytes([9; 32]),
        ..made[4].checkpoint.checkpoint().clone()
    };
    publish_checkpoint(&disk, &directory(), &other.sign(&key())).unwrap();
    let error = refused(&disk);
    assert!(
        matches!(error, JournalError::ForkedFromCheckpoint { .. }),
        "{error}"
    );
}

#[test]
fn segments_of_another_ledger_or_a_newer_format_are_refused() {
    let made = ten(9);
    let disk = written(9, &made);
    let other = "ledger.example/other".parse().unwrap();
    let error = Journal::open(
        shared(&disk),
        &directory(),
        &other,
        JournalOptions::default(),
    );
    assert!(
        matches!(error, Err(JournalError::OtherOrigin { .. })),
        "{error:?}"
    );
    for path in segments(&disk) {
        let before = disk.contents()[&path].clone();
        disk.tamper(&path, |bytes| {
            bytes[8] = 2;
            let checksum = Checksum::of(&bytes[..SEGMENT_HEADER_BYTES - 16]);
            bytes[SEGMENT_HEADER_BYTES - 16..SEGMENT_HEADER_BYTES]
                .copy_from_slice(checksum.as_bytes());
        });
        let error = refused(&disk);
        assert!(
            matches!(error, JournalError::NewerFormat { found: 2, .. }),
            "{error}"
        );
        disk.tamper(&path, |bytes| *bytes = before);
    }
}

#[test]
fn a_segment_from_another_copy_of_the_ledger_does_not_fit() {
    let made = ten(10);
    let (mine, theirs) = (written(10, &made), written(11, &made));
    let path = segments(&mine).remove(1);
    let foreign = theirs.contents()[&path].clone();
    mine.tamper(&path, |bytes| *bytes = foreign);
    assert_eq!(damage_of(refused(&mine)).kind, DamageKind::NotContinued);
    assert!(!scanned(&mine).1.is_empty());
}

#[test]
fn a_segment_without_its_header_is_still_read_by_the_scan() {
    let made = ten(12);
    let disk = written(12, &made);
    for path in segments(&disk) {
        disk.tamper(&path, |bytes| bytes[..SEGMENT_HEADER_BYTES].fill(0));
    }
    let (good, bad) = scanned(&disk);
    assert_eq!(good.len(), made.len());
    assert!(
        bad.iter()
            .all(|damage| damage.kind == DamageKind::SegmentHeader)
    );
    assert_eq!(bad.len(), segments(&disk).len());
}

#[test]
fn a_batch_that_does_not_fit_is_refused_and_the_journal_goes_on() {
    let made = ten(13);
    let disk = SimDisk::new(13);
    let mut journal = create(&disk).unwrap();
    journal.append(made[0].encoded.clone()).unwrap();
    for wrong in [&made[0], &made[2]] {
        let refused = journal.append(wrong.encoded.clone());
        assert!(
            matches!(refused, Err(JournalError::OutOfOrder { .. })),
            "{refused:?}"
        );
    }
    journal.append(made[1].encoded.clone()).unwrap();
    assert_eq!(journal.size(), made[1].encoded.size());
    let mut random = crate::store::disk::sim::Random(1);
    let state = crate::ledger::state::State::new("ledger.example/other".parse().unwrap());
    let (_, batch) = state
        .append(vec![event(&mut random, 0, 10)], Default::default())
        .unwrap();
    let other = crate::ledger::note::SigningKey::from_seed(state.origin().clone(), &[1; 32]);
    let signed = batch.checkpoint.clone().sign(&other);
    let encoded = super::EncodedBatch::new(&batch, &signed, 1).unwrap();
    let mut empty = create(&SimDisk::new(14)).unwrap();
    let refused = empty.append(encoded);
    assert!(
        matches!(refused, Err(JournalError::InvalidBatch(_))),
        "{refused:?}"
    );
    let mismatched = super::EncodedBatch::new(&made[1].batch, &made[0].checkpoint, 1);
    assert!(matches!(mismatched, Err(JournalError::InvalidBatch(_))));
}

#[test]
fn an_empty_ledger_reopens_empty() {
    let disk = SimDisk::new(1);
    drop(create(&disk).unwrap());
    let (journal, recovery) = open(&disk).unwrap();
    assert_eq!((journal.size(), recovery.segments), (TreeSize::EMPTY, 1));
    assert_eq!(scanned(&disk).1, []);
    let read = journal.reader().entry(EntryIndex::new(0));
    assert!(matches!(read, Err(JournalError::NoSuchEntry { .. })));
    drop(journal);
    let made = make(1, &[1], 10);
    let mut journal = open(&disk).unwrap().0;
    super::append_all(&mut journal, &made);
    drop(journal);
    // What holds a batch is never made anew.
    assert!(matches!(create(&disk), Err(JournalError::Exists(_))));
}

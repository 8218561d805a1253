//! Damaged payloads keep a journal shut until its own entries say that they are lost; damaged entries always do.

use std::path::PathBuf;

use crate::{
    ledger::{
        breaks::{BREAK_PRODUCER, BREAK_SOURCE, BREAK_TYPE, BreakBody, Known, KnownKind},
        event::{Event, NewEvent, NewPart},
        payload::{LOST, Salt},
        position::{EntryIndex, TreeSize, UnixNanos},
        state::{Batch, State},
        verify::LOST_PAYLOAD,
    },
    store::disk::sim::SimDisk,
};

use super::{
    super::{
        EncodedBatch, Journal, JournalError, JournalOptions, JournalReader, LostPayload,
        LostPayloads, Scan,
        frame::{FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES},
        publish_checkpoint,
        table::Table,
    },
    Made, directory, empty, event, expected_entries, key, origin, shared,
};
use crate::store::disk::sim::Random;

const ONE_SEGMENT: JournalOptions = JournalOptions {
    segment_bytes: 64 << 20,
    lost_payloads: LostPayloads::Confirmed,
};

/// A ledger that grows batch by batch.
struct Ledger {
    disk: SimDisk,
    state: State,
    made: Vec<Made>,
}

impl Ledger {
    /// Batches of these sizes, in one segment.
    fn of(sizes: &[usize]) -> Self {
        let disk = SimDisk::new(1);
        let journal = Journal::create(shared(&disk), &directory(), &empty(), ONE_SEGMENT).unwrap();
        drop(journal);
        let mut ledger = Self {
            disk,
            state: State::new(origin()),
            made: Vec::new(),
        };
        let mut random = Random(5);
        for size in sizes {
            let first = ledger.state.size().value();
            let events = (first..first + *size as u64).map(|n| event(&mut random, n, 3000));
            ledger
                .append(events.collect(), LostPayloads::Confirmed)
                .unwrap();
        }
        ledger
    }

    fn open(&self, lost_payloads: LostPayloads) -> Result<Journal, JournalError> {
        let options = JournalOptions {
            lost_payloads,
            ..ONE_SEGMENT
        };
        Journal::open(shared(&self.disk), &directory(), &origin(), options)
            .map(|(journal, _)| journal)
    }

    fn reader(&self) -> Result<JournalReader, JournalError> {
        JournalReader::open_on(shared(&self.disk), &directory())
    }

    fn append(&mut self, events: Vec<Event>, with: LostPayloads) -> Result<(), JournalError> {
        let mut journal = self.open(with)?;
        let (next, batch): (State, Batch) = self.state.append(events, UnixNanos::new(9)).unwrap();
        let checkpoint = batch.checkpoint.clone().sign(&key());
        let encoded = EncodedBatch::new(&batch, &checkpoint, 1).unwrap();
        journal.append(encoded.clone())?;
        publish_checkpoint(&self.disk, &directory(), &checkpoint)?;
        self.state = next;
        self.made.push(Made {
            batch,
            checkpoint,
            encoded,
        });
        Ok(())
    }

    /// Where the sections of a batch lie in the segment, first entries then payloads of each block.
    fn sections(&self, batch: usize) -> (PathBuf, Vec<std::ops::Range<usize>>) {
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|e| e == "seg");
        let path = self.disk.contents().into_keys().find(is_segment).unwrap();
        let bytes = &self.disk.contents()[&path];
        let mark = *bytes[SEGMENT_HEADER_BYTES..].first_chunk().unwrap();
        let mut start = SEGMENT_HEADER_BYTES;
        for _ in 0..batch {
            let (header, _) = FrameHeader::decode(&bytes[start..], &mark).unwrap();
            start += header.frame_length() as usize;
        }
        let (header, _) = FrameHeader::decode(&bytes[start..], &mark).unwrap();
        let body = start + FRAME_HEADER_BYTES;
        let table =
            Table::read(&bytes[body..body + header.table_length as usize], &header).unwrap();
        let mut ranges = Vec::new();
        for at in table.places(&header) {
            for (offset, section) in [at.entries(), at.payloads()] {
                let from = body + offset as usize;
                ranges.push(from..from + section.stored as usize);
            }
        }
        (path, ranges)
    }

    /// Zeroes the last tenth of a batch's payloads, as a disk does with sectors that it can't read.
    fn lose_payloads(&self, batch: usize) {
        let (path, sections) = self.sections(batch);
        let range = sections[1].clone();
        let from = range.end - range.len() / 10;
        self.disk
            .tamper(&path, |bytes| bytes[from..range.end].fill(0));
    }

    /// What the batch that holds an entry has lost.
    fn lost(&self) -> Vec<LostPayload> {
        let scan = Scan::open(shared(&self.disk), &directory()).unwrap();
        let published = self.made.last().unwrap().encoded.size();
        scan.committed(published)
            .flat_map(|raw| raw.unwrap().decode_keeping().unwrap().1)
            .collect()
    }

    fn confirmation(&self, lost: &[LostPayload]) -> Event {
        let body = BreakBody {
            findings: lost
                .iter()
                .map(|lost| Known {
                    kind: KnownKind::PayloadMissing,
                    index: Some(lost.index),
                    expected: lost.commitment.to_string(),
                    found: LOST_PAYLOAD.to_owned(),
                })
                .collect(),
            what: "a sector is gone".to_owned(),
            why: "the disk is old".to_owned(),
        };
        let event = NewEvent {
            event_type: BREAK_TYPE.into(),
            source: BREAK_SOURCE.into(),
            event_id: format!("break-{}", self.made.len()),
            producer: BREAK_PRODUCER.into(),
            parts: vec![NewPart {
                salt: Salt::from_bytes([3; 32]),
                name: "body".into(),
                content_type: "application/json".into(),
                content: body.to_bytes(),
            }],
            ..NewEvent::default()
        };
        Event::new(event, UnixNanos::new(1)).unwrap()
    }
}

fn is_damaged(refused: Result<impl Sized, JournalError>) -> bool {
    matches!(refused, Err(JournalError::Damaged(_)))
}

#[test]
fn a_lost_payload_keeps_the_journal_shut_until_its_loss_is_confirmed() {
    for batch in [0, 1] {
        let mut ledger = Ledger::of(&[110, 110, 3]);
        ledger.lose_payloads(batch);
        let before = ledger.disk.contents();
        assert!(is_damaged(ledger.open(LostPayloads::Confirmed)));
        assert!(is_damaged(ledger.reader()));
        assert_eq!(before, ledger.disk.contents(), "a refusal changed a file");

        let lost = ledger.lost();
        assert!(
            (1..110).contains(&lost.len()),
            "some are lost, some kept: {}",
            lost.len()
        );
        let confirmation = ledger.confirmation(&lost);
        ledger
            .append(vec![confirmation], LostPayloads::All)
            .unwrap();
        let journal = ledger.open(LostPayloads::Confirmed).unwrap();
        for reader in [journal.reader(), ledger.reader().unwrap()] {
            let read: Vec<_> = reader
                .batches(EntryIndex::new(0))
                .map(Result::unwrap)
                .collect();
            assert_eq!(read.len(), ledger.made.len());
            for (number, expected) in expected_entries(&ledger.made).into_iter().enumerate() {
                let index = EntryIndex::new(number as u64);
                let stored = reader.entry(index).unwrap();
                assert_eq!(stored.entry, expected.entry);
                if lost.iter().any(|lost| lost.index == index) {
                    assert_eq!(stored.payload, LOST);
                } else {
                    assert_eq!(stored.payload, expected.payload);
                }
            }
        }
        drop(journal);
        // The ledger goes on.
        let more = event(&mut Random(1), 99, 10);
        ledger.append(vec![more], LostPayloads::Confirmed).unwrap();
    }
}

#[test]
fn a_confirmation_of_less_than_is_lost_opens_nothing() {
    let mut ledger = Ledger::of(&[20, 20, 3]);
    ledger.lose_payloads(0);
    let lost = ledger.lost();
    let confirmation = ledger.confirmation(&lost[1..]);
    ledger
        .append(vec![confirmation], LostPayloads::All)
        .unwrap();
    assert!(is_damaged(ledger.open(LostPayloads::Confirmed)));
    let confirmation = ledger.confirmation(&lost[..1]);
    ledger
        .append(vec![confirmation], LostPayloads::All)
        .unwrap();
    assert!(ledger.open(LostPayloads::Confirmed).is_ok());
    // What is lost later is not what was confirmed.
    ledger.lose_payloads(1);
    assert!(is_damaged(ledger.open(LostPayloads::Confirmed)));
    assert!(is_damaged(ledger.reader()));
}

#[test]
fn damaged_entries_are_never_opened() {
    let ledger = Ledger::of(&[20, 20, 3]);
    let (path, sections) = ledger.sections(0);
    let at = sections[0].start + 5;
    ledger.disk.tamper(&path, |bytes| bytes[at] ^= 4);
    for with in [LostPayloads::Confirmed, LostPayloads::All] {
        assert!(is_damaged(ledger.open(with)));
    }
}

#[test]
fn a_confirmation_behind_other_damage_still_counts() {
    let mut ledger = Ledger::of(&[20, 20, 20]);
    ledger.lose_payloads(0);
    let confirmation = ledger.confirmation(&ledger.lost());
    ledger
        .append(vec![confirmation], LostPayloads::All)
        .unwrap();
    let reader = ledger.reader().unwrap();
    // Since it was opened, a header between the loss and its confirmation is damaged too.
    let (path, sections) = ledger.sections(1);
    let (_, before) = ledger.sections(0);
    let header = before.last().unwrap().end;
    assert!(header < sections[0].start);
    ledger.disk.tamper(&path, |bytes| bytes[header + 20] ^= 1);
    assert!(is_damaged(reader.batch_at(EntryIndex::new(20))));
    let batch = reader.batch_at(EntryIndex::new(0)).unwrap();
    let payloads = batch.blocks.iter().flat_map(|block| &block.payloads);
    assert!(payloads.copied().collect::<Vec<u8>>().ends_with(&LOST));
}

#[test]
fn lost_payloads_of_the_last_batch_are_no_torn_write_once_it_was_published() {
    let mut ledger = Ledger::of(&[20, 20]);
    ledger.lose_payloads(1);
    let refused = ledger.open(LostPayloads::Confirmed).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("entry 20: the payloads") && said.contains("exhibit break confirm"),
        "{said}"
    );
    assert!(!said.contains("follow"), "{said}");
    let lost = ledger.lost();
    assert!(!lost.is_empty());
    let confirmation = ledger.confirmation(&lost);
    ledger
        .append(vec![confirmation], LostPayloads::All)
        .unwrap();
    assert_eq!(ledger.reader().unwrap().size(), TreeSize::new(41));

    // Not published, it is a write that was cut short, whoever opens.
    let ledger = Ledger::of(&[20, 20]);
    publish_checkpoint(&ledger.disk, &directory(), &ledger.made[0].checkpoint).unwrap();
    ledger.lose_payloads(1);
    let journal = ledger.open(LostPayloads::All).unwrap();
    assert_eq!(journal.size(), TreeSize::new(20));
}

#[test]
fn every_flipped_bit_of_payloads_loses_only_payloads_that_are_not_whole() {
    let ledger = Ledger::of(&[4, 1]);
    let expected = expected_entries(&ledger.made);
    let (path, sections) = ledger.sections(0);
    for at in sections[1].clone().step_by(13) {
        ledger
            .disk
            .tamper(&path, |bytes| bytes[at] ^= 1 << (at % 8));
        let scan = Scan::open(shared(&ledger.disk), &directory()).unwrap();
        let raw = scan.map(Result::unwrap).next().unwrap();
        assert!(raw.decode().is_err());
        if let Ok((batch, lost)) = raw.decode_keeping() {
            assert!(!lost.is_empty());
            let whole = expected.iter().take(4).zip(0..).map(|(stored, index)| {
                let is_lost = lost.iter().any(|lost| lost.index == EntryIndex::new(index));
                if is_lost {
                    LOST.to_vec()
                } else {
                    stored.payload.clone()
                }
            });
            assert_eq!(batch.blocks[0].payloads, whole.collect::<Vec<_>>().concat());
        }
        ledger
            .disk
            .tamper(&path, |bytes| bytes[at] ^= 1 << (at % 8));
    }
}

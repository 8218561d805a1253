//! What is written is read back as the same bytes, and no bytes make a reader panic.

use proptest::{collection::vec, prelude::*};

use crate::ledger::position::EntryIndex;

use super::{
    super::{
        Scan,
        checksum::Checksum,
        frame::{FrameHeader, FrameKind, Position, SegmentHeader},
        fuzz_frame,
        seal::{Samples, Seal},
        table::{Block, Section, Table},
    },
    directory, open, origin, shared, ten, written,
};

fn checksum() -> impl Strategy<Value = Checksum> {
    any::<[u8; 16]>().prop_map(Checksum::from_bytes)
}

fn position() -> impl Strategy<Value = Position> {
    (any::<u64>(), any::<u64>(), checksum()).prop_map(|(sequence, index, link)| Position {
        sequence,
        index: EntryIndex::new(index),
        link,
    })
}

fn section() -> impl Strategy<Value = Section> {
    (0u32..=40 << 20, any::<u32>(), checksum()).prop_map(|(raw, stored, checksum)| Section {
        raw,
        stored,
        checksum,
    })
}

proptest! {
    #[test]
    fn segment_headers_survive_the_round_trip(mark: [u8; 16], start in position()) {
        let (header, bytes) = SegmentHeader::new(mark, origin(), start);
        prop_assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
        fuzz_frame(&bytes);
    }

    #[test]
    fn frame_headers_survive_the_round_trip(
        mark: [u8; 16],
        position in position(),
        count in 1u32..,
        body in 0u32..36 << 20,
        table in checksum(),
    ) {
        for (kind, count) in [(FrameKind::Batch, count), (FrameKind::Seal, 0)] {
            let (body_length, table_length) = (body, body / 2);
            let header = FrameHeader { mark, kind, position, count, body_length, table_length, table };
            let (bytes, own) = header.encode();
            prop_assert_eq!(FrameHeader::decode(&bytes, &mark), Some((header, own)));
            fuzz_frame(&bytes);
        }
    }

    #[test]
    fn a_changed_frame_header_is_no_header(at in 0usize..96, by in 1u8..) {
        let header = FrameHeader {
            mark: [3; 16],
            kind: FrameKind::Batch,
            position: Position::START,
            count: 1,
            body_length: 100,
            table_length: 60,
            table: Checksum::of(b"table"),
        };
        let (mut bytes, _) = header.encode();
        bytes[at] ^= by;
        prop_assert_eq!(FrameHeader::decode(&bytes, &[3; 16]), None);
    }

    #[test]
    fn tables_survive_the_round_trip(
        note in vec(any::<u8>(), 0..300),
        blocks in vec((1u32..=256, section(), section()), 0..20),
    ) {
        let blocks = blocks.into_iter();
        let block = |(count, entries, payloads)| Block { count, entries, payloads };
        let table = Table { note, blocks: blocks.map(block).collect() };
        let mut bytes = Vec::new();
        table.encode(&mut bytes);
        prop_assert_eq!(Table::decode(&bytes), Some(table));
        fuzz_frame(&bytes);
    }

    #[test]
    fn seals_survive_the_round_trip(last_batch: u64, steps in vec((1u64..1000, 0u64..1 << 20), 0..50)) {
        let mut samples = Samples::default();
        let (mut index, mut offset) = (0, 0);
        for (entries, bytes) in steps {
            samples.note(EntryIndex::new(index), offset);
            index += entries;
            offset += bytes;
        }
        let seal = Seal { last_batch, samples };
        let (frame, _) = seal.frame([0; 16], Position::START);
        prop_assert_eq!(Seal::decode(&frame[96..]), Some(seal));
        fuzz_frame(&frame[96..]);
    }

    #[test]
    fn no_bytes_make_the_decoders_panic(bytes in vec(any::<u8>(), 0..2000)) {
        fuzz_frame(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_changed_journal_makes_a_reader_panic(
        changes in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut: prop::sample::Index,
    ) {
        let disk = written(1, &ten(1));
        let paths: Vec<_> = disk.contents().into_keys().collect();
        for (path, at, value) in &changes {
            disk.tamper(&paths[path.index(paths.len())], |bytes| {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            });
        }
        disk.tamper(&paths[cut.index(paths.len())], |bytes| bytes.truncate(cut.index(bytes.len())));
        for raw in Scan::open(shared(&disk), &directory()).unwrap().flatten() {
            let _ = raw.decode();
        }
        let _ = open(&disk).map(|(journal, _)| journal.reader().batches(EntryIndex::new(0)).count());
    }

    #[test]
    fn a_changed_body_never_makes_the_decoder_panic(
        bytes in vec(any::<u8>(), 0..400),
        count in 1u32..=256,
        raw in 0u32..5000,
    ) {
        // A table that fits, with checksums that hold, over sections of any bytes.
        let half = bytes.len() / 2;
        let section = |bytes: &[u8]| Section {
            raw,
            stored: bytes.len() as u32,
            checksum: Checksum::of(bytes),
        };
        let block = Block { count, entries: section(&bytes[..half]), payloads: section(&bytes[half..]) };
        let table = Table { note: b"note".to_vec(), blocks: vec![block] };
        let mut body = Vec::new();
        table.encode(&mut body);
        body.extend_from_slice(&bytes);
        fuzz_frame(&body);
    }
}

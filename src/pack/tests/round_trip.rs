//! What is written verifies, whatever its size, range and filter.

use std::{fs, io::Read, path::Path};

use proptest::prelude::*;

use super::memory::MemoryLedger;
use crate::{
    ledger::{filter::Filter, position::EntryIndex},
    pack::{PackRequest, Report, Verdict, VerifyOptions, verify_pack, write_pack},
};

pub(super) fn pack_of(ledger: &MemoryLedger, request: &PackRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    let summary = write_pack(&mut bytes, ledger, request).unwrap();
    assert_eq!(summary.bytes, bytes.len() as u64);
    bytes
}

pub(super) fn verify_bytes(ledger: &MemoryLedger, bytes: &[u8], options: &VerifyOptions) -> Report {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pack.zip");
    fs::write(&path, bytes).unwrap();
    verify_pack(&path, ledger.key(), options, &|_, _| {}).unwrap()
}

/// Unpacks with the zip library that everybody else uses.
pub(super) fn unpack(bytes: &[u8], to: &Path) {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    for number in 0..zip.len() {
        let mut file = zip.by_index(number).unwrap();
        let path = to.join(file.enclosed_name().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn assert_verified(report: &Report) {
    assert_eq!(report.findings.listed, []);
    assert_eq!(report.verdict, Verdict::Verified, "{:?}", report.incomplete);
}

#[test]
fn a_pack_of_every_size_around_a_bundle_verifies_zipped_and_unpacked() {
    for size in [1, 2, 255, 256, 257, 511, 512, 513, 700] {
        let ledger = MemoryLedger::of(size);
        let bytes = pack_of(&ledger, &ledger.request());
        let report = verify_bytes(&ledger, &bytes, &VerifyOptions::default());
        assert_verified(&report);
        assert_eq!(report.counts.entries, size as u64);
        assert_eq!(report.more.jsonl_lines, size as u64);
        assert_eq!(report.more.csv_rows, size as u64);
        let directory = tempfile::tempdir().unwrap();
        unpack(&bytes, directory.path());
        let report = verify_pack(
            directory.path(),
            ledger.key(),
            &VerifyOptions::default(),
            &|_, _| {},
        );
        assert_verified(&report.unwrap());
    }
}

#[test]
fn a_pack_of_more_tiles_than_one_level_holds_verifies() {
    let ledger = MemoryLedger::of(65_536 + 300);
    let bytes = pack_of(&ledger, &ledger.request());
    let report = verify_bytes(&ledger, &bytes, &VerifyOptions::default());
    assert_verified(&report);
    assert_eq!(report.more.tiles, 258 + 2 + 1);
    let partial = PackRequest {
        start: EntryIndex::new(300),
        end: Some(EntryIndex::new(900)),
        ..ledger.request()
    };
    let report = verify_bytes(
        &ledger,
        &pack_of(&ledger, &partial),
        &VerifyOptions::default(),
    );
    assert_verified(&report);
    assert_eq!(report.counts.entries, 768);
}

#[test]
fn of_entries_around_the_range_no_payload_is_disclosed() {
    let ledger = MemoryLedger::of(600);
    let request = PackRequest {
        start: EntryIndex::new(300),
        end: Some(EntryIndex::new(303)),
        ..ledger.request()
    };
    let bytes = pack_of(&ledger, &request);
    let report = verify_bytes(&ledger, &bytes, &VerifyOptions::default());
    assert_verified(&report);
    assert_eq!(report.counts.entries, 256);
    assert_eq!(report.counts.payloads_whole, 3);
    let directory = tempfile::tempdir().unwrap();
    unpack(&bytes, directory.path());
    let listing = fs::read_to_string(directory.path().join("events.jsonl")).unwrap();
    for (index, line) in (256..).zip(listing.lines()) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let parts = line["parts"].as_array().unwrap();
        let disclosed = parts.iter().any(|part| part.get("withheld").is_none());
        assert_eq!(disclosed, (300..303).contains(&index), "entry {index}");
    }
    let payloads = fs::read(directory.path().join("payload/001")).unwrap();
    let holds = |index: usize| {
        let content = format!(r#""CHG-{index}""#).into_bytes();
        payloads
            .windows(content.len())
            .any(|window| window == content)
    };
    assert!(holds(300) && holds(302));
    assert!(!holds(299) && !holds(303));
}

#[test]
fn the_same_export_gives_the_same_bytes() {
    let ledger = MemoryLedger::of(600);
    assert_eq!(
        pack_of(&ledger, &ledger.request()),
        pack_of(&ledger, &ledger.request())
    );
}

#[test]
fn an_empty_ledger_is_never_called_verified() {
    let ledger = MemoryLedger::of(0);
    let report = verify_bytes(
        &ledger,
        &pack_of(&ledger, &ledger.request()),
        &VerifyOptions::default(),
    );
    assert_eq!(report.findings.listed, []);
    assert_eq!(report.verdict, Verdict::Incomplete);
}

#[test]
fn a_gap_in_a_producers_count_makes_a_pack_incomplete_and_not_altered() {
    let mut events: Vec<_> = (0..20).map(super::memory::event).collect();
    events.remove(8);
    let ledger = MemoryLedger::with(events);
    let report = verify_bytes(
        &ledger,
        &pack_of(&ledger, &ledger.request()),
        &VerifyOptions::default(),
    );
    assert_eq!(report.findings.listed, []);
    assert_eq!(report.verdict, Verdict::Incomplete);
    assert_eq!(report.sources.listed[0].gaps, [(3, 3)]);
}

#[test]
fn ranges_that_go_nowhere_are_refused() {
    let ledger = MemoryLedger::of(10);
    for (start, end) in [(5, Some(5)), (7, Some(3)), (0, Some(11)), (10, None)] {
        let request = PackRequest {
            start: EntryIndex::new(start),
            end: end.map(EntryIndex::new),
            ..ledger.request()
        };
        assert!(write_pack(Vec::new(), &ledger, &request).is_err());
    }
}

#[test]
fn a_damaged_ledger_is_not_exported() {
    let mut ledger = MemoryLedger::of(300);
    let last = ledger.payloads[77].len() - 1;
    ledger.payloads[77][last] ^= 1;
    let error = write_pack(Vec::new(), &ledger, &ledger.request()).unwrap_err();
    assert!(
        error.to_string().contains("payload_altered at entry 77"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_asked_for_verifies(
        size in 1usize..900, start in 0usize..900, length in 1usize..900,
        event_type in any::<bool>(), subject in any::<bool>(), withhold in any::<bool>(),
    ) {
        let ledger = MemoryLedger::of(size);
        let start = start % size;
        let end = (start + length).min(size);
        let mut filter = Filter::default();
        if event_type { filter.event_types.push("exhibit.change.v1".to_owned()); }
        if subject { filter.subjects.push("a,b".to_owned()); }
        let selects = |number: usize| (!event_type || number % 2 == 1) && (!subject || number % 3 == 2);
        let request = PackRequest {
            start: EntryIndex::new(start as u64),
            end: Some(EntryIndex::new(end as u64)),
            withhold_parts: if withhold { vec!["comment".to_owned()] } else { Vec::new() },
            filter,
            allow_unmatched: true,
            ..ledger.request()
        };
        let report = verify_bytes(&ledger, &pack_of(&ledger, &request), &VerifyOptions::default());
        prop_assert_eq!(&report.findings.listed, &[]);
        prop_assert_eq!(report.verdict, Verdict::Verified, "{:?}", report.incomplete);
        let first = start / 256 * 256;
        let last = (end.div_ceil(256) * 256).min(size);
        let disclosed: usize = (start..end).filter(|number| selects(*number)).map(|number| {
            1 + usize::from(number % 3 == 1 && !withhold) + usize::from(number % 5 == 2)
        }).sum();
        prop_assert_eq!(report.counts.entries, (last - first) as u64);
        prop_assert_eq!(report.counts.parts_disclosed, disclosed as u64);
    }
}

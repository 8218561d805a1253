//! The tamper matrix: whatever somebody with the disk does to a pack or to a data directory is found out, as what it
//! is and where it is. Real files, really tampered with.

pub(crate) mod confirmed;
pub(crate) mod original;

use std::{fs, ops::Range, path::Path};

use exhibit::{
    ledger::{finding::FindingKind, note::SigningKey, position::EntryIndex, tree::Frontier},
    pack::{
        Report, Verdict, VerifyOptions, carried::CARRIED, manifest::INDEX_HTML, tamper::Tampering,
        verify_receipt,
    },
    store::journal::JournalReader,
};

use original::*;

#[test]
fn what_nobody_touched_verifies() {
    let original = Original::of(&[100, 200, 1, 299, 13]);
    for of in [Of::Pack, Of::Directory] {
        let path = original.copy(of);
        for options in [
            VerifyOptions::default(),
            original.kept_checkpoint(),
            original.kept_receipt(),
        ] {
            let report = original.verify(of, &path, &options).unwrap();
            assert_eq!(report.findings.listed, [], "{of:?}");
            assert_eq!(
                report.verdict,
                Verdict::Verified,
                "{of:?}: {:?}",
                report.incomplete
            );
            assert_eq!(report.counts.entries, 613);
            assert_eq!(
                report.more.trusted_checkpoints,
                options.trusted.len() as u64
            );
            assert_eq!(report.more.receipts, options.receipts.len() as u64);
        }
    }
}

#[test]
fn every_tampering_is_found_as_what_it_is_and_where_it_is() {
    let original = Original::of(&[100, 200, 1, 299, 13]);
    for of in [Of::Pack, Of::Directory] {
        for tampering in Tampering::ALL {
            if of == Of::Directory && !tampering.applies_to_directory() {
                continue;
            }
            for at in [0, 255, 300, 606].map(EntryIndex::new) {
                let case = format!("{of:?}, {}, at {at}", tampering.name());
                let path = original.copy(of);
                let expected = match of {
                    Of::Pack => tampering.apply_to_pack(&path, at, &original.key),
                    Of::Directory => tampering.apply_to_directory(&path, at, &original.key),
                };
                let expected = expected.unwrap_or_else(|error| panic!("{case}: {error}"));
                let options = if tampering.needs_evidence() {
                    let unaware = original
                        .verify(of, &path, &VerifyOptions::default())
                        .unwrap();
                    assert_eq!(unaware.findings.listed, [], "{case}");
                    assert_eq!(unaware.verdict, Verdict::Verified, "{case}");
                    original.kept_checkpoint()
                } else {
                    VerifyOptions::default()
                };
                let report = original.verify(of, &path, &options).unwrap();
                assert_eq!(report.verdict, Verdict::Altered, "{case}");
                let found = report
                    .findings
                    .listed
                    .iter()
                    .find(|finding| finding.kind == expected.kind);
                let Some(found) = found else {
                    panic!(
                        "{case}: expected {expected:?}, found {:#?}",
                        report.findings.listed
                    );
                };
                assert_eq!(
                    found.index, expected.index,
                    "{case}: {:#?}",
                    report.findings.listed
                );
            }
        }
    }
}

#[test]
fn a_kept_receipt_shows_a_rewritten_and_a_shortened_history() {
    let original = Original::of(&[10, 20]);
    for of in [Of::Pack, Of::Directory] {
        for (tampering, kind) in [
            (Tampering::HistoryRewritten, FindingKind::Forked),
            (Tampering::RolledBack, FindingKind::RolledBack),
        ] {
            let path = original.copy(of);
            let at = EntryIndex::new(4);
            match of {
                Of::Pack => tampering.apply_to_pack(&path, at, &original.key),
                Of::Directory => tampering.apply_to_directory(&path, at, &original.key),
            }
            .unwrap();
            let report = original
                .verify(of, &path, &original.kept_receipt())
                .unwrap();
            assert!(
                report.has(kind),
                "{of:?} {tampering:?}: {:#?}",
                report.findings
            );
        }
    }
}

/// Flips one bit in each byte of a file, and gives the offsets where nobody minds. Of the ranges given, one byte in 997
/// stands for all.
fn unnoticed_flips(
    file: &Path,
    sparsely: &[Range<usize>],
    verify: impl Fn() -> Option<Report>,
) -> Vec<usize> {
    let whole = fs::read(file).unwrap();
    let flipped = |offset: &usize| {
        offset.is_multiple_of(997) || !sparsely.iter().any(|range| range.contains(offset))
    };
    let unnoticed = (0..whole.len()).filter(flipped).filter(|offset| {
        let mut flipped = whole.clone();
        flipped[*offset] ^= 1 << (offset % 8);
        fs::write(file, flipped).unwrap();
        verify().is_some_and(|report| report.verdict != Verdict::Altered)
    });
    let unnoticed = unnoticed.collect();
    fs::write(file, whole).unwrap();
    unnoticed
}

#[test]
fn a_flipped_bit_anywhere_in_a_pack_is_noticed() {
    let original = Original::of(&[3]);
    let path = original.copy(Of::Pack);
    let carried = contents_of_carried_files(&path);
    assert!(carried.iter().any(|range| range.len() > 10_000));
    let unnoticed = unnoticed_flips(&path, &carried, || {
        original.verify(Of::Pack, &path, &VerifyOptions::default())
    });
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

/// Where the contents of the large files stand that every pack carries: programs, and the page that repeats the rest.
fn contents_of_carried_files(pack: &Path) -> Vec<Range<usize>> {
    let mut zip = zip::ZipArchive::new(fs::File::open(pack).unwrap()).unwrap();
    let content = |path: &str| {
        let file = zip.by_name(path).unwrap();
        let start = file.data_start().unwrap() as usize;
        start..start + file.compressed_size() as usize
    };
    let programs = CARRIED.iter().map(|carried| carried.path);
    programs.chain([INDEX_HTML]).map(content).collect()
}

/// Of a data directory, what is evidence: the journal and the published checkpoint. The key is the verifier's own,
/// the settings are the operator's, the index is derived.
#[test]
fn a_flipped_bit_anywhere_in_the_evidence_of_a_data_directory_is_noticed() {
    let original = Original::of(&[1, 2, 1]);
    let path = original.copy(Of::Directory);
    let mut files = vec![path.join("checkpoint")];
    for entry in fs::read_dir(path.join("journal")).unwrap() {
        files.push(entry.unwrap().path());
    }
    let mut bytes = 0;
    for file in files {
        bytes += fs::metadata(&file).unwrap().len();
        let unnoticed = unnoticed_flips(&file, &[], || {
            original.verify(Of::Directory, &path, &VerifyOptions::default())
        });
        assert!(unnoticed.is_empty(), "{}: {unnoticed:?}", file.display());
    }
    assert!(bytes > 1000);
}

#[test]
fn a_pack_cut_short_anywhere_is_noticed() {
    let original = Original::of(&[3]);
    let path = original.copy(Of::Pack);
    let whole = fs::read(&path).unwrap();
    let carried = contents_of_carried_files(&path);
    let inside = |length: &usize| carried.iter().any(|range| range.contains(length));
    for length in (0..whole.len())
        .step_by(7)
        .filter(|n| n.is_multiple_of(499) || !inside(n))
    {
        fs::write(&path, &whole[..length]).unwrap();
        let report = original.verify(Of::Pack, &path, &VerifyOptions::default());
        assert!(
            report.is_none_or(|report| report.verdict == Verdict::Altered),
            "{length} bytes"
        );
    }
}

#[test]
fn a_receipt_verifies_and_every_flipped_bit_of_it_is_noticed() {
    let original = Original::of(&[10]);
    let text = original.receipt.to_string().into_bytes();
    let report = verify_receipt(&text, original.key()).unwrap();
    assert_eq!(report.verdict, Verdict::Verified);
    for offset in 0..text.len() {
        let mut flipped = text.clone();
        flipped[offset] ^= 1 << (offset % 8);
        let report = verify_receipt(&flipped, original.key()).unwrap();
        assert_eq!(report.verdict, Verdict::Altered, "offset {offset}");
    }
}

#[test]
fn a_receipt_of_another_ledger_is_refused_as_evidence() {
    let original = Original::of(&[10]);
    let other = SigningKey::from_seed("tamper.test/ledger".parse().unwrap(), &[2; 32]);
    let forged = original.pinned.checkpoint().clone().sign(&other);
    let options = VerifyOptions {
        trusted: vec![forged],
        ..VerifyOptions::default()
    };
    for of in [Of::Pack, Of::Directory] {
        let path = original.copy(of);
        assert!(original.verify(of, &path, &options).is_none(), "{of:?}");
    }
}

#[test]
fn a_root_at_any_earlier_size_is_found_again() {
    let original = Original::of(&[100, 200, 1, 299, 13]);
    let reader = JournalReader::open(&original.data()).unwrap();
    let mut tree = Frontier::new();
    let mut trusted = Vec::new();
    for batch in reader.batches(EntryIndex::default()) {
        trusted.push(batch.unwrap().checkpoint);
    }
    tree.push(
        exhibit::ledger::hash::LeafHash::of_entry(
            &reader.entry_alone(EntryIndex::default()).unwrap(),
        ),
        |_, _| {},
    );
    let first = exhibit::ledger::checkpoint::Checkpoint {
        origin: original.key().name().clone(),
        size: tree.size(),
        root: tree.root(),
    };
    trusted.push(first.sign(&original.key));
    let count = trusted.len() as u64;
    let options = VerifyOptions {
        trusted,
        ..VerifyOptions::default()
    };
    for of in [Of::Pack, Of::Directory] {
        let report = original.verify(of, &original.copy(of), &options).unwrap();
        assert_eq!(
            report.more.trusted_checkpoints, count,
            "{of:?}: {:?}",
            report.not_checked
        );
        assert_eq!(report.verdict, Verdict::Verified);
    }
}

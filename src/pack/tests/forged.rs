//! Packs whose zip, digests and manifest were all made anew around something that does not belong there.

use crate::{
    ledger::{
        checkpoint::{Checkpoint, SignedCheckpoint},
        finding::FindingKind,
        hash::{FileHash, RootHash},
        note::SigningKey,
        position::TreeSize,
        tile::Span,
    },
    pack::{
        Report, Verdict, VerifyOptions,
        container::{ContainerWriter, Packed},
        manifest::{
            CHECKPOINT, EVENTS_CSV, EVENTS_JSONL, FileDigest, INDEX_HTML, MANIFEST, Manifest,
            README,
        },
        read::{FolderFiles, PackFiles},
    },
};

use super::{
    memory::MemoryLedger,
    round_trip::{pack_of, unpack, verify_bytes},
};

type File = (String, Vec<u8>);

/// A pack's files but for its page, which repeats the others; the manifest stands apart.
fn files_of(ledger: &MemoryLedger) -> (Vec<File>, Manifest) {
    let directory = tempfile::tempdir().unwrap();
    unpack(&pack_of(ledger, &ledger.request()), directory.path());
    let files = FolderFiles::open(directory.path()).unwrap();
    let read = |path: &str| files.read(path, u64::MAX).unwrap();
    let mut manifest = Manifest::from_bytes(&read(MANIFEST)).unwrap();
    manifest.files.remove(INDEX_HTML);
    let paths = files.paths().into_iter();
    let paths = paths.filter(|path| ![MANIFEST, INDEX_HTML].contains(&path.as_str()));
    let files = paths.map(|path| (path.clone(), read(&path))).collect();
    (files, manifest)
}

/// Zips the files as this program does, each packed by the function, under a manifest that agrees.
fn zip(files: &[File], mut manifest: Manifest, pack: impl Fn(&File) -> Packed) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut zip = ContainerWriter::new(&mut bytes);
    for file in files {
        zip.add(&pack(file)).unwrap();
    }
    manifest.container = FileHash::from_bytes(*zip.digest().as_bytes());
    zip.add(&Packed::stored(MANIFEST.to_owned(), manifest.to_bytes()))
        .unwrap();
    zip.finish().unwrap();
    bytes
}

fn deflated((path, content): &File) -> Packed {
    Packed::deflated(path.clone(), content).unwrap()
}

fn found(report: &Report) -> Vec<(FindingKind, &str)> {
    let listed = report.findings.listed.iter();
    listed
        .map(|finding| (finding.kind, finding.place.as_deref().unwrap_or_default()))
        .collect()
}

#[test]
fn bytes_behind_a_files_own_are_damage_in_every_file() {
    let ledger = MemoryLedger::of(300);
    let (files, manifest) = files_of(&ledger);
    let whole = zip(&files, manifest.clone(), deflated);
    let report = verify_bytes(&ledger, &whole, &VerifyOptions::default());
    assert_eq!(
        (report.verdict, found(&report)),
        (Verdict::Verified, vec![])
    );
    for (hiding, _) in &files {
        let bytes = zip(&files, manifest.clone(), |file| {
            let packed = deflated(file);
            if file.0 == *hiding {
                packed.hiding(b"what nobody sees")
            } else {
                packed
            }
        });
        let report = verify_bytes(&ledger, &bytes, &VerifyOptions::default());
        assert_eq!(report.verdict, Verdict::Altered, "{hiding}");
    }
    for hiding in [README, EVENTS_JSONL, EVENTS_CSV] {
        let bytes = zip(&files, manifest.clone(), |file| {
            let (path, content) = file;
            let packed = Packed::stored(path.clone(), content.clone());
            if path == hiding {
                packed.hiding(b"what nobody sees")
            } else {
                deflated(file)
            }
        });
        let report = verify_bytes(&ledger, &bytes, &VerifyOptions::default());
        assert_eq!(found(&report), [(FindingKind::ContainerDamaged, hiding)]);
    }
}

#[test]
fn a_manifest_accounts_for_other_files_only_under_strict_names() {
    let ledger = MemoryLedger::of(300);
    let verify = |names: &[&str]| {
        let (mut files, mut manifest) = files_of(&ledger);
        for name in names {
            let content = name.as_bytes().to_vec();
            let digest = FileDigest {
                bytes: content.len() as u64,
                blake3: FileHash::of(&content),
            };
            manifest.files.insert((*name).to_owned(), digest);
            files.push(((*name).to_owned(), content));
        }
        let bytes = zip(&files, manifest, deflated);
        verify_bytes(&ledger, &bytes, &VerifyOptions::default())
    };
    for name in ["attachments/0a", "NOTES-2.txt", "timestamps/007/checkpoint"] {
        let report = verify(&[name]);
        assert_eq!(
            (report.verdict, found(&report)),
            (Verdict::Verified, vec![])
        );
        let said = format!("{name:?}: only its digest was checked, against the manifest");
        assert!(
            report.not_checked.contains(&said),
            "{:?}",
            report.not_checked
        );
    }
    for name in [
        "",
        "../x",
        "/etc/passwd",
        "a//b",
        "a/",
        "./a",
        "a/../b",
        "a\\b",
        "C:x",
        "a b",
        "prüfung.txt",
        "a\n",
        "Readme.txt",
        "EVENTS.JSONL",
        "tile/Entries/000.p/44",
        "readme.txt.",
        "tile/5/000",
        "tile/entries/000.p/7",
        "payload/009",
    ] {
        let report = verify(&[name]);
        assert_eq!(
            found(&report),
            [(FindingKind::UnexpectedFile, name)],
            "{name:?}"
        );
    }
    let report = verify(&["notes", "Notes"]);
    let both = ["Notes", "notes"].map(|name| (FindingKind::UnexpectedFile, name));
    assert_eq!(found(&report).len(), 2);
    assert!(both.iter().all(|both| found(&report).contains(both)));
}

#[test]
fn a_manifest_that_gives_a_digest_of_itself_is_wrong() {
    let ledger = MemoryLedger::of(3);
    let (files, mut manifest) = files_of(&ledger);
    let digest = FileDigest {
        bytes: 0,
        blake3: FileHash::of(b""),
    };
    manifest.files.insert(MANIFEST.to_owned(), digest);
    let bytes = zip(&files, manifest, deflated);
    let report = verify_bytes(&ledger, &bytes, &VerifyOptions::default());
    assert_eq!(found(&report), [(FindingKind::ManifestMismatch, MANIFEST)]);
}

/// The pack under another checkpoint, and with one more bundle far away from the others.
fn far_apart(ledger: &MemoryLedger, signed: &SignedCheckpoint) -> Vec<u8> {
    let (mut files, mut manifest) = files_of(ledger);
    let text = signed.note().to_string();
    for (path, content) in &mut files {
        if path == CHECKPOINT {
            *content = text.clone().into_bytes();
        }
    }
    let digest = FileDigest {
        bytes: text.len() as u64,
        blake3: FileHash::of(text.as_bytes()),
    };
    manifest.files.insert(CHECKPOINT.to_owned(), digest);
    manifest.tree_size = signed.checkpoint().size;
    manifest.root = signed.checkpoint().root;
    manifest.checkpoint = text;
    let span = Span {
        number: (manifest.tree_size.value() >> 8) - 1,
        width: 256,
    };
    files.push((span.entries_path(), Vec::new()));
    zip(&files, manifest, deflated)
}

#[test]
fn a_tree_of_any_size_takes_no_more_work_than_the_files_that_are_there() {
    let ledger = MemoryLedger::of(300);
    let checkpoint = Checkpoint {
        origin: ledger.key().name().clone(),
        size: TreeSize::new(1 << 58),
        root: RootHash::from_bytes([9; 32]),
    };
    let stranger = SigningKey::from_seed(ledger.key().name().clone(), &[8; 32]);
    let of_tiles = |signed: &SignedCheckpoint| {
        let bytes = far_apart(&ledger, signed);
        let report = verify_bytes(&ledger, &bytes, &VerifyOptions::default());
        assert_eq!(report.verdict, Verdict::Altered);
        let listed = report.findings.listed.clone().into_iter();
        let upper = listed.filter(|f| f.kind == FindingKind::TileMissing && f.index.is_none());
        (upper.collect::<Vec<_>>(), report)
    };
    let (upper, report) = of_tiles(&checkpoint.clone().sign(&stranger));
    assert_eq!(upper, []);
    let said = "the hash tiles above the bundles: no trusted key signed the checkpoint";
    assert!(report.not_checked.iter().any(|line| line == said));
    let (upper, _) = of_tiles(&checkpoint.sign(&ledger.key));
    let found: Vec<_> = upper.iter().map(|f| f.found.as_str()).collect();
    // Above the three bundles: one tile each on the levels 1 to 6 on the left and on the right, and one that is above both.
    assert_eq!(found, ["nothing, nor for 12 more tiles"]);
    assert_eq!(upper[0].place.as_deref(), Some("tile/1/000"));
}

#[test]
fn entries_that_do_not_split_or_decode_are_said_to_be_malformed_and_the_root_is_not_blamed() {
    let ledger = MemoryLedger::of(5);
    let changed = |change: fn(&mut Vec<u8>)| {
        let (mut files, manifest) = files_of(&ledger);
        for (path, content) in &mut files {
            if path == "tile/entries/000.p/5" {
                change(content);
            }
        }
        let bytes = zip(&files, manifest, deflated);
        verify_bytes(&ledger, &bytes, &VerifyOptions::default())
    };
    for report in [
        // The first length points beyond the end, and the first entry is of no version.
        changed(|bundle| bundle[..2].copy_from_slice(&[0xff, 0xff])),
        changed(|bundle| bundle[2] = 9),
        changed(Vec::clear),
    ] {
        assert_eq!(report.verdict, Verdict::Altered);
        assert!(
            !report.has(FindingKind::RootMismatch),
            "{:?}",
            found(&report)
        );
    }
}

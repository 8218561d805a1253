//! Packs from strangers: whatever the zip or directory is, reading stays inside it and within its limits.

use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
};

use proptest::prelude::*;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    memory::MemoryLedger,
    round_trip::{pack_of, unpack, verify_bytes},
};
use crate::{
    ledger::finding::FindingKind,
    pack::{
        Report, Verdict, VerifyOptions,
        carried::CARRIED,
        fuzz::fuzz_pack,
        manifest::{CHECKPOINT, Manifest},
        read::{FileError, PackFiles, ZipFiles},
        verify_pack,
    },
};

fn kinds(report: &Report) -> Vec<FindingKind> {
    let mut kinds: Vec<_> = report.findings.listed.iter().map(|f| f.kind).collect();
    kinds.dedup();
    kinds
}

/// Packs files with the library that everybody else uses.
fn foreign_zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        zip.start_file(*path, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn open(bytes: &[u8]) -> ZipFiles {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    ZipFiles::open(file).unwrap().unwrap()
}

#[test]
fn a_pack_that_another_program_packed_says_so_and_verifies_unpacked() {
    let ledger = MemoryLedger::of(300);
    let directory = tempfile::tempdir().unwrap();
    unpack(&pack_of(&ledger, &ledger.request()), directory.path());
    let files = crate::pack::read::FolderFiles::open(directory.path()).unwrap();
    let contents: Vec<_> = files
        .paths()
        .into_iter()
        .map(|path| (path.clone(), files.read(&path, u64::MAX).unwrap()))
        .collect();
    let again: Vec<_> = contents
        .iter()
        .map(|(path, content)| (path.as_str(), content.as_slice()))
        .collect();
    let report = verify_bytes(&ledger, &foreign_zip(&again), &VerifyOptions::default());
    assert_eq!(kinds(&report), [FindingKind::ContainerDamaged]);
    let report = verify_pack(
        directory.path(),
        ledger.key(),
        &VerifyOptions::default(),
        &|_, _| {},
    );
    assert_eq!(report.unwrap().verdict, Verdict::Verified);
}

/// Takes the page out of an unpacked pack: it repeats the manifest, and what is changed there would be found twice.
fn without_page(directory: &Path) {
    fs::remove_file(directory.join("index.html")).unwrap();
    let path = directory.join("manifest.json");
    let mut manifest = Manifest::from_bytes(&fs::read(&path).unwrap()).unwrap();
    assert!(manifest.files.remove("index.html").is_some());
    fs::write(&path, manifest.to_bytes()).unwrap();
}

#[test]
fn a_file_that_the_manifest_does_not_name_is_unexpected() {
    let ledger = MemoryLedger::of(300);
    let directory = tempfile::tempdir().unwrap();
    unpack(&pack_of(&ledger, &ledger.request()), directory.path());
    without_page(directory.path());
    fs::write(directory.path().join("check.py"), "print('all is well')").unwrap();
    fs::create_dir_all(directory.path().join("tile/entries/000.p")).unwrap();
    fs::write(directory.path().join("tile/entries/000.p/7"), "").unwrap();
    let verify = || {
        verify_pack(
            directory.path(),
            ledger.key(),
            &VerifyOptions::default(),
            &|_, _| {},
        )
        .unwrap()
    };
    let report = verify();
    assert_eq!(kinds(&report), [FindingKind::UnexpectedFile]);
    assert_eq!(report.findings.total, 2);
    fs::remove_file(directory.path().join("tile/entries/000.p/7")).unwrap();
    let path = directory.path().join("manifest.json");
    let mut manifest = Manifest::from_bytes(&fs::read(&path).unwrap()).unwrap();
    let digest = crate::pack::manifest::FileDigest {
        bytes: 20,
        blake3: crate::ledger::hash::FileHash::of(b"print('all is well')"),
    };
    manifest.files.insert("check.py".to_owned(), digest);
    fs::write(&path, manifest.to_bytes()).unwrap();
    assert_eq!(verify().verdict, Verdict::Verified);
    fs::write(directory.path().join("check.py"), "print('all is hell')").unwrap();
    assert_eq!(kinds(&verify()), [FindingKind::ManifestMismatch]);
}

#[test]
fn a_carried_program_that_was_changed_is_found_although_the_manifest_agrees_with_it() {
    let ledger = MemoryLedger::of(3);
    let directory = tempfile::tempdir().unwrap();
    unpack(&pack_of(&ledger, &ledger.request()), directory.path());
    without_page(directory.path());
    let path = directory.path().join("manifest.json");
    let mut manifest = Manifest::from_bytes(&fs::read(&path).unwrap()).unwrap();
    for carried in CARRIED {
        let changed = [carried.bytes, b"\n# changed"].concat();
        let digest = crate::pack::manifest::FileDigest {
            bytes: changed.len() as u64,
            blake3: crate::ledger::hash::FileHash::of(&changed),
        };
        assert!(
            manifest
                .files
                .insert(carried.path.to_owned(), digest)
                .is_some()
        );
        fs::write(directory.path().join(carried.path), changed).unwrap();
    }
    let verify = |manifest: &Manifest| {
        fs::write(&path, manifest.to_bytes()).unwrap();
        verify_pack(
            directory.path(),
            ledger.key(),
            &VerifyOptions::default(),
            &|_, _| {},
        )
        .unwrap()
    };
    let report = verify(&manifest);
    assert_eq!(report.findings.total, CARRIED.len() as u64);
    assert_eq!(kinds(&report), [FindingKind::CarriedAltered]);
    manifest.tool = "exhibit 99.0.0".to_owned();
    let report = verify(&manifest);
    assert_eq!(report.verdict, Verdict::Verified);
    for carried in CARRIED {
        assert!(
            report
                .not_checked
                .iter()
                .any(|line| line.starts_with(carried.path) && line.contains("do not open or run")),
            "{:?}",
            report.not_checked
        );
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_an_unpacked_pack_is_not_followed() {
    let ledger = MemoryLedger::of(3);
    let directory = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    unpack(&pack_of(&ledger, &ledger.request()), directory.path());
    let file = directory.path().join(CHECKPOINT);
    fs::rename(&file, outside.path().join(CHECKPOINT)).unwrap();
    std::os::unix::fs::symlink(outside.path().join(CHECKPOINT), &file).unwrap();
    let report = verify_pack(
        directory.path(),
        ledger.key(),
        &VerifyOptions::default(),
        &|_, _| {},
    );
    assert!(report.unwrap().has(FindingKind::ContainerDamaged));
}

#[test]
fn paths_that_lead_out_of_a_pack_are_names_without_a_file() {
    let hostile = [
        "../../etc/passwd",
        "/etc/passwd",
        "a\\..\\b",
        "tile/entries/../000",
    ];
    let files: Vec<_> = hostile
        .iter()
        .map(|path| (*path, b"x".as_slice()))
        .collect();
    let ledger = MemoryLedger::of(1);
    let report = verify_bytes(&ledger, &foreign_zip(&files), &VerifyOptions::default());
    let unexpected = report
        .findings
        .listed
        .iter()
        .filter(|f| f.kind == FindingKind::UnexpectedFile);
    assert_eq!(unexpected.count(), hostile.len());
    assert_eq!(report.verdict, Verdict::Altered);
}

#[test]
fn a_file_that_inflates_beyond_its_limit_is_refused_before_it_is_inflated() {
    let zeros = vec![0; 50 << 20];
    let bomb = foreign_zip(&[(CHECKPOINT, &zeros)]);
    assert!(bomb.len() < 1 << 20);
    assert!(matches!(
        open(&bomb).read(CHECKPOINT, 1 << 20),
        Err(FileError::TooLong { .. })
    ));
    let report = verify_bytes(&MemoryLedger::of(1), &bomb, &VerifyOptions::default());
    assert!(report.has(FindingKind::CheckpointMalformed));
}

#[test]
fn a_file_that_inflates_to_more_than_it_says_is_damage() {
    let content = vec![7; 10_000];
    let mut zip = foreign_zip(&[("x", &content)]);
    // The uncompressed length, in the local and in the central header.
    let central = zip
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    for at in [22, central + 24] {
        zip[at..at + 4].copy_from_slice(&100u32.to_le_bytes());
    }
    assert!(matches!(
        open(&zip).read("x", 1 << 20),
        Err(FileError::Damaged(_))
    ));
    let mut out = Vec::new();
    let read = open(&zip).stream("x").unwrap().read_to_end(&mut out);
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
}

#[test]
fn two_files_of_one_name_are_damage() {
    let mut zip = foreign_zip(&[("a", b"1"), ("b", b"2")]);
    for at in 0..zip.len() - 46 {
        let (local, central) = (
            &zip[at..at + 4] == b"PK\x03\x04",
            &zip[at..at + 4] == b"PK\x01\x02",
        );
        if local {
            zip[at + 30] = b'a';
        } else if central {
            zip[at + 46] = b'a';
        }
    }
    let files = open(&zip);
    assert!(
        files
            .damage()
            .iter()
            .any(|damage| damage.found == "it is there twice")
    );
}

#[test]
fn a_buffer_of_any_content_holds_the_file_and_nothing_else() {
    let ledger = MemoryLedger::of(300);
    let pack = pack_of(&ledger, &ledger.request());
    let directory = tempfile::tempdir().unwrap();
    unpack(&pack, directory.path());
    let zip = open(&pack);
    let folder = crate::pack::read::FolderFiles::open(directory.path()).unwrap();
    let readers: [&dyn PackFiles; 2] = [&zip, &folder];
    for files in readers {
        let mut buffer = vec![7; 1 << 20];
        for path in files.paths() {
            let content = files.read(&path, u64::MAX).unwrap();
            files.read_into(&path, u64::MAX, &mut buffer).unwrap();
            assert!(buffer == content, "{path}");
            let missing = files.read_into("nothing", u64::MAX, &mut buffer);
            assert!(matches!(missing, Err(FileError::Missing)));
            let short = files.read_into(&path, 1, &mut buffer);
            assert!(matches!(short, Err(FileError::TooLong { .. })), "{path}");
            files.read_into(&path, u64::MAX, &mut buffer).unwrap();
            assert!(buffer == content, "{path}");
        }
    }
}

#[test]
fn what_is_no_pack_is_an_error_and_not_a_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let verify = |path: &std::path::Path| {
        verify_pack(
            path,
            MemoryLedger::of(0).key(),
            &VerifyOptions::default(),
            &|_, _| {},
        )
    };
    assert!(verify(directory.path()).is_err());
    assert!(verify(&directory.path().join("nothing")).is_err());
    let text = directory.path().join("text");
    fs::write(&text, "this is no zip").unwrap();
    assert!(verify(&text).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        fuzz_pack(&bytes);
        let mut zip = b"PK\x03\x04".to_vec();
        zip.extend_from_slice(&bytes);
        fuzz_pack(&zip);
    }

    #[test]
    fn a_pack_with_any_bytes_changed_is_read_without_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>(),
    ) {
        let ledger = MemoryLedger::of(2);
        let mut pack = pack_of(&ledger, &ledger.request());
        for (at, byte) in changes {
            let at = at.index(pack.len());
            pack[at] = byte;
        }
        fuzz_pack(&pack);
        pack.truncate(cut.index(pack.len()));
        fuzz_pack(&pack);
    }
}

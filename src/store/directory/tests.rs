//! Making, opening and refusing data directories.

use super::*;
use crate::ledger::position::TreeSize;

const CONFIG_TEXT: &str = "listen = \"127.0.0.1:7878\"\n";

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(name.parse().unwrap(), &[5; 32])
}

fn fresh() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("deep/ledger");
    DataDirectory::create(&path, &key("ledger.example"), CONFIG_TEXT).unwrap();
    (home, path)
}

#[test]
fn what_is_made_opens_with_its_key_and_an_empty_journal() {
    let (_home, path) = fresh();
    let directory = DataDirectory::open(&path).unwrap();
    assert_eq!(directory.origin().as_str(), "ledger.example");
    assert_eq!(
        directory.signing_key().unwrap().verifier(),
        directory.verifier()
    );
    assert_eq!(
        fs::read_to_string(directory.config_path()).unwrap(),
        CONFIG_TEXT
    );
    assert_eq!(directory.reader().unwrap().size(), TreeSize::EMPTY);
    let published = directory.published_checkpoint().unwrap().unwrap();
    assert_eq!(published.checkpoint().size, TreeSize::EMPTY);
    published.verify(directory.verifier()).unwrap();
    assert!(!path.join(UNFINISHED).exists());
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let (_home, path) = fresh();
    let again = DataDirectory::create(&path, &key("ledger.example"), "");
    assert!(matches!(again, Err(DirectoryError::Exists(_))), "{again:?}");
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("thesis.tex"), "years of work").unwrap();
    let refused = DataDirectory::create(other.path(), &key("ledger.example"), "");
    assert!(
        matches!(refused, Err(DirectoryError::NotEmpty(_))),
        "{refused:?}"
    );
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 1);
}

#[test]
fn an_interrupted_creation_is_recognised_and_can_be_repeated() {
    let (_home, path) = fresh();
    // Back to each state in which creation can have ended, last step first.
    fs::rename(path.join(FORMAT), path.join(UNFINISHED)).unwrap();
    for lost in [None, Some(CONFIG), Some(VERIFIER_KEY), Some(KEY)] {
        if let Some(name) = lost {
            fs::remove_file(path.join(name)).unwrap();
        }
        let opened = DataDirectory::open(&path);
        assert!(
            matches!(opened, Err(DirectoryError::Unfinished(_))),
            "{opened:?}"
        );
        DataDirectory::create(&path, &key("second.example"), CONFIG_TEXT).unwrap();
        let directory = DataDirectory::open(&path).unwrap();
        assert_eq!(directory.origin().as_str(), "second.example");
        assert_eq!(
            directory.reader().unwrap().origin().as_str(),
            "second.example"
        );
        directory.signing_key().unwrap();
        fs::rename(path.join(FORMAT), path.join(UNFINISHED)).unwrap();
    }
}

#[test]
fn other_directories_and_newer_layouts_are_refused() {
    let home = tempfile::tempdir().unwrap();
    for path in [home.path().to_owned(), home.path().join("nowhere")] {
        let opened = DataDirectory::open(&path);
        assert!(
            matches!(opened, Err(DirectoryError::NotADataDirectory(_))),
            "{opened:?}"
        );
    }
    let (_home, path) = fresh();
    for found in ["exhibit-data/2\n", "exhibit-data/10"] {
        fs::write(path.join(FORMAT), found).unwrap();
        for refused in [
            DataDirectory::open(&path).map(drop),
            refuse_other_layout(&path),
        ] {
            assert!(
                matches!(refused, Err(DirectoryError::OtherFormat { .. })),
                "{refused:?}"
            );
        }
    }
    for damaged in [
        &b"exhibit-data/01"[..],
        b"exhibit-data/+1",
        b"exhibit-data/0",
        b"exhibit-data/",
        b"",
        b"\xff\x00",
        &[b'1'; 200],
    ] {
        fs::write(path.join(FORMAT), damaged).unwrap();
        for refused in [
            DataDirectory::open(&path).map(drop),
            refuse_other_layout(&path),
        ] {
            assert!(
                matches!(refused, Err(DirectoryError::FormatDamaged { .. })),
                "{refused:?}"
            );
        }
    }
    fs::remove_file(path.join(FORMAT)).unwrap();
    refuse_other_layout(&path).unwrap();
}

#[test]
fn the_key_of_another_ledger_is_refused() {
    let (_home, path) = fresh();
    for wrong in [
        key("other.example"),
        SigningKey::from_seed("ledger.example".parse().unwrap(), &[6; 32]),
    ] {
        write_file(&path.join(KEY), secret(&wrong).as_bytes(), 0o600).unwrap();
        let read = DataDirectory::open(&path).unwrap().signing_key();
        assert!(
            matches!(read, Err(DirectoryError::OtherKey { .. })),
            "{read:?}"
        );
    }
    write_file(&path.join(KEY), b"no key", 0o600).unwrap();
    let read = DataDirectory::open(&path).unwrap().signing_key();
    assert!(matches!(read, Err(DirectoryError::Key { .. })), "{read:?}");
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_refused_with_the_command_to_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_home, path) = fresh();
    let file = path.join(KEY);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&path)), (0o600, 0o700));
    for exposed in [0o640, 0o604, 0o620, 0o777] {
        fs::set_permissions(&file, fs::Permissions::from_mode(exposed)).unwrap();
        let error = DataDirectory::open(&path)
            .unwrap()
            .signing_key()
            .unwrap_err();
        assert!(
            matches!(error, DirectoryError::KeyExposed { .. }),
            "{error}"
        );
        let command = format!("chmod 600 {}", file.display());
        assert!(error.to_string().contains(&command), "{error}");
    }
}

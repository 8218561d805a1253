//! Making, opening and refusing data directories.

use super::*;
use crate::{
    ledger::position::TreeSize,
    store::disk::sim::{Fault, Restart, SimDisk},
};

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

/// All that `create` makes, or a directory that is not there yet as far as anybody is told.
fn is_whole(disk: &SimDisk, path: &Path, key: &SigningKey) -> bool {
    let contents = disk.contents();
    let Some(format) = contents.get(&path.join(FORMAT)) else {
        return false;
    };
    assert_eq!(*format, format!("{}\n", this_format()).into_bytes());
    let has = |name: &str| contents[&path.join(name)].as_slice();
    assert_eq!(has(KEY), secret(key).as_bytes());
    assert_eq!(
        has(VERIFIER_KEY),
        format!("{}\n", key.verifier()).as_bytes()
    );
    assert_eq!(has(CONFIG), CONFIG_TEXT.as_bytes());
    let disk = Arc::new(disk.clone());
    let origin = key.verifier().name();
    let (journal, recovery) = Journal::open(disk, path, origin, JournalOptions::default()).unwrap();
    assert_eq!(journal.size(), TreeSize::EMPTY);
    assert_eq!(recovery.published, Some(TreeSize::EMPTY));
    true
}

#[test]
fn what_is_made_survives_the_loss_of_power_and_what_was_interrupted_can_be_made_again() {
    let path = Path::new("/deep/ledger");
    let key = key("ledger.example");
    let create =
        |disk: &SimDisk| DataDirectory::create_on(Arc::new(disk.clone()), path, &key, CONFIG_TEXT);
    let operations = {
        let disk = SimDisk::new(0);
        create(&disk).unwrap();
        disk.operations()
    };
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        create(&disk).unwrap();
        disk.restart(Restart::Power);
        assert!(is_whole(&disk, path, &key), "seed {seed}");
        for at in 0..operations {
            for (fault, restart) in [
                (Fault::Crash, Restart::Power),
                (Fault::Crash, Restart::Process),
                (Fault::Error, Restart::Process),
            ] {
                let disk = SimDisk::new(seed);
                disk.plan(at, fault);
                create(&disk).unwrap_err();
                disk.restart(restart);
                if !is_whole(&disk, path, &key) {
                    create(&disk).unwrap_or_else(|error| panic!("{seed}, {at}: {error}"));
                    disk.restart(Restart::Power);
                    assert!(is_whole(&disk, path, &key), "{seed}, {at}, {fault:?}");
                }
            }
        }
    }
}

/// As where `format` was lost, or the power went before it was durable.
#[test]
fn the_key_of_a_journal_that_holds_entries_is_never_replaced() {
    let (_home, path) = fresh();
    let before = fs::read(path.join(KEY)).unwrap();
    fs::rename(path.join(FORMAT), path.join(UNFINISHED)).unwrap();
    let segment = path.join("journal/00000000000000000000.seg");
    let mut content = fs::read(&segment).unwrap();
    content.extend([1; 700]);
    fs::write(segment, content).unwrap();
    let refused = DataDirectory::create(&path, &key("second.example"), "");
    assert!(
        matches!(
            refused,
            Err(DirectoryError::Journal(JournalError::Exists(_)))
        ),
        "{refused:?}"
    );
    assert_eq!(fs::read(path.join(KEY)).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn others_can_not_read_payloads_where_the_directory_lets_them_in() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let path = home.path();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    DataDirectory::create(path, &key("ledger.example"), "").unwrap();
    let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o755);
    assert_eq!(mode("journal"), 0o700);
    assert_eq!(mode("journal/00000000000000000000.seg") & 0o077, 0);
    assert_eq!(mode(KEY), 0o600);
    assert_eq!(mode(VERIFIER_KEY) & 0o700, 0o600);
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
            refuse_other_layout(&path).map(drop),
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
            refuse_other_layout(&path).map(drop),
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
        write_file(
            &FsDisk,
            &path.join(KEY),
            secret(&wrong).as_bytes(),
            Readers::Owner,
        )
        .unwrap();
        let read = DataDirectory::open(&path).unwrap().signing_key();
        assert!(
            matches!(read, Err(DirectoryError::OtherKey { .. })),
            "{read:?}"
        );
    }
    write_file(&FsDisk, &path.join(KEY), b"no key", Readers::Owner).unwrap();
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

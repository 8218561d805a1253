//! Making a witness's directory, whatever interrupts it.

use super::*;

use crate::{
    ledger::note::KeyType,
    store::disk::sim::{Fault, Restart, SimDisk},
};

fn key() -> CosigningKey {
    CosigningKey::from_seed(
        "witness.example".parse().unwrap(),
        KeyType::CosignatureV1,
        &[4; 32],
    )
    .unwrap()
}

fn is_whole(disk: &SimDisk, path: &Path) -> bool {
    let contents = disk.contents();
    if !contents.contains_key(&path.join(FORMAT)) {
        return false;
    }
    for (name, content) in [
        (FORMAT, FORMAT_TEXT.to_owned()),
        (KEY, format!("{}\n", *key().to_secret_text())),
        (VERIFIER_KEY, format!("{}\n", key().verifier())),
        (LOGS, LOGS_HEAD.to_owned()),
    ] {
        assert_eq!(contents[&path.join(name)], content.as_bytes(), "{name}");
    }
    disk.list(&path.join(STATE)).unwrap().is_empty()
}

#[test]
fn a_directory_is_whole_or_can_be_made_again() {
    let path = Path::new("/deep/witness");
    let create = |disk: &SimDisk| WitnessDirectory::create_on(disk, path, &key(), &[]);
    let operations = {
        let disk = SimDisk::new(0);
        create(&disk).unwrap();
        disk.operations()
    };
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        create(&disk).unwrap();
        disk.restart(Restart::Power);
        assert!(is_whole(&disk, path), "seed {seed}");
        for at in 0..operations {
            let disk = SimDisk::new(seed);
            disk.plan(at, Fault::Crash);
            create(&disk).unwrap_err();
            disk.restart(Restart::Power);
            if !is_whole(&disk, path) {
                create(&disk).unwrap_or_else(|error| panic!("{seed}, {at}: {error}"));
                disk.restart(Restart::Power);
                assert!(is_whole(&disk, path), "{seed}, {at}");
            }
        }
    }
}

#[test]
fn an_unfinished_directory_says_how_to_go_on() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("witness");
    WitnessDirectory::create(&path, &key(), &[]).unwrap();
    fs::rename(path.join(FORMAT), path.join(UNFINISHED)).unwrap();
    let opened = WitnessDirectory::open(&path);
    assert!(
        matches!(opened, Err(WitnessError::Unfinished(_))),
        "{opened:?}"
    );
    WitnessDirectory::create(&path, &key(), &[]).unwrap();
    WitnessDirectory::open(&path).unwrap();
    let again = WitnessDirectory::create(&path, &key(), &[]);
    assert!(matches!(again, Err(WitnessError::NotEmpty(_))), "{again:?}");
}

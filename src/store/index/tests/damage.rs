use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::store::index::{IndexError, Opened, select::Asked};

/// The entries of which a stored index is damaged: two levels of runs, and a tail that is not stored.
const ENTRIES: u64 = 1100;

fn stored(directory: &Path) -> Model {
    let model = Model::with_entries(ENTRIES);
    let index = open(directory, SMALL);
    model.apply_to(&index, 100);
    index.flush().unwrap();
    model
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// An index opened on whatever is there never misses an entry and never gives a wrong tile: it has dropped what
/// was stored, answers rightly, or says that it is damaged. True if it noticed anything.
fn notices_or_is_right(directory: &Path, model: &Model, selections: &[Selection]) -> bool {
    let index = open(directory, SMALL);
    let mut noticed = !matches!(index.opened(), Opened::Loaded);
    let mut right = |answer: Result<bool, IndexError>| match answer {
        Ok(right) => assert!(right),
        Err(IndexError::Damaged(_)) => noticed = true,
        Err(other) => panic!("{other}"),
    };
    let size = index.size().value();
    for number in 0..size {
        let found = index.candidates(&source_of(number), &event_id_of(number));
        right(found.map(|found| found.contains(&EntryIndex::new(number))));
    }
    for (filter, selected) in selections {
        let all = EntryIndex::new(0)..EntryIndex::new(size);
        let known = selected.partition_point(|index| index.value() < size);
        let found = index.select(filter, all, 10_000);
        right(found.map(|found| found == selected[..known]));
    }
    for id in TileId::all(index.size()) {
        right(index.tile(id).map(|tile| tile == model.tile(id)));
    }
    if size > 0 {
        right(Ok(index.frontier().root() == model.root(size)));
    }
    noticed
}

/// A filter with what it selects.
type Selection = (Filter, Vec<EntryIndex>);

/// One for each event type, source and subject there is.
fn selections(model: &Model) -> Vec<Selection> {
    let mut filters = BTreeMap::new();
    for number in 0..model.size() {
        let entry = model.entry(number);
        let (event_type, source) = (entry.event_type.to_owned(), entry.source.to_owned());
        let subject = entry.subject.to_owned();
        for (kind, text) in [(0, &event_type), (1, &source), (2, &subject)] {
            filters.entry((kind, text.clone())).or_insert_with(|| {
                let only = |of| (kind == of).then(|| text.clone()).into_iter().collect();
                Filter {
                    event_types: only(0),
                    sources: only(1),
                    subjects: only(2),
                    ..Filter::default()
                }
            });
        }
    }
    let selection = |filter| {
        let selected = model.selected(&filter, 0..model.size());
        (filter, selected)
    };
    filters.into_values().map(selection).collect()
}

#[test]
fn a_value_that_is_changed_lost_or_put_elsewhere_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let model = stored(&home.path().join("whole"));
    let values: Vec<(sled::IVec, sled::IVec)> = {
        let db = sled_at(&home.path().join("whole"));
        db.iter().map(Result::unwrap).collect()
    };
    assert!(values.len() > 40, "{} values", values.len());
    let selections = selections(&model);
    let mut checked = 0;
    for (number, (key, value)) in values.iter().enumerate() {
        let copied = home.path().join(format!("copy-{number}"));
        copy(&home.path().join("whole"), &copied);
        let db = sled_at(&copied);
        match number % 3 {
            0 => drop(db.remove(key).unwrap()),
            1 => {
                let mut changed = value.to_vec();
                let place = number * 31 % changed.len();
                changed[place] ^= 0x10;
                db.insert(key, changed).unwrap();
            }
            _ => drop(
                db.insert(key, &values[(number + 1) % values.len()].1)
                    .unwrap(),
            ),
        }
        drop(db);
        assert!(
            notices_or_is_right(&copied, &model, &selections),
            "{key:?} unnoticed"
        );
        fs::remove_dir_all(&copied).unwrap();
        checked += 1;
    }
    assert_eq!(checked, values.len());
}

/// Opens sled, which may hold its lock for a moment after it was dropped.
fn sled_at(directory: &Path) -> sled::Db {
    let config = sled::Config::new()
        .path(directory.join("1"))
        .segment_size(256 * 1024);
    let opened = (0..100).find_map(|_| {
        let opened = config.open();
        if opened.is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        opened.ok()
    });
    opened.unwrap_or_else(|| config.open().unwrap())
}

#[test]
fn a_byte_changed_in_any_file_is_never_answered_wrongly() {
    let home = tempfile::tempdir().unwrap();
    let whole = home.path().join("whole");
    let model = stored(&whole);
    let selections = selections(&model);
    let mut flipped = 0_usize;
    for file in files(&whole) {
        let bytes = fs::read(&file).unwrap();
        // sled fills the rest of its segments with zeros, which nothing reads.
        let written: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        let step = (written.len() / 24).max(1);
        for (number, at) in written.iter().step_by(step).enumerate() {
            let copied = home.path().join(format!("copy-{flipped}"));
            copy(&whole, &copied);
            let mut bytes = bytes.clone();
            bytes[*at] ^= 1 << (number % 8);
            let name = file.strip_prefix(&whole).unwrap();
            fs::write(copied.join(name), bytes).unwrap();
            notices_or_is_right(&copied, &model, &selections);
            fs::remove_dir_all(&copied).unwrap();
            flipped += 1;
        }
    }
    assert!(flipped >= 24, "{flipped} bytes");
}

#[test]
fn an_index_whose_files_are_deleted_starts_empty() {
    let home = tempfile::tempdir().unwrap();
    let model = stored(home.path());
    fs::remove_dir_all(home.path()).unwrap();
    let index = open(home.path(), SMALL);
    assert!(matches!(index.opened(), Opened::New));
    assert_eq!(index.size(), TreeSize::EMPTY);
    model.apply_to(&index, 300);
    assert_finds_all(&index, &model);
}

#[test]
fn an_index_that_is_open_elsewhere_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let model = stored(home.path());
    let index = open(home.path(), SMALL);
    let second = Index::open_with(home.path(), &origin(), SMALL);
    assert!(matches!(second.err(), Some(IndexError::Database(_))));
    model.apply_to(&index, 300);
    assert_finds_all(&index, &model);
}

#[test]
fn what_no_manifest_names_is_deleted() {
    let home = tempfile::tempdir().unwrap();
    let model = stored(home.path());
    let whole: Vec<sled::IVec> = {
        let db = sled_at(home.path());
        let keys = db.iter().keys().map(Result::unwrap).collect();
        // Of a run and of tiles that were being written when the process ended.
        for key in [
            [b"P".as_slice(), &[9; 20]].concat(),
            [b"D".as_slice(), &[9; 20]].concat(),
            [b"S".as_slice(), &[9; 8]].concat(),
        ] {
            db.insert(key, b"left over").unwrap();
        }
        keys
    };
    let is_tiles = |path: &PathBuf| path.ends_with("tiles");
    let tiles = files(home.path()).into_iter().find(is_tiles).unwrap();
    let mut content = fs::read(&tiles).unwrap();
    let named = content.len();
    content.extend_from_slice(&[9; 9000]);
    fs::write(&tiles, content).unwrap();
    let index = open(home.path(), SMALL);
    assert!(matches!(index.opened(), Opened::Loaded));
    assert_eq!(fs::metadata(&tiles).unwrap().len(), named as u64);
    model.apply_to(&index, 300);
    assert_finds_all(&index, &model);
    drop(index);
    let keys: Vec<sled::IVec> = sled_at(home.path())
        .iter()
        .keys()
        .map(Result::unwrap)
        .collect();
    assert_eq!(keys, whole);
}

#[test]
fn a_question_that_a_reset_overtook_is_answered_as_damage() {
    let home = tempfile::tempdir().unwrap();
    let model = Model::with_entries(600);
    let index = open(home.path(), SMALL);
    model.apply_to(&index, 100);
    let (filter, _) = selections(&model).remove(0);
    let asked = || Asked::of(&index.shared, &filter, 0..600);
    let before = asked().answer(&index.shared, 600).unwrap();
    assert!(!before.is_empty());
    let overtaken = asked();
    index.reset().unwrap();
    model.apply_to(&index, 100);
    let answer = overtaken.answer(&index.shared, 600);
    assert!(matches!(answer, Err(IndexError::Damaged(_))), "{answer:?}");
    assert_eq!(asked().answer(&index.shared, 600).unwrap(), before);
}

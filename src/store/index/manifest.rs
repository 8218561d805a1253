//! The manifest: what the database holds, of which log, and the secret of its terms.
//!
//! It is written after everything that it names. What it does not name is left over from something that did not
//! end, and is deleted.

use serde::{Deserialize, Serialize};

use super::{
    error::IndexError,
    pages::{Key, Pages, RunId},
    run::Run,
    term::Terms,
};
use crate::ledger::note::KeyName;

/// Another version of the layout is another index: it is dropped and rebuilt.
const VERSION: u32 = 2;

/// What the database holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    origin: String,
    secret: [u8; 32],
    /// How many entries are in runs and tiles; a multiple of 256.
    pub(super) entries: u64,
    /// In the order of their entries, without gaps.
    pub(super) runs: Vec<RunLine>,
}

/// What the manifest says of a run.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct RunLine {
    first: u64,
    entries: u64,
    pub(super) level: u32,
    pub(super) terms: u64,
}

impl Manifest {
    pub(super) fn new<'a>(
        origin: &KeyName,
        terms: &Terms,
        entries: u64,
        runs: impl Iterator<Item = &'a Run>,
    ) -> Self {
        let runs = runs.map(|run| RunLine {
            first: run.id.first,
            entries: run.id.entries,
            level: run.level,
            terms: run.terms,
        });
        Self {
            version: VERSION,
            origin: origin.as_str().to_owned(),
            secret: *terms.secret(),
            entries,
            runs: runs.collect(),
        }
    }

    pub(super) fn write(&self, pages: &Pages) -> Result<(), IndexError> {
        let bytes =
            serde_json::to_vec(self).map_err(|error| IndexError::Database(error.to_string()))?;
        pages.write(Key::Manifest, bytes)
    }

    /// Reads the manifest of a log's index; `None` when nothing was stored yet.
    pub(super) fn read(pages: &Pages, origin: &KeyName) -> Result<Option<Self>, IndexError> {
        let Some(bytes) = pages.find(Key::Manifest)? else {
            return Ok(None);
        };
        let manifest: Self = serde_json::from_slice(&bytes)
            .map_err(|error| IndexError::Damaged(format!("manifest: {error}")))?;
        let problem = if manifest.version != VERSION {
            format!("it has layout {}, not {VERSION}", manifest.version)
        } else if manifest.origin != origin.as_str() {
            format!("it is of the log {:?}", manifest.origin)
        } else if !manifest.covers_its_entries() {
            "its runs leave gaps".to_owned()
        } else {
            return Ok(Some(manifest));
        };
        Err(IndexError::Damaged(format!("manifest: {problem}")))
    }

    pub(super) fn terms(&self) -> Terms {
        Terms::new(self.secret)
    }

    fn covers_its_entries(&self) -> bool {
        let end = self.runs.iter().try_fold(0_u64, |end, run| {
            (run.first == end && run.entries > 0).then_some(end.saturating_add(run.entries))
        });
        end == Some(self.entries) && self.entries.is_multiple_of(256)
    }
}

impl RunLine {
    pub(super) fn id(&self) -> RunId {
        RunId {
            first: self.first,
            entries: self.entries,
        }
    }
}

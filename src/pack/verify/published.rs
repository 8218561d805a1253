//! The checkpoints that a data directory has published, and had witnessed: how far its journal must go.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use super::{VerifyError, checkpoint::open_checkpoint};
use crate::{
    ledger::{
        checkpoint::{Checkpoint, SignedCheckpoint},
        finding::{Finding, FindingKind},
        hash::RootHash,
        keys::Keyring,
        note::NOTE_BYTES_MAX,
        position::{TreeSize, count},
    },
    pack::manifest::VERIFIER_KEY,
    store::directory::WITNESSED_FILE,
};

/// Why a journal without a published checkpoint is not known to be whole, where so many entries are known to have been
/// witnessed.
pub(super) fn absent(witnessed: TreeSize) -> String {
    let known = match witnessed {
        TreeSize::EMPTY => "nothing here says how far the journal went".to_owned(),
        size => format!(
            "nothing here says how far the journal went beyond the {size} entries that were witnessed"
        ),
    };
    format!(
        "the published checkpoint is missing: {known}, and entries that were cut off its end would not be missed"
    )
}

/// What is published.
pub(super) enum Published {
    /// By a trusted key.
    Signed(Box<SignedCheckpoint>),
    /// Something that is a finding of its own.
    Unsound,
    /// There is none.
    Absent,
}

impl Published {
    /// Reads one of the two, and says what is wrong with it.
    pub(super) fn read(
        path: &Path,
        name: &str,
        ring: &Keyring,
    ) -> Result<(Self, Option<Finding>), VerifyError> {
        let file = path.join(name);
        let unreadable = |error| VerifyError::Unreadable {
            path: file.clone(),
            error,
        };
        let bytes = match read_up_to(&file, count(NOTE_BYTES_MAX).saturating_add(1)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Self::Absent, None));
            }
            read => read.map_err(unreadable)?,
        };
        Ok(match open_checkpoint(&bytes, ring) {
            (Some(signed), None) => (Self::Signed(Box::new(signed)), None),
            (_, finding) => {
                let finding = finding.map(|finding| finding.in_place(name));
                (Self::Unsound, finding)
            }
        })
    }

    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The checkpoint, where a trusted key signed it.
    pub(super) fn signed(&self) -> Option<&Checkpoint> {
        match self {
            Self::Signed(signed) => Some(signed.checkpoint()),
            Self::Unsound | Self::Absent => None,
        }
    }

    /// How many entries are known to have been committed.
    pub(super) fn size(&self) -> TreeSize {
        self.signed().map_or(TreeSize::EMPTY, |signed| signed.size)
    }
}

fn read_up_to(file: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether `log.vkey`, which is handed to those who verify, has another key than the ledger signs with. Of a key beside the
/// ledger's own that does not follow, and while a change of keys is unfinished either is right.
pub(super) fn key_file(path: &Path, ring: &Keyring) -> Result<Option<Finding>, VerifyError> {
    let follows = ring.is_own() && !ring.is_stranger() && ring.broken().is_none();
    if !follows || path.join("keys/pending").exists() {
        return Ok(None);
    }
    let file = path.join(VERIFIER_KEY);
    let due = format!("{}\n", ring.current());
    // One byte more than it should have is enough to see that it is longer.
    let found = match read_up_to(&file, count(due.len()).saturating_add(1)) {
        Ok(bytes) if bytes == due.as_bytes() => return Ok(None),
        Ok(_) => "another text",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "no such file",
        Err(error) => return Err(VerifyError::Unreadable { path: file, error }),
    };
    let expected = format!("the key {}", ring.current());
    let finding = Finding::new(FindingKind::DerivedMismatch, expected, found);
    Ok(Some(finding.in_place(VERIFIER_KEY)))
}

/// Compares one of the two with a journal of a size, which has a root there unless something else explains that it has
/// another, and may end within a batch.
pub(super) fn compare(
    name: &str,
    published: &Checkpoint,
    size: TreeSize,
    torn: Option<String>,
    root: Option<RootHash>,
) -> Option<Finding> {
    if published.size > size {
        let (kind, place) = match torn {
            Some(place) => (FindingKind::JournalTorn, place),
            None => (FindingKind::MissingEntries, "journal".to_owned()),
        };
        let whose = match name {
            WITNESSED_FILE => "witnessed",
            _ => "published",
        };
        let expected = format!("{} entries, as the {whose} checkpoint says", published.size);
        let finding = Finding::at(kind, size.next_index(), expected, format!("{size} entries"));
        return Some(finding.in_place(place));
    }
    let root = root.filter(|root| *root != published.root)?;
    let expected = format!("root {} at size {}", published.root, published.size);
    let finding = Finding::new(FindingKind::Forked, expected, format!("root {root}"));
    Some(finding.in_place(name))
}

//! Files that every pack carries, byte for byte the same in every pack that one version of this program writes.
//!
//! They stand in the manifest with their digests, which nobody signs: whoever changes a script in a pack can change
//! its digest too. So a verification compares each with the text that this program has built in, and with those of
//! earlier versions. See [`judge`].

use super::manifest::{FileDigest, Manifest, tool};
use crate::ledger::{
    finding::{Finding, FindingKind},
    hash::FileHash,
    position::count,
};

/// Where the second verifier stands in the pack.
pub const VERIFY_PY: &str = "verify.py";

/// A file that every pack carries.
#[derive(Debug, Clone, Copy)]
pub struct Carried {
    /// Where it stands in the pack.
    pub path: &'static str,
    /// What it is, for the list of files in `README.txt`.
    pub about: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    /// The plain BLAKE3 hashes that it had in released versions, in hexadecimal, with the version.
    pub released: &'static [(&'static str, &'static str)],
}

/// The files, in the order in which they stand in the pack.
pub const CARRIED: &[Carried] = &[Carried {
    path: VERIFY_PY,
    about: "a second verifier, in Python; see above, and read it before you run it",
    bytes: include_bytes!("verify.py"),
    released: &[],
}];

impl Carried {
    /// Its length and hash.
    pub fn digest(&self) -> FileDigest {
        FileDigest {
            bytes: count(self.bytes.len()),
            blake3: FileHash::of(self.bytes),
        }
    }

    fn was_released_as(&self, hash: &FileHash) -> bool {
        let hash = hash.to_string();
        self.released.iter().any(|(_, known)| *known == hash)
    }
}

/// What is to be said of a file of a pack that this program knows the content of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is none of those, or it is as it should be.
    Good,
    /// The pack says that this version wrote it, and this version writes another: somebody changed it.
    Changed(Finding),
    /// Another version of the program wrote the pack, and this one can't know what it carried.
    Unknown(String),
}

/// Judges a file of a pack by its digest.
pub fn judge(manifest: &Manifest, path: &str, there: &FileDigest) -> Judgement {
    let Some(carried) = CARRIED.iter().find(|carried| carried.path == path) else {
        return Judgement::Good;
    };
    let own = carried.digest();
    if own == *there || carried.was_released_as(&there.blake3) {
        return Judgement::Good;
    }
    if manifest.tool == tool() {
        let finding = Finding::new(
            FindingKind::CarriedAltered,
            format!("the one of {}, BLAKE3 {}", manifest.tool, own.blake3),
            format!("BLAKE3 {}", there.blake3),
        );
        return Judgement::Changed(finding.in_place(path));
    }
    Judgement::Unknown(format!(
        "{path}: this program does not know it (BLAKE3 {}; the pack says it is of {:?}); do not open or run it before its \
         publisher confirms that digest",
        there.blake3, manifest.tool
    ))
}

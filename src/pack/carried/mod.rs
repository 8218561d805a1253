//! Files that every pack carries, byte for byte the same in every pack that one version of this program writes, or the same
//! wherever the manifest is: the text for people, and the key.
//!
//! They stand in the manifest with their digests, which nobody signs: whoever changes a script in a pack can change
//! its digest too. So a verification compares each with the text that this program has built in, and with those of
//! earlier versions. See [`judge`].

use super::{
    manifest::{FileDigest, Manifest, README, VERIFIER_KEY, tool},
    write::readme::readme,
};
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
        digest(self.bytes)
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

/// Says of a pack of this version that it lacks a file which each has; of other versions nothing is known.
pub fn missed(manifest: &Manifest, path: &str) -> Option<String> {
    let due = manifest.tool == tool() && !manifest.files.contains_key(path);
    due.then(|| {
        format!(
            "{path}: it is not here, and {} puts one into every pack",
            manifest.tool
        )
    })
}

/// Judges a file of a pack by its digest.
pub fn judge(manifest: &Manifest, path: &str, there: &FileDigest) -> Judgement {
    match path {
        VERIFIER_KEY => judge_key(manifest, there),
        README => judge_readme(manifest, there),
        _ => judge_carried(manifest, path, there),
    }
}

/// The key beside the manifest must be the one that the manifest names.
fn judge_key(manifest: &Manifest, there: &FileDigest) -> Judgement {
    if digest(format!("{}\n", manifest.key).as_bytes()) == *there {
        return Judgement::Good;
    }
    let expected = format!("the key {}", manifest.key);
    let finding = Finding::new(FindingKind::ManifestMismatch, expected, "another text");
    Judgement::Changed(finding.in_place(VERIFIER_KEY))
}

/// What is said to people must be what this program says of such a pack.
fn judge_readme(manifest: &Manifest, there: &FileDigest) -> Judgement {
    if digest(readme(manifest).as_bytes()) == *there {
        return Judgement::Good;
    }
    if manifest.tool == tool() {
        let expected = format!("what {} says of such a pack", manifest.tool);
        let finding = Finding::new(FindingKind::DerivedMismatch, expected, "another text");
        return Judgement::Changed(finding.in_place(README));
    }
    Judgement::Unknown(format!(
        "{README}: only its digest, against the manifest; {} is said to have written it, and this program says it otherwise",
        manifest.tool
    ))
}

fn digest(bytes: &[u8]) -> FileDigest {
    FileDigest {
        bytes: count(bytes.len()),
        blake3: FileHash::of(bytes),
    }
}

fn judge_carried(manifest: &Manifest, path: &str, there: &FileDigest) -> Judgement {
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

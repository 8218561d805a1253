//! Where time stamps stand in a pack, and the proof that ties one to a partial pack's tree.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::{
    ledger::{hash::NodeHash, position::TreeSize},
    store::timestamps::TIMESTAMPS,
};

/// The most bytes of a proof: more than 64 hashes are never needed twice over.
pub const PROOF_BYTES_MAX: usize = 8 << 10;

/// A file of `timestamps/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampPath {
    /// `timestamps/<tree size>/checkpoint`: the checkpoint that was stamped, a signed note.
    Checkpoint(TreeSize),
    /// `timestamps/<tree size>/consistency`: in a partial pack, the proof from that size to the pack's, a base64 hash
    /// a line.
    Consistency(TreeSize),
    /// `timestamps/<tree size>/<n>.tsr`: an authority's answer, DER.
    Answer(TreeSize, u32),
}

impl fmt::Display for TimestampPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint(size) => write!(f, "{TIMESTAMPS}/{size}/checkpoint"),
            Self::Consistency(size) => write!(f, "{TIMESTAMPS}/{size}/consistency"),
            Self::Answer(size, number) => write!(f, "{TIMESTAMPS}/{size}/{number}.tsr"),
        }
    }
}

impl FromStr for TimestampPath {
    type Err = ();

    fn from_str(path: &str) -> Result<Self, ()> {
        let rest = path
            .strip_prefix(TIMESTAMPS)
            .and_then(|r| r.strip_prefix('/'));
        let (size, name) = rest.and_then(|rest| rest.split_once('/')).ok_or(())?;
        let size = TreeSize::new(size.parse().map_err(|_| ())?);
        let found = match name {
            "checkpoint" => Self::Checkpoint(size),
            "consistency" => Self::Consistency(size),
            name => {
                let number = name.strip_suffix(".tsr").ok_or(())?;
                Self::Answer(size, number.parse().map_err(|_| ())?)
            }
        };
        // Numbers have one form.
        if found.to_string() == path {
            Ok(found)
        } else {
            Err(())
        }
    }
}

/// The text of a proof: a base64 hash a line, as in `.tlog-proof` files.
pub fn proof_text(proof: &[NodeHash]) -> String {
    proof
        .iter()
        .map(|hash| BASE64.encode(hash.as_bytes()) + "\n")
        .collect()
}

/// Reads the text of a proof; `None` when it is not one.
pub fn parse_proof(bytes: &[u8]) -> Option<Vec<NodeHash>> {
    let text = std::str::from_utf8(bytes).ok()?;
    if text.is_empty() {
        return Some(Vec::new());
    }
    let lines = text.strip_suffix('\n')?.split('\n');
    let hash = |line| BASE64.decode(line).ok()?.try_into().ok();
    lines
        .map(|line| hash(line).map(NodeHash::from_bytes))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_proofs_have_one_form() {
        for path in [
            "timestamps/7/checkpoint",
            "timestamps/7/consistency",
            "timestamps/0/12.tsr",
        ] {
            assert_eq!(path.parse::<TimestampPath>().unwrap().to_string(), path);
        }
        for path in [
            "timestamps",
            "timestamps/7",
            "timestamps/07/checkpoint",
            "timestamps/7/01.tsr",
            "timestamps/7/x.tsr",
            "timestamps/7/8/checkpoint",
            "timestamps/+7/1.tsr",
            "checkpoint",
        ] {
            assert_eq!(path.parse::<TimestampPath>(), Err(()), "{path}");
        }
        let proof = [NodeHash::from_bytes([1; 32]), NodeHash::from_bytes([2; 32])];
        let text = proof_text(&proof);
        assert_eq!(parse_proof(text.as_bytes()), Some(proof.to_vec()));
        assert_eq!(parse_proof(b""), Some(Vec::new()));
        assert_eq!(parse_proof(text.trim_end().as_bytes()), None);
        assert_eq!(parse_proof(b"AAAA\n"), None);
        assert_eq!(parse_proof(format!("{text}\n").as_bytes()), None);
    }
}

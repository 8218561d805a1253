//! How checkpoints are cosigned, as the settings and the policy file say.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::ledger::policy::{InvalidPolicy, Policy};

/// What is to happen when the policy is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnmet {
    /// Publish the checkpoint with the cosignatures there are: fail open.
    Publish,
    /// Keep the published checkpoint as it is: fail closed.
    Hold,
}

/// How checkpoints are cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosigningOptions {
    /// How long to rest between rounds that nobody waits for.
    pub interval: Duration,
    /// How long the witnesses may take.
    pub timeout: Duration,
    /// What to do when the policy is not met.
    pub on_unmet: OnUnmet,
}

/// Why checkpoints can't be cosigned.
#[derive(Debug, thiserror::Error)]
pub enum CosigningError {
    /// The policy file can't be read.
    #[error("{} can't be read: {error}; witness.policy names a policy file", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The policy is not one.
    #[error("{}: {error}", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: InvalidPolicy,
    },
    /// The policy can never be met from here.
    #[error("{}: the quorum can't be reached with the witnesses that have a URL; add URLs, or ask for fewer", .0.display())]
    OutOfReach(PathBuf),
    /// The policy names logs, and not this one.
    #[error("{}: no `log` line has the key of this ledger, {key}; add it, or leave logs out", path.display())]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// The ledger's key.
        key: String,
    },
}

/// Reads a policy file.
///
/// # Errors
/// When it can't be read, or is none.
pub fn read_policy(path: &Path) -> Result<Policy, CosigningError> {
    let file = std::fs::read(path).map_err(|error| CosigningError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    Policy::parse(&file).map_err(|error| CosigningError::Policy {
        path: path.to_owned(),
        error,
    })
}

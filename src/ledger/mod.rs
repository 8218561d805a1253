//! The rules of the log, pure: no disk, no network, no clock, no randomness, no threads.
//!
//! Bottom up: [`position`] and [`hash`] keep numbers and hashes apart by type; [`entry`] and [`payload`] are the
//! bytes that are hashed; [`tree`] and [`tile`] are the Merkle tree; [`note`], [`checkpoint`] and [`receipt`] are
//! what is signed and handed out, [`signers`] who signs it, and [`keys`] who did before; [`witness`] and [`policy`] are who else must have seen it;
//! [`event`] and [`state`] are the write path as one function; [`verify`] is the
//! same rules, asked of somebody else's bytes, [`finding`] what it says, and [`breaks`] what of that the ledger itself admits.

pub mod breaks;
pub mod checkpoint;
pub mod entry;
pub mod event;
pub mod filter;
pub mod finding;
pub mod hash;
pub mod keys;
pub mod note;
pub mod payload;
pub mod policy;
pub mod position;
#[doc(hidden)]
pub mod properties;
pub mod receipt;
#[cfg(test)]
pub(crate) mod sample;
pub mod signers;
pub mod state;
pub mod tile;
pub mod timestamp;
pub mod tree;
pub mod verify;
pub mod witness;

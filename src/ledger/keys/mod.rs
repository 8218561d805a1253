//! A ledger's own keys over the years: which signed when, and how trust in one leads to the next.
//!
//! A change of keys is a [`Statement`], signed by the keys it concerns; all of them, in order, are the [`KeyHistory`]. It
//! is public and lies beside the evidence, and nothing of it is trusted until a [`Keyring`] has been made of it and of
//! one key that the verifier trusts. What must always be true:
//!
//! - A statement is never taken for a checkpoint, nor a checkpoint for a statement: the first line of the one has blanks,
//!   which an origin can't have.
//! - A statement names the one before it, and the size and root of the tree when it was made. So it can't be left out
//!   of the middle, and can't be carried over to another history of the ledger.
//! - Every statement is an entry of the ledger as well, at the index that is its size. So one at the end of the history
//!   can't be left out either without the entries telling, and none can be put in.
//!
//! Only keys that a ledger signs with by itself (Ed25519) are spoken of here. Keys beside it sign checkpoints and
//! nothing else, see [`signers`](super::signers).

mod entries;
mod history;
mod ring;
mod statement;
#[cfg(test)]
pub(crate) mod tests;

pub use entries::KeyEntries;
pub use history::{HISTORY_BYTES_MAX, HistoryError, KeyHistory, KeySpan, STATEMENTS_MAX};
pub use ring::{BrokenTrust, Keyring, Step};
pub use statement::{
    KEYS_SOURCE, KeyChange, REASON_BYTES_MAX, SignedStatement, Statement, StatementError,
    is_change_type,
};

//! The audit pack: one file with every entry of a range, what proves it, and what explains it.
//!
//! [`write_pack`] makes one from a [`PackSource`]; [`verify_pack`], [`verify_data_directory`] and [`verify_receipt`]
//! check somebody else's bytes offline and say in a [`Report`] what they looked at, what they did not, and what is
//! wrong. A damaged pack is a result, not an error: a [`VerifyError`] only says that nothing could be checked.
//!
//! Nothing here trusts a pack. The key that is trusted comes from the caller, every path and length is checked before
//! it is used, and memory does not grow with the number of entries.

pub mod breaks;
pub mod carried;
mod container;
pub(crate) mod counted;
pub mod derived;
#[doc(hidden)]
pub mod fuzz;
pub mod manifest;
mod page;
mod pipeline;
pub mod read;
pub mod report;
pub mod sequence;
mod shelf;
pub mod source;
#[doc(hidden)]
pub mod tamper;
#[cfg(test)]
mod tests;
mod tiles;
pub mod verify;
pub mod write;

pub use report::{Report, Verdict};
pub use source::{Block, PackSource, SourceError};
pub use verify::{
    Expected, LATER, Remembered, VerifyError, VerifyOptions, WitnessSeen, judge_witnesses,
    verify_data_directory, verify_log, verify_pack, verify_receipt, verify_receipt_against,
    verify_receipt_of,
};
pub use write::{Disclosed, PackError, PackRequest, Summary, Unmatched, write_pack};

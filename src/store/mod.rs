//! The disk, blocking: the journal, which is the truth, and the index, which is derived.

pub mod directory;
pub mod disk;
pub mod durable;
#[cfg(feature = "server")]
pub mod index;
pub mod journal;
#[cfg(feature = "server")]
pub mod witness;

//! Exhibit: an append-only, hash-chained, signed ledger of audit evidence.

#[cfg(feature = "cli")]
pub mod cli;
pub mod evidence;
pub mod ledger;
pub mod pack;
#[cfg(feature = "server")]
pub mod service;
pub mod store;

//! The manual: how Exhibit is built and used, and what its files mean.
//!
//! For auditors: [`threats`] says what a verified ledger proves and what not, [`keys`] what signs it, [`breaks`] what of damage is admitted, and [`viewer`] explains
//! the page that opens a pack. For people who write another reader or
//! verifier: [`formats`], [`pack_format`] and [`journal_format`] specify every byte. For producers of evidence:
//! [`events`], [`errors`] and [`cli`]. For tile readers: [`http`]. For those who watch somebody else's ledger: [`monitor`]
//! and [`witnesses`]. For whoever needs to know when: [`timestamps`]. For those who change the program: [`architecture`],
//! [`performance`] and [`decisions`].

#[doc = include_str!("architecture.md")]
pub mod architecture {}
#[doc = include_str!("breaks.md")]
pub mod breaks {}
#[doc = include_str!("cli.md")]
pub mod cli {}
#[doc = include_str!("decisions.md")]
pub mod decisions {}
#[doc = include_str!("errors.md")]
pub mod errors {}
#[doc = include_str!("events.md")]
pub mod events {}
#[doc = include_str!("formats.md")]
pub mod formats {}
#[doc = include_str!("http.md")]
pub mod http {}
#[doc = include_str!("journal-format.md")]
pub mod journal_format {}
#[doc = include_str!("monitor.md")]
pub mod monitor {}
#[doc = include_str!("keys.md")]
pub mod keys {}
#[doc = include_str!("pack-format.md")]
pub mod pack_format {}
#[doc = include_str!("performance.md")]
pub mod performance {}
#[doc = include_str!("threats.md")]
pub mod threats {}
#[doc = include_str!("witnesses.md")]
pub mod witnesses {}
#[doc = include_str!("timestamps.md")]
pub mod timestamps {}
#[doc = include_str!("viewer.md")]
pub mod viewer {}

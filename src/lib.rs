//! Exhibit: an append-only, hash-chained, signed ledger of audit evidence.
//!
//! Pipelines post what they did over gRPC and get receipts; auditors verify, with no trust in whoever runs the ledger,
//! that nothing was altered, deleted, back-dated or left out. This library is all of it: embed the verifier alone with
//! `default-features = false`.
//!
//! # The rooms
//!
//! Each may use only those below it; a test keeps it so.
//!
//! | room | what it is |
//! | --- | --- |
//! | `cli` | commands, output, progress, exit codes |
//! | `service` | the network, the only async code: settings, the running ledger, gRPC, the log over HTTP, cosigning, time stamps, the witness |
//! | [`pack`] | the audit pack: writing, reading, verifying offline; data directories, receipts and logs read over HTTP are verified here too |
//! | [`store`] | the disk: the journal, which is the truth, the index, which is derived, and what lies beside them: published checkpoint, keys, time stamps |
//! | [`evidence`] | what events mean: typed events, their checks, what of them is personal. Pure |
//! | [`ledger`] | the rules of the log: entry, payload, chain, tree, proofs, receipts, verification, witnesses and their policies, time stamps. Pure |
//!
//! # The life of one event
//!
//! It is read and checked on its connection's task, and its payload committed to. A bounded queue hands it to the
//! sequencer, one thread, which takes what has queued up, tells the new from the known, and has
//! [`State::append`](ledger::state::State::append) make entries, chain, tree and checkpoint of it; the checkpoint is signed.
//! The committer writes the batch and syncs it: the commit point. Only then do receipts go out. The index follows, and so
//! does the checkpoint that is published, cosigned by witnesses where a policy asks for them.
//!
//! # Verifying a pack
//!
//! ```no_run
//! use exhibit::pack::{Verdict, VerifyOptions, verify_pack};
//!
//! let key = std::fs::read_to_string("log.vkey")?.trim().parse()?;
//! let report = verify_pack("audit-pack.zip".as_ref(), &key, &VerifyOptions::default(), &|_, _| {})?;
//! assert_eq!(report.verdict, Verdict::Verified);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "cli")]
pub mod cli;
pub mod evidence;
pub mod ledger;
#[cfg(doc)]
pub mod manual;
pub mod pack;
#[cfg(feature = "server")]
pub mod service;
pub mod store;

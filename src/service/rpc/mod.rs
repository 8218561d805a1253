//! The gRPC services, from the listener to the ledger.
//!
//! [`serve`] starts and stops everything; `service` leads each call to the file that answers it. What every call has in
//! common stands in files of its own: refusals and their details, deadlines, connections, and the pages in which
//! answers reach a client. Events are taken by `append`, which does not know where they go: to the ledger, or, to
//! measure what the rest costs, nowhere ([`serve_baseline`]).
//!
//! What must always be true: nothing a client does, or leaves undone, takes more memory than the limits allow; every
//! refusal has a reason of [`errors::Reason`]; no log line has anything of an event in it.

mod append;
mod baseline;
pub mod client;
mod connection;
mod deadline;
pub mod errors;
mod explain;
mod export;
mod ledger_sink;
mod listing;
mod pages;
mod read;
pub mod server;
mod service;
mod sink;
mod witnessed;

#[doc(hidden)]
pub use baseline::serve_baseline;
pub use ledger_sink::PRODUCER;
pub use server::{Listeners, ServeError, serve, serve_cosigned};

//! The network: the only async code.

pub mod config;
pub mod convert;
pub mod cosigning;
pub mod fetch;
pub mod http;
pub mod ledger;
pub mod log_files;
mod places;
pub mod proto;
pub mod rpc;
pub mod timestamps;
pub mod witness;

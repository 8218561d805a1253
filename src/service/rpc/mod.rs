//! The gRPC services.

mod append;
mod connection;
mod deadline;
pub mod errors;
mod explain;
mod pages;
mod sink;

//! The gRPC services.

pub mod errors;

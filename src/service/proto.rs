//! The messages and services of `exhibit.v1`, generated from the definitions in `proto/`, where they are documented.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated code"
)]

tonic::include_proto!("exhibit.v1");

/// The compiled definitions, for the reflection service.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("exhibit.v1");

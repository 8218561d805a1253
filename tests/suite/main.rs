//! Every integration test, linked into one program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[cfg(feature = "cli")]
mod audit;
mod layers;
mod python;
mod tamper;
mod vectors;
mod viewer;

#[cfg(feature = "server")]
mod breaks;
#[cfg(feature = "server")]
mod cli;
#[cfg(feature = "server")]
mod crash;
#[cfg(feature = "server")]
mod full_disk;
#[cfg(feature = "server")]
mod interop;
#[cfg(feature = "server")]
mod process;
#[cfg(feature = "server")]
mod readme;
#[cfg(feature = "server")]
mod support;
#[cfg(feature = "server")]
mod timestamps;
#[cfg(feature = "server")]
mod wire;
#[cfg(feature = "server")]
mod witnesses;

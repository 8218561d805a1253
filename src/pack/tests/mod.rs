//! Packs of ledgers in memory: written, read, verified.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod forged;
mod memory;
mod reading;
mod round_trip;

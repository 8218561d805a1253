//! The running ledger on a real disk, one that fails, and one that waits. Every test ends with the whole log verified.

#![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod crash;
mod disk;
mod faults;
mod home;
mod idempotency;
mod model;
mod opening;
mod reading;
mod shutdown;

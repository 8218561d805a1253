//! The audit pack: writing it, reading it, verifying it offline.

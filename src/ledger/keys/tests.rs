//! Histories of keys, made and forged.

//! The data directory: what lies where, its key, its format version.

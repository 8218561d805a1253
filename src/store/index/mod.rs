//! The index on sled: derived.

//! Part of the audit pack.

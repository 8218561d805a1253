//! Events made up for property tests.

//! The file operations the journal needs, with a simulated twin for crash tests.

//! A running ledger: its one writer, its readers.

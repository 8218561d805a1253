//! Between the messages of the API and the events of the ledger.

//! Settings of the server, and where each value came from.

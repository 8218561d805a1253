//! Parses, runs, and gives the exit code.
fn main() {}

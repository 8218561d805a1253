//! The same entries for human eyes: `events.jsonl` and `events.csv`.
//!
//! Both are derived: made from the entries and the disclosed payloads alone, by rules without any choice, so whoever
//! has these can make them again and compare. They prove nothing by themselves.

mod csv;
mod jsonl;
mod moment;
mod text;

pub use csv::{CSV_HEADER, CsvRows};
pub use jsonl::JsonLines;

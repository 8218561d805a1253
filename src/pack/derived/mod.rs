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

/// About how many bytes the lines of `events.jsonl` take that are made of so many entries, with so many bytes of
/// entries and payloads; those of ordinary events take less.
pub const fn jsonl_bytes(entries: usize, bytes: usize) -> usize {
    bytes.saturating_add(entries.saturating_mul(448))
}

/// About how many bytes the rows of `events.csv` take that are made of so many entries, with so many bytes of entries.
pub const fn csv_bytes(entries: usize, bytes: usize) -> usize {
    bytes.saturating_add(entries.saturating_mul(64))
}

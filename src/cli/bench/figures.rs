//! What a benchmark found, and how it reads.

use std::io::{self, Write};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::super::output::{Render, field_table, fields};

/// Events a second of the ledger, and of a server that does nothing, in one round.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Versus {
    /// The ledger: durable, signed, indexed.
    pub ledger: f64,
    /// The server that only decodes and answers.
    pub baseline: f64,
}

impl Versus {
    /// How much of the baseline the ledger reaches.
    pub fn ratio(&self) -> f64 {
        self.ledger / self.baseline
    }
}

/// A distribution of times, in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    /// Half take no longer.
    pub p50_us: u64,
    /// 99 of 100 take no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
    /// How many were measured.
    pub measured: u64,
}

impl Latency {
    /// Reads the figures off a histogram of microseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            max_us: histogram.max(),
            measured: histogram.len(),
        }
    }
}

/// Everything `exhibit bench` measures.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Over one stream.
    pub stream: Versus,
    /// One call each, 64 in flight.
    pub unary: Versus,
    /// Events a second at which the latencies were taken.
    pub open_loop_rate: u32,
    /// From the moment a call was due to its answer.
    pub append: Latency,
    /// The same of a server that does nothing: what network, runtime and machine take of it.
    pub append_baseline: Latency,
    /// The disk alone: a 4 KiB append and `fdatasync`.
    pub fdatasync: Latency,
    /// Entries in the ledger at the end.
    pub entries: u64,
    /// Bytes of their payloads' content.
    pub payload_bytes: u64,
    /// Bytes that the journal takes on disk.
    pub journal_bytes: u64,
    /// Bytes that the index takes on disk.
    pub index_bytes: u64,
}

impl Figures {
    /// Bytes on disk, journal and index together, for each byte of payload.
    pub fn bytes_per_payload_byte(&self) -> f64 {
        quotient(
            self.journal_bytes.saturating_add(self.index_bytes),
            self.payload_bytes,
        )
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let rate = |versus: &Versus| {
            format!(
                "{:.0} events/s, {:.2} of a server that does nothing ({:.0}/s)",
                versus.ledger,
                versus.ratio(),
                versus.baseline
            )
        };
        let micros = |latency: &Latency| {
            format!(
                "p50 {} µs, p99 {} µs, max {} µs ({} measured)",
                latency.p50_us, latency.p99_us, latency.max_us, latency.measured
            )
        };
        vec![
            ("one stream, durable", rate(&self.stream)),
            ("64 calls in flight, durable", rate(&self.unary)),
            (
                "one call at 1,000/s",
                format!(
                    "{}; p99 is {:.1} times the disk's",
                    micros(&self.append),
                    quotient(self.append.p99_us, self.fdatasync.p99_us)
                ),
            ),
            (
                "the same, a server that does nothing",
                micros(&self.append_baseline),
            ),
            ("the disk: append and fdatasync", micros(&self.fdatasync)),
            (
                "bytes on disk for a payload byte",
                format!(
                    "{:.2} (journal {:.2}, index {:.2}), {} entries of {:.0} payload bytes",
                    self.bytes_per_payload_byte(),
                    quotient(self.journal_bytes, self.payload_bytes),
                    quotient(self.index_bytes, self.payload_bytes),
                    self.entries,
                    quotient(self.payload_bytes, self.entries)
                ),
            ),
        ]
    }
}

impl Render for Figures {
    const FORMAT: &'static str = "exhibit-bench/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        fields(out, &self.rows())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        field_table(out, &self.rows())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }
}

#[allow(
    clippy::as_conversions,
    reason = "figures for people; counts stay far below 2^52"
)]
fn quotient(of: u64, by: u64) -> f64 {
    of as f64 / by as f64
}

//! What a monitor has come to, in figures: [Prometheus' text form](https://prometheus.io/docs/instrumenting/exposition_formats/).

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use super::watched::Watched;
use crate::ledger::{finding::FindingKind, position::UnixNanos};

/// The figures of every server, shared with whoever serves them.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(Arc<Mutex<BTreeMap<String, Server>>>);

#[derive(Debug, Default)]
struct Server {
    verified: u64,
    size: u64,
    breaks: u64,
    rounds: u64,
    failures: u64,
    up: bool,
    carried_out_at: Option<UnixNanos>,
    verified_at: Option<UnixNanos>,
    findings: BTreeMap<FindingKind, u64>,
}

/// A figure: its name, kind and meaning, and how to read it.
struct Figure {
    name: &'static str,
    kind: &'static str,
    about: &'static str,
    read: fn(&Server) -> Option<String>,
}

const FIGURES: [Figure; 9] = [
    Figure {
        name: "exhibit_monitor_up",
        kind: "gauge",
        about: "Whether the last round could be carried out, whatever it found.",
        read: |server| Some(u8::from(server.up).to_string()),
    },
    Figure {
        name: "exhibit_monitor_ledger_entries",
        kind: "gauge",
        about: "Entries that the server's checkpoint covers.",
        read: |server| Some(server.size.to_string()),
    },
    Figure {
        name: "exhibit_monitor_verified_entries",
        kind: "gauge",
        about: "Entries that are verified, with everything before them.",
        read: |server| Some(server.verified.to_string()),
    },
    Figure {
        name: "exhibit_monitor_lag_entries",
        kind: "gauge",
        about: "Entries that the server has and that are not verified.",
        read: |server| Some(server.size.saturating_sub(server.verified).to_string()),
    },
    Figure {
        name: "exhibit_monitor_confirmed_breaks",
        kind: "gauge",
        about: "Things that are wrong in what is verified, and that the ledger itself admits; they are no findings.",
        read: |server| Some(server.breaks.to_string()),
    },
    Figure {
        name: "exhibit_monitor_last_round_timestamp_seconds",
        kind: "gauge",
        about: "When a round was last carried out, whatever it found.",
        read: |server| server.carried_out_at.map(seconds),
    },
    Figure {
        name: "exhibit_monitor_last_verified_timestamp_seconds",
        kind: "gauge",
        about: "When a round last found nothing.",
        read: |server| server.verified_at.map(seconds),
    },
    Figure {
        name: "exhibit_monitor_rounds_total",
        kind: "counter",
        about: "Rounds, those that failed too.",
        read: |server| Some(server.rounds.to_string()),
    },
    Figure {
        name: "exhibit_monitor_failures_total",
        kind: "counter",
        about: "Rounds that could not be carried out.",
        read: |server| Some(server.failures.to_string()),
    },
];

fn seconds(time: UnixNanos) -> String {
    (time.value() / 1_000_000_000).to_string()
}

impl Figures {
    /// Takes what a server's last round came to.
    pub(super) fn take(&self, watched: &Watched) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let server = all.entry(watched.url().to_string()).or_default();
        server.rounds = watched.rounds;
        server.failures = watched.failures;
        server.carried_out_at = watched.carried_out_at;
        server.verified_at = watched.verified_at;
        server.up = matches!(watched.last, Some(Ok(_)));
        // After a failure the findings of the round before stand.
        if let Some(Ok(outcome)) = &watched.last {
            server.verified = outcome.verified;
            server.size = outcome.size;
            server.breaks = outcome.breaks;
            server.findings.clear();
            for finding in &outcome.findings.listed {
                let number = server.findings.entry(finding.kind).or_default();
                *number = number.saturating_add(1);
            }
        }
    }

    /// All of them.
    pub(super) fn text(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to a string does not fail.
        for figure in &FIGURES {
            let (name, kind) = (figure.name, figure.kind);
            let _ = write!(
                text,
                "# HELP {name} {}\n# TYPE {name} {kind}\n",
                figure.about
            );
            for (url, server) in all.iter() {
                if let Some(value) = (figure.read)(server) {
                    let _ = writeln!(text, "{name}{{server=\"{url}\"}} {value}");
                }
            }
        }
        let name = "exhibit_monitor_findings";
        let _ = write!(
            text,
            "# HELP {name} Findings of the last round that was carried out, by kind.\n# TYPE {name} gauge\n"
        );
        for (url, server) in all.iter() {
            for kind in FindingKind::ALL {
                let number = server.findings.get(kind).copied().unwrap_or_default();
                let _ = writeln!(text, "{name}{{server=\"{url}\",kind=\"{kind}\"}} {number}");
            }
        }
        text
    }
}

//! The load: events as a busy pipeline would post them, and three ways of posting them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::task::{JoinError, JoinSet};
use tonic::{Status, transport::Channel};

use crate::service::proto::{
    self, AppendRequest, AppendStreamRequest, ledger_client::LedgerClient,
};

/// How many events, in how long.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Events acknowledged.
    pub events: u64,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Rate {
    /// Events a second.
    pub fn per_second(&self) -> f64 {
        // Precision is not lost on counts that a bench can reach.
        #[allow(clippy::as_conversions, reason = "counts stay far below 2^52")]
        let events = self.events as f64;
        events / self.took.as_secs_f64()
    }
}

/// Posts events over one stream, and waits for every answer.
///
/// # Errors
/// When the stream breaks, or an event is refused.
pub async fn stream(
    mut client: LedgerClient<Channel>,
    run: &str,
    events: u64,
) -> Result<Rate, Status> {
    let run = run.to_owned();
    let requests = tokio_stream::iter((0..events).map(move |number| AppendStreamRequest {
        event: Some(deployment(&run, number)),
        ..AppendStreamRequest::default()
    }));
    let started = Instant::now();
    let mut answers = client.append_stream(requests).await?.into_inner();
    let mut acknowledged = 0u64;
    while let Some(answer) = answers.message().await? {
        match answer.result {
            Some(proto::append_stream_response::Result::Recorded(_)) => {
                acknowledged = acknowledged.saturating_add(1)
            }
            other => {
                return Err(Status::internal(format!(
                    "event {} was refused: {other:?}",
                    answer.position
                )));
            }
        }
    }
    Ok(Rate {
        events: acknowledged,
        took: started.elapsed(),
    })
}

/// Posts events one call each, so many at a time, and waits for every answer.
///
/// # Errors
/// When a call fails.
pub async fn unary(
    client: LedgerClient<Channel>,
    run: &str,
    events: u64,
    in_flight: u64,
) -> Result<Rate, Status> {
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..in_flight {
        let (mut client, next, run) = (client.clone(), Arc::clone(&next), run.to_owned());
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= events {
                    return Ok::<(), Status>(());
                }
                client
                    .append(AppendRequest {
                        event: Some(deployment(&run, number)),
                        ..Default::default()
                    })
                    .await?;
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended.map_err(|error| Status::internal(error.to_string()))??;
    }
    Ok(Rate {
        events,
        took: started.elapsed(),
    })
}

/// Posts events at a steady rate, whether or not the answers keep up, and measures each from the moment it was due:
/// a server that stalls is charged for everything that had to wait. A thread of its own keeps the time, since the
/// runtime's timers are only good to a millisecond. Microseconds.
///
/// # Errors
/// When a call fails.
pub async fn open_loop(
    client: LedgerClient<Channel>,
    run: &str,
    per_second: u32,
    lasting: Duration,
) -> Result<Histogram<u64>, Status> {
    let gap = Duration::from_secs(1)
        .checked_div(per_second)
        .unwrap_or_default();
    let (send, mut due) = tokio::sync::mpsc::unbounded_channel();
    let metronome = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        let mut next = started;
        while next.duration_since(started) < lasting {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            if send.send(next).is_err() {
                return;
            }
            next = next.checked_add(gap).unwrap_or(next);
        }
    });
    let mut latencies = histogram();
    let mut record = |ended: Result<Result<Duration, Status>, JoinError>| {
        let took = ended.map_err(|error| Status::internal(error.to_string()))??;
        latencies.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        Ok::<(), Status>(())
    };
    let mut calls = JoinSet::new();
    let mut number = 0u64;
    while let Some(due) = due.recv().await {
        // Calls that are kept after their end take ever new memory, and its first touch can stop everything for
        // milliseconds.
        while let Some(ended) = calls.try_join_next() {
            record(ended)?;
        }
        let (mut client, event) = (client.clone(), deployment(run, number));
        calls.spawn(async move {
            let request = AppendRequest {
                event: Some(event),
                ..Default::default()
            };
            client.append(request).await?;
            Ok::<Duration, Status>(due.elapsed())
        });
        number = number.saturating_add(1);
    }
    metronome
        .await
        .map_err(|error| Status::internal(error.to_string()))?;
    while let Some(ended) = calls.join_next().await {
        record(ended)?;
    }
    Ok(latencies)
}

/// A histogram of microseconds, to three digits.
pub fn histogram() -> Histogram<u64> {
    // Up to a minute: a bound, since a histogram without one cuts off what it has not seen before.
    Histogram::new_with_bounds(1, 60_000_000, 3)
        .unwrap_or_else(|_| unreachable!("these bounds are allowed"))
}

/// The deployment number `number` of a run: about 650 bytes of JSON, of which digests, ids and times are its own.
pub fn deployment(run: &str, number: u64) -> proto::Event {
    let digest = blake3::hash(&number.to_le_bytes()).to_hex();
    let commit = digest.chars().rev().take(40).collect();
    let service = ["payments", "ledger", "accounts", "search", "mail"]
        .get(usize::try_from(number % 5).unwrap_or(0))
        .copied()
        .unwrap_or("payments");
    let second = i64::try_from(number / 1000)
        .unwrap_or(0)
        .saturating_add(1_790_000_000);
    let at = |seconds: i64| {
        Some(prost_types::Timestamp {
            seconds: second.saturating_add(seconds),
            nanos: 0,
        })
    };
    proto::Event {
        source: format!("https://ci.example.com/acme/{service}"),
        event_id: format!("{run}-{number}-deploy"),
        occurred_at: at(62),
        source_sequence: 0,
        links: vec![proto::Link {
            rel: "pipeline-run".to_owned(),
            href: format!("https://ci.example.com/acme/{service}/runs/{number}"),
        }],
        evidence: Some(proto::event::Evidence::Deployment(proto::Deployment {
            service: service.to_owned(),
            environment: "production".to_owned(),
            artifacts: vec![proto::Artifact {
                name: format!("registry.example.com/acme/{service}"),
                digest: format!("sha256:{digest}"),
                version: format!("1.{}.{}", number / 100, number % 100),
            }],
            outcome: proto::Outcome::Succeeded.into(),
            action: proto::DeploymentAction::Deploy.into(),
            change_ids: vec![format!("CHG-{}", number / 3)],
            deployer: Some(proto::Actor {
                id: "service-account:deployer".to_owned(),
                role: "release-manager".to_owned(),
                kind: proto::ActorKind::Bot.into(),
                ..Default::default()
            }),
            revision: Some(proto::Revision {
                repository: format!("https://git.example.com/acme/{service}"),
                commit,
                r#ref: "refs/heads/main".to_owned(),
            }),
            started_at: at(0),
            finished_at: at(61),
            ..Default::default()
        })),
        ..Default::default()
    }
}

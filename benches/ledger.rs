//! Figures of a whole ledger, each against its baseline in the same run, on a real disk, durably.
//!
//!     cargo bench --bench ledger -- ingest            what `exhibit bench` measures
//!     cargo bench --bench ledger -- verify [ENTRIES]  1,000,000 unless said otherwise
//!     cargo bench --bench ledger -- large [ENTRIES]   5,000,000 unless said otherwise
//!     cargo bench --bench ledger -- tiles [ENTRIES]   100,000 unless said otherwise; needs nginx and wrk
//!     cargo bench --bench ledger -- make ENTRIES DIR  measures nothing: leaves DIR/ledger and DIR/pack.zip to profile
//!
//! The ledgers lie below the target directory and are removed again. The events are the same in every run. Nothing is
//! waited for but what is measured; times are wall time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a measurement fails by panicking"
)]

#[path = "ledger/large.rs"]
mod large;
#[path = "ledger/tiles.rs"]
mod tiles;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use exhibit::{
    cli::bench::load::deployment,
    ledger::{
        hash::{ChainHash, LeafHash},
        payload::{decode_parts, payload_commitment},
        position::{EntryIndex, UnixNanos},
        tile::decode_entry_bundle,
    },
    service::{
        convert::{SaltSource, event_from_proto},
        ledger::{Ledger, LedgerOptions, Posting},
        rpc::PRODUCER,
    },
    store::{directory::DataDirectory, journal::StoredBlock},
};
use rayon::prelude::*;

const EXHIBIT: &str = env!("CARGO_BIN_EXE_exhibit");

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let entries = |default: u64| {
        arguments
            .get(1)
            .map_or(default, |n| n.parse().expect("a number of entries"))
    };
    match arguments.first().map(String::as_str) {
        Some("ingest") => ingest(),
        Some("verify") => verify(entries(1_000_000)),
        Some("large") => large::large(entries(5_000_000)),
        Some("tiles") => tiles::tiles(entries(100_000)),
        Some("make") => make(
            entries(0),
            Path::new(arguments.get(2).expect("a directory")),
        ),
        _ => {
            ingest();
            verify(1_000_000);
            large::large(5_000_000);
            tiles::tiles(100_000);
        }
    }
}

/// The figures of `exhibit bench`, in a process of its own.
fn ingest() {
    let home = home();
    let status = Command::new(EXHIBIT)
        .args(["bench", "--dir"])
        .arg(home.path())
        .status()
        .unwrap();
    assert!(status.success());
}

/// A ledger and its pack, to look at with a profiler.
fn make(entries: u64, home: &Path) {
    let directory = build(home, entries);
    let pack = home.join("pack.zip");
    run(&["export", "--dir", path(&directory), "--out", path(&pack)]);
}

/// How fast a data directory and a pack are verified, against only hashing the same bytes.
fn verify(entries: u64) {
    let mut peaks = Vec::new();
    for entries in [entries / 10, entries] {
        let home = home();
        let directory = build(home.path(), entries);
        let pack = home.path().join("pack.zip");
        let export = Instant::now();
        run(&["export", "--dir", path(&directory), "--out", path(&pack)]);
        let export = export.elapsed();
        let vkey = format!("@{}", directory.join("log.vkey").display());
        let blocks = blocks(&directory);
        let hashing = best(|| hash(&blocks));
        drop(blocks);
        let (dir_time, dir_peak) =
            best_process(&["verify", path(&directory), "--vkey", &vkey, "--no-pins"]);
        let (pack_time, pack_peak) =
            best_process(&["verify", path(&pack), "--vkey", &vkey, "--no-pins"]);
        let ratio = |time: Duration| hashing.as_secs_f64() / time.as_secs_f64();
        println!("verify {entries} entries, all cores");
        println!("  only hashing the same bytes      {:8.0} ms", ms(hashing));
        println!(
            "  data directory                   {:8.0} ms  {:.2} of hashing, peak {} MB",
            ms(dir_time),
            ratio(dir_time),
            dir_peak / 1024
        );
        println!(
            "  pack ({:4} MB, exported in {:.1} s) {:7.0} ms  {:.2} of hashing, peak {} MB",
            std::fs::metadata(&pack).unwrap().len() / 1_000_000,
            export.as_secs_f64(),
            ms(pack_time),
            ratio(pack_time),
            pack_peak / 1024
        );
        peaks.push((dir_peak, pack_peak));
    }
    println!(
        "  peak memory, ten times the entries: data directory x{:.2}, pack x{:.2}",
        peaks[1].0 as f64 / peaks[0].0 as f64,
        peaks[1].1 as f64 / peaks[0].1 as f64
    );
}

/// Fills a new ledger through its own write path.
fn build(home: &Path, entries: u64) -> PathBuf {
    let directory = home.join("ledger");
    run(&[
        "init",
        path(&directory),
        "--origin",
        "bench.example.com/ledger",
    ]);
    let ledger = open(&directory);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut salts = SaltSource::new();
    let mut pending = std::collections::VecDeque::new();
    runtime.block_on(async {
        for first in (0..entries).step_by(256) {
            let postings = (first..entries.min(first + 256))
                .map(|n| {
                    let event = salts.with(|salts| {
                        event_from_proto(deployment("bench", n), PRODUCER, UnixNanos::now(), salts)
                    });
                    Posting {
                        event: event.unwrap().expect("a valid event"),
                        want_receipt: false,
                    }
                })
                .collect();
            pending.push_back(ledger.post(postings).await);
            if pending.len() > 16 {
                let answers = pending.pop_front().unwrap().answers().await;
                assert!(answers.iter().all(Result::is_ok));
            }
        }
        for pending in pending {
            assert!(pending.answers().await.iter().all(Result::is_ok));
        }
    });
    ledger.close();
    directory
}

fn open(directory: &Path) -> Ledger {
    let directory = DataDirectory::open(directory).unwrap();
    Ledger::open(&directory, LedgerOptions::default())
        .unwrap()
        .0
}

/// The whole ledger in memory, decompressed.
fn blocks(directory: &Path) -> Vec<StoredBlock> {
    let reader = DataDirectory::open(directory).unwrap().reader().unwrap();
    reader
        .batches(EntryIndex::default())
        .flat_map(|batch| batch.unwrap().blocks)
        .collect()
}

/// Every hash that a verification computes, and nothing else of it.
fn hash(blocks: &[StoredBlock]) -> u8 {
    blocks
        .par_iter()
        .map(|block| {
            let mut sum = 0;
            let mut payloads = block.payloads.as_slice();
            for entry in
                decode_entry_bundle(&block.entries, usize::try_from(block.count).unwrap()).unwrap()
            {
                let (parts, rest) = decode_parts(payloads).unwrap();
                payloads = rest;
                sum ^= LeafHash::of_entry(entry).as_bytes()[0];
                sum ^= ChainHash::of_entry(entry).as_bytes()[0];
                sum ^= payload_commitment(&parts).as_bytes()[0];
            }
            sum
        })
        .reduce(|| 0, |a, b| a ^ b)
}

fn best<T>(work: impl Fn() -> T) -> Duration {
    (0..3)
        .map(|_| {
            let started = Instant::now();
            std::hint::black_box(work());
            started.elapsed()
        })
        .min()
        .unwrap()
}

/// The shortest of three runs of the program, and the largest memory of any, in KiB.
fn best_process(arguments: &[&str]) -> (Duration, u64) {
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let started = Instant::now();
            let mut child = Command::new(EXHIBIT)
                .args(arguments)
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let peak = watch(&mut child);
            (started.elapsed(), peak)
        })
        .collect();
    (
        runs.iter().map(|run| run.0).min().unwrap(),
        runs.iter().map(|run| run.1).max().unwrap(),
    )
}

/// Waits for a process, and gives its largest resident memory in KiB.
fn watch(child: &mut Child) -> u64 {
    let mut peak = 0;
    loop {
        peak = peak.max(status(child.id(), "VmHWM:"));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "verification ended with {status}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn status(process: u32, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn run(arguments: &[&str]) {
    let output = Command::new(EXHIBIT).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

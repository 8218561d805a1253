//! What a large ledger costs its server: memory, opening, rebuilding, receipts and proofs.
//!
//! Receipts and proofs are asked for twice: from the ledger itself, which is what the server does for one, and over gRPC
//! from the running server, one after the other over one connection, which adds the network and the client on the same
//! cores. The server's resident memory is taken before and after those.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use exhibit::{
    ledger::position::{EntryIndex, TreeSize},
    service::{
        ledger::Ledger,
        proto::{GetConsistencyProofRequest, GetReceiptRequest, get_receipt_request::Selector},
        rpc::client::{ClientOptions, connect},
    },
};

use super::{EXHIBIT, build, home, ms, open, path, run, status};

const RECEIPTS: u64 = 20_000;
const PROOFS: u64 = 2_000;

pub(super) fn large(entries: u64) {
    let home = home();
    let built = Instant::now();
    let directory = build(home.path(), entries);
    println!(
        "large: {entries} entries built in {:.0} s, {:.0}/s through the engine",
        built.elapsed().as_secs_f64(),
        entries as f64 / built.elapsed().as_secs_f64()
    );
    let server = Server::start(&directory);
    server.told("server with a good index");
    drop(server);
    std::fs::remove_dir_all(directory.join("index")).unwrap();
    let rebuilding = Instant::now();
    let ledger = open(&directory);
    let rebuilt = rebuilding.elapsed();
    println!(
        "  index rebuilt in {:.1} s: {:.0} entries/s",
        rebuilt.as_secs_f64(),
        entries as f64 / rebuilt.as_secs_f64()
    );
    in_process(&ledger, entries);
    ledger.close();
    drop(ledger);
    let server = Server::start(&directory);
    server.told("server after the rebuild");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(over_grpc(&server, entries));
}

/// An entry from anywhere, and a size to prove from, never twice the same in a row.
fn anywhere(number: u64, entries: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % entries
}

fn in_process(ledger: &Ledger, entries: u64) {
    let receipts = (0..RECEIPTS).map(|n| {
        let index = EntryIndex::new(anywhere(n, entries));
        let started = Instant::now();
        let text = ledger.receipt(index).unwrap().to_string();
        let took = started.elapsed();
        assert!(text.len() > 500);
        took
    });
    show("receipt of any entry", receipts.collect());
    let proofs = (0..PROOFS).map(|n| {
        let old = TreeSize::new(anywhere(n, entries) + 1);
        let started = Instant::now();
        ledger.consistency(old, TreeSize::new(entries)).unwrap();
        started.elapsed()
    });
    show("consistency proof from any size", proofs.collect());
}

async fn over_grpc(server: &Server, entries: u64) {
    let before = server.memory();
    let mut client = connect(&server.url, &ClientOptions::default())
        .await
        .unwrap();
    let mut times = Vec::new();
    for n in 0..RECEIPTS {
        let request = GetReceiptRequest {
            selector: Some(Selector::Index(anywhere(n, entries))),
        };
        let started = Instant::now();
        let answer = client.get_receipt(request).await.unwrap();
        times.push(started.elapsed());
        assert!(answer.get_ref().receipt.len() > 500);
    }
    show("receipt of any entry, over gRPC", times);
    let mut times = Vec::new();
    for n in 0..PROOFS {
        let request = GetConsistencyProofRequest {
            old_size: anywhere(n, entries) + 1,
            new_size: entries,
        };
        let started = Instant::now();
        client.get_consistency_proof(request).await.unwrap();
        times.push(started.elapsed());
    }
    show("consistency proof from any size, over gRPC", times);
    println!(
        "  server after {RECEIPTS} receipts and {PROOFS} proofs: {} MB resident, {} MB before",
        server.memory() / 1024,
        before / 1024
    );
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_micros();
    println!(
        "  {what}: p50 {} µs, p99 {} µs, max {} µs",
        at(50),
        at(99),
        at(100)
    );
}

/// The real server, ended when it is dropped.
struct Server {
    process: Child,
    opened: Duration,
    url: String,
}

impl Server {
    /// Starts it, and gives it a moment of what a server does all day: events in, and some read back.
    fn start(directory: &Path) -> Self {
        let started = Instant::now();
        let mut process = Command::new(EXHIBIT)
            .args(["serve", "--listen", "127.0.0.1:0", "--dir", path(directory)])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("listening on ").map(ToOwned::to_owned)
        });
        let opened = started.elapsed();
        let address = address.expect("the server says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        let server = Self {
            process,
            opened,
            url: format!("http://{address}"),
        };
        let json = directory.with_file_name("event.json");
        std::fs::write(&json, "{}").unwrap();
        for n in 0..20 {
            server.work(&format!("{n}-{address}"), &json);
        }
        server
    }

    fn work(&self, id: &str, json: &Path) {
        let source = "https://ci.example.com/bench";
        run(&[
            "record",
            "event",
            "--server",
            &self.url,
            "--source",
            source,
            "--event-id",
            id,
            "--type",
            "bench",
            "--json",
            path(json),
        ]);
        let subject = "service/payments@production";
        run(&[
            "list",
            "--server",
            &self.url,
            "--subject",
            subject,
            "--limit",
            "100",
        ]);
    }

    fn told(&self, what: &str) {
        println!(
            "  {what}: listening after {:.0} ms, {} MB resident",
            ms(self.opened),
            self.memory() / 1024
        );
    }

    /// In KiB.
    fn memory(&self) -> u64 {
        status(self.process.id(), "VmRSS:")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

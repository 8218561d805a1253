//! The monitor, against real servers that go on, are rolled back, rewritten, cut short, re-keyed, begun anew, or gone.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use exhibit::{
    ledger::{
        event::{Event, NewEvent, NewPart},
        note::SigningKey,
        payload::Salt,
        position::UnixNanos,
        state::State,
    },
    store::{
        directory::DataDirectory,
        disk::FsDisk,
        journal::{EncodedBatch, Journal, JournalOptions},
    },
};
use serde_json::Value;

use super::{
    Done, ORIGIN,
    histories::{Histories, record_at},
};
use crate::process::{Server, init};

/// One round with a server of one of the histories.
fn once(all: &Histories, history: &str, more: &[&str]) -> Done {
    let server = Server::start(&all.path(history));
    let done = once_at(all, &server.url(), more);
    server.stop();
    done
}

fn once_at(all: &Histories, url: &str, more: &[&str]) -> Done {
    all.run(&[&["monitor", url, "--once", "--vkey", &all.vkey], more].concat())
}

fn position(all: &Histories) -> Option<String> {
    fs::read_to_string(all.path("state/exhibit/monitored.json")).ok()
}

#[test]
fn new_entries_are_verified_from_where_the_round_before_ended() {
    let all = Histories::begin();
    once(&all, "empty", &[]).is(4, &[]);
    let first = once(&all, "ledger", &["--format", "json"]).is(0, &[]);
    let first: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!(first["format"], "exhibit-monitor/1");
    assert_eq!(first["servers"][0]["counts"]["payloads_whole"], 2);
    once(&all, "ledger", &[]).is(0, &["VERIFIED", "2 entries, 0 new"]);
    let ids: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    all.record(
        "ledger",
        &ids.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    // The last one of the round before is looked at again, for the chain.
    once(&all, "ledger", &[]).is(0, &["VERIFIED", "302 entries, 301 new"]);
    let metrics = all.text("metrics.prom");
    once(&all, "ledger", &["--metrics-file", &metrics]).is(0, &[]);
    let metrics = fs::read_to_string(metrics).unwrap();
    let has = |start: &str, end: &str| {
        let found = metrics
            .lines()
            .any(|line| line.starts_with(start) && line.ends_with(end));
        assert!(found, "{start} {end} not in\n{metrics}");
    };
    has("exhibit_monitor_verified_entries{server=\"http://", " 302");
    has("exhibit_monitor_lag_entries{", " 0");
    has("exhibit_monitor_up{", " 1");
    has("exhibit_monitor_findings{", "kind=\"forked\"} 0");
}

#[test]
fn what_happened_to_a_history_is_told_by_kind_and_the_position_stays() {
    let all = Histories::begin();
    all.copy("ledger", "old");
    all.copy("ledger", "forked");
    all.copy("empty", "anew");
    all.record("ledger", &["c", "d"]);
    all.record("forked", &["x", "y", "z"]);
    all.record("anew", &["q", "r", "s", "t", "u"]);
    once(&all, "ledger", &[]).is(0, &["4 entries"]);
    let before = position(&all);
    assert!(before.is_some());
    for (history, kind) in [
        ("old", "rolled_back"),
        ("empty", "rolled_back"),
        ("forked", "forked"),
        ("anew", "recreated"),
    ] {
        let metrics = all.text("metrics.prom");
        let done =
            once(&all, history, &["--metrics-file", &metrics]).is(1, &["DOES NOT VERIFY", kind]);
        assert!(
            done.stderr.contains("kind=") && done.stderr.contains("advice="),
            "{}",
            done.stderr
        );
        let metrics = fs::read_to_string(metrics).unwrap();
        assert!(
            metrics.contains(&format!("kind=\"{kind}\"}} 1")),
            "{metrics}"
        );
        assert_eq!(position(&all), before, "{history}");
    }
    let other = tempfile::tempdir().unwrap();
    let rekeyed = Server::start(&init(other.path(), ORIGIN));
    once_at(&all, &rekeyed.url(), &[]).is(1, &["key_changed"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = Server::start(&init(elsewhere.path(), "example.com/another"));
    once_at(&all, &foreign.url(), &[]).is(1, &["other_ledger"]);
    once_at(&all, "http://127.0.0.1:1", &[]).is(3, &["NOT KNOWN"]);
    assert_eq!(position(&all), before);
    // A finding goes before a failure, and one ledger's outage does not keep another from being looked at.
    let ledger = Server::start(&all.path("ledger"));
    let servers = [
        "monitor",
        "http://127.0.0.1:1",
        &ledger.url(),
        "--once",
        "--vkey",
        &all.vkey,
    ];
    all.run(&servers).is(3, &["NOT KNOWN", "VERIFIED"]);
    let servers = [
        "monitor",
        &rekeyed.url(),
        "http://127.0.0.1:1",
        "--once",
        "--vkey",
        &all.vkey,
    ];
    all.run(&servers).is(1, &["key_changed", "NOT KNOWN"]);
}

/// Passes a connection on to a server, and holds its answers up after so many bytes; says when it does.
fn holding_up(server: &str, after: usize) -> (String, mpsc::Receiver<()>) {
    let server = server.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (held, is_held) = mpsc::channel();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut upstream = TcpStream::connect(server).unwrap();
        let (mut asked, mut onward) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut asked, &mut onward));
        let (mut passed, mut buffer) = (0, [0; 1024]);
        while let Ok(read) = upstream.read(&mut buffer) {
            if read == 0 {
                return;
            }
            passed += read;
            if passed > after {
                let _ = held.send(());
                // For as long as anybody cares.
                thread::park();
            }
            if client.write_all(&buffer[..read]).is_err() {
                return;
            }
        }
    });
    (url, is_held)
}

#[test]
fn a_monitor_that_is_killed_at_work_has_not_moved_its_position() {
    let all = Histories::begin();
    once(&all, "ledger", &[]).is(0, &["2 entries"]);
    let before = position(&all);
    let ids: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    all.record(
        "ledger",
        &ids.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let server = Server::start(&all.path("ledger"));
    let (url, is_held) = holding_up(&server.url(), 20_000);
    let mut child = all
        .command(&["monitor", &url, "--once", "--vkey", &all.vkey])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    is_held
        .recv_timeout(crate::support::LONG)
        .expect("entries are on their way");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(position(&all), before);
    once_at(&all, &server.url(), &[]).is(0, &["202 entries, 201 new"]);
    assert_ne!(position(&all), before);
}

/// Records events of some 1,400 bytes each, payload and entry together.
fn record_many(url: &str, events: u64) {
    use exhibit::service::{
        proto,
        rpc::client::{ClientOptions, connect},
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut client = connect(url, &ClientOptions::default()).await.unwrap();
        let json = format!("{{\"filler\":\"{}\"}}", "x".repeat(1000));
        let requests = (0..events).map(move |number| proto::AppendStreamRequest {
            event: Some(proto::Event {
                source: "https://ci.example.com/many".to_owned(),
                event_id: number.to_string(),
                evidence: Some(proto::event::Evidence::Custom(proto::Custom {
                    r#type: "filler".to_owned(),
                    json: json.clone().into(),
                    ..Default::default()
                })),
                ..Default::default()
            }),
            ..Default::default()
        });
        let answers = client.append_stream(tokio_stream::iter(requests)).await;
        let mut answers = answers.unwrap().into_inner();
        while answers.message().await.unwrap().is_some() {}
    });
}

#[test]
fn a_first_round_that_is_killed_goes_on_from_what_it_has_verified() {
    let all = Histories::begin();
    let server = Server::start(&all.path("ledger"));
    record_many(&server.url(), 6000);
    // Beyond the first stretch of 4,096 entries, and not at the end.
    let (url, is_held) = holding_up(&server.url(), 7_000_000);
    let mut child = all
        .command(&["monitor", &url, "--once", "--vkey", &all.vkey])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    is_held
        .recv_timeout(crate::support::LONG)
        .expect("entries are on their way");
    child.kill().unwrap();
    child.wait().unwrap();
    let saved = position(&all).unwrap();
    assert!(saved.contains("\"verified\": 4096"), "{saved}");
    // What it stands on is demanded: a history that differs below is another one.
    let state = all.path("state/exhibit/monitored.json");
    let subtree = saved.find("\"subtrees\"").unwrap() + 30;
    let mut forged = saved.clone().into_bytes();
    forged[subtree] = if forged[subtree] == b'1' { b'2' } else { b'1' };
    fs::write(&state, forged).unwrap();
    once_at(&all, &server.url(), &[]).is(1, &["forked"]);
    fs::write(&state, &saved).unwrap();
    // 6,002 entries, less 4,096, and the last of these once more.
    once_at(&all, &server.url(), &[]).is(0, &["VERIFIED", "6,002 entries, 1,907 new"]);
    let saved = position(&all).unwrap();
    assert!(!saved.contains("verified"), "{saved}");
    once_at(&all, &server.url(), &[]).is(0, &["VERIFIED", "6,002 entries, 0 new"]);
}

/// A ledger that records whatever it is told to, as a server never would.
struct Careless {
    directory: std::path::PathBuf,
    key: SigningKey,
    state: State,
}

impl Careless {
    fn new(directory: std::path::PathBuf) -> Self {
        let key = SigningKey::from_seed("audit.example.com/careless".parse().unwrap(), &[5; 32]);
        DataDirectory::create(&directory, &key, "").unwrap();
        Self {
            state: State::new(key.verifier().name().clone()),
            directory,
            key,
        }
    }

    fn record(&mut self, ids: &[&str]) {
        let now = UnixNanos::now();
        let event = |id: &&str| {
            let event = NewEvent {
                event_type: "test".to_owned(),
                source: "ci".to_owned(),
                event_id: (*id).to_owned(),
                producer: "nobody".to_owned(),
                parts: vec![NewPart {
                    salt: Salt::from_bytes([7; 32]),
                    name: "body".to_owned(),
                    content_type: "application/json".to_owned(),
                    content: b"{}".to_vec(),
                }],
                ..NewEvent::default()
            };
            Event::new(event, now).unwrap()
        };
        let (next, batch) = self
            .state
            .append(ids.iter().map(event).collect(), now)
            .unwrap();
        let disk = Arc::new(FsDisk);
        let origin = self.key.verifier().name();
        let (mut journal, _) =
            Journal::open(disk, &self.directory, origin, JournalOptions::default()).unwrap();
        let checkpoint = batch.checkpoint.clone().sign(&self.key);
        journal
            .append(EncodedBatch::new(&batch, &checkpoint, 1).unwrap())
            .unwrap();
        self.state = next;
    }
}

#[test]
fn an_event_that_is_recorded_again_in_a_later_round_is_found_every_round() {
    let all = Histories::begin();
    let mut ledger = Careless::new(all.path("careless"));
    let vkey = format!("@{}", all.text("careless/log.vkey"));
    let round = || {
        let server = Server::start(&all.path("careless"));
        let done = all.run(&["monitor", &server.url(), "--once", "--vkey", &vkey]);
        server.stop();
        done
    };
    ledger.record(&["one", "two", "three"]);
    round().is(0, &["VERIFIED", "3 entries, 3 new"]);
    ledger.record(&["four", "two"]);
    let before = position(&all);
    for _ in 0..2 {
        round().is(
            1,
            &[
                "duplicate_event",
                "no second entry for the event of entry 1",
            ],
        );
        assert_eq!(position(&all), before);
    }
    // Who forgets the position begins anew, and finds it within the round.
    fs::remove_file(all.path("state/exhibit/monitored.json")).unwrap();
    round().is(1, &["duplicate_event", "entry 4"]);
}

#[test]
fn it_goes_on_through_an_outage_and_serves_its_figures() {
    let all = Histories::begin();
    let server = Server::start(&all.path("ledger"));
    // Whoever takes connections and never answers holds up nobody else.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let started = Instant::now();
    let mut child = all
        .command(&[
            "monitor",
            &format!("http://{}", hanging.local_addr().unwrap()),
            &server.url(),
            "--every",
            "1s",
            "--vkey",
            &all.vkey,
        ])
        .args(["--metrics", "127.0.0.1:0", "--format", "json"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut until = |message: &str, is: &dyn Fn(&Value) -> bool| loop {
        let line = lines.next().expect("the monitor goes on").unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["fields"]["message"] == message && is(&line["fields"]) {
            return line["fields"].clone();
        }
    };
    let metrics = until("serving metrics", &|_| true)["address"]
        .as_str()
        .unwrap()
        .to_owned();
    until("verified", &|fields| fields["verified"] == 2);
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(&metrics).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask("/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("\nexhibit_monitor_verified_entries{"),
        "{answer}"
    );
    assert!(ask("/").starts_with("HTTP/1.1 404"));
    record_at(&server.url(), &["c"]);
    until("verified", &|fields| fields["verified"] == 3);
    assert!(started.elapsed() < Duration::from_secs(50));
    server.kill();
    until("could not be read; nothing is known", &|_| true);
    assert!(ask("/metrics").contains("exhibit_monitor_up{server=\"http://"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn events_that_are_gone_are_a_failure_and_not_forgotten() {
    let all = Histories::begin();
    once(&all, "ledger", &[]).is(0, &["2 entries"]);
    let events = all.path("state/exhibit/monitored.json.events");
    fs::remove_dir_all(events).unwrap();
    all.record("ledger", &["c"]);
    once(&all, "ledger", &[]).is(3, &["0 events of the 2 entries", "--state"]);
    let other = all.text("other.json");
    once(&all, "ledger", &["--state", &other]).is(0, &["3 entries"]);
}

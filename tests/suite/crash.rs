//! The real server, killed under load and traced at work: what it acknowledged is there, and was durable before it said so.

use std::{
    collections::HashMap,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use exhibit::{
    ledger::{entry::Entry, hash::LeafHash, note::VerifierKey, receipt::Receipt},
    service::proto::{
        AppendRequest, AppendStreamRequest, EventKey, GetEntryRequest, ListEntriesRequest,
        append_stream_response::Result as Answer, get_entry_request::Selector,
        ledger_client::LedgerClient,
    },
};
use tonic::transport::Channel;

use crate::process::{Server, deployment, exhibit, init, run, run_ok};

const ORIGIN: &str = "ledger.example.com/crash";

/// What the server said it had made durable.
struct Acknowledged {
    source: String,
    event_id: String,
    index: u64,
    leaf: Vec<u8>,
    receipt: Option<String>,
}

#[test]
fn what_a_killed_server_acknowledged_is_there() {
    let rounds: u32 = std::env::var("EXHIBIT_CRASH_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(3);
    let home = tempfile::tempdir().unwrap();
    let directory = init(home.path(), ORIGIN);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..rounds {
        let server = Server::start(&directory);
        let before = acknowledged.len();
        // Each round is cut at another moment: early, in full flow, across many batches.
        let until = Instant::now() + Duration::from_millis(60 + u64::from(round * 131 % 700));
        runtime.block_on(async {
            let (stream, unary) = tokio::join!(
                load_stream(server.client().await, round, until),
                load_unary(server.client().await, round, until)
            );
            acknowledged.extend(stream);
            acknowledged.extend(unary);
        });
        server.kill();
        assert!(
            acknowledged.len() > before,
            "round {round} acknowledged nothing, so it tested nothing"
        );
    }
    check(&runtime, &directory, home.path(), &acknowledged);
    eprintln!(
        "{} acknowledged events stood {rounds} kills",
        acknowledged.len()
    );
}

/// Streams events until the time is up, and stops listening while answers are still on their way.
async fn load_stream(
    mut client: LedgerClient<Channel>,
    round: u32,
    until: Instant,
) -> Vec<Acknowledged> {
    let source = format!("https://ci.example.com/stream/{round}");
    let sent_source = source.clone();
    let events = async_events(sent_source, until);
    let mut answers = client
        .append_stream(events)
        .await
        .expect("the stream opens")
        .into_inner();
    let mut acknowledged = Vec::new();
    while Instant::now() < until {
        let Ok(Some(answer)) = answers.message().await else {
            break;
        };
        let Some(Answer::Recorded(recorded)) = answer.result else {
            panic!("refused: {:?}", answer.result)
        };
        acknowledged.push(Acknowledged {
            source: source.clone(),
            event_id: format!("event-{}", answer.position),
            index: recorded.index,
            leaf: recorded.leaf_hash.to_vec(),
            receipt: None,
        });
    }
    acknowledged
}

fn async_events(
    source: String,
    until: Instant,
) -> impl tokio_stream::Stream<Item = AppendStreamRequest> {
    tokio_stream::iter(
        (0u64..)
            .take_while(move |_| Instant::now() < until)
            .map(move |number| AppendStreamRequest {
                event: Some(deployment(&source, &format!("event-{number}"))),
                want_receipt: false,
                ..Default::default()
            }),
    )
}

async fn load_unary(
    mut client: LedgerClient<Channel>,
    round: u32,
    until: Instant,
) -> Vec<Acknowledged> {
    let source = format!("https://ci.example.com/unary/{round}");
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let event_id = format!("event-{number}");
        let request = AppendRequest {
            event: Some(deployment(&source, &event_id)),
            ..Default::default()
        };
        let Ok(answer) = client.append(request).await else {
            break;
        };
        let answer = answer.into_inner();
        let recorded = answer.recorded.unwrap();
        acknowledged.push(Acknowledged {
            source: source.clone(),
            event_id,
            index: recorded.index,
            leaf: recorded.leaf_hash.to_vec(),
            receipt: Some(answer.receipt),
        });
    }
    acknowledged
}

/// Every acknowledged event stands where the server said, and every receipt holds against the whole verified ledger.
fn check(
    runtime: &tokio::runtime::Runtime,
    directory: &Path,
    home: &Path,
    acknowledged: &[Acknowledged],
) {
    let server = Server::start(directory);
    runtime.block_on(async {
        let mut client = server.client().await;
        let there = entries(&mut client).await;
        for event in acknowledged {
            let key = (event.source.clone(), event.event_id.clone());
            let (index, leaf) = there.get(&key).expect("an acknowledged event is there");
            assert_eq!(
                (*index, leaf.as_bytes().as_slice()),
                (event.index, event.leaf.as_slice())
            );
        }
        // By its id, too: the index knows what the journal holds.
        for event in acknowledged.iter().rev().take(200) {
            let key = EventKey {
                source: event.source.clone(),
                event_id: event.event_id.clone(),
            };
            let request = GetEntryRequest {
                selector: Some(Selector::Event(key)),
            };
            let entry = client.get_entry(request).await.expect("found by its id");
            let entry = entry.into_inner().entry.unwrap();
            let decoded = Entry::decode(&entry.entry).unwrap();
            assert_eq!(decoded.index.value(), event.index);
        }
    });
    assert!(server.stop().success());
    let vkey = directory.join("log.vkey");
    let key: VerifierKey = std::fs::read_to_string(&vkey)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let mut command = exhibit();
    command
        .arg("verify")
        .arg(directory)
        .arg("--vkey")
        .arg(format!("@{}", vkey.display()));
    let receipts: Vec<&String> = acknowledged
        .iter()
        .filter_map(|event| event.receipt.as_ref())
        .collect();
    assert!(!receipts.is_empty());
    for receipt in &receipts {
        Receipt::parse(receipt.as_bytes())
            .unwrap()
            .verify(&key)
            .unwrap();
    }
    // The last receipts knew the most.
    for (number, receipt) in receipts.iter().rev().take(50).enumerate() {
        let path = home.join(format!("{number}.tlog-proof"));
        std::fs::write(&path, receipt).unwrap();
        command.arg("--receipt").arg(path);
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Every entry of the ledger, by its event: its index and leaf hash.
async fn entries(client: &mut LedgerClient<Channel>) -> HashMap<(String, String), (u64, LeafHash)> {
    let request = ListEntriesRequest {
        omit_payloads: true,
        ..ListEntriesRequest::default()
    };
    let mut stream = client.list_entries(request).await.unwrap().into_inner();
    let mut entries = HashMap::new();
    while let Some(message) = stream.message().await.unwrap() {
        let bytes = message.entry.unwrap().entry;
        let entry = Entry::decode(&bytes).unwrap();
        let key = (entry.source.to_owned(), entry.event_id.to_owned());
        let twice = entries.insert(key, (entry.index.value(), LeafHash::of_entry(&bytes)));
        assert_eq!(twice, None, "an event has two entries");
    }
    entries
}

#[test]
fn no_acknowledgement_leaves_before_its_sync_returned() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!(
            "skipped: strace is not installed, so what the server asks of the kernel was not looked at"
        );
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let directory = init(home.path(), ORIGIN);
    let trace = home.path().join("trace");
    let mut command = Command::new("strace");
    command.args([
        "-f",
        "-y",
        "-s",
        "0",
        "-e",
        "trace=write,pwrite64,writev,pwritev,sendto,sendmsg,fdatasync,fsync",
        "-o",
    ]);
    command.arg(&trace).arg(env!("CARGO_BIN_EXE_exhibit"));
    let server = Server::start_as(command, &directory);
    let appends = 25;
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut client = server.client().await;
        for number in 0..appends {
            let event = deployment("https://ci.example.com/traced", &format!("event-{number}"));
            client
                .append(AppendRequest {
                    event: Some(event),
                    ..Default::default()
                })
                .await
                .expect("recorded");
        }
    });
    server.kill();
    let trace = std::fs::read_to_string(&trace).unwrap();
    match judge_trace(&trace) {
        Ok(answers) => assert!(
            answers >= appends,
            "only {answers} answers were seen for {appends} appends\n{trace}"
        ),
        Err(line) => {
            panic!("an answer left while a batch was written and not synced: {line}\n{trace}")
        }
    }
}

#[test]
fn the_trace_of_a_server_that_answers_too_early_is_told() {
    let write = "7 pwrite64(9</l/journal/00.seg>, \"\"..., 900, 64) = 900\n";
    let sync = "7 fdatasync(9</l/journal/00.seg>) = 0\n";
    let answer = "8 writev(11<socket:[5]>, [{iov_base=\"\"..., iov_len=900}], 1) = 900\n";
    let control = "8 writev(11<socket:[5]>, [{iov_base=\"\"..., iov_len=17}], 1) = 17\n";
    assert_eq!(judge_trace(&[write, control, sync, answer].concat()), Ok(1));
    assert!(judge_trace(&[write, answer, sync].concat()).is_err());
    let sync_begins = "7 fdatasync(9</l/journal/00.seg> <unfinished ...>\n";
    let sync_ends = "7 <... fdatasync resumed>) = 0\n";
    assert_eq!(
        judge_trace(&[write, sync_begins, sync_ends, answer].concat()),
        Ok(1)
    );
    assert!(judge_trace(&[write, sync_begins, answer, sync_ends].concat()).is_err());
    let answer_begins = "8 writev(11<socket:[5]>, [...], 2 <unfinished ...>\n";
    let answer_ends = "8 <... writev resumed>) = 900\n";
    assert_eq!(
        judge_trace(&[write, sync, answer_begins, answer_ends].concat()),
        Ok(1)
    );
    // The next batch may be written while an answer to this one is on its way; an answer that began too early stays so.
    assert_eq!(
        judge_trace(&[write, sync, answer_begins, write, answer_ends].concat()),
        Ok(1)
    );
    assert!(judge_trace(&[write, answer_begins, sync, answer_ends].concat()).is_err());
    let elsewhere = "9 fdatasync(10</l/signed.state>) = 0\n";
    assert!(judge_trace(&[write, elsewhere, answer].concat()).is_err());
}

/// Counts the answers in a trace of one client that waits for each; fails with the line of one that began to leave
/// between a write to the journal and the return of its sync. Frames that only control the connection are shorter than
/// any answer. A call that another thread interrupts stands in two lines: `<unfinished ...>` where it began, `resumed`
/// where it returned.
fn judge_trace(trace: &str) -> Result<u32, String> {
    const ANSWER_BYTES_MIN: u64 = 300;
    let (mut unsynced, mut answers) = (false, 0);
    let mut begun = HashMap::new();
    for line in trace.lines() {
        let (thread, said) = line.split_once(' ').unwrap_or((line, ""));
        let said = said.trim_start();
        let resumed = said.starts_with("<... ");
        let (call, too_early) = if resumed {
            begun.remove(thread).unwrap_or((said, false))
        } else {
            (said, unsynced)
        };
        let in_journal = call.contains(".seg>");
        if in_journal && call.contains("write") {
            unsynced = true;
        }
        if said.ends_with("<unfinished ...>") {
            begun.insert(thread, (call, too_early));
            continue;
        }
        let result = said
            .rsplit_once("= ")
            .and_then(|(_, result)| result.trim().parse::<u64>().ok());
        if in_journal && call.contains("sync(") && result == Some(0) {
            unsynced = false;
        } else if ["socket:", "TCP:"].iter().any(|kind| call.contains(kind))
            && result.is_some_and(|sent| sent >= ANSWER_BYTES_MIN)
        {
            if too_early {
                return Err(line.to_owned());
            }
            answers += 1;
        }
    }
    Ok(answers)
}

#[test]
fn a_second_server_is_kept_out() {
    let home = tempfile::tempdir().unwrap();
    let directory = init(home.path(), ORIGIN);
    let first = Server::start(&directory);
    let second = run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--dir",
        directory.to_str().unwrap(),
    ]);
    assert_eq!(second.status.code(), Some(3));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("another `exhibit serve`"), "{said}");
    assert!(first.stop().success());
    let third = Server::start(&directory);
    assert!(third.id() > 0);
    run_ok(&["checkpoint", "--server", &third.url()]);
}

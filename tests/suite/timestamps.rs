//! Trusted time with a real authority, the real program and a real server.

mod authority;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    sync::Arc,
    time::Instant,
};

use authority::{Authority, Keys, serve, text, there_is_openssl};

use crate::{
    process::{Server, deployment, exhibit, init, run, run_ok},
    support::LONG,
};
use exhibit::{
    ledger::{
        event::{Event, NewEvent, NewPart},
        payload::Salt,
        position::UnixNanos,
    },
    service::{
        ledger::{Ledger, LedgerOptions},
        proto,
    },
    store::directory::DataDirectory,
};

const STAMPING: &str = "critical,timeStamping";

/// Gives up when there is no OpenSSL.
macro_rules! needs_openssl {
    () => {
        if !there_is_openssl() {
            println!("skipped: there is no openssl program here to be the authority");
            return;
        }
    };
}

fn record(server: &Server, from: usize, to: usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut client = server.client().await;
        for number in from..to {
            let event = deployment("https://ci.example.com/acme", &format!("event-{number}"));
            let request = proto::AppendRequest {
                event: Some(event),
                ..Default::default()
            };
            client.append(request).await.unwrap();
        }
    });
}

/// A ledger of this many entries that nobody serves.
fn ledger(parent: &Path, entries: usize) -> PathBuf {
    let directory = init(parent, "example.com/timed");
    let server = Server::start(&directory);
    record(&server, 0, entries);
    assert!(server.stop().success());
    directory
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn verify(target: &Path, ledger: &Path, roots: &[&Path]) -> (Option<i32>, serde_json::Value) {
    let key = format!("@{}", ledger.join("log.vkey").display());
    let mut arguments = vec!["verify", text(target), "--vkey", &key, "--format", "json"];
    for root in roots {
        arguments.extend(["--tsa-roots", text(root)]);
    }
    let output = run(&arguments);
    (output.status.code(), json(&output))
}

fn kinds(report: &serde_json::Value) -> Vec<String> {
    let listed = report["findings"]["listed"].as_array().unwrap();
    listed
        .iter()
        .map(|finding| finding["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_server_has_its_checkpoints_stamped_and_its_packs_prove_when_entries_existed() {
    needs_openssl!();
    let parent = tempfile::tempdir().unwrap();
    let (rsa, elliptic) = (
        Authority::new(Keys::Rsa, STAMPING, "30"),
        Authority::new(Keys::Elliptic, STAMPING, "30"),
    );
    let roots = [rsa.path("root.pem"), elliptic.path("root.pem")];
    let roots: Vec<&Path> = roots.iter().map(PathBuf::as_path).collect();
    let urls = [
        serve(move |query| rsa.answer(query)),
        serve(move |query| elliptic.answer(query)),
    ]
    .join(" ");
    // The roots lie in directories that go with the authorities: keep copies.
    let copies: Vec<PathBuf> = (0..2)
        .map(|n| parent.path().join(format!("root-{n}.pem")))
        .collect();
    for (root, copy) in roots.iter().zip(&copies) {
        fs::copy(root, copy).unwrap();
    }
    let roots: Vec<&Path> = copies.iter().map(PathBuf::as_path).collect();
    let directory = init(parent.path(), "example.com/timed");
    let mut command = exhibit();
    command
        .env("EXHIBIT_TIMESTAMPS_AUTHORITIES", &urls)
        .env("EXHIBIT_TIMESTAMPS_INTERVAL", "1s");
    let server = Server::start_as(command, &directory);
    record(&server, 0, 3);
    let began = Instant::now();
    while !(1..=3).any(|size| directory.join(format!("timestamps/{size}/2.tsr")).exists()) {
        assert!(began.elapsed() < LONG, "no authority was asked");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pack = parent.path().join("pack.zip");
    run_ok(&["export", "--server", &server.url(), "--out", text(&pack)]);
    assert!(server.stop().success());
    for target in [&pack, &directory] {
        let (code, report) = verify(target, &directory, &roots);
        assert_eq!((code, kinds(&report)), (Some(0), vec![]), "{report}");
        assert!(
            report["timestamps"].as_array().unwrap().len() >= 2,
            "{report}"
        );
        assert_eq!(report["existed"][0]["entries"]["start"], 0);
        assert_eq!(report["existed"][0]["authority"], "CN=Test tsa");
        // Whoever gives no roots hears that there was something to check.
        let (code, report) = verify(target, &directory, &[]);
        assert_eq!(code, Some(0));
        assert!(
            report["not_checked"].to_string().contains("--tsa-roots"),
            "{report}"
        );
        // The root of the one authority says nothing about the other.
        let (code, report) = verify(target, &directory, &roots[..1]);
        assert_eq!((code, kinds(&report)), (Some(0), vec![]), "{report}");
        let unknown = report["not_checked"].to_string();
        assert!(unknown.contains("its root was not given"), "{unknown}");
    }
}

#[test]
fn a_partial_pack_ties_a_time_stamp_beyond_its_range_to_its_tree() {
    needs_openssl!();
    let parent = tempfile::tempdir().unwrap();
    let directory = ledger(parent.path(), 600);
    let authority = Authority::new(Keys::Elliptic, STAMPING, "30");
    let root = authority.path("root.pem");
    // By hand, as on a machine without a network.
    let (query, answer) = (parent.path().join("c.tsq"), parent.path().join("c.tsr"));
    let query_of = ["timestamp", "query", "--dir", text(&directory), "--out"];
    run_ok(&[&query_of[..], &[text(&query)]].concat());
    let server = Server::start(&directory);
    record(&server, 600, 700);
    assert!(server.stop().success());
    fs::write(&answer, authority.answer(&fs::read(&query).unwrap())).unwrap();
    let said = run_ok(&["timestamp", "add", "--dir", text(&directory), text(&answer)]);
    assert!(said.contains("timestamps/600/1.tsr"), "{said}");
    let listed = run_ok(&["timestamp", "list", "--dir", text(&directory)]);
    assert!(
        listed.contains("600 entries") && listed.contains("CN=Test tsa"),
        "{listed}"
    );
    for (start, end, covered) in [("256", "300", 512), ("0", "700", 600), ("512", "600", 600)] {
        let pack = parent.path().join(format!("{start}.zip"));
        run_ok(&[
            "export",
            "--dir",
            text(&directory),
            "--start",
            start,
            "--end",
            end,
            "--out",
            text(&pack),
        ]);
        let (code, report) = verify(&pack, &directory, &[&root]);
        assert_eq!((code, kinds(&report)), (Some(0), vec![]), "{report}");
        assert_eq!(report["existed"][0]["entries"]["end"], covered, "{report}");
    }
    // The second verifier, in Python, has no quarrel with the files. The proof is needed: without it nothing ties the two.
    let unpacked = parent.path().join("unpacked");
    let mut zip =
        zip::ZipArchive::new(fs::File::open(parent.path().join("256.zip")).unwrap()).unwrap();
    zip.extract(&unpacked).unwrap();
    let proof = unpacked.join("timestamps/600/consistency");
    let good = fs::read(&proof).unwrap();
    fs::write(&proof, good.to_ascii_uppercase()).unwrap();
    let (code, report) = verify(&unpacked, &directory, &[&root]);
    assert_eq!(code, Some(1));
    assert!(
        kinds(&report).contains(&"timestamp_mismatch".to_owned()),
        "{report}"
    );
}

#[test]
fn a_key_that_was_added_later_verifies_what_was_stamped_before_it() {
    needs_openssl!();
    let parent = tempfile::tempdir().unwrap();
    let directory = ledger(parent.path(), 300);
    let authority = Authority::new(Keys::Elliptic, STAMPING, "30");
    let (query, answer) = (parent.path().join("c.tsq"), parent.path().join("c.tsr"));
    let dir = text(&directory);
    run_ok(&["timestamp", "query", "--dir", dir, "--out", text(&query)]);
    fs::write(&answer, authority.answer(&fs::read(&query).unwrap())).unwrap();
    run_ok(&["timestamp", "add", "--dir", dir, text(&answer)]);
    run_ok(&["key", "add", dir, "--type", "ml-dsa-44"]);
    let pack = |name: &str, range: &[&str]| {
        let pack = parent.path().join(name);
        let arguments = ["export", "--dir", dir, "--out", text(&pack)];
        run_ok(&[&arguments[..], range].concat());
        pack
    };
    let whole = pack("whole.zip", &[]);
    let part = pack("part.zip", &["--start", "256"]);
    let keys = fs::read_dir(directory.join("keys")).unwrap();
    let mut keys = keys.map(|entry| entry.unwrap().path());
    let added = keys.find(|path| path.extension().is_some_and(|e| e == "vkey"));
    let added = format!("@{}", text(&added.unwrap()));
    let own = format!("@{dir}/log.vkey");
    let root = authority.path("root.pem");
    for target in [directory.as_path(), &whole, &part] {
        for key in [&own, &added] {
            let mut arguments = vec!["verify", text(target), "--vkey", key];
            arguments.extend(["--format", "json", "--tsa-roots", text(&root)]);
            let output = run(&arguments);
            let report = json(&output);
            assert_eq!(kinds(&report), Vec::<String>::new(), "{report}");
            assert_eq!(output.status.code(), Some(0), "{report}");
            assert_eq!(report["existed"][0]["entries"]["end"], 300, "{report}");
        }
    }
    // Another root at that size is still another history.
    let stamped = directory.join("timestamps/300/checkpoint");
    let note = fs::read_to_string(&stamped).unwrap();
    let base64 = note.lines().nth(2).unwrap();
    let other = note.replace(base64, &format!("AAAA{}", &base64[4..]));
    fs::write(&stamped, other).unwrap();
    let output = run(&["verify", dir, "--vkey", &added, "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(kinds(&json(&output)).contains(&"forked".to_owned()));
}

#[test]
fn answers_that_prove_nothing_are_refused_before_they_are_kept() {
    needs_openssl!();
    let parent = tempfile::tempdir().unwrap();
    let directory = ledger(parent.path(), 2);
    let query = parent.path().join("c.tsq");
    let query_of = ["timestamp", "query", "--dir", text(&directory), "--out"];
    run_ok(&[&query_of[..], &[text(&query)]].concat());
    let good = Authority::new(Keys::Elliptic, STAMPING, "30");
    // Its certificate is valid when the time stamp is made.
    let other = Authority::new(Keys::Rsa, STAMPING, "30");
    let stale = good.answer(&fs::read(&query).unwrap());
    let mut altered = stale.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    let unsuitable = |usage: &str| Authority::new(Keys::Elliptic, usage, "30").sign_again(&stale);
    let of_nothing = {
        let mut query = fs::read(&query).unwrap();
        query[30] ^= 1;
        good.answer(&query)
    };
    let refused = b"\x30\x0f\x30\x0d\x02\x01\x02\x30\x08\x0c\x06closed".to_vec();
    let granted = b"\x30\x05\x30\x03\x02\x01\x00".to_vec();
    // Re-signing itself is sound.
    let again = parent.path().join("again.tsr");
    fs::write(&again, other.sign_again(&stale)).unwrap();
    run_ok(&["timestamp", "add", "--dir", text(&directory), text(&again)]);
    let cases = [
        ("altered", altered, "does not verify"),
        (
            "usage",
            unsuitable("critical,serverAuth"),
            "not for time stamping",
        ),
        (
            "both",
            unsuitable("critical,timeStamping,serverAuth"),
            "other things",
        ),
        ("uncritical", unsuitable("timeStamping"), "critical"),
        ("nothing", of_nothing, "none of the checkpoints"),
        ("refused", refused, "status 2: closed"),
        ("granted", granted, "sends none"),
    ];
    for (name, answer, why) in cases {
        let file = parent.path().join(name);
        fs::write(&file, &answer).unwrap();
        let output = run(&["timestamp", "add", "--dir", text(&directory), text(&file)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{name}: {said}");
        assert!(said.contains(why), "{name}: {said}");
    }
    // An answer to another query, by the network.
    let url = serve(move |_| stale.clone());
    let output = run(&[
        "timestamp",
        "get",
        "--dir",
        text(&directory),
        "--authority",
        &url,
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(3) && said.contains("another nonce"),
        "{said}"
    );
}

#[test]
fn expired_altered_and_unreadable_time_stamps_are_findings() {
    needs_openssl!();
    let parent = tempfile::tempdir().unwrap();
    let directory = ledger(parent.path(), 2);
    // A certificate that ends in the second in which it is made.
    let authority = Authority::new(Keys::Elliptic, STAMPING, "0");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let root = parent.path().join("root.pem");
    fs::copy(authority.path("root.pem"), &root).unwrap();
    let expired = Arc::new(authority);
    let asked = Arc::clone(&expired);
    let url = serve(move |query| asked.answer(query));
    let get = ["timestamp", "get", "--dir", text(&directory), "--authority"];
    let refused = run(&[&get[..], &[&url]].concat());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("not valid at the stamped time"), "{said}");
    let (query, kept) = (
        parent.path().join("c.tsq"),
        directory.join("timestamps/2/1.tsr"),
    );
    let query_of = ["timestamp", "query", "--dir", text(&directory), "--out"];
    run_ok(&[&query_of[..], &[text(&query)]].concat());
    let answer = expired.answer(&fs::read(&query).unwrap());
    let by_hand = parent.path().join("c.tsr");
    fs::write(&by_hand, &answer).unwrap();
    let add = [
        "timestamp",
        "add",
        "--dir",
        text(&directory),
        text(&by_hand),
    ];
    assert_eq!(run(&add).status.code(), Some(3));
    // One that an earlier version kept.
    fs::write(&kept, &answer).unwrap();
    let (code, report) = verify(&directory, &directory, &[&root]);
    assert_eq!(
        (code, kinds(&report)),
        (Some(1), vec!["timestamp_untrusted".to_owned()])
    );
    let found = report["findings"]["listed"][0]["found"].as_str().unwrap();
    assert!(found.contains("not valid at the stamped time"), "{found}");
    let mut answer = answer;
    let last = answer.len() - 1;
    answer[last] ^= 1;
    fs::write(&kept, &answer).unwrap();
    let (_, report) = verify(&directory, &directory, &[&root]);
    assert_eq!(kinds(&report), ["timestamp_altered"]);
    fs::write(&kept, "rubbish").unwrap();
    let (code, report) = verify(&directory, &directory, &[]);
    assert_eq!(
        (code, kinds(&report)),
        (Some(1), vec!["timestamp_malformed".to_owned()])
    );
    // The checkpoint that was stamped: everything else is verified all the same.
    fs::write(directory.join("timestamps/2/checkpoint"), "rubbish").unwrap();
    let (code, report) = verify(&directory, &directory, &[]);
    let expected = (Some(1), vec!["checkpoint_malformed".to_owned()]);
    assert_eq!((code, kinds(&report)), expected);
    assert_eq!(report["counts"]["entries"], 2);
}

#[test]
fn an_entry_recorded_after_its_time_stamp_is_a_finding_and_a_minute_is_tolerated() {
    needs_openssl!();
    for (ahead_seconds, found) in [(3600, vec!["clock_implausible".to_owned()]), (20, vec![])] {
        let parent = tempfile::tempdir().unwrap();
        let directory = init(parent.path(), "example.com/ahead");
        let data = DataDirectory::open(&directory).unwrap();
        let clock =
            move || UnixNanos::new(UnixNanos::now().value() + ahead_seconds * 1_000_000_000);
        let options = LedgerOptions {
            clock: Arc::new(clock),
            ..LedgerOptions::default()
        };
        let (ledger, _) = Ledger::open(&data, options).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let event = Event::new(custom_event(), clock()).unwrap();
        runtime.block_on(ledger.append(event, false)).unwrap();
        ledger.close();
        drop(ledger);
        let authority = Authority::new(Keys::Elliptic, STAMPING, "30");
        let root = parent.path().join("root.pem");
        fs::copy(authority.path("root.pem"), &root).unwrap();
        let url = serve(move |query| authority.answer(query));
        run_ok(&[
            "timestamp",
            "get",
            "--dir",
            text(&directory),
            "--authority",
            &url,
        ]);
        let (code, report) = verify(&directory, &directory, &[&root]);
        let expected = if found.is_empty() { 0 } else { 1 };
        assert_eq!((code, kinds(&report)), (Some(expected), found), "{report}");
    }
}

fn custom_event() -> NewEvent {
    NewEvent {
        event_type: "example.custom.v1".to_owned(),
        source: "https://ci.example.com/acme".to_owned(),
        event_id: "ahead".to_owned(),
        subject: "payments".to_owned(),
        producer: "spiffe://example.com/ci".to_owned(),
        parts: vec![NewPart {
            salt: Salt::from_bytes([7; 32]),
            name: "body".to_owned(),
            content_type: "application/json".to_owned(),
            content: b"{}".to_vec(),
        }],
        ..NewEvent::default()
    }
}

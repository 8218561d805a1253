//! Witnesses, as processes of their own: ledgers that have their checkpoints cosigned, and the protocol's statuses.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Output, Stdio},
};

use exhibit::{
    ledger::{
        checkpoint::SignedCheckpoint, note::SigningKey, position::TreeSize, tree::Frontier,
        witness::AddCheckpoint,
    },
    service::fetch::{Answer, FetchOptions, Fetcher},
};

use crate::process::{exhibit, init, run, run_ok};

mod exports;
mod recovery;
mod stopping;
mod waiting;

/// A running `exhibit`, killed without mercy when dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
}

impl Running {
    /// Starts it, and waits until it says where it listens.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = exhibit();
        command.args(arguments).args(["--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("it ended before it listened:\n{said}")
            };
            match line.strip_prefix("listening on ") {
                Some(address) => break address.to_owned(),
                None => said.push_str(&(line + "\n")),
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            url: format!("http://{address}"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Makes a witness that knows the ledger, and gives its directory and verifier key.
pub(crate) fn make_witness(home: &Path, name: &str, log: &str, kind: &str) -> (PathBuf, String) {
    let directory = home.join(name);
    let full = format!("{name}.example.org/witness");
    let path = text(&directory);
    run_ok(&[
        "witness", "init", &path, "--name", &full, "--log", log, "--type", kind,
    ]);
    let key = fs::read_to_string(directory.join("witness.vkey")).unwrap();
    (directory, key.trim().to_owned())
}

pub(crate) fn serve_witness(directory: &Path) -> Running {
    Running::start(&["witness", "serve", "--dir", &text(directory)])
}

fn record(server: &Running, id: &str, wait: &str, receipt: &Path) -> Output {
    let source = "https://ci.example.com/acme/payments";
    run(&[
        "record",
        "change",
        "--server",
        &server.url,
        "--source",
        source,
        "--event-id",
        id,
        "--change-id",
        "CHG-1",
        "--class",
        "normal",
        "--title",
        "A change",
        "--author",
        "github:ada",
        "--wait",
        wait,
        "--receipt",
        &text(receipt),
        "--force",
    ])
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn verify(what: &Path, vkey: &str, policy: &Path) -> (i32, String) {
    let output = run(&[
        "verify",
        &text(what),
        "--vkey",
        vkey,
        "--policy",
        &text(policy),
    ]);
    (output.status.code().unwrap(), said(&output))
}

#[test]
fn evidence_says_which_witnesses_have_seen_it_and_when_one_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), "ledger.example.com/witnessed");
    let vkey = format!("@{}", text(&ledger.join("log.vkey")));
    let (first, first_key) = make_witness(home.path(), "first", &vkey, "ed25519");
    let (second, second_key) = make_witness(home.path(), "second", &vkey, "ml-dsa-44");
    let (first, second) = (serve_witness(&first), serve_witness(&second));
    let policy = home.path().join("policy");
    let urls = (first.url.clone(), second.url.clone());
    let lines = |quorum: &str| {
        format!(
            "witness first {first_key} {}\nwitness second {second_key} {}\n{quorum}\n",
            urls.0, urls.1
        )
    };
    fs::write(&policy, lines("group both all first second\nquorum both")).unwrap();
    let setting = format!("witness.policy={}", text(&policy));
    let directory = text(&ledger);
    let arguments = [
        "serve",
        "--dir",
        &directory,
        "--set",
        &setting,
        "--set",
        "witness.timeout=2s",
        "--set",
        "witness.on_unmet=hold",
    ];
    let server = Running::start(&arguments);
    let receipt = home.path().join("kept.tlog-proof");
    let recorded = record(&server, "one", "witnessed", &receipt);
    assert!(recorded.status.success(), "{}", said(&recorded));
    let (code, report) = verify(&receipt, &vkey, &policy);
    assert_eq!(code, 0, "{report}");
    assert!(
        report.contains("first: 20") && report.contains("second: 20"),
        "{report}"
    );
    let pack = home.path().join("pack.zip");
    run_ok(&["export", "--server", &server.url, "--out", &text(&pack)]);
    assert_eq!(verify(&pack, &vkey, &policy).0, 0);

    // Without one of them the policy is not met: recorded all the same, and said so.
    drop(second);
    let late = record(&server, "two", "witnessed", &receipt);
    assert_eq!(late.status.code(), Some(3), "{}", said(&late));
    assert!(
        said(&late).contains("recorded, durably, as entry 1"),
        "{}",
        said(&late)
    );
    let held = run_ok(&["checkpoint", "--server", &server.url]);
    assert_eq!(
        held.lines().nth(1),
        Some("1"),
        "what is published is held back: {held}"
    );
    run_ok(&[
        "export",
        "--server",
        &server.url,
        "--out",
        &text(&pack),
        "--force",
    ]);
    // So is a pack: it has what was witnessed.
    assert_eq!(verify(&pack, &vkey, &policy).0, 0);
    // One of the two is enough for somebody else.
    let durable = record(&server, "three", "durable", &receipt);
    assert!(durable.status.success());
    drop(server);
    fs::write(&policy, lines("group any any first second\nquorum any")).unwrap();
    let server = Running::start(&arguments);
    assert!(
        record(&server, "four", "witnessed", &receipt)
            .status
            .success()
    );
    assert_eq!(verify(&receipt, &vkey, &policy).0, 0);

    // A cosignature that somebody made up is no missing one.
    let kept = fs::read_to_string(&receipt).unwrap();
    let line = kept
        .lines()
        .rfind(|line| line.contains("first.example.org"))
        .unwrap();
    let (head, base64) = line.rsplit_once(' ').unwrap();
    let middle = base64.len() / 2;
    let other = if &base64[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    let forged = format!(
        "{head} {}{other}{}",
        &base64[..middle],
        &base64[middle + 1..]
    );
    fs::write(&receipt, kept.replace(line, &forged)).unwrap();
    let (code, report) = verify(&receipt, &vkey, &policy);
    assert_eq!(code, 1, "{report}");
    assert!(report.contains("cosignature_invalid"), "{report}");
}

#[test]
fn a_second_history_under_the_same_key_is_not_cosigned() {
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), "ledger.example.com/forked");
    let other = home.path().join("other");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(&ledger)
        .arg(&other)
        .status();
    assert!(copied.unwrap().success());
    let vkey = format!("@{}", text(&ledger.join("log.vkey")));
    let (witness, key) = make_witness(home.path(), "witness", &vkey, "ed25519");
    let witness = serve_witness(&witness);
    let policy = home.path().join("policy");
    fs::write(
        &policy,
        format!("witness w {key} {}\nquorum w\n", witness.url),
    )
    .unwrap();
    let setting = format!("witness.policy={}", text(&policy));
    let serve = |directory: &Path| {
        Running::start(&[
            "serve",
            "--dir",
            &text(directory),
            "--set",
            &setting,
            "--set",
            "witness.timeout=1s",
        ])
    };
    let receipt = home.path().join("kept.tlog-proof");
    let server = serve(&ledger);
    for id in ["one", "two", "three"] {
        assert!(record(&server, id, "witnessed", &receipt).status.success());
    }
    drop(server);
    // The operator's other history: as long, longer, and shorter than what was witnessed.
    let server = serve(&other);
    for id in ["a", "b", "c", "d"] {
        let refused = record(&server, id, "witnessed", &receipt);
        assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    }
    drop(server);
    assert!(
        record(&serve(&ledger), "four", "witnessed", &receipt)
            .status
            .success()
    );
}

#[test]
fn a_server_without_witnesses_records_nothing_for_who_waits_for_them() {
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), "ledger.example.com/alone");
    let server = Running::start(&["serve", "--dir", &text(&ledger)]);
    let refused = record(&server, "one", "witnessed", &home.path().join("receipt"));
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(
        said(&refused).contains("nothing was recorded"),
        "{}",
        said(&refused)
    );
    let checkpoint = run_ok(&["checkpoint", "--server", &server.url]);
    assert_eq!(checkpoint.lines().nth(1), Some("0"), "{checkpoint}");
}

/// A log whose leaves are numbers, and whose every size can be signed.
struct Log {
    key: SigningKey,
    tree: Vec<exhibit::ledger::hash::LeafHash>,
}

impl Log {
    fn new(origin: &str, leaves: u64) -> Self {
        Self {
            key: SigningKey::from_seed(origin.parse().unwrap(), &[3; 32]),
            tree: (0..leaves)
                .map(|n| exhibit::ledger::hash::LeafHash::of_entry(&n.to_le_bytes()))
                .collect(),
        }
    }

    fn signed(&self, size: usize) -> SignedCheckpoint {
        let mut tree = Frontier::new();
        self.tree[..size]
            .iter()
            .for_each(|leaf| tree.push(*leaf, |_, _| {}));
        let checkpoint = exhibit::ledger::checkpoint::Checkpoint {
            origin: self.key.verifier().name().clone(),
            size: TreeSize::new(size as u64),
            root: tree.root(),
        };
        checkpoint.sign(&self.key)
    }

    /// A request to cosign one more leaf than before, whose proof is the frontier of the old tree and the new leaf.
    fn request(&self, old: u64, size: usize) -> String {
        AddCheckpoint {
            old: TreeSize::new(old),
            proof: Vec::new(),
            checkpoint: self.signed(size),
        }
        .to_string()
    }
}

#[test]
fn the_protocol_has_its_statuses_and_a_killed_witness_remembers() {
    let home = tempfile::tempdir().unwrap();
    let log = Log::new("log.example.com/numbers", 8);
    let vkey = log.key.verifier().to_string();
    let (directory, _) = make_witness(home.path(), "witness", &vkey, "ed25519");
    let mut witness = serve_witness(&directory);
    let fetcher = Fetcher::new(FetchOptions::default());
    let ask = |witness: &Running, body: &str| -> Answer {
        let url = format!("{}/add-checkpoint", witness.url);
        fetcher.post(&url, "text/plain", body.as_bytes()).unwrap()
    };
    let origin = log.key.verifier().name().to_string();
    let other = Log::new("log.example.com/other", 8);
    let stranger = SigningKey::from_seed(origin.parse().unwrap(), &[4; 32]);
    let unsigned = AddCheckpoint {
        old: TreeSize::EMPTY,
        proof: Vec::new(),
        checkpoint: log.signed(4).checkpoint().clone().sign(&stranger),
    };
    let read = |witness: &Running| {
        let name = exhibit::store::witness::file_of(&origin.parse().unwrap());
        fetcher
            .get(&format!("{}/{name}/checkpoint", witness.url), &[])
            .unwrap()
    };
    assert_eq!(read(&witness).status, 404);
    for (body, status) in [
        ("old 0\n", 400),
        (&log.request(9, 4), 400),
        (&other.request(0, 4), 404),
        // The first thing that is wrong is the answer.
        (&other.request(9, 4), 404),
        (&unsigned.to_string().replacen("old 0", "old 9", 1), 403),
        (&unsigned.to_string(), 403),
        (&log.request(3, 4), 409),
        (&log.request(0, 4), 200),
        (&log.request(4, 4), 200),
        (&log.request(0, 5), 409),
        (&log.request(4, 5), 422),
    ] {
        let answer = ask(&witness, body);
        assert_eq!(
            answer.status,
            status,
            "{body}{}",
            String::from_utf8_lossy(&answer.body)
        );
        if status == 409 {
            assert_eq!(answer.content_type.as_deref(), Some("text/x.tlog.size"));
        }
    }
    let seen = read(&witness);
    assert_eq!(seen.status, 200);
    assert!(SignedCheckpoint::open(&seen.body, log.key.verifier()).is_ok());
    for _ in 0..3 {
        drop(witness);
        witness = serve_witness(&directory);
        let answer = ask(&witness, &log.request(0, 5));
        assert_eq!((answer.status, answer.body.as_slice()), (409, &b"4\n"[..]));
        assert_eq!(read(&witness).body, seen.body);
    }
    let in_use = run(&["witness", "serve", "--dir", &text(&directory)]);
    assert_eq!(in_use.status.code(), Some(3));
    assert!(said(&in_use).contains("runs in"), "{}", said(&in_use));
}

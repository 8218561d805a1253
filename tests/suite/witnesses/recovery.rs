//! Witnesses that come back, and servers that are started again without them.

use std::{
    io::copy,
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread::spawn,
};

use super::*;

pub(super) const SHUT: u8 = 0;
pub(super) const OPEN: u8 = 1;
const STALLED: u8 = 2;

/// A way to a witness that can be shut: then connections end at once; stalled, they stay and nothing comes back.
pub(super) struct Door {
    pub(super) url: String,
    state: Arc<AtomicU8>,
}

impl Door {
    pub(super) fn to(witness: &Running) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(AtomicU8::new(SHUT));
        let (address, seen) = (witness.url.replace("http://", ""), Arc::clone(&state));
        spawn(move || {
            let mut stalled = Vec::new();
            for client in listener.incoming().map_while(Result::ok) {
                match seen.load(Ordering::SeqCst) {
                    OPEN => pass(client, &address),
                    STALLED => stalled.push(client),
                    _ => drop(client),
                }
            }
        });
        Self { url, state }
    }

    pub(super) fn set(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }
}

fn pass(client: TcpStream, address: &str) {
    let witness = TcpStream::connect(address).unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), witness.try_clone().unwrap());
    spawn(move || copy(&mut from, &mut to));
    let (mut from, mut to) = (witness, client);
    spawn(move || copy(&mut from, &mut to));
}

fn published(server: &Running) -> String {
    let checkpoint = run_ok(&["checkpoint", "--server", &server.url]);
    checkpoint.lines().nth(1).unwrap().to_owned()
}

#[test]
fn who_waits_is_served_once_witnesses_are_back_and_what_was_published_does_not_go_back() {
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), "ledger.example.com/recovering");
    let vkey = format!("@{}", text(&ledger.join("log.vkey")));
    let (witness, key) = make_witness(home.path(), "first", &vkey, "ed25519");
    let witness = serve_witness(&witness);
    let door = Door::to(&witness);
    let policy = home.path().join("policy");
    let lines = format!("witness first {key} {}\nquorum first\n", door.url);
    fs::write(&policy, lines).unwrap();
    let start = |timeout: &str, interval: &str| {
        Running::start(&[
            "serve",
            "--dir",
            &text(&ledger),
            "--set",
            &format!("witness.policy={}", text(&policy)),
            "--set",
            &format!("witness.timeout={timeout}"),
            "--set",
            &format!("witness.interval={interval}"),
        ])
    };
    let receipt = home.path().join("kept.tlog-proof");
    let server = start("1s", "3600s");
    let late = record(&server, "one", "witnessed", &receipt);
    assert_eq!(late.status.code(), Some(3), "{}", said(&late));

    // The next round is an hour away, unless somebody waits for it.
    drop(server);
    let server = start("10s", "3600s");
    let refused = record(&server, "zero", "durable", &receipt);
    assert!(refused.status.success(), "{}", said(&refused));
    door.set(OPEN);
    let witnessed = record(&server, "two", "witnessed", &receipt);
    assert!(witnessed.status.success(), "{}", said(&witnessed));
    assert_eq!(published(&server), "3");

    // Published without the witness, as `publish` says; and a server that starts anew stands by it.
    drop(server);
    door.set(SHUT);
    let server = start("1s", "3600s");
    let late = record(&server, "three", "witnessed", &receipt);
    assert_eq!(late.status.code(), Some(3), "{}", said(&late));
    drop(server);
    door.set(STALLED);
    let server = start("60s", "3600s");
    assert_eq!(published(&server), "4");
}

//! A server that stops does not wait for whoever does not answer it.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use super::*;
use crate::process::Server;

#[test]
fn a_server_that_stops_does_not_wait_for_a_witness_that_does_not_answer() {
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), "ledger.example.com/stopping");
    let vkey = format!("@{}", text(&ledger.join("log.vkey")));
    let (_, key) = make_witness(home.path(), "silent", &vkey, "ed25519");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let policy = home.path().join("policy");
    let url = format!("http://{}", silent.local_addr().unwrap());
    fs::write(
        &policy,
        format!("witness silent {key} {url}\nquorum silent\n"),
    )
    .unwrap();
    let settings = format!(
        "[witness]\npolicy = \"{}\"\ntimeout = \"60s\"\n",
        text(&policy)
    );
    fs::write(ledger.join("exhibit.toml"), settings).unwrap();
    let server = Server::start(&ledger);
    // From here on it is being asked, and says nothing.
    let _asked = silent.accept().unwrap();
    let told = Instant::now();
    assert!(server.stop().success());
    let took = told.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
}

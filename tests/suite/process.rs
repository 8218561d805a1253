//! The real program as a process of its own: started, read, killed.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use exhibit::service::proto::{self, ledger_client::LedgerClient};
use tonic::transport::{Channel, Endpoint};

/// The `exhibit` program that cargo built for these tests.
pub(crate) fn exhibit() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exhibit"));
    command.env_remove("RUST_LOG");
    // Tests make many ledgers of one name.
    command.env("EXHIBIT_NO_PINS", "true");
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    exhibit()
        .args(arguments)
        .output()
        .expect("the program runs")
}

/// Runs the program, and expects it to succeed.
pub(crate) fn run_ok(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(
        output.status.success(),
        "exhibit {} ended with {}\n{}\n{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// A new data directory below `parent`.
pub(crate) fn init(parent: &Path, origin: &str) -> PathBuf {
    let directory = parent.join("ledger");
    run_ok(&["init", directory.to_str().unwrap(), "--origin", origin]);
    directory
}

/// A running server, killed without mercy when dropped.
pub(crate) struct Server {
    child: Child,
    /// The server's own process: the child, or the child's child where a tracer runs it.
    id: u32,
    address: String,
}

impl Server {
    /// Starts `exhibit serve` on a free port, and waits until it says where it listens.
    pub(crate) fn start(directory: &Path) -> Self {
        Self::start_as(exhibit(), directory)
    }

    /// As [`Server::start`], with a command that ends in the program's name.
    pub(crate) fn start_as(mut command: Command, directory: &Path) -> Self {
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--dir"])
            .arg(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .stdin(Stdio::null());
        let mut child = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("the server ended before it listened:\n{said}")
            };
            if let Some(address) = listening(&line) {
                break address;
            }
            said.push_str(&line);
            said.push('\n');
        };
        // Keep reading, or the server would block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let id = child_of(child.id()).unwrap_or(child.id());
        Self { child, id, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// A client of this server.
    pub(crate) async fn client(&self) -> LedgerClient<Channel> {
        let endpoint = Endpoint::from_shared(self.url())
            .unwrap()
            .connect_timeout(Duration::from_secs(10));
        LedgerClient::new(endpoint.connect().await.expect("the server answers"))
    }

    /// Kills it as a power cut would, as far as a process can be: no handler runs.
    pub(crate) fn kill(mut self) {
        signal("-KILL", self.id);
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> std::process::ExitStatus {
        signal("-TERM", self.id);
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal("-KILL", self.id);
            let _ = self.child.wait();
        }
    }
}

fn signal(name: &str, id: u32) {
    let sent = Command::new("kill").args([name, &id.to_string()]).status();
    assert!(
        sent.is_ok_and(|status| status.success()),
        "kill {name} {id}"
    );
}

/// The only child of a process, where the system tells.
fn child_of(id: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// The address in a line such as `listening on 127.0.0.1:8087`.
fn listening(line: &str) -> Option<String> {
    let from = line.find("127.0.0.1:")?;
    let address: String = line[from..]
        .chars()
        .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
        .collect();
    (!address.ends_with(":0")).then_some(address)
}

/// A deployment event with this id.
pub(crate) fn deployment(source: &str, event_id: &str) -> proto::Event {
    proto::Event {
        source: source.to_owned(),
        event_id: event_id.to_owned(),
        evidence: Some(proto::event::Evidence::Deployment(proto::Deployment {
            service: "payments".to_owned(),
            environment: "production".to_owned(),
            artifacts: vec![proto::Artifact {
                name: "registry.example.com/acme/payments".to_owned(),
                digest: format!("sha256:{}", "9f".repeat(32)),
                version: "1.4.0".to_owned(),
            }],
            outcome: proto::Outcome::Succeeded.into(),
            deployer: Some(proto::Actor {
                id: "service-account:deployer".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        })),
        ..Default::default()
    }
}

//! A real server on a free port over a new data directory, real clients, and the whole log verified at the end.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use exhibit::{
    ledger::{
        entry::Entry,
        note::{SigningKey, VerifierKey},
        position::{TreeSize, UnixNanos, length},
        tile::decode_entry_bundle,
        verify::{Chunk, IdentityKey, LedgerCheck, check_chunk},
    },
    service::{
        config::Config,
        ledger::{Ledger, LedgerOptions},
        proto::{self, event::Evidence, ledger_client::LedgerClient},
        rpc::{
            ServeError,
            client::{ClientOptions, connect},
            serve,
        },
    },
    store::directory::DataDirectory,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::transport::Channel;

/// Far longer than anything here takes: a test that waits so long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A running server and the ledger behind it.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) ledger: Ledger,
    pub(crate) key: VerifierKey,
    pub(crate) gate: Gate,
    directory: TempDir,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

/// What is left of a server that has been stopped.
pub(crate) struct Stopped {
    pub(crate) directory: TempDir,
    pub(crate) served: Result<(), ServeError>,
}

/// What stands in the log of a data directory, after all of it was verified.
pub(crate) struct Verified {
    /// Source, event id and producer of each entry, in order.
    pub(crate) entries: Vec<(String, String, String)>,
}

/// Holds the ledger's one writer up, or makes it fail, at the moment it asks for the time.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<Passage>, Condvar)>);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Passage {
    #[default]
    Open,
    Shut,
    Broken,
}

impl Gate {
    /// Nothing is written until it is opened.
    pub(crate) fn shut(&self) {
        self.set(Passage::Shut);
    }

    /// Lets the writer go on.
    pub(crate) fn open(&self) {
        self.set(Passage::Open);
    }

    /// Makes the writer fail, for good.
    pub(crate) fn break_down(&self) {
        self.set(Passage::Broken);
    }

    fn set(&self, passage: Passage) {
        *self.0.0.lock().unwrap() = passage;
        self.0.1.notify_all();
    }

    fn pass(&self) -> UnixNanos {
        let mut passage = self.0.0.lock().unwrap();
        while *passage == Passage::Shut {
            passage = self.0.1.wait(passage).unwrap();
        }
        let broken = *passage == Passage::Broken;
        drop(passage);
        assert!(!broken, "the test breaks the ledger here");
        UnixNanos::now()
    }
}

impl TestServer {
    /// Starts a server with default settings over a new ledger.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_, _| {}).await
    }

    /// Starts a server over a new ledger.
    pub(crate) async fn start_with(set: impl FnOnce(&mut Config, &mut LedgerOptions)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let origin = "example.com/ledger".parse().unwrap();
        let key = SigningKey::from_seed(origin, &[7; 32]);
        DataDirectory::create(directory.path(), &key, "").unwrap();
        Self::start_over(directory, set).await
    }

    /// Starts a server over the ledger of a data directory.
    pub(crate) async fn start_over(
        directory: TempDir,
        set: impl FnOnce(&mut Config, &mut LedgerOptions),
    ) -> Self {
        let gate = Gate::default();
        let mut config = Config::default();
        config.limits.grace_period = LONG;
        let mut options = config.ledger_options();
        set(&mut config, &mut options);
        let clock = gate.clone();
        options.clock = Arc::new(move || clock.pass());
        let data = DataDirectory::open(directory.path()).unwrap();
        let key = data.verifier().clone();
        let opening = tokio::task::spawn_blocking(move || Ledger::open(&data, options));
        let (ledger, _) = opening.await.unwrap().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = ledger.clone();
        let task = tokio::spawn(async move {
            let shutdown = async move { stopped.await.unwrap_or(()) };
            serve(served, &config, listener, shutdown).await
        });
        Self {
            address,
            ledger,
            key,
            gate,
            directory,
            stop,
            task,
        }
    }

    pub(crate) async fn client(&self) -> LedgerClient<Channel> {
        let options = ClientOptions::default();
        connect(&self.address.to_string(), &options).await.unwrap()
    }

    /// A bare channel.
    pub(crate) async fn channel(&self) -> Channel {
        let uri = format!("http://{}", self.address);
        let endpoint = tonic::transport::Endpoint::from_shared(uri).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// Tells the server to stop, and waits until it has.
    pub(crate) async fn stop(self) -> Stopped {
        let _ = self.stop.send(());
        let served = tokio::time::timeout(LONG, self.task);
        let served = served.await.expect("the server stops").unwrap();
        drop(self.ledger);
        Stopped {
            directory: self.directory,
            served,
        }
    }

    /// Stops the server, which must go well, and verifies the whole log.
    pub(crate) async fn stop_and_verify(self) -> Verified {
        let stopped = self.stop().await;
        stopped.served.unwrap();
        verify(stopped.directory.path())
    }
}

/// Verifies everything in the journal of a data directory: entries, payloads, chain, tree and signatures.
pub(crate) fn verify(directory: &Path) -> Verified {
    let data = DataDirectory::open(directory).unwrap();
    let reader = data.reader().unwrap();
    let mut check = LedgerCheck::starting_at(Default::default(), data.origin().as_str());
    let key = IdentityKey::new([1; 32]);
    let mut entries = Vec::new();
    for batch in reader.batches(Default::default()) {
        let batch = batch.unwrap();
        for block in &batch.blocks {
            let decoded = decode_entry_bundle(&block.entries, length(block.count)).unwrap();
            let chunk = Chunk {
                first: block.first,
                entries: &decoded,
                payloads: Some(&block.payloads),
            };
            check.absorb(check_chunk(chunk, &key));
            entries.extend(decoded.iter().map(|bytes| {
                let entry = Entry::decode(bytes).unwrap();
                let texts = [entry.source, entry.event_id, entry.producer];
                let [source, event_id, producer] = texts.map(str::to_owned);
                (source, event_id, producer)
            }));
        }
        batch.checkpoint.verify(data.verifier()).unwrap();
        let signed = batch.checkpoint.checkpoint();
        let tree = check.tree().unwrap();
        assert_eq!((tree.size(), tree.root()), (signed.size, signed.root));
    }
    assert_eq!(TreeSize::new(entries.len() as u64), reader.size());
    let (findings, _) = check.finish();
    assert_eq!(findings.total, 0, "{:?}", findings.listed);
    let events: std::collections::HashSet<_> =
        entries.iter().map(|(source, id, _)| (source, id)).collect();
    assert_eq!(events.len(), entries.len(), "an event was recorded twice");
    Verified { entries }
}

/// A small event.
pub(crate) fn event(source: &str, event_id: &str) -> proto::Event {
    event_with(source, event_id, &format!("{{\"id\":\"{event_id}\"}}"))
}

/// An event with this JSON as its content.
pub(crate) fn event_with(source: &str, event_id: &str, json: &str) -> proto::Event {
    proto::Event {
        source: source.to_owned(),
        event_id: event_id.to_owned(),
        evidence: Some(Evidence::Custom(proto::Custom {
            r#type: "com.example.test.v1".to_owned(),
            json: json.as_bytes().to_vec().into(),
            parts: Vec::new(),
        })),
        ..proto::Event::default()
    }
}

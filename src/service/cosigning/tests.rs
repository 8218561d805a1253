//! Rounds with a real witness, on a disk that fails when it keeps what was witnessed.

use axum::{Router, body::Bytes, routing::post};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    ledger::{
        event::{Event, NewEvent, NewPart},
        note::{CosignedAt, CosigningKey, KeyType, SIGNATURES_MAX, SigningKey},
        payload::Salt,
        position::UnixNanos,
        witness::AddCheckpoint,
    },
    service::{
        config::Limits,
        ledger::LedgerOptions,
        rpc::server::serve_http,
        witness::{Witness, serve_witness},
    },
    store::{
        directory::DataDirectory,
        disk::sim::{Fault, Restart, SimDisk},
        durable::read_file,
        witness::WitnessDirectory,
    },
};

/// A ledger, a witness, and the simulated disk that the witnessed checkpoint is kept on.
struct Scene {
    home: TempDir,
    ledger: Ledger,
    disk: SimDisk,
    events: u64,
    stopping: CancellationToken,
}

impl Scene {
    async fn new(seed: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let key = SigningKey::from_seed("ledger.example/kept".parse().unwrap(), &[42; 32]);
        let directory = DataDirectory::create(&home.path().join("ledger"), &key, "").unwrap();
        let cosigner = CosigningKey::from_seed(
            "witness.example/one".parse().unwrap(),
            KeyType::CosignatureV1,
            &[1; 32],
        )
        .unwrap();
        let place = home.path().join("witness");
        WitnessDirectory::create(&place, &cosigner, &[key.verifier().clone()]).unwrap();
        let witness = Witness::open(WitnessDirectory::open(&place).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let policy = format!(
            "witness w {} http://{}\nquorum w\n",
            cosigner.verifier(),
            listener.local_addr().unwrap()
        );
        std::fs::write(home.path().join("policy"), policy).unwrap();
        let stopping = CancellationToken::new();
        tokio::spawn(serve_witness(
            Arc::new(witness),
            Limits::default(),
            listener,
            stopping.clone(),
        ));
        Self {
            ledger: Ledger::open(&directory, LedgerOptions::default())
                .unwrap()
                .0,
            home,
            disk: SimDisk::new(seed),
            events: 0,
            stopping,
        }
    }

    fn cosigning(&self, on_unmet: OnUnmet) -> Arc<Cosigning> {
        let options = CosigningOptions {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
            on_unmet,
        };
        let policy = self.home.path().join("policy");
        let disk = Arc::new(self.disk.clone());
        Cosigning::open_on(disk, self.ledger.clone(), Path::new("/"), &policy, options).unwrap()
    }

    async fn record(&mut self) {
        self.events = self.events.saturating_add(1);
        let event = NewEvent {
            event_type: "test".to_owned(),
            source: "ci".to_owned(),
            event_id: self.events.to_string(),
            producer: "test".to_owned(),
            parts: vec![NewPart {
                salt: Salt::from_bytes([7; 32]),
                name: "body".to_owned(),
                content_type: "application/json".to_owned(),
                content: b"{}".to_vec(),
            }],
            ..NewEvent::default()
        };
        let event = Event::new(event, UnixNanos::now()).unwrap();
        self.ledger.append(event, false).await.unwrap();
    }

    fn published(&self) -> u64 {
        let published = self.ledger.published();
        published.map_or(0, |published| published.checkpoint().size.value())
    }

    /// The size that the disk holds.
    fn kept(&self) -> u64 {
        let path = Path::new("/").join(crate::store::directory::WITNESSED_FILE);
        let bytes = read_file(&self.disk, &path, 1 << 20).unwrap();
        bytes.map_or(0, |bytes| {
            let signed = SignedCheckpoint::open(&bytes, self.ledger.verifier()).unwrap();
            signed.checkpoint().size.value()
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_closed_publishes_nothing_that_a_power_cut_could_take_back() {
    let mut failed = 0;
    for operation in 0..12 {
        let mut scene = Scene::new(operation).await;
        let cosigning = scene.cosigning(OnUnmet::Hold);
        scene.record().await;
        assert_eq!(cosigning.round().await, Came::Met);
        scene.record().await;
        scene.disk.plan(operation, Fault::Error);
        let came = cosigning.round().await;
        let published = scene.published();
        let told = cosigning.witnessed().unwrap().checkpoint().size.value();
        assert_eq!(told, published, "who waits is told what is published");
        if came == Came::Met {
            assert_eq!(published, 2);
        } else {
            assert_eq!((came, published), (Came::NotKept, 1));
            failed += 1;
        }
        scene.disk.restart(Restart::Power);
        assert!(scene.kept() >= published, "operation {operation}");
        let again = scene.cosigning(OnUnmet::Hold);
        assert!(scene.published() >= published, "operation {operation}");
        assert_eq!(again.round().await, Came::Met);
        assert_eq!((scene.published(), scene.kept()), (2, 2));
        scene.stopping.cancel();
        scene.ledger.shutdown().await;
    }
    assert!((3..12).contains(&failed), "{failed} operations failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_open_publishes_what_it_could_not_keep() {
    let mut scene = Scene::new(0).await;
    let cosigning = scene.cosigning(OnUnmet::Publish);
    scene.record().await;
    scene.disk.plan(0, Fault::Error);
    assert_eq!(cosigning.round().await, Came::Met);
    assert_eq!((scene.published(), scene.kept()), (1, 0));
    let published = scene.ledger.published().unwrap();
    assert_eq!(cosigning.standing(&published), Standing::Met);
    // After a restart it publishes no less, witnessed or not.
    let again = scene.cosigning(OnUnmet::Publish);
    let published = scene.ledger.published().unwrap();
    assert_eq!(scene.published(), 1);
    assert_eq!(again.standing(&published), Standing::Lacking);
    scene.stopping.cancel();
    scene.ledger.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_while_a_checkpoint_is_written_does_not_count_as_kept() {
    let panicked = tokio::task::spawn_blocking(|| panic!("on purpose"));
    assert!(matches!(
        kept::outcome(panicked).await,
        Err(kept::NotKept::Ended(_))
    ));
    let kept = tokio::task::spawn_blocking(|| Ok(()));
    assert!(kept::outcome(kept).await.is_ok());
}

/// A witness that cosigns as often as a checkpoint has room for signatures, each time anew.
async fn serve_one_that_signs_too_often(stopping: CancellationToken) -> (String, String) {
    let name = "witness.example/often".parse().unwrap();
    let cosigner = CosigningKey::from_seed(name, KeyType::CosignatureV1, &[2; 32]).unwrap();
    let key = cosigner.verifier().to_string();
    let cosigner = Arc::new(cosigner);
    let sign = async move |body: Bytes| {
        let request = AddCheckpoint::parse(&body).unwrap();
        let text = request.checkpoint.note().text();
        let seconds = 1_800_000_000..;
        let lines = seconds.take(SIGNATURES_MAX).map(|seconds| {
            let at = CosignedAt::from_seconds(seconds).unwrap();
            format!("{}\n", cosigner.cosign(text, at).unwrap())
        });
        lines.collect::<String>()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/add-checkpoint", post(sign));
    tokio::spawn(serve_http(router, Limits::default(), listener, stopping));
    (key, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_signs_too_often_takes_no_other_witness_its_place() {
    let mut scene = Scene::new(0).await;
    let (key, url) = serve_one_that_signs_too_often(scene.stopping.clone()).await;
    let path = scene.home.path().join("policy");
    let policy = std::fs::read_to_string(&path).unwrap();
    let (honest, _) = policy.split_once('\n').unwrap();
    let both = "group both all w often\nquorum both\n";
    std::fs::write(
        &path,
        format!("{honest}\nwitness often {key} {url}\n{both}"),
    )
    .unwrap();
    for on_unmet in [OnUnmet::Publish, OnUnmet::Hold] {
        let cosigning = scene.cosigning(on_unmet);
        scene.record().await;
        assert_eq!(cosigning.round().await, Came::Met);
        let published = scene.ledger.published().unwrap();
        assert_eq!(scene.published(), scene.events);
        let lines = published.note().signatures();
        assert_eq!(lines.len(), 3, "the ledger's, and one of each witness");
    }
    scene.stopping.cancel();
    scene.ledger.shutdown().await;
}

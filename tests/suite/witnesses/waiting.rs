//! Streams that wait for witnesses, and what a server says of its policy while they are away.

use exhibit::{
    ledger::{policy::Policy, receipt::Receipt},
    service::{
        proto::{
            self, AppendStreamRequest, GetCheckpointRequest, Wait, Witnessing,
            append_stream_response::Result as Outcome, ledger_client::LedgerClient,
        },
        rpc::client::{ClientOptions, connect},
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{
    recovery::{Door, OPEN, SHUT},
    *,
};
use crate::support::LONG;

type Client = LedgerClient<Channel>;

/// A ledger whose one witness stands behind a door.
pub(super) struct Scene {
    home: tempfile::TempDir,
    pub(super) ledger: PathBuf,
    pub(super) policy: PathBuf,
    pub(super) door: Door,
    _witness: Running,
}

impl Scene {
    pub(super) fn new(name: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let ledger = init(home.path(), &format!("ledger.example.com/{name}"));
        let vkey = format!("@{}", text(&ledger.join("log.vkey")));
        let (witness, key) = make_witness(home.path(), "first", &vkey, "ed25519");
        let witness = serve_witness(&witness);
        let door = Door::to(&witness);
        let policy = home.path().join("policy");
        let lines = format!("witness first {key} {}\nquorum first\n", door.url);
        fs::write(&policy, lines).unwrap();
        Self {
            home,
            ledger,
            policy,
            door,
            _witness: witness,
        }
    }

    pub(super) fn serve(&self, timeout: &str, on_unmet: &str) -> Running {
        Running::start(&[
            "serve",
            "--dir",
            &text(&self.ledger),
            "--set",
            &format!("witness.policy={}", text(&self.policy)),
            "--set",
            &format!("witness.timeout={timeout}"),
            "--set",
            "witness.interval=100ms",
            "--set",
            &format!("witness.on_unmet={on_unmet}"),
        ])
    }
}

pub(super) async fn client(server: &Running) -> Client {
    connect(&server.url, &ClientOptions::default())
        .await
        .unwrap()
}

pub(super) fn request(id: &str, wait: Wait) -> AppendStreamRequest {
    AppendStreamRequest {
        event: Some(exhibit::cli::bench::load::deployment(id, 7)),
        want_receipt: true,
        wait: wait.into(),
    }
}

async fn stream(
    client: &mut Client,
    requests: Vec<AppendStreamRequest>,
) -> Streaming<proto::AppendStreamResponse> {
    let stream = client.append_stream(tokio_stream::iter(requests)).await;
    stream.unwrap().into_inner()
}

pub(super) async fn answers(
    client: &mut Client,
    requests: Vec<AppendStreamRequest>,
) -> Vec<(Outcome, String)> {
    let mut stream = stream(client, requests).await;
    let mut answers = Vec::new();
    while let Some(answer) = stream.message().await.unwrap() {
        assert_eq!(answer.position, answers.len() as u64);
        answers.push((answer.result.unwrap(), answer.receipt));
    }
    answers
}

fn index(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Recorded(recorded) => recorded.index,
        Outcome::Error(status) => panic!("{}: {}", status.code, status.message),
    }
}

fn code(outcome: &Outcome) -> Code {
    match outcome {
        Outcome::Recorded(recorded) => panic!("recorded as {}", recorded.index),
        Outcome::Error(status) => Code::from(status.code),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_stream_wait_for_witnesses_one_by_one_and_answers_keep_their_order() {
    let scene = Scene::new("stream");
    let policy = Policy::parse(&fs::read(&scene.policy).unwrap()).unwrap();
    let met = |receipt: &str| {
        let receipt = Receipt::parse(receipt.as_bytes()).unwrap();
        (policy.check(&receipt.checkpoint).met, receipt)
    };
    scene.door.set(OPEN);
    let server = scene.serve("30s", "publish");
    let mut client = client(&server).await;
    // More than one chunk, some of which wait, and one that nobody can wait for.
    let wait = |n: u64| {
        if n.is_multiple_of(3) {
            Wait::Witnessed
        } else {
            Wait::Durable
        }
    };
    let mut requests: Vec<_> = (0..600)
        .map(|n| request(&format!("{n}"), wait(n)))
        .collect();
    requests[1].event = None;
    requests[2].wait = 77;
    let answers = answers(&mut client, requests).await;
    assert_eq!(answers.len(), 600);
    assert_eq!(code(&answers[1].0), Code::InvalidArgument);
    assert_eq!(code(&answers[2].0), Code::InvalidArgument);
    let valid = answers
        .iter()
        .zip(0u64..)
        .filter(|(_, n)| !matches!(n, 1 | 2));
    for ((outcome, receipt), (n, expected)) in valid.zip(0u64..).map(|((a, n), e)| (a, (n, e))) {
        assert_eq!(index(outcome), expected, "answer {n}");
        let (met, receipt) = met(receipt);
        assert_eq!(receipt.index.value(), expected);
        assert!(met || wait(n) == Wait::Durable, "answer {n}");
    }
    // Receipts that nobody wants are not made for who waits, either.
    let mut quiet = request("quiet", Wait::Witnessed);
    quiet.want_receipt = false;
    let quiet = self::answers(&mut client, vec![quiet]).await;
    assert_eq!((index(&quiet[0].0), quiet[0].1.as_str()), (598, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_when_witnesses_are_late() {
    let scene = Scene::new("late");
    let server = scene.serve("500ms", "hold");
    let mut client = client(&server).await;
    let (events, receiver) = mpsc::channel(64);
    let open = client.append_stream(ReceiverStream::new(receiver)).await;
    let mut open = open.unwrap().into_inner();
    for (id, wait) in [
        ("one", Wait::Durable),
        ("two", Wait::Witnessed),
        ("three", Wait::Durable),
    ] {
        events.send(request(id, wait)).await.unwrap();
    }
    let mut next = async || open.message().await.unwrap().unwrap();
    assert_eq!(index(&next().await.result.unwrap()), 0);
    let late = next().await.result.unwrap();
    assert_eq!(code(&late), Code::Unavailable);
    let Outcome::Error(late) = late else {
        unreachable!("it is an error")
    };
    assert!(
        late.message.contains("recorded, durably, as entry 1"),
        "{}",
        late.message
    );
    assert_eq!(index(&next().await.result.unwrap()), 2);
    // The same event again, now that the witness is there: its first place, and the cosignature.
    scene.door.set(OPEN);
    events.send(request("two", Wait::Witnessed)).await.unwrap();
    let again = loop {
        let answer = next().await;
        match answer.result.unwrap() {
            Outcome::Recorded(recorded) => break (recorded, answer.receipt),
            // The server asks its witness again in its own time.
            Outcome::Error(_) => events.send(request("two", Wait::Witnessed)).await.unwrap(),
        }
    };
    assert!(again.0.duplicate && again.0.index == 1);
    assert!(
        again.1.contains("— first.example.org/witness"),
        "{}",
        again.1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_witnesses_a_stream_refuses_the_events_that_would_wait_and_takes_the_others() {
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), "ledger.example.com/nobody");
    let server = Running::start(&["serve", "--dir", &text(&ledger)]);
    let requests = ["one", "two", "three"].map(|id| {
        let wait = if id == "two" {
            Wait::Witnessed
        } else {
            Wait::Durable
        };
        request(id, wait)
    });
    let answers = answers(&mut client(&server).await, requests.to_vec()).await;
    assert_eq!(code(&answers[1].0), Code::FailedPrecondition);
    assert_eq!((index(&answers[0].0), index(&answers[2].0)), (0, 1));
}

/// What the server says of itself and of its service, once that is what is expected.
async fn wait_until_health_is(server: &Running, service: ServingStatus) {
    let channel = tonic::transport::Endpoint::from_shared(server.url.clone());
    let mut health = HealthClient::new(channel.unwrap().connect().await.unwrap());
    let mut of = async |service: &str| {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        health.check(request).await.unwrap().into_inner().status()
    };
    let reported = async {
        while of("exhibit.v1.Ledger").await != service {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        of("").await
    };
    let whole = tokio::time::timeout(LONG, reported).await.unwrap();
    assert_eq!(whole, ServingStatus::Serving, "the server itself is there");
}

async fn witnessing(client: &mut Client) -> Witnessing {
    let answer = client.get_checkpoint(GetCheckpointRequest {}).await;
    answer.unwrap().into_inner().witnessing()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_closed_says_so_by_its_health_and_with_its_checkpoint() {
    let scene = Scene::new("closed");
    scene.door.set(OPEN);
    let server = scene.serve("1s", "hold");
    let mut client = client(&server).await;
    let first = answers(&mut client, vec![request("one", Wait::Witnessed)]).await;
    assert_eq!(index(&first[0].0), 0);
    assert_eq!(witnessing(&mut client).await, Witnessing::Met);
    wait_until_health_is(&server, ServingStatus::Serving).await;
    scene.door.set(SHUT);
    // A connection that was kept is not behind the door any more.
    drop(server);
    let server = scene.serve("1s", "hold");
    let mut client = self::client(&server).await;
    answers(&mut client, vec![request("two", Wait::Durable)]).await;
    wait_until_health_is(&server, ServingStatus::NotServing).await;
    assert_eq!(witnessing(&mut client).await, Witnessing::Held);
    let shown = run(&["checkpoint", "--server", &server.url]);
    assert!(
        said(&shown).contains("holds later checkpoints back"),
        "{}",
        said(&shown)
    );
    scene.door.set(OPEN);
    wait_until_health_is(&server, ServingStatus::Serving).await;
    assert_eq!(witnessing(&mut client).await, Witnessing::Met);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_open_stays_in_service_and_says_what_its_checkpoint_lacks() {
    let scene = Scene::new("open");
    let server = scene.serve("1s", "publish");
    let mut client = client(&server).await;
    let late = answers(&mut client, vec![request("one", Wait::Witnessed)]).await;
    assert_eq!(code(&late[0].0), Code::Unavailable);
    wait_until_health_is(&server, ServingStatus::Serving).await;
    assert_eq!(witnessing(&mut client).await, Witnessing::Lacking);
    let shown = run(&["checkpoint", "--server", &server.url]);
    assert!(
        said(&shown).contains("without the cosignatures"),
        "{}",
        said(&shown)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_kept_is_not_published_by_a_server_that_fails_closed() {
    let scene = Scene::new("unkept");
    scene.door.set(OPEN);
    // Nobody, root included, can put a file in place of a directory that holds something.
    let obstacle = scene.ledger.join("witnessed.next");
    fs::create_dir_all(obstacle.join("in the way")).unwrap();
    let server = scene.serve("500ms", "hold");
    let mut client = client(&server).await;
    let late = answers(&mut client, vec![request("one", Wait::Witnessed)]).await;
    assert_eq!(code(&late[0].0), Code::Unavailable);
    assert!(
        client
            .get_checkpoint(GetCheckpointRequest {})
            .await
            .is_err()
    );
    wait_until_health_is(&server, ServingStatus::NotServing).await;
    fs::remove_dir_all(&obstacle).unwrap();
    wait_until_health_is(&server, ServingStatus::Serving).await;
    assert_eq!(witnessing(&mut client).await, Witnessing::Met);
    assert!(scene.home.path().join("policy").exists() && scene.ledger.join("witnessed").exists());
}

//! Exports, and what the policy keeps from the world.

use exhibit::service::{
    proto::{ExportPackRequest, GetConsistencyProofRequest, Wait, ledger_client::LedgerClient},
    rpc::errors::{Reason, reason_of},
};
use tonic::{Code, Status, transport::Channel};

use super::{
    recovery::{Door, OPEN, SHUT},
    waiting::{Scene, answers, client, request},
    *,
};

/// Exports into a file, or says why not.
async fn export(client: &mut LedgerClient<Channel>, end: u64, path: &Path) -> Result<(), Status> {
    let request = ExportPackRequest {
        end,
        ..Default::default()
    };
    let mut stream = client.export_pack(request).await?.into_inner();
    let mut pack = Vec::new();
    while let Some(answer) = stream.message().await? {
        pack.extend_from_slice(&answer.chunk);
    }
    fs::write(path, pack).unwrap();
    Ok(())
}

/// The checkpoint that a proof from the first entry on leads to, and its size.
async fn proven(client: &mut LedgerClient<Channel>) -> Result<(u64, String), Status> {
    let request = GetConsistencyProofRequest {
        old_size: 1,
        new_size: 0,
    };
    let proof = client.get_consistency_proof(request).await?.into_inner();
    Ok((proof.new_size, proof.checkpoint))
}

fn entries_of(report: &str) -> Option<&str> {
    report.lines().find(|line| line.contains("ntries"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_closed_exports_nothing_that_it_does_not_publish() {
    let scene = Scene::new("closed-export");
    let vkey = format!("@{}", text(&scene.ledger.join("log.vkey")));
    let pack = scene.ledger.with_extension("zip");

    // Nothing is witnessed yet: there is a ledger, and nothing to export.
    let server = scene.serve("200ms", "hold");
    let mut first = client(&server).await;
    answers(&mut first, vec![request("one", Wait::Durable)]).await;
    let refused = export(&mut first, 0, &pack).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::NotWitnessed));
    let refused = proven(&mut first).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::NotWitnessed));

    scene.door.set(OPEN);
    drop(server);
    let server = scene.serve("30s", "hold");
    let mut second = client(&server).await;
    answers(&mut second, vec![request("two", Wait::Witnessed)]).await;
    scene.door.set(SHUT);
    // A connection that was kept is not behind the door any more.
    drop(server);
    let server = scene.serve("200ms", "hold");
    let mut third = client(&server).await;
    answers(&mut third, vec![request("three", Wait::Durable)]).await;
    export(&mut third, 0, &pack).await.unwrap();
    let (code, report) = verify(&pack, &vkey, &scene.policy);
    assert_eq!(code, 0, "{report}");
    assert!(
        entries_of(&report).is_some_and(|line| line.contains('2')),
        "{report}"
    );
    let (size, checkpoint) = proven(&mut third).await.unwrap();
    assert_eq!(size, 2);
    assert!(
        checkpoint
            .lines()
            .filter(|line| line.starts_with("— "))
            .count()
            > 1,
        "{checkpoint}"
    );
    let refused = export(&mut third, 3, &pack).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(reason_of(&refused), Some(Reason::NotWitnessed));
    let refused = export(&mut third, 4, &pack).await.unwrap_err();
    assert_eq!(reason_of(&refused), Some(Reason::BeyondTheEnd));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_open_exports_what_it_publishes_with_the_cosignatures_there_are() {
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), "ledger.example.com/open-export");
    let vkey = format!("@{}", text(&ledger.join("log.vkey")));
    let (first, first_key) = make_witness(home.path(), "first", &vkey, "ed25519");
    let (second, second_key) = make_witness(home.path(), "second", &vkey, "ed25519");
    let (first, second) = (serve_witness(&first), serve_witness(&second));
    let shut = Door::to(&second);
    let policy = home.path().join("policy");
    let lines = format!(
        "witness first {first_key} {}\nwitness second {second_key} {}\ngroup both all first second\nquorum both\n",
        first.url, shut.url
    );
    fs::write(&policy, lines).unwrap();
    let server = Running::start(&[
        "serve",
        "--dir",
        &text(&ledger),
        "--set",
        &format!("witness.policy={}", text(&policy)),
        "--set",
        "witness.timeout=1s",
        "--set",
        "witness.interval=50ms",
    ]);
    let mut client = client(&server).await;
    answers(&mut client, vec![request("one", Wait::Durable)]).await;
    let pack = home.path().join("pack.zip");
    export(&mut client, 0, &pack).await.unwrap();
    let (code, report) = verify(&pack, &vkey, &policy);
    assert_eq!(code, 4, "{report}");
    assert!(report.contains("first: 20"), "{report}");
    assert!(report.contains("no cosignature by"), "{report}");
}

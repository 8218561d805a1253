//! What the server offers beside the ledger's own calls: health, reflection, audit packs, the baseline.

use std::time::Duration;

use exhibit::service::{
    proto::{self, append_stream_response::Result as Outcome},
    rpc::{errors::Reason, serve_baseline},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{v1, v1alpha};

use super::{Client, all, append, fields, refused};
use crate::support::{LONG, TestServer, event};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_follows_the_ledger() {
    let server = TestServer::start().await;
    let mut health = HealthClient::new(server.channel().await);
    let request = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    for service in ["", "exhibit.v1.Ledger"] {
        let answer = health.check(request(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    let watch = health.watch(request("exhibit.v1.Ledger")).await;
    let mut watch = watch.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    server.gate.break_down();
    let broken = append(&mut server.client().await, event("ci:a", "1")).await;
    assert_eq!(refused(&broken.unwrap_err()), Reason::NotKnownToBeStored);
    let next = tokio::time::timeout(LONG, watch.message()).await;
    let next = next.unwrap().unwrap().unwrap();
    assert_eq!(next.status(), ServingStatus::NotServing);
    // The watch does not hold up the shutdown.
    assert_eq!(server.stop_and_verify().await.entries.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_names_the_services_in_both_versions() {
    let server = TestServer::start().await;
    let mut client =
        v1::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let answers = client
        .server_reflection_info(tokio_stream::iter([request]))
        .await;
    let answer = answers
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(listed)) =
        answer.message_response
    else {
        panic!("services are listed");
    };
    let names: Vec<&str> = listed
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    for name in ["exhibit.v1.Ledger", "grpc.health.v1.Health"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let mut older =
        v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let symbol = "exhibit.v1.Ledger".to_owned();
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(symbol),
        ),
    };
    let answers = older
        .server_reflection_info(tokio_stream::iter([request]))
        .await;
    let answer = answers
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(
        answer.message_response,
        Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_))
    ));
    server.stop_and_verify().await;
}

/// The name of the file that defines a type, as the server's reflection has it.
async fn file_of(server: &TestServer, symbol: &str) -> String {
    let mut client =
        v1::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1::server_reflection_request::MessageRequest::FileContainingSymbol(symbol.to_owned()),
        ),
    };
    let answers = client
        .server_reflection_info(tokio_stream::iter([request]))
        .await;
    let answer = answers.unwrap().into_inner().message().await.unwrap();
    let Some(v1::server_reflection_response::MessageResponse::FileDescriptorResponse(files)) =
        answer.unwrap().message_response
    else {
        panic!("{symbol} is not known");
    };
    let file: prost_types::FileDescriptorProto =
        prost::Message::decode(files.file_descriptor_proto[0].as_slice()).unwrap();
    file.name.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_knows_the_details_that_errors_carry() {
    let server = TestServer::start().await;
    for details in ["ErrorInfo", "BadRequest", "RetryInfo"] {
        let file = file_of(&server, &format!("google.rpc.{details}")).await;
        assert!(file.ends_with("error_details.proto"), "{file}");
    }
    let status = file_of(&server, "google.rpc.Status").await;
    assert_eq!(
        status, "google/rpc/status.proto",
        "as ledger.proto imports it"
    );
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_baseline_answers_in_the_same_shape_and_keeps_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let shutdown = async move { stopped.await.unwrap_or(()) };
        serve_baseline(listener, shutdown).await
    });
    let options = exhibit::service::rpc::client::ClientOptions::default();
    let mut client = exhibit::service::rpc::client::connect(&address, &options)
        .await
        .unwrap();
    let answer = append(&mut client, event("ci:a", "1")).await.unwrap();
    assert_eq!(answer.recorded.unwrap().leaf_hash.len(), 32);
    assert!(!answer.receipt.is_empty());
    let requests: Vec<_> = (0..1000)
        .map(|id: u64| proto::AppendStreamRequest {
            event: Some(event("ci:a", &id.to_string())),
            want_receipt: false,
            ..Default::default()
        })
        .collect();
    let answers = client
        .append_stream(tokio_stream::iter(requests))
        .await
        .unwrap();
    let (answers, end) = all(answers.into_inner()).await;
    end.unwrap();
    for (place, answer) in (0..).zip(&answers) {
        assert_eq!(answer.position, place);
        assert!(matches!(answer.result, Some(Outcome::Recorded(_))));
    }
    assert_eq!(answers.len(), 1000);
    drop(client);
    stop.send(()).unwrap();
    tokio::time::timeout(LONG, server)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

async fn export(client: &mut Client, request: proto::ExportPackRequest, to: &std::path::Path) {
    let request_start = request.start;
    let chunks = client.export_pack(request).await.unwrap().into_inner();
    let (chunks, end) = all(chunks).await;
    end.unwrap();
    let summary = chunks.last().unwrap().summary.clone().unwrap();
    assert_eq!(summary.start, request_start);
    let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.chunk).collect();
    std::fs::write(to, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exported_pack_verifies_whole_and_in_part() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let requests: Vec<_> = (0..700)
        .map(|id: u64| proto::AppendStreamRequest {
            event: Some(event("ci:a", &id.to_string())),
            want_receipt: false,
            ..Default::default()
        })
        .collect();
    let answers = client
        .append_stream(tokio_stream::iter(requests))
        .await
        .unwrap();
    all(answers.into_inner()).await.1.unwrap();
    let place = tempfile::tempdir().unwrap();
    let (whole, part) = (
        place.path().join("whole.zip"),
        place.path().join("part.zip"),
    );
    export(&mut client, proto::ExportPackRequest::default(), &whole).await;
    let request = proto::ExportPackRequest {
        start: 300,
        end: 400,
        disclose: Some(proto::Filter {
            subjects: vec!["service/other@production".to_owned()],
            ..proto::Filter::default()
        }),
        ..proto::ExportPackRequest::default()
    };
    let refused = client.export_pack(request.clone()).await.unwrap();
    let (_, end) = all(refused.into_inner()).await;
    assert_eq!(fields(&end.unwrap_err()), ["disclose.subjects[0]"]);
    let request = proto::ExportPackRequest {
        allow_unmatched: true,
        ..request
    };
    export(&mut client, request, &part).await;
    let options = exhibit::pack::VerifyOptions::default();
    let verify = |path: &std::path::Path| {
        exhibit::pack::verify_pack(path, &server.key, &options, &|_, _| {}).unwrap()
    };
    let report = verify(&whole);
    assert_eq!(report.findings.total, 0, "{:?}", report.findings.listed);
    assert_eq!(
        (report.counts.entries, report.counts.payloads_whole),
        (700, 700)
    );
    let report = verify(&part);
    assert_eq!(report.findings.total, 0, "{:?}", report.findings.listed);
    let range = report.range.unwrap();
    assert!(range.start.value() <= 300 && range.end.value() >= 400);
    assert_eq!(report.counts.payloads_whole, 0);
    server.stop_and_verify().await;
}

/// Sixty events of 100 kB. Random text does not compress, so a pack of them is large too.
async fn post_more_than_the_network_holds(client: &mut Client) {
    for id in 0..60u64 {
        let mut text = String::new();
        while text.len() < 100_000 {
            let hash =
                exhibit::ledger::hash::FileHash::of(format!("{id} {}", text.len()).as_bytes());
            text.push_str(&hash.to_string());
        }
        let json = format!("{{\"x\":\"{text}\"}}");
        let event = crate::support::event_with("ci:a", &id.to_string(), &json);
        append(client, event).await.unwrap();
    }
}

/// Takes nothing for far longer than the server's patience, then everything; gives how much there was.
async fn taken_too_late<T>(stream: tonic::Streaming<T>) -> usize {
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (taken, end) = all(stream).await;
    let status = end.unwrap_err();
    assert_eq!(refused(&status), Reason::AnswersNotTaken);
    assert!(
        status.message().contains("limits.answer_timeout"),
        "{status:?}"
    );
    taken.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_or_watch_that_nobody_takes_is_given_up_and_can_be_resumed() {
    let server = TestServer::start_with(|config, _| {
        config.limits.answer_timeout = Duration::from_millis(300);
    })
    .await;
    let mut client = server.client().await;
    post_more_than_the_network_holds(&mut client).await;
    let request = proto::ListEntriesRequest::default();
    let listed = client.list_entries(request.clone()).await.unwrap();
    let listed = taken_too_late(listed.into_inner()).await;
    assert!(listed < 60);
    let watched = client.watch(proto::WatchRequest::default()).await.unwrap();
    assert!(taken_too_late(watched.into_inner()).await < 60);
    let rest = proto::ListEntriesRequest {
        start: listed as u64,
        ..request
    };
    let (rest, end) = all(client.list_entries(rest).await.unwrap().into_inner()).await;
    end.unwrap();
    assert_eq!(listed + rest.len(), 60);
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_nobody_takes_is_given_up() {
    let server = TestServer::start_with(|config, _| {
        config.limits.answer_timeout = Duration::from_millis(300);
    })
    .await;
    let mut client = server.client().await;
    post_more_than_the_network_holds(&mut client).await;
    let pack = client
        .export_pack(proto::ExportPackRequest::default())
        .await;
    let pack = pack.unwrap().into_inner();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (_, end) = all(pack).await;
    assert_eq!(refused(&end.unwrap_err()), Reason::AnswersNotTaken);
    assert_eq!(server.stop_and_verify().await.entries.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_without_any_entry_or_with_too_many_names_is_refused() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let request = proto::ExportPackRequest::default();
    let empty = client.export_pack(request.clone()).await.unwrap_err();
    assert_eq!(refused(&empty), Reason::BeyondTheEnd);
    append(&mut client, event("ci:a", "1")).await.unwrap();
    let nothing = proto::ExportPackRequest {
        start: 1,
        ..request.clone()
    };
    let status = client.export_pack(nothing).await.unwrap_err();
    assert_eq!(refused(&status), Reason::BeyondTheEnd);
    append(&mut client, event("ci:a", "2")).await.unwrap();
    let between = proto::ExportPackRequest {
        start: 1,
        end: 1,
        ..request.clone()
    };
    let status = client.export_pack(between).await.unwrap_err();
    assert_eq!(fields(&status), ["end"]);
    let names = proto::ExportPackRequest {
        withhold_parts: vec!["comment".to_owned(); 65],
        ..request.clone()
    };
    let status = client.export_pack(names).await.unwrap_err();
    assert_eq!(fields(&status), ["withhold_parts"]);
    let beyond = proto::ExportPackRequest { end: 3, ..request };
    let status = client.export_pack(beyond).await.unwrap_err();
    assert_eq!(refused(&status), Reason::BeyondTheEnd);
    server.stop_and_verify().await;
}

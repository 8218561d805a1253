//! Entries, lists, watching, proofs.

use exhibit::{
    ledger::{
        checkpoint::SignedCheckpoint, entry::Entry, hash::NodeHash, payload::decode_parts,
        position::TreeSize, receipt::Receipt, tree::consistency_holds,
    },
    service::{
        convert::entry_from_proto,
        proto::{
            self, get_entry_request::Selector as EntrySelector,
            get_receipt_request::Selector as ReceiptSelector,
        },
        rpc::errors::Reason,
    },
};

use super::{Client, about, all, append, fields, refused};
use crate::support::{LONG, TestServer, event};

/// Events of sources `even` and `odd`, their ids their indexes.
async fn post_events(client: &mut Client, from: u64, to: u64) {
    let requests = (from..to).map(|id| {
        let source = if id.is_multiple_of(2) {
            "ci:even"
        } else {
            "ci:odd"
        };
        proto::AppendStreamRequest {
            event: Some(event(source, &id.to_string())),
            want_receipt: false,
            ..Default::default()
        }
    });
    let requests = tokio_stream::iter(requests.collect::<Vec<_>>());
    let answers = client.append_stream(requests).await.unwrap();
    let (answers, end) = all(answers.into_inner()).await;
    end.unwrap();
    assert_eq!(answers.len() as u64, to - from);
}

fn index_of(entry: Option<proto::Entry>) -> u64 {
    Entry::decode(&entry.unwrap().entry).unwrap().index.value()
}

fn even() -> Option<proto::Filter> {
    Some(proto::Filter {
        sources: vec!["ci:even".to_owned()],
        ..proto::Filter::default()
    })
}

fn key(source: &str, event_id: &str) -> proto::EventKey {
    proto::EventKey {
        source: source.to_owned(),
        event_id: event_id.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_is_found_by_index_and_by_event_with_the_payload_it_commits_to() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    post_events(&mut client, 0, 10).await;
    for selector in [
        EntrySelector::Index(7),
        EntrySelector::Event(key("ci:odd", "7")),
    ] {
        let request = proto::GetEntryRequest {
            selector: Some(selector),
        };
        let answer = client.get_entry(request).await.unwrap().into_inner();
        let received = entry_from_proto(&answer.entry.unwrap()).unwrap();
        let entry = Entry::decode(&received.entry).unwrap();
        assert_eq!((entry.index.value(), entry.event_id), (7, "7"));
        let (parts, rest) = decode_parts(&received.payload).unwrap();
        assert!(rest.is_empty());
        let commitment = exhibit::ledger::payload::payload_commitment(&parts);
        assert_eq!(entry.commitment, commitment);
    }
    for (selector, reason) in [
        (EntrySelector::Index(10), Reason::BeyondTheEnd),
        (EntrySelector::Index(u64::MAX), Reason::BeyondTheEnd),
        (
            EntrySelector::Event(key("ci:even", "7")),
            Reason::EntryNotFound,
        ),
        (EntrySelector::Event(key("", "7")), Reason::InvalidField),
    ] {
        let request = proto::GetEntryRequest {
            selector: Some(selector),
        };
        let status = client.get_entry(request).await.unwrap_err();
        assert_eq!(refused(&status), reason);
        if reason == Reason::BeyondTheEnd {
            assert_eq!(about(&status, "tree_size"), "10");
        }
    }
    let nothing = client
        .get_entry(proto::GetEntryRequest { selector: None })
        .await;
    assert_eq!(fields(&nothing.unwrap_err()), ["selector"]);
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_checkpoints_and_consistency_proofs_verify_under_the_ledgers_key() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let checkpoint = |answer: &str| SignedCheckpoint::open(answer.as_bytes(), &server.key).unwrap();
    let empty = client.get_checkpoint(proto::GetCheckpointRequest {}).await;
    let empty = checkpoint(&empty.unwrap().into_inner().checkpoint);
    assert_eq!(empty.checkpoint().size, TreeSize::EMPTY);

    post_events(&mut client, 0, 300).await;
    let old = client.get_checkpoint(proto::GetCheckpointRequest {}).await;
    let old = checkpoint(&old.unwrap().into_inner().checkpoint);
    assert_eq!(old.checkpoint().size, TreeSize::new(300));
    post_events(&mut client, 300, 777).await;

    for selector in [
        ReceiptSelector::Index(299),
        ReceiptSelector::Event(key("ci:odd", "299")),
    ] {
        let request = proto::GetReceiptRequest {
            selector: Some(selector),
        };
        let answer = client.get_receipt(request).await.unwrap().into_inner();
        let receipt = Receipt::parse(answer.receipt.as_bytes()).unwrap();
        assert_eq!(receipt.verify(&server.key).unwrap().event_id, "299");
        assert_eq!(receipt.checkpoint.checkpoint().size, TreeSize::new(777));
    }

    let request = |old_size, new_size| proto::GetConsistencyProofRequest { old_size, new_size };
    let proof = client
        .get_consistency_proof(request(300, 0))
        .await
        .unwrap()
        .into_inner();
    let new = checkpoint(&proof.checkpoint);
    assert_eq!(proof.new_size, 777);
    assert_eq!(new.checkpoint().size, TreeSize::new(777));
    let hashes: Vec<NodeHash> = proof
        .hashes
        .iter()
        .map(|hash| NodeHash::from_bytes(hash.as_ref().try_into().unwrap()))
        .collect();
    let side = |signed: &SignedCheckpoint| (signed.checkpoint().size, signed.checkpoint().root);
    assert!(consistency_holds(side(&old), side(&new), &hashes));
    assert!(!consistency_holds(side(&old), side(&new), &hashes[1..]));

    for (old, new, reason) in [
        (0, 0, Reason::InvalidField),
        (5, 4, Reason::InvalidField),
        (778, 0, Reason::BeyondTheEnd),
        (1, 778, Reason::BeyondTheEnd),
    ] {
        let status = client
            .get_consistency_proof(request(old, new))
            .await
            .unwrap_err();
        assert_eq!(refused(&status), reason, "{old} {new}");
    }
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_has_what_the_filter_selects_and_is_resumed_after_the_last_one_received() {
    const EVENTS: u64 = 6000;
    let server = TestServer::start().await;
    let mut client = server.client().await;
    post_events(&mut client, 0, EVENTS).await;
    for filter in [None, even()] {
        let expected: Vec<u64> = (10..EVENTS - 10)
            .filter(|id| filter.is_none() || id.is_multiple_of(2))
            .collect();
        // Taken in steps: each asks from the index after the last one received.
        let (mut listed, mut start) = (Vec::new(), 10);
        for limit in [1, 7, 1000, 0] {
            let request = proto::ListEntriesRequest {
                start,
                end: EVENTS - 10,
                filter: filter.clone(),
                limit,
                omit_payloads: limit == 7,
            };
            let entries = client.list_entries(request).await.unwrap().into_inner();
            let (entries, end) = all(entries).await;
            end.unwrap();
            assert!(limit == 0 || entries.len() as u64 == limit);
            for entry in entries {
                let has_payload = !entry.entry.as_ref().unwrap().parts.is_empty();
                assert_eq!(has_payload, limit != 7);
                listed.push(index_of(entry.entry));
            }
            start = listed.last().unwrap() + 1;
        }
        assert_eq!(listed, expected);
    }
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_beyond_the_end_is_refused_and_says_where_the_end_is() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    post_events(&mut client, 0, 5).await;
    let request = |start, end| proto::ListEntriesRequest {
        start,
        end,
        ..proto::ListEntriesRequest::default()
    };
    for (start, end) in [(6, 0), (0, 6)] {
        let status = client.list_entries(request(start, end)).await.unwrap_err();
        assert_eq!(refused(&status), Reason::BeyondTheEnd);
        assert_eq!(about(&status, "tree_size"), "5");
    }
    let status = client.list_entries(request(4, 3)).await.unwrap_err();
    assert_eq!(fields(&status), ["end"]);
    let mut wrong = request(0, 0);
    wrong.filter = Some(proto::Filter {
        sources: vec![String::new()],
        ..proto::Filter::default()
    });
    let status = client.list_entries(wrong).await.unwrap_err();
    assert!(
        fields(&status)[0].starts_with("filter.sources"),
        "{status:?}"
    );
    let (none, end) = all(client
        .list_entries(request(5, 0))
        .await
        .unwrap()
        .into_inner())
    .await;
    assert!(none.is_empty() && end.is_ok());
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_has_what_was_committed_before_and_what_is_committed_later() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    post_events(&mut client, 0, 4).await;
    let request = |start, filter| proto::WatchRequest {
        start,
        filter,
        omit_payloads: false,
    };
    let mut every = client.watch(request(2, None)).await.unwrap().into_inner();
    let mut even = client.watch(request(1, even())).await.unwrap().into_inner();
    let mut later = client.watch(request(6, None)).await.unwrap().into_inner();
    let next = async |stream: &mut tonic::Streaming<proto::WatchResponse>| {
        let next = tokio::time::timeout(LONG, stream.message()).await;
        index_of(next.unwrap().unwrap().unwrap().entry)
    };
    assert_eq!(next(&mut every).await, 2);
    assert_eq!(next(&mut every).await, 3);
    assert_eq!(next(&mut even).await, 2);
    for id in 4..8 {
        append(
            &mut client,
            event(
                if id % 2 == 0 { "ci:even" } else { "ci:odd" },
                &id.to_string(),
            ),
        )
        .await
        .unwrap();
        assert_eq!(next(&mut every).await, id);
        if id % 2 == 0 {
            assert_eq!(next(&mut even).await, id);
        }
        if id >= 6 {
            assert_eq!(next(&mut later).await, id);
        }
    }
    let verified = tokio::spawn(server.stop_and_verify());
    for stream in [every, even, later] {
        let (rest, end) = all(stream).await;
        assert!(rest.is_empty());
        assert_eq!(refused(&end.unwrap_err()), Reason::ShuttingDown);
    }
    assert_eq!(verified.await.unwrap().entries.len(), 8);
}

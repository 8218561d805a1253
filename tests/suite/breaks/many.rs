//! Damage of thousands of payloads: all of it is confirmed, and none of it hides what is damaged besides.

use exhibit::{
    ledger::{
        event::{Event, NewEvent, NewPart},
        payload::Salt,
        position::UnixNanos,
    },
    pack::Verdict,
    service::ledger::{Ledger, LedgerOptions, Posting},
    store::directory::DataDirectory,
};

use super::{
    super::process::{Server, init},
    Broken, ORIGIN, SOURCE,
};

impl Broken {
    /// A ledger of so many batches of 256 events.
    fn of_batches(batches: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let ledger = init(home.path(), ORIGIN);
        let directory = DataDirectory::open(&ledger).unwrap();
        let options = LedgerOptions {
            batch_events_max: 256,
            ..LedgerOptions::default()
        };
        let (running, _) = Ledger::open(&directory, options).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        for batch in 0..batches {
            let events = (batch * 256..(batch + 1) * 256).map(|number| Posting {
                event: event(number),
                want_receipt: false,
            });
            let answers = runtime.block_on(running.append_many(events.collect()));
            assert!(answers.iter().all(Result::is_ok));
        }
        running.close();
        Self { home, ledger }
    }
}

fn event(number: u64) -> Event {
    let body = NewPart {
        salt: Salt::from_bytes([number as u8; 32]),
        name: "body".to_owned(),
        content_type: "application/json".to_owned(),
        content: format!("{{\"number\":{number}}}").into_bytes(),
    };
    let event = NewEvent {
        event_type: "com.example.thing.v1".to_owned(),
        source: SOURCE.to_owned(),
        event_id: format!("run-{number}"),
        subject: String::new(),
        producer: "test".to_owned(),
        occurred_at: UnixNanos::new(0),
        source_sequence: number + 1,
        parts: vec![body],
    };
    Event::new(event, UnixNanos::now()).unwrap()
}

#[test]
fn thousands_of_lost_payloads_are_confirmed_at_once_and_one_more_still_shows() {
    let broken = Broken::of_batches(21);
    (0..20).for_each(|batch| broken.lose_payload(batch));
    let report = broken.verify();
    let lost = report.findings.total;
    assert!(lost > 4_000, "{lost}");
    assert_eq!(report.findings.listed.len(), 1_000);
    let json = broken.json(0, &broken.confirming(&["--finding", "payload_missing"]));
    assert_eq!(json["findings"].as_array().unwrap().len() as u64, lost);
    let entries = json["entries"].as_array().unwrap().len() as u64;
    assert_eq!(entries, lost.div_ceil(1_000));
    broken
        .confirm(&["--finding", "payload_missing"])
        .is(0, &["nothing was added"]);

    let report = broken.verify();
    assert_eq!(
        report.verdict,
        Verdict::VerifiedWithConfirmedBreaks,
        "{:?}",
        report.findings.total
    );
    assert_eq!((report.breaks.confirmed, report.findings.total), (lost, 0));
    let server = Server::start(&broken.ledger);
    broken.record(&server, "after", None);
    assert!(server.stop().success());
    let report = broken.verify_pack(&broken.export());
    assert_eq!(report.verdict, Verdict::VerifiedWithConfirmedBreaks);
    assert_eq!(report.breaks.confirmed, lost);

    // What is damaged beside it is not lost among it.
    broken.lose_payload(20);
    let report = broken.verify();
    assert_eq!(report.verdict, Verdict::Altered);
    let more = report.findings.total;
    assert_eq!(
        (report.findings.listed.len() as u64, report.breaks.confirmed),
        (more, lost)
    );
    let first = report.findings.listed[0].index.unwrap();
    assert!(first.value() >= 20 * 256, "{first}");
}

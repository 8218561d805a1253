use super::*;

const NOW: UnixNanos = UnixNanos::new(1_790_000_000_000_000_000);

fn part(name: &str, content: &[u8]) -> NewPart {
    NewPart {
        salt: Salt::from_bytes([1; 32]),
        name: name.into(),
        content_type: "text/plain".into(),
        content: content.into(),
    }
}

fn valid() -> NewEvent {
    NewEvent {
        event_type: "t".into(),
        source: "s".into(),
        event_id: "i".into(),
        subject: String::new(),
        producer: "p".into(),
        occurred_at: NOW,
        source_sequence: 1,
        parts: vec![part("body", b"b"), part("actor", b"a")],
    }
}

/// A change to the valid event, the field it spoils, and what is said of it.
type Spoiled = (fn(&mut NewEvent), &'static str, &'static str);

#[test]
fn what_is_wrong_is_said_of_its_field() {
    let spoiled: [Spoiled; 16] = [
        (|e| e.event_type.clear(), "event_type", "is empty"),
        (|e| e.source.clear(), "source", "is empty"),
        (|e| e.event_id.clear(), "event_id", "is empty"),
        (|e| e.producer.clear(), "producer", "is empty"),
        (
            |e| e.event_type = "x".repeat(256),
            "event_type",
            "256 bytes",
        ),
        (|e| e.event_id = "é".repeat(128), "event_id", "256 bytes"),
        (|e| e.subject = "x".repeat(1025), "subject", "1025 bytes"),
        (|e| e.source = "a\nb".into(), "source", "control character"),
        (
            |e| e.subject = "a\u{7f}".into(),
            "subject",
            "control character",
        ),
        (|e| e.subject = " a".into(), "subject", "white space"),
        (|e| e.event_id = "a\u{a0}".into(), "event_id", "white space"),
        (
            |e| e.occurred_at = UnixNanos::new(u64::MAX),
            "occurred_at",
            "a day ahead",
        ),
        (|e| e.parts.clear(), "payload", "1 to 32 parts"),
        (|e| e.parts.swap(0, 1), "payload", "named \"body\""),
        (|e| e.parts.push(part("actor", b"")), "payload", "two parts"),
        (
            |e| e.parts[1].content = vec![0; PAYLOAD_BYTES_MAX],
            "payload",
            "send at most",
        ),
    ];
    assert!(Event::new(valid(), NOW).is_ok());
    for (spoil, field, why) in spoiled {
        let mut event = valid();
        spoil(&mut event);
        let error = Event::new(event, NOW).unwrap_err();
        assert_eq!(error.field, field);
        assert!(error.problem.contains(why), "{error}");
    }
}

#[test]
fn an_event_may_be_old_or_a_day_ahead_and_no_more() {
    let at = |nanos| {
        Event::new(
            NewEvent {
                occurred_at: UnixNanos::new(nanos),
                ..valid()
            },
            NOW,
        )
        .is_ok()
    };
    let limit = NOW.value().saturating_add(AHEAD_MAX.value());
    assert!(at(0) && at(1) && at(limit) && !at(limit.saturating_add(1)));
    // A ledger whose clock stands at the end of time takes everything, and does not overflow.
    let last = NewEvent {
        occurred_at: UnixNanos::new(u64::MAX),
        ..valid()
    };
    assert!(Event::new(last, UnixNanos::new(u64::MAX)).is_ok());
}

#[test]
fn a_second_try_says_the_same_under_other_salts_and_another_producer_only() {
    let first = Event::new(valid(), NOW).unwrap();
    let says_the_same = |change: fn(&mut NewEvent)| {
        let mut again = valid();
        change(&mut again);
        Event::new(again, NOW)
            .unwrap()
            .says_the_same(first.fields(), &first.parts())
    };
    assert!(says_the_same(|_| {}));
    assert!(says_the_same(
        |e| e.parts[0].salt = Salt::from_bytes([9; 32])
    ));
    assert!(says_the_same(|e| e.producer = "somebody else".into()));
    let different: [fn(&mut NewEvent); 9] = [
        |e| e.event_type = "u".into(),
        |e| e.subject = "x".into(),
        |e| e.occurred_at = UnixNanos::new(1),
        |e| e.source_sequence = 2,
        |e| e.parts[1].content = b"z".to_vec(),
        |e| e.parts[1].name = "z".into(),
        |e| e.parts[1].content_type = "z".into(),
        |e| e.parts.truncate(1),
        |e| e.parts.push(part("more", b"")),
    ];
    for change in different {
        assert!(!says_the_same(change));
    }
    let mut erased = first.parts();
    erased[1] = Part::Withheld(erased[1].commitment());
    assert!(!first.says_the_same(first.fields(), &erased));
}

#[test]
fn an_event_commits_to_exactly_its_parts() {
    let event = Event::new(valid(), NOW).unwrap();
    assert_eq!(
        event.fields().commitment,
        crate::ledger::payload::payload_commitment(&event.parts())
    );
}

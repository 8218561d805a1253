use super::*;
use crate::ledger::{
    hash::{ChainHash, PayloadCommitment},
    payload::{DisclosedPart, Salt},
};

const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn lost(index: u64) -> Known {
    Known {
        kind: KnownKind::PayloadMissing,
        index: Some(EntryIndex::new(index)),
        expected: HASH.to_owned(),
        found: LOST_PAYLOAD.to_owned(),
    }
}

fn body(findings: Vec<Known>) -> BreakBody {
    BreakBody {
        findings,
        what: "a sector of the disk is gone".to_owned(),
        why: "the disk is \"old\"\nand tired \u{e9}".to_owned(),
    }
}

fn read(entry: &Entry<'_>, content: &[u8], by: Option<&[u8]>) -> Option<BreakConfirmation> {
    let part = |name, content| {
        Part::Disclosed(DisclosedPart {
            salt: Salt::from_bytes([1; 32]),
            name,
            content_type: "text/plain",
            content,
        })
    };
    let mut parts = vec![part("body", content)];
    parts.extend(by.map(|by| part(BREAK_BY, by)));
    BreakConfirmation::read(entry, &parts)
}

fn entry(index: u64) -> Entry<'static> {
    Entry::at(
        EntryIndex::new(index),
        UnixNanos::new(1),
        ChainHash::from_bytes([0; 32]),
        crate::ledger::entry::EntryFields {
            occurred_at: UnixNanos::new(0),
            source_sequence: 0,
            commitment: PayloadCommitment::from_bytes([0; 32]),
            event_type: BREAK_TYPE,
            source: BREAK_SOURCE,
            event_id: "1",
            subject: "",
            producer: BREAK_PRODUCER,
        },
    )
}

#[test]
fn a_body_is_read_as_it_was_written_and_in_no_other_form() {
    let good = body(vec![lost(3), Known::gap("https://ci", (4, 9))]);
    let bytes = good.to_bytes();
    assert_eq!(BreakBody::parse(&bytes), Ok(good));
    let spaced = [b" ", bytes.as_slice()].concat();
    assert_eq!(BreakBody::parse(&spaced), Err(MalformedBreak::Form));
    let text = String::from_utf8(bytes).unwrap();
    let escaped = text.replace('\u{e9}', "\\u00e9");
    assert_eq!(
        BreakBody::parse(escaped.as_bytes()),
        Err(MalformedBreak::Form)
    );
    let more = text.replace("\"what\"", "\"who\":\"I\",\"what\"");
    assert!(matches!(
        BreakBody::parse(more.as_bytes()),
        Err(MalformedBreak::Json(_))
    ));
    let unknown = text.replace("payload_missing", "root_mismatch");
    assert!(matches!(
        BreakBody::parse(unknown.as_bytes()),
        Err(MalformedBreak::Json(_))
    ));
}

#[test]
fn a_body_says_what_and_why_and_names_what_a_verification_says() {
    let mut silent = body(vec![lost(1)]);
    silent.why.clear();
    assert_eq!(silent.check(), Err(MalformedBreak::Empty));
    assert_eq!(body(vec![]).check(), Err(MalformedBreak::Count(0)));
    let many = vec![lost(1); BREAK_FINDINGS_MAX + 1];
    assert_eq!(
        body(many).check(),
        Err(MalformedBreak::Count(BREAK_FINDINGS_MAX + 1))
    );
    let whole_file = Known {
        expected: "the file".to_owned(),
        ..lost(1)
    };
    let nowhere = Known {
        index: None,
        ..lost(1)
    };
    let placed_gap = Known {
        index: Some(EntryIndex::new(1)),
        ..Known::gap("s", (1, 2))
    };
    for wrong in [whole_file, nowhere, placed_gap] {
        let expected = MalformedBreak::Finding(Box::new(wrong.clone()));
        assert_eq!(body(vec![wrong]).check(), Err(expected));
    }
}

#[test]
fn a_confirmation_speaks_of_entries_before_it_alone() {
    let bytes = body(vec![lost(6)]).to_bytes();
    assert!(read(&entry(7), &bytes, None).is_some());
    assert_eq!(read(&entry(6), &bytes, None), None);
    assert_eq!(read(&entry(5), &bytes, None), None);
}

#[test]
fn only_the_ledgers_own_entry_confirms_and_its_author_may_be_withheld() {
    let bytes = body(vec![lost(1)]).to_bytes();
    let said = read(&entry(7), &bytes, Some(b"Ada")).unwrap();
    assert_eq!(said.by.as_deref(), Some("Ada"));
    assert_eq!(read(&entry(7), &bytes, Some(b"\xff")).unwrap().by, None);
    let forge = |change: fn(&mut Entry<'static>)| {
        let mut forged = entry(7);
        change(&mut forged);
        forged
    };
    for forged in [
        forge(|entry| entry.source = "https://ci.example.com"),
        forge(|entry| entry.event_type = "custom"),
        forge(|entry| entry.producer = "token:ci"),
    ] {
        assert_eq!(read(&forged, &bytes, None), None);
    }
}

#[test]
fn what_can_be_confirmed_is_named_as_its_finding_and_all_else_says_why_not() {
    for kind in KnownKind::ALL {
        let json = serde_json::to_value(kind).unwrap();
        assert_eq!(json, kind.name());
        if let Some(finding) = kind.finding() {
            assert_eq!(confirmable(finding), Ok(*kind));
            assert_eq!(finding.name(), kind.name());
        }
    }
    let confirmed = FindingKind::ALL
        .iter()
        .filter(|kind| confirmable(**kind).is_ok());
    assert_eq!(confirmed.count(), KnownKind::ALL.len() - 1);
    for kind in FindingKind::ALL {
        if let Err(reason) = confirmable(*kind) {
            assert!(
                reason.contains(": "),
                "{kind} says what to do instead: {reason}"
            );
        }
    }
}

//! Packs of a ledger with damage, and with entries that confirm it or pretend to.

use std::{fs, path::PathBuf};

use exhibit::{
    ledger::{
        breaks::{BREAK_PRODUCER, BREAK_SOURCE, BREAK_TYPE, BreakBody, Known, KnownKind},
        event::{Event, NewEvent, NewPart},
        note::SigningKey,
        payload::{LOST, Salt, encode_parts},
        position::{EntryIndex, UnixNanos},
        state::State,
        tile::{TileId, push_entry},
        verify::LOST_PAYLOAD,
    },
    pack::{Block, PackRequest, PackSource, SourceError, write_pack},
};

use super::original::NOW;

/// What is wrong with the ledger: entry 1 is lost, 2 is altered, 4 is 3 once more, and numbers 6 to 8 never came.
const ENTRIES: usize = 8;

/// A pack, what it is called, and how its verification ends.
pub(crate) struct Confirmed {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) exit: u64,
}

/// What is known to be wrong, by the names of the cases.
struct Damage {
    lost: Known,
    altered: Known,
    duplicate: Known,
    gap: Known,
}

/// One more entry: who posts it, what it says, and who says so.
struct Confirmation {
    producer: &'static str,
    content: Vec<u8>,
    by: Option<&'static [u8]>,
}

/// One block of entries, as the source of a pack.
pub(crate) struct Source(pub(crate) Block);

impl PackSource for Source {
    fn blocks(
        &self,
        _from: EntryIndex,
    ) -> Box<dyn Iterator<Item = Result<Block, SourceError>> + Send + '_> {
        Box::new(std::iter::once(Ok(self.0.clone())))
    }

    fn tile(&self, id: TileId) -> Result<Vec<u8>, SourceError> {
        Err(format!("a full export asks for no {id}").into())
    }
}

fn part(name: &str, content: &[u8]) -> NewPart {
    NewPart {
        salt: Salt::from_bytes([9; 32]),
        name: name.to_owned(),
        content_type: "application/json".to_owned(),
        content: content.to_vec(),
    }
}

fn events() -> Vec<Event> {
    let event = |number: usize| {
        let event = NewEvent {
            event_type: "exhibit.deployment.v1".to_owned(),
            source: "https://ci.example/breaks".to_owned(),
            event_id: format!("run-{}", if number == 4 { 3 } else { number }),
            producer: "ci".to_owned(),
            source_sequence: if number < 5 {
                number as u64 + 1
            } else {
                number as u64 + 4
            },
            parts: vec![part(
                "body",
                format!(r#"{{"change":"CHG-{number}"}}"#).as_bytes(),
            )],
            ..NewEvent::default()
        };
        Event::new(event, NOW).unwrap()
    };
    (0..ENTRIES).map(event).collect()
}

/// What stands in the place of the payload that was altered.
fn other() -> Event {
    let event = NewEvent {
        event_type: "any".to_owned(),
        source: "https://ci.example".to_owned(),
        event_id: "1".to_owned(),
        producer: "ci".to_owned(),
        parts: vec![part("body", br#"{"change":"another"}"#)],
        ..NewEvent::default()
    };
    Event::new(event, NOW).unwrap()
}

fn damage(events: &[Event]) -> Damage {
    let known = |kind, index, expected: String, found: String| Known {
        kind,
        index: Some(EntryIndex::new(index)),
        expected,
        found,
    };
    let committed = |entry: usize| events[entry].fields().commitment.to_string();
    let other = other().fields().commitment;
    Damage {
        lost: known(
            KnownKind::PayloadMissing,
            1,
            committed(1),
            LOST_PAYLOAD.to_owned(),
        ),
        altered: known(
            KnownKind::PayloadAltered,
            2,
            committed(2),
            other.to_string(),
        ),
        duplicate: known(
            KnownKind::DuplicateEvent,
            4,
            "no second entry for the event of entry 3".to_owned(),
            "entry 4".to_owned(),
        ),
        gap: Known::gap("https://ci.example/breaks", (6, 8)),
    }
}

fn body(findings: Vec<Known>) -> BreakBody {
    BreakBody {
        findings,
        what: "a sector is gone \u{e9}".to_owned(),
        why: "the disk is \"old\"\n".to_owned(),
    }
}

fn confirming(findings: &[&Known]) -> Confirmation {
    Confirmation {
        producer: BREAK_PRODUCER,
        content: body(findings.iter().copied().cloned().collect()).to_bytes(),
        by: Some(b"Ada"),
    }
}

/// The confirmations of each case, and how its verification ends: 0 where all that is wrong is confirmed, 1 where an event
/// is recorded twice, 4 where numbers never came.
fn cases(damage: &Damage) -> Vec<(&'static str, u64, Vec<Confirmation>)> {
    let Damage {
        lost,
        altered,
        duplicate,
        gap,
    } = damage;
    let all = || confirming(&[lost, altered, duplicate, gap]);
    // A pack whose payloads are lost is made only if that is confirmed, so the others differ in the rest.
    let payloads = || confirming(&[lost, altered]);
    let but = |known: &Known, change: fn(&mut Known)| {
        let mut other = known.clone();
        change(&mut other);
        other
    };
    let elsewhere = but(duplicate, |known| known.index = Some(EntryIndex::new(3)));
    let otherwise = but(duplicate, |known| known.found.push('0'));
    let later = but(duplicate, |known| {
        known.index = Some(EntryIndex::new(ENTRIES as u64 + 3))
    });
    let narrower = Known::gap("https://ci.example/breaks", (6, 7));
    let spaced = Confirmation {
        content: [b" ".to_vec(), confirming(&[duplicate, gap]).content].concat(),
        ..all()
    };
    let escaped = Confirmation {
        content: String::from_utf8(all().content)
            .unwrap()
            .replace('\u{e9}', "\\u00e9")
            .into_bytes(),
        ..all()
    };
    let halved = Confirmation {
        content: String::from_utf8(all().content)
            .unwrap()
            .replace('\u{e9}', "\\ud800")
            .into_bytes(),
        ..all()
    };
    let repeated = Confirmation {
        content: String::from_utf8(all().content)
            .unwrap()
            .replacen("{", r#"{"what":"x","#, 1)
            .into_bytes(),
        ..all()
    };
    let proof = Confirmation {
        content: String::from_utf8(all().content)
            .unwrap()
            .replace("duplicate_event", "root_mismatch")
            .into_bytes(),
        ..all()
    };
    let two = vec![
        confirming(&[lost, altered, duplicate]),
        confirming(&[gap, duplicate]),
    ];
    vec![
        ("all at once", 0, vec![all()]),
        ("in two entries", 0, two),
        ("by nobody", 0, vec![Confirmation { by: None, ..all() }]),
        (
            "by nobody who can be read",
            0,
            vec![Confirmation {
                by: Some(b"\xff"),
                ..all()
            }],
        ),
        (
            "with what is not there",
            0,
            vec![confirming(&[lost, altered, duplicate, gap, &elsewhere])],
        ),
        (
            "without the gap",
            4,
            vec![confirming(&[lost, altered, duplicate])],
        ),
        (
            "a narrower gap",
            4,
            vec![confirming(&[lost, altered, duplicate, &narrower])],
        ),
        (
            "without the repeated event",
            1,
            vec![confirming(&[lost, altered, gap])],
        ),
        (
            "at another entry",
            1,
            vec![confirming(&[lost, altered, gap, &elsewhere])],
        ),
        (
            "found otherwise",
            1,
            vec![confirming(&[lost, altered, gap, &otherwise])],
        ),
        (
            "an entry to come",
            1,
            vec![payloads(), confirming(&[duplicate, gap, &later])],
        ),
        ("with white space", 1, vec![payloads(), spaced]),
        ("escaped otherwise", 1, vec![payloads(), escaped]),
        ("with half a character", 1, vec![payloads(), halved]),
        ("said twice", 1, vec![payloads(), repeated]),
        ("the proof itself", 1, vec![payloads(), proof]),
        (
            "by a producer",
            1,
            vec![
                payloads(),
                Confirmation {
                    producer: "ci",
                    ..all()
                },
            ],
        ),
        (
            "no JSON",
            1,
            vec![
                payloads(),
                Confirmation {
                    content: b"{".to_vec(),
                    ..all()
                },
            ],
        ),
    ]
}

fn event_of(number: usize, confirmation: &Confirmation) -> Event {
    let by = confirmation.by.map(|by| part("by", by));
    let event = NewEvent {
        event_type: BREAK_TYPE.to_owned(),
        source: BREAK_SOURCE.to_owned(),
        event_id: format!("break-{number}"),
        producer: confirmation.producer.to_owned(),
        parts: std::iter::once(part("body", &confirmation.content))
            .chain(by)
            .collect(),
        ..NewEvent::default()
    };
    Event::new(event, NOW).unwrap()
}

/// Writes a pack for each case.
pub(crate) fn packs(key: &SigningKey, directory: &std::path::Path) -> Vec<Confirmed> {
    let damage = damage(&events());
    let cases = cases(&damage).into_iter().enumerate();
    cases
        .map(|(number, (name, exit, confirmations))| {
            let path = directory.join(format!("confirmed-{number}.zip"));
            let confirming = confirmations
                .iter()
                .enumerate()
                .map(|(at, one)| event_of(at, one));
            let events: Vec<Event> = events().into_iter().chain(confirming).collect();
            let state = State::new(key.verifier().name().clone());
            let (_, batch) = state.append(events, UnixNanos::new(NOW.value())).unwrap();
            let (mut entries, mut payloads) = (Vec::new(), Vec::new());
            let other = other();
            for (index, (entry, event)) in batch.entries.iter().zip(&batch.events).enumerate() {
                push_entry(&mut entries, entry).unwrap();
                match index {
                    1 => payloads.extend(LOST),
                    2 => encode_parts(&other.parts(), &mut payloads).unwrap(),
                    _ => encode_parts(&event.parts(), &mut payloads).unwrap(),
                }
            }
            let block = Block {
                first: EntryIndex::default(),
                count: batch.entries.len() as u64,
                entries,
                payloads,
            };
            let request =
                PackRequest::full(batch.checkpoint.clone().sign(key), key.verifier().clone());
            let file = fs::File::create(&path).unwrap();
            write_pack(file, &Source(block), &request)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            Confirmed { name, path, exit }
        })
        .collect()
}

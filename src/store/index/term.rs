//! Terms: what an entry is found by, as keyed fingerprints of 48 bits.
//!
//! A term is made with a random secret of this index, so nobody can prepare texts that collide. Two different
//! texts may still share a term, by chance, which is why everything the index answers is a candidate. The kind
//! stands in the two highest bits: the terms of one kind lie together when they are sorted.

use crate::ledger::{entry::Entry, position::count};

/// Bits of a term.
pub(super) const TERM_BITS: u32 = 48;
const HASH_BITS: u32 = TERM_BITS - 2;

/// A fingerprint of something an entry is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Term(pub(super) u64);

/// The kinds of terms, in the order in which they sort.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Key,
    EventType,
    Source,
    Subject,
}

/// What the index keeps of one entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) key: Term,
    pub(super) event_type: Term,
    pub(super) source: Term,
    pub(super) subject: Term,
    pub(super) recorded_at: u64,
}

/// The texts of the entry before, with their terms: a pipeline's entries mostly repeat them.
#[derive(Default)]
pub(super) struct Before<'e> {
    event_type: Option<(&'e str, Term)>,
    source: Option<(&'e str, Term)>,
    subject: Option<(&'e str, Term)>,
}

/// Makes terms with the secret of one index.
#[derive(Clone)]
pub(super) struct Terms {
    secret: [u8; 32],
}

impl Terms {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    pub(super) fn key(&self, source: &str, event_id: &str) -> Term {
        let length = count(source.len()).to_le_bytes();
        self.term(
            Kind::Key,
            &[&length, source.as_bytes(), event_id.as_bytes()],
        )
    }

    pub(super) fn event_type(&self, text: &str) -> Term {
        self.term(Kind::EventType, &[text.as_bytes()])
    }

    pub(super) fn source(&self, text: &str) -> Term {
        self.term(Kind::Source, &[text.as_bytes()])
    }

    pub(super) fn subject(&self, text: &str) -> Term {
        self.term(Kind::Subject, &[text.as_bytes()])
    }

    pub(super) fn record<'e>(&self, entry: &Entry<'e>, before: &mut Before<'e>) -> Record {
        Record {
            key: self.key(entry.source, entry.event_id),
            event_type: repeated(&mut before.event_type, entry.event_type, |text| {
                self.event_type(text)
            }),
            source: repeated(&mut before.source, entry.source, |text| self.source(text)),
            subject: repeated(&mut before.subject, entry.subject, |text| {
                self.subject(text)
            }),
            recorded_at: entry.recorded_at.value(),
        }
    }

    /// The pieces lie in one buffer on the stack where they fit, which hashes twice as fast as piecemeal.
    fn term(&self, kind: Kind, pieces: &[&[u8]]) -> Term {
        let mut buffer = [0; 256];
        let mut used = 0_usize;
        let kind = match kind {
            Kind::Key => 0_u8,
            Kind::EventType => 1,
            Kind::Source => 2,
            Kind::Subject => 3,
        };
        let fits = std::iter::once(&[kind].as_slice())
            .chain(pieces)
            .all(|piece| {
                let end = used.saturating_add(piece.len());
                buffer.get_mut(used..end).is_some_and(|place| {
                    place.copy_from_slice(piece);
                    used = end;
                    true
                })
            });
        let hash = match buffer.get(..used).filter(|_| fits) {
            Some(text) => blake3::keyed_hash(&self.secret, text),
            None => {
                let mut hasher = blake3::Hasher::new_keyed(&self.secret);
                hasher.update(&[kind]);
                for piece in pieces {
                    hasher.update(piece);
                }
                hasher.finalize()
            }
        };
        let bits = hash
            .as_bytes()
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Term((u64::from(kind) << HASH_BITS) | (bits >> (64 - HASH_BITS)))
    }
}

/// The term of a text, which is mostly the text of the entry before.
fn repeated<'e>(
    before: &mut Option<(&'e str, Term)>,
    text: &'e str,
    term: impl Fn(&str) -> Term,
) -> Term {
    if let Some((known, term)) = before
        && *known == text
    {
        return *term;
    }
    let made = term(text);
    *before = Some((text, made));
    made
}

impl Record {
    pub(super) fn terms(&self) -> [Term; 4] {
        [self.key, self.event_type, self.source, self.subject]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{
        entry::EntryFields,
        hash::{ChainHash, PayloadCommitment},
        position::{EntryIndex, UnixNanos},
    };

    #[test]
    fn terms_of_different_kinds_pieces_and_secrets_differ() {
        let terms = Terms::new([1; 32]);
        let long = "x".repeat(1000);
        let all = [
            terms.key("ab", "c"),
            terms.key("a", "bc"),
            terms.event_type("ab"),
            terms.source("ab"),
            terms.subject("ab"),
            terms.key(&long, "c"),
            terms.key(&long, "d"),
            Terms::new([2; 32]).source("ab"),
        ];
        let distinct: std::collections::BTreeSet<Term> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|term| term.0 >> TERM_BITS == 0));
    }

    #[test]
    fn a_record_does_not_depend_on_the_entry_before() {
        let terms = Terms::new([4; 32]);
        let entry = |event_type, source, subject| {
            Entry::at(
                EntryIndex::new(7),
                UnixNanos::new(9),
                ChainHash::from_bytes([0; 32]),
                EntryFields {
                    occurred_at: UnixNanos::default(),
                    source_sequence: 0,
                    commitment: PayloadCommitment::from_bytes([0; 32]),
                    event_type,
                    source,
                    event_id: "e",
                    subject,
                    producer: "p",
                },
            )
        };
        let mut before = Before::default();
        for (event_type, source, subject) in [
            ("t", "s", "u"),
            ("t", "s", "u"),
            ("t", "s", "v"),
            ("t", "u", "v"),
            ("s", "u", "v"),
            ("t", "s", "u"),
        ] {
            let record = terms.record(&entry(event_type, source, subject), &mut before);
            assert_eq!(record.event_type, terms.event_type(event_type));
            assert_eq!(record.source, terms.source(source));
            assert_eq!(record.subject, terms.subject(subject));
        }
    }

    #[test]
    fn a_term_does_not_depend_on_how_its_text_was_buffered() {
        let terms = Terms::new([3; 32]);
        for length in [240_usize, 246, 247, 248, 254, 255, 256, 300] {
            let text = "y".repeat(length);
            let mut hasher = blake3::Hasher::new_keyed(&[3; 32]);
            hasher.update(&[2]).update(text.as_bytes());
            let bits = u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().unwrap());
            assert_eq!(terms.source(&text).0, (2 << 46) | (bits >> 18));
        }
    }
}

//! Submitting a checkpoint to one witness.

use std::sync::{Mutex, PoisonError};

use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        note::{Note, NoteError, SignatureLine},
        policy::PolicyWitness,
        position::TreeSize,
        witness::{AddCheckpoint, SIZE_MEDIA_TYPE, parse_size},
    },
    service::{
        fetch::{Answer, FetchError, Fetcher},
        ledger::{Ledger, ReadError},
    },
};

/// How often a witness that knows another size is asked again in one round.
const TRIES: usize = 3;

/// A witness, and what it is known to have seen.
pub(super) struct Seat {
    pub(super) witness: PolicyWitness,
    /// The size it cosigned last, as far as is known here; 0 until it has said otherwise. Held while it is asked: one
    /// request at a time.
    known: Mutex<TreeSize>,
}

/// Why a witness's cosignature is not there.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It can't be reached, or does not answer in time.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is still asked about an earlier checkpoint.
    #[error("it has not answered about the checkpoint before")]
    Busy,
    /// It knows a larger ledger than this one.
    #[error(
        "it has cosigned {theirs} entries, and the ledger has {ours}: entries were lost, or another ledger runs under the same key"
    )]
    Ahead {
        /// What it cosigned.
        theirs: TreeSize,
        /// What there is.
        ours: TreeSize,
    },
    /// It cosigned a history that this is not a continuation of.
    #[error("it has cosigned another history than this one (status {status}{told})")]
    Forked {
        /// What it answered.
        status: u16,
        /// `: ` and what it said, or nothing.
        told: String,
    },
    /// It refuses for another reason.
    #[error("it answers {status}{told}")]
    Refused {
        /// What it answered.
        status: u16,
        /// `: ` and what it said, or nothing.
        told: String,
    },
    /// What it sends is not its cosignature.
    #[error("what it answers is not its cosignature: {0}")]
    NotACosignature(NoteError),
    /// The ledger's own proof.
    #[error(transparent)]
    Ledger(#[from] ReadError),
}

impl SubmitError {
    /// Whether it says that somebody rewrote or lost history: a matter for people at once.
    pub fn is_alarm(&self) -> bool {
        matches!(self, Self::Ahead { .. } | Self::Forked { .. })
    }
}

impl Seat {
    pub(super) fn new(witness: PolicyWitness) -> Self {
        Self {
            witness,
            known: Mutex::new(TreeSize::EMPTY),
        }
    }

    /// Asks the witness to cosign a checkpoint. Blocks on the network.
    pub(super) fn ask(
        &self,
        url: &str,
        fetcher: &Fetcher,
        ledger: &Ledger,
        checkpoint: &SignedCheckpoint,
    ) -> Result<SignatureLine, SubmitError> {
        let Ok(mut known) = self.known.try_lock() else {
            return Err(SubmitError::Busy);
        };
        let ours = checkpoint.checkpoint().size;
        for _ in 0..TRIES {
            if *known > ours {
                let theirs = std::mem::take(&mut *known);
                return Err(SubmitError::Ahead { theirs, ours });
            }
            let proof = if *known == TreeSize::EMPTY || *known == ours {
                Vec::new()
            } else {
                ledger.consistency(*known, ours)?
            };
            let request = AddCheckpoint {
                old: *known,
                proof,
                checkpoint: checkpoint.clone(),
            };
            let url = format!("{url}/add-checkpoint");
            let body = request.to_string();
            let answer = fetcher.post(&url, "text/plain; charset=utf-8", body.as_bytes())?;
            match self.judge(&answer, checkpoint)? {
                Judged::Cosigned(line) => {
                    *known = ours;
                    return Ok(line);
                }
                Judged::Knows(size) => *known = size,
            }
        }
        Err(SubmitError::Refused {
            status: 409,
            told: ": it names another size each time".to_owned(),
        })
    }

    /// Forgets what the witness has seen, so that it is asked anew.
    pub(super) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = TreeSize::EMPTY;
    }

    fn judge(&self, answer: &Answer, checkpoint: &SignedCheckpoint) -> Result<Judged, SubmitError> {
        let (status, told) = (answer.status, told(answer));
        match status {
            200 => self.cosignature(answer, checkpoint).map(Judged::Cosigned),
            // A size, or, in the protocol's first version, another root at the same size.
            409 => size_in(answer)
                .map(Judged::Knows)
                .ok_or(SubmitError::Forked { status, told }),
            422 => Err(SubmitError::Forked { status, told }),
            _ => Err(SubmitError::Refused { status, told }),
        }
    }

    /// The witness's own line with the latest time; all of its lines must verify. It has one, whatever else it sends: a
    /// checkpoint has room for so many, and none of them may take another's.
    fn cosignature(
        &self,
        answer: &Answer,
        checkpoint: &SignedCheckpoint,
    ) -> Result<SignatureLine, SubmitError> {
        let text = checkpoint.note().text();
        let signed = [text.as_bytes(), b"\n", &answer.body].concat();
        let refuse = SubmitError::NotACosignature;
        let note = Note::parse(&signed).map_err(refuse)?;
        if note.text() != text {
            return Err(refuse(NoteError::Unsigned));
        }
        let key = &self.witness.key;
        note.cosigned_at(key).map_err(refuse)?;
        let own = note.signatures().iter();
        let own = own.filter(|line| line.id == key.id() && line.name == key.name().as_str());
        // A cosignature begins with its time.
        let latest = own.max_by_key(|line| line.signature.first_chunk::<8>());
        let own = latest.ok_or_else(|| refuse(NoteError::NotSignedBy(key.to_string())))?;
        let dropped = note.signatures().len().saturating_sub(1);
        if dropped > 0 {
            let witness = &self.witness.name;
            tracing::warn!(
                witness,
                dropped,
                "a witness sends more than its cosignature; one line is used"
            );
        }
        Ok(own.clone())
    }
}

enum Judged {
    Cosigned(SignatureLine),
    Knows(TreeSize),
}

fn size_in(answer: &Answer) -> Option<TreeSize> {
    let media_type = answer.content_type.as_deref()?.split(';').next()?.trim();
    let text = std::str::from_utf8(&answer.body).ok()?;
    (media_type == SIZE_MEDIA_TYPE)
        .then(|| parse_size(text.strip_suffix('\n').unwrap_or(text)))
        .flatten()
}

fn told(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    match text.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => {
            let line: String = line.chars().filter(|c| !c.is_control()).take(200).collect();
            format!(": {line}")
        }
        _ => String::new(),
    }
}

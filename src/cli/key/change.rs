//! `exhibit key rotate`, `retire` and `compromised`: changes of the ledger's own key, each stated, signed and recorded.

use std::path::{Path, PathBuf};

use super::{
    super::{
        args,
        error::{CliError, say},
        exit::Exit,
        output::Output,
        reading::directory_error,
    },
    changed::Changed,
    generate,
    posting::{self, Announcement},
};
use crate::{
    ledger::{
        checkpoint::Checkpoint,
        entry::Entry,
        keys::{KeyChange, KeyHistory, REASON_BYTES_MAX, SignedStatement, Statement},
        note::{SigningKey, VerifierKey},
        position::{TreeSize, UnixNanos},
    },
    service::ledger::{AppendError, Ledger, LedgerOptions, Recorded},
    store::directory::DataDirectory,
};

/// Make a new signing key for the ledger, which signs beside the old one until that is retired (offline)
///
/// The server must be stopped. Both keys sign a statement that the one succeeds the other; it goes into keys/history in
/// the data directory, into every pack, and into the ledger as an entry. Run again, it finishes what was interrupted.
#[derive(Debug, clap::Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    about: About,
}

/// Let a key that has a successor sign no more (offline)
///
/// The server must be stopped. From here on the successor signs alone; what the key signed before stands. The secret
/// key is not needed any more, and can be destroyed. Run again, it finishes what was interrupted.
#[derive(Debug, clap::Args)]
pub(super) struct Retire {
    #[command(flatten)]
    about: About,
    /// The key's id, eight hexadecimal digits; without it, the key that has a successor
    #[arg(value_name = "KEY-ID", value_parser = args::text)]
    key: Option<String>,
}

/// Say that somebody else may have one of the ledger's keys (offline)
///
/// The server must be stopped. Rotate the key first, if the ledger still signs with it. Signatures of trees up to the
/// size that is given stand; larger trees do not stand by a signature of this key alone. Run again, it finishes what
/// was interrupted.
#[derive(Debug, clap::Args)]
pub(super) struct Compromised {
    #[command(flatten)]
    about: About,
    /// The key's id, eight hexadecimal digits
    #[arg(value_name = "KEY-ID", value_parser = args::text)]
    key: String,
    /// The size of the largest tree that certainly nobody else signed with it; 0 if you can't tell
    #[arg(long, value_name = "SIZE")]
    from_size: u64,
}

#[derive(Debug, clap::Args)]
struct About {
    /// The ledger's data directory
    #[arg(value_parser = args::path)]
    dir: PathBuf,
    /// Why; it stands in the ledger for good, and in every pack
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// Who does it; kept in a part of the entry that can be erased
    #[arg(long, value_name = "NAME", value_parser = args::text)]
    by: Option<String>,
}

fn reason(text: &str) -> Result<String, String> {
    let text = args::text(text)?;
    if text.len() > REASON_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(format!(
            "a reason is one line of at most {REASON_BYTES_MAX} bytes"
        ));
    }
    Ok(text)
}

/// What a command is to do.
enum Wanted<'a> {
    Rotate,
    Retire(Option<&'a str>),
    Compromise(&'a str, TreeSize),
}

impl Rotate {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        self.about.carry_out(&Wanted::Rotate, output)
    }
}

impl Retire {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let wanted = Wanted::Retire(self.key.as_deref());
        self.about.carry_out(&wanted, output)
    }
}

impl Compromised {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let wanted = Wanted::Compromise(&self.key, TreeSize::new(self.from_size));
        self.about.carry_out(&wanted, output)
    }
}

impl Wanted<'_> {
    const fn is(&self, change: &KeyChange) -> bool {
        matches!(
            (self, change),
            (Self::Rotate, KeyChange::Rotated { .. })
                | (Self::Retire(_), KeyChange::Retired { .. })
                | (Self::Compromise(..), KeyChange::Compromised { .. })
        )
    }
}

impl About {
    fn carry_out(&self, wanted: &Wanted<'_>, output: &mut Output) -> Result<Exit, CliError> {
        let directory = DataDirectory::open(&self.dir).map_err(directory_error)?;
        let pending = directory.pending_change().map_err(directory_error)?;
        let signed = match pending {
            Some(pending) if wanted.is(&pending.statement().change) => {
                say("note", "finishing a change of keys that was interrupted");
                pending
            }
            Some(_) => {
                // Its message names the command that was interrupted.
                let refused = directory.signers().err();
                return Err(refused.map_or_else(
                    || CliError::failed("another change of keys is under way"),
                    directory_error,
                ));
            }
            None => self.begin(&directory, wanted)?,
        };
        let history = match directory.history().statements().last() {
            Some(last) if *last == signed => directory.history().clone(),
            _ => {
                let history = directory.history().clone().with(signed.clone());
                history.map_err(|error| {
                    CliError::failed("the change of keys that was interrupted does not fit")
                        .because(error)
                })?
            }
        };
        self.record(&directory, &signed, &history)?;
        directory.end_change(&history).map_err(directory_error)?;
        let own = history.keys().last();
        output.print(&Changed {
            statement: signed.statement(),
            directory: directory.path(),
            own: own.map_or(directory.verifier(), |span| &span.key),
        })?;
        Ok(Exit::Done)
    }

    /// Makes the statement over the ledger as it is, and keeps it, while the ledger is open: nobody else writes to it.
    fn begin(
        &self,
        directory: &DataDirectory,
        wanted: &Wanted<'_>,
    ) -> Result<SignedStatement, CliError> {
        let signers = directory.signers().map_err(directory_error)?;
        let (ledger, _) = Ledger::open_signing(directory, signers, LedgerOptions::default())
            .map_err(|error| unopened(&self.dir, error))?;
        let now = ledger.checkpoint();
        let begun = self.state(directory, wanted, now.checkpoint());
        ledger.close();
        begun
    }

    fn state(
        &self,
        directory: &DataDirectory,
        wanted: &Wanted<'_>,
        now: &Checkpoint,
    ) -> Result<SignedStatement, CliError> {
        let history = directory.history();
        let own = directory.signing_key().map_err(directory_error)?;
        let new = match wanted {
            Wanted::Rotate => Some(successor(directory)?),
            _ => None,
        };
        let change = match (wanted, &new) {
            (Wanted::Retire(id), _) => retired(directory, *id)?,
            (Wanted::Compromise(id, from), _) => compromised(directory, id, *from, now.size)?,
            (Wanted::Rotate, new) => KeyChange::Rotated {
                old: own.verifier().clone(),
                new: Box::new(new.as_ref().unwrap_or(&own).verifier().clone()),
            },
        };
        let statement = Statement {
            origin: directory.origin().clone(),
            number: crate::ledger::position::count(history.statements().len()).saturating_add(1),
            previous: history.last_digest(),
            change,
            size: now.size,
            root: now.root,
            time: UnixNanos::now(),
            reason: self.reason.clone(),
        };
        let keys: Vec<&SigningKey> = [Some(&own), new.as_ref()].into_iter().flatten().collect();
        let signed = statement.sign(&keys);
        let signed = signed.map_err(|error| {
            CliError::failed("the statement about the key can't be made").because(error)
        })?;
        // What does not fit is refused before anything is written.
        let fits = history.clone().with(signed.clone());
        fits.map_err(|error| CliError::failed("the key can't be changed so").because(error))?;
        directory
            .begin_change(&signed, new.as_ref())
            .map_err(directory_error)?;
        Ok(signed)
    }

    /// Records the statement as the entry of its index, under the keys that sign from here on, unless it is there.
    fn record(
        &self,
        directory: &DataDirectory,
        signed: &SignedStatement,
        history: &KeyHistory,
    ) -> Result<(), CliError> {
        let statement = signed.statement();
        let signers = directory.signers_by(history).map_err(directory_error)?;
        let (ledger, _) = Ledger::open_signing(directory, signers, LedgerOptions::default())
            .map_err(|error| unopened(&self.dir, error))?;
        let recorded = self.record_in(&ledger, signed);
        ledger.close();
        match recorded? {
            Ok(recorded) if recorded.index == statement.entry() => match recorded.receipt {
                Some(receipt) => directory
                    .keep_statement_receipt(statement.number, &receipt)
                    .map_err(directory_error),
                None => Ok(()),
            },
            Ok(recorded) => Err(out_of_place(recorded.index.value(), statement)),
            Err(AppendError::AlreadyExists { index }) if index == statement.entry() => Ok(()),
            Err(error) => Err(CliError::failed(
                "the change of keys is begun, and its entry is not recorded",
            )
            .because(error)
            .with_help("run the command again, which finishes it")),
        }
    }

    fn record_in(
        &self,
        ledger: &Ledger,
        signed: &SignedStatement,
    ) -> Result<Result<Recorded, AppendError>, CliError> {
        let statement = signed.statement();
        let size = ledger.checkpoint().checkpoint().size;
        if size != statement.size && !is_recorded(ledger, statement) {
            return Err(out_of_place(size.value(), statement));
        }
        let body = serde_json::json!({ "statement": signed.note().to_string() });
        let announcement = Announcement {
            event_type: statement.change.event_type(),
            event_id: statement.digest().to_string(),
            subject: format!("key {}", statement.change.key().id()),
            body: body.to_string(),
            by: self.by.as_deref(),
            command: "exhibit key",
        };
        posting::record(ledger, announcement)
    }
}

/// Whether the entry at the statement's place records it.
fn is_recorded(ledger: &Ledger, statement: &Statement) -> bool {
    let entry = ledger.reader().entry_alone(statement.entry());
    entry.is_ok_and(|bytes| {
        Entry::decode(&bytes).is_ok_and(|entry| {
            entry.event_type == statement.change.event_type()
                && entry.event_id == statement.digest().to_string()
        })
    })
}

fn out_of_place(found: u64, statement: &Statement) -> CliError {
    CliError::failed(format!(
        "the ledger has gone on to size {found} since the statement was made at {}",
        statement.size
    ))
    .with_help("move keys/pending away, and run the command again")
}

fn unopened(dir: &Path, error: impl std::error::Error + Send + Sync + 'static) -> CliError {
    CliError::failed(format!("can't open the ledger in {}", dir.display()))
        .because(error)
        .with_help("stop its server first; `exhibit verify DIR` checks all that can be read")
}

/// A new key, where the one before is retired already.
fn successor(directory: &DataDirectory) -> Result<SigningKey, CliError> {
    let signing: Vec<_> = directory.history().signing().collect();
    if let [before, _, ..] = signing.as_slice() {
        return Err(CliError::failed(format!(
            "the key {} is not retired yet, so its successor can't be rotated",
            before.key.id()
        ))
        .with_help("retire it first: exhibit key retire DIR --reason TEXT"));
    }
    generate(directory.origin().clone())
}

/// The key that is to be retired.
fn retired(directory: &DataDirectory, id: Option<&str>) -> Result<KeyChange, CliError> {
    let own = directory.verifier();
    let mut before = directory
        .history()
        .signing()
        .filter(|span| span.key != *own);
    let key = match id {
        None => before.next().map(|span| span.key.clone()),
        Some(id) => Some(named(directory, id)?),
    };
    match key {
        Some(key) if key != *own => Ok(KeyChange::Retired { key }),
        _ => Err(CliError::failed(format!(
            "the ledger's key {} has no successor, so it can't be retired",
            own.id()
        ))
        .with_help("make one first: exhibit key rotate DIR --reason TEXT")),
    }
}

fn compromised(
    directory: &DataDirectory,
    id: &str,
    from: TreeSize,
    size: TreeSize,
) -> Result<KeyChange, CliError> {
    let key = named(directory, id)?;
    if key == *directory.verifier() {
        return Err(CliError::failed(format!(
            "the ledger signs with the key {id}, and nobody could vouch for what comes after it"
        ))
        .with_help("make its successor first: exhibit key rotate DIR --reason TEXT"));
    }
    let until = directory
        .history()
        .find(key.id())
        .and_then(|span| span.until);
    let most = until.unwrap_or(size);
    if from > most {
        return Err(CliError::usage(
            format!(
                "the key {id} was to sign no tree larger than {most}, and --from-size says {from}"
            ),
            "give the size of the last tree that certainly nobody else signed with it; 0 if you can't tell",
        ));
    }
    Ok(KeyChange::Compromised { key, from })
}

/// The own key of this id.
fn named(directory: &DataDirectory, id: &str) -> Result<VerifierKey, CliError> {
    let known = directory.history().keys().iter().map(|span| &span.key);
    let own = [directory.verifier()];
    let found = known.chain(own).find(|key| key.id().to_string() == id);
    if let Some(key) = found {
        return Ok(key.clone());
    }
    let beside = directory.keys_beside().map_err(directory_error)?;
    if beside
        .iter()
        .any(|key| key.verifier().id().to_string() == id)
    {
        return Err(CliError::failed(format!(
            "the key {id} signs beside the ledger's own, and its signatures are no statements about keys"
        ))
        .with_help(format!(
            "to let it sign no more, stop the server and take keys/{id}.key away"
        )));
    }
    Err(
        CliError::failed(format!("the ledger has no key with the id {id:?}"))
            .with_help("`exhibit key history DIR` lists them"),
    )
}

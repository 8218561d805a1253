//! `exhibit key add`: a key of another kind beside the ledger's own, made known by an entry.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use zeroize::Zeroizing;

use super::{
    super::{
        args,
        error::{CliError, say},
        exit::Exit,
        output::{Output, Render, field_table, fields},
        reading::directory_error,
    },
    no_random,
    posting::{self, Announcement},
};
use crate::{
    ledger::{
        note::{CosigningKey, KeyType, VerifierKey},
        position::EntryIndex,
    },
    service::ledger::{AppendError, Ledger, LedgerOptions, Recorded},
    store::directory::DataDirectory,
};

/// The type of the entry that makes a key known.
const EVENT_TYPE: &str = "ledger.key-added.v1";

/// Make a key that signs every checkpoint beside the ledger's own (offline)
///
/// The server must be stopped. The key goes into keys/ in the data directory, and an entry of the ledger says that
/// it is there and why. From that entry on every checkpoint, receipt and pack carries both signatures, and either
/// verifier key verifies it. Run again, it finishes what was interrupted.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The ledger's data directory
    #[arg(value_parser = args::path)]
    dir: PathBuf,
    /// The kind of key
    #[arg(long = "type", value_name = "TYPE", value_enum)]
    kind: Kind,
    /// Why the key is added; it stands in the ledger for good
    #[arg(long, value_name = "TEXT", value_parser = args::text)]
    reason: Option<String>,
    /// Who adds it; kept in a part of its own that can be erased
    #[arg(long, value_name = "NAME", value_parser = args::text)]
    by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// ML-DSA-44 of FIPS 204, which a quantum computer is not known to break
    #[value(name = "ml-dsa-44")]
    MlDsa44,
}

impl Add {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let directory = DataDirectory::open(&self.dir).map_err(directory_error)?;
        // Before anything is written: a ledger that is in use or damaged gets no key.
        self.open(&directory)?.close();
        let Kind::MlDsa44 = self.kind;
        let there = directory.keys_beside().map_err(directory_error)?;
        let verifier = match there.first() {
            Some(key) => key.verifier().clone(),
            None => self.make(&directory)?,
        };
        let ledger = self.open(&directory)?;
        let recorded = self.record(&ledger, &directory, &verifier);
        ledger.close();
        let added = match recorded? {
            Ok(recorded) => Added {
                index: recorded.index,
                receipt: recorded
                    .receipt
                    .map(|receipt| directory.keep_introduction(&verifier, &receipt))
                    .transpose()
                    .map_err(directory_error)?,
                there: recorded.duplicate,
                key: verifier,
            },
            Err(AppendError::AlreadyExists { index }) => Added {
                index,
                receipt: None,
                there: true,
                key: verifier,
            },
            Err(error) => {
                return Err(
                    CliError::failed("the key is there, and its entry is not recorded")
                        .because(error)
                        .with_help("run the command again, which finishes it"),
                );
            }
        };
        if added.there {
            say("note", "the ledger has this key already; nothing was added");
        }
        output.print(&added)?;
        Ok(Exit::Done)
    }

    fn open(&self, directory: &DataDirectory) -> Result<Ledger, CliError> {
        let opened = Ledger::open(directory, LedgerOptions::default());
        opened.map(|(ledger, _)| ledger).map_err(|error| {
            CliError::failed(format!("can't open the ledger in {}", self.dir.display()))
                .because(error)
                .with_help(
                    "stop its server first; `exhibit verify DIR` checks all that can be read",
                )
        })
    }

    /// Makes the key, and puts it into the data directory.
    fn make(&self, directory: &DataDirectory) -> Result<VerifierKey, CliError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(no_random)?;
        let key = CosigningKey::from_seed(directory.origin().clone(), KeyType::MlDsa44, &seed)
            .map_err(|error| CliError::failed("the key can't be made").because(error))?;
        let verifier = key.verifier().clone();
        directory.add_key(key).map_err(directory_error)?;
        Ok(verifier)
    }

    /// Records the entry. What the ledger answers is the inner result.
    fn record(
        &self,
        ledger: &Ledger,
        directory: &DataDirectory,
        key: &VerifierKey,
    ) -> Result<Result<Recorded, AppendError>, CliError> {
        let body = serde_json::json!({
            "key": key.to_string(),
            "key_type": key.key_type().to_string(),
            "beside": directory.verifier().to_string(),
            "reason": self.reason,
        });
        let announcement = Announcement {
            event_type: EVENT_TYPE,
            event_id: key.id().to_string(),
            subject: format!("key {}", key.id()),
            body: body.to_string(),
            by: self.by.as_deref(),
            command: "exhibit key add",
        };
        posting::record(ledger, announcement)
    }
}

/// A key that signs beside the ledger's own.
struct Added {
    key: VerifierKey,
    index: EntryIndex,
    receipt: Option<PathBuf>,
    there: bool,
}

impl Added {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("name", self.key.name().to_string()),
            ("key id", self.key.id().to_string()),
            ("made known by entry", self.index.to_string()),
        ];
        if let Some(receipt) = &self.receipt {
            fields.push(("its receipt", receipt.display().to_string()));
        }
        fields.push(("verifier key", self.key.to_string()));
        fields
    }
}

impl Render for Added {
    const FORMAT: &'static str = "exhibit-key-added/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        fields(out, &self.fields())?;
        writeln!(
            out,
            "\nGive this verifier key, beside the ledger's own, to everyone who is to verify. Keep the directory keys/ \
             secret, and a copy of it safe."
        )
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({
            "name": self.key.name().as_str(),
            "key_id": self.key.id().to_string(),
            "verifier_key": self.key.to_string(),
            "entry": self.index.value(),
            "receipt": self.receipt.as_ref().map(|path| path.display().to_string()),
            "was_there": self.there,
        }))
    }
}

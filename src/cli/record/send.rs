//! Sending one event, and telling where it stands.

use std::{
    io::{self, Write},
    path::PathBuf,
    thread,
    time::Duration,
};

use super::{
    super::{
        args,
        connect::{ServerUrl, Session},
        error::{CliError, say},
        exit::Exit,
        output::{Output, Render, field_table, fields},
        pack_file::{NewFile, Replace},
    },
    event::ToSend,
};
use crate::{
    ledger::{
        hash::LeafHash,
        note::VerifierKey,
        position::UnixNanos,
        receipt::{Receipt, ReceiptError},
    },
    service::{
        convert::{posted_to_proto, time_from_proto},
        proto::{AppendRequest, AppendResponse, Wait},
    },
};

/// How often an event is sent to a server that asks for another try, and how long to wait between.
const TRIES: u32 = 5;
const DELAY_MIN: Duration = Duration::from_millis(50);
const DELAY_MAX: Duration = Duration::from_secs(5);

/// What becomes of a receipt.
#[derive(Debug, clap::Args)]
pub(in super::super) struct SaveArgs {
    /// Save the receipt to this file: it proves offline that the event is in the ledger
    #[arg(long, value_name = "FILE", value_parser = args::path, help_heading = "The receipt")]
    pub(in super::super) receipt: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "receipt", help_heading = "The receipt")]
    pub(in super::super) force: bool,
    /// Check the receipt against the ledger's verifier key, or the file it stands in
    #[arg(long, value_name = "VKEY|@FILE", value_parser = args::verifier_key, env = "EXHIBIT_VKEY", hide_env_values = true, help_heading = "The receipt")]
    pub(in super::super) vkey: Option<VerifierKey>,
}

impl SaveArgs {
    /// Opens the file before anything is sent: an event whose receipt can't be kept is better not sent.
    pub(in super::super) fn open(&self) -> Result<Option<NewFile>, CliError> {
        let replace = if self.force {
            Replace::Yes
        } else {
            Replace::No
        };
        self.receipt
            .as_deref()
            .map(|path| NewFile::create(path, replace))
            .transpose()
    }

    /// Checks a receipt, where there is a key to check it with.
    pub(in super::super) fn check(&self, receipt: &str) -> Result<(), CliError> {
        let Some(key) = &self.vkey else { return Ok(()) };
        let checked =
            Receipt::parse(receipt.as_bytes()).and_then(|receipt| receipt.verify(key).map(drop));
        checked.map_err(untrusted)
    }
}

fn untrusted(source: ReceiptError) -> CliError {
    CliError::Untrusted {
        what: "the receipt that the server gave proves nothing".to_owned(),
        source: Box::new(source),
        help: "is this the right --server and the right --vkey, of today if the ledger's key was rotated? Keep the receipt, and ask whoever runs the ledger",
    }
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in super::super) enum WaitFor {
    /// The event is on the server's disk
    Durable,
    /// Besides, the ledger's witnesses have cosigned a checkpoint that covers it, and the receipt says so
    Witnessed,
}

/// Sends an event, saves its receipt and prints where it stands.
pub(super) fn send(
    server: &ServerUrl,
    to_send: ToSend,
    wait: WaitFor,
    save: &SaveArgs,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let file = save.open()?;
    let ToSend { event, fresh_id } = to_send;
    let (source, event_id) = (event.source.clone(), event.event_id.clone());
    let request = AppendRequest {
        event: Some(posted_to_proto(event)),
        wait: match wait {
            WaitFor::Durable => Wait::Durable.into(),
            WaitFor::Witnessed => Wait::Witnessed.into(),
        },
    };
    let mut session = Session::open(server)?;
    let answer = append(&mut session, &request).inspect_err(|_| {
        if fresh_id {
            say("note", format!("the event id was {event_id}"));
        }
    })?;
    let told = Told::read(source, event_id, answer, save.receipt.clone())?;
    if let Some(mut file) = file {
        file.write_all(told.receipt.as_bytes())
            .map_err(CliError::write(file.path()))?;
        file.keep()?;
    }
    // Printed even if the receipt turns out to prove nothing: it is recorded somewhere.
    output.print(&told)?;
    save.check(&told.receipt)?;
    Ok(Exit::Done)
}

/// Sends an event, and again where the server asks for that: it has one entry however often it is sent.
fn append(session: &mut Session, request: &AppendRequest) -> Result<AppendResponse, CliError> {
    for _ in 1..TRIES {
        let again = request.clone();
        match session.call(async |client| client.append(again).await) {
            Err(CliError::Server(error)) => match error.retry_after() {
                Some(delay) => thread::sleep(delay.clamp(DELAY_MIN, DELAY_MAX)),
                None => return Err(CliError::Server(error)),
            },
            other => return other,
        }
    }
    let last = request.clone();
    session.call(async |client| client.append(last).await)
}

/// Where an event stands.
struct Told {
    source: String,
    event_id: String,
    index: u64,
    recorded_at: UnixNanos,
    leaf_hash: LeafHash,
    tree_size: u64,
    duplicate: bool,
    receipt: String,
    receipt_file: Option<PathBuf>,
}

impl Told {
    fn read(
        source: String,
        event_id: String,
        answer: AppendResponse,
        receipt_file: Option<PathBuf>,
    ) -> Result<Self, CliError> {
        let odd = || {
            CliError::failed("the server's answer does not say where the event stands")
                .with_help("is it an Exhibit server of the same version?")
        };
        let recorded = answer.recorded.ok_or_else(odd)?;
        let leaf = recorded.leaf_hash.as_ref().try_into().map_err(|_| odd())?;
        Ok(Self {
            source,
            event_id,
            index: recorded.index,
            recorded_at: recorded
                .recorded_at
                .and_then(|time| time_from_proto(time, "recorded_at").ok())
                .ok_or_else(odd)?,
            leaf_hash: LeafHash::from_bytes(leaf),
            tree_size: recorded.tree_size,
            duplicate: recorded.duplicate,
            receipt: answer.receipt,
            receipt_file,
        })
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("index", self.index.to_string()),
            ("recorded at", self.recorded_at.to_rfc3339()),
            ("source", self.source.clone()),
            ("event id", self.event_id.clone()),
            ("leaf hash", self.leaf_hash.to_string()),
            ("tree size", self.tree_size.to_string()),
        ];
        if let Some(file) = &self.receipt_file {
            fields.push(("receipt", file.display().to_string()));
        }
        fields
    }

    const fn headline(&self) -> &'static str {
        if self.duplicate {
            "recorded before"
        } else {
            "recorded"
        }
    }
}

impl Render for Told {
    const FORMAT: &'static str = "exhibit-recorded/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.headline())?;
        fields(out, &self.fields())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "**Evidence {}**\n", self.headline())?;
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({
            "index": self.index,
            "recorded_at": self.recorded_at.to_rfc3339(),
            "source": self.source,
            "event_id": self.event_id,
            "leaf_hash": self.leaf_hash.to_string(),
            "tree_size": self.tree_size,
            "duplicate": self.duplicate,
            "receipt": self.receipt,
            "receipt_file": self.receipt_file.as_ref().map(|file| file.display().to_string()),
        }))
    }
}

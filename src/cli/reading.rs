//! Reading entries, from a server or from a data directory.

use std::{ops::ControlFlow, path::PathBuf};

use super::{
    args::{self, Selector},
    entry::ReadEntry,
    error::{CliError, say, way_out_of_disk},
};
use crate::{
    ledger::{
        entry::{Entry, MalformedEntry},
        filter::Filter,
        position::{EntryIndex, length},
        tile::decode_entry_bundle,
    },
    store::{
        directory::{DataDirectory, DirectoryError},
        journal::{JournalError, JournalReader, StoredBlock, check_holds},
    },
};

#[cfg(feature = "server")]
use super::connect::{DEFAULT_SERVER, ServerUrl, Session};
#[cfg(feature = "server")]
use crate::service::{convert, proto};

/// Which ledger to read.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct LedgerArgs {
    /// The ledger's server [env: EXHIBIT_SERVER] [default: http://127.0.0.1:8087]
    // The variable is read below: it must not be in the way of --dir.
    #[cfg(feature = "server")]
    #[arg(long, value_name = "URL", value_parser = ServerUrl::parse)]
    pub(super) server: Option<ServerUrl>,
    /// The ledger's data directory, read in place and offline; a server may be running on it
    #[cfg_attr(feature = "server", arg(conflicts_with = "server"))]
    #[arg(long, value_name = "DIR", value_parser = args::path)]
    #[cfg_attr(not(feature = "server"), arg(required = true))]
    pub(super) dir: Option<PathBuf>,
}

/// Where the ledger is.
pub(super) enum Place {
    /// Behind a server.
    #[cfg(feature = "server")]
    Server(ServerUrl),
    /// In a directory.
    Directory(PathBuf),
}

impl LedgerArgs {
    /// Where the ledger is: a flag goes before the variable.
    pub(super) fn place(&self) -> Result<Place, CliError> {
        if let Some(dir) = &self.dir {
            return Ok(Place::Directory(dir.clone()));
        }
        #[cfg(feature = "server")]
        return match (&self.server, std::env::var("EXHIBIT_SERVER")) {
            (Some(url), _) => Ok(Place::Server(url.clone())),
            (None, set) => ServerUrl::parse(set.as_deref().unwrap_or(DEFAULT_SERVER))
                .map(Place::Server)
                .map_err(|problem| {
                    CliError::usage(
                        format!("the environment variable EXHIBIT_SERVER is not a server's address: {problem}"),
                        "set it right or unset it, or give --server",
                    )
                }),
        };
        #[cfg(not(feature = "server"))]
        Err(CliError::usage("--dir is missing", "name a data directory"))
    }
}

/// A ledger that can be read.
pub(super) enum Ledger {
    /// Behind a server.
    #[cfg(feature = "server")]
    Server(Box<Session>),
    /// In a directory.
    Directory(Box<JournalReader>),
}

/// Which entries to list.
#[derive(Debug)]
pub(super) struct Query {
    /// The first.
    pub(super) start: EntryIndex,
    /// The one after the last.
    pub(super) end: Option<EntryIndex>,
    /// Which of them.
    pub(super) filter: Filter,
    /// The most.
    pub(super) limit: Option<u64>,
    /// Whether payloads are left out.
    pub(super) omit_payloads: bool,
}

/// Takes one entry after the other, until it has enough.
type Take<'a> = dyn FnMut(ReadEntry) -> Result<ControlFlow<()>, CliError> + 'a;

impl Ledger {
    /// Opens the ledger the flags name.
    pub(super) fn open(args: &LedgerArgs) -> Result<Self, CliError> {
        match args.place()? {
            #[cfg(feature = "server")]
            Place::Server(url) => Session::open(&url).map(Box::new).map(Self::Server),
            Place::Directory(dir) => {
                let directory = DataDirectory::open(&dir).map_err(directory_error)?;
                let reader = opened(&directory)?;
                Ok(Self::Directory(Box::new(reader)))
            }
        }
    }

    /// Reads one entry with its payload.
    pub(super) fn entry(&mut self, selector: &Selector) -> Result<ReadEntry, CliError> {
        match self {
            #[cfg(feature = "server")]
            Self::Server(session) => entry_of_server(session, selector),
            Self::Directory(reader) => entry_of_directory(reader, selector),
        }
    }

    /// Reads entries in order.
    pub(super) fn entries(&mut self, query: &Query, take: &mut Take<'_>) -> Result<(), CliError> {
        match self {
            #[cfg(feature = "server")]
            Self::Server(session) => entries_of_server(session, query, take),
            Self::Directory(reader) => entries_of_directory(reader, query, take),
        }
    }
}

/// Said where nothing tells how many entries there were.
pub(super) const NO_CHECKPOINT: &str = "the data directory has lost its `checkpoint`: whether its journal holds all that was acknowledged is not known";

/// A reader to look at what is there. A journal that is not what was published is read, too, and the reader is told.
fn opened(directory: &DataDirectory) -> Result<JournalReader, CliError> {
    // Read first: a server may go on meanwhile.
    let published = directory.published_checkpoint();
    let reader = directory.reader().map_err(journal_error)?;
    let lost = match published {
        Ok(None) => Some(NO_CHECKPOINT.to_owned()),
        Ok(Some(published)) => check_holds(&reader, &published).err().map(not_whole),
        Err(error) => Some(not_whole(error)),
    };
    if let Some(lost) = lost {
        say("warning", lost);
        let dir = directory.path().display();
        say(
            "help",
            format!("`exhibit verify {dir}` says all that is wrong"),
        );
    }
    Ok(reader)
}

fn not_whole(error: JournalError) -> String {
    match error {
        JournalError::BehindCheckpoint { held, published } => format!(
            "ENTRIES ARE MISSING: the published checkpoint says {published}, and the journal holds {held}; what follows is not all"
        ),
        other => other.to_string(),
    }
}

#[cfg(feature = "server")]
fn entry_of_server(session: &mut Session, selector: &Selector) -> Result<ReadEntry, CliError> {
    use proto::get_entry_request::Selector as Asked;
    let selector = match selector {
        Selector::Index(index) => Asked::Index(index.value()),
        Selector::Event { source, event_id } => Asked::Event(proto::EventKey {
            source: source.clone(),
            event_id: event_id.clone(),
        }),
    };
    let request = proto::GetEntryRequest {
        selector: Some(selector),
    };
    let answer = session.call(async |client| client.get_entry(request).await)?;
    received(answer.entry)
}

#[cfg(feature = "server")]
fn entries_of_server(
    session: &mut Session,
    query: &Query,
    take: &mut Take<'_>,
) -> Result<(), CliError> {
    let request = proto::ListEntriesRequest {
        start: query.start.value(),
        end: query.end.map_or(0, EntryIndex::value),
        filter: convert::filter_to_proto(query.filter.clone()),
        limit: query.limit.unwrap_or(0),
        omit_payloads: query.omit_payloads,
    };
    let mut stream = session.call(async |client| client.list_entries(request).await)?;
    while let Some(answer) = session.next(&mut stream)? {
        if take(received(answer.entry)?)?.is_break() {
            break;
        }
    }
    Ok(())
}

#[cfg(feature = "server")]
fn received(entry: Option<proto::Entry>) -> Result<ReadEntry, CliError> {
    let read = convert::entry_from_proto(&entry.unwrap_or_default()).map_err(|error| {
        CliError::failed("the server's answer can't be read")
            .because(error)
            .with_help("is it an Exhibit server of the same version?")
    })?;
    ReadEntry::received(read.entry, &read.payload)
        .map_err(|error| CliError::failed("the server's answer can't be read").because(error))
}

fn entry_of_directory(reader: &JournalReader, selector: &Selector) -> Result<ReadEntry, CliError> {
    let (source, event_id) = match selector {
        Selector::Index(index) => {
            let stored = reader.entry(*index).map_err(journal_error)?;
            return ReadEntry::received(stored.entry, &stored.payload).map_err(unreadable_payload);
        }
        Selector::Event { source, event_id } => (source, event_id),
    };
    let query = Query {
        start: EntryIndex::default(),
        end: None,
        filter: Filter {
            sources: vec![source.clone()],
            ..Filter::default()
        },
        limit: None,
        omit_payloads: false,
    };
    let mut found = None;
    entries_of_directory(reader, &query, &mut |read| {
        let entry = Entry::decode(&read.bytes).map_err(unreadable_entry)?;
        if entry.event_id != event_id {
            return Ok(ControlFlow::Continue(()));
        }
        found = Some(read);
        Ok(ControlFlow::Break(()))
    })?;
    found.ok_or_else(|| {
        CliError::failed(format!("no event of {source} has the id {event_id}"))
            .with_help("`exhibit list --source URI` shows what there is")
    })
}

fn entries_of_directory(
    reader: &JournalReader,
    query: &Query,
    take: &mut Take<'_>,
) -> Result<(), CliError> {
    let size = reader.size();
    let end = query.end.unwrap_or_else(|| size.next_index());
    if let Some(beyond) = [query.start, end]
        .into_iter()
        .find(|index| *index > size.next_index())
    {
        return Err(CliError::failed(format!(
            "the index {beyond} is beyond the end of the ledger, which has {size} entries"
        ))
        .with_help("leave out --start and --end to see all that there is"));
    }
    let mut left = query.limit.unwrap_or(u64::MAX);
    for batch in reader.batches(query.start) {
        for block in batch.map_err(journal_error)?.blocks {
            for (index, mut read) in entries_of_block(&block)? {
                if left == 0 || index >= end {
                    return Ok(());
                }
                let entry = Entry::decode(&read.bytes).map_err(unreadable_entry)?;
                if index < query.start || !query.filter.selects(&entry) {
                    continue;
                }
                left = left.saturating_sub(1);
                if query.omit_payloads {
                    read.parts.clear();
                }
                if take(read)?.is_break() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn entries_of_block(block: &StoredBlock) -> Result<Vec<(EntryIndex, ReadEntry)>, CliError> {
    let entries = decode_entry_bundle(&block.entries, length(block.count))
        .map_err(|error| damaged().because(error))?;
    let mut payloads = block.payloads.as_slice();
    let mut read = Vec::with_capacity(entries.len());
    for (place, entry) in (0..).zip(entries) {
        let (entry, rest) =
            ReadEntry::stored(entry.to_vec(), payloads).map_err(unreadable_payload)?;
        payloads = rest;
        read.push((block.first.plus(place), entry));
    }
    Ok(read)
}

fn damaged() -> CliError {
    CliError::failed("the journal can't be read")
        .with_help("`exhibit verify DIR` says what is wrong with it, and where")
}

fn unreadable_payload(error: crate::ledger::payload::MalformedPayload) -> CliError {
    damaged().because(error)
}

/// An entry that was read is none.
pub(super) fn unreadable_entry(error: MalformedEntry) -> CliError {
    CliError::failed("an entry can't be read")
        .because(error)
        .with_help("`exhibit verify` says what is wrong with the ledger")
}

/// A data directory that can't be used.
pub(super) fn directory_error(error: DirectoryError) -> CliError {
    let help = match &error {
        DirectoryError::Exists(path) => {
            format!("`exhibit serve --dir {}` serves it", path.display())
        }
        DirectoryError::NotADataDirectory(path) => {
            format!(
                "`exhibit init {} --origin NAME` makes a ledger",
                path.display()
            )
        }
        DirectoryError::WithoutFormat(path) => {
            format!(
                "`exhibit verify {}` says what else is missing",
                path.display()
            )
        }
        DirectoryError::OtherFormat { .. } => {
            "`exhibit --version` shows which one this is; nothing was changed".to_owned()
        }
        DirectoryError::FormatDamaged { .. } => {
            "of a directory that this version made, it is the one line exhibit-data/1".to_owned()
        }
        error => way_out_of_disk(error)
            .unwrap_or("`exhibit verify DIR` checks all that can be read")
            .to_owned(),
    };
    CliError::failed("the data directory can't be used")
        .because(error)
        .with_help(help)
}

/// A journal that can't be read.
pub(super) fn journal_error(error: JournalError) -> CliError {
    let help = match &error {
        JournalError::NoSuchEntry { .. } => "`exhibit list` shows what there is",
        error => way_out_of_disk(error)
            .unwrap_or("`exhibit verify DIR` says all that is wrong, and where"),
    };
    CliError::failed("the ledger can't be read")
        .because(error)
        .with_help(help)
}

//! `exhibit export`: an audit pack, from a server or from a data directory.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    args::{self, FilterArgs, RangeArgs},
    error::{CliError, say},
    exit::Exit,
    output::Output,
    pack_file::{NewFile, Replace},
    progress::Progress,
    reading::{LedgerArgs, NO_CHECKPOINT, Place, directory_error, journal_error},
};
use crate::{
    ledger::position::count,
    pack::{PackError, PackRequest, write_pack},
    store::{directory::DataDirectory, timestamps::Timestamps},
};

mod exported;
mod journal_source;

use exported::{Exported, Written};
pub(super) use journal_source::JournalSource;

/// Export an audit pack: entries, payloads and proofs in one zip file that anyone can verify (offline with --dir)
///
/// Every entry of the range is in the pack. A filter only says whose payloads are disclosed; of the others, and of
/// parts that are withheld, the pack holds commitments. So it does of the entries around the range that share a bundle
/// with it. A part to withhold or a value of the filter that fits nothing is refused, so that a slip of the pen
/// discloses nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// The pack to write; it is there whole or not at all
    #[arg(long, value_name = "PACK", value_parser = args::path)]
    out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Withhold the parts of this name everywhere, such as comment; may be repeated
    #[arg(long, value_name = "PART", value_parser = args::text)]
    withhold: Vec<String>,
    /// Go on where a part to withhold, or a value of the filter, fits nothing of the range, and only warn
    #[arg(long)]
    allow_unmatched: bool,
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Export {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let replace = if self.force {
            Replace::Yes
        } else {
            Replace::No
        };
        self.range.refuse_empty()?;
        let mut file = NewFile::create(&self.out, replace)?;
        let received = match self.ledger.place()? {
            #[cfg(feature = "server")]
            Place::Server(url) => self.fetch(&url, &mut file)?,
            Place::Directory(dir) => self.make(&dir, &mut file)?,
        };
        file.keep()?;
        for unmatched in &received.exported.unmatched {
            say("warning", unmatched);
        }
        output.print(&Written {
            path: &self.out,
            exported: received.exported,
            bytes: received.bytes,
            sha256: received.sha256,
        })?;
        Ok(Exit::Done)
    }

    #[cfg(feature = "server")]
    fn fetch(
        &self,
        url: &super::connect::ServerUrl,
        file: &mut NewFile,
    ) -> Result<Received, CliError> {
        let request = crate::service::proto::ExportPackRequest {
            start: self.range.start.value(),
            end: self.range.end.map_or(0, |end| end.value()),
            disclose: crate::service::convert::filter_to_proto(self.filter.filter()),
            withhold_parts: self.withhold.clone(),
            allow_unmatched: self.allow_unmatched,
        };
        receive(url, request, &self.out, file, u64::MAX)
    }

    fn make(&self, dir: &Path, file: &mut NewFile) -> Result<Received, CliError> {
        let directory = DataDirectory::open(dir).map_err(directory_error)?;
        let reader = directory.whole_reader().map_err(journal_error)?;
        let checkpoint = reader.checkpoint().ok_or_else(|| {
            CliError::failed(format!("{} has no entry to export yet", dir.display()))
                .with_help("record one with `exhibit record`")
        })?;
        if directory
            .published_checkpoint()
            .map_err(journal_error)?
            .is_none()
        {
            say("warning", NO_CHECKPOINT);
        }
        let request = PackRequest {
            start: self.range.start,
            end: self.range.end,
            filter: self.filter.filter(),
            withhold_parts: self.withhold.clone(),
            allow_unmatched: self.allow_unmatched,
            timestamps: Timestamps::of(directory.path()).list().map_err(|error| {
                CliError::failed("the ledger's time stamps can't be read").because(error)
            })?,
            history: directory.history().clone(),
            ..PackRequest::full(checkpoint, directory.verifier().clone())
        };
        let mut counting = Counting::new(BufWriter::with_capacity(1 << 20, file));
        let summary = write_pack(&mut counting, &JournalSource::new(reader), &request)
            .map_err(not_exported)?;
        counting.flush().map_err(CliError::write(&self.out))?;
        Ok(counting.received(Exported::here(summary)))
    }
}

/// Receives a pack from a server, of at most so many bytes.
#[cfg(feature = "server")]
pub(super) fn receive(
    url: &super::connect::ServerUrl,
    request: crate::service::proto::ExportPackRequest,
    path: &Path,
    out: &mut dyn Write,
    bytes_max: u64,
) -> Result<Received, CliError> {
    let mut session = super::connect::Session::open(url)?;
    let mut stream = session.call(async |client| client.export_pack(request).await)?;
    let mut counting = Counting::new(out);
    let mut summary = None;
    while let Some(answer) = session.next(&mut stream)? {
        if counting.bytes.saturating_add(count(answer.chunk.len())) > bytes_max {
            return Err(too_much(url, bytes_max));
        }
        counting
            .write_all(&answer.chunk)
            .map_err(CliError::write(path))?;
        summary = answer.summary;
    }
    counting.flush().map_err(CliError::write(path))?;
    let summary = summary.ok_or_else(|| {
        CliError::failed(format!("{url} did not send the whole pack"))
            .with_help("is it an Exhibit server of the same version?")
    })?;
    Ok(counting.received(Exported::there(summary)?))
}

/// What to do about a name that fits nothing.
pub(super) const UNMATCHED: &str = "correct it, or add --allow-unmatched where it may fit nothing";

#[cfg(feature = "server")]
fn too_much(url: &super::connect::ServerUrl, bytes_max: u64) -> CliError {
    CliError::failed(format!(
        "{url} sends a pack of more than {} MiB, which is as much as is taken of its ledger to verify it: it was not taken",
        bytes_max >> 20
    ))
    .with_help(format!(
        "where the ledger is that large, export it and verify the file: exhibit export --server {url} --out PACK"
    ))
}

fn not_exported(error: PackError) -> CliError {
    let help = match &error {
        PackError::Unmatched(_) => Some(UNMATCHED),
        PackError::Range { .. } => {
            Some("correct --start and --end, or leave them out for all that there is")
        }
        _ => None,
    };
    let failed = CliError::failed("the pack can't be exported").because(error);
    match help {
        Some(help) => failed.with_help(help),
        None => failed,
    }
}

/// A pack that came, from wherever.
pub(super) struct Received {
    exported: Exported,
    bytes: u64,
    sha256: String,
}

/// Counts and hashes what goes through.
struct Counting<W> {
    out: W,
    bytes: u64,
    hash: Sha256,
    progress: Progress,
}

impl<W: Write> Counting<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            bytes: 0,
            hash: Sha256::new(),
            progress: Progress::bytes(None),
        }
    }

    fn received(self, exported: Exported) -> Received {
        Received {
            exported,
            bytes: self.bytes,
            sha256: hex::encode(self.hash.finalize()),
        }
    }
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes = self.bytes.saturating_add(count(written));
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.progress.set(self.bytes);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

//! `exhibit export`: an audit pack, from a server or from a data directory.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{
    args::{self, FilterArgs, RangeArgs},
    error::CliError,
    exit::Exit,
    output::{Output, Render, field_table, fields},
    pack_file::{NewFile, Replace},
    progress::Progress,
    reading::{LedgerArgs, Place, directory_error, journal_error},
};
use crate::{
    ledger::position::count,
    pack::{PackRequest, write_pack},
    store::{directory::DataDirectory, timestamps::Timestamps},
};

mod journal_source;

use journal_source::JournalSource;

/// Export an audit pack: entries, payloads and proofs in one zip file that anyone can verify (offline with --dir)
///
/// Every entry of the range is in the pack. A filter only says whose payloads are disclosed; of the others, and of
/// parts that are withheld, the pack holds commitments.
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
        let mut file = NewFile::create(&self.out, replace)?;
        let bytes = match self.ledger.place()? {
            #[cfg(feature = "server")]
            Place::Server(url) => self.fetch(&url, &mut file)?,
            Place::Directory(dir) => self.make(&dir, &mut file)?,
        };
        file.keep()?;
        output.print(&Written {
            path: &self.out,
            bytes,
        })?;
        Ok(Exit::Done)
    }

    #[cfg(feature = "server")]
    fn fetch(&self, url: &super::connect::ServerUrl, file: &mut NewFile) -> Result<u64, CliError> {
        let request = crate::service::proto::ExportPackRequest {
            start: self.range.start.value(),
            end: self.range.end.map_or(0, |end| end.value()),
            disclose: crate::service::convert::filter_to_proto(self.filter.filter()),
            withhold_parts: self.withhold.clone(),
        };
        receive(url, request, &self.out, file)
    }

    fn make(&self, dir: &Path, file: &mut NewFile) -> Result<u64, CliError> {
        let directory = DataDirectory::open(dir).map_err(directory_error)?;
        let reader = directory.reader().map_err(journal_error)?;
        let checkpoint = reader.checkpoint().ok_or_else(|| {
            CliError::failed(format!("{} has no entry to export yet", dir.display()))
                .with_help("record one with `exhibit record`")
        })?;
        let request = PackRequest {
            start: self.range.start,
            end: self.range.end,
            filter: self.filter.filter(),
            withhold_parts: self.withhold.clone(),
            timestamps: Timestamps::of(directory.path()).list().map_err(|error| {
                CliError::failed("the ledger's time stamps can't be read").because(error)
            })?,
            history: directory.history().clone(),
            ..PackRequest::full(checkpoint, directory.verifier().clone())
        };
        let mut counting = Counting {
            out: BufWriter::with_capacity(1 << 20, file),
            bytes: 0,
            progress: Progress::bytes(None),
        };
        let summary = write_pack(&mut counting, &JournalSource::new(reader), &request)
            .map_err(|error| CliError::failed("the pack can't be exported").because(error))?;
        counting.flush().map_err(CliError::write(&self.out))?;
        Ok(summary.bytes)
    }
}

/// Receives a pack from a server.
#[cfg(feature = "server")]
pub(super) fn receive(
    url: &super::connect::ServerUrl,
    request: crate::service::proto::ExportPackRequest,
    path: &Path,
    out: &mut dyn Write,
) -> Result<u64, CliError> {
    let mut session = super::connect::Session::open(url)?;
    let mut stream = session.call(async |client| client.export_pack(request).await)?;
    let mut counting = Counting {
        out,
        bytes: 0,
        progress: Progress::bytes(None),
    };
    while let Some(answer) = session.next(&mut stream)? {
        counting
            .write_all(&answer.chunk)
            .map_err(CliError::write(path))?;
    }
    counting.flush().map_err(CliError::write(path))?;
    if counting.bytes == 0 {
        return Err(CliError::failed(format!("{url} sent an empty pack"))
            .with_help("is it an Exhibit server of the same version?"));
    }
    Ok(counting.bytes)
}

/// Counts what goes through.
struct Counting<W> {
    out: W,
    bytes: u64,
    progress: Progress,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes = self.bytes.saturating_add(count(written));
        self.progress.set(self.bytes);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Written<'a> {
    path: &'a Path,
    bytes: u64,
}

impl Written<'_> {
    fn fields(&self) -> [(&'static str, String); 2] {
        [
            ("pack", self.path.display().to_string()),
            ("bytes", self.bytes.to_string()),
        ]
    }
}

impl Render for Written<'_> {
    const FORMAT: &'static str = "exhibit-export/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "exported an audit pack")?;
        fields(out, &self.fields())?;
        writeln!(
            out,
            "\nNext: exhibit verify {} --vkey VKEY",
            super::text::safe(&self.path.display().to_string())
        )
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "**Audit pack exported**\n")?;
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({
            "pack": self.path.display().to_string(),
            "bytes": self.bytes,
        }))
    }
}

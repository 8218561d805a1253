//! Comparing a derived file with what the entries say.
//!
//! Where the file was deflated in runs, each bundle's run is inflated and compared on the bundle's own core, and all that
//! is left to do in order is to add up checksums and the digest. From the first run on that is not what it should be,
//! and in files of any other making, the file is read as one stream and compared line by line, which also says what
//! differs where.

use std::io::{self, Read};

use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        hash::FileHash,
        position::{EntryIndex, count},
    },
    pack::{
        manifest::FileDigest,
        read::{FileError, PackFiles, Run, Runs, Seal},
    },
};

/// What a derived file should say next, and where the line of each entry ends.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    pub(super) ends: Vec<(usize, EntryIndex)>,
    /// The text's checksum, once the file's run for it was found to be the same.
    same: Option<crc32fast::Hasher>,
}

impl Lines {
    /// None yet, to be made in this buffer, whose content is lost.
    pub(super) fn in_buffer(mut text: Vec<u8>) -> Self {
        text.clear();
        Self {
            text,
            ..Self::default()
        }
    }

    /// Makes room for so many lines of about so many bytes in all.
    pub(super) fn reserve(&mut self, lines: usize, bytes: usize) {
        self.text.reserve(bytes);
        self.ends.reserve(lines);
    }

    /// Says that the line of this entry ends here.
    pub(super) fn end(&mut self, index: EntryIndex) {
        self.ends.push((self.text.len(), index));
    }

    /// Compares with the file's next run.
    pub(super) fn compare(&mut self, run: Option<Run>, seal: &Seal) {
        let same = run.is_some_and(|run| run.is(seal, &self.text));
        self.same = same.then(|| {
            let mut crc = crc32fast::Hasher::new();
            crc.update(&self.text);
            crc
        });
    }
}

/// A derived file while it is compared.
pub(super) struct Listing<'a> {
    path: &'static str,
    source: Source<'a>,
    buffer: Vec<u8>,
    digest: blake3::Hasher,
    bytes: u64,
    lines: u64,
    finding: Option<Finding>,
}

/// How the file is read.
enum Source<'a> {
    /// Run by run, elsewhere: so far each was as it should be.
    Runs(&'a dyn PackFiles, crc32fast::Hasher),
    /// As one stream.
    Stream(Box<dyn Read + Send + 'a>),
    /// No longer.
    Closed,
}

impl<'a> Listing<'a> {
    /// Begins with a file, or with a finding that it is not there; gives its runs, where it has any.
    pub(super) fn open(path: &'static str, files: &'a dyn PackFiles) -> (Self, Option<Runs<'a>>) {
        let mut listing = Self::closed(path);
        let runs = files.runs(path);
        if runs.is_some() {
            listing.source = Source::Runs(files, crc32fast::Hasher::new());
        } else {
            listing.open_stream(files.stream(path));
        }
        (listing, runs)
    }

    /// Stands in for a listing that is being compared elsewhere.
    pub(super) fn closed(path: &'static str) -> Self {
        Self {
            path,
            source: Source::Closed,
            buffer: Vec::new(),
            digest: blake3::Hasher::new(),
            bytes: 0,
            lines: 0,
            finding: None,
        }
    }

    fn open_stream(&mut self, stream: Result<Box<dyn Read + Send + 'a>, FileError>) {
        match stream {
            Ok(stream) => self.source = Source::Stream(stream),
            Err(error) => {
                let kind = FindingKind::DerivedMismatch;
                self.stop(Finding::new(kind, "the file", error));
            }
        }
    }

    /// Reads the file as a stream from here on: what came before was as it should be.
    fn leave_runs(&mut self, files: &'a dyn PackFiles) {
        self.open_stream(files.stream(self.path));
        let Source::Stream(stream) = &mut self.source else {
            return;
        };
        let mut before = Read::take(&mut *stream, self.bytes);
        if let Err(error) = io::copy(&mut before, &mut io::sink()) {
            self.damaged(error);
        }
    }

    /// Compares what comes next.
    pub(super) fn follow(&mut self, lines: &Lines) {
        if let Source::Runs(files, crc) = &mut self.source {
            if let Some(same) = &lines.same {
                crc.combine(same);
                return self.took(lines);
            }
            let files = *files;
            self.leave_runs(files);
        }
        let Source::Stream(stream) = &mut self.source else {
            return;
        };
        self.buffer.resize(lines.text.len(), 0);
        match read_up_to(stream, &mut self.buffer) {
            Err(error) => self.damaged(error),
            Ok(read) if read == lines.text.len() && self.buffer == lines.text => self.took(lines),
            Ok(read) => {
                let there = self.buffer.get(..read).unwrap_or_default();
                let finding = difference(lines, there);
                self.stop(finding);
            }
        }
    }

    fn took(&mut self, lines: &Lines) {
        self.digest.update(&lines.text);
        self.bytes = self.bytes.saturating_add(count(lines.text.len()));
        self.lines = self.lines.saturating_add(count(lines.ends.len()));
    }

    /// Gives up without a finding: what the entries say is not known from here on.
    pub(super) fn give_up(&mut self) {
        self.source = Source::Closed;
    }

    /// Whether the file has been compared all along.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.source, Source::Closed)
    }

    /// Compares the end, and gives what was wrong, the number of lines that were right, and the file's digest when
    /// all of it was.
    pub(super) fn finish(
        mut self,
        runs: Option<&mut Runs<'a>>,
    ) -> (Option<Finding>, u64, Option<FileDigest>) {
        if let Source::Runs(files, crc) = &self.source {
            let (files, crc) = (*files, crc.clone().finalize());
            if runs.is_some_and(|runs| runs.ends(crc, self.bytes).unwrap_or(false)) {
                return (None, self.lines, Some(self.file_digest()));
            }
            self.leave_runs(files);
        }
        if let Source::Stream(stream) = &mut self.source {
            match read_up_to(stream, &mut [0]) {
                Ok(0) => return (None, self.lines, Some(self.file_digest())),
                Ok(_) => {
                    let kind = FindingKind::DerivedMismatch;
                    self.stop(Finding::new(kind, "the end of the file", "more lines"));
                }
                Err(error) => self.damaged(error),
            }
        }
        (self.finding, self.lines, None)
    }

    fn file_digest(&self) -> FileDigest {
        FileDigest {
            bytes: self.bytes,
            blake3: FileHash::from_bytes(*self.digest.finalize().as_bytes()),
        }
    }

    fn damaged(&mut self, error: io::Error) {
        let kind = FindingKind::ContainerDamaged;
        self.stop(Finding::new(kind, "a readable file", error));
    }

    fn stop(&mut self, finding: Finding) {
        self.source = Source::Closed;
        self.finding = Some(finding.in_place(self.path));
    }
}

/// The first line that differs.
fn difference(lines: &Lines, there: &[u8]) -> Finding {
    let at = lines
        .text
        .iter()
        .zip(there)
        .take_while(|(a, b)| a == b)
        .count();
    let number = lines.ends.partition_point(|(end, _)| *end <= at);
    let from = number
        .checked_sub(1)
        .and_then(|before| lines.ends.get(before))
        .map_or(0, |(end, _)| *end);
    let end = lines.ends.get(number).map_or(from, |(end, _)| *end);
    let show = |bytes: &[u8]| {
        let around = bytes
            .get(at.saturating_sub(20).max(from)..)
            .unwrap_or_default();
        let shown = around.get(..around.len().min(60)).unwrap_or_default();
        format!("…{}…", String::from_utf8_lossy(shown).trim_end())
    };
    let expected = show(lines.text.get(..end).unwrap_or_default());
    let found = if there.len() <= at {
        "the end of the file".to_owned()
    } else {
        show(there)
    };
    match lines.ends.get(number) {
        Some((_, index)) => Finding::at(FindingKind::DerivedMismatch, *index, expected, found),
        None => Finding::new(FindingKind::DerivedMismatch, expected, found),
    }
}

/// Fills as much of the buffer as the stream has bytes for.
fn read_up_to(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

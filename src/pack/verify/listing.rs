//! Comparing a derived file with what the entries say, line by line, while it is read.

use std::io::{self, Read};

use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        hash::FileHash,
        position::{EntryIndex, count},
    },
    pack::{manifest::FileDigest, read::FileError},
};

/// What a derived file should say next, and where the line of each entry ends.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    pub(super) ends: Vec<(usize, EntryIndex)>,
}

impl Lines {
    /// Says that the line of this entry ends here.
    pub(super) fn end(&mut self, index: EntryIndex) {
        self.ends.push((self.text.len(), index));
    }
}

/// A derived file while it is compared.
pub(super) struct Listing<'a> {
    path: &'static str,
    stream: Option<Box<dyn Read + Send + 'a>>,
    buffer: Vec<u8>,
    digest: blake3::Hasher,
    bytes: u64,
    lines: u64,
    finding: Option<Finding>,
}

impl<'a> Listing<'a> {
    /// Begins with an open file, or with a finding that it is not there.
    pub(super) fn open(
        path: &'static str,
        stream: Result<Box<dyn Read + Send + 'a>, FileError>,
    ) -> Self {
        let mut listing = Self::closed(path);
        match stream {
            Ok(stream) => listing.stream = Some(stream),
            Err(error) => {
                listing.stop(Finding::new(
                    FindingKind::DerivedMismatch,
                    "the file",
                    error,
                ));
            }
        }
        listing
    }

    /// Stands in for a listing that is being compared elsewhere.
    pub(super) fn closed(path: &'static str) -> Self {
        Self {
            path,
            stream: None,
            buffer: Vec::new(),
            digest: blake3::Hasher::new(),
            bytes: 0,
            lines: 0,
            finding: None,
        }
    }

    /// Compares what comes next.
    pub(super) fn follow(&mut self, lines: &Lines) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        self.buffer.resize(lines.text.len(), 0);
        match read_up_to(stream, &mut self.buffer) {
            Err(error) => {
                let finding = Finding::new(FindingKind::ContainerDamaged, "a readable file", error);
                self.stop(finding);
            }
            Ok(read) if read == lines.text.len() && self.buffer == lines.text => {
                self.digest.update(&lines.text);
                self.bytes = self.bytes.saturating_add(count(read));
                self.lines = self.lines.saturating_add(count(lines.ends.len()));
            }
            Ok(read) => {
                let there = self.buffer.get(..read).unwrap_or_default();
                let finding = difference(lines, there);
                self.stop(finding);
            }
        }
    }

    /// Gives up without a finding: what the entries say is not known from here on.
    pub(super) fn give_up(&mut self) {
        self.stream = None;
    }

    /// Whether the file has been compared all along.
    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Compares the end, and gives what was wrong, the number of lines that were right, and the file's digest when
    /// all of it was.
    pub(super) fn finish(mut self) -> (Option<Finding>, u64, Option<FileDigest>) {
        if let Some(stream) = &mut self.stream {
            match read_up_to(stream, &mut [0]) {
                Ok(0) => {
                    let digest = FileDigest {
                        bytes: self.bytes,
                        blake3: FileHash::from_bytes(*self.digest.finalize().as_bytes()),
                    };
                    return (None, self.lines, Some(digest));
                }
                Ok(_) => {
                    let kind = FindingKind::DerivedMismatch;
                    self.stop(Finding::new(kind, "the end of the file", "more lines"));
                }
                Err(error) => {
                    let kind = FindingKind::ContainerDamaged;
                    self.stop(Finding::new(kind, "a readable file", error));
                }
            }
        }
        (self.finding, self.lines, None)
    }

    fn stop(&mut self, finding: Finding) {
        self.stream = None;
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

//! Whether `index.html` is the page that this program writes, and carries the pack's own files.
//!
//! Whoever opens a pack in a browser believes what the page shows. So the page is compared with the one built in, and
//! each file that it carries with the pack's own, whatever its digest in the manifest says.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, BufReader, Read},
};

use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        hash::FileHash,
        position::{EntryIndex, count, length},
        tile::Span,
    },
    pack::{
        container::Method,
        manifest::{FileDigest, INDEX_HTML, MANIFEST, Manifest, tool},
        page::{self, BYTES_MAX, Element},
        read::{FileError, PAYLOAD_BUNDLE_BYTES_MAX, PackFiles},
    },
};

/// What is to be said of the page.
#[derive(Debug, Default)]
pub(super) struct PageCheck {
    pub(super) finding: Option<Finding>,
    pub(super) checked: Option<String>,
    pub(super) not_checked: Option<String>,
    /// Its digest, where all of it was read.
    pub(super) digest: Option<FileDigest>,
}

/// Why the page is not as it should be.
enum Wrong {
    /// It differs.
    Found(Box<Finding>),
    /// It is that of another version.
    OtherVersion,
    /// It could not be read.
    Io(io::Error),
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Checks the page of a pack with this manifest; says nothing where the pack has none.
///
/// # Errors
/// When the disk fails.
pub(super) fn check_page(files: &dyn PackFiles, manifest: &Manifest) -> io::Result<PageCheck> {
    let mut check = PageCheck::default();
    let stream = match files.stream(INDEX_HTML) {
        Ok(stream) => stream,
        Err(FileError::Io(error)) => return Err(error),
        Err(_) => return Ok(check),
    };
    let reader = Page {
        stream: BufReader::with_capacity(1 << 18, stream),
        digest: blake3::Hasher::new(),
        bytes: 0,
    };
    match reader.compare(files, manifest) {
        Ok((carried, digest)) => {
            check.digest = Some(digest);
            check.checked = Some(match carried {
                0 => format!("{INDEX_HTML}, which is this program's page and carries no files"),
                _ => format!(
                    "{INDEX_HTML}, which is this program's page, and the {carried} files that it carries, against the pack's own"
                ),
            });
        }
        Err(Wrong::Found(finding)) => check.finding = Some(*finding),
        Err(Wrong::OtherVersion) if manifest.tool == tool() => {
            let expected = format!("the page of {}", manifest.tool);
            check.finding = Some(differs(expected, "another page").in_place(INDEX_HTML));
        }
        Err(Wrong::OtherVersion) => {
            check.not_checked = Some(format!(
                "{INDEX_HTML}: its page is not the one of {}, so do not rely on what it shows; the pack says that {} wrote it",
                tool(),
                manifest.tool
            ));
        }
        Err(Wrong::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            let kind = FindingKind::ContainerDamaged;
            check.finding = Some(Finding::new(kind, "a readable file", error).in_place(INDEX_HTML));
        }
        Err(Wrong::Io(error)) => return Err(error),
    }
    Ok(check)
}

fn differs(expected: impl std::fmt::Display, found: impl std::fmt::Display) -> Finding {
    Finding::new(FindingKind::DerivedMismatch, expected, found)
}

fn found(finding: Finding) -> Wrong {
    Wrong::Found(Box::new(finding.in_place(INDEX_HTML)))
}

/// The page while it is read.
struct Page<R> {
    stream: BufReader<R>,
    digest: blake3::Hasher,
    bytes: u64,
}

impl<R: Read> Page<R> {
    /// Compares all of it, and gives how many files it carries, and its digest.
    fn compare(
        mut self,
        files: &dyn PackFiles,
        manifest: &Manifest,
    ) -> Result<(usize, FileDigest), Wrong> {
        let front = page::front().as_bytes();
        let mut there = Vec::with_capacity(front.len());
        (&mut self.stream)
            .take(count(front.len()))
            .read_to_end(&mut there)?;
        if there != front {
            return Err(Wrong::OtherVersion);
        }
        self.passed(&there);
        let mut due: BTreeSet<String> = files
            .paths()
            .into_iter()
            .filter(|path| page::carries(path))
            .collect();
        let mut carried = 0usize;
        loop {
            let line = self.line()?;
            let Some(element) = line.strip_suffix(b"\n").and_then(page::parse_element) else {
                self.end(&line)?;
                break;
            };
            if !due.remove(element.path) {
                let what = format!("{}, twice or without being in the pack", element.path);
                return Err(found(differs("each file of the pack once", what)));
            }
            compare_element(files, manifest, &element)?;
            carried = carried.saturating_add(1);
        }
        if let Some(path) = due.first().filter(|_| carried > 0) {
            return Err(found(differs(
                "every file of the pack",
                format!("nothing of {path}"),
            )));
        }
        let digest = FileDigest {
            bytes: self.bytes,
            blake3: FileHash::from_bytes(*self.digest.finalize().as_bytes()),
        };
        Ok((carried, digest))
    }

    fn passed(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes = self.bytes.saturating_add(count(bytes.len()));
    }

    fn line(&mut self) -> Result<Vec<u8>, Wrong> {
        let mut line = Vec::new();
        (&mut self.stream)
            .take(BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        self.passed(&line);
        Ok(line)
    }

    /// Checks that what is left, from this line on, is the end of the page.
    fn end(&mut self, line: &[u8]) -> Result<(), Wrong> {
        let mut rest = line.to_vec();
        let most = count(page::END.len()).saturating_add(1);
        let mut after = Vec::new();
        (&mut self.stream).take(most).read_to_end(&mut after)?;
        self.passed(&after);
        rest.extend_from_slice(&after);
        if rest == page::END.as_bytes() {
            return Ok(());
        }
        let shown = rest.get(..rest.len().min(60)).unwrap_or_default();
        let shown = String::from_utf8_lossy(shown).into_owned();
        Err(found(differs(
            "a file of the pack, or the end of the page",
            format!("{shown:?}"),
        )))
    }
}

/// Compares a file that the page carries with the pack's own.
fn compare_element(
    files: &dyn PackFiles,
    manifest: &Manifest,
    element: &Element<'_>,
) -> Result<(), Wrong> {
    let limit = PAYLOAD_BUNDLE_BYTES_MAX;
    let path = element.path;
    if element.method == Method::Deflated
        && files.deflated(path, limit).as_ref() == Some(&element.bytes)
    {
        return Ok(());
    }
    let own = match path {
        MANIFEST => manifest.within_page().to_bytes(),
        path => match files.read(path, limit) {
            Ok(own) => own,
            Err(FileError::Io(error)) => return Err(Wrong::Io(error)),
            // That the pack's own can't be read is said where the pack itself is checked.
            Err(_) => return Ok(()),
        },
    };
    let same = match element.method {
        Method::Stored => element.bytes == own,
        Method::Deflated => inflates_to(&element.bytes, &own),
    };
    if same {
        return Ok(());
    }
    let mut finding = differs(format!("{path} as it is in the pack"), "another content");
    let bundle = path
        .strip_prefix("tile/entries/")
        .or_else(|| path.strip_prefix("payload/"));
    let span = bundle.and_then(|bundle| bundle.parse::<Span>().ok());
    finding.index = span.map(|span| EntryIndex::new(span.first()));
    Err(found(finding))
}

/// Whether these are the deflated bytes of a content, and nothing more.
fn inflates_to(deflated: &[u8], content: &[u8]) -> bool {
    let mut inflate = flate2::Decompress::new(false);
    let mut out = Vec::with_capacity(content.len().saturating_add(1));
    let status = inflate.decompress_vec(deflated, &mut out, flate2::FlushDecompress::Finish);
    matches!(status, Ok(flate2::Status::StreamEnd))
        && length(inflate.total_in()) == deflated.len()
        && out == content
}

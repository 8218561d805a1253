//! `index.html` while it is written: it grows in a temporary file beside the container.

use std::io;

use super::prepare::Listing;
use crate::{
    ledger::{hash::FileHash, position::count},
    pack::{
        container::{ContainerWriter, Packed, Spool},
        manifest::{FileDigest, INDEX_HTML, MANIFEST, Manifest},
        page,
        report::IndexRange,
    },
};

/// The page while it grows.
pub(in crate::pack) struct PageWriter {
    spool: Spool,
    digest: blake3::Hasher,
    /// Bytes of the elements so far; `None` where the page carries no files.
    elements: Option<u64>,
}

/// Whether the page of a pack of these entries carries its files.
pub(super) fn carries_files(range: IndexRange) -> bool {
    let entries = range.end.value().saturating_sub(range.start.value());
    entries <= page::ENTRIES_MAX
}

impl PageWriter {
    pub(in crate::pack) fn new(with_files: bool) -> io::Result<Self> {
        let mut writer = Self {
            spool: Spool::new()?,
            digest: blake3::Hasher::new(),
            elements: with_files.then_some(0),
        };
        writer.write(page::front().as_bytes().to_vec())?;
        Ok(writer)
    }

    /// Whether it carries the pack's files, as far as is known by now.
    pub(super) fn carries_files(&self) -> bool {
        self.elements.is_some()
    }

    /// Puts a small file in.
    pub(in crate::pack) fn file(&mut self, file: &Packed) -> io::Result<()> {
        if !self.carries_files() {
            return Ok(());
        }
        let mut line = String::new();
        page::push_element(file, &mut line);
        self.elements(&Listing::of(line.into_bytes())?)
    }

    /// Puts elements in. Where they become too many, the page is begun anew without any.
    pub(super) fn elements(&mut self, elements: &Listing) -> io::Result<()> {
        let Some(bytes) = self.elements else {
            return Ok(());
        };
        let bytes = bytes.saturating_add(count(elements.text.len()));
        if bytes > page::BYTES_MAX {
            *self = Self::new(false)?;
            return Ok(());
        }
        self.elements = Some(bytes);
        self.digest.update(&elements.text);
        self.spool.push(&elements.run)
    }

    /// Ends the page and puts it into the container; gives its digest.
    pub(in crate::pack) fn finish<W: io::Write>(
        mut self,
        manifest: &Manifest,
        container: &mut ContainerWriter<W>,
    ) -> io::Result<FileDigest> {
        let bytes = manifest.within_page().to_bytes();
        self.file(&Packed::stored(MANIFEST.to_owned(), bytes))?;
        self.write(page::END.as_bytes().to_vec())?;
        let digest = FileDigest {
            bytes: self.spool.length(),
            blake3: FileHash::from_bytes(*self.digest.finalize().as_bytes()),
        };
        container.add_spool(INDEX_HTML, self.spool)?;
        Ok(digest)
    }

    fn write(&mut self, text: Vec<u8>) -> io::Result<()> {
        self.digest.update(&text);
        self.spool.push(&Listing::of(text)?.run)
    }
}

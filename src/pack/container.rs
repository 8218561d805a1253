//! The zip container of a pack, in one fixed form: for given files there is one right zip, byte by byte.
//!
//! A member is stored or deflated, its sizes stand in its local header, members follow each other without gaps, every
//! time is 1980-01-01, and there are no comments. ZIP64 fields appear where a number needs them and only there. So a
//! reader can make every header again and compare, and no byte of a pack is left that nothing accounts for. The form
//! is that of [APPNOTE 6.3.10](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), and any zip tool opens it.

use std::io::{self, Write};

use flate2::{Compress, Compression, FlushCompress, Status};

use crate::ledger::position::count;

/// Fast to make and fast to read; higher levels save little on hashes and short JSON.
const LEVEL: u32 = 3;
/// From here on a number does not fit its 32-bit field.
const OVER_32: u64 = 0xffff_ffff;
/// From here on a count does not fit its 16-bit field.
const OVER_16: u64 = 0xffff;
/// 1 January 1980, midnight: time, then date.
const EPOCH: [u8; 4] = [0, 0, 0x21, 0];
/// Made on Unix, by version 4.5 of the format; a plain file that its owner may write and all may read.
const MADE_BY: u16 = 0x032d;
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// Bytes of the end record, which has no comment.
pub(super) const END_BYTES: u64 = 22;
/// Bytes of the ZIP64 end record and its locator.
pub(super) const END_64_BYTES: u64 = 56 + 20;

/// An empty stored block, from a byte boundary on.
const EMPTY_BLOCK: [u8; 5] = [0, 0, 0, 0xff, 0xff];
/// What every run ends with: the end of the empty stored block that a flush writes, and another such block. Readers may
/// look for it to find the runs of a file; to inflate them one after the other nobody needs to know of it.
pub(super) const END_OF_RUN: [u8; 9] = [0, 0, 0xff, 0xff, 0, 0, 0, 0xff, 0xff];
/// The empty last block of a deflated file.
pub(super) const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// How a member's bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// As they are.
    Stored,
    /// Deflated.
    Deflated,
}

/// One file in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) path: String,
    pub(super) method: Method,
    pub(super) crc: u32,
    /// Bytes in the container.
    pub(super) packed: u64,
    /// Bytes of the file.
    pub(super) length: u64,
    /// Where its local header begins.
    pub(super) offset: u64,
}

impl Method {
    pub(super) const fn code(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Deflated => 8,
        }
    }
}

impl Member {
    /// The header in front of the member's bytes.
    pub(super) fn local_header(&self) -> Vec<u8> {
        let large = self.packed.max(self.length) >= OVER_32;
        let extra = if large {
            zip64(&[self.length, self.packed])
        } else {
            Vec::new()
        };
        let mut header = b"PK\x03\x04".to_vec();
        self.common(&mut header, &extra, large);
        header.extend_from_slice(self.path.as_bytes());
        header.extend_from_slice(&extra);
        header
    }

    /// The member's line in the central directory.
    pub(super) fn central_header(&self) -> Vec<u8> {
        let large = self.packed.max(self.length) >= OVER_32;
        let mut numbers = Vec::new();
        if large {
            numbers.extend([self.length, self.packed]);
        }
        if self.offset >= OVER_32 {
            numbers.push(self.offset);
        }
        let extra = zip64(&numbers);
        let mut header = b"PK\x01\x02".to_vec();
        header.extend_from_slice(&MADE_BY.to_le_bytes());
        self.common(&mut header, &extra, large);
        // No comment, first disk, no internal attributes.
        header.extend_from_slice(&[0; 6]);
        header.extend_from_slice(&ATTRIBUTES.to_le_bytes());
        header.extend_from_slice(&low_32(self.offset));
        header.extend_from_slice(self.path.as_bytes());
        header.extend_from_slice(&extra);
        header
    }

    /// Where the member's bytes begin.
    pub(super) fn content_offset(&self) -> u64 {
        self.offset.saturating_add(count(self.local_header().len()))
    }

    /// Where the next member begins.
    pub(super) fn end(&self) -> u64 {
        self.content_offset().saturating_add(self.packed)
    }

    /// The fields that both headers have: version, flags, method, time, checksum, sizes, lengths.
    fn common(&self, header: &mut Vec<u8>, extra: &[u8], large: bool) {
        let version: u16 = if extra.is_empty() { 20 } else { 45 };
        header.extend_from_slice(&version.to_le_bytes());
        header.extend_from_slice(&[0, 0]);
        header.extend_from_slice(&self.method.code().to_le_bytes());
        header.extend_from_slice(&EPOCH);
        header.extend_from_slice(&self.crc.to_le_bytes());
        let sizes = if large {
            [OVER_32, OVER_32]
        } else {
            [self.packed, self.length]
        };
        for size in sizes {
            header.extend_from_slice(&low_32(size));
        }
        for length in [self.path.len(), extra.len()] {
            header.extend_from_slice(&low_16(count(length)));
        }
    }
}

/// What stands after the central directory: the ZIP64 records where they are needed, and the end record.
pub(super) fn end_records(members: u64, directory_offset: u64, directory_bytes: u64) -> Vec<u8> {
    let mut end = Vec::new();
    if members >= OVER_16 || directory_offset >= OVER_32 || directory_bytes >= OVER_32 {
        end.extend_from_slice(b"PK\x06\x06");
        end.extend_from_slice(&44u64.to_le_bytes());
        end.extend_from_slice(&MADE_BY.to_le_bytes());
        end.extend_from_slice(&45u16.to_le_bytes());
        end.extend_from_slice(&[0; 8]);
        for number in [members, members, directory_bytes, directory_offset] {
            end.extend_from_slice(&number.to_le_bytes());
        }
        end.extend_from_slice(b"PK\x06\x07");
        end.extend_from_slice(&[0; 4]);
        let at = directory_offset.saturating_add(directory_bytes);
        end.extend_from_slice(&at.to_le_bytes());
        end.extend_from_slice(&1u32.to_le_bytes());
    }
    end.extend_from_slice(b"PK\x05\x06");
    end.extend_from_slice(&[0; 4]);
    end.extend_from_slice(&low_16(members));
    end.extend_from_slice(&low_16(members));
    end.extend_from_slice(&low_32(directory_bytes));
    end.extend_from_slice(&low_32(directory_offset));
    end.extend_from_slice(&[0, 0]);
    end
}

/// The number, or all ones where the ZIP64 field has it.
fn low_32(number: u64) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn low_16(number: u64) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

/// The ZIP64 extra field with these numbers; nothing where there are none.
fn zip64(numbers: &[u64]) -> Vec<u8> {
    if numbers.is_empty() {
        return Vec::new();
    }
    let mut field = vec![1, 0];
    field.extend_from_slice(&low_16(count(numbers.len()).saturating_mul(8)));
    numbers
        .iter()
        .for_each(|number| field.extend_from_slice(&number.to_le_bytes()));
    field
}

/// A file made ready for the container, on whatever thread.
pub(super) struct Packed {
    path: String,
    method: Method,
    crc: u32,
    length: u64,
    bytes: Vec<u8>,
}

impl Packed {
    /// Keeps the bytes as they are.
    pub(super) fn stored(path: String, content: Vec<u8>) -> Self {
        Self {
            path,
            method: Method::Stored,
            crc: crc32fast::hash(&content),
            length: count(content.len()),
            bytes: content,
        }
    }

    /// Deflates the bytes.
    pub(super) fn deflated(path: String, content: &[u8]) -> io::Result<Self> {
        Ok(Self {
            path,
            method: Method::Deflated,
            crc: crc32fast::hash(content),
            length: count(content.len()),
            bytes: [Run::of(content)?.bytes.as_slice(), &LAST_BLOCK].concat(),
        })
    }
}

impl Packed {
    /// Where it stands in the pack.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The same with bytes behind its own that no reader asks for.
    #[cfg(test)]
    pub(super) fn hiding(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Its bytes as they are kept, and how.
    pub(super) fn kept(&self) -> (Method, &[u8]) {
        (self.method, &self.bytes)
    }
}

/// A run of a large file, deflated for itself, so that the runs of one file can be deflated on every core.
pub(super) struct Run {
    crc: crc32fast::Hasher,
    length: u64,
    bytes: Vec<u8>,
}

impl Run {
    /// Deflates a run. It refers to nothing before it and ends on a byte boundary, with [`END_OF_RUN`].
    pub(super) fn of(content: &[u8]) -> io::Result<Self> {
        let mut crc = crc32fast::Hasher::new();
        crc.update(content);
        let mut bytes = deflate(content, FlushCompress::Sync)?;
        bytes.extend_from_slice(&EMPTY_BLOCK);
        Ok(Self {
            crc,
            length: count(content.len()),
            bytes,
        })
    }

    #[cfg(test)]
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The runs of one large file, gathered in a temporary file until the container has room for it.
pub(super) struct Spool {
    file: io::BufWriter<std::fs::File>,
    crc: crc32fast::Hasher,
    length: u64,
    packed: u64,
}

impl Spool {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            file: io::BufWriter::new(tempfile::tempfile()?),
            crc: crc32fast::Hasher::new(),
            length: 0,
            packed: 0,
        })
    }

    pub(super) fn push(&mut self, run: &Run) -> io::Result<()> {
        self.file.write_all(&run.bytes)?;
        self.crc.combine(&run.crc);
        self.length = self.length.saturating_add(run.length);
        self.packed = self.packed.saturating_add(count(run.bytes.len()));
        Ok(())
    }

    /// Bytes of the file so far.
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

fn deflate(content: &[u8], flush: FlushCompress) -> io::Result<Vec<u8>> {
    let mut compress = Compress::new(Compression::new(LEVEL), false);
    let mut out = Vec::with_capacity((content.len() / 3).saturating_add(128));
    let mut rest = content;
    loop {
        let before = compress.total_in();
        let status = compress
            .compress_vec(rest, &mut out, flush)
            .map_err(io::Error::other)?;
        let taken = usize::try_from(compress.total_in().saturating_sub(before));
        rest = rest.get(taken.unwrap_or(usize::MAX)..).unwrap_or_default();
        // With room left in the output there is nothing left to flush.
        if status == Status::StreamEnd || (rest.is_empty() && out.len() < out.capacity()) {
            return Ok(out);
        }
        out.reserve(out.capacity().max(1024));
    }
}

/// Writes a container from its first byte to its last, without seeking.
pub(super) struct ContainerWriter<W> {
    out: W,
    offset: u64,
    digest: blake3::Hasher,
    members: Vec<Member>,
}

impl<W: Write> ContainerWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            offset: 0,
            digest: blake3::Hasher::new(),
            members: Vec::new(),
        }
    }

    /// Adds a file that is in memory.
    pub(super) fn add(&mut self, file: &Packed) -> io::Result<()> {
        self.begin(Member {
            path: file.path.clone(),
            method: file.method,
            crc: file.crc,
            packed: count(file.bytes.len()),
            length: file.length,
            offset: self.offset,
        })?;
        self.put(&file.bytes)
    }

    /// Adds a large file.
    pub(super) fn add_spool(&mut self, path: &str, spool: Spool) -> io::Result<()> {
        self.begin(Member {
            path: path.to_owned(),
            method: Method::Deflated,
            crc: spool.crc.finalize(),
            packed: spool.packed.saturating_add(count(LAST_BLOCK.len())),
            length: spool.length,
            offset: self.offset,
        })?;
        let mut file = spool
            .file
            .into_inner()
            .map_err(|error| error.into_error())?;
        io::Seek::rewind(&mut file)?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = io::Read::read(&mut file, &mut buffer)?;
            if read == 0 {
                break;
            }
            self.put(buffer.get(..read).unwrap_or_default())?;
        }
        self.put(&LAST_BLOCK)
    }

    /// BLAKE3 of all bytes so far.
    pub(super) fn digest(&self) -> blake3::Hash {
        self.digest.finalize()
    }

    /// Writes the central directory, and gives the number of bytes of the whole container.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        let directory = self.offset;
        let members = std::mem::take(&mut self.members);
        for member in &members {
            self.put(&member.central_header())?;
        }
        let bytes = self.offset.saturating_sub(directory);
        self.put(&end_records(count(members.len()), directory, bytes))?;
        self.out.flush()?;
        Ok(self.offset)
    }

    fn begin(&mut self, member: Member) -> io::Result<()> {
        let header = member.local_header();
        self.members.push(member);
        self.put(&header)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.offset = self.offset.saturating_add(count(bytes.len()));
        self.out.write_all(bytes)
    }
}

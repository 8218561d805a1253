//! A pack as its zip file, read strictly: every header must be the one that the container's form prescribes.
//!
//! What differs is listed as damage, and whatever can still be read is read, so that a damaged pack is told apart
//! from altered evidence.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
};

use super::{
    FileError, PackFiles,
    inflate::{Inflating, Seal, inflate_member},
    read_exact_at,
    runs::Runs,
};
use crate::{
    ledger::position::{count, length},
    pack::{
        container::{END_64_BYTES, END_BYTES, Member, Method, end_records},
        manifest::MANIFEST,
        shelf::Shelf,
    },
};

/// The most bytes of a central directory: some twenty million members.
const DIRECTORY_BYTES_MAX: u64 = 2 << 30;
/// The most damage that is listed.
const DAMAGE_MAX: usize = 100;
/// How much of the container is hashed at a time.
const DIGEST_STEP: usize = 1 << 18;

/// The files of a zipped pack.
pub struct ZipFiles {
    file: File,
    bytes: u64,
    members: HashMap<String, Member>,
    damage: Vec<Damage>,
    seal: Seal,
    shelf: Shelf,
}

/// A place where the container is not in its one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The member concerned, or the part of the container.
    pub place: String,
    /// What is wrong.
    pub found: String,
}

impl ZipFiles {
    /// Reads the container's directory, and compares every header with what it should be. `None` when the file is no
    /// zip at all.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn open(file: File) -> io::Result<Option<Self>> {
        let bytes = file.metadata()?.len();
        let mut files = Self {
            file,
            bytes,
            members: HashMap::new(),
            damage: Vec::new(),
            seal: Seal::draw()?,
            shelf: Shelf::default(),
        };
        let end = files.end_record(bytes)?;
        let Some(end) = end else {
            let mut start = [0; 4];
            let zip = read_exact_at(&files.file, &mut start, 0).is_ok() && start == *b"PK\x03\x04";
            files.damaged(
                "end of the zip",
                "it has no end record; it was cut short or damaged",
            );
            return Ok(zip.then_some(files));
        };
        files.read_directory(&end)?;
        Ok(Some(files))
    }

    /// Where the container is not in its one form.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    fn damaged(&mut self, place: &str, found: &str) {
        if self.damage.len() < DAMAGE_MAX {
            self.damage.push(Damage {
                place: place.to_owned(),
                found: found.to_owned(),
            });
        }
    }

    /// Finds the end record, which must be the last bytes of the file.
    fn end_record(&mut self, bytes: u64) -> io::Result<Option<End>> {
        let tail_bytes = bytes.min(END_BYTES.saturating_add(END_64_BYTES));
        let mut tail = vec![0; length(tail_bytes)];
        read_exact_at(&self.file, &mut tail, bytes.saturating_sub(tail_bytes))?;
        let Some(end) = tail
            .len()
            .checked_sub(length(END_BYTES))
            .and_then(|at| tail.get(at..))
            .filter(|end| end.starts_with(b"PK\x05\x06"))
        else {
            return Ok(None);
        };
        let mut found = End {
            members: u64::from(u16_at(end, 10)),
            directory_bytes: u64::from(u32_at(end, 12)),
            directory_offset: u64::from(u32_at(end, 16)),
        };
        if tail.starts_with(b"PK\x06\x06") && tail_bytes == END_BYTES.saturating_add(END_64_BYTES) {
            found = End {
                members: u64_at(&tail, 32),
                directory_bytes: u64_at(&tail, 40),
                directory_offset: u64_at(&tail, 48),
            };
        }
        let records = end_records(found.members, found.directory_offset, found.directory_bytes);
        let fits = found
            .directory_offset
            .checked_add(found.directory_bytes)
            .and_then(|at| at.checked_add(count(records.len())))
            == Some(bytes);
        if !fits || !tail.ends_with(&records) {
            self.damaged(
                "end of the zip",
                "its end record is not that of a pack as it was written",
            );
        }
        let readable = found
            .directory_offset
            .checked_add(found.directory_bytes)
            .is_some_and(|end| end <= bytes)
            && found.directory_bytes <= DIRECTORY_BYTES_MAX;
        Ok(readable.then_some(found))
    }

    /// Reads a member's bytes as the container has them.
    fn read_packed(&self, member: &Member, packed: &mut Vec<u8>) -> Result<(), FileError> {
        let beyond = || FileError::Damaged("it goes beyond the end of the zip".to_owned());
        // Known before there is memory for it.
        if member.end() > self.bytes {
            return Err(beyond());
        }
        packed.resize(length(member.packed), 0);
        read_exact_at(&self.file, packed, member.content_offset()).map_err(|_| beyond())
    }

    fn content(&self, member: &Member) -> Part<'_> {
        Part {
            file: &self.file,
            at: member.content_offset(),
            left: member.packed,
        }
    }

    fn read_directory(&mut self, end: &End) -> io::Result<()> {
        let clone = self.file.try_clone()?;
        let mut directory = BufReader::with_capacity(
            1 << 16,
            Part {
                file: &clone,
                at: end.directory_offset,
                left: end.directory_bytes,
            },
        );
        let mut next = 0;
        for number in 0..end.members {
            let Some((member, canonical)) = read_central(&mut directory)? else {
                let found = format!("the directory ends within its member number {number}");
                self.damaged("directory of the zip", &found);
                return Ok(());
            };
            let mut local = vec![0; member.local_header().len()];
            let same = read_exact_at(&self.file, &mut local, member.offset).is_ok()
                && local == member.local_header();
            if !same || !canonical {
                self.damaged(
                    &member.path,
                    "its header is not that of a pack as it was written",
                );
            }
            if member.path == MANIFEST && member.method != Method::Stored {
                self.damaged(
                    MANIFEST,
                    "it is deflated, and no digest is of its bytes: a manifest is stored",
                );
            }
            if member.offset != next {
                let found = format!("it stands at byte {}, not {next}", member.offset);
                self.damaged(&member.path, &found);
            }
            next = member.end();
            let path = member.path.clone();
            if self.members.insert(path.clone(), member).is_some() {
                self.damaged(&path, "it is there twice");
            }
        }
        if next != end.directory_offset || !directory.fill_buf()?.is_empty() {
            self.damaged(
                "directory of the zip",
                "there are bytes that no member accounts for",
            );
        }
        Ok(())
    }
}

impl PackFiles for ZipFiles {
    fn paths(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    fn length(&self, path: &str) -> Option<u64> {
        self.members.get(path).map(|member| member.length)
    }

    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
        let mut content = Vec::new();
        self.read_into(path, limit, &mut content)?;
        Ok(content)
    }

    fn read_into(&self, path: &str, limit: u64, content: &mut Vec<u8>) -> Result<(), FileError> {
        let member = self.members.get(path).ok_or(FileError::Missing)?;
        if member.length > limit {
            let length = member.length;
            return Err(FileError::TooLong { length, limit });
        }
        // Deflate makes nothing longer by more than this, so what is longer was not made by it.
        let packed_max = limit.saturating_add(limit / 100).saturating_add(1 << 10);
        if member.packed > packed_max {
            let length = member.packed;
            return Err(FileError::TooLong {
                length,
                limit: packed_max,
            });
        }
        match member.method {
            Method::Stored => self.read_packed(member, content)?,
            Method::Deflated => {
                let mut packed = self.shelf.take();
                self.read_packed(member, &mut packed)?;
                inflate_member(&mut packed, member.length, &self.seal, content)?;
                self.shelf.put(packed);
            }
        }
        if count(content.len()) != member.length || crc32fast::hash(content) != member.crc {
            return Err(FileError::Damaged(
                "its length or checksum is not the one in the zip's directory".to_owned(),
            ));
        }
        Ok(())
    }

    fn deflated(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        let member = self.members.get(path)?;
        if member.method != Method::Deflated || member.packed > limit {
            return None;
        }
        let mut packed = Vec::new();
        self.read_packed(member, &mut packed).ok()?;
        Some(packed)
    }

    fn stream(&self, path: &str) -> Result<Box<dyn Read + Send + '_>, FileError> {
        let member = self.members.get(path).ok_or(FileError::Missing)?;
        let packed = BufReader::with_capacity(1 << 17, self.content(member));
        let (crc, left) = (crc32fast::Hasher::new(), member.length);
        Ok(match member.method {
            Method::Stored => Box::new(Checked {
                inner: packed,
                member,
                crc,
                left,
            }),
            Method::Deflated => Box::new(Checked {
                inner: Inflating::new(packed),
                member,
                crc,
                left,
            }),
        })
    }

    fn runs(&self, path: &str) -> Option<Runs<'_>> {
        let member = self.members.get(path)?;
        (member.method == Method::Deflated)
            .then(|| Runs::new(self.content(member), member.crc, member.length))
    }

    fn digest_before(&self, path: &str) -> Result<Option<blake3::Hash>, FileError> {
        let member = self.members.get(path).ok_or(FileError::Missing)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; DIGEST_STEP];
        let mut at = 0;
        while at < member.offset {
            let step = length(member.offset.saturating_sub(at)).min(DIGEST_STEP);
            let piece = buffer.get_mut(..step).unwrap_or_default();
            read_exact_at(&self.file, piece, at)
                .map_err(|_| FileError::Damaged("it ends early".to_owned()))?;
            hasher.update(piece);
            at = at.saturating_add(count(step));
        }
        Ok(Some(hasher.finalize()))
    }
}

/// What the end record says.
struct End {
    members: u64,
    directory_bytes: u64,
    directory_offset: u64,
}

/// Reads one line of the central directory, and whether it is in its one form. `None` when it is not even one.
fn read_central(directory: &mut impl Read) -> io::Result<Option<(Member, bool)>> {
    let mut fixed = [0; 46];
    if !fill(directory, &mut fixed)? || !fixed.starts_with(b"PK\x01\x02") {
        return Ok(None);
    }
    let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(&fixed, at)));
    let mut rest = vec![0; name.saturating_add(extra).saturating_add(comment)];
    if !fill(directory, &mut rest)? {
        return Ok(None);
    }
    let (path, extra) = rest.split_at_checked(name).unwrap_or_default();
    let method = match u16_at(&fixed, 10) {
        0 => Method::Stored,
        8 => Method::Deflated,
        _ => return Ok(None),
    };
    // The fields that are all ones stand in the extra field, in this order.
    let mut wide = extra.get(4..).unwrap_or_default();
    let mut number = |at| match u32_at(&fixed, at) {
        u32::MAX => {
            let value = u64_at(wide, 0);
            wide = wide.get(8..).unwrap_or_default();
            value
        }
        value => u64::from(value),
    };
    let (length, packed, offset) = (number(24), number(20), number(42));
    let member = Member {
        path: String::from_utf8_lossy(path).into_owned(),
        method,
        crc: u32_at(&fixed, 16),
        packed,
        length,
        offset,
    };
    let canonical = member.central_header();
    let same = canonical
        .split_at_checked(46)
        .is_some_and(|(a, b)| a == fixed && b == rest);
    Ok(Some((member, same)))
}

fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A part of a file, read from its place on.
pub(super) struct Part<'a> {
    file: &'a File,
    at: u64,
    pub(super) left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let step = buffer.len().min(length(self.left));
        let into = buffer.get_mut(..step).unwrap_or_default();
        read_exact_at(self.file, into, self.at)?;
        self.at = self.at.saturating_add(count(step));
        self.left = self.left.saturating_sub(count(step));
        Ok(step)
    }
}

/// Checks length and checksum of a member while it is read.
struct Checked<'a, R> {
    inner: R,
    member: &'a Member,
    crc: crc32fast::Hasher,
    left: u64,
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self
            .inner
            .read(buffer)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => damaged("it goes beyond the end of the zip"),
                _ => error,
            })?;
        self.crc.update(buffer.get(..read).unwrap_or_default());
        self.left = self
            .left
            .checked_sub(count(read))
            .ok_or_else(|| damaged("it is longer than the zip's directory says"))?;
        if read == 0 && (self.left > 0 || self.crc.clone().finalize() != self.member.crc) {
            return Err(damaged(
                "its length or checksum is not the one in the zip's directory",
            ));
        }
        Ok(read)
    }
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .unwrap_or([0; N])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

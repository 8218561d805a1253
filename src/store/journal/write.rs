//! The journal's one writer.

use std::{io, path::Path, sync::Arc};

use crate::{
    ledger::{checkpoint::SignedCheckpoint, note::KeyName, position::TreeSize},
    store::{
        disk::{Access, Disk, DiskFile, Lock, Readers},
        durable::During as _,
    },
};

use super::{
    JournalOptions,
    committed::{Committed, OpenSegment, Shared},
    encode::EncodedBatch,
    error::JournalError,
    frame::{Position, SEGMENT_HEADER_LENGTH, SegmentHeader},
    published::{check_holds, check_there, publish_checkpoint, published_checkpoint},
    reader::JournalReader,
    recover::{Cut, Examined, Recovery, examine},
    seal::{Samples, Seal},
    segment::{SegmentFile, journal_directory, list_segments, lock_path, segment_name},
};

/// Appends batches: the only way anything gets into a ledger.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    options: JournalOptions,
    tail: Option<Tail>,
    /// Where the next frame stands.
    next: Position,
    /// Set by the first error of the disk, and never taken back.
    stopped: bool,
    _lock: Lock,
}

/// The segment that is being written.
#[derive(Debug)]
struct Tail {
    segment: Arc<OpenSegment>,
    /// Where the next frame begins.
    end: u64,
    /// Where the last batch begins.
    last_batch: Option<u64>,
}

/// A journal that may be written, and in which nothing was changed yet.
#[derive(Debug)]
pub struct Writable {
    shared: Arc<Shared>,
    options: JournalOptions,
    examined: Examined,
    published: Option<TreeSize>,
    lock: Lock,
}

impl Writable {
    /// How many entries are committed.
    pub fn size(&self) -> TreeSize {
        self.shared.committed().size
    }

    /// Cuts off what an interrupted write left behind the last committed batch, and makes the rest durable.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn settle(self) -> Result<(Journal, Recovery), JournalError> {
        let recovery = settle(&self.shared, &self.examined, self.published)?;
        let tail = self.shared.committed().tail.clone();
        let journal = Journal {
            tail: tail.zip(self.examined.tail).map(|(segment, tail)| Tail {
                segment,
                end: tail.end,
                last_batch: tail.last_batch,
            }),
            shared: self.shared,
            options: self.options,
            next: self.examined.next,
            stopped: false,
            _lock: self.lock,
        };
        Ok((journal, recovery))
    }
}

impl Journal {
    /// Makes the journal of a new ledger in a data directory, and publishes the checkpoint of the empty ledger, which
    /// is given and names the ledger.
    ///
    /// # Errors
    /// When there is one already, another process has it, or the disk fails.
    pub fn create(
        disk: Arc<dyn Disk>,
        data_directory: &Path,
        empty: &SignedCheckpoint,
        options: JournalOptions,
    ) -> Result<Self, JournalError> {
        let directory = journal_directory(data_directory);
        disk.create_directory(&directory)
            .during("make", &directory)?;
        disk.sync_directory(data_directory)
            .during("sync", data_directory)?;
        let lock = lock(&*disk, &directory)?;
        remove_empty(&*disk, &directory)?;
        // Before the first segment, so that no journal is ever seen without.
        publish_checkpoint(&*disk, data_directory, empty)?;
        let committed = Committed {
            size: TreeSize::EMPTY,
            checkpoint: None,
            sealed: Vec::new(),
            tail: None,
            tail_end: 0,
            tail_samples: Samples::default(),
        };
        let origin = empty.checkpoint().origin.clone();
        let mut journal = Self {
            shared: Arc::new(Shared::new(disk, directory, origin, committed)),
            options,
            tail: None,
            next: Position::START,
            stopped: false,
            _lock: lock,
        };
        journal.begin_segment()?;
        Ok(journal)
    }

    /// Opens a journal for writing: [`Journal::examine`], then [`Writable::settle`].
    ///
    /// # Errors
    /// As both.
    pub fn open(
        disk: Arc<dyn Disk>,
        data_directory: &Path,
        origin: &KeyName,
        options: JournalOptions,
    ) -> Result<(Self, Recovery), JournalError> {
        Self::examine(disk, data_directory, origin, options)?.settle()
    }

    /// Takes the lock of a journal, and finds out what is on disk, without a change to any file.
    ///
    /// # Errors
    /// Damage, a missing segment, another origin, a newer format, no published checkpoint, less than it covers or another
    /// history than its, and a journal that another process writes.
    pub fn examine(
        disk: Arc<dyn Disk>,
        data_directory: &Path,
        origin: &KeyName,
        options: JournalOptions,
    ) -> Result<Writable, JournalError> {
        let directory = journal_directory(data_directory);
        let lock = match lock(&*disk, &directory) {
            Err(JournalError::Disk { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(JournalError::Missing(directory));
            }
            lock => lock?,
        };
        let published = published_checkpoint(&*disk, data_directory, origin);
        let size_of = |signed: &SignedCheckpoint| signed.checkpoint().size;
        let committed = match &published {
            Ok(Some(published)) => size_of(published),
            _ => TreeSize::EMPTY,
        };
        let payloads = (options.lost_payloads, committed);
        let examined = examine(&*disk, &directory, Some(origin), Access::Write, payloads)?;
        // What is wrong with the journal goes before.
        let published = published?;
        check_there(data_directory, published.as_ref(), &examined)?;
        let committed = Committed::of(&examined);
        let shared = Arc::new(Shared::new(disk, directory, origin.clone(), committed));
        if let Some(published) = &published {
            check_holds(&JournalReader::of(&shared), published)?;
        }
        Ok(Writable {
            shared,
            options,
            examined,
            published: published.as_ref().map(size_of),
            lock,
        })
    }

    /// Commits a batch: when this returns without an error, it survives the loss of power.
    ///
    /// # Errors
    /// A batch that does not continue the journal is refused, and nothing has happened. After a disk error it is not
    /// known whether the batch is stored, and every later append gives [`JournalError::Stopped`].
    pub fn append(&mut self, mut batch: EncodedBatch) -> Result<(), JournalError> {
        if self.stopped {
            return Err(JournalError::Stopped);
        }
        self.check(&batch)?;
        let appended = self.make_room().and_then(|()| self.write_batch(&mut batch));
        if appended.is_err() {
            self.stop();
        }
        appended
    }

    /// A reader of what is committed now and from now on.
    pub fn reader(&self) -> JournalReader {
        JournalReader::of(&self.shared)
    }

    /// How many entries are committed.
    pub fn size(&self) -> TreeSize {
        TreeSize::new(self.next.index.value())
    }

    fn check(&self, batch: &EncodedBatch) -> Result<(), JournalError> {
        if batch.first() != self.next.index {
            return Err(JournalError::OutOfOrder {
                expected: self.next.index,
                found: batch.first(),
            });
        }
        let origin = &batch.checkpoint().checkpoint().origin;
        if *origin != self.shared.origin {
            let problem = format!(
                "it is of {origin}, and the journal of {}",
                self.shared.origin
            );
            return Err(JournalError::InvalidBatch(problem));
        }
        Ok(())
    }

    /// Sees to it that there is a segment with room.
    fn make_room(&mut self) -> Result<(), JournalError> {
        if let Some(tail) = &self.tail {
            match tail.last_batch {
                Some(last_batch) if tail.end >= self.options.segment_bytes => {
                    self.seal(last_batch)?;
                }
                _ => return Ok(()),
            }
        }
        self.begin_segment()
    }

    /// The commit point.
    fn write_batch(&mut self, batch: &mut EncodedBatch) -> Result<(), JournalError> {
        let Some(tail) = &mut self.tail else {
            return Err(JournalError::Stopped);
        };
        let (header, checksum) = batch.place(tail.segment.mark, self.next)?;
        let file = &tail.segment.file;
        let offset = tail.end;
        file.file
            .write_at(offset, batch.frame())
            .during("write", &file.path)?;
        file.file.sync().during("sync", &file.path)?;
        tail.end = offset.saturating_add(header.frame_length());
        tail.last_batch = Some(offset);
        self.next = header.next(checksum);
        let mut committed = self.shared.commit();
        committed.size = batch.size();
        committed.checkpoint = Some(batch.checkpoint().clone());
        committed.tail_end = tail.end;
        committed.tail_samples.note(header.position.index, offset);
        Ok(())
    }

    /// Ends the segment with its seal.
    fn seal(&mut self, last_batch: u64) -> Result<(), JournalError> {
        let Some(tail) = &self.tail else {
            return Ok(());
        };
        let samples = self.shared.committed().tail_samples.clone();
        let seal = Seal {
            last_batch,
            samples,
        };
        let (frame, checksum) = seal.frame(tail.segment.mark, self.next);
        let file = &tail.segment.file;
        file.file
            .write_at(tail.end, &frame)
            .during("write", &file.path)?;
        file.file.sync().during("sync", &file.path)?;
        self.next.link = checksum;
        let mut committed = self.shared.commit();
        let name = Arc::clone(&file.name);
        committed.sealed.push((tail.segment.first, name));
        committed.tail = None;
        drop(committed);
        self.tail = None;
        Ok(())
    }

    /// Makes the segment that the next batch goes into, and makes it durable.
    fn begin_segment(&mut self) -> Result<(), JournalError> {
        let shared = &self.shared;
        let name: Arc<str> = segment_name(self.next.index).into();
        let path = shared.directory.join(&*name);
        let mark = shared.disk.random().during("draw a mark for", &path)?;
        let (header, bytes) = SegmentHeader::new(mark, shared.origin.clone(), self.next);
        let file = shared
            .disk
            .create(&path, Readers::Owner)
            .during("create", &path)?;
        if let Err(error) = make_durable(shared, &path, &*file, &bytes) {
            // As in `stop`: nothing must be built on a header that only memory has.
            let _ = shared.disk.remove(&path);
            return Err(error);
        }
        let file = SegmentFile {
            name,
            path,
            file,
            length: SEGMENT_HEADER_LENGTH,
        };
        let first = self.next.index;
        let segment = Arc::new(OpenSegment::new(first, file, mark, Samples::default()));
        let mut committed = shared.commit();
        committed.tail = Some(Arc::clone(&segment));
        committed.tail_end = SEGMENT_HEADER_LENGTH;
        committed.tail_samples = Samples::default();
        drop(committed);
        self.next = header.first_frame();
        self.tail = Some(Tail {
            segment,
            end: SEGMENT_HEADER_LENGTH,
            last_batch: None,
        });
        Ok(())
    }

    /// Stops for good. After a failed sync the system may hold bytes in memory that the disk does not have, and
    /// would hand them to a process that starts without a restart of the machine; so what was not committed is cut
    /// off, as far as that still works.
    fn stop(&mut self) {
        self.stopped = true;
        if let Some(tail) = &self.tail {
            let _ = tail.segment.file.file.set_length(tail.end);
        }
    }
}

/// Writes a segment's header, and makes it and the file's name durable.
fn make_durable(
    shared: &Shared,
    path: &Path,
    file: &dyn DiskFile,
    header: &[u8],
) -> Result<(), JournalError> {
    file.write_at(0, header).during("write", path)?;
    file.sync().during("sync", path)?;
    let named = shared.disk.sync_directory(&shared.directory);
    Ok(named.during("sync", &shared.directory)?)
}

fn lock(disk: &dyn Disk, directory: &Path) -> Result<Lock, JournalError> {
    let path = lock_path(directory);
    match disk.lock(&path) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(JournalError::Locked(directory.to_owned()))
        }
        lock => Ok(lock.during("lock", &path)?),
    }
}

/// Removes the one segment that an interrupted creation leaves, which has no batch. Anything more is a journal.
fn remove_empty(disk: &dyn Disk, directory: &Path) -> Result<(), JournalError> {
    for (first, name) in list_segments(disk, directory)? {
        let file = SegmentFile::open(disk, directory, &name, Access::Read)?;
        if first != Position::START.index || !file.holds_no_frame() {
            return Err(JournalError::Exists(directory.to_owned()));
        }
        disk.remove(&file.path).during("remove", &file.path)?;
    }
    Ok(())
}

/// Makes the disk hold exactly what was found: the one place where recovery changes anything. What a killed process
/// wrote may be in memory only, so even an intact journal is synced before anything is built on it.
fn settle(
    shared: &Shared,
    examined: &Examined,
    published: Option<TreeSize>,
) -> Result<Recovery, JournalError> {
    if let Some(name) = &examined.unfinished {
        let path = shared.directory.join(&**name);
        shared.disk.remove(&path).during("remove", &path)?;
    }
    let last = &examined.last;
    let cut = examined.tail.as_ref().and_then(|tail| {
        let bytes = last
            .length
            .checked_sub(tail.end)
            .filter(|bytes| *bytes > 0)?;
        Some(Cut {
            segment: last.name.to_string(),
            offset: tail.end,
            bytes,
        })
    });
    if let Some(cut) = &cut {
        last.file
            .set_length(cut.offset)
            .during("cut off", &last.path)?;
    }
    last.file.sync().during("sync", &last.path)?;
    shared
        .disk
        .sync_directory(&shared.directory)
        .during("sync", &shared.directory)?;
    let tails = usize::from(examined.tail.is_some());
    Ok(Recovery {
        size: shared.committed().size,
        segments: examined.sealed.len().saturating_add(tails),
        published,
        cut,
        removed: examined.unfinished.as_ref().map(ToString::to_string),
    })
}

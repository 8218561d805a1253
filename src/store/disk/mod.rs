//! The file operations the journal needs, with a simulated twin for crash tests.
//!
//! Nothing here retries or hides a failure: each operation does one thing and says whether the system took it.
//! Only [`DiskFile::sync`] makes a file's content and length durable, and only [`Disk::sync_directory`] makes the name
//! of a file or directory durable that was created, renamed or removed. What the journal assumes beyond that is one thing: a write that a
//! power cut interrupts leaves the bytes outside its own range alone.

mod fs;
#[cfg(test)]
pub(crate) mod sim;

use std::{fmt, io, path::Path, sync::Arc};

pub use fs::FsDisk;

/// Files and directories, as the journal uses them.
pub trait Disk: fmt::Debug + Send + Sync {
    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// When it can't be read.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Makes a directory, for its owner alone; one that is there already stays as it is. Gives whether it was made.
    ///
    /// # Errors
    /// When it can't be made; [`io::ErrorKind::NotFound`] when its parent is not there.
    fn create_directory(&self, path: &Path) -> io::Result<bool>;

    /// Makes an empty file, for reading and writing.
    ///
    /// # Errors
    /// When it can't be made, or is there already.
    fn create(&self, path: &Path, readers: Readers) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that is there.
    ///
    /// # Errors
    /// When it can't be opened.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, in place of the file that had it.
    ///
    /// # Errors
    /// When it can't be renamed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When it can't be removed.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// When the system did not confirm it; what is durable is then not known.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;

    /// Takes a lock on a file, made if need be, that no other process gets until it is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when it is taken; other kinds when it can't be asked for.
    fn lock(&self, path: &Path) -> io::Result<Lock>;

    /// Sixteen bytes nobody can guess.
    ///
    /// # Errors
    /// When the system has none to give.
    fn random(&self) -> io::Result<[u8; 16]>;
}

/// An open file.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// How many bytes it has.
    ///
    /// # Errors
    /// When that can't be had.
    fn length(&self) -> io::Result<u64>;

    /// Reads at an offset until the buffer is full or the file ends, and says how much that was.
    ///
    /// # Errors
    /// When the system fails to read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all the bytes at an offset.
    ///
    /// # Errors
    /// When the system did not take all of them; any of them may be written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file off, or extends it with zeros.
    ///
    /// # Errors
    /// When it can't be done.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Makes what was written, and the length, durable.
    ///
    /// # Errors
    /// When the system did not confirm it; what is durable is then not known.
    fn sync(&self) -> io::Result<()>;
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
}

/// Who may read a file that is made, besides its owner, who alone may write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Nobody: it holds payloads or a key.
    Owner,
    /// Whoever may enter its directory.
    All,
}

/// Keeps others out until it is dropped.
#[derive(Debug)]
pub struct Lock {
    /// Held, never used: the system gives the lock back when it is closed.
    _held: Box<dyn fmt::Debug + Send + Sync>,
}

impl Lock {
    /// Wraps whatever gives the lock back when it is dropped.
    pub fn new(held: impl fmt::Debug + Send + Sync + 'static) -> Self {
        Self {
            _held: Box::new(held),
        }
    }
}

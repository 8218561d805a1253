//! The real disk: the standard library and nothing else.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
    sync::Arc,
};

use super::{Access, Disk, DiskFile, Lock, Readers};

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct FsDisk;

impl Disk for FsDisk {
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = fs::read_dir(directory)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn create_directory(&self, path: &Path) -> io::Result<bool> {
        #[cfg_attr(not(unix), allow(unused_mut))]
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
                Ok(false)
            }
            made => made.map(|()| true),
        }
    }

    fn create(&self, path: &Path, readers: Readers) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        with_mode(&mut options, readers);
        Ok(Arc::new(FsFile::new(options.open(path)?)))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(access == Access::Write);
        Ok(Arc::new(FsFile::new(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    #[cfg(unix)]
    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// Other systems open no directory as a file, and order names by themselves.
    #[cfg(not(unix))]
    fn sync_directory(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        with_mode(&mut options, Readers::Owner);
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock::new(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn random(&self) -> io::Result<[u8; 16]> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(bytes)
    }
}

#[cfg(unix)]
fn with_mode(options: &mut OpenOptions, readers: Readers) {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::All => 0o644,
    };
    std::os::unix::fs::OpenOptionsExt::mode(options, mode);
}

#[cfg(not(unix))]
fn with_mode(_options: &mut OpenOptions, _readers: Readers) {}

#[cfg(unix)]
#[derive(Debug)]
struct FsFile {
    file: File,
}

#[cfg(unix)]
impl FsFile {
    fn new(file: File) -> Self {
        Self { file }
    }

    fn read_some(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buffer, offset)
    }

    fn write_all(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, offset)
    }

    fn with<T>(&self, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        act(&self.file)
    }
}

/// Without positioned reads and writes, one position is shared, so one caller at a time has it.
#[cfg(not(unix))]
#[derive(Debug)]
struct FsFile {
    file: std::sync::Mutex<File>,
}

#[cfg(not(unix))]
impl FsFile {
    fn new(file: File) -> Self {
        Self {
            file: std::sync::Mutex::new(file),
        }
    }

    fn read_some(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        use io::{Read as _, Seek as _};
        self.with(|mut file| {
            file.seek(io::SeekFrom::Start(offset))?;
            file.read(buffer)
        })
    }

    fn write_all(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        use io::{Seek as _, Write as _};
        self.with(|mut file| {
            file.seek(io::SeekFrom::Start(offset))?;
            file.write_all(bytes)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        let file = self
            .file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        act(&file)
    }
}

impl DiskFile for FsFile {
    fn length(&self) -> io::Result<u64> {
        self.with(|file| Ok(file.metadata()?.len()))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0usize;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(crate::ledger::position::count(filled));
            match self.read_some(at, rest) {
                Ok(0) => break,
                Ok(read) => filled = filled.saturating_add(read),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all(offset, bytes)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.with(|file| file.set_len(length))
    }

    /// `fdatasync`: the content, and of the metadata what reading it back needs, the length.
    fn sync(&self) -> io::Result<()> {
        self.with(File::sync_data)
    }
}

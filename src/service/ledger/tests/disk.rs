//! A real disk whose next journal operation can be made to fail, to panic or to wait.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::store::disk::{Access, Disk, DiskFile, FsDisk, Lock, Readers};

/// What happens to the journal's next operation of a kind, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The write fails, and nothing is written.
    Write,
    /// Half of it is written, and then it fails.
    HalfWrite,
    /// Everything is written, and the sync fails.
    Sync,
    /// The same, and nothing can be done to the file any more: what was written is there at the next start.
    SyncAndGone,
    /// The write panics.
    Panic,
}

#[derive(Debug, Default)]
struct Plan {
    fault: Mutex<Option<Fault>>,
    gone: AtomicBool,
    /// Whether syncs have to wait, and how many do.
    held: Mutex<(bool, usize)>,
    moved: Condvar,
}

/// The disk.
#[derive(Debug, Default, Clone)]
pub(super) struct TestDisk {
    plan: Arc<Plan>,
}

impl TestDisk {
    pub(super) fn fail_next(&self, fault: Fault) {
        *self.plan.fault.lock().unwrap() = Some(fault);
    }

    /// Forgets a fault, whether it came up or not.
    pub(super) fn clear(&self) {
        *self.plan.fault.lock().unwrap() = None;
        self.plan.gone.store(false, Ordering::SeqCst);
    }

    /// Makes every sync of the journal wait.
    pub(super) fn hold(&self) {
        self.plan.held.lock().unwrap().0 = true;
    }

    /// Waits until a sync waits.
    pub(super) fn wait_until_held(&self) {
        let mut held = self.plan.held.lock().unwrap();
        while held.1 == 0 {
            held = self.plan.moved.wait(held).unwrap();
        }
    }

    pub(super) fn release(&self) {
        self.plan.held.lock().unwrap().0 = false;
        self.plan.moved.notify_all();
    }

    fn wrap(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        if path.components().any(|part| part.as_os_str() == "journal") {
            let plan = Arc::clone(&self.plan);
            Arc::new(TestFile { file, plan })
        } else {
            file
        }
    }
}

impl Disk for TestDisk {
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        FsDisk.list(directory)
    }

    fn create_directory(&self, path: &Path) -> io::Result<bool> {
        FsDisk.create_directory(path)
    }

    fn create(&self, path: &Path, readers: Readers) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, FsDisk.create(path, readers)?))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(path, FsDisk.open(path, access)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        FsDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        FsDisk.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        FsDisk.sync_directory(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        FsDisk.lock(path)
    }

    fn random(&self) -> io::Result<[u8; 16]> {
        FsDisk.random()
    }
}

#[derive(Debug)]
struct TestFile {
    file: Arc<dyn DiskFile>,
    plan: Arc<Plan>,
}

impl TestFile {
    fn takes(&self, fault: Fault) -> bool {
        let mut planned = self.plan.fault.lock().unwrap();
        let takes = *planned == Some(fault);
        if takes {
            *planned = None;
        }
        takes
    }
}

impl DiskFile for TestFile {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        assert!(!self.takes(Fault::Panic), "the disk's driver has a defect");
        if self.takes(Fault::Write) {
            return Err(io::Error::other("no write today"));
        }
        if self.takes(Fault::HalfWrite) {
            self.file.write_at(offset, &bytes[..bytes.len() / 2])?;
            return Err(io::Error::other("half a write today"));
        }
        self.file.write_at(offset, bytes)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        if self.plan.gone.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.file.set_length(length)
    }

    fn sync(&self) -> io::Result<()> {
        let mut held = self.plan.held.lock().unwrap();
        held.1 += 1;
        self.plan.moved.notify_all();
        while held.0 {
            held = self.plan.moved.wait(held).unwrap();
        }
        held.1 -= 1;
        drop(held);
        self.file.sync()?;
        let gone = self.takes(Fault::SyncAndGone);
        self.plan.gone.fetch_or(gone, Ordering::SeqCst);
        if gone || self.takes(Fault::Sync) {
            return Err(io::Error::other("no sync today"));
        }
        Ok(())
    }
}

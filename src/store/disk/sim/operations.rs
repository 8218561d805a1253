//! The simulated disk's operations, as the journal sees them.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, MutexGuard},
};

use super::{
    super::{Access, Disk, DiskFile, Lock, Readers},
    Change, Content, Fault, Machine, NameChange, Node, SimDisk, failed, is_directory, not_found,
};

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: usize,
    life: u64,
    access: Access,
}

/// Gives the lock back when it is dropped.
#[derive(Debug)]
struct Held {
    disk: SimDisk,
    path: PathBuf,
    life: u64,
}

impl Disk for SimDisk {
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let machine = self.machine();
        machine.alive()?;
        if !is_directory(&machine.names, directory) {
            return Err(not_found());
        }
        Ok(machine
            .names
            .keys()
            .filter(|path| path.parent() == Some(directory))
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect())
    }

    fn create_directory(&self, path: &Path) -> io::Result<bool> {
        let mut machine = self.machine();
        machine.alive()?;
        if is_directory(&machine.names, path) {
            return Ok(false);
        }
        machine.check_parent(path)?;
        machine.change_names(NameChange::Create(path.to_owned(), Node::Directory))?;
        Ok(true)
    }

    fn create(&self, path: &Path, _readers: Readers) -> io::Result<Arc<dyn DiskFile>> {
        let mut machine = self.machine();
        machine.alive()?;
        machine.check_parent(path)?;
        if machine.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = machine.files.len();
        machine.files.push(Content::default());
        machine.change_names(NameChange::Create(path.to_owned(), Node::File(id)))?;
        let life = machine.life;
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            id,
            life,
            access: Access::Write,
        }))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let machine = self.machine();
        machine.alive()?;
        let id = machine.file(path)?;
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            id,
            life: machine.life,
            access,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut machine = self.machine();
        let node = *machine.names.get(from).ok_or_else(not_found)?;
        machine.check_parent(to)?;
        machine.change_names(NameChange::Rename(from.to_owned(), to.to_owned(), node))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut machine = self.machine();
        machine.file(path)?;
        machine.change_names(NameChange::Remove(path.to_owned()))
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut machine = self.machine();
        if !is_directory(&machine.names, path) {
            return Err(not_found());
        }
        let fault = machine.begin()?;
        let reached = fault.is_none() || machine.random.below(2) == 0;
        if reached && machine.honours_sync {
            let changes = std::mem::take(&mut machine.unsynced_names);
            let (here, elsewhere) = changes.into_iter().partition(|c| c.concerns(path));
            machine.unsynced_names = elsewhere;
            let here: Vec<NameChange> = here;
            for change in here {
                change.apply(&mut machine.durable_names);
            }
        }
        failed(fault)
    }

    fn lock(&self, path: &Path) -> io::Result<Lock> {
        let mut machine = self.machine();
        machine.alive()?;
        machine.check_parent(path)?;
        if !machine.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Lock::new(Held {
            disk: self.clone(),
            path: path.to_owned(),
            life: machine.life,
        }))
    }

    fn random(&self) -> io::Result<[u8; 16]> {
        let mut machine = self.machine();
        let (low, high) = (machine.random.next(), machine.random.next());
        Ok((u128::from(low) << 64 | u128::from(high)).to_le_bytes())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut machine = self.disk.machine();
        if machine.life == self.life {
            machine.locks.remove(&self.path);
        }
    }
}

impl SimFile {
    fn machine(&self) -> io::Result<MutexGuard<'_, Machine>> {
        let machine = self.disk.machine();
        machine.alive()?;
        if machine.life == self.life {
            Ok(machine)
        } else {
            Err(io::Error::other("opened before the restart"))
        }
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut machine = self.machine()?;
        if self.access == Access::Read {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let fault = machine.begin()?;
        let change = match (fault, change) {
            (None, change) => change,
            (Some(_), Change::Write(offset, mut bytes)) => {
                let written = machine.random.below(bytes.len() + 1);
                bytes.truncate(written);
                Change::Write(offset, bytes)
            }
            (Some(_), Change::Length(_)) => return failed(fault),
        };
        let file = &mut machine.files[self.id];
        change.apply(&mut file.volatile);
        file.unsynced.push(change);
        failed(fault)
    }
}

impl DiskFile for SimFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.machine()?.files[self.id].volatile.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let machine = self.machine()?;
        let content = &machine.files[self.id].volatile;
        let from = content.get(offset as usize..).unwrap_or_default();
        let read = from.len().min(buffer.len());
        buffer[..read].copy_from_slice(&from[..read]);
        Ok(read)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset as usize, bytes.to_vec()))
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(length as usize))
    }

    fn sync(&self) -> io::Result<()> {
        let mut machine = self.machine()?;
        let fault = machine.begin()?;
        let reached = fault.is_none() || machine.random.below(2) == 0;
        let honoured = machine.honours_sync;
        let file = &mut machine.files[self.id];
        if reached && honoured {
            for change in std::mem::take(&mut file.unsynced) {
                change.apply(&mut file.durable);
            }
        } else if fault == Some(Fault::Error) {
            // The kernel has dropped the pages, and takes what is in memory for clean.
            file.unsynced.clear();
        }
        failed(fault)
    }
}

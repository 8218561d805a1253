//! A disk in memory that loses power: the crash tests' twin of [`super::FsDisk`].
//!
//! What is written is volatile until it is synced, and what a power cut leaves of it is drawn from a seed: nothing,
//! all, a beginning, some sectors, or sectors of garbage. Names that were made, changed or removed are lost or kept
//! one by one, and a directory's own with all that it holds. Every operation that changes anything has a number, and a fault can be planned at each. One seed
//! always gives the same bytes.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

mod operations;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

const SECTOR: usize = 512;

/// A handle on the simulated disk; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct SimDisk(Arc<Mutex<Machine>>);

/// What goes wrong at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is gone in the middle of it: nothing works until [`SimDisk::restart`].
    Crash,
    /// The system reports an error. A failed sync has lost what it was to write, and counts it as written.
    Error,
}

/// How the machine comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    /// The process alone was gone: what was written is still in memory.
    Process,
    /// The power was cut: what was not synced is lost, or parts of it.
    Power,
}

#[derive(Debug)]
struct Machine {
    files: Vec<Content>,
    names: Names,
    durable_names: Names,
    unsynced_names: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    down: bool,
    /// Counts restarts: what was opened before one is of no use after it.
    life: u64,
    honours_sync: bool,
    random: Random,
}

/// What there is, below `/`, which is always there.
type Names = BTreeMap<PathBuf, Node>;

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Directory,
}

#[derive(Debug, Clone)]
enum NameChange {
    Create(PathBuf, Node),
    Rename(PathBuf, PathBuf, Node),
    Remove(PathBuf),
}

/// A file: what reads see, what the disk has, and what stands between.
#[derive(Debug, Default)]
struct Content {
    volatile: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// `SplitMix64`: small, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

impl SimDisk {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Machine {
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            locks: BTreeSet::new(),
            operations: 0,
            fault: None,
            down: false,
            life: 0,
            honours_sync: true,
            random: Random(seed),
        })))
    }

    /// A disk that says it synced, and did not.
    pub(crate) fn that_ignores_sync(seed: u64) -> Self {
        let disk = Self::new(seed);
        disk.machine().honours_sync = false;
        disk
    }

    /// Plans a fault at an operation, counted from now.
    pub(crate) fn plan(&self, after: u64, fault: Fault) {
        let mut machine = self.machine();
        machine.fault = Some((machine.operations + after, fault));
    }

    /// A coin, for a test to take one way or the other.
    pub(crate) fn flip(&self) -> bool {
        self.machine().random.below(2) == 0
    }

    /// How many changing operations there were.
    pub(crate) fn operations(&self) -> u64 {
        self.machine().operations
    }

    /// Starts again after a crash, or instead of one. Locks and open files of before are gone; so are planned faults.
    pub(crate) fn restart(&self, how: Restart) {
        let mut machine = self.machine();
        machine.life += 1;
        machine.down = false;
        machine.fault = None;
        machine.locks.clear();
        if how == Restart::Power {
            machine.lose_power();
        }
    }

    /// Every file's content as reads see it.
    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let machine = self.machine();
        let files = machine.names.iter().filter_map(|(path, node)| match node {
            Node::File(id) => Some((path.clone(), machine.files[*id].volatile.clone())),
            Node::Directory => None,
        });
        files.collect()
    }

    /// Changes a file behind everybody's back, durably.
    pub(crate) fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut machine = self.machine();
        let id = machine.file(path).unwrap();
        let file = &mut machine.files[id];
        change(&mut file.volatile);
        file.durable = file.volatile.clone();
        file.unsynced.clear();
    }

    /// Removes a file behind everybody's back, durably.
    pub(crate) fn steal(&self, path: &Path) {
        let mut machine = self.machine();
        machine.names.remove(path);
        machine.durable_names.remove(path);
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap()
    }
}

impl Machine {
    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.names.get(path) {
            Some(Node::File(id)) => Ok(*id),
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(not_found()),
        }
    }

    /// Refuses a name whose directory is not there.
    fn check_parent(&self, path: &Path) -> io::Result<()> {
        if is_directory(&self.names, path.parent().unwrap()) {
            Ok(())
        } else {
            Err(not_found())
        }
    }

    /// Counts a changing operation; the fault that happens in it, if one does.
    fn begin(&mut self) -> io::Result<Option<Fault>> {
        self.alive()?;
        let number = self.operations;
        self.operations += 1;
        let fault = self
            .fault
            .and_then(|(at, fault)| (at == number).then_some(fault));
        self.down = fault == Some(Fault::Crash);
        Ok(fault)
    }

    fn alive(&self) -> io::Result<()> {
        if self.down {
            Err(io::Error::other("the simulated machine is down"))
        } else {
            Ok(())
        }
    }

    /// An operation that happens whole or not at all; with a fault, either.
    fn change_names(&mut self, change: NameChange) -> io::Result<()> {
        let fault = self.begin()?;
        if fault.is_none() || self.random.below(2) == 0 {
            change.apply(&mut self.names);
            self.unsynced_names.push(change);
        }
        failed(fault)
    }

    fn lose_power(&mut self) {
        for change in std::mem::take(&mut self.unsynced_names) {
            if self.random.below(2) == 0 {
                change.apply(&mut self.durable_names);
            }
        }
        // A directory whose own name was lost is lost with everything in it.
        let mut names = Names::new();
        for (path, node) in &self.durable_names {
            if is_directory(&names, path.parent().unwrap()) {
                names.insert(path.clone(), *node);
            }
        }
        self.durable_names.clone_from(&names);
        self.names = names;
        for file in &mut self.files {
            for change in std::mem::take(&mut file.unsynced) {
                change.survive(&mut file.durable, &mut self.random);
            }
            file.volatile = file.durable.clone();
        }
    }
}

fn is_directory(names: &Names, path: &Path) -> bool {
    path == Path::new("/") || names.get(path) == Some(&Node::Directory)
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Create(path, node) => {
                names.insert(path.clone(), *node);
            }
            // A directory names files, not other names: the new name is of this file, whatever became of the old.
            Self::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }

    fn concerns(&self, directory: &Path) -> bool {
        let (Self::Create(path, _) | Self::Rename(_, path, _) | Self::Remove(path)) = self;
        path.parent() == Some(directory)
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => put(content, *offset, bytes),
            Self::Length(length) => content.resize(*length, 0),
        }
    }

    /// What a power cut leaves of it.
    fn survive(&self, content: &mut Vec<u8>, random: &mut Random) {
        let Self::Write(offset, bytes) = self else {
            if random.below(2) == 0 {
                self.apply(content);
            }
            return;
        };
        if random.below(2) == 0 && content.len() < offset + bytes.len() {
            // The length made it to the disk, whatever of the content did.
            content.resize(offset + bytes.len(), 0);
        }
        let way = random.below(5);
        let cut = random.below(bytes.len() + 1);
        let mut at = 0;
        while at < bytes.len() {
            // Sectors of the disk, as far as the write reaches into them; the rest of them is left alone.
            let end = bytes.len().min(at + SECTOR - (offset + at) % SECTOR);
            let sector = &bytes[at..end];
            match way {
                0 => {}
                1 => put(content, offset + at, sector),
                2 => put(
                    content,
                    offset + at,
                    &sector[..sector.len().min(cut.saturating_sub(at))],
                ),
                3 if random.below(2) == 0 => put(content, offset + at, sector),
                4 if random.below(2) == 0 => put(content, offset + at, sector),
                4 => {
                    let garbage: Vec<u8> = sector.iter().map(|_| random.next() as u8).collect();
                    put(content, offset + at, &garbage);
                }
                _ => {}
            }
            at = end;
        }
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

fn failed(fault: Option<Fault>) -> io::Result<()> {
    match fault {
        None => Ok(()),
        Some(Fault::Crash) => Err(io::Error::other("the simulated machine crashed")),
        Some(Fault::Error) => Err(io::Error::other("a simulated error of the disk")),
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

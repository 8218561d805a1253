//! What the index's callers and its worker share, and the worker itself.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    },
    thread::JoinHandle,
};

use super::{
    IndexOptions, Opened,
    error::IndexError,
    pages::{Pages, RunId, VALUE_BYTES},
    run::RunWriter,
    upkeep::Upkeep,
    view::View,
};
use crate::ledger::{note::KeyName, tile::TILE_WIDTH};

/// Full tails that may wait to be stored before appending waits for them.
const FROZEN_MAX: usize = 2;

/// The index's state. Locks are taken in the order of the fields.
pub(super) struct Shared {
    /// Held by whoever appends or resets: one at a time.
    pub(super) writer: Mutex<()>,
    /// Held for one step of upkeep.
    upkeep: Mutex<Upkeep>,
    work: Mutex<Work>,
    /// Told of every change of `work`, and of every step of upkeep.
    changed: Condvar,
    /// Held for writing only as long as it takes to append records or to swap the list of runs.
    view: RwLock<View>,
    pub(super) options: IndexOptions,
    pub(super) origin: KeyName,
    directory: PathBuf,
}

/// What the worker is to do.
#[derive(Default)]
struct Work {
    wanted: bool,
    stop: bool,
    /// Why upkeep ended. Only a reset helps.
    failure: Option<IndexError>,
}

impl IndexOptions {
    pub(super) fn within_limits(self) -> Self {
        let tiles = (self.tail_entries / TILE_WIDTH).clamp(1, 256);
        Self {
            tail_entries: tiles.saturating_mul(TILE_WIDTH),
            fan_in: self.fan_in.max(2),
            page_bytes: self.page_bytes.clamp(256, VALUE_BYTES),
            bits_per_term: self.bits_per_term.clamp(1, 64),
            ..self
        }
    }

    pub(super) fn run_writer(&self, id: RunId, level: u32, terms: u64) -> RunWriter {
        RunWriter::new(id, level, terms, self.page_bytes, self.bits_per_term)
    }
}

impl Shared {
    pub(super) fn open(
        directory: &Path,
        origin: &KeyName,
        options: IndexOptions,
    ) -> Result<(Self, Opened), IndexError> {
        let (pages, dropped) = Pages::open(directory)?;
        let pages = Arc::new(pages);
        let (view, opened) = match (View::load(&pages, origin), dropped) {
            (Ok(Some(view)), _) => (view, Opened::Loaded),
            (Ok(None), None) if pages.is_empty() => (View::empty(pages)?, Opened::New),
            (loaded, dropped) => {
                drop(pages);
                let view = View::empty(Arc::new(Pages::create(directory)?))?;
                let unfinished = || IndexError::Damaged("there is no manifest".to_owned());
                let reason = dropped.or(loaded.err()).unwrap_or_else(unfinished);
                (view, Opened::Dropped(reason))
            }
        };
        let shared = Self {
            writer: Mutex::new(()),
            upkeep: Mutex::default(),
            view: RwLock::new(view),
            work: Mutex::default(),
            changed: Condvar::new(),
            options: options.within_limits(),
            origin: origin.clone(),
            directory: directory.to_owned(),
        };
        Ok((shared, opened))
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has full tails stored: by the worker, or here and now when there is none.
    pub(super) fn want_upkeep(&self) -> Result<(), IndexError> {
        if !self.options.background {
            while self.upkeep_step()? {}
            return Ok(());
        }
        self.work().wanted = true;
        self.changed.notify_all();
        self.wait_for_tails(FROZEN_MAX)
    }

    /// Waits until at most so many full tails are not stored.
    pub(super) fn wait_for_tails(&self, frozen_max: usize) -> Result<(), IndexError> {
        let mut work = self.work();
        loop {
            if let Some(failure) = &work.failure {
                return Err(failure.clone());
            }
            if self.read().frozen.len() <= frozen_max {
                return Ok(());
            }
            work = self
                .changed
                .wait(work)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Why upkeep ended, if it did.
    pub(super) fn failure(&self) -> Option<IndexError> {
        self.work().failure.clone()
    }

    /// Drops everything and starts over in a new database.
    pub(super) fn reset(&self) -> Result<(), IndexError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut upkeep = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let view = View::empty(Arc::new(Pages::create(&self.directory)?))?;
        *upkeep = Upkeep::default();
        let old = std::mem::replace(&mut *self.write(), view);
        drop(old);
        self.work().failure = None;
        Ok(())
    }

    /// Does one step; the view may be read and appended to meanwhile.
    fn upkeep_step(&self) -> Result<bool, IndexError> {
        let mut upkeep = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let done = upkeep.step(self);
        if let Err(error) = &done {
            self.work().failure = Some(error.clone());
        }
        done
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.work().stop = true;
        self.changed.notify_all();
    }

    /// The worker's life: step after step while there is something to do.
    fn run(&self) {
        loop {
            let mut work = self.work();
            while !work.wanted && !work.stop {
                work = self
                    .changed
                    .wait(work)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if work.stop {
                return;
            }
            drop(work);
            let more = matches!(self.upkeep_step(), Ok(true));
            let mut work = self.work();
            // A tail that was frozen since the step looked is seen here, or wanted after.
            work.wanted = work.failure.is_none() && (more || !self.read().frozen.is_empty());
            drop(work);
            self.changed.notify_all();
        }
    }
}

/// The thread that does the upkeep; it ends when this is dropped.
pub(super) struct Worker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start(shared: &Arc<Shared>) -> Result<Self, IndexError> {
        let thread = if shared.options.background {
            let shared = Arc::clone(shared);
            let thread = std::thread::Builder::new()
                .name("index".to_owned())
                .spawn(move || shared.run())
                .map_err(|error| IndexError::Database(format!("no thread: {error}")))?;
            Some(thread)
        } else {
            None
        };
        Ok(Self {
            shared: Arc::clone(shared),
            thread,
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

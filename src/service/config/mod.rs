//! Settings of the server, and where each value came from.
//!
//! A flag goes before a variable `EXHIBIT_...`, a variable before the file `exhibit.toml` of the data directory, and
//! the file before the default. Every way ends in the same parser, one per key (see `keys`), so a value means the same
//! wherever it stands. What is not understood is refused, an empty value too: a setting that silently does nothing is
//! worse than a server that does not start.

mod file;
mod keys;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

pub(crate) use keys::duration;
use keys::{KEYS, Key};

use crate::{
    service::{
        cosigning::{CosigningOptions, OnUnmet},
        ledger::LedgerOptions,
    },
    store::journal::{JournalOptions, LEVEL_DEFAULT},
};

/// The settings file in the data directory.
pub const CONFIG_FILE: &str = "exhibit.toml";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// How the ledger is read over HTTP.
    pub http: Http,
    /// What keeps one caller from taking all.
    pub limits: Limits,
    /// Who cosigns the checkpoints.
    pub witness: Witnesses,
    /// How the journal is written.
    pub journal: Journal,
    /// Who stamps checkpoints, and how often.
    pub timestamps: Timestamps,
    /// What the server logs.
    pub log: Log,
}

/// Who stamps checkpoints, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamps {
    /// URLs of time stamping authorities; none, and nothing is stamped.
    pub authorities: Vec<String>,
    /// How long after a time stamp the next one is asked for, if there are new entries.
    pub interval: Duration,
    /// How long an authority may take.
    pub timeout: Duration,
}

/// What keeps one caller from taking all, and the server from waiting for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of events that wait to be written or are being written.
    pub queue_bytes: usize,
    /// Bytes of one message on the wire.
    pub message_bytes_max: usize,
    /// Connections at a time; more wait to be accepted.
    pub connections_max: usize,
    /// Calls at a time on one connection.
    pub calls_max: u32,
    /// Events of one stream that have been read and whose answers have not been taken.
    pub stream_events_max: usize,
    /// Audit packs that are exported at a time.
    pub exports_max: usize,
    /// How long a client may leave answers untaken.
    pub answer_timeout: Duration,
    /// How long calls may go on after the server was told to stop.
    pub grace_period: Duration,
    /// After this long without a word from a client it is asked whether it is there.
    pub keepalive_interval: Duration,
    /// How long it may take to say so.
    pub keepalive_timeout: Duration,
}

/// How the ledger is read over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http {
    /// On which port.
    pub listen: HttpListen,
    /// Bytes of tiles and entry bundles that are kept ready in memory.
    pub kept_bytes: usize,
}

/// On which port the ledger is read over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpListen {
    /// On the one where gRPC is served.
    Same,
    /// On one of its own.
    Own(SocketAddr),
    /// Nowhere.
    Off,
}

/// Who cosigns the checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnesses {
    /// The policy file; without one nobody cosigns.
    pub policy: Option<PathBuf>,
    /// How, and what to do when they don't.
    pub cosigning: CosigningOptions,
}

/// How the journal is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Journal {
    /// Bytes after which a segment is full and the next is begun.
    pub segment_bytes: u64,
    /// Zstandard level of the blocks.
    pub compression_level: i32,
}

/// What the server logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// In which form.
    pub format: LogFormat,
    /// From which level on, such as `info`, or a filter such as `info,exhibit=debug`.
    pub level: String,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// One setting as it holds, and where its value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key, such as `limits.queue_bytes`.
    pub key: &'static str,
    /// The value, as it would stand in the file.
    pub value: String,
    /// Where it came from.
    pub source: Source,
    /// What it is for.
    pub about: &'static str,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said otherwise.
    Default,
    /// The settings file, at this line.
    File(PathBuf, usize),
    /// This environment variable.
    Variable(String),
    /// This flag of the command line.
    Flag(String),
}

/// A value given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The key, such as `listen`.
    pub key: String,
    /// The value.
    pub value: String,
    /// The flag, such as `--listen`, for messages.
    pub flag: String,
}

impl ConfigError {
    /// Where the value was given that can't be used; `None` where the whole file can't be.
    pub fn place(&self) -> Option<&Source> {
        match self {
            Self::UnknownKey { place, .. } | Self::Value { place, .. } => Some(place),
            Self::Unreadable { .. } | Self::NotToml { .. } => None,
        }
    }
}

/// A flag names its setting.
fn named(place: &Source, key: &str) -> String {
    match place {
        Source::Flag(flag) => flag.clone(),
        other => format!("{other}: {key}"),
    }
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and can't be read.
    #[error("{} can't be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: {problem}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// There is no such key.
    #[error("{place}: there is no setting {key:?}; the settings are {known}")]
    UnknownKey {
        /// Where it was given.
        place: Source,
        /// The key.
        key: String,
        /// All keys there are.
        known: String,
    },
    /// A value is empty, or not one the key can have.
    #[error("{}: {problem}", named(place, key))]
    Value {
        /// Where it was given.
        place: Source,
        /// The key.
        key: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8087)),
            http: Http {
                listen: HttpListen::Same,
                kept_bytes: 64 << 20,
            },
            limits: Limits::default(),
            witness: Witnesses {
                policy: None,
                cosigning: CosigningOptions {
                    interval: Duration::from_secs(1),
                    timeout: Duration::from_secs(5),
                    on_unmet: OnUnmet::Publish,
                },
            },
            journal: Journal {
                segment_bytes: JournalOptions::default().segment_bytes,
                compression_level: LEVEL_DEFAULT,
            },
            timestamps: Timestamps {
                authorities: Vec::new(),
                interval: Duration::from_secs(3600),
                timeout: Duration::from_secs(20),
            },
            log: Log {
                format: LogFormat::Text,
                level: "info".to_owned(),
            },
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_bytes: 64 << 20,
            message_bytes_max: 2 << 20,
            connections_max: 512,
            calls_max: 128,
            stream_events_max: 8192,
            exports_max: 8,
            answer_timeout: Duration::from_secs(30),
            grace_period: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(20),
        }
    }
}

impl Config {
    /// Gathers the settings of a data directory: defaults, its file, the environment, flags.
    ///
    /// # Errors
    /// When a key is unknown, or a value is empty or not one the key can have: says where, and what would be right.
    pub fn load(dir: &Path, overrides: &[Override]) -> Result<(Self, Vec<Setting>), ConfigError> {
        Self::gather(dir, |name| std::env::var_os(name), overrides)
    }

    /// What of the settings is the ledger's.
    pub fn ledger_options(&self) -> LedgerOptions {
        LedgerOptions {
            queue_bytes_max: self.limits.queue_bytes,
            compression_level: self.journal.compression_level,
            journal: JournalOptions {
                segment_bytes: self.journal.segment_bytes,
                ..JournalOptions::default()
            },
            ..LedgerOptions::default()
        }
    }

    fn gather(
        dir: &Path,
        variable: impl Fn(&str) -> Option<OsString>,
        overrides: &[Override],
    ) -> Result<(Self, Vec<Setting>), ConfigError> {
        let mut config = Self::default();
        let mut sources = vec![Source::Default; KEYS.len()];
        for given in file::read(&dir.join(CONFIG_FILE))? {
            config.set(&mut sources, &given.key, &given.value, given.source)?;
        }
        for key in &KEYS {
            let name = key.variable();
            if let Some(value) = variable(&name) {
                // Text that is not UTF-8 fits no key, and its parser says so.
                let value = value.to_string_lossy();
                config.set(&mut sources, key.name, &value, Source::Variable(name))?;
            }
        }
        for given in overrides {
            let source = Source::Flag(given.flag.clone());
            config.set(&mut sources, &given.key, &given.value, source)?;
        }
        let settings = KEYS.iter().zip(sources).map(|(key, source)| Setting {
            key: key.name,
            value: (key.show)(&config),
            source,
            about: key.about,
        });
        let settings = settings.collect();
        Ok((config, settings))
    }

    fn set(
        &mut self,
        sources: &mut [Source],
        name: &str,
        value: &str,
        source: Source,
    ) -> Result<(), ConfigError> {
        let Some((key, place)) = KEYS.iter().zip(sources).find(|(key, _)| key.name == name) else {
            let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
            return Err(ConfigError::UnknownKey {
                place: source,
                key: name.to_owned(),
                known: known.join(", "),
            });
        };
        let set = if value.trim().is_empty() {
            Err("it is empty; give a value, or leave the setting out".to_owned())
        } else {
            (key.set)(self, value)
        };
        set.map_err(|problem| ConfigError::Value {
            place: source.clone(),
            key: key.name,
            problem,
        })?;
        *place = source;
        Ok(())
    }
}

impl Key {
    /// The environment variable of the key: `limits.queue_bytes` is `EXHIBIT_LIMITS_QUEUE_BYTES`.
    fn variable(&self) -> String {
        format!("EXHIBIT_{}", self.name.replace('.', "_").to_uppercase())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

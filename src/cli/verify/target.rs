//! What is to be verified: told by what it is, not by its name.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::super::{error::CliError, pins::Pins, reading::directory_error};
use crate::{
    ledger::{
        note::{KeyName, VerifierKey},
        receipt::Receipt,
    },
    pack::{
        manifest::VERIFIER_KEY,
        read::{FolderFiles, PackFiles, TEXT_BYTES_MAX, ZipFiles},
    },
    store::directory::{DataDirectory, is_remnant, refuse_other_layout},
};

#[cfg(feature = "server")]
use super::super::{
    connect::{ServerUrl, Session},
    error::say,
    export,
    pack_file::TemporaryFile,
    status::ServerError,
};
#[cfg(feature = "server")]
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        keys::{KeyHistory, Keyring},
        position::TreeSize,
    },
    service::{log_files::LogFiles, proto::GetCheckpointRequest},
};

/// The bytes of a pack beside those of its entries: its page, its texts, and entries recorded meanwhile.
#[cfg(feature = "server")]
const PACK_BYTES_AT_LEAST: u64 = 64 << 20;
/// The bytes of a pack for each entry, payload and listings included. One with a payload of the largest size has more,
/// and most have a hundredth.
#[cfg(feature = "server")]
const PACK_BYTES_AN_ENTRY: u64 = 64 << 10;
/// The most bytes of a pack whose size no trusted key signed: about a million entries.
#[cfg(feature = "server")]
const PACK_BYTES_MAX: u64 = 1 << 30;

const HINT: &str = "name an audit pack, the directory one was unpacked to, a data directory, a receipt, or the URL of a server";

/// Something that can be verified.
#[derive(Debug)]
pub(super) enum Target {
    /// An audit pack, zipped or unpacked.
    Pack(PathBuf),
    /// A ledger's data directory.
    DataDirectory(PathBuf),
    /// A receipt.
    Receipt {
        /// The file.
        path: PathBuf,
        /// Its content.
        bytes: Vec<u8>,
    },
    /// A log that is read over HTTP.
    #[cfg(feature = "server")]
    Log(Box<LogFiles>),
    /// A pack that a running server made of its whole ledger.
    #[cfg(feature = "server")]
    Fetched {
        /// The server.
        url: ServerUrl,
        /// Where the pack is until the program ends.
        file: TemporaryFile,
    },
}

impl Target {
    /// Finds out what it is.
    pub(super) fn find(named: &str, known: Known<'_>) -> Result<Self, CliError> {
        if is_url(named) {
            return fetch(named, known);
        }
        let path = PathBuf::from(named);
        let metadata = fs::metadata(&path).map_err(CliError::read(&path))?;
        if metadata.is_dir() {
            return directory(path);
        }
        match beginning(&path).map_err(CliError::read(&path))?.as_slice() {
            [b'P', b'K', ..] => Ok(Self::Pack(path)),
            start if start.starts_with(b"c2sp.org/tlog-proof") => {
                let bytes = fs::read(&path).map_err(CliError::read(&path))?;
                Ok(Self::Receipt { path, bytes })
            }
            // A pack whose beginning was overwritten is still to be looked at, and found damaged.
            _ if path.extension().is_some_and(|extension| extension == "zip") => {
                Ok(Self::Pack(path))
            }
            [] => Err(unknown(&path, "is empty")),
            _ => Err(unknown(&path, "is nothing that can be verified")),
        }
    }

    /// A file that was said to be a receipt.
    pub(super) fn receipt(named: &str) -> Result<Self, CliError> {
        let path = PathBuf::from(named);
        let bytes = fs::read(&path).map_err(CliError::read(&path))?;
        Ok(Self::Receipt { path, bytes })
    }

    /// The ledger that it says it is of, and the key that it brings along. Neither is to be trusted.
    pub(super) fn claims(&self) -> Claims {
        let key = match self {
            Self::Pack(path) => key_in_pack(path),
            Self::DataDirectory(path) => DataDirectory::open(path)
                .ok()
                .map(|directory| directory.verifier().clone()),
            Self::Receipt { bytes, .. } => {
                let receipt = Receipt::parse(bytes).ok();
                return Claims {
                    origin: receipt.map(|receipt| receipt.checkpoint.checkpoint().origin.clone()),
                    key: None,
                };
            }
            #[cfg(feature = "server")]
            Self::Log(files) => key_of(files.as_ref()),
            #[cfg(feature = "server")]
            Self::Fetched { file, .. } => key_in_pack(file.path()),
        };
        Claims {
            origin: key.as_ref().map(|key| key.name().clone()),
            key,
        }
    }
}

/// The keys that are trusted before anything is read.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(
    not(feature = "server"),
    expect(dead_code, reason = "only a server is asked before its key is known")
)]
pub(super) struct Known<'a> {
    given: Option<&'a VerifierKey>,
    pins: Option<&'a Pins>,
}

impl<'a> Known<'a> {
    /// The key that was given, and those that are remembered.
    pub(super) const fn new(given: Option<&'a VerifierKey>, pins: Option<&'a Pins>) -> Self {
        Self { given, pins }
    }

    /// The key for a ledger of this name: the one that was given, whatever its name, or the remembered one.
    #[cfg(feature = "server")]
    fn key(self, origin: &KeyName) -> Option<&'a VerifierKey> {
        let pinned = self.pins.and_then(|pins| pins.find(origin));
        self.given.or(pinned.map(|pin| &pin.key))
    }
}

/// What evidence says of itself.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// The ledger's name.
    pub(super) origin: Option<KeyName>,
    /// The ledger's key.
    pub(super) key: Option<VerifierKey>,
}

fn directory(path: PathBuf) -> Result<Target, CliError> {
    let has = |name: &str| path.join(name).symlink_metadata().is_ok();
    if is_remnant(&path) {
        refuse_other_layout(&path).map_err(directory_error)?;
        Ok(Target::DataDirectory(path))
    } else if ["manifest.json", "checkpoint", "tile"].into_iter().any(has) {
        Ok(Target::Pack(path))
    } else {
        Err(unknown(
            &path,
            "is no data directory and no unpacked audit pack",
        ))
    }
}

fn unknown(path: &Path, what: &str) -> CliError {
    CliError::failed(format!("{} {what}", path.display())).with_help(HINT)
}

fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(64).read_to_end(&mut start)?;
    Ok(start)
}

/// Opens the files of a pack, zipped or unpacked; `None` when it is no zip.
pub(in crate::cli) fn open_pack(path: &Path) -> io::Result<Option<Box<dyn PackFiles>>> {
    if path.is_dir() {
        return Ok(Some(Box::new(FolderFiles::open(path)?)));
    }
    match ZipFiles::open(File::open(path)?)? {
        Some(files) => Ok(Some(Box::new(files))),
        None => Ok(None),
    }
}

fn key_in_pack(path: &Path) -> Option<VerifierKey> {
    key_of(open_pack(path).ok()??.as_ref())
}

fn key_of(files: &dyn PackFiles) -> Option<VerifierKey> {
    let text = files.read(VERIFIER_KEY, TEXT_BYTES_MAX).ok()?;
    std::str::from_utf8(&text).ok()?.trim().parse().ok()
}

/// Whether a target is somewhere on a network.
pub(super) fn is_url(named: &str) -> bool {
    named.starts_with("http://") || named.starts_with("https://")
}

/// Opens the log below an address.
#[cfg(feature = "server")]
pub(super) fn open_log(named: &str) -> Result<LogFiles, CliError> {
    LogFiles::open(named).map_err(|error| {
        CliError::failed(format!("there is no log to read at {named}"))
            .because(error)
            .with_help("name the address below which /checkpoint is, such as http://ledger.example.com:8087")
    })
}

/// Refuses a result that rests on requests that failed.
#[cfg(feature = "server")]
pub(super) fn complete(files: &LogFiles) -> Result<(), CliError> {
    match files.failure() {
        None => Ok(()),
        Some(error) => {
            let what = format!("{} could not be read to the end", files.address());
            Err(CliError::failed(what)
                .because(error)
                .with_help("nothing is known; try again"))
        }
    }
}

/// A whole pack where the server speaks gRPC; otherwise, and below a path, a log.
#[cfg(feature = "server")]
fn fetch(named: &str, known: Known<'_>) -> Result<Target, CliError> {
    let Ok(url) = ServerUrl::parse(named) else {
        return open_log(named).map(Box::new).map(Target::Log);
    };
    let directory = std::env::temp_dir();
    let mut file =
        TemporaryFile::create(&directory, "exhibit-verify").map_err(CliError::write(&directory))?;
    let path = file.path().to_owned();
    let whole = crate::service::proto::ExportPackRequest::default();
    let received = bytes_allowed(&url, known)
        .and_then(|bytes_max| export::receive(&url, whole, &path, file.file(), bytes_max));
    match received {
        Ok(_) => Ok(Target::Fetched { url, file }),
        Err(error) if error.is_no_grpc() => match open_log(named) {
            Ok(files) => {
                say(
                    "note",
                    format!("{named} speaks no gRPC: reading it as a log, without payloads"),
                );
                Ok(Target::Log(Box::new(files)))
            }
            Err(_) if error.is_unreachable() => Err(error),
            Err(no_log) => Err(no_log),
        },
        // The whole of an empty ledger makes no pack; its checkpoint can still be checked.
        Err(error) if error.is_beyond_the_end() => LogFiles::open(named)
            .map(|files| Target::Log(Box::new(files)))
            .map_err(|_| error),
        Err(error) => Err(error),
    }
}

/// How many bytes of a pack are taken from a server: nobody has vouched for it yet, and it would fill the disk.
///
/// The size that its checkpoint claims counts if a trusted key signed it, and where there is no such key up to
/// [`PACK_BYTES_MAX`]: it is the server's own word then.
#[cfg(feature = "server")]
fn bytes_allowed(url: &ServerUrl, known: Known<'_>) -> Result<u64, CliError> {
    let mut session = Session::open(url)?;
    let answer = session.call(async |client| client.get_checkpoint(GetCheckpointRequest {}).await);
    let answer = match answer {
        Ok(answer) => answer,
        // What it says to the request for the pack tells more.
        Err(error) if is_no(&error) && !error.is_no_grpc() => return Ok(PACK_BYTES_AT_LEAST),
        Err(error) => return Err(error),
    };
    let Ok(signed) = SignedCheckpoint::parse(answer.checkpoint.as_bytes()) else {
        return Ok(PACK_BYTES_AT_LEAST);
    };
    let claimed = pack_bytes_max(signed.checkpoint().size);
    Ok(match known.key(&signed.checkpoint().origin) {
        None => claimed.min(PACK_BYTES_MAX),
        Some(key) => {
            let history = KeyHistory::parse(answer.key_history.as_bytes()).unwrap_or_default();
            let ring = Keyring::of_tree(key, &history, signed.checkpoint().size);
            ring.verify(&signed)
                .map_or(PACK_BYTES_AT_LEAST, |()| claimed)
        }
    })
}

/// Whether a server has answered, and the answer is no.
#[cfg(feature = "server")]
fn is_no(error: &CliError) -> bool {
    matches!(error, CliError::Server(error) if matches!(error.as_ref(), ServerError::Refused { .. }))
}

/// How large a pack of this many entries may be.
#[cfg(feature = "server")]
const fn pack_bytes_max(size: TreeSize) -> u64 {
    let entries = size.value().saturating_mul(PACK_BYTES_AN_ENTRY);
    entries.saturating_add(PACK_BYTES_AT_LEAST)
}

#[cfg(not(feature = "server"))]
fn fetch(named: &str, _: Known<'_>) -> Result<Target, CliError> {
    Err(no_network(named))
}

#[cfg(not(feature = "server"))]
pub(super) fn no_network(named: &str) -> CliError {
    CliError::failed(format!(
        "this build can't reach {named}: it verifies files alone"
    ))
    .with_help("export a pack where the ledger is, and verify that")
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;

    #[test]
    fn a_pack_may_be_as_large_as_its_entries_need() {
        let mebibytes = |entries| pack_bytes_max(TreeSize::new(entries)) >> 20;
        assert_eq!([0, 16, 1_600].map(mebibytes), [64, 65, 164]);
    }
}

//! Somebody's log behind HTTP, read as the files of a pack: [C2SP tlog-tiles](https://c2sp.org/tlog-tiles), whether a
//! ledger's server, a pack on a web server, or another log altogether.
//!
//! It is a log as it stood when its checkpoint was fetched, which happens once; what is asked for later is of that
//! size. Nothing of it is trusted: the verifier checks it like any other pack, and asks for one file after the other as far
//! as there are any, for a checkpoint may claim any size.

use std::{
    io::{self, Cursor, Read},
    sync::{Mutex, PoisonError},
};

use super::fetch::{FetchError, FetchOptions, Fetcher};
use crate::{
    ledger::{
        checkpoint::{CheckpointError, SignedCheckpoint},
        position::length,
        tile::{Span, TileId, decode_entry_bundle, push_entry},
    },
    pack::{
        manifest::{CHECKPOINT, KEY_HISTORY, VERIFIER_KEY},
        read::{CHECKPOINT_BYTES_MAX, ENTRY_BUNDLE_BYTES_MAX, FileError, PackFiles},
    },
};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It can't be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What is there is not a checkpoint.
    #[error(
        "{url} is not the checkpoint of a log: {error}; name the address below which /checkpoint and /tile are"
    )]
    NotALog {
        /// What was asked.
        url: String,
        /// What is wrong.
        error: CheckpointError,
    },
}

/// A log at an address.
#[derive(Debug)]
pub struct LogFiles {
    fetcher: Fetcher,
    prefix: String,
    checkpoint: Vec<u8>,
    /// The first request that failed otherwise than by a 404: then what was found means nothing.
    failed: Mutex<Option<FetchError>>,
}

impl LogFiles {
    /// Fetches the checkpoint of the log below an address.
    ///
    /// # Errors
    /// When it can't be fetched, or is not a checkpoint.
    pub fn open(address: &str) -> Result<Self, LogError> {
        let fetcher = Fetcher::new(FetchOptions {
            body_bytes_max: ENTRY_BUNDLE_BYTES_MAX.max(CHECKPOINT_BYTES_MAX),
            ..FetchOptions::default()
        });
        let prefix = address.trim_end_matches('/').to_owned();
        let url = format!("{prefix}/{CHECKPOINT}");
        let checkpoint = fetcher.get(&url, &[])?.content()?;
        SignedCheckpoint::parse(&checkpoint).map_err(|error| LogError::NotALog { url, error })?;
        Ok(Self {
            fetcher,
            prefix,
            checkpoint,
            failed: Mutex::new(None),
        })
    }

    /// The address.
    pub fn address(&self) -> &str {
        &self.prefix
    }

    /// The request that failed, if one did: then nothing that was found missing is a finding.
    pub fn failure(&self) -> Option<FetchError> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.take()
    }

    /// Fetches a file, `None` for one that is not there.
    fn fetch(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        let url = format!("{}/{path}", self.prefix);
        let fetched = self.fetcher.get(&url, &[]).and_then(|answer| {
            // Most logs have no history of keys, and some web servers refuse what they do not have.
            let refused = path == KEY_HISTORY && (400..500).contains(&answer.status);
            if answer.status == 404 || refused {
                return Ok(None);
            }
            answer.content().map(Some)
        });
        fetched.map_err(|error| {
            let told = io::Error::other(error.to_string());
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(error);
            FileError::Io(told)
        })
    }

    /// What a partial tile or bundle would be, from the full one that has taken its place.
    fn part_of_full(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        let full = |span: Span| Span { width: 256, ..span };
        if let Ok(id) = path.parse::<TileId>() {
            if id.span.is_full() {
                return Ok(None);
            }
            let whole = TileId {
                span: full(id.span),
                ..id
            };
            let tile = self.fetch(&whole.to_string())?;
            let bytes = usize::from(id.span.width).saturating_mul(32);
            return Ok(tile.and_then(|tile| tile.get(..bytes).map(<[u8]>::to_vec)));
        }
        let span = path
            .strip_prefix("tile/entries/")
            .and_then(|span| span.parse::<Span>().ok());
        let Some(span) = span.filter(|span| !span.is_full()) else {
            return Ok(None);
        };
        let bundle = self.fetch(&full(span).entries_path())?;
        Ok(bundle.and_then(|bundle| {
            let mut part = Vec::new();
            let entries = decode_entry_bundle(&bundle, 256).ok()?;
            for entry in entries.into_iter().take(length(u64::from(span.width))) {
                push_entry(&mut part, entry).ok()?;
            }
            Some(part)
        }))
    }
}

impl PackFiles for LogFiles {
    /// What every log has. Which tiles it has only asking tells.
    fn paths(&self) -> Vec<String> {
        vec![CHECKPOINT.to_owned(), VERIFIER_KEY.to_owned()]
    }

    fn length(&self, _: &str) -> Option<u64> {
        None
    }

    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
        if path == CHECKPOINT {
            return Ok(self.checkpoint.clone());
        }
        let content = match self.fetch(path)? {
            Some(content) => content,
            None => self.part_of_full(path)?.ok_or(FileError::Missing)?,
        };
        let length = crate::ledger::position::count(content.len());
        if length > limit {
            return Err(FileError::TooLong { length, limit });
        }
        Ok(content)
    }

    fn stream(&self, path: &str) -> Result<Box<dyn Read + Send + '_>, FileError> {
        Ok(Box::new(Cursor::new(
            self.read(path, ENTRY_BUNDLE_BYTES_MAX)?,
        )))
    }

    fn digest_before(&self, _: &str) -> Result<Option<blake3::Hash>, FileError> {
        Ok(None)
    }

    fn is_bare_log(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
        sync::atomic::{AtomicU64, Ordering},
        thread,
    };

    use super::*;
    use crate::{
        ledger::{
            checkpoint::Checkpoint,
            finding::{Finding, FindingKind},
            hash::RootHash,
            note::SigningKey,
            position::{EntryIndex, TreeSize},
        },
        pack::verify::{VerifyOptions, verify_log},
    };

    /// Serves these files, and breaks off at the path `broken`.
    fn serving(files: Vec<(&str, Vec<u8>)>) -> String {
        let files = files
            .into_iter()
            .map(|(path, bytes)| (format!("/{path}"), bytes));
        let files: HashMap<String, Vec<u8>> = files.collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(&stream).lines();
                let asked = lines.next().unwrap().unwrap();
                let path = asked.split(' ').nth(1).unwrap().to_owned();
                while !lines.next().unwrap().unwrap().is_empty() {}
                let (status, body) = match files.get(&path) {
                    Some(body) => ("200 OK", body.as_slice()),
                    None => ("404 Not Found", &b"no"[..]),
                };
                let length = body.len().saturating_add(usize::from(body == b"broken"));
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
            }
        });
        address
    }

    fn note(size: u64) -> Vec<u8> {
        let key = SigningKey::from_seed("example.com/log".parse().unwrap(), &[1; 32]);
        let checkpoint = Checkpoint {
            origin: key.verifier().name().clone(),
            size: TreeSize::new(size),
            root: RootHash::from_bytes([7; 32]),
        };
        checkpoint.sign(&key).note().to_string().into_bytes()
    }

    #[test]
    fn a_partial_tile_or_bundle_that_is_gone_is_taken_from_the_full_one() {
        let tile: Vec<u8> = (0..256u32).flat_map(|n| [n.to_le_bytes()[0]; 32]).collect();
        let mut bundle = Vec::new();
        for n in 0..=255u8 {
            push_entry(&mut bundle, &[n, n]).unwrap();
        }
        let address = serving(vec![
            ("checkpoint", note(3)),
            ("tile/0/000", tile.clone()),
            ("tile/entries/000", bundle.clone()),
        ]);
        let log = LogFiles::open(&address).unwrap();
        assert_eq!(log.read("tile/0/000.p/3", 8192).unwrap(), tile[..96]);
        assert_eq!(
            log.read("tile/entries/000.p/3", 8192).unwrap(),
            bundle[..12]
        );
        let missing = log.read("tile/0/001.p/3", 8192);
        assert!(matches!(missing, Err(FileError::Missing)));
        let long = log.read("tile/0/000", 100);
        assert!(matches!(
            long,
            Err(FileError::TooLong {
                length: 8192,
                limit: 100
            })
        ));
        assert!(log.failure().is_none());
    }

    #[test]
    fn a_log_that_claims_more_than_it_serves_ends_where_it_does() {
        let key = SigningKey::from_seed("example.com/log".parse().unwrap(), &[1; 32]);
        let stranger = SigningKey::from_seed("example.com/log".parse().unwrap(), &[2; 32]);
        let address = serving(vec![
            ("checkpoint", note(1 << 62)),
            ("tile/entries/000", vec![0; 512]),
        ]);
        let verify = |key: &SigningKey| {
            let log = LogFiles::open(&address).unwrap();
            let asked = AtomicU64::new(0);
            let counting = Counting(&log, &asked);
            let options = VerifyOptions::default();
            let report = verify_log(&counting, key.verifier(), &options, &|_, _| {}).unwrap();
            assert!(log.failure().is_none());
            (report, asked.into_inner())
        };
        let (report, asked) = verify(&key);
        assert!(asked < 2000, "{asked} files");
        let listed = &report.findings.listed;
        let missing = |finding: &&Finding| finding.kind == FindingKind::MissingEntries;
        let at = listed
            .iter()
            .find(missing)
            .and_then(|finding| finding.index);
        assert_eq!(at, Some(EntryIndex::new(256)));
        let ends = |text: &String| text.contains("tile/entries/001 on");
        assert!(
            report.not_checked.iter().any(ends),
            "{:?}",
            report.not_checked
        );

        // Nothing is read under a checkpoint that nobody vouches for.
        let (report, asked) = verify(&stranger);
        assert!(asked < 10, "{asked} files");
        let untrusted = |finding: &Finding| finding.kind == FindingKind::CheckpointUntrusted;
        assert!(report.findings.listed.iter().any(untrusted));
    }

    /// Counts what is asked for.
    struct Counting<'a>(&'a LogFiles, &'a AtomicU64);

    impl PackFiles for Counting<'_> {
        fn paths(&self) -> Vec<String> {
            self.0.paths()
        }

        fn length(&self, path: &str) -> Option<u64> {
            self.0.length(path)
        }

        fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.read(path, limit)
        }

        fn stream(&self, path: &str) -> Result<Box<dyn Read + Send + '_>, FileError> {
            self.0.stream(path)
        }

        fn digest_before(&self, path: &str) -> Result<Option<blake3::Hash>, FileError> {
            self.0.digest_before(path)
        }

        fn is_bare_log(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_request_that_fails_is_remembered_and_is_not_a_missing_file() {
        let files = vec![
            ("checkpoint", note(300)),
            ("tile/0/000", b"broken".to_vec()),
        ];
        let log = LogFiles::open(&serving(files)).unwrap();
        assert!(matches!(
            log.read("tile/0/000", 8192),
            Err(FileError::Io(_))
        ));
        assert!(
            log.failure()
                .is_some_and(|error| error.to_string().contains("tile/0/000"))
        );
    }

    #[test]
    fn what_has_no_checkpoint_is_no_log() {
        let refused = LogFiles::open(&serving(vec![("checkpoint", b"<html>".to_vec())]));
        assert!(matches!(refused, Err(LogError::NotALog { .. })));
        let refused = LogFiles::open(&serving(Vec::new()));
        assert!(matches!(
            refused,
            Err(LogError::Fetch(FetchError::Status { status: 404, .. }))
        ));
    }
}

//! Reading the time stamps of a pack or a data directory, no more than a verification can hold.

use std::{collections::BTreeMap, path::Path};

use super::{super::VerifyError, Stamps, VerifyOptions};
use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        keys::Keyring,
        note::NOTE_BYTES_MAX,
        position::{TreeSize, count},
        timestamp::TIMESTAMP_BYTES_MAX,
    },
    pack::{
        manifest::timestamp::{PROOF_BYTES_MAX, TimestampPath},
        read::{FileError, FolderFiles, PackFiles},
    },
    store::timestamps::{ANSWERS_MAX, TIMESTAMPS},
};

/// The most bytes of all time stamps together that are read, checkpoints and proofs included: they are held until the
/// entries have gone by.
pub(super) const READ_BYTES_MAX: u64 = 512 << 20;

impl Stamps {
    /// Those of a data directory, where they stand as in a pack. What is damaged is a finding, and leaves the rest.
    pub(in crate::pack::verify) fn of_directory(
        path: &Path,
        keys: &Keyring,
        options: &VerifyOptions,
    ) -> Result<Self, VerifyError> {
        let files = FolderFiles::open_one(path, TIMESTAMPS);
        let files = files.map_err(|error| VerifyError::Unreadable {
            path: path.join(TIMESTAMPS),
            error,
        })?;
        Self::of_pack(&files, keys, options)
    }

    /// Those of a pack.
    pub(in crate::pack::verify) fn of_pack(
        files: &dyn PackFiles,
        keys: &Keyring,
        options: &VerifyOptions,
    ) -> Result<Self, VerifyError> {
        let mut stamps = Self::new(options);
        let mut sizes: BTreeMap<TreeSize, Vec<u32>> = BTreeMap::new();
        for path in files.paths() {
            match path.parse() {
                Ok(TimestampPath::Answer(size, number)) => {
                    sizes.entry(size).or_default().push(number)
                }
                Ok(TimestampPath::Checkpoint(size)) => drop(sizes.entry(size).or_default()),
                _ => {}
            }
        }
        for (size, mut numbers) in sizes {
            let place = TimestampPath::Checkpoint(size).to_string();
            if stamps.room < count(NOTE_BYTES_MAX) {
                stamps.unread = stamps.unread.saturating_add(count(numbers.len()));
                continue;
            }
            let Some(note) = stamps.read(files, &place, NOTE_BYTES_MAX)? else {
                continue;
            };
            let mut answers = Vec::new();
            numbers.sort_unstable();
            for number in numbers {
                let place = TimestampPath::Answer(size, number).to_string();
                let bytes = files.length(&place).unwrap_or(0);
                if !(1..=ANSWERS_MAX).contains(&number) || bytes > stamps.room {
                    stamps.unread = stamps.unread.saturating_add(1);
                    continue;
                }
                if let Some(answer) = stamps.read(files, &place, TIMESTAMP_BYTES_MAX)? {
                    answers.push((place, answer));
                }
            }
            let proof = TimestampPath::Consistency(size).to_string();
            let proof = match files.length(&proof) {
                Some(_) => stamps.read(files, &proof, PROOF_BYTES_MAX)?,
                None => None,
            };
            stamps.push(size, place, &note, answers, proof, keys);
        }
        Ok(stamps)
    }

    fn read(
        &mut self,
        files: &dyn PackFiles,
        place: &str,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, VerifyError> {
        match files.read(place, count(bytes_max)) {
            Ok(bytes) => {
                self.room = self.room.saturating_sub(count(bytes.len()));
                Ok(Some(bytes))
            }
            Err(FileError::Io(error)) => Err(VerifyError::Unreadable {
                path: place.into(),
                error,
            }),
            Err(error) => {
                let kind = FindingKind::TimestampMalformed;
                let finding = Finding::new(kind, "a file that can be read", error);
                self.findings.push(finding.in_place(place));
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read};

    use super::*;
    use crate::ledger::sample::{key, ledger};

    /// Files in memory, and how long each says it is.
    struct Memory(BTreeMap<String, (u64, Vec<u8>)>);

    impl PackFiles for Memory {
        fn paths(&self) -> Vec<String> {
            self.0.keys().cloned().collect()
        }

        fn length(&self, path: &str) -> Option<u64> {
            self.0.get(path).map(|(length, _)| *length)
        }

        fn read(&self, path: &str, _limit: u64) -> Result<Vec<u8>, FileError> {
            let file = self.0.get(path).ok_or(FileError::Missing)?;
            Ok(file.1.clone())
        }

        fn stream(&self, _path: &str) -> Result<Box<dyn Read + Send + '_>, FileError> {
            Err(FileError::Missing)
        }

        fn digest_before(&self, _path: &str) -> Result<Option<blake3::Hash>, FileError> {
            Ok(None)
        }
    }

    #[test]
    fn no_more_time_stamps_are_read_than_can_be_held_and_the_others_are_counted() {
        let note = ledger(7).checkpoint.sign(&key()).note().to_string();
        let checkpoint = TimestampPath::Checkpoint(TreeSize::new(7)).to_string();
        let answer = |number| TimestampPath::Answer(TreeSize::new(7), number).to_string();
        let mut files = Memory(BTreeMap::new());
        files.0.insert(checkpoint, (1, note.into_bytes()));
        for number in 1..=ANSWERS_MAX.saturating_add(6) {
            files.0.insert(answer(number), (1, vec![0]));
        }
        let ring = Keyring::alone(key().verifier());
        let read = |files: &Memory| {
            let stamps = Stamps::of_pack(files, &ring, &VerifyOptions::default()).unwrap();
            (stamps.stamped[0].answers.len(), stamps.unread)
        };
        assert_eq!(read(&files), (64, 6));
        files.0.insert(answer(3), (READ_BYTES_MAX, vec![0]));
        assert_eq!(read(&files), (63, 7));
    }

    #[test]
    fn what_is_damaged_in_a_data_directory_is_a_finding_and_leaves_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let ring = Keyring::alone(key().verifier());
        let read = || {
            let options = VerifyOptions::default();
            let stamps = Stamps::of_directory(dir.path(), &ring, &options).unwrap();
            let found = stamps.findings.into_iter();
            let found = found.map(|finding| (finding.kind, finding.place.unwrap_or_default()));
            (stamps.stamped.len(), found.collect::<Vec<_>>())
        };
        assert_eq!(read(), (0, vec![]));
        let note = |size| ledger(size).checkpoint.sign(&key()).note().to_string();
        let damaged = note(5).replacen('5', "6", 1);
        for (path, content) in [
            ("5/checkpoint", damaged),
            ("5/1.tsr", String::new()),
            ("6/1.tsr", String::new()),
            ("7/checkpoint", note(7)),
            ("7/1.tsr", String::new()),
        ] {
            let path = dir.path().join(TIMESTAMPS).join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let found = vec![
            (
                FindingKind::TimestampMalformed,
                "timestamps/6/checkpoint".to_owned(),
            ),
            (
                FindingKind::CheckpointMalformed,
                "timestamps/5/checkpoint".to_owned(),
            ),
        ];
        let (stamped, mut all) = read();
        all.reverse();
        assert_eq!((stamped, all), (1, found));
    }
}

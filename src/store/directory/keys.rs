//! The keys beside the ledger's own, in `keys/`: for each its secret half `<key id>.key`, its public half
//! `<key id>.vkey`, and `<key id>.tlog-proof`, the receipt of the entry that made it known. The ledger's own keys but
//! the first lie there too, see [`succession`](super::succession).

use std::{fs, io, path::PathBuf};

use zeroize::Zeroizing;

use super::{DataDirectory, DirectoryError, refuse_exposed, sync_directory, write_file};
use crate::{
    ledger::{
        keys::KeyHistory,
        note::{CosigningKey, SigningKey, VerifierKey},
        receipt::Receipt,
        signers::{KEYS_BESIDE_MAX, Signers, SignersError},
    },
    store::{
        disk::{Disk as _, FsDisk, Readers},
        durable::{DiskError, During as _, make_directory},
    },
};

pub(super) const KEYS: &str = "keys";
pub(super) const SECRET: &str = "key";

impl DataDirectory {
    /// Reads every key that signs the ledger's checkpoints: its own, the one before it until that is retired, and those
    /// beside it.
    ///
    /// # Errors
    /// As [`DataDirectory::signing_key`], for each of them; and while a change of keys is not brought to its end.
    pub fn signers(&self) -> Result<Signers, DirectoryError> {
        self.refuse_unchanged()?;
        self.signers_by(&self.history)
    }

    /// Reads every key that signs by a history of the ledger's keys.
    ///
    /// # Errors
    /// As [`DataDirectory::signing_key`], for each of them.
    pub fn signers_by(&self, history: &KeyHistory) -> Result<Signers, DirectoryError> {
        let mut own: Vec<&VerifierKey> = history.signing().map(|span| &span.key).collect();
        let newest = self.secret_of(own.pop().unwrap_or(&self.verifier))?;
        let wrong = |error| self.not_beside(error);
        let signers = Signers::new(newest, self.keys_beside()?).map_err(wrong)?;
        match own.pop() {
            Some(before) => signers
                .with_predecessor(self.secret_of(before)?)
                .map_err(wrong),
            None => Ok(signers),
        }
    }

    /// Reads the keys in `keys/` that sign beside the ledger's own, by key id. There are none where the directory is not.
    ///
    /// # Errors
    /// When others may read or write a key's file, or it holds no key.
    pub fn keys_beside(&self) -> Result<Vec<CosigningKey>, DirectoryError> {
        let directory = self.keys_path();
        let mut names = match FsDisk.list(&directory) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(DiskError::new("list", &directory, error).into()),
        };
        names.sort_unstable();
        let secrets = names
            .iter()
            .map(|name| directory.join(name))
            .filter(|path| path.extension().is_some_and(|end| end == SECRET));
        let mut keys = Vec::new();
        for path in secrets {
            refuse_exposed(&path)?;
            let text = Zeroizing::new(fs::read_to_string(&path).during("read", &path)?);
            let text = text.trim_end();
            match text.parse() {
                Ok(key) => keys.push(key),
                // One of the ledger's own, which is read by its name where it is needed.
                Err(_) if text.parse::<SigningKey>().is_ok() => {}
                Err(error) => return Err(DirectoryError::Key { path, error }),
            }
            if keys.len() > KEYS_BESIDE_MAX {
                break;
            }
        }
        Ok(keys)
    }

    /// Puts a key beside the ledger's own, durable before this returns. It signs from the next opening on.
    ///
    /// # Errors
    /// When it does not fit the keys that are there, or the disk fails.
    pub fn add_key(&self, key: CosigningKey) -> Result<(), DirectoryError> {
        let text = Zeroizing::new(format!("{}\n", *key.to_secret_text()));
        let verifier = key.verifier().clone();
        let mut beside = self.keys_beside()?;
        beside.push(key);
        Signers::new(self.signing_key()?, beside).map_err(|error| self.not_beside(error))?;
        let directory = self.keys_path();
        make_directory(&FsDisk, &directory)?;
        let public = format!("{verifier}\n");
        write_file(
            &FsDisk,
            &self.key_file(&verifier, "vkey"),
            public.as_bytes(),
            Readers::All,
        )?;
        write_file(
            &FsDisk,
            &self.key_file(&verifier, SECRET),
            text.as_bytes(),
            Readers::Owner,
        )?;
        sync_directory(&directory)
    }

    /// Keeps the receipt of the entry that made a key known, and says where.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn keep_introduction(
        &self,
        key: &VerifierKey,
        receipt: &Receipt,
    ) -> Result<PathBuf, DirectoryError> {
        let path = self.key_file(key, "tlog-proof");
        write_file(&FsDisk, &path, receipt.to_string().as_bytes(), Readers::All)?;
        sync_directory(&self.keys_path())?;
        Ok(path)
    }

    pub(super) fn keys_path(&self) -> PathBuf {
        self.path().join(KEYS)
    }

    pub(super) fn key_file(&self, key: &VerifierKey, end: &str) -> PathBuf {
        self.keys_path().join(format!("{}.{end}", key.id()))
    }

    fn not_beside(&self, error: SignersError) -> DirectoryError {
        DirectoryError::Beside {
            path: self.keys_path(),
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::note::KeyType;

    fn fresh() -> (tempfile::TempDir, DataDirectory) {
        let home = tempfile::tempdir().unwrap();
        let own = SigningKey::from_seed("ledger.example".parse().unwrap(), &[5; 32]);
        let directory = DataDirectory::create(&home.path().join("ledger"), &own, "").unwrap();
        (home, directory)
    }

    fn key(name: &str, kind: KeyType) -> CosigningKey {
        CosigningKey::from_seed(name.parse().unwrap(), kind, &[6; 32]).unwrap()
    }

    #[test]
    fn a_directory_without_keys_beside_has_its_own_alone() {
        let (_home, directory) = fresh();
        assert!(directory.keys_beside().unwrap().is_empty());
        assert_eq!(
            directory.signers().unwrap().verifier(),
            directory.verifier()
        );
    }

    #[test]
    fn a_key_that_was_added_is_read_back_and_added_once() {
        let (_home, directory) = fresh();
        let added = key("ledger.example", KeyType::MlDsa44);
        let public = added.verifier().clone();
        directory.add_key(added).unwrap();
        let [read] = directory.keys_beside().unwrap().try_into().unwrap();
        assert_eq!(read.verifier(), &public);
        let again = directory.add_key(key("ledger.example", KeyType::MlDsa44));
        assert!(
            matches!(again, Err(DirectoryError::Beside { .. })),
            "{again:?}"
        );
        let vkey = fs::read_to_string(directory.key_file(&public, "vkey")).unwrap();
        assert_eq!(vkey, format!("{public}\n"));
    }

    #[test]
    fn keys_of_others_are_not_put_beside() {
        let (_home, directory) = fresh();
        for refused in [
            key("other.example", KeyType::MlDsa44),
            key("ledger.example", KeyType::CosignatureV1),
        ] {
            let refused = directory.add_key(refused);
            assert!(
                matches!(refused, Err(DirectoryError::Beside { .. })),
                "{refused:?}"
            );
        }
        assert!(!directory.keys_path().exists());
    }

    #[test]
    fn a_file_that_holds_no_key_keeps_the_ledger_shut() {
        let (_home, directory) = fresh();
        directory
            .add_key(key("ledger.example", KeyType::MlDsa44))
            .unwrap();
        let broken = directory.keys_path().join("broken.key");
        write_file(&FsDisk, &broken, b"not a key\n", Readers::Owner).unwrap();
        let refused = directory.signers();
        assert!(
            matches!(refused, Err(DirectoryError::Key { .. })),
            "{refused:?}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_key_beside_that_others_may_read_keeps_the_ledger_shut() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_home, directory) = fresh();
        let added = key("ledger.example", KeyType::MlDsa44);
        let file = directory.key_file(added.verifier(), SECRET);
        directory.add_key(added).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = directory.signers();
        assert!(
            matches!(refused, Err(DirectoryError::KeyExposed { .. })),
            "{refused:?}"
        );
    }
}

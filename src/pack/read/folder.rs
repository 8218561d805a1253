//! A pack that was unpacked to a directory.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{FileError, PackFiles};
use crate::ledger::position::{count, length};

/// The deepest a pack's files lie: `tile/entries/x000/.../000.p/1`.
const DEPTH_MAX: usize = 12;

/// The files of an unpacked pack. Links and special files are listed, and never opened.
pub struct FolderFiles {
    root: PathBuf,
    /// Path in the pack, and the length of a plain file; `None` for anything else.
    files: BTreeMap<String, Option<u64>>,
}

impl FolderFiles {
    /// Lists the files of a directory.
    ///
    /// # Errors
    /// When it can't be listed.
    pub fn open(root: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        walk(root, "", 0, &mut files)?;
        Ok(Self {
            root: root.to_owned(),
            files,
        })
    }

    /// Lists the files of one of its folders alone, each with its path from the directory; there are none where the folder
    /// is not there.
    ///
    /// # Errors
    /// When it can't be listed.
    pub fn open_one(root: &Path, folder: &str) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        match walk(&root.join(folder), &format!("{folder}/"), 1, &mut files) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Self {
                root: root.to_owned(),
                files,
            }),
        }
    }

    fn open_file(&self, path: &str) -> Result<(File, u64), FileError> {
        match self.files.get(path) {
            None => Err(FileError::Missing),
            Some(None) => Err(FileError::Damaged("it is not a plain file".to_owned())),
            Some(Some(length)) => Ok((File::open(self.root.join(path))?, *length)),
        }
    }
}

impl PackFiles for FolderFiles {
    fn paths(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn length(&self, path: &str) -> Option<u64> {
        self.files.get(path).copied().flatten()
    }

    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
        let mut content = Vec::new();
        self.read_into(path, limit, &mut content)?;
        Ok(content)
    }

    fn read_into(&self, path: &str, limit: u64, content: &mut Vec<u8>) -> Result<(), FileError> {
        let (file, listed) = self.open_file(path)?;
        content.clear();
        content.reserve(length(listed.min(limit)));
        file.take(limit.saturating_add(1)).read_to_end(content)?;
        if count(content.len()) > limit {
            return Err(FileError::TooLong {
                length: listed,
                limit,
            });
        }
        Ok(())
    }

    fn stream(&self, path: &str) -> Result<Box<dyn Read + Send + '_>, FileError> {
        Ok(Box::new(self.open_file(path)?.0))
    }

    fn digest_before(&self, _path: &str) -> Result<Option<blake3::Hash>, FileError> {
        Ok(None)
    }
}

fn walk(
    directory: &Path,
    prefix: &str,
    depth: usize,
    files: &mut BTreeMap<String, Option<u64>>,
) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = match entry.metadata() {
            // A running ledger has given it its name meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if metadata.is_dir() && depth < DEPTH_MAX {
            walk(
                &entry.path(),
                &format!("{path}/"),
                depth.saturating_add(1),
                files,
            )?;
        } else {
            files.insert(path, metadata.is_file().then_some(metadata.len()));
        }
    }
    Ok(())
}

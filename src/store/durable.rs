//! Making directories and replacing files durably: a file's name leads to its whole old content or the whole new one,
//! whatever fails, and what a function has made is still there after the loss of power.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::disk::{Access, Disk, Readers};

/// An operation of the disk that failed: what was asked for was not read, or is not known to be durable.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {}: {source}", .path.display())]
pub struct DiskError {
    /// What was tried.
    pub action: &'static str,
    /// On which file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl DiskError {
    /// Names the operation and the file of a system error.
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// Names the operation and the file of a system error.
pub trait During<T> {
    /// Says what was tried, and on which file or directory.
    ///
    /// # Errors
    /// The system's, with these.
    fn during(self, action: &'static str, path: &Path) -> Result<T, DiskError>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, action: &'static str, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError::new(action, path, source))
    }
}

/// Makes a directory for its owner alone, and those above it that are missing. One that is there already stays as it is.
///
/// # Errors
/// When one can't be made, or its name can't be made durable.
pub fn make_directory(disk: &dyn Disk, path: &Path) -> Result<(), DiskError> {
    let made = match disk.create_directory(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_directory(disk, parent_of(path))?;
            disk.create_directory(path)
        }
        Ok(true) => {
            sync_name(disk, parent_of(path), false)?;
            Ok(true)
        }
        there => there,
    };
    sync_name(disk, path, made.during("make", path)?)
}

/// Makes the name of a directory durable. One that was there may be of a try that was interrupted just before this.
fn sync_name(disk: &dyn Disk, path: &Path, made: bool) -> Result<(), DiskError> {
    let parent = parent_of(path);
    match disk.sync_directory(parent) {
        // Who may not read the parent has not made what is in it.
        Err(error) if !made && error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced.during("sync", parent),
    }
}

/// The directory that a name stands in.
fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        // The root stands in itself.
        None => path,
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
    }
}

/// Replaces the content of a file in a directory, and makes that durable before it returns. One caller at a time.
///
/// # Errors
/// When the disk fails. What is durable is then the old content or the new one.
pub fn replace_file(
    disk: &dyn Disk,
    directory: &Path,
    name: &str,
    content: &[u8],
) -> Result<(), DiskError> {
    let (path, next) = (directory.join(name), directory.join(format!("{name}.next")));
    match disk.remove(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(DiskError::new("remove", &next, error));
        }
        _ => {}
    }
    let file = disk.create(&next, Readers::All).during("create", &next)?;
    file.write_at(0, content).during("write", &next)?;
    file.sync().during("sync", &next)?;
    disk.rename(&next, &path).during("replace", &path)?;
    disk.sync_directory(directory).during("sync", directory)
}

/// Reads a file whole, up to a number of bytes; `None` where it is not there.
///
/// # Errors
/// When it can't be read, or is longer.
pub fn read_file(disk: &dyn Disk, path: &Path, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let length = usize::try_from(file.length()?).unwrap_or(usize::MAX);
    if length > bytes_max {
        return Err(io::Error::other(format!("it has over {bytes_max} bytes")));
    }
    let mut bytes = vec![0; length];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::FsDisk;

    #[test]
    fn a_file_is_replaced_whole_even_after_an_interrupted_try() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state");
        assert_eq!(read_file(&FsDisk, &path, 9).unwrap(), None);
        std::fs::write(home.path().join("state.next"), "half").unwrap();
        for content in ["one", "another", "x"] {
            replace_file(&FsDisk, home.path(), "state", content.as_bytes()).unwrap();
            assert_eq!(
                read_file(&FsDisk, &path, 9).unwrap().as_deref(),
                Some(content.as_bytes())
            );
            assert!(!home.path().join("state.next").exists());
        }
        std::fs::write(&path, "0123456789").unwrap();
        assert!(read_file(&FsDisk, &path, 9).is_err());
    }
}

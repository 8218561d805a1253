//! Replacing a file durably: afterwards its name leads to the whole old content or the whole new one, whatever fails.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::disk::{Access, Disk};

/// An operation of the disk that failed; the old content is still there.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {}: {source}", .path.display())]
pub struct NotReplaced {
    /// What was tried.
    pub action: &'static str,
    /// On which file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
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
) -> Result<(), NotReplaced> {
    let (path, next) = (directory.join(name), directory.join(format!("{name}.next")));
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| NotReplaced {
            action,
            path,
            source,
        }
    };
    match disk.remove(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &next)(error));
        }
        _ => {}
    }
    let file = disk.create(&next).map_err(failed("create", &next))?;
    file.write_at(0, content).map_err(failed("write", &next))?;
    file.sync().map_err(failed("sync", &next))?;
    disk.rename(&next, &path)
        .map_err(failed("replace", &path))?;
    disk.sync_directory(directory)
        .map_err(failed("sync", directory))
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

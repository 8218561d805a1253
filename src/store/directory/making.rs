//! Making a directory that is known to be whole, or not to be: `format` is put in place last, when everything else is
//! durable, and until then its content lies in `format.unfinished`.

use std::{io, path::Path};

use super::{DirectoryError, FORMAT, UNFINISHED};
use crate::store::{
    disk::{Disk, Readers},
    durable::{DiskError, During as _, make_directory},
};

/// Makes the directory for its owner alone: it will hold payloads and a key. One that is there stays as it is, and may hold
/// nothing but what an interrupted making left.
pub(in crate::store) fn begin(
    disk: &dyn Disk,
    path: &Path,
    format: &str,
) -> Result<(), DirectoryError> {
    make_directory(disk, path)?;
    let names = disk.list(path).during("list", path)?;
    let holds = |name: &str| names.iter().any(|found| found == name);
    if holds(FORMAT) {
        return Err(DirectoryError::Exists(path.to_owned()));
    }
    if !names.is_empty() && !holds(UNFINISHED) {
        return Err(DirectoryError::NotEmpty(path.to_owned()));
    }
    let unfinished = path.join(UNFINISHED);
    write_file(disk, &unfinished, format.as_bytes(), Readers::All)?;
    Ok(disk.sync_directory(path).during("sync", path)?)
}

/// Makes the names in the directory durable, and then says that all are there.
pub(in crate::store) fn finish(disk: &dyn Disk, path: &Path) -> Result<(), DirectoryError> {
    disk.sync_directory(path).during("sync", path)?;
    disk.rename(&path.join(UNFINISHED), &path.join(FORMAT))
        .during("finish", path)?;
    Ok(disk.sync_directory(path).during("sync", path)?)
}

/// Replaces a file's content, and makes it durable, but not its name.
pub(in crate::store) fn write_file(
    disk: &dyn Disk,
    path: &Path,
    content: &[u8],
    readers: Readers,
) -> Result<(), DirectoryError> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(DiskError::new("replace", path, error).into());
        }
        _ => {}
    }
    let file = disk.create(path, readers).during("create", path)?;
    file.write_at(0, content).during("write", path)?;
    Ok(file.sync().during("sync", path)?)
}

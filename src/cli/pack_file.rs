//! Files that are there whole or not at all: written under another name, and renamed once they are complete.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::error::CliError;

/// Whether an existing file may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    /// It may.
    Yes,
    /// It may not.
    No,
}

/// A file that is being written. Unless it is kept, it goes away.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    replace: Replace,
    temporary: TemporaryFile,
}

impl NewFile {
    /// Begins a file. What stands at the path stays as it is until [`NewFile::keep`].
    pub(super) fn create(path: &Path, replace: Replace) -> Result<Self, CliError> {
        if path == Path::new("-") {
            return Err(CliError::usage(
                "- is standard output elsewhere, and here a file is written, whole or not at all",
                "name a file, or write ./- for one of that name",
            ));
        }
        refuse_irregular(path)?;
        if replace == Replace::No && path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary =
            TemporaryFile::open(directory, &name, 0o666).map_err(CliError::write(path))?;
        Ok(Self {
            path: path.to_owned(),
            replace,
            temporary,
        })
    }

    /// Where it will stand.
    #[cfg(feature = "server")]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes it durable, and gives it its name.
    pub(super) fn keep(mut self) -> Result<(), CliError> {
        // What stands there may be another thing than at the beginning.
        refuse_irregular(&self.path)?;
        let written = self.temporary.file.flush();
        written
            .and_then(|()| self.temporary.file.sync_all())
            .and_then(|()| self.put_in_place())
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists(&self.path),
                _ => CliError::write(&self.path)(error),
            })
    }

    fn put_in_place(&self) -> io::Result<()> {
        match self.replace {
            Replace::Yes => fs::rename(&self.temporary.path, &self.path),
            // A link is never put over another file, whoever made that one meanwhile.
            Replace::No => match fs::hard_link(&self.temporary.path, &self.path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    fs::rename(&self.temporary.path, &self.path)
                }
                linked => linked,
            },
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.file.flush()
    }
}

/// A file of a name nobody knows, which goes away with this value.
#[derive(Debug)]
pub(super) struct TemporaryFile {
    path: PathBuf,
    file: File,
}

impl TemporaryFile {
    /// Makes one that only its owner can read.
    #[cfg(feature = "server")]
    pub(super) fn create(directory: &Path, stem: &str) -> io::Result<Self> {
        Self::open(directory, stem, 0o600)
    }

    /// Makes one with these permissions, less what the process masks.
    fn open(directory: &Path, stem: &str, mode: u32) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let path = directory.join(format!(".{stem}.{}.partial", hex::encode(random)));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        let file = options.open(&path)?;
        Ok(Self { path, file })
    }

    /// Where it is.
    #[cfg(feature = "server")]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file.
    #[cfg(feature = "server")]
    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // It is gone already where it was renamed.
        let _ = fs::remove_file(&self.path);
    }
}

/// Refuses what is no file: renaming something over it would take its place, and not write to it.
fn refuse_irregular(path: &Path) -> Result<(), CliError> {
    let Ok(there) = path.symlink_metadata() else {
        return Ok(());
    };
    let kind = there.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let (what, help) = if kind.is_symlink() {
        let leads_to = fs::read_link(path).unwrap_or_default();
        let what = format!("a symbolic link to {}", leads_to.display());
        (
            what,
            "name the file itself; a link is neither followed nor replaced",
        )
    } else if kind.is_dir() {
        ("a directory".to_owned(), "name a file in it")
    } else {
        let what = "a device, a pipe or a socket".to_owned();
        (what, "name a regular file, and pass that on")
    };
    let what = format!("{} is {what}, which is not replaced", path.display());
    Err(CliError::failed(what).with_help(help))
}

fn exists(path: &Path) -> CliError {
    CliError::Exists {
        path: path.to_owned(),
        help: "name another file, or add --force to replace it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pack.zip");
        let mut file = NewFile::create(&path, Replace::No).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert!(names(dir.path()).is_empty());
        let mut file = NewFile::create(&path, Replace::No).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!path.exists());
        file.keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(dir.path()), ["pack.zip"]);
    }

    #[test]
    fn a_file_is_replaced_only_where_that_was_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pack.zip");
        let early = NewFile::create(&path, Replace::No).unwrap();
        fs::write(&path, "old").unwrap();
        assert!(matches!(early.keep(), Err(CliError::Exists { .. })));
        assert!(matches!(
            NewFile::create(&path, Replace::No),
            Err(CliError::Exists { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let mut file = NewFile::create(&path, Replace::Yes).unwrap();
        file.write_all(b"new").unwrap();
        file.keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(dir.path()), ["pack.zip"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_never_replaced() {
        use std::os::unix::{fs::FileTypeExt as _, net::UnixListener};

        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("real"), "old").unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(at("pipe"))
            .status();
        assert!(made.unwrap().success());
        let _socket = UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for replace in [Replace::Yes, Replace::No] {
            for (name, said) in [
                ("link", "symbolic link to"),
                ("dangling", "symbolic link to"),
                ("pipe", "a pipe"),
                ("socket", "a socket"),
                ("folder", "a directory"),
            ] {
                let error = NewFile::create(&at(name), replace).unwrap_err();
                assert!(error.to_string().contains(said), "{name}: {error}");
            }
            assert!(NewFile::create(Path::new("-"), replace).is_err());
        }
        // One that is put there meanwhile is refused, too.
        let file = NewFile::create(&at("late"), Replace::Yes).unwrap();
        fs::rename(at("pipe"), at("late")).unwrap();
        assert!(file.keep().is_err());
        assert!(
            fs::symlink_metadata(at("late"))
                .unwrap()
                .file_type()
                .is_fifo()
        );
        assert_eq!(fs::read(at("real")).unwrap(), b"old");
    }

    #[cfg(all(unix, feature = "server"))]
    #[test]
    fn what_is_fetched_to_be_verified_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let file = TemporaryFile::create(dir.path(), "pack").unwrap();
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}

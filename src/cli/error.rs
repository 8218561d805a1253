//! What keeps a command from being carried out, and how that is told: one line, the causes, the way out.

use std::{error::Error, fmt, io, path::PathBuf};

use super::text::{paint, safe, style};

/// A command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// Flags that do not go together, or a value that only turns out wrong once it is used.
    #[error("{problem}")]
    Usage {
        /// What is wrong.
        problem: String,
        /// What to write instead.
        help: String,
    },
    /// A file or directory can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or directory can't be written.
    #[error("can't write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file stands where one is to be written.
    #[error("{} exists already", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
        /// The way out.
        help: &'static str,
    },
    /// Standard output was closed by whoever read it; not worth a word.
    #[error("standard output was closed")]
    OutputClosed,
    /// Standard output can't be written.
    #[error("can't write to standard output")]
    Output(#[source] io::Error),
    /// The server said no, or can't be reached.
    #[cfg(feature = "server")]
    #[error(transparent)]
    Server(Box<super::status::ServerError>),
    /// What was checked does not hold: a verdict, where no report can be given.
    #[cfg(feature = "server")]
    #[error("{what}")]
    Untrusted {
        /// What does not hold.
        what: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
        /// What to do about it.
        help: &'static str,
    },
    /// Anything else, of another layer.
    #[error("{what}")]
    Failed {
        /// What could not be done.
        what: String,
        /// Why.
        source: Option<Box<dyn Error + Send + Sync>>,
        /// What to do about it.
        help: Option<String>,
    },
}

impl CliError {
    /// The command line is wrong in a way that clap can't see.
    pub(super) fn usage(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage {
            problem: problem.into(),
            help: help.into(),
        }
    }

    /// Something else failed.
    pub(super) fn failed(what: impl Into<String>) -> Self {
        Self::Failed {
            what: what.into(),
            source: None,
            help: None,
        }
    }

    /// Whether whoever was asked may speak something else than gRPC.
    #[cfg(feature = "server")]
    pub(super) fn is_no_grpc(&self) -> bool {
        use tonic::Code;
        match self {
            Self::Server(error) => match error.as_ref() {
                super::status::ServerError::Unreachable { .. } => true,
                super::status::ServerError::Late { .. } => false,
                super::status::ServerError::Refused { status, .. } => matches!(
                    status.code(),
                    Code::Unavailable | Code::Unknown | Code::Internal | Code::Unimplemented
                ),
            },
            _ => false,
        }
    }

    /// Whether nobody answered.
    #[cfg(feature = "server")]
    pub(super) fn is_unreachable(&self) -> bool {
        use super::status::ServerError;
        matches!(self, Self::Server(error) if matches!(error.as_ref(), ServerError::Unreachable { .. }))
    }

    /// Whether a server has nothing of what was asked for because its ledger ends before it.
    #[cfg(feature = "server")]
    pub(super) fn is_beyond_the_end(&self) -> bool {
        matches!(self, Self::Server(error) if matches!(
            error.as_ref(),
            super::status::ServerError::Refused { status, .. } if status.code() == tonic::Code::OutOfRange
        ))
    }

    /// Adds the cause.
    pub(super) fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        match self {
            Self::Failed { what, help, .. } => Self::Failed {
                what,
                source: Some(cause.into()),
                help,
            },
            other => other,
        }
    }

    /// Adds the way out.
    pub(super) fn with_help(self, way_out: impl Into<String>) -> Self {
        match self {
            Self::Failed { what, source, .. } => Self::Failed {
                what,
                source,
                help: Some(way_out.into()),
            },
            other => other,
        }
    }

    /// Gives the file to an error about reading it.
    pub(super) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Read { path, source }
    }

    /// Gives the file to an error about writing it.
    pub(super) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Write { path, source }
    }

    /// What went wrong, each line of it, the way out last.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("error", self.to_string())];
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Layers that pass an error on often repeat it.
            if !lines.iter().any(|(_, said)| said.contains(&text)) {
                lines.push(("because", text));
            }
            cause = error.source();
        }
        #[cfg(feature = "server")]
        if let Self::Server(error) = self {
            lines.extend(error.details().into_iter().map(|text| ("because", text)));
        }
        if let Some(help) = self.help() {
            lines.push(("help", help));
        }
        lines
    }

    /// What lies behind it, one text a layer.
    #[cfg(feature = "server")]
    pub(super) fn causes(&self) -> Vec<String> {
        let behind = self.lines().into_iter();
        behind
            .filter(|(what, _)| *what == "because")
            .map(|(_, text)| text)
            .collect()
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Usage { help, .. } => Some(help.clone()),
            Self::Exists { help, .. } => Some((*help).to_owned()),
            #[cfg(feature = "server")]
            Self::Untrusted { help, .. } => Some((*help).to_owned()),
            Self::Failed { help, source, .. } => help.clone().or_else(|| {
                let source = source.as_deref()?;
                way_out_of_disk(source).map(str::to_owned)
            }),
            #[cfg(feature = "server")]
            Self::Server(error) => error.help(),
            Self::Read { source, .. } | Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Some("check the path".to_owned()),
                io::ErrorKind::PermissionDenied => {
                    Some("run as a user who may, or change the file's permissions".to_owned())
                }
                _ => way_out_of_disk(source).map(str::to_owned),
            },
            Self::Output(source) => way_out_of_disk(source).map(str::to_owned),
            Self::OutputClosed => None,
        }
    }

    /// Prints it on stderr.
    pub(super) fn print(&self) {
        if matches!(self, Self::OutputClosed) {
            return;
        }
        for (label, text) in self.lines() {
            say(label, &text);
        }
    }
}

/// What to do about a disk that is full or can't be written, where that is why something failed.
pub(super) fn way_out_of_disk(error: &(dyn Error + 'static)) -> Option<&'static str> {
    match system_error(error)? {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("make room on the disk, or name a place on another, and run it again")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            Some("the file system can't be written: name a place on another, or make it writable")
        }
        _ => None,
    }
}

/// What kind of error of the system lies behind another.
pub(super) fn system_error(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    match error.downcast_ref::<io::Error>() {
        Some(cause) => Some(cause.kind()),
        None => system_error(error.source()?),
    }
}

/// Prints one line on stderr, under a label: `error`, `because`, `warning`, `help`, `note`.
pub(super) fn say(label: &str, text: impl fmt::Display) {
    let style = match label {
        "error" => style::BAD,
        "warning" => style::DOUBTFUL,
        _ => style::LABEL,
    };
    let indent = if label == "because" { "  " } else { "" };
    let label = paint(style, format_args!("{label}:"));
    anstream::eprintln!("{indent}{label} {}", safe(&text.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(error: &CliError) -> String {
        error.help().unwrap_or_default()
    }

    #[test]
    fn a_disk_that_is_full_or_read_only_has_a_way_out_wherever_it_is_met() {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};

        for (kind, said) in [
            (StorageFull, "make room"),
            (QuotaExceeded, "make room"),
            (ReadOnlyFilesystem, "can't be written"),
        ] {
            let pack = crate::pack::PackError::Output(kind.into());
            for error in [
                CliError::write("pack.zip")(kind.into()),
                CliError::Output(kind.into()),
                CliError::failed("the pack can't be exported").because(pack),
            ] {
                assert!(help(&error).contains(said), "{error}");
            }
        }
        let other = CliError::write("pack.zip")(io::ErrorKind::InvalidInput.into());
        assert_eq!(help(&other), "");
        let own = CliError::failed("no").because(io::Error::from(StorageFull));
        assert_eq!(help(&own.with_help("its own")), "its own");
    }
}

//! Exit codes: the one place where results and errors become them.

use std::process::ExitCode;

use super::error::CliError;

/// The foot of `--help`.
pub(super) const TABLE: &str = "\
Exit codes:
  0  done, and every check that was asked for passed
  1  a negative verdict: the evidence does not verify
  2  the command line is wrong
  3  could not be carried out, so nothing is known (files, network, keys, permission)
  4  what was checked verifies, but it is not everything, or nothing was checked";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done, and every check that was asked for passed.
    Done,
    /// The evidence does not verify.
    Negative,
    /// The command line is wrong.
    Usage,
    /// Could not be carried out, so nothing is known.
    Failed,
    /// What was checked verifies, but it is not everything.
    Incomplete,
}

impl Exit {
    /// The number that scripts see.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Negative => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Incomplete => 4,
        }
    }
}

impl From<&CliError> for Exit {
    fn from(error: &CliError) -> Self {
        match error {
            CliError::Usage { .. } => Self::Usage,
            #[cfg(feature = "server")]
            CliError::Untrusted { .. } => Self::Negative,
            CliError::OutputClosed => Self::Done,
            _ => Self::Failed,
        }
    }
}

/// Ends the program: says what went wrong, if anything, and gives the exit code.
pub(super) fn conclude(result: Result<Exit, CliError>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(error) => {
            error.print();
            Exit::from(&error)
        }
    };
    ExitCode::from(exit.code())
}

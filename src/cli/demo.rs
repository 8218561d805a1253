//! `exhibit demo`: a ledger with a story in it.

use std::path::PathBuf;

use super::{args, error::CliError, exit::Exit, output::Output};

/// Make a ledger that tells a story of changes, to try everything on (offline)
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// The data directory: new, or empty
    #[arg(long, value_name = "DIR", value_parser = args::path)]
    dir: PathBuf,
}

impl Demo {
    pub(super) fn run(self, _output: &mut Output) -> Result<Exit, CliError> {
        Err(
            CliError::failed(format!("there is no demo for {} yet", self.dir.display()))
                .with_help("make a ledger with `exhibit init`"),
        )
    }
}

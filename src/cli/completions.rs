//! `exhibit completions`: what a shell needs to complete commands and flags.

use super::{error::CliError, exit::Exit, output::Output};

/// Print the completions for a shell (offline)
///
/// For bash: exhibit completions bash > /etc/bash_completion.d/exhibit
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let mut script = Vec::new();
        let mut definition = super::definition();
        clap_complete::generate(self.shell, &mut definition, "exhibit", &mut script);
        output.write(&script)?;
        Ok(Exit::Done)
    }
}

//! `exhibit bench`: how fast a server takes events.

use super::{connect::ServerArgs, error::CliError, exit::Exit, output::Output};

/// Measure how fast a ledger takes events: it records them, so never use it on a ledger that counts
#[derive(Debug, clap::Args)]
pub(super) struct Bench {
    #[command(flatten)]
    server: ServerArgs,
}

impl Bench {
    pub(super) fn run(self, _output: &mut Output) -> Result<Exit, CliError> {
        Err(CliError::failed(format!(
            "there is no measurement of {} yet",
            self.server.server
        )))
    }
}

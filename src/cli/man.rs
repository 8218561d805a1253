//! `exhibit man`: the manual pages.

use std::{io, path::PathBuf};

use super::{args, error::CliError, exit::Exit, output::Output};

/// Print the manual page, or write the pages of all commands into a directory (offline)
///
/// To read it: exhibit man | man -l -
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// Write one page a command into this directory, such as /usr/local/share/man/man1
    #[arg(long, value_name = "DIR", value_parser = args::path)]
    dir: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        match self.dir {
            None => {
                let mut page = Vec::new();
                render(super::definition(), &mut page).map_err(CliError::Output)?;
                output.write(&page)?;
            }
            Some(dir) => {
                std::fs::create_dir_all(&dir).map_err(CliError::write(&dir))?;
                clap_mangen::generate_to(super::definition(), &dir)
                    .map_err(CliError::write(&dir))?;
            }
        }
        Ok(Exit::Done)
    }
}

fn render(definition: clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    clap_mangen::Man::new(definition).render(page)
}

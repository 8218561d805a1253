//! `exhibit config`: the server's settings, and where each comes from.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use super::{
    args,
    error::CliError,
    exit::Exit,
    output::{Output, Render},
    reading::directory_error,
    text::{markdown, safe},
};
use crate::{
    service::config::{Config, Setting},
    store::directory::refuse_other_layout,
};

/// Show the server's settings (offline)
#[derive(Debug, clap::Args)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Show every setting, its value, and where that comes from (offline)
    ///
    /// A flag goes before a variable EXHIBIT_*, that before exhibit.toml in the data directory, and that before the
    /// default.
    Show {
        /// The data directory
        #[arg(long, value_name = "DIR", value_parser = args::path, env = "EXHIBIT_DIR", hide_env_values = true)]
        dir: PathBuf,
    },
}

impl ConfigCommand {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let Subcommand::Show { dir } = self.command;
        if !dir.is_dir() {
            return Err(CliError::Read {
                path: dir,
                source: io::ErrorKind::NotFound.into(),
            });
        }
        refuse_other_layout(&dir).map_err(directory_error)?;
        let (_, settings) = Config::load(&dir, &[])
            .map_err(|error| CliError::failed("the settings can't be used").because(error))?;
        output.print(&Settings(settings))?;
        Ok(Exit::Done)
    }
}

struct Settings(Vec<Setting>);

impl Render for Settings {
    const FORMAT: &'static str = "exhibit-config/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = |of: fn(&Setting) -> usize| self.0.iter().map(of).max().unwrap_or(0);
        let keys = width(|setting| setting.key.len());
        let values = width(|setting| setting.value.len());
        self.0.iter().try_for_each(|setting| {
            writeln!(
                out,
                "{:keys$}  {:values$}  {}",
                setting.key,
                safe(&setting.value),
                safe(&setting.source.to_string())
            )
        })
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "| setting | value | from | what for |\n| --- | --- | --- | --- |"
        )?;
        self.0.iter().try_for_each(|setting| {
            writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                setting.key,
                markdown(&setting.value),
                markdown(&setting.source.to_string()),
                setting.about
            )
        })
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        let settings = self.0.iter().map(|setting| {
            serde_json::json!({
                "key": setting.key,
                "value": setting.value,
                "source": setting.source.to_string(),
                "about": setting.about,
            })
        });
        Ok(serde_json::json!({ "settings": settings.collect::<Vec<_>>() }))
    }
}

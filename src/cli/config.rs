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
    service::config::{Config, ConfigError, Setting, Source},
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
        let (_, settings) = Config::load(&dir, &[]).map_err(unusable)?;
        output.print(&Settings(settings))?;
        Ok(Exit::Done)
    }
}

/// Settings that can't be used: those of the command line and of variables are wrong command lines.
pub(super) fn unusable(error: ConfigError) -> CliError {
    match error.place() {
        Some(Source::Flag(_)) => CliError::usage(
            error.to_string(),
            "`exhibit config show --dir DIR` lists every setting, its value, and what it is for",
        ),
        Some(Source::Variable(_)) => {
            CliError::usage(error.to_string(), "set the variable right or unset it")
        }
        _ => CliError::failed("the settings can't be used")
            .because(error)
            .with_help("correct the file; a setting that it does not name has its default"),
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

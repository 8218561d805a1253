//! `exhibit init`: a new ledger.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    args,
    error::CliError,
    exit::Exit,
    key,
    output::{Output, Render, field_table, fields},
    reading::directory_error,
};
use crate::{
    ledger::note::{KeyName, VerifierKey},
    store::directory::DataDirectory,
};

/// What a new settings file says.
pub(super) const SETTINGS: &str = "\
# Settings of this ledger's server. A flag or an EXHIBIT_* variable goes before what stands here.
# `exhibit config show --dir DIR` lists every setting, its value, and where that comes from.
";

/// Make a new ledger: its data directory, its key and an empty journal (offline)
#[derive(Debug, clap::Args)]
pub(super) struct Init {
    /// The data directory: new, or empty
    #[arg(value_parser = args::path)]
    dir: PathBuf,
    /// The ledger's name, for ever: a URL without its scheme is recommended, such as audit.example.com/payments
    #[arg(long, value_name = "NAME", value_parser = args::origin)]
    origin: KeyName,
    /// Use this signing key, made by `exhibit key generate` under the same name, in place of a new one
    #[arg(long, value_name = "FILE", value_parser = args::path)]
    key: Option<PathBuf>,
}

impl Init {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let signing = match &self.key {
            None => key::generate(self.origin.clone())?,
            Some(file) => key::read_signing(file)?,
        };
        if *signing.verifier().name() != self.origin {
            return Err(CliError::usage(
                format!(
                    "the key is named {}, and the ledger is to be named {}",
                    signing.verifier().name(),
                    self.origin
                ),
                "a ledger's key has the ledger's name: change --origin or --key",
            ));
        }
        if self.dir.exists() && !self.dir.is_dir() {
            let what = format!("{} is no directory", self.dir.display());
            return Err(CliError::failed(what).with_help("name a new or an empty directory"));
        }
        let directory =
            DataDirectory::create(&self.dir, &signing, SETTINGS).map_err(directory_error)?;
        output.print(&Made {
            dir: directory.path(),
            key: directory.verifier(),
        })?;
        Ok(Exit::Done)
    }
}

struct Made<'a> {
    dir: &'a Path,
    key: &'a VerifierKey,
}

impl Made<'_> {
    fn fields(&self) -> [(&'static str, String); 3] {
        [
            ("directory", self.dir.display().to_string()),
            ("origin", self.key.name().to_string()),
            ("verifier key", self.key.to_string()),
        ]
    }
}

impl Render for Made<'_> {
    const FORMAT: &'static str = "exhibit-init/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "made a new ledger")?;
        fields(out, &self.fields())?;
        writeln!(
            out,
            "\nGive the verifier key to everyone who is to verify. Keep log.key secret, and a copy of it safe.\n\
             Next: exhibit serve --dir {}",
            self.dir.display()
        )
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "**New ledger**\n")?;
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({
            "dir": self.dir.display().to_string(),
            "origin": self.key.name().as_str(),
            "verifier_key": self.key.to_string(),
        }))
    }
}

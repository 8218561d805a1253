//! `exhibit key`: making keys, and showing the half of one that is public.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

#[cfg(feature = "server")]
mod add;
#[cfg(feature = "server")]
mod change;
#[cfg(feature = "server")]
mod changed;
mod history;
#[cfg(feature = "server")]
mod posting;

use super::{
    args,
    error::{CliError, say},
    exit::Exit,
    output::{Output, Render, field_table, fields},
    reading::directory_error,
};
use crate::{
    ledger::note::{CosigningKey, KeyName, NoteError, SigningKey, VerifierKey},
    store::directory::{refuse_exposed, refuse_other_layout},
};

/// Make, show, rotate and retire signing keys (offline)
#[derive(Debug, clap::Args)]
pub(super) struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KeyCommand {
    /// Make a new signing key and print its verifier key (offline)
    ///
    /// `exhibit init` makes a ledger's key by itself; this is for keys that are made and kept elsewhere.
    Generate {
        /// The key's name: for a ledger's key, its origin
        #[arg(long, value_parser = args::origin)]
        name: KeyName,
        /// Where the secret key goes; nobody else may read the file
        #[arg(long, value_name = "FILE", value_parser = args::path)]
        out: PathBuf,
    },
    #[cfg(feature = "server")]
    Add(add::Add),
    #[cfg(feature = "server")]
    Rotate(change::Rotate),
    #[cfg(feature = "server")]
    Retire(change::Retire),
    #[cfg(feature = "server")]
    Compromised(change::Compromised),
    History(history::History),
    /// Show the verifier key that belongs to a signing key, or check a verifier key (offline)
    Show {
        /// A file with a signing key or a verifier key, or a data directory
        #[arg(value_name = "FILE|DIR", value_parser = args::path)]
        path: PathBuf,
    },
}

impl Key {
    pub(super) fn run(self, output: &mut Output) -> Result<Exit, CliError> {
        let key = match self.command {
            KeyCommand::Generate { name, out } => {
                let key = generate(name)?;
                write_secret(&out, &key)?;
                say(
                    "note",
                    format!("the secret key is in {}; keep it safe", out.display()),
                );
                key.verifier().clone()
            }
            #[cfg(feature = "server")]
            KeyCommand::Add(command) => return command.run(output),
            #[cfg(feature = "server")]
            KeyCommand::Rotate(command) => return command.run(output),
            #[cfg(feature = "server")]
            KeyCommand::Retire(command) => return command.run(output),
            #[cfg(feature = "server")]
            KeyCommand::Compromised(command) => return command.run(output),
            KeyCommand::History(command) => return command.run(output),
            KeyCommand::Show { path } => read_verifier(&path)?,
        };
        output.print(&ShownKey(key))?;
        Ok(Exit::Done)
    }
}

/// Makes a key of fresh random bytes.
pub(super) fn generate(name: KeyName) -> Result<SigningKey, CliError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(no_random)?;
    Ok(SigningKey::from_seed(name, &seed))
}

fn no_random(error: getrandom::Error) -> CliError {
    CliError::failed("the system gives no random bytes").because(error)
}

/// Writes a secret to a new file that only its owner can read.
fn write_secret(path: &Path, key: &SigningKey) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let secret = key.to_secret_text();
    let written = options.open(path).and_then(|mut file| {
        file.write_all(secret.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => CliError::Exists {
            path: path.to_owned(),
            help: "a key is never overwritten; name another file",
        },
        _ => CliError::write(path)(error),
    })
}

/// Reads a signing key.
pub(super) fn read_signing(file: &Path) -> Result<SigningKey, CliError> {
    if file.exists() {
        refuse_exposed(file).map_err(|error| {
            CliError::failed("the key is not taken").because(error).with_help(
                "whoever could read it may sign as the ledger: make another with `exhibit key generate`, or take others' access away with chmod 600",
            )
        })?;
    }
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(CliError::read(file))?);
    text.trim().parse().map_err(not_a_key(file))
}

/// Reads a verifier key from a key file of either kind, or from the directory of a ledger or a witness.
fn read_verifier(path: &Path) -> Result<VerifierKey, CliError> {
    let file = if path.is_dir() {
        let witness = path.join("witness.vkey");
        if witness.exists() {
            witness
        } else {
            refuse_other_layout(path).map_err(directory_error)?;
            path.join("log.vkey")
        }
    } else {
        path.to_owned()
    };
    let text = Zeroizing::new(std::fs::read_to_string(&file).map_err(CliError::read(&file))?);
    let text = text.trim();
    let key = if text.starts_with("PRIVATE+KEY+") {
        text.parse()
            .map(|key: SigningKey| key.verifier().clone())
            .or_else(|error| match text.parse() {
                Ok(key) => Ok(CosigningKey::verifier(&key).clone()),
                Err(_) => Err(error),
            })
    } else {
        text.parse()
    };
    key.map_err(not_a_key(&file))
}

fn not_a_key(file: &Path) -> impl FnOnce(NoteError) -> CliError {
    let what = format!("{} does not hold such a key", file.display());
    |error| {
        CliError::failed(what)
            .because(error)
            .with_help("`exhibit key generate` makes one")
    }
}

/// A verifier key, as it is printed.
struct ShownKey(VerifierKey);

impl ShownKey {
    fn fields(&self) -> [(&'static str, String); 3] {
        [
            ("name", self.0.name().to_string()),
            ("key id", self.0.id().to_string()),
            ("verifier key", self.0.to_string()),
        ]
    }
}

impl Render for ShownKey {
    const FORMAT: &'static str = "exhibit-key/1";

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        fields(out, &self.fields())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        field_table(out, &self.fields())
    }

    fn json(&self) -> serde_json::Result<serde_json::Value> {
        Ok(serde_json::json!({
            "name": self.0.name().as_str(),
            "key_id": self.0.id().to_string(),
            "verifier_key": self.0.to_string(),
        }))
    }
}

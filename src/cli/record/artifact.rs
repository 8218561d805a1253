//! Flags about artifacts: named by digest, or digested here.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{
    super::{args, error::CliError},
    EVIDENCE,
};
use crate::evidence::Artifact;

/// What was built, tested or deployed.
#[derive(Debug, clap::Args)]
pub(super) struct ArtifactArgs {
    /// An artifact: [NAME@]sha256:HEX or sha512:HEX, and ,version=VERSION where it has one; may be repeated
    #[arg(
        long = "artifact",
        value_name = "NAME@DIGEST",
        value_parser = artifact,
        env = "EXHIBIT_ARTIFACT",
        hide_env_values = true,
        help_heading = EVIDENCE
    )]
    artifacts: Vec<Artifact>,
    /// An artifact that is a file here: its name and SHA-256 are recorded, not its content; may be repeated
    #[arg(long = "artifact-file", value_name = "FILE", value_parser = args::path, help_heading = EVIDENCE)]
    files: Vec<PathBuf>,
}

impl ArtifactArgs {
    /// The artifacts, in the order of the flags, those by digest first.
    pub(super) fn artifacts(self) -> Result<Vec<Artifact>, CliError> {
        with_files(self.artifacts, &self.files)
    }
}

/// Adds files to artifacts.
pub(super) fn with_files(
    mut artifacts: Vec<Artifact>,
    files: &[PathBuf],
) -> Result<Vec<Artifact>, CliError> {
    for file in files {
        artifacts.push(digest(file).map_err(CliError::read(file))?);
    }
    Ok(artifacts)
}

/// Reads `[NAME@]ALGORITHM:HEX[,version=VERSION]`.
pub(super) fn artifact(value: &str) -> Result<Artifact, String> {
    let shape = "write it as NAME@sha256:HEX, or NAME@sha256:HEX,version=VERSION";
    let (name, rest) = match value.rsplit_once('@') {
        Some(("", _)) => return Err(format!("its name is empty; {shape}")),
        Some((name, rest)) => (Some(name), rest),
        None => (None, value),
    };
    let (digest, version) = match rest.split_once(",version=") {
        Some((_, "")) => return Err(format!("its version is empty; {shape}")),
        Some((digest, version)) => (digest, Some(version)),
        None => (rest, None),
    };
    let (algorithm, hex) = digest.split_once(':').ok_or(shape)?;
    let digits = match algorithm {
        "sha256" => 64,
        "sha512" => 128,
        _ => return Err(format!("{algorithm} is not sha256 or sha512; {shape}")),
    };
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    if hex.len() != digits || !hex.chars().all(is_digit) {
        return Err(format!(
            "{algorithm} is followed by {digits} hexadecimal digits in lower case; {shape}"
        ));
    }
    Ok(Artifact {
        name: name.map(str::to_owned),
        digest: digest.to_owned(),
        version: version.map(str::to_owned),
    })
}

fn digest(path: &Path) -> io::Result<Artifact> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(buffer.get(..read).unwrap_or_default());
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(Artifact {
        name: Some(name.to_string_lossy().into_owned()),
        digest: format!("sha256:{}", hex::encode(hash.finalize())),
        version: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_name_digest_and_version() {
        let hex = "0123456789abcdef".repeat(4);
        let read = artifact(&format!("registry:5000/a@b@sha256:{hex},version=1.2")).unwrap();
        assert_eq!(
            (read.name.as_deref(), read.digest, read.version.as_deref()),
            (
                Some("registry:5000/a@b"),
                format!("sha256:{hex}"),
                Some("1.2")
            )
        );
        assert_eq!(artifact(&format!("sha256:{hex}")).unwrap().name, None);
        for wrong in [
            String::new(),
            "payments".to_owned(),
            "payments:1.2".to_owned(),
            format!("@sha256:{hex}"),
            format!("a@md5:{hex}"),
            format!("a@sha512:{hex}"),
            format!("a@sha256:{}", hex.to_uppercase()),
            format!("a@sha256:{hex},version="),
        ] {
            assert!(artifact(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_is_digested_as_sha256sum_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.xml");
        std::fs::write(&path, "abc").unwrap();
        let read = digest(&path).unwrap();
        assert_eq!(read.name.as_deref(), Some("report.xml"));
        assert_eq!(
            read.digest,
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}

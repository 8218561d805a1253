//! Flags about commits.

use super::{super::args, EVIDENCE};
use crate::evidence::Revision;

/// One commit.
#[derive(Debug, clap::Args)]
pub(super) struct RevisionArgs {
    /// The commit's id, in full
    #[arg(long, value_name = "HEX", value_parser = commit, env = "EXHIBIT_COMMIT", hide_env_values = true, help_heading = EVIDENCE)]
    commit: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// The commits of a change.
#[derive(Debug, clap::Args)]
pub(super) struct RevisionsArgs {
    /// A commit the change consists of, its id in full; may be repeated
    #[arg(long = "commit", value_name = "HEX", value_parser = commit, env = "EXHIBIT_COMMIT", hide_env_values = true, help_heading = EVIDENCE)]
    commits: Vec<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, clap::Args)]
struct PlaceArgs {
    /// The URI of the commit's repository
    #[arg(long, value_name = "URI", value_parser = args::text, env = "EXHIBIT_REPOSITORY", hide_env_values = true, help_heading = EVIDENCE)]
    repository: Option<String>,
    /// The commit's branch or tag
    #[arg(long = "ref", value_name = "NAME", value_parser = args::text, env = "EXHIBIT_REF", hide_env_values = true, help_heading = EVIDENCE)]
    reference: Option<String>,
}

impl RevisionArgs {
    /// The commit, where one is given.
    pub(super) fn revision(self) -> Option<Revision> {
        Some(self.place.at(self.commit?))
    }
}

impl RevisionsArgs {
    /// The commits.
    pub(super) fn revisions(self) -> Vec<Revision> {
        let place = self.place;
        self.commits
            .into_iter()
            .map(|commit| place.at(commit))
            .collect()
    }
}

impl PlaceArgs {
    fn at(&self, commit: String) -> Revision {
        Revision {
            repository: self.repository.clone(),
            commit,
            reference: self.reference.clone(),
        }
    }
}

fn commit(value: &str) -> Result<String, String> {
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    if matches!(value.len(), 40 | 64) && value.chars().all(is_digit) {
        Ok(value.to_owned())
    } else {
        Err("a commit id has 40 or 64 hexadecimal digits in lower case; `git rev-parse HEAD` prints it".to_owned())
    }
}

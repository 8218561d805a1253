//! One ledger in several histories, all signed with its own key: as it was, as it went on, rewritten, begun anew.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use exhibit::service::{
    proto,
    rpc::client::{ClientOptions, connect},
};
use tempfile::TempDir;

use super::{Done, ORIGIN};
use crate::{
    process::{Server, exhibit, init},
    support::event,
};

pub(super) struct Histories {
    pub(super) home: TempDir,
    pub(super) vkey: String,
}

impl Histories {
    /// A ledger with two entries, in `ledger`.
    pub(super) fn begin() -> Self {
        let home = tempfile::tempdir().unwrap();
        let ledger = init(home.path(), ORIGIN);
        let vkey = fs::read_to_string(ledger.join("log.vkey")).unwrap();
        let all = Self {
            home,
            vkey: vkey.trim().to_owned(),
        };
        all.copy("ledger", "empty");
        all.record("ledger", &["a", "b"]);
        all
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Copies a data directory, whose server must not be running.
    pub(super) fn copy(&self, from: &str, to: &str) {
        copy_folder(&self.path(from), &self.path(to));
    }

    /// Records events in a ledger that is served for as long as that takes.
    pub(super) fn record(&self, name: &str, ids: &[&str]) {
        let server = Server::start(&self.path(name));
        record_at(&server.url(), ids);
        assert_eq!(server.stop().code(), Some(0));
    }

    /// Runs the program; what it remembers lies in this home.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = exhibit();
        command
            .args(arguments)
            .env_remove("EXHIBIT_NO_PINS")
            .env_remove("EXHIBIT_VKEY")
            .env("XDG_STATE_HOME", self.path("state"));
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output().unwrap())
    }
}

/// Records events at a server, one after the other.
pub(super) fn record_at(url: &str, ids: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut client = connect(url, &ClientOptions::default()).await.unwrap();
        for id in ids {
            let request = proto::AppendRequest {
                event: Some(event("ci:a", id)),
                ..Default::default()
            };
            client.append(request).await.unwrap();
        }
    });
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

//! The demo's connection to its server, and what it gathers: receipts and a pack.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Instant,
};

use tonic::{Status, transport::Channel};

use super::{Teller, story::Chapter, telling::describe, write};
use crate::{
    cli::{
        error::CliError,
        local::LocalServer,
        pack_file::{NewFile, Replace},
    },
    ledger::{checkpoint::SignedCheckpoint, note::VerifierKey, receipt::Receipt},
    service::{
        proto::{
            AppendRequest, AppendStreamRequest, Event, ExportPackRequest, GetCheckpointRequest,
            append_stream_response::Result as Answer, ledger_client::LedgerClient,
        },
        rpc::client::{ClientOptions, connect},
    },
};

/// The demo's stage.
pub(super) struct Scene {
    dir: PathBuf,
    pub(super) key: VerifierKey,
    client: LedgerClient<Channel>,
    receipts: Vec<(PathBuf, Receipt)>,
    /// The last checkpoint the server gave.
    pub(super) checkpoint: Option<SignedCheckpoint>,
}

impl Scene {
    pub(super) async fn open(
        dir: &Path,
        server: &LocalServer,
        key: VerifierKey,
    ) -> Result<Self, CliError> {
        let client = connect(&server.url(), &ClientOptions::default())
            .await
            .map_err(|error| CliError::failed("can't reach the server").because(error))?;
        let receipts = dir.join("receipts");
        fs::create_dir(&receipts).map_err(CliError::write(&receipts))?;
        Ok(Self {
            dir: dir.to_owned(),
            key,
            client,
            receipts: Vec::new(),
            checkpoint: None,
        })
    }

    /// The pack's place.
    pub(super) fn pack(&self) -> PathBuf {
        self.dir.join("audit-pack.zip")
    }

    /// The data directory's place.
    pub(super) fn ledger(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    /// Where copies are tampered with.
    pub(super) fn workshop(&self) -> PathBuf {
        self.dir.join(".tampered")
    }

    /// Posts a chapter's events one call each, and keeps their receipts.
    pub(super) async fn chapter(
        &mut self,
        chapter: &Chapter,
        teller: &mut Teller<'_>,
    ) -> Result<(), CliError> {
        teller.say(&format!("   {}", chapter.heading))?;
        for event in &chapter.events {
            let (kind, what) = describe(event);
            let id = event.event_id.clone();
            let request = AppendRequest {
                event: Some(event.clone()),
                ..Default::default()
            };
            let answer = self
                .client
                .append(request)
                .await
                .map_err(refused)?
                .into_inner();
            let index = answer.recorded.map_or(0, |recorded| recorded.index);
            teller.say(&format!("     {index:>4}  {kind:<10}  {what}"))?;
            let path = self.dir.join("receipts").join(format!("{id}.tlog-proof"));
            write(&path, answer.receipt.as_bytes())?;
            let receipt = Receipt::parse(answer.receipt.as_bytes())
                .map_err(|error| CliError::failed("the receipt can't be read").because(error))?;
            self.receipts.push((path, receipt));
        }
        Ok(())
    }

    /// Posts events over one stream.
    pub(super) async fn stream(
        &mut self,
        events: &[Event],
        teller: &mut Teller<'_>,
    ) -> Result<(), CliError> {
        if events.is_empty() {
            return Ok(());
        }
        let requests: Vec<_> = events
            .iter()
            .map(|event| AppendStreamRequest {
                event: Some(event.clone()),
                want_receipt: false,
                ..Default::default()
            })
            .collect();
        let started = Instant::now();
        let stream = self
            .client
            .append_stream(tokio_stream::iter(requests))
            .await;
        let mut answers = stream.map_err(refused)?.into_inner();
        let mut recorded = 0u64;
        while let Some(answer) = answers.message().await.map_err(refused)? {
            match answer.result {
                Some(Answer::Recorded(_)) => recorded = recorded.saturating_add(1),
                other => return Err(CliError::failed(format!("an event was refused: {other:?}"))),
            }
        }
        let took = started.elapsed().as_secs_f64() * 1000.0;
        teller.say(&format!("   nightly dependency updates\n           {recorded} routine events over one stream, in {took:.0} ms"))
    }

    /// Checks the receipts with the key alone, and shows one.
    pub(super) fn receipts(&self, teller: &mut Teller<'_>) -> Result<Vec<Receipt>, CliError> {
        for (path, receipt) in &self.receipts {
            receipt.verify(&self.key).map_err(|error| {
                CliError::failed(format!("{} proves nothing", path.display())).because(error)
            })?;
        }
        if let Some((path, receipt)) = self.receipts.last() {
            let signed = receipt.checkpoint.checkpoint();
            teller.say(&format!(
                "   {}\n   entry {} stands in the ledger of {} entries that {} signed: {} hashes lead to its root\n   all {} receipts hold",
                path.display(),
                receipt.index,
                signed.size,
                signed.origin,
                receipt.proof.len(),
                self.receipts.len()
            ))?;
        }
        Ok(self
            .receipts
            .iter()
            .map(|(_, receipt)| receipt.clone())
            .collect())
    }

    /// Takes a full pack from the server.
    pub(super) async fn export(&mut self, teller: &mut Teller<'_>) -> Result<(), CliError> {
        let answer = self.client.get_checkpoint(GetCheckpointRequest {}).await;
        let note = answer.map_err(refused)?.into_inner().checkpoint;
        let checkpoint = SignedCheckpoint::open(note.as_bytes(), &self.key);
        self.checkpoint =
            Some(checkpoint.map_err(|error| {
                CliError::failed("the checkpoint can't be trusted").because(error)
            })?);
        let path = self.pack();
        let mut file = NewFile::create(&path, Replace::No)?;
        let stream = self.client.export_pack(ExportPackRequest::default()).await;
        let mut chunks = stream.map_err(refused)?.into_inner();
        let mut bytes = 0usize;
        while let Some(message) = chunks.message().await.map_err(refused)? {
            file.write_all(&message.chunk)
                .map_err(CliError::write(&path))?;
            bytes = bytes.saturating_add(message.chunk.len());
        }
        file.keep()?;
        teller.say(&format!(
            "   {}, {} KB: entries, payloads, proofs, and a listing for people",
            path.display(),
            bytes / 1000
        ))
    }
}

fn refused(status: Status) -> CliError {
    CliError::failed(format!("the server refused: {}", status.message())).because(status)
}

//! The service `exhibit.v1.Ledger`: each call to where it is answered.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    append::{append, append_stream},
    errors::shutting_down,
    export,
    ledger_sink::LedgerSink,
    pages::Pages,
    read,
    witnessed::{exportable, get_checkpoint},
};
use crate::service::{
    config::Limits,
    cosigning::Cosigning,
    ledger::Ledger,
    proto::{self, ledger_server},
};

/// The service of one ledger.
pub(super) struct LedgerService {
    ledger: Ledger,
    limits: Limits,
    cosigning: Option<Arc<Cosigning>>,
    /// Places for exports.
    exports: Arc<Semaphore>,
    /// Says that the server is being shut down: streams end then.
    stopping: CancellationToken,
}

impl LedgerService {
    pub(super) fn new(
        ledger: Ledger,
        limits: Limits,
        cosigning: Option<Arc<Cosigning>>,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            ledger,
            limits,
            cosigning,
            exports: Arc::new(Semaphore::new(limits.exports_max)),
            stopping,
        }
    }

    fn sink(&self) -> LedgerSink {
        LedgerSink {
            ledger: self.ledger.clone(),
            cosigning: self.cosigning.clone(),
        }
    }

    /// Whether a stream may begin.
    fn check_open(&self) -> Result<(), Status> {
        if self.stopping.is_cancelled() {
            Err(shutting_down())
        } else {
            Ok(())
        }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ledger_server::Ledger for LedgerService {
    type AppendStreamStream = Pages<proto::AppendStreamResponse>;
    type ListEntriesStream = Pages<proto::ListEntriesResponse>;
    type WatchStream = Pages<proto::WatchResponse>;
    type ExportPackStream = Pages<proto::ExportPackResponse>;

    async fn append(
        &self,
        request: Request<proto::AppendRequest>,
    ) -> Answer<proto::AppendResponse> {
        let answer = append(&self.sink(), request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn append_stream(
        &self,
        request: Request<Streaming<proto::AppendStreamRequest>>,
    ) -> Answer<Self::AppendStreamStream> {
        self.check_open()?;
        Ok(Response::new(append_stream(
            self.sink(),
            request.into_inner(),
            self.limits.stream_events_max,
            self.limits.answer_timeout,
            self.stopping.clone(),
        )))
    }

    async fn get_entry(
        &self,
        request: Request<proto::GetEntryRequest>,
    ) -> Answer<proto::GetEntryResponse> {
        let entry = read::get_entry(self.ledger.clone(), request.into_inner()).await?;
        Ok(Response::new(entry))
    }

    async fn list_entries(
        &self,
        request: Request<proto::ListEntriesRequest>,
    ) -> Answer<Self::ListEntriesStream> {
        self.check_open()?;
        let patience = self.limits.answer_timeout;
        let entries = read::list_entries(self.ledger.clone(), request.into_inner(), patience)?;
        Ok(Response::new(entries))
    }

    async fn watch(&self, request: Request<proto::WatchRequest>) -> Answer<Self::WatchStream> {
        self.check_open()?;
        let (patience, stopping) = (self.limits.answer_timeout, self.stopping.clone());
        let request = request.into_inner();
        let entries = read::watch(self.ledger.clone(), request, patience, stopping)?;
        Ok(Response::new(entries))
    }

    async fn get_checkpoint(
        &self,
        _: Request<proto::GetCheckpointRequest>,
    ) -> Answer<proto::GetCheckpointResponse> {
        let checkpoint = get_checkpoint(&self.ledger, self.cosigning.as_deref())?;
        Ok(Response::new(checkpoint))
    }

    async fn get_receipt(
        &self,
        request: Request<proto::GetReceiptRequest>,
    ) -> Answer<proto::GetReceiptResponse> {
        let receipt = read::get_receipt(self.ledger.clone(), request.into_inner()).await?;
        Ok(Response::new(receipt))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<proto::GetConsistencyProofRequest>,
    ) -> Answer<proto::GetConsistencyProofResponse> {
        let proof = read::get_consistency_proof(self.ledger.clone(), request.into_inner()).await?;
        Ok(Response::new(proof))
    }

    async fn export_pack(
        &self,
        request: Request<proto::ExportPackRequest>,
    ) -> Answer<Self::ExportPackStream> {
        self.check_open()?;
        let (patience, request) = (self.limits.answer_timeout, request.into_inner());
        let place = export::place(&self.exports)?;
        let checkpoint = exportable(&self.ledger, self.cosigning.as_deref()).await?;
        if self.cosigning.is_some() {
            export::check_published(&self.ledger, &checkpoint, &request)?;
        }
        let ledger = self.ledger.clone();
        let pack = export::export_pack(ledger, &checkpoint, request, patience, place)?;
        Ok(Response::new(pack))
    }
}

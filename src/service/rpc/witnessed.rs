//! Calls that wait for witnesses.

use std::sync::Arc;

use tonic::Status;

use super::{
    errors::{Reason, invalid_field, refusal, refusal_about},
    read::{blocking, read_failed},
};
use crate::{
    ledger::{checkpoint::SignedCheckpoint, position::EntryIndex},
    service::{
        cosigning::Cosigning,
        ledger::Ledger,
        proto::{AppendResponse, Wait},
    },
};

/// Whom an append waits for, if for anybody. Asked before anything is recorded.
pub(super) fn witnesses_for(
    wait: i32,
    cosigning: Option<&Cosigning>,
) -> Result<Option<&Cosigning>, Status> {
    match Wait::try_from(wait) {
        Ok(Wait::Unspecified | Wait::Durable) => Ok(None),
        Ok(Wait::Witnessed) => cosigning.map(Some).ok_or_else(|| {
            let told = "this server has no witnesses to wait for, and nothing was recorded; wait for `durable` only, or have its operator set witness.policy";
            refusal(Reason::NoWitnesses, told)
        }),
        Err(_) => Err(invalid_field(
            "wait",
            format!("{wait} is none of the values of Wait"),
        )),
    }
}

/// Waits until the event of an answer has been witnessed, and makes its receipt the one that says so.
pub(super) async fn witnessed(
    ledger: &Ledger,
    cosigning: &Cosigning,
    answer: &mut AppendResponse,
) -> Result<(), Status> {
    let index = answer
        .recorded
        .as_ref()
        .map_or(0, |recorded| recorded.index);
    let index = EntryIndex::new(index);
    let seen = cosigning.wait_for(index).await.map_err(|late| {
        refusal_about(
            Reason::NotWitnessed,
            format!("the event is recorded, durably, as entry {index}, and {late}; ask for its receipt later"),
            [("index", index.to_string())],
        )
    })?;
    let ledger = ledger.clone();
    answer.receipt = blocking(move || {
        let receipt = ledger.receipt_under(index, &seen);
        receipt.map_err(|error| read_failed(&error))
    })
    .await?
    .to_string();
    Ok(())
}

/// The checkpoint of everything that is committed, cosigned where there are witnesses and they answer in time.
pub(super) async fn newest(
    ledger: &Ledger,
    cosigning: Option<&Cosigning>,
) -> Arc<SignedCheckpoint> {
    let checkpoint = ledger.checkpoint();
    let (Some(cosigning), Some(last)) = (cosigning, checkpoint.checkpoint().size.last()) else {
        return checkpoint;
    };
    match cosigning.wait_for(last).await {
        Ok(witnessed) => witnessed,
        Err(late) => {
            tracing::warn!(%late, "a pack is exported without the witnesses' cosignatures");
            checkpoint
        }
    }
}

/// The published checkpoint, or that there is none yet.
pub(super) fn published(ledger: &Ledger) -> Result<Arc<SignedCheckpoint>, Status> {
    ledger.published().ok_or_else(|| {
        let told = "no checkpoint has been witnessed yet; try again, or ask the ledger's operator about its witnesses";
        refusal(Reason::NotWitnessed, told)
    })
}

//! Calls that wait for witnesses.

use std::sync::Arc;

use tonic::Status;

use super::{
    errors::{Reason, invalid_field, refusal, refusal_about},
    read::{blocking, read_failed},
    sink::{Answered, Receipted},
};
use crate::{
    ledger::{checkpoint::SignedCheckpoint, position::EntryIndex},
    service::{
        cosigning::{Cosigning, NotWitnessed, Standing},
        ledger::Ledger,
        proto::{self, Wait},
    },
};

/// Whether an event that asks for this is to be seen by witnesses. Asked before anything is recorded.
pub(super) fn waits_for_witnesses(
    wait: i32,
    cosigning: Option<&Cosigning>,
) -> Result<bool, Status> {
    match Wait::try_from(wait) {
        Ok(Wait::Unspecified | Wait::Durable) => Ok(false),
        Ok(Wait::Witnessed) if cosigning.is_some() => Ok(true),
        Ok(Wait::Witnessed) => {
            let told = "this server has no witnesses to wait for, and nothing was recorded; wait for `durable` only, or have its operator set witness.policy";
            Err(refusal(Reason::NoWitnesses, told))
        }
        Err(_) => Err(invalid_field(
            "wait",
            format!("{wait} is none of the values of Wait"),
        )),
    }
}

/// Waits until events that are durable have been witnessed, and makes their receipts the ones that say so.
pub(super) async fn witnessed(
    ledger: &Ledger,
    cosigning: &Cosigning,
    answers: Vec<Answered>,
) -> Vec<Answered> {
    let recorded = answers.iter().flatten();
    let Some(last) = recorded.map(|answer| answer.recorded.index).max() else {
        return answers;
    };
    let (seen, late) = match cosigning.wait_for(EntryIndex::new(last)).await {
        Ok(seen) => (Some(seen), None),
        // Some of them may have been seen all the same.
        Err(late) => (cosigning.witnessed(), Some(late)),
    };
    let ledger = ledger.clone();
    let count = answers.len();
    let receipts = blocking(move || {
        let answers = answers.into_iter();
        Ok(answers
            .map(|answer| receipt_under(&ledger, answer?, seen.as_deref(), late.as_ref()))
            .collect())
    });
    receipts
        .await
        .unwrap_or_else(|status| vec![status; count].into_iter().map(Err).collect())
}

/// The answer to a recorded event under the checkpoint that witnesses have seen, if that covers it.
fn receipt_under(
    ledger: &Ledger,
    mut answer: Receipted,
    seen: Option<&SignedCheckpoint>,
    late: Option<&NotWitnessed>,
) -> Answered {
    let index = EntryIndex::new(answer.recorded.index);
    let Some(seen) = seen.filter(|seen| seen.checkpoint().size.contains(index)) else {
        let late = late.map_or_else(|| "no witness has seen it".to_owned(), ToString::to_string);
        return Err(refusal_about(
            Reason::NotWitnessed,
            format!(
                "the event is recorded, durably, as entry {index}, and {late}; ask for its receipt later"
            ),
            [("index", index.to_string())],
        ));
    };
    if !answer.receipt.is_empty() {
        let receipt = ledger.receipt_under(index, seen);
        answer.receipt = receipt.map_err(|error| read_failed(&error))?.to_string();
    }
    Ok(answer)
}

/// The checkpoint that an export is made under: everything that is committed, cosigned where there are witnesses and
/// they answer in time, and otherwise what is published; never one that the policy keeps from the world.
///
/// # Errors
/// [`Reason::NotWitnessed`] where nothing is published yet.
pub(super) async fn exportable(
    ledger: &Ledger,
    cosigning: Option<&Cosigning>,
) -> Result<Arc<SignedCheckpoint>, Status> {
    let checkpoint = ledger.checkpoint();
    let (Some(cosigning), Some(last)) = (cosigning, checkpoint.checkpoint().size.last()) else {
        return Ok(checkpoint);
    };
    match cosigning.wait_for(last).await {
        Ok(witnessed) => Ok(witnessed),
        Err(late) => {
            tracing::warn!(%late, "a pack is exported under the published checkpoint");
            published(ledger)
        }
    }
}

/// The published checkpoint.
///
/// # Errors
/// [`Reason::NotWitnessed`] where there is none yet.
pub(super) fn published(ledger: &Ledger) -> Result<Arc<SignedCheckpoint>, Status> {
    ledger.published().ok_or_else(|| {
        let told = "no checkpoint has been witnessed yet; try again, or ask the ledger's operator about its witnesses";
        refusal(Reason::NotWitnessed, told)
    })
}

/// The published checkpoint, and how it stands to the witness policy; or that there is none yet.
pub(super) fn get_checkpoint(
    ledger: &Ledger,
    cosigning: Option<&Cosigning>,
) -> Result<proto::GetCheckpointResponse, Status> {
    let published = published(ledger)?;
    let standing = match cosigning.map(|cosigning| cosigning.standing(&published)) {
        None => proto::Witnessing::Unspecified,
        Some(Standing::Met) => proto::Witnessing::Met,
        Some(Standing::Lacking) => proto::Witnessing::Lacking,
        Some(Standing::Held) => proto::Witnessing::Held,
    };
    Ok(proto::GetCheckpointResponse {
        checkpoint: published.note().to_string(),
        witnessing: standing.into(),
        key_history: ledger.key_history().to_string(),
    })
}

//! A fault or a crash at every operation of the disk, then another while recovering from it: what was acknowledged
//! is there, with the same receipt, and nothing is there twice.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::{
    super::{AppendError, Ledger, LedgerError, LedgerOptions, Posting, recovery::Place},
    home::{event, key, verify, verify_receipt},
};
use crate::{
    ledger::{
        position::{TreeSize, count},
        state::State,
    },
    store::{
        disk::sim::{Fault, Restart, SimDisk},
        journal::{Journal, JournalOptions, LostPayloads},
    },
};

const DIRECTORY: &str = "/";
/// So small that a life has several segments.
const JOURNAL: JournalOptions = JournalOptions {
    segment_bytes: 4096,
    lost_payloads: LostPayloads::Confirmed,
};

/// What goes wrong in a life, and when.
#[derive(Debug, Clone, Copy)]
struct Plan {
    first: Option<(u64, Fault)>,
    restart: Restart,
    /// During the recovery.
    second: Option<(u64, Fault)>,
}

fn open(disk: &SimDisk, index: &Path) -> Result<Ledger, LedgerError> {
    let place = Place {
        disk: Arc::new(disk.clone()),
        directory: DIRECTORY.into(),
        index: index.to_owned(),
        signers: key().into(),
        history: Default::default(),
    };
    let options = LedgerOptions {
        journal: JOURNAL,
        ..LedgerOptions::default()
    };
    Ledger::open_at(place, options).map(|(ledger, _)| ledger)
}

/// Three events a round, one of them from the round before.
async fn post(ledger: &Ledger, round: u32) -> Vec<(u32, Result<String, AppendError>)> {
    let ids = [round * 2, round * 2 + 1, round * 2 + 2];
    let posting = |id| Posting {
        event: event("ci", id, "some content"),
        want_receipt: true,
    };
    let answers = ledger.append_many(ids.map(posting).into()).await;
    let receipts = answers
        .into_iter()
        .map(|answer| answer.map(|recorded| verify_receipt(&recorded).to_string()));
    ids.into_iter().zip(receipts).collect()
}

/// One life of a ledger, its end, its recovery and the life after; gives how many operations the disk did until the
/// end of the first.
async fn live(disk: SimDisk, plan: Plan) -> u64 {
    const ROUNDS: u32 = 8;
    let home = tempfile::tempdir().unwrap();
    let index = home.path().join("index");
    let empty = State::new(key().verifier().name().clone());
    let empty = empty.checkpoint().sign(&key());
    let new = Arc::new(disk.clone());
    drop(Journal::create(new, DIRECTORY.as_ref(), &empty, JOURNAL).unwrap());
    let before = disk.operations();
    if let Some((at, fault)) = plan.first {
        disk.plan(at, fault);
    }
    let mut acknowledged: HashMap<u32, String> = HashMap::new();
    if let Ok(ledger) = open(&disk, &index) {
        for round in 0..ROUNDS {
            for (id, answer) in post(&ledger, round).await {
                match answer {
                    Ok(receipt) => {
                        let first = acknowledged.entry(id).or_insert_with(|| receipt.clone());
                        assert_eq!(*first, receipt);
                    }
                    Err(AppendError::NotKnownToBeStored | AppendError::Stopped(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
        ledger.shutdown().await;
    }
    let operations = disk.operations() - before;

    disk.restart(plan.restart);
    if let Some((at, fault)) = plan.second {
        disk.plan(at, fault);
        if let Ok(ledger) = open(&disk, &index) {
            ledger.shutdown().await;
        }
        disk.restart(plan.restart);
    }
    let ledger = open(&disk, &index).unwrap();
    verify(&ledger.reader());
    for round in 0..ROUNDS {
        for (id, answer) in post(&ledger, round).await {
            let receipt = answer.unwrap();
            assert_eq!(
                *acknowledged.entry(id).or_insert_with(|| receipt.clone()),
                receipt
            );
        }
    }
    let size = verify(&ledger.reader());
    assert_eq!(size, TreeSize::new(count(acknowledged.len())));
    ledger.shutdown().await;
    operations
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_fault_at_any_operation_and_another_in_the_recovery() {
    let none = Plan {
        first: None,
        restart: Restart::Power,
        second: None,
    };
    let operations = live(SimDisk::new(0), none).await;
    assert!(operations > 20);
    let mut seed = 0;
    for at in 0..operations {
        for fault in [Fault::Crash, Fault::Error] {
            seed += 1;
            let restart = [Restart::Process, Restart::Power][(seed / 2 % 2) as usize];
            let second = [Fault::Crash, Fault::Error][(seed / 3 % 2) as usize];
            let plan = Plan {
                first: Some((at, fault)),
                restart,
                second: (seed % 3 != 0).then_some((seed % 7, second)),
            };
            tokio::spawn(live(SimDisk::new(seed), plan))
                .await
                .unwrap_or_else(|error| panic!("seed {seed}, {plan:?}: {error}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_only_says_it_synced_is_found_out_by_this_test() {
    let plan = |at| Plan {
        first: Some((at, Fault::Crash)),
        restart: Restart::Power,
        second: None,
    };
    let mut found_out = false;
    for seed in 0..10 {
        let life = live(SimDisk::that_ignores_sync(seed), plan(12 + seed));
        found_out |= tokio::spawn(life).await.is_err();
    }
    assert!(found_out);
}

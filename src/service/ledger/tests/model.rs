//! Random lives of a ledger, compared with a map: events, restarts, lost indexes and failing disks. The whole log is
//! verified after every step.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{
    super::{AppendError, Ledger, Posting},
    disk::Fault,
    home::{Home, event, verify, verify_receipt},
};
use crate::ledger::position::{EntryIndex, TreeSize, count};

#[derive(Debug, Clone)]
enum Step {
    /// Posts these events: id and content.
    Post(Vec<(u8, u8)>),
    Restart,
    RestartWithoutIndex,
    /// Posts these events to a disk that fails, and restarts.
    Fail(Fault, Vec<(u8, u8)>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let events = || prop::collection::vec((0..24u8, 0..2u8), 1..20);
    let fault = prop::sample::select(vec![
        Fault::Write,
        Fault::HalfWrite,
        Fault::Sync,
        Fault::SyncAndGone,
        Fault::Panic,
    ]);
    let step = prop_oneof![
        4 => events().prop_map(Step::Post),
        1 => Just(Step::Restart),
        1 => Just(Step::RestartWithoutIndex),
        1 => (fault, events()).prop_map(|(fault, events)| Step::Fail(fault, events)),
    ];
    prop::collection::vec(step, 1..10)
}

/// What the ledger must hold: each id's content, entry and first receipt.
#[derive(Default)]
struct Model {
    events: HashMap<u8, (u8, EntryIndex, Option<String>)>,
}

impl Model {
    async fn post(&mut self, ledger: &Ledger, events: &[(u8, u8)]) {
        let answers = ledger.append_many(postings(events)).await;
        assert_eq!(answers.len(), events.len());
        for ((id, content), answer) in events.iter().zip(answers) {
            let next = EntryIndex::new(count(self.events.len()));
            match (self.events.get_mut(id), answer) {
                (None, Ok(recorded)) => {
                    assert!(!recorded.duplicate);
                    assert_eq!(recorded.index, next);
                    let receipt = Some(verify_receipt(&recorded).to_string());
                    self.events.insert(*id, (*content, next, receipt));
                }
                (Some((same, index, receipt)), Ok(recorded)) => {
                    assert!(recorded.duplicate);
                    assert_eq!((*same, *index), (*content, recorded.index));
                    let again = verify_receipt(&recorded).to_string();
                    assert_eq!(*receipt.get_or_insert_with(|| again.clone()), again);
                }
                (Some((other, index, _)), Err(error)) => {
                    assert_ne!(other, content);
                    assert_eq!(error, AppendError::AlreadyExists { index: *index });
                }
                (None, Err(error)) => panic!("{error}"),
            }
        }
        assert_eq!(verify(&ledger.reader()), self.size());
    }

    /// Posts events none of whose new ones is acknowledged.
    async fn fail(&self, ledger: &Ledger, events: &[(u8, u8)]) {
        for ((id, content), answer) in events
            .iter()
            .zip(ledger.append_many(postings(events)).await)
        {
            match (self.events.get(id), answer) {
                (Some((known, ..)), Ok(recorded)) => {
                    assert!(known == content && recorded.duplicate)
                }
                (Some((known, ..)), Err(AppendError::AlreadyExists { .. })) => {
                    assert_ne!(known, content)
                }
                (_, Err(AppendError::NotKnownToBeStored | AppendError::Stopped(_))) => {}
                (_, answer) => panic!("{id}: {answer:?}"),
            }
        }
        assert_eq!(verify(&ledger.reader()), self.size());
    }

    /// Takes in what a failed write stored after all.
    fn take_in(&mut self, ledger: &Ledger, events: &[(u8, u8)]) {
        for (id, content) in events {
            if let Some(index) = ledger.find("ci", &id.to_string()).unwrap() {
                self.events.entry(*id).or_insert((*content, index, None));
            }
        }
        assert_eq!(verify(&ledger.reader()), self.size());
    }

    fn size(&self) -> TreeSize {
        TreeSize::new(count(self.events.len()))
    }
}

fn postings(events: &[(u8, u8)]) -> Vec<Posting> {
    let posting = |(id, content): &(u8, u8)| Posting {
        event: event("ci", id, &content.to_string()),
        want_receipt: true,
    };
    events.iter().map(posting).collect()
}

async fn live(steps: Vec<Step>) {
    let home = Home::new();
    let mut model = Model::default();
    let mut ledger = home.open();
    for step in steps {
        match step {
            Step::Post(events) => model.post(&ledger, &events).await,
            Step::Restart | Step::RestartWithoutIndex => {
                ledger.shutdown().await;
                drop(ledger);
                assert_eq!(home.verify(), model.size());
                if matches!(step, Step::RestartWithoutIndex) {
                    home.delete_index();
                }
                ledger = home.open();
            }
            Step::Fail(fault, events) => {
                home.disk.fail_next(fault);
                model.fail(&ledger, &events).await;
                ledger.shutdown().await;
                drop(ledger);
                home.disk.clear();
                ledger = home.open();
                model.take_in(&ledger, &events);
            }
        }
    }
    ledger.shutdown().await;
    assert_eq!(home.verify(), model.size());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_ledger_holds_what_was_acknowledged_once_and_in_order(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(live(steps));
    }
}

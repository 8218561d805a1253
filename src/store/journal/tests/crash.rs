//! What is acknowledged survives: a fault at every operation, then another during recovery.

use crate::{
    ledger::position::TreeSize,
    store::disk::sim::{Fault, Restart, SimDisk},
};

use super::{
    super::{Journal, JournalError, publish_checkpoint},
    Made, check_prefix, create, directory, open, ten,
};

/// Opens the journal, or makes it if its making never came to an end.
fn start(disk: &SimDisk) -> Result<Journal, JournalError> {
    match open(disk) {
        Err(JournalError::Missing(_)) => create(disk),
        opened => opened.map(|(journal, _)| journal),
    }
}

/// Appends what is not there yet and publishes checkpoints, until all is done or the disk fails. Gives the size that
/// was last acknowledged.
fn work(disk: &SimDisk, made: &[Made], acknowledged: &mut TreeSize) -> Result<(), JournalError> {
    let mut journal = start(disk)?;
    *acknowledged = journal.size().max(*acknowledged);
    let left: Vec<&Made> = made
        .iter()
        .filter(|one| one.batch.first >= journal.size().next_index())
        .collect();
    for (number, one) in left.into_iter().enumerate() {
        journal.append(one.encoded.clone())?;
        *acknowledged = journal.size();
        if number % 3 == 1 {
            publish_checkpoint(disk, &directory(), &one.checkpoint)?;
        }
    }
    Ok(())
}

/// Opens what is left twice: both times it must hold what was acknowledged, and the second time change nothing.
fn check_recovery(disk: &SimDisk, made: &[Made], acknowledged: TreeSize) -> Result<(), String> {
    let text = |error: JournalError| error.to_string();
    let journal = start(disk).map_err(text)?;
    check_prefix(&journal.reader(), made, acknowledged)?;
    let (size, contents) = (journal.size(), disk.contents());
    drop(journal);
    let (journal, recovery) = open(disk).map_err(text)?;
    if recovery.cut.is_some() || recovery.removed.is_some() || disk.contents() != contents {
        return Err("the second opening found something to do".into());
    }
    check_prefix(&journal.reader(), made, size)
}

/// A whole run without a fault: how many operations it has.
fn operations(seed: u64, made: &[Made]) -> u64 {
    let disk = SimDisk::new(seed);
    work(&disk, made, &mut TreeSize::default()).unwrap();
    disk.operations()
}

fn one_fault(
    disk: &SimDisk,
    made: &[Made],
    at: u64,
    fault: Fault,
    restart: Restart,
) -> Result<(), String> {
    let mut acknowledged = TreeSize::EMPTY;
    disk.plan(at, fault);
    if work(disk, made, &mut acknowledged).is_ok() {
        return Err("the fault was not reported".into());
    }
    disk.restart(restart);
    check_recovery(disk, made, acknowledged)?;
    // What has been found once is there for good, and so is what is built on it, whenever the power goes next.
    let mut acknowledged = open(disk).map_err(|error| error.to_string())?.0.size();
    if disk.flip() {
        work(disk, made, &mut acknowledged).map_err(|error| error.to_string())?;
    }
    disk.restart(Restart::Power);
    check_recovery(disk, made, acknowledged)
}

/// Every operation, every fault, every way back; what failed, named.
fn all_single_faults(seeds: std::ops::Range<u64>, new: fn(u64) -> SimDisk) -> Vec<String> {
    let mut failures = Vec::new();
    for seed in seeds {
        let made = ten(seed);
        for at in 0..operations(seed, &made) {
            for (fault, restart) in [
                (Fault::Crash, Restart::Power),
                (Fault::Crash, Restart::Process),
                (Fault::Error, Restart::Power),
                (Fault::Error, Restart::Process),
            ] {
                if let Err(failure) = one_fault(&new(seed ^ at), &made, at, fault, restart) {
                    failures.push(format!(
                        "seed {seed}, operation {at}, {fault:?}, {restart:?}: {failure}"
                    ));
                }
            }
        }
    }
    failures
}

#[test]
fn acknowledged_batches_survive_a_fault_at_any_operation() {
    let failures = all_single_faults(0..4, SimDisk::new);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_disk_that_ignores_sync_is_caught() {
    let failures = all_single_faults(0..1, SimDisk::that_ignores_sync);
    let lost = failures.iter().filter(|f| f.contains("were acknowledged"));
    assert!(lost.count() > 0, "the crash test does not bite");
}

#[test]
fn acknowledged_batches_survive_a_second_fault_during_recovery() {
    let mut failures = Vec::new();
    let seed = 11;
    let made = ten(seed);
    for at in 0..operations(seed, &made) {
        // Recovery has a few operations, then the work goes on.
        for second in 0..8 {
            for way in [
                (Restart::Power, Fault::Crash, Restart::Power),
                (Restart::Process, Fault::Crash, Restart::Power),
                (Restart::Process, Fault::Crash, Restart::Process),
                // A sync that fails while opening calls for a restart of the machine, not of the process.
                (Restart::Power, Fault::Error, Restart::Power),
            ] {
                let disk = SimDisk::new(seed ^ at ^ (second << 32));
                if let Err(failure) = two_faults(&disk, &made, (at, second), way) {
                    failures.push(format!("operations {at}, {second}, {way:?}: {failure}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn two_faults(
    disk: &SimDisk,
    made: &[Made],
    (at, second): (u64, u64),
    (first_restart, fault, second_restart): (Restart, Fault, Restart),
) -> Result<(), String> {
    let mut acknowledged = TreeSize::EMPTY;
    disk.plan(at, Fault::Crash);
    let _ = work(disk, made, &mut acknowledged);
    disk.restart(first_restart);
    disk.plan(second, fault);
    let _ = work(disk, made, &mut acknowledged);
    disk.restart(second_restart);
    check_recovery(disk, made, acknowledged)?;
    work(disk, made, &mut acknowledged).map_err(|error| error.to_string())?;
    disk.restart(Restart::Power);
    check_recovery(disk, made, made.last().unwrap().encoded.size())
}

#[test]
fn one_seed_always_gives_the_same_bytes() {
    let made = ten(3);
    let run = || {
        let disk = SimDisk::new(3);
        disk.plan(25, Fault::Crash);
        let _ = work(&disk, &made, &mut TreeSize::default());
        disk.restart(Restart::Power);
        work(&disk, &made, &mut TreeSize::default()).unwrap();
        disk.contents()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_disk_error_stops_the_journal_for_good() {
    let made = ten(5);
    // The write and the sync of the second batch.
    for operation in [2, 3] {
        let disk = SimDisk::new(5);
        let mut journal = create(&disk).unwrap();
        disk.plan(operation, Fault::Error);
        journal.append(made[0].encoded.clone()).unwrap();
        let failed = journal.append(made[1].encoded.clone());
        assert!(
            matches!(failed, Err(JournalError::Disk { .. })),
            "{failed:?}"
        );
        // The disk is well again, and the journal does not believe it.
        for _ in 0..3 {
            let refused = journal.append(made[1].encoded.clone());
            assert!(matches!(refused, Err(JournalError::Stopped)), "{refused:?}");
        }
        assert_eq!(journal.size(), made[0].encoded.size());
        assert_eq!(journal.reader().size(), made[0].encoded.size());
    }
}

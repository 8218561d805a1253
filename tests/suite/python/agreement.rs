//! Both verifiers on the same packs.

use super::*;

#[test]
fn both_verifiers_find_the_same_in_every_case_of_the_tamper_matrix() {
    let Some(python) = python() else { return };
    let original = Original::of(&[100, 200, 1, 299, 13]);
    let mut cases = Cases::new();
    let mut keep = |case: &str, options: &VerifyOptions, tampering: Option<(Tampering, u64)>| {
        let pack = cases.next(".zip");
        fs::copy(original.copy(Of::Pack), &pack).unwrap();
        if let Some((tampering, at)) = tampering {
            let at = EntryIndex::new(at);
            tampering
                .apply_to_pack(&pack, at, &original.key)
                .unwrap_or_else(|error| panic!("{case}: {error}"));
        }
        cases.add(format!("{case}, zip"), &pack, original.key(), options);
        let directory = cases.next("");
        unpack(&pack, &directory);
        let case = format!("{case}, directory");
        cases.add(case, &directory, original.key(), options);
    };
    keep("untouched", &VerifyOptions::default(), None);
    keep("untouched, checkpoint", &original.kept_checkpoint(), None);
    keep("untouched, receipt", &original.kept_receipt(), None);
    for tampering in Tampering::ALL {
        for at in [0, 255, 300, 606] {
            let options = if tampering.needs_evidence() {
                original.kept_checkpoint()
            } else {
                VerifyOptions::default()
            };
            let case = format!("{}, at {at}", tampering.name());
            keep(&case, &options, Some((*tampering, at)));
        }
    }
    for tampering in [Tampering::HistoryRewritten, Tampering::RolledBack] {
        let case = format!("{}, receipt", tampering.name());
        keep(&case, &original.kept_receipt(), Some((tampering, 4)));
        let case = format!("{}, nothing kept", tampering.name());
        keep(&case, &VerifyOptions::default(), Some((tampering, 4)));
    }
    let mut wrong = Vec::new();
    for (case, first, second) in cases.judge(python) {
        if first != second {
            wrong.push(format!("{case}:\n  first {first:?}\n  second {second:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cases\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

//! Packs that somebody made to be believed: well signed, with a lie where a reader may not look.

use super::*;

#[test]
fn both_verifiers_judge_a_pack_that_was_made_to_deceive_as_they_should() {
    let (Some(maker), Some(python)) = (python(), python()) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let made = script(maker, "hostile.py", &[directory.path()]);
    let made = made.as_array().unwrap();
    let mut cases = Cases::new();
    for row in made {
        let text = |name: &str| row[name].as_str().unwrap();
        let key: VerifierKey = text("key").parse().unwrap();
        let options = VerifyOptions::default();
        cases.add(
            text("name").to_owned(),
            Path::new(text("path")),
            &key,
            &options,
        );
    }
    let mut wrong = Vec::new();
    for ((case, first, second), row) in cases.judge(python).iter().zip(made) {
        let right = row["exit"].as_u64().unwrap();
        if (first.exit, second.exit) != (right, right) {
            wrong.push(format!(
                "{case}: {right} is right, first {} {:?}, second {} {:?}",
                first.exit, first.findings, second.exit, second.findings
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_second_verifier_never_says_verified_where_a_limit_kept_it_from_looking() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let wrong = script(python, "limits.py", &[directory.path()]);
    assert_eq!(wrong, json!([]));
}

//! What an export discloses and withholds, and that it says so.

use std::fs;

use super::{DIGEST, Done, Home};

/// Records two deployments, each with a comment.
fn commented() -> Home {
    let home = Home::new();
    for id in ["run-1", "run-2"] {
        let artifact = format!("payments@{DIGEST}");
        home.deploy(&[
            "--event-id",
            id,
            "--artifact",
            &artifact,
            "--comment",
            "as planned",
        ])
        .is(0, &[]);
    }
    home
}

/// The ledger as the server has it, and as its directory has it.
fn both(home: &Home) -> [Vec<String>; 2] {
    let dir = home.ledger.to_str().unwrap().to_owned();
    [Vec::new(), vec!["--dir".to_owned(), dir]]
}

fn export(home: &Home, place: &[String], name: &str, more: &[&str]) -> Done {
    let out = home.path(name);
    let mut command = home.command(&["export", "--out", &out]);
    Done::of(command.args(place).args(more).output().unwrap())
}

#[test]
fn what_is_to_be_withheld_and_fits_nothing_is_refused() {
    let home = commented();
    for (number, place) in both(&home).iter().enumerate() {
        for (more, said) in [
            (
                &["--withhold", "coment"][..],
                "\"coment\" is the name of no readable part of entries 0..2",
            ),
            (
                &["--withhold", "comment", "--withhold", "Comment"],
                "\"Comment\"",
            ),
            (&["--type", "exhibit.deploy.v1"], "the type of none"),
            (&["--source", "https://other.example"], "the source of none"),
            (&["--subject", "nothing"], "the subject of none"),
            (
                &["--recorded-before", "1999-01-01"],
                "the filter as a whole fits none of entries 0..2",
            ),
        ] {
            let pack = format!("{number}.zip");
            export(&home, place, &pack, more).is(3, &[said, "unmatched"]);
            assert!(!fs::exists(home.path(&pack)).unwrap(), "{more:?}");
            let allowed = format!("allowed{number}{}.zip", said.len());
            let more = [more, &["--allow-unmatched"]].concat();
            export(&home, place, &allowed, &more).is(0, &["warning:", said, "exported"]);
        }
    }
}

#[test]
fn an_export_says_what_it_discloses() {
    let home = commented();
    for (number, place) in both(&home).iter().enumerate() {
        let pack = format!("{number}.zip");
        let more = ["--withhold", "comment", "--start", "1", "--format", "json"];
        let done = export(&home, place, &pack, &more).is(0, &[]);
        let told: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(told["range"], serde_json::json!({"start": 1, "end": 2}));
        assert_eq!(told["entries"], 2);
        assert_eq!(told["payloads_disclosed"], 1);
        assert_eq!(told["parts_withheld"]["comment"], 2, "{told}");
        assert_eq!(told["parts_withheld_before"], 0);
        let bytes = fs::read(home.path(&pack)).unwrap();
        assert_eq!(told["bytes"], bytes.len());
        use sha2::Digest as _;
        assert_eq!(told["sha256"], hex::encode(sha2::Sha256::digest(&bytes)));
        let text = export(&home, place, &format!("text-{pack}"), &more[..4]);
        text.is(
            0,
            &[
                "1..2: 1 entry, and 1 around the range without payload",
                "comment 2",
            ],
        );
    }
    let [served, local] = ["0.zip", "1.zip"].map(|name| fs::read(home.path(name)).unwrap());
    assert_eq!(served, local);
}

#[test]
fn an_end_of_zero_is_a_range_without_entries_and_not_the_whole_ledger() {
    let home = commented();
    for place in both(&home) {
        for range in [&["--end", "0"][..], &["--start", "2", "--end", "1"]] {
            export(&home, &place, "none.zip", range).is(2, &["there is no entry from"]);
            let mut list = home.command(&["list"]);
            Done::of(list.args(&place).args(range).output().unwrap())
                .is(2, &["there is no entry from"]);
        }
    }
    assert!(!fs::exists(home.path("none.zip")).unwrap());
}

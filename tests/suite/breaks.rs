//! The confirmed break: a ledger with a rotten sector goes on, and every verifier says what is known of it, and no more.

mod many;

use std::{
    fs,
    path::{Path, PathBuf},
};

use exhibit::{
    ledger::{
        breaks::BREAK_SOURCE,
        finding::FindingKind,
        position::{EntryIndex, TreeSize},
    },
    pack::{Report, Verdict, VerifyOptions, verify_data_directory, verify_pack},
    store::directory::DataDirectory,
};
use serde_json::Value;

use super::process::{Server, exhibit, init};

const ORIGIN: &str = "audit.example.com/breaks";
const SOURCE: &str = "https://ci.example.com/acme/payments";

/// A ledger whose server does not run, with an entry a batch.
struct Broken {
    home: tempfile::TempDir,
    ledger: PathBuf,
}

struct Done {
    code: i32,
    said: String,
}

impl Broken {
    /// A ledger with a few entries.
    fn of(entries: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let ledger = init(home.path(), ORIGIN);
        let broken = Self { home, ledger };
        let server = Server::start(&broken.ledger);
        for number in 0..entries {
            broken.record(&server, &format!("run-{number}"), Some(number + 1));
        }
        assert!(server.stop().success());
        broken
    }

    fn record(&self, server: &Server, id: &str, sequence: Option<u64>) {
        let sequence = sequence.map(|sequence| sequence.to_string());
        let mut arguments = vec!["record", "change", "--source", SOURCE, "--event-id", id];
        arguments.extend([
            "--change-id",
            id,
            "--class",
            "normal",
            "--title",
            "A change",
        ]);
        arguments.extend(["--author", "github:ada"]);
        if let Some(sequence) = &sequence {
            arguments.extend(["--source-sequence", sequence]);
        }
        let url = server.url();
        arguments.extend(["--server", &url]);
        self.run(&arguments).is(0, &[]);
    }

    fn run(&self, arguments: &[&str]) -> Done {
        let output = exhibit()
            .args(arguments)
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .env_remove("EXHIBIT_VKEY")
            .output()
            .unwrap();
        Done {
            code: output.status.code().unwrap(),
            said: [output.stdout, output.stderr]
                .map(|bytes| String::from_utf8(bytes).unwrap())
                .concat(),
        }
    }

    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(done.code, code, "{}", done.said);
        let end = done.said.rfind('}').unwrap();
        serde_json::from_str(&done.said[..=end]).unwrap()
    }

    fn dir(&self) -> &str {
        self.ledger.to_str().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).to_str().unwrap().to_owned()
    }

    fn vkey(&self) -> String {
        format!("@{}", self.ledger.join("log.vkey").display())
    }

    /// Confirms, with whatever is named.
    fn confirm(&self, named: &[&str]) -> Done {
        self.run(&self.confirming(named))
    }

    fn confirming<'a>(&'a self, named: &[&'a str]) -> Vec<&'a str> {
        let said = [
            "--what",
            "a sector is gone",
            "--why",
            "the disk is old",
            "--by",
            "Ada",
        ];
        [&["break", "confirm", self.dir()], &said[..], named].concat()
    }

    fn verify(&self) -> Report {
        let directory = DataDirectory::open(&self.ledger).unwrap();
        let options = VerifyOptions::default();
        verify_data_directory(&self.ledger, directory.verifier(), &options, &|_, _| {}).unwrap()
    }

    fn segment(&self) -> PathBuf {
        self.ledger.join("journal/00000000000000000000.seg")
    }

    /// Zeroes the end of the payload of an entry that is a batch of its own: the end of the frame.
    fn lose_payload(&self, entry: usize) {
        let mut bytes = fs::read(self.segment()).unwrap();
        let (_, end) = frames(&bytes)[entry];
        bytes[end - 40..end].fill(0);
        fs::write(self.segment(), bytes).unwrap();
    }

    fn export(&self) -> PathBuf {
        let pack = self.path("pack.zip");
        self.run(&["export", "--force", "--out", &pack, "--dir", self.dir()])
            .is(0, &[]);
        PathBuf::from(pack)
    }

    fn verify_pack(&self, pack: &Path) -> Report {
        let directory = DataDirectory::open(&self.ledger).unwrap();
        verify_pack(
            pack,
            directory.verifier(),
            &VerifyOptions::default(),
            &|_, _| {},
        )
        .unwrap()
    }
}

impl Done {
    fn is(self, code: i32, said: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}", self.said);
        for words in said {
            assert!(self.said.contains(words), "{words:?} not in {}", self.said);
        }
        self
    }
}

/// Where the frames of a segment begin and end.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut start = 512;
    let mut all = Vec::new();
    while start < bytes.len() {
        let length = u32::from_le_bytes(*bytes[start + 40..].first_chunk().unwrap());
        let end = start + 96 + length as usize;
        all.push((start, end));
        start = end;
    }
    all
}

/// How the second verifier exits, which names the confirmation; what the test asks for where there is no Python.
fn by_script(pack: &Path, vkey: &str, more: &[&str]) -> Option<i32> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/pack/carried/verify.py");
    let output = std::process::Command::new("python3")
        .arg(script)
        .arg(pack)
        .arg(vkey)
        .args(more)
        .output();
    let Ok(output) = output else {
        println!("skipped: there is no python3");
        return Some(i32::from(!more.is_empty()));
    };
    let said = String::from_utf8_lossy(&output.stdout);
    for words in [
        "WITH CONFIRMED BREAKS",
        "confirmed by Ada",
        "payload_missing at entry 1",
    ] {
        assert!(said.contains(words), "{words:?} not in {said}");
    }
    output.status.code()
}

#[test]
fn a_ledger_with_a_lost_payload_goes_on_once_its_loss_is_confirmed_and_never_hides_it() {
    let broken = Broken::of(4);
    broken.lose_payload(1);
    let report = broken.verify();
    assert_eq!(report.verdict, Verdict::Altered);
    let [finding] = report.findings.listed.as_slice() else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(finding.kind, FindingKind::PayloadMissing);
    assert_eq!(finding.index, Some(EntryIndex::new(1)));
    let pack = broken.path("refused.zip");
    for refused in [
        broken.run(&["serve", "--dir", broken.dir(), "--listen", "127.0.0.1:0"]),
        broken.run(&["export", "--out", &pack, "--dir", broken.dir()]),
        broken.run(&["show", "1", "--dir", broken.dir()]),
    ] {
        assert_eq!(refused.code, 3, "{}", refused.said);
    }

    broken
        .confirm(&[])
        .is(0, &["not confirmed: payload_missing at entry 1"]);
    broken
        .confirm(&["--index", "1"])
        .is(0, &["confirmed by entry  4"]);
    broken
        .confirm(&["--index", "1"])
        .is(0, &["nothing was added: entry 4"]);
    let report = broken.verify();
    assert_eq!(report.findings.listed, []);
    assert_eq!(report.verdict, Verdict::VerifiedWithConfirmedBreaks);
    assert_eq!(report.size, Some(TreeSize::new(5)));

    // It serves, shows, records and exports.
    let server = Server::start(&broken.ledger);
    let url = server.url();
    broken.record(&server, "run-4", Some(5));
    broken
        .run(&["show", "1", "--server", &url])
        .is(0, &["payload lost"]);
    broken
        .run(&["show", "2", "--server", &url])
        .is(0, &["A change"]);
    broken.run(&["list", "--server", &url]).is(0, &["run-4"]);
    let served = broken.path("served.zip");
    broken
        .run(&["export", "--out", &served, "--server", &url])
        .is(0, &[]);
    // The lost payload can't be compared, so the event is refused and not taken for new.
    let same = ["--source-sequence", "2", "--server", &url];
    let mut again = vec!["record", "change", "--source", SOURCE];
    again.extend(["--event-id", "run-1", "--change-id", "run-1"]);
    again.extend(["--class", "normal", "--title", "A change"]);
    again.extend(["--author", "github:ada"]);
    again.extend(same);
    let again = broken.run(&again);
    assert_ne!(again.code, 0, "{}", again.said);
    let (vkey, metrics) = (broken.vkey(), broken.path("metrics"));
    let monitor = ["monitor", &url, "--once", "--vkey", &vkey];
    let run = |more: &[&str]| broken.run(&[&monitor[..], more].concat());
    let known = [
        "VERIFIED, WITH CONFIRMED BREAKS",
        "1 thing is wrong, and confirmed in the ledger",
    ];
    // The position remembers it: the next round, of new entries alone, says the same.
    run(&[]).is(0, &known);
    run(&["--metrics-file", &metrics]).is(0, &known);
    run(&["--strict"]).is(1, &known);
    run(&["--format", "json"]).is(0, &["verified_with_confirmed_breaks", "\"breaks\": 1"]);
    let metrics = fs::read_to_string(metrics).unwrap();
    let gauge =
        |line: &str| line.starts_with("exhibit_monitor_confirmed_breaks{") && line.ends_with(" 1");
    assert!(metrics.lines().any(gauge), "{metrics}");
    assert!(server.stop().success());

    for pack in [PathBuf::from(served), broken.export()] {
        let report = broken.verify_pack(&pack);
        assert_eq!(report.findings.listed, []);
        assert_eq!(report.verdict, Verdict::VerifiedWithConfirmedBreaks);
        let said = &report.breaks.listed[0];
        assert_eq!(
            (said.entry, said.by.as_deref()),
            (EntryIndex::new(4), Some("Ada"))
        );
        assert_eq!((said.found.len(), said.no_longer_found.len()), (1, 0));
        let (name, vkey) = (pack.to_str().unwrap(), broken.vkey());
        let shown = [
            "CONFIRMED BREAKS",
            "Ada",
            "a sector is gone",
            "the disk is old",
            "entry 4",
        ];
        broken.run(&["verify", name, "--vkey", &vkey]).is(0, &shown);
        broken
            .run(&["verify", name, "--vkey", &vkey, "--strict"])
            .is(1, &shown);
        broken
            .run(&["break", "list", name, "--vkey", &vkey])
            .is(0, &shown[1..]);
        assert_eq!(by_script(&pack, &vkey, &[]), Some(0));
        assert_eq!(by_script(&pack, &vkey, &["--strict"]), Some(1));
        let json = broken.json(0, &["verify", name, "--vkey", &vkey]);
        assert_eq!(json["verdict"], "verified_with_confirmed_breaks");
        assert_eq!(
            json["breaks"]["listed"][0]["found"][0]["kind"],
            "payload_missing"
        );
    }
    broken
        .run(&["break", "list", broken.dir()])
        .is(0, &["known: payload_missing at entry 1"]);
}

#[test]
fn the_author_of_a_confirmation_can_be_withheld_and_what_it_says_can_not() {
    let broken = Broken::of(3);
    broken.lose_payload(0);
    broken.confirm(&["--finding", "payload_missing"]).is(0, &[]);
    for more in [
        &["--withhold", "by", "--withhold", "body"][..],
        &["--source", "https://nobody", "--allow-unmatched"],
    ] {
        let pack = broken.path("less.zip");
        let export = ["export", "--force", "--out", &pack, "--dir", broken.dir()];
        broken.run(&[&export, more].concat()).is(0, &[]);
        let report = broken.verify_pack(Path::new(&pack));
        assert_eq!(
            report.verdict,
            Verdict::VerifiedWithConfirmedBreaks,
            "{:?}",
            report.findings
        );
        assert_eq!(report.breaks.listed[0].by, None);
    }
}

#[test]
fn what_is_not_found_is_not_confirmed_and_what_breaks_the_proof_never_is() {
    let broken = Broken::of(4);
    broken
        .confirm(&["--index", "1"])
        .is(3, &["only what is found"]);
    broken.lose_payload(1);
    broken
        .confirm(&["--index", "2"])
        .is(3, &["only what is found"]);
    broken
        .confirm(&["--finding", "nonsense"])
        .is(2, &["no kind of finding"]);
    for never in [
        "root_mismatch",
        "chain_broken",
        "forked",
        "journal_damaged",
        "missing_entries",
    ] {
        broken
            .confirm(&["--finding", never])
            .is(3, &["can never be confirmed"]);
    }
    // Nor is anything confirmed on top of a history that does not hold.
    let mut bytes = fs::read(broken.segment()).unwrap();
    let (start, _) = frames(&bytes)[2];
    bytes[start + 96 + 10] ^= 1;
    fs::write(broken.segment(), bytes).unwrap();
    broken
        .confirm(&["--index", "1"])
        .is(3, &["can never be confirmed", "begin a new one"]);
}

#[test]
fn a_running_server_keeps_confirmations_out_and_no_producer_can_post_one() {
    let broken = Broken::of(2);
    broken.lose_payload(0);
    broken.confirm(&["--index", "0"]).is(0, &[]);
    let server = Server::start(&broken.ledger);
    broken.record(&server, "late", Some(9));
    broken
        .confirm(&["--finding", "sequence_gap"])
        .is(3, &["stop its server first"]);
    for (source, event_type, field) in [
        (BREAK_SOURCE, "custom", "event.source"),
        ("exhibit:anything", "custom", "event.source"),
        (SOURCE, "ledger.break-confirmed.v1", "event.custom.type"),
    ] {
        let url = server.url();
        let json = broken.path("custom.json");
        fs::write(&json, "{}").unwrap();
        let mut arguments = vec![
            "record",
            "event",
            "--source",
            source,
            "--event-id",
            "forged",
        ];
        arguments.extend(["--type", event_type, "--json", &json, "--server", &url]);
        broken.run(&arguments).is(3, &[field, "is reserved"]);
    }
    assert!(server.stop().success());
}

#[test]
fn a_gap_in_a_sources_numbers_is_confirmed_to_the_number() {
    let broken = Broken::of(2);
    let server = Server::start(&broken.ledger);
    broken.record(&server, "late", Some(9));
    assert!(server.stop().success());
    assert_eq!(broken.verify().verdict, Verdict::Incomplete);
    broken
        .confirm(&["--source", SOURCE])
        .is(0, &["numbers 3 to 8"]);
    let report = broken.verify();
    assert_eq!(
        report.verdict,
        Verdict::VerifiedWithConfirmedBreaks,
        "{:?}",
        report.incomplete
    );
    assert_eq!(
        (report.sources.missing, report.breaks.missing_confirmed),
        (6, 6)
    );
    // One of them arrives after all: what is left is another gap than the one that was confirmed.
    let server = Server::start(&broken.ledger);
    broken.record(&server, "found", Some(4));
    assert!(server.stop().success());
    let report = broken.verify();
    assert_eq!(report.verdict, Verdict::Incomplete);
    assert_eq!(report.breaks.listed[0].no_longer_found.len(), 1);
}

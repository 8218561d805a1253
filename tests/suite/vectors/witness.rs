//! Vectors of the witness protocol: an exchange from torchwood's tests of its witness, and a request that was computed
//! with an independent implementation from the log of tessera's test data.

use exhibit::ledger::{
    checkpoint::Checkpoint,
    note::VerifierKey,
    position::TreeSize,
    witness::{AddCheckpoint, WitnessRefusal},
};

use super::node;

const SIGSUM: &str =
    "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
const SIGSUM_VKEY: &str = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562+5202289b+Af/cLU2Y5BJNP+r3iMDC+av9eWCD0fBJVDfzAux5zxAP";

/// The checkpoints of the exchange: size, root, signature.
const ONE: [&str; 3] = [
    "1",
    "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=",
];
const THREE: [&str; 3] = [
    "3",
    "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=",
    "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=",
];
const FIVE: [&str; 3] = [
    "5",
    "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=",
    "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=",
];
const TO_THREE: [&str; 2] = [
    "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
];
const TO_FIVE: [&str; 4] = [
    "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "KgMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "wgiIFdZfYNv6WU1OllBKsWnLYIS/DBMqt8Uh/S4OukE=",
    "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
];

fn body(old: u64, proof: &[&str], [size, root, signature]: [&str; 3]) -> String {
    let proof: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
    format!("old {old}\n{proof}\n{SIGSUM}\n{size}\n{root}\n\n— {SIGSUM} {signature}\n")
}

/// A witness's memory of one log.
struct Memory {
    keys: Vec<VerifierKey>,
    last: Option<Checkpoint>,
}

impl Memory {
    fn of(vkey: &str) -> Self {
        Self {
            keys: vec![vkey.parse().unwrap()],
            last: None,
        }
    }

    fn asked(&mut self, body: &str) -> Result<(), WitnessRefusal> {
        let request = AddCheckpoint::parse(body.as_bytes())?;
        assert_eq!(request.to_string(), body, "it is written as it was read");
        request.decide(&self.keys, self.last.as_ref())?;
        self.last = Some(request.checkpoint.checkpoint().clone());
        Ok(())
    }

    fn status(&mut self, body: &str) -> u16 {
        self.asked(body)
            .map_or_else(|refusal| refusal.status(), |()| 200)
    }
}

#[test]
fn the_exchange_of_another_witness_is_decided_the_same() {
    let mut witness = Memory::of(SIGSUM_VKEY);
    assert_eq!(witness.status(&body(0, &[], ONE)), 200);
    assert_eq!(witness.status(&body(1, &TO_THREE, THREE)), 200);
    let known = |size| Err(WitnessRefusal::OtherSize(TreeSize::new(size)));
    assert_eq!(witness.asked(&body(1, &TO_FIVE, FIVE)), known(3));
    let mut altered = TO_FIVE;
    altered[3] = "KgUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(witness.status(&body(3, &altered, FIVE)), 422);
    assert_eq!(witness.status(&body(3, &[], FIVE)), 422);
    assert_eq!(witness.status(&body(3, &TO_FIVE, FIVE)), 200);
    assert_eq!(witness.asked(&body(0, &[], FIVE)), known(5));
    // What it has cosigned may be cosigned again, for a fresh time.
    assert_eq!(witness.status(&body(5, &[], FIVE)), 200);
    // And nothing that was refused above has changed what it remembers.
    assert_eq!(witness.asked(&body(3, &[], THREE)), known(5));
}

#[test]
fn a_log_under_another_key_and_an_old_size_beyond_the_checkpoint_are_refused() {
    let mut unknown = Memory {
        keys: Vec::new(),
        last: None,
    };
    assert_eq!(unknown.status(&body(0, &[], ONE)), 404);
    let mut other = Memory::of(LOG_VKEY);
    assert_eq!(other.status(&body(0, &[], ONE)), 403);
    let mut witness = Memory::of(SIGSUM_VKEY);
    let [size, root, _] = ONE;
    let damaged = [size, root, THREE[2]];
    assert_eq!(witness.status(&body(0, &[], damaged)), 403);
    assert_eq!(witness.status(&body(2, &[], ONE)), 400);
    assert_eq!(witness.last, None);
}

const LOG_VKEY: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
/// From 7 entries to 15.
const REQUEST: &str = "old 7
2Q0P5jSR+TdkwdXWyx+GbBWX0KZbNZkWzCjyTPSozsw=
ThcgoV2DYcK+VCxBUDWAlNxmLy2r7dq7dK7+OlgQKWs=
ycRkkNklus5eMVRUvkD1pK321vMrA+jjOiZKU8aOcY4=
zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=
5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=

example.com/log/testdata
15
rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=

— example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=
";

#[test]
fn a_request_made_by_another_implementation_is_accepted_and_no_shorter_proof_is() {
    let request = AddCheckpoint::parse(REQUEST.as_bytes()).unwrap();
    let last = Checkpoint {
        size: TreeSize::new(7),
        root: node("IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U=").into(),
        ..request.checkpoint.checkpoint().clone()
    };
    let fresh = || Memory {
        last: Some(last.clone()),
        ..Memory::of(LOG_VKEY)
    };
    assert_eq!(fresh().status(REQUEST), 200);
    for left_out in 0..request.proof.len() {
        let mut shorter = request.clone();
        shorter.proof.remove(left_out);
        assert_eq!(fresh().status(&shorter.to_string()), 422, "{left_out}");
    }
    let mut forked = fresh();
    if let Some(last) = &mut forked.last {
        last.root = request.checkpoint.checkpoint().root;
    }
    assert_eq!(forked.status(REQUEST), 422);
}

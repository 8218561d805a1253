//! What witnesses cost an append: one that waits for them, and one that does not.
//!
//!     cargo bench --bench witness -- [APPENDS]   250 of each kind unless said otherwise, in five turns
//!
//! Two ledgers run as processes of their own, the one without a policy, the other with one that asks for both of two
//! witnesses, which are processes too (`exhibit witness serve`), over real sockets, everything durable on the disk of the
//! target directory. One client posts one event at a time to the one and to the other, turn by turn, over a kept
//! connection. A second part has another caller post ten events a second to each ledger meanwhile, waiting for witnesses
//! where there are any: so the appends that are measured, which do not wait, run beside the witnesses' work.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a measurement fails by panicking"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use exhibit::{
    cli::bench::load::{deployment, histogram},
    service::{
        proto::{AppendRequest, Wait, ledger_client::LedgerClient},
        rpc::client::{ClientOptions, connect},
    },
};
use hdrhistogram::Histogram;
use tonic::transport::Channel;

const EXHIBIT: &str = env!("CARGO_BIN_EXE_exhibit");
const TURNS: usize = 5;
const WARMING_UP: usize = 20;
/// How often the other caller posts in the second part.
const PACE: Duration = Duration::from_millis(100);

fn main() {
    let appends = std::env::args().skip(1).find(|a| !a.starts_with("--"));
    let appends = appends.map_or(250, |n| n.parse().expect("a number of appends"));
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let alone = ledger(home.path(), "alone");
    let witnessed = ledger(home.path(), "witnessed");
    let vkey = format!("@{witnessed}/log.vkey");
    let witnesses = ["first", "second"].map(|name| witness(home.path(), name, &vkey));
    let policy = home.path().join("policy");
    let lines = witnesses.iter().map(|(line, _)| line.as_str());
    let lines: String = lines.collect();
    fs::write(
        &policy,
        lines + "group both all first second\nquorum both\n",
    )
    .unwrap();
    let setting = format!("witness.policy={}", policy.display());
    let alone = Served::start(&["serve", "--dir", &alone]);
    let witnessed = Served::start(&["serve", "--dir", &witnessed, "--set", &setting]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(&alone.url, &witnessed.url, appends / TURNS));
}

async fn measure(alone: &str, witnessed: &str, appends: usize) {
    let mut alone = Caller::new(alone).await;
    let mut witnessed = Caller::new(witnessed).await;
    let mut unmeasured = histogram();
    alone
        .append(Wait::Durable, WARMING_UP, &mut unmeasured)
        .await;
    witnessed
        .append(Wait::Witnessed, WARMING_UP, &mut unmeasured)
        .await;
    let [mut without, mut durable, mut waiting] = [histogram(), histogram(), histogram()];
    for _ in 0..TURNS {
        alone.append(Wait::Durable, appends, &mut without).await;
        witnessed.append(Wait::Durable, appends, &mut durable).await;
        witnessed
            .append(Wait::Witnessed, appends, &mut waiting)
            .await;
    }
    println!("append, one at a time, milliseconds        p50     p90     p99");
    show("no policy", &without, &without);
    show("two witnesses, not waiting for them", &durable, &without);
    show("two witnesses, waiting for them", &waiting, &without);

    let [mut without, mut durable] = [histogram(), histogram()];
    for _ in 0..TURNS {
        let other = Other::start(alone.client.clone(), Wait::Durable);
        alone.append(Wait::Durable, appends, &mut without).await;
        other.0.abort();
        let other = Other::start(witnessed.client.clone(), Wait::Witnessed);
        witnessed.append(Wait::Durable, appends, &mut durable).await;
        other.0.abort();
    }
    println!(
        "the same, while another caller posts every {} ms",
        PACE.as_millis()
    );
    show("no policy", &without, &without);
    show(
        "two witnesses, the other waits for them",
        &durable,
        &without,
    );
}

fn show(what: &str, measured: &Histogram<u64>, without: &Histogram<u64>) {
    let at = |times: &Histogram<u64>, quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
    println!(
        "  {what:39} {:6.2}  {:6.2}  {:6.2}   adds {:.2} at the median",
        at(measured, 0.5),
        at(measured, 0.9),
        at(measured, 0.99),
        at(measured, 0.5) - at(without, 0.5)
    );
}

/// Posts one event after the other.
struct Caller {
    client: LedgerClient<Channel>,
    next: u64,
}

impl Caller {
    async fn new(url: &str) -> Self {
        let client = connect(url, &ClientOptions::default()).await.unwrap();
        Self { client, next: 0 }
    }

    async fn append(&mut self, wait: Wait, events: usize, times: &mut Histogram<u64>) {
        for _ in 0..events {
            let request = request("measured", self.next, wait);
            self.next += 1;
            let started = Instant::now();
            let answer = self.client.append(request).await.unwrap();
            times.saturating_record(started.elapsed().as_micros() as u64);
            assert!(answer.get_ref().receipt.len() > 500);
        }
    }
}

/// Another caller, until it is stopped.
struct Other(tokio::task::JoinHandle<()>);

impl Other {
    fn start(mut client: LedgerClient<Channel>, wait: Wait) -> Self {
        Self(tokio::spawn(async move {
            let run = format!("other-{:?}", Instant::now());
            let mut due = tokio::time::interval(PACE);
            for number in 0.. {
                due.tick().await;
                client.append(request(&run, number, wait)).await.unwrap();
            }
        }))
    }
}

fn request(run: &str, number: u64, wait: Wait) -> AppendRequest {
    AppendRequest {
        event: Some(deployment(run, number)),
        wait: wait.into(),
    }
}

/// A running `exhibit`, ended when it is dropped.
struct Served {
    process: Child,
    url: String,
}

impl Served {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(EXHIBIT)
            .args(arguments)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("listening on ").map(ToOwned::to_owned)
        });
        let url = format!("http://{}", address.expect("it says where it listens"));
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes a ledger; gives its directory.
fn ledger(home: &Path, name: &str) -> String {
    let directory = home.join(name).display().to_string();
    run(&[
        "init",
        &directory,
        "--origin",
        &format!("bench.example.com/{name}"),
    ]);
    directory
}

/// Makes a witness and starts it; gives its line of a policy.
fn witness(home: &Path, name: &str, vkey: &str) -> (String, Served) {
    let directory = home.join(name).display().to_string();
    let full = format!("{name}.example.org/witness");
    run(&[
        "witness", "init", &directory, "--name", &full, "--log", vkey,
    ]);
    let key = fs::read_to_string(format!("{directory}/witness.vkey")).unwrap();
    let served = Served::start(&["witness", "serve", "--dir", &directory]);
    let line = format!("witness {name} {} {}\n", key.trim(), served.url);
    (line, served)
}

fn run(arguments: &[&str]) {
    let output = Command::new(EXHIBIT).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
}

//! The ledger against programs that others wrote for transparency logs: Go's `x/mod`, Tessera and its `fsck`, the
//! witness of transparency-dev, and litewitness. They stand in `tests/interop`, and are built by the first test that
//! needs them; where Go or its modules are not to be had, the tests skip and say so.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use crate::{
    process::{exhibit, init, run, run_ok},
    witnesses::{Running as Serving, make_witness, serve_witness},
};

/// The programs of others, built once; or why they are not here.
fn programs() -> Option<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BUILT.get_or_init(build) {
        Ok(directory) => Some(directory),
        Err(why) => {
            println!("skipped: {why}");
            None
        }
    }
}

fn build() -> Result<PathBuf, String> {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
    let into = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop");
    let go = |arguments: &[&str]| {
        let mut command = Command::new("go");
        command.current_dir(&module).args(arguments);
        command.output().map_err(|_| "Go is not here".to_owned())
    };
    let listed = go(&["list", "-deps", ".", "tool"])?;
    if !listed.status.success() {
        let said = String::from_utf8_lossy(&listed.stderr);
        return Err(format!(
            "the modules of tests/interop are not to be had: {said}"
        ));
    }
    // From here on a failure is one: everything is there.
    let built = go(&["build", "-o", &format!("{}/", into.display()), ".", "tool"])?;
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    Ok(into)
}

/// A program that is killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program, and gives what follows the mark on the first line that has it.
fn start(command: &mut Command, mark: &str) -> (Running, String) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut running = Running(child.unwrap());
    let lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let line = lines.map_while(Result::ok).find(|line| line.contains(mark));
    let line = line.unwrap_or_else(|| panic!("{command:?} ended without saying {mark:?}"));
    let rest = line.split_once(mark).unwrap().1.to_owned();
    (running, rest)
}

/// Serves a directory as it is, and gives its URL.
fn serve_files(directory: &Path) -> Option<(Running, String)> {
    let mut python = Command::new("python3");
    if python.arg("--version").output().is_err() {
        println!("skipped: python3, to serve files with, is not here");
        return None;
    }
    let mut python = Command::new("python3");
    python.args([
        "-u",
        "-m",
        "http.server",
        "0",
        "--bind",
        "127.0.0.1",
        "--directory",
    ]);
    let (running, rest) = start(python.arg(directory), "port ");
    let port = rest.split(' ').next().unwrap();
    Some((running, format!("http://127.0.0.1:{port}")))
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}

fn interop(programs: &Path, arguments: &[&str]) -> Output {
    Command::new(programs.join("interop"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Runs one of the checks, which must agree, and gives what it said.
fn agrees(programs: &Path, arguments: &[&str]) -> String {
    let output = interop(programs, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

/// What Tessera's `fsck` says of a log. It exits with 0 whatever it finds, and with few workers it waits for ever for
/// one that has found something.
fn fsck(programs: &Path, url: &str, vkey: &str) -> String {
    let mut fsck = Command::new(programs.join("fsck"));
    fsck.args([
        "--ui=false",
        "-v=1",
        "-N=64",
        "--storage_url",
        &format!("{url}/"),
    ]);
    said(&fsck.args(["--public_key", vkey]).output().unwrap())
}

/// A log read over HTTP holds with all of them.
fn log_holds(programs: &Path, url: &str, vkey: &str, size: u64) {
    let proved = agrees(programs, &["tlog", url, vkey]);
    assert!(proved.contains(&format!("of a tree of {size}")), "{proved}");
    let checked = agrees(programs, &["client", url, vkey]);
    assert!(
        checked.contains(&format!("of a tree of {size}")),
        "{checked}"
    );
    let found = fsck(programs, url, vkey);
    let good = format!("Successfully fsck'd log with size {size} ");
    assert!(found.contains(&good), "{found}");
}

/// The story of the demo: its ledger, pack, receipts and key.
struct Story {
    directory: tempfile::TempDir,
}

impl Story {
    fn tell() -> Self {
        let directory = tempfile::tempdir().unwrap();
        run_ok(&["demo", "--dir", directory.path().to_str().unwrap()]);
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The pack, unpacked as anybody would.
    fn unpacked(&self) -> PathBuf {
        let into = self.path("unpacked");
        let pack = fs::File::open(self.path("audit-pack.zip")).unwrap();
        zip::ZipArchive::new(pack).unwrap().extract(&into).unwrap();
        into
    }
}

/// The size in a checkpoint.
fn size_of(checkpoint: &Path) -> u64 {
    let text = fs::read_to_string(checkpoint).unwrap();
    text.lines().nth(1).unwrap().parse().unwrap()
}

/// Changes one byte of a file.
fn alter(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_unpacked_pack_on_any_web_server_is_a_log_that_others_read() {
    let Some(programs) = programs() else { return };
    let story = Story::tell();
    let (vkey, unpacked) = (story.text("log.vkey"), story.unpacked());
    let Some((_files, url)) = serve_files(&unpacked) else {
        return;
    };
    let checkpoint = unpacked.join("checkpoint");
    let size = size_of(&checkpoint);
    assert!(size > 256, "the story crosses a tile");
    log_holds(programs, &url, &vkey, size);
    let opened = agrees(programs, &["note", &vkey, checkpoint.to_str().unwrap()]);
    assert!(opened.contains(&format!("\n{size}\n")), "{opened}");
    // Each of them would have noticed.
    alter(&unpacked.join("tile/0/000"));
    assert!(fsck(programs, &url, &vkey).contains("fsck failed"));
    assert!(!interop(programs, &["client", &url, &vkey]).status.success());
    alter(&unpacked.join("tile/0/000"));
    alter(&unpacked.join("tile/entries/000"));
    assert!(fsck(programs, &url, &vkey).contains("fsck failed"));
    assert!(!interop(programs, &["tlog", &url, &vkey]).status.success());
    alter(&checkpoint);
    assert!(
        !interop(programs, &["note", &vkey, checkpoint.to_str().unwrap()])
            .status
            .success()
    );
}

#[test]
fn receipts_hold_with_the_go_tools() {
    let Some(programs) = programs() else { return };
    let story = Story::tell();
    let vkey = story.text("log.vkey");
    let mut receipts = 0;
    for receipt in fs::read_dir(story.path("receipts")).unwrap() {
        let path = receipt.unwrap().path();
        let path = path.to_str().unwrap();
        agrees(programs, &["proof", &vkey, path]);
        receipts += 1;
        // A checkpoint's last line has the signature, and the line before the blank one a hash of the proof.
        let text = fs::read_to_string(path).unwrap();
        let entry = text.lines().nth(1).unwrap();
        let other = entry.replacen("extra A", "extra B", 1);
        assert_ne!(entry, other);
        fs::write(path, text.replacen(entry, &other, 1)).unwrap();
        assert!(!interop(programs, &["proof", &vkey, path]).status.success());
    }
    assert!(receipts > 0, "the story keeps receipts");
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A ledger whose checkpoints this witness must cosign, and what it says to an event that waits for that.
fn cosigned_by(home: &Path, ledger: &Path, witness: &str) -> PathBuf {
    let policy = home.join("policy");
    fs::write(&policy, format!("witness w {witness}\nquorum w\n")).unwrap();
    let setting = format!("witness.policy={}", text(&policy));
    let server = Serving::start(&["serve", "--dir", &text(ledger), "--set", &setting]);
    let receipt = home.join("kept.tlog-proof");
    for id in ["one", "two", "three"] {
        let answer = run(&[
            "record",
            "change",
            "--server",
            &server.url,
            "--source",
            "https://ci.example.com/a",
            "--event-id",
            id,
            "--change-id",
            "CHG-1",
            "--class",
            "normal",
            "--title",
            "A change",
            "--author",
            "github:ada",
            "--wait",
            "witnessed",
            "--receipt",
            &text(&receipt),
            "--force",
        ]);
        assert!(answer.status.success(), "{}", said(&answer));
    }
    let vkey = format!("@{}", text(&ledger.join("log.vkey")));
    let verified = run(&[
        "verify",
        &text(&receipt),
        "--vkey",
        &vkey,
        "--policy",
        &text(&policy),
    ]);
    assert!(verified.status.success(), "{}", said(&verified));
    receipt
}

/// A secret key for a cosigner, as Go's tools write it, and its verifier key.
fn cosigner(home: &Path, name: &str) -> (PathBuf, String) {
    let (directory, key) = make_witness(
        home,
        name,
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "ed25519",
    );
    (directory.join("witness.key"), key)
}

#[test]
fn the_witness_of_transparency_dev_cosigns_a_ledger() {
    let Some(programs) = programs() else { return };
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), "ledger.example.com/interop");
    let (secret, key) = cosigner(home.path(), "go");
    let mut command = Command::new(programs.join("interop"));
    command.args(["witness", &text(&secret), &text(&ledger.join("log.vkey"))]);
    let (_witness, rest) = start(&mut command, "http://");
    let receipt = cosigned_by(home.path(), &ledger, &format!("{key} http://{rest}"));
    // And their own note package reads ledger and cosigner together.
    let keys = home.path().join("keys");
    let own = fs::read_to_string(ledger.join("log.vkey")).unwrap();
    fs::write(&keys, format!("{own}{key}\n")).unwrap();
    let kept = fs::read_to_string(&receipt).unwrap();
    let checkpoint = home.path().join("checkpoint");
    fs::write(&checkpoint, kept.split_once("\n\n").unwrap().1).unwrap();
    let opened = agrees(programs, &["note", &text(&keys), &text(&checkpoint)]);
    assert!(
        opened.contains("signed by go.example.org/witness"),
        "{opened}"
    );
}

#[test]
fn litewitness_cosigns_a_ledger() {
    let Some(programs) = programs() else { return };
    let home = tempfile::tempdir().unwrap();
    let ledger = init(home.path(), "ledger.example.com/interop");
    let (secret, key) = cosigner(home.path(), "lite");
    let (socket, database) = (home.path().join("agent"), home.path().join("lite.db"));
    let mut agent = Command::new(programs.join("interop"));
    agent.args(["agent", &text(&secret), &text(&socket)]);
    let (_agent, fingerprint) = start(&mut agent, "SHA256:");
    // It takes no free port by itself.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut lite = Command::new(programs.join("litewitness"));
    lite.args(["-name", "lite.example.org/witness", "-db", &text(&database)]);
    lite.args([
        "-ssh-agent",
        &text(&socket),
        "-key",
        &format!("SHA256:{fingerprint}"),
    ]);
    lite.args(["-listen", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _lite = Running(lite.spawn().unwrap());
    let started = std::time::Instant::now();
    while std::net::TcpStream::connect(port).is_err() {
        assert!(
            started.elapsed().as_secs() < 60,
            "litewitness does not listen"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    agrees(
        programs,
        &["admit", &text(&database), &text(&ledger.join("log.vkey"))],
    );
    cosigned_by(home.path(), &ledger, &format!("{key} http://{port}"));
}

#[test]
fn our_witness_cosigns_a_tessera_log() {
    let Some(programs) = programs() else { return };
    let home = tempfile::tempdir().unwrap();
    // The ledger's key file is a note key as Go's tools have it.
    let ledger = init(home.path(), "log.example.com/tessera");
    let log = format!("@{}", text(&ledger.join("log.vkey")));
    let (directory, key) = make_witness(home.path(), "ours", &log, "ed25519");
    let witness = serve_witness(&directory);
    let policy = home.path().join("policy");
    let own = fs::read_to_string(ledger.join("log.vkey")).unwrap();
    fs::write(
        &policy,
        format!(
            "log {}\nwitness w {key} {}\nquorum w\n",
            own.trim(),
            witness.url
        ),
    )
    .unwrap();
    let (storage, entries) = (home.path().join("storage"), home.path().join("entries"));
    fs::create_dir(&entries).unwrap();
    for round in 0..2 {
        fs::write(entries.join(round.to_string()), format!("entry {round}")).unwrap();
        let mut tessera = Command::new(programs.join("posix-oneshot"));
        tessera.args([
            "--storage_dir",
            &text(&storage),
            "--entries",
            &format!("{}/{round}", text(&entries)),
        ]);
        tessera.args([
            "--private_key",
            &text(&ledger.join("log.key")),
            "--witness_policy_file",
            &text(&policy),
        ]);
        let output = tessera.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let cosigned = fs::read_to_string(storage.join("checkpoint")).unwrap();
        assert_eq!(
            cosigned.lines().nth(1),
            Some((round + 1).to_string().as_str())
        );
        assert!(
            cosigned.contains("— ours.example.org/witness "),
            "{cosigned}"
        );
    }
}

#[test]
fn a_running_ledger_is_a_log_that_others_read() {
    let Some(programs) = programs() else { return };
    let story = Story::tell();
    let server = Serving::start(&["serve", "--dir", &story.text("ledger")]);
    let size = size_of(&story.unpacked().join("checkpoint"));
    let mut command = exhibit();
    let now = command
        .args(["checkpoint", "--server", &server.url])
        .output()
        .unwrap();
    let now: u64 = String::from_utf8_lossy(&now.stdout)
        .lines()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    assert!(now >= size);
    log_holds(programs, &server.url, &story.text("log.vkey"), now);
}
